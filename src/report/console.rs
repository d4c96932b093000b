//! The terminal: one line per case where that is wanted, then suites, failures in full, and a last line to trust.
//!
//! It relies on briefs and journals. It decides nothing; colours are stripped by the stream where they are not wanted.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use colored::Colorize as _;

use super::collect::{Brief, Gathered, RunInfo, by_suite};
use super::wire::{excerpt, visible};
use crate::case::catalogue::Catalogue;
use crate::judge::Verdict;

/// Failures that are shown in full.
const MOST_FAILURES: usize = 25;
/// Characters of a line of an example.
const EXAMPLE_WIDTH: usize = 140;
/// Lines of the wire that are shown with a failure.
const FRAMES: usize = 10;

/// One case in one line.
pub fn line(brief: &Brief) -> String {
    let mut out = format!("{} {}", word(brief.verdict), brief.id);
    if !brief.reason.is_empty() && brief.verdict != Verdict::Pass {
        let _ = write!(out, "  {}", visible(&brief.reason).dimmed());
    }
    out
}

/// The same while a run goes on, where all that is to be said follows at its end: of a failure only the clause.
pub fn brief_line(brief: &Brief) -> String {
    match &brief.clause {
        Some((clause, _)) => format!("{} {}  {}", word(brief.verdict), brief.id, clause.dimmed()),
        None => line(brief),
    }
}

/// The word of a verdict, padded and coloured.
fn word(verdict: Verdict) -> String {
    coloured(verdict, &format!("{:<8}", verdict.word()))
}

fn coloured(verdict: Verdict, text: &str) -> String {
    match verdict {
        Verdict::Pass => text.green(),
        Verdict::Fail | Verdict::Fixed => text.red().bold(),
        Verdict::Error => text.magenta().bold(),
        Verdict::Warn | Verdict::Known => text.yellow(),
        Verdict::Observed => text.cyan(),
        Verdict::NotApplicable => text.dimmed(),
    }
    .to_string()
}

/// All that is said after a run.
pub fn summary(info: &RunInfo, gathered: &Gathered, catalogue: &Catalogue, width: usize) -> String {
    let mut out = String::new();
    suites(&mut out, gathered);
    let failures: Vec<&Brief> = gathered.briefs.iter().filter(|brief| brief.is_broken()).collect();
    for brief in failures.iter().take(MOST_FAILURES) {
        failure(&mut out, brief, catalogue, &info.rerun, width);
    }
    if failures.len() > MOST_FAILURES {
        let _ = writeln!(out, "\n… and {} more; the reports have them all", failures.len() - MOST_FAILURES);
    }
    not_applicable(&mut out, gathered);
    last_line(&mut out, info, gathered);
    out
}

fn suites(out: &mut String, gathered: &Gathered) {
    let counts = by_suite(&gathered.briefs);
    let width = counts.keys().map(|s| s.len()).max().unwrap_or(0);
    out.push('\n');
    for (suite, verdicts) in counts {
        let parts: Vec<String> = verdicts.iter().map(|(v, n)| format!("{n} {}", v.word())).collect();
        let bad = verdicts.keys().any(|v| matches!(v, Verdict::Fail | Verdict::Error | Verdict::Fixed));
        let parts = parts.join(", ");
        let _ = writeln!(out, "  {suite:<width$}  {}", if bad { parts.red() } else { parts.normal() });
    }
}

/// A failure, as an example: what it says, and the frames.
pub fn example(brief: &Brief, catalogue: &Catalogue) -> String {
    let mut out = String::new();
    failure(&mut out, brief, catalogue, " --in-memory", EXAMPLE_WIDTH);
    out
}

fn failure(out: &mut String, brief: &Brief, catalogue: &Catalogue, rerun: &str, width: usize) {
    let _ = writeln!(out, "\n{} {}", coloured(brief.verdict, brief.verdict.word()), brief.id.bold());
    let _ = writeln!(out, "  {}", brief.title);
    let mut field = |name: &str, text: &str| {
        if !text.is_empty() {
            let _ = writeln!(out, "  {:<9} {}", name.dimmed(), visible(text));
        }
    };
    match (&brief.clause, &brief.broken) {
        (Some((clause, level)), Some((expected, got, on, place))) => {
            let text = catalogue.get(clause).map_or("", |r| r.text.as_str());
            field("clause", &format!("{clause} ({}) {text}", level.word()));
            field("expected", expected);
            field("came", got);
            field("where", &if on.is_empty() { place.to_string() } else { format!("{place}, on {on}") });
            if brief.reason.contains("(a premise of the case)") {
                field("note", "a premise of the case broke; what the case itself is about was not judged");
            }
        }
        _ => {
            field("reason", &brief.reason);
            field("where", &brief.place.to_string());
        }
    }
    field("catches", brief.why.as_deref().unwrap_or_default());
    let frames =
        brief.journal.as_ref().map_or(Vec::new(), |j| excerpt(j, FRAMES, width.saturating_sub(12).max(60)));
    for (at, line) in frames.iter().enumerate() {
        let name = if at == 0 { "wire" } else { "" };
        let _ = writeln!(out, "  {:<9} {line}", name.dimmed());
    }
    let _ = writeln!(out, "  {:<9} {}", "rerun".dimmed(), super::command(&brief.id, rerun));
}

/// Why cases are n/a, each reason once.
fn not_applicable(out: &mut String, gathered: &Gathered) {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for brief in gathered.briefs.iter().filter(|b| b.verdict == Verdict::NotApplicable) {
        reasons.entry(&brief.reason).or_default().push(&brief.id);
    }
    if !reasons.is_empty() {
        out.push('\n');
    }
    for (reason, ids) in reasons {
        let which = match &ids[..] {
            [one] => (*one).to_owned(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()),
            [] => String::new(),
        };
        let _ = writeln!(out, "  {} {which}: {}", "n/a".dimmed(), visible(reason));
    }
}

fn last_line(out: &mut String, info: &RunInfo, gathered: &Gathered) {
    let count = |verdict: Verdict| gathered.summary.of(verdict);
    let mut parts =
        vec![format!("{} passed", count(Verdict::Pass)), format!("{} failed", count(Verdict::Fail))];
    for (verdict, word) in [
        (Verdict::Warn, "with warnings"),
        (Verdict::Known, "known"),
        (Verdict::Fixed, "fixed"),
        (Verdict::Error, "without a verdict"),
        (Verdict::Observed, "observed"),
        (Verdict::NotApplicable, "n/a"),
    ] {
        if count(verdict) > 0 {
            parts.push(format!("{} {word}", count(verdict)));
        }
    }
    let bad = count(Verdict::Fail) + count(Verdict::Fixed) + count(Verdict::Error) > 0;
    let line = parts.join(", ");
    let line = if bad { line.red().bold() } else { line.green().bold() };
    let time = if info.in_memory { "virtual seconds" } else { "s" };
    let _ = writeln!(
        out,
        "\n{line}  {}",
        format!(
            "({} checks of {} made, {:.1} {time})",
            gathered.made,
            gathered.expected,
            info.duration_ms as f64 / 1000.0
        )
        .dimmed()
    );
    if gathered.made == 0 && !info.interrupted {
        let why = "Nothing was judged: every selected case is n/a, for the reasons above. That is no verdict (exit 3).";
        let _ = writeln!(out, "{}", why.yellow());
    }
    if info.interrupted {
        let _ =
            writeln!(out, "{}", "The run was stopped before its end: this is what had been judged.".yellow());
    }
}
