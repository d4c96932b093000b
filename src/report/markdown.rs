//! `summary.md`: the run for a merge request or a CI's summary page: the sentence, the numbers, what broke.
//!
//! It relies on briefs. Nothing that a target said can end the table or the code that it stands in.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use super::collect::{Brief, RunInfo, by_suite};
use super::sentence::sentence;
use super::wire::visible;
use crate::case::catalogue::Catalogue;
use crate::judge::Verdict;

/// Failures that are written in full: such pages have a limit.
const MOST: usize = 50;
/// Characters of what was expected and of what came.
const WIDTH: usize = 600;

/// Writes the summary.
///
/// # Errors
/// What the system says of the file.
pub fn write(path: &Path, info: &RunInfo, briefs: &[Brief], catalogue: &Catalogue) -> io::Result<()> {
    File::create(path)?.write_all(summary(info, briefs, catalogue).as_bytes())
}

fn summary(info: &RunInfo, briefs: &[Brief], catalogue: &Catalogue) -> String {
    let mut out = format!("## {}\n\n", prose(&sentence(info, briefs).1));
    let profile = if info.profile.name.is_empty() { "none" } else { &info.profile.name };
    let _ = writeln!(
        out,
        "{} on {}, profile {}, seed {}: {} of {} checks made in {:.1} {}.\n",
        code(&format!("stompliance {}", info.stompliance)),
        code(&info.target),
        code(profile),
        info.seed,
        info.made,
        info.expected,
        info.duration_ms as f64 / 1000.0,
        if info.in_memory { "virtual seconds" } else { "s" },
    );
    suites(&mut out, briefs);
    let broken: Vec<&Brief> = briefs.iter().filter(|brief| brief.is_broken()).collect();
    if !broken.is_empty() {
        let _ = writeln!(out, "\n### What broke\n");
    }
    for brief in broken.iter().take(MOST) {
        failure(&mut out, brief, catalogue, &info.rerun);
    }
    if broken.len() > MOST {
        let _ = writeln!(out, "… and {} more: the other reports have them all.", broken.len() - MOST);
    }
    out
}

fn suites(out: &mut String, briefs: &[Brief]) {
    let counts = by_suite(briefs);
    let used: Vec<Verdict> =
        Verdict::ALL.into_iter().filter(|v| counts.values().any(|by| by.contains_key(v))).collect();
    let _ = writeln!(out, "| suite |{}", used.iter().map(|v| format!(" {} |", v.word())).collect::<String>());
    let _ = writeln!(out, "|---|{}", "---:|".repeat(used.len()));
    for (suite, by) in counts {
        let cell = |v: &Verdict| by.get(v).map_or(" |".to_owned(), |n| format!(" {n} |"));
        let _ = writeln!(out, "| {} |{}", code(suite), used.iter().map(cell).collect::<String>());
    }
}

fn failure(out: &mut String, brief: &Brief, catalogue: &Catalogue, rerun: &str) {
    let _ = writeln!(
        out,
        "<details><summary>{} <code>{}</code></summary>\n",
        brief.verdict.word(),
        html(&brief.id)
    );
    let _ = writeln!(out, "{}\n", prose(&brief.title));
    match (&brief.clause, &brief.broken) {
        (Some((clause, level)), Some((expected, got, on, place))) => {
            let text = catalogue.get(clause).map_or("", |r| r.text.as_str());
            let _ = writeln!(out, "- clause: {} ({}) {}", code(clause), level.word(), prose(text));
            let _ = writeln!(out, "- expected: {}", code(&cut(expected)));
            let _ = writeln!(out, "- came: {}", code(&cut(got)));
            let on = if on.is_empty() { String::new() } else { format!(", on {}", code(on)) };
            let _ = writeln!(out, "- where: {}{on}", code(&place.to_string()));
        }
        _ => {
            let _ = writeln!(out, "- reason: {}", code(&cut(&brief.reason)));
            let _ = writeln!(out, "- where: {}", code(&brief.place.to_string()));
        }
    }
    let _ = writeln!(out, "- rerun: {}\n\n</details>\n", code(&super::command(&brief.id, rerun)));
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(WIDTH) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Text as code: fenced by more backticks than it has in a row.
pub(super) fn code(text: &str) -> String {
    let text = visible(text).replace('|', "\\|");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // A space at both ends is taken away again by who reads it (CommonMark 0.31, 6.1).
    let pad = if longest > 0 || text.starts_with(' ') || text.is_empty() { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Our own sentences, with what Markdown and HTML would take for their own made harmless.
pub(super) fn prose(text: &str) -> String {
    let mut out = String::new();
    for c in visible(text).chars() {
        if "\\`*_{}[]<>#|~&".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn html(text: &str) -> String {
    visible(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_the_code_that_it_stands_in() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a`b"), "`` a`b ``");
        assert_eq!(code("```"), "```` ``` ````");
        assert_eq!(code("a|b\n"), "`a\\|b␊`");
        assert_eq!(prose("<b> [x](y) *"), "\\<b\\> \\[x\\](y) \\*");
    }
}
