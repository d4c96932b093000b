//! What a run says of its target, in one sentence: every report begins with it.
//!
//! It relies on counts and briefs. It never says that a target conforms where nothing was judged.

use super::collect::{Brief, RunInfo};
use crate::judge::Verdict;

/// Clauses that the sentence names.
const NAMED: usize = 4;

/// The verdict on the target, in one sentence, and whether it is good, bad or neither.
pub(super) fn sentence(info: &RunInfo, briefs: &[Brief]) -> (&'static str, String) {
    let of = |verdict| info.summary.of(verdict);
    let (passed, failed) = (of(Verdict::Pass), of(Verdict::Fail));
    let (tone, mut said) = if failed > 0 {
        let at = named_clauses(briefs);
        ("bad", format!("Does not conform: {} failed{at}.", cases(failed)))
    } else if of(Verdict::Error) > 0 {
        ("odd", format!("No verdict: {} could not be judged, and none failed.", cases(of(Verdict::Error))))
    } else if info.made == 0 {
        ("odd", "No verdict: not a single check was made.".to_owned())
    } else if of(Verdict::Fixed) > 0 {
        let fixed = cases(of(Verdict::Fixed));
        ("bad", format!("The list of known failures is out of date: {fixed} on it no longer failed."))
    } else {
        let but = match (of(Verdict::Warn), of(Verdict::Known)) {
            (0, 0) => String::new(),
            (warned, 0) => format!(", but broke a SHOULD in {}", cases(warned)),
            (0, known) => format!(", but for known failures in {}", cases(known)),
            (warned, known) => {
                format!(
                    ", but broke a SHOULD in {} and has known failures in {}",
                    cases(warned),
                    cases(known)
                )
            }
        };
        ("good", format!("Conforms in all that was judged: {} passed{but}.", cases(passed)))
    };
    if info.interrupted {
        said.push_str(" The run was stopped before its end: this is what had been judged.");
    }
    (if info.interrupted && tone == "good" { "odd" } else { tone }, said)
}

fn cases(count: usize) -> String {
    if count == 1 { "1 case".to_owned() } else { format!("{count} cases") }
}

/// The clauses at which cases failed, the first few by name.
fn named_clauses(briefs: &[Brief]) -> String {
    let mut ids: Vec<&str> = Vec::new();
    for brief in briefs.iter().filter(|b| b.verdict == Verdict::Fail) {
        if let Some((id, _)) = &brief.clause
            && !ids.contains(&id.as_str())
        {
            ids.push(id);
        }
    }
    let more = ids.len().saturating_sub(NAMED);
    ids.truncate(NAMED);
    let and = if more > 0 { format!(" and {more} more clauses") } else { String::new() };
    if ids.is_empty() { String::new() } else { format!(", at {}{and}", ids.join(", ")) }
}
