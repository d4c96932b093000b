//! The terminal: one line per case where that is wanted, then suites, failures in full, and a last line to trust.
//!
//! It relies on briefs and journals. It decides nothing; colours are stripped by the stream where they are not wanted.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use colored::Colorize as _;
use unicode_width::UnicodeWidthStr as _;

use super::collect::{Brief, Gathered, RunInfo, by_suite};
use super::failure::fields;
use super::lang::Lang;
use super::wire::{excerpt, visible};
use crate::case::catalogue::Catalogue;
use crate::judge::Verdict;

/// Failures that are shown in full.
const MOST_FAILURES: usize = 25;
/// Characters of a line of an example.
const EXAMPLE_WIDTH: usize = 140;
/// Lines of the wire that are shown with a failure.
const FRAMES: usize = 10;
/// Columns before the text of a field.
const FIELD: usize = 12;
/// How many milliseconds make a case slow, and how many of those are shown.
const SLOW_MS: u64 = 1000;
const MOST_SLOW: usize = 5;

/// How what is said is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Columns of the terminal.
    pub width: usize,
    /// The language of what we say ourselves.
    pub lang: Lang,
}

/// One case in one line: of a failure the clause, as all that is to be said of it follows at the end of the run.
pub fn line(brief: &Brief, lang: Lang) -> String {
    let mut out = format!("{} {}", word(brief.verdict, lang), brief.id);
    let said = match &brief.clause {
        Some((clause, _)) if brief.is_broken() => clause.clone(),
        _ if brief.verdict == Verdict::Pass => String::new(),
        _ => visible(&brief.reason),
    };
    if !said.is_empty() {
        let _ = write!(out, "  {}", said.dimmed());
    }
    if brief.duration_ms >= SLOW_MS {
        let seconds = format!("{:.1} {}", brief.duration_ms as f64 / 1000.0, lang.word("s"));
        let _ = write!(out, "  {}", seconds.dimmed());
    }
    out
}

/// The word of a verdict, padded and coloured.
fn word(verdict: Verdict, lang: Lang) -> String {
    coloured(verdict, &padded(lang.word(verdict.word()), 8))
}

/// Text with spaces behind it up to this width.
fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
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
pub fn summary(info: &RunInfo, gathered: &Gathered, catalogue: &Catalogue, layout: Layout) -> String {
    let mut out = String::new();
    suites(&mut out, gathered, layout.lang);
    let failures: Vec<&Brief> = gathered.briefs.iter().filter(|brief| brief.is_broken()).collect();
    for brief in failures.iter().take(MOST_FAILURES) {
        failure(&mut out, brief, catalogue, &info.rerun, layout);
    }
    if failures.len() > MOST_FAILURES {
        let more = failures.len() - MOST_FAILURES;
        let en = format!("… and {more} more; the reports have them all");
        let _ = writeln!(out, "\n{}", layout.lang.pick(en, format!("……另有 {more} 个;报告中有全部内容")));
    }
    not_applicable(&mut out, gathered, layout);
    slowest(&mut out, gathered, layout.lang);
    last_line(&mut out, info, gathered, layout.lang);
    out
}

fn suites(out: &mut String, gathered: &Gathered, lang: Lang) {
    let counts = by_suite(&gathered.briefs);
    let width = counts.keys().map(|s| s.len()).max().unwrap_or(0);
    out.push('\n');
    for (suite, verdicts) in counts {
        let parts: Vec<String> =
            verdicts.iter().map(|(v, n)| format!("{n} {}", lang.word(v.word()))).collect();
        let bad = verdicts.keys().any(|v| matches!(v, Verdict::Fail | Verdict::Error | Verdict::Fixed));
        let parts = parts.join(", ");
        let _ = writeln!(out, "  {suite:<width$}  {}", if bad { parts.red() } else { parts.normal() });
    }
}

/// A failure, as an example: what it says, and the frames.
pub fn example(brief: &Brief, catalogue: &Catalogue, lang: Lang) -> String {
    let mut out = String::new();
    failure(&mut out, brief, catalogue, " --in-memory", Layout { width: EXAMPLE_WIDTH, lang });
    out
}

fn failure(out: &mut String, brief: &Brief, catalogue: &Catalogue, rerun: &str, layout: Layout) {
    let Layout { width, lang } = layout;
    let verdict = coloured(brief.verdict, lang.word(brief.verdict.word()));
    let _ = writeln!(out, "\n{verdict} {}", brief.id.bold());
    let _ = writeln!(out, "  {}", wrapped(&brief.title, width, 2));
    let mut field = |name: &'static str, text: &str| {
        let _ = writeln!(out, "  {} {text}", padded(lang.word(name), 9).dimmed());
    };
    for (name, value) in fields(brief, Some(catalogue)) {
        field(
            name,
            &wrapped(&visible(if name == "note" { lang.said(&value) } else { &value }), width, FIELD),
        );
    }
    let frames = brief
        .journal
        .as_ref()
        .map_or(Vec::new(), |j| excerpt(j, FRAMES, width.saturating_sub(FIELD).max(60)));
    for (at, line) in frames.iter().enumerate() {
        field(if at == 0 { "wire" } else { "" }, line);
    }
    // One line, however long: it is to be copied.
    field("rerun", &super::command(&brief.id, rerun));
}

/// Text broken at spaces where it would go beyond the width, and further lines set in as the first is. What has no space is
/// not broken.
fn wrapped(text: &str, width: usize, indent: usize) -> String {
    let room = width.saturating_sub(indent).max(40);
    let (mut out, mut at) = (String::new(), 0);
    for word in text.split(' ') {
        if at > 0 && at + 1 + word.width() > room {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            at = 0;
        } else if !out.is_empty() {
            out.push(' ');
            at += 1;
        }
        out.push_str(word);
        at += word.width();
    }
    out
}

/// Why cases are n/a, each reason once.
fn not_applicable(out: &mut String, gathered: &Gathered, layout: Layout) {
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
            [first, rest @ ..] => {
                let more = rest.len();
                layout.lang.pick(format!("{first} and {more} more"), format!("{first} 等 {} 个", more + 1))
            }
            [] => String::new(),
        };
        let word = layout.lang.word("n/a");
        let indent = 3 + word.width();
        let text = wrapped(&format!("{which}: {}", visible(reason)), layout.width, indent);
        let _ = writeln!(out, "  {} {text}", word.dimmed());
    }
}

/// The cases that took longest, where they took long.
fn slowest(out: &mut String, gathered: &Gathered, lang: Lang) {
    let mut slow: Vec<&Brief> = gathered.briefs.iter().filter(|b| b.duration_ms >= SLOW_MS).collect();
    slow.sort_by_key(|b| (std::cmp::Reverse(b.duration_ms), &b.id));
    if !slow.is_empty() {
        let _ = writeln!(out, "\n  {}", lang.word("Slowest").dimmed());
    }
    for brief in slow.iter().take(MOST_SLOW) {
        let seconds = format!("{:.1}", brief.duration_ms as f64 / 1000.0);
        let _ = writeln!(out, "  {seconds:>6} {}  {}", lang.word("s"), brief.id);
    }
}

/// What the run came to: counts, checks, time; and what is to be known besides before one trusts it.
fn last_line(out: &mut String, info: &RunInfo, gathered: &Gathered, lang: Lang) {
    let count = |verdict: Verdict| gathered.summary.of(verdict);
    let mut parts = Vec::new();
    for (verdict, word, always) in [
        (Verdict::Pass, "passed", true),
        (Verdict::Fail, "failed", true),
        (Verdict::Warn, "with warnings", false),
        (Verdict::Known, "known", false),
        (Verdict::Fixed, "fixed", false),
        (Verdict::Error, "without a verdict", false),
        (Verdict::Observed, "observed", false),
        (Verdict::NotApplicable, "n/a", false),
    ] {
        if always || count(verdict) > 0 {
            parts.push(format!("{} {}", count(verdict), lang.word(word)));
        }
    }
    let bad = count(Verdict::Fail) + count(Verdict::Fixed) + count(Verdict::Error) > 0;
    let line = parts.join(", ");
    let line = if bad { line.red().bold() } else { line.green().bold() };
    let (made, expected) = (gathered.made, gathered.expected);
    let seconds = format!("{:.1}", info.duration_ms as f64 / 1000.0);
    let unit = lang.word(if info.in_memory { "virtual seconds" } else { "s" });
    let scope = lang.pick(
        format!("({made} checks of {expected} made, {seconds} {unit})"),
        format!("({expected} 项检查中完成 {made} 项,{seconds} {unit})"),
    );
    let _ = writeln!(out, "\n{line}  {}", scope.dimmed());
    if gathered.made == 0 && !info.interrupted {
        let why = "Nothing was judged: every selected case is n/a, for the reasons above. That is no verdict (exit 3).";
        let _ = writeln!(out, "{}", lang.word(why).yellow());
    }
    if info.interrupted {
        let why = "The run was stopped before its end: this is what had been judged.";
        let _ = writeln!(out, "{}", lang.word(why).yellow());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_broken_at_spaces_and_set_in() {
        let text = "a word and another, which together go beyond a terminal of fifty columns";
        assert_eq!(
            wrapped(text, 50, 4),
            "a word and another, which together go beyond a\n    terminal of fifty columns"
        );
        let one = "x".repeat(100);
        assert_eq!(wrapped(&one, 50, 4), one, "what is one word stays one");
        assert_eq!(wrapped(&"预期 ".repeat(20), 44, 0).lines().next().unwrap().trim_end().width(), 44);
    }
}
