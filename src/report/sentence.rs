//! What a run says of its target, in one sentence: every report begins with it.
//!
//! It relies on counts and briefs. It never says that a target conforms where nothing was judged.

use super::collect::{Brief, RunInfo};
use super::lang::Lang;
use crate::judge::Verdict;

/// Clauses that the sentence names.
const NAMED: usize = 4;

/// The verdict on the target, in one sentence, and whether it is good, bad or neither.
pub(super) fn sentence(info: &RunInfo, briefs: &[Brief], lang: Lang) -> (&'static str, String) {
    let of = |verdict| info.summary.of(verdict);
    let (tone, mut said) = if of(Verdict::Fail) > 0 {
        ("bad", failed(of(Verdict::Fail), briefs, lang))
    } else if of(Verdict::Error) > 0 {
        let count = of(Verdict::Error);
        let zh = format!("没有结论:{count} 个用例无法判定,没有用例失败。");
        ("odd", lang.pick(format!("No verdict: {} could not be judged, and none failed.", cases(count)), zh))
    } else if info.made == 0 {
        (
            "odd",
            lang.pick(
                "No verdict: not a single check was made.".into(),
                "没有结论:没有作出任何检查。".into(),
            ),
        )
    } else if of(Verdict::Fixed) > 0 {
        let count = of(Verdict::Fixed);
        let en =
            format!("The list of known failures is out of date: {} on it no longer failed.", cases(count));
        ("bad", lang.pick(en, format!("已知失败的清单已过时:其中 {count} 个用例不再失败。")))
    } else {
        ("good", conforms(of(Verdict::Pass), of(Verdict::Warn), of(Verdict::Known), lang))
    };
    if info.interrupted {
        let stopped = lang.word("The run was stopped before its end: this is what had been judged.");
        said.push_str(&lang.pick(format!(" {stopped}"), stopped.to_owned()));
    }
    (if info.interrupted && tone == "good" { "odd" } else { tone }, said)
}

fn failed(count: usize, briefs: &[Brief], lang: Lang) -> String {
    let (named, more) = clauses(briefs);
    let and = if more > 0 { format!(" and {more} more clauses") } else { String::new() };
    let at = if named.is_empty() { String::new() } else { format!(", at {named}{and}") };
    let zh_and = if more > 0 { format!(" 及另外 {more} 条条款") } else { String::new() };
    let zh_at = if named.is_empty() { String::new() } else { format!(",涉及 {named}{zh_and}") };
    lang.pick(
        format!("Does not conform: {} failed{at}.", cases(count)),
        format!("不符合:{count} 个用例失败{zh_at}。"),
    )
}

fn conforms(passed: usize, warned: usize, known: usize, lang: Lang) -> String {
    let but = match (warned, known) {
        (0, 0) => String::new(),
        (_, 0) => format!(", but broke a SHOULD in {}", cases(warned)),
        (0, _) => format!(", but for known failures in {}", cases(known)),
        _ => format!(", but broke a SHOULD in {} and has known failures in {}", cases(warned), cases(known)),
    };
    let zh_but = match (warned, known) {
        (0, 0) => String::new(),
        (_, 0) => format!(",但有 {warned} 个用例未满足建议性要求(SHOULD)"),
        (0, _) => format!(",另有 {known} 个用例为已知失败"),
        _ => format!(",但有 {warned} 个用例未满足建议性要求(SHOULD),另有 {known} 个用例为已知失败"),
    };
    lang.pick(
        format!("Conforms in all that was judged: {} passed{but}.", cases(passed)),
        format!("在所判定的范围内符合:{passed} 个用例通过{zh_but}。"),
    )
}

fn cases(count: usize) -> String {
    if count == 1 { "1 case".to_owned() } else { format!("{count} cases") }
}

/// The clauses at which cases failed, the first few by name, and how many there are besides.
fn clauses(briefs: &[Brief]) -> (String, usize) {
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
    (ids.join(", "), more)
}
