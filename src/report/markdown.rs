//! `summary.md`: the run for a merge request or a CI's summary page: the sentence, the numbers, what broke.
//!
//! It relies on briefs. Nothing that a target said can end the table or the code that it stands in.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use super::collect::{Brief, RunInfo, by_suite};
use super::failure::fields;
use super::lang::Lang;
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
pub fn write(
    path: &Path,
    info: &RunInfo,
    briefs: &[Brief],
    catalogue: &Catalogue,
    lang: Lang,
) -> io::Result<()> {
    File::create(path)?.write_all(summary(info, briefs, catalogue, lang).as_bytes())
}

fn summary(info: &RunInfo, briefs: &[Brief], catalogue: &Catalogue, lang: Lang) -> String {
    let mut out = format!("## {}\n\n", prose(&sentence(info, briefs, lang).1));
    let _ = writeln!(out, "{}\n", scope(info, lang));
    suites(&mut out, briefs, lang);
    let broken: Vec<&Brief> = briefs.iter().filter(|brief| brief.is_broken()).collect();
    if !broken.is_empty() {
        let _ = writeln!(out, "\n### {}\n", lang.word("What broke"));
    }
    for brief in broken.iter().take(MOST) {
        failure(&mut out, brief, catalogue, &info.rerun, lang);
    }
    if broken.len() > MOST {
        let more = broken.len() - MOST;
        let en = format!("… and {more} more: the other reports have them all.");
        let _ = writeln!(out, "{}", lang.pick(en, format!("……另有 {more} 个:其他报告中有全部内容。")));
    }
    out
}

/// What was run, on what, and how much of it.
fn scope(info: &RunInfo, lang: Lang) -> String {
    let program = code(&format!("stompliance {}", info.stompliance));
    let profile = code(if info.profile.name.is_empty() { "none" } else { &info.profile.name });
    let (target, seed, made, expected) = (code(&info.target), info.seed, info.made, info.expected);
    let seconds = format!("{:.1}", info.duration_ms as f64 / 1000.0);
    let unit = lang.word(if info.in_memory { "virtual seconds" } else { "s" });
    lang.pick(
        format!(
            "{program} on {target}, profile {profile}, seed {seed}: {made} of {expected} checks made in {seconds} {unit}."
        ),
        format!(
            "{program},被测对象 {target},配置 {profile},随机种子 {seed}:{expected} 项检查中完成 {made} 项,耗时 {seconds} {unit}。"
        ),
    )
}

fn suites(out: &mut String, briefs: &[Brief], lang: Lang) {
    let counts = by_suite(briefs);
    let used: Vec<Verdict> =
        Verdict::ALL.into_iter().filter(|v| counts.values().any(|by| by.contains_key(v))).collect();
    let words: String = used.iter().map(|v| format!(" {} |", lang.word(v.word()))).collect();
    let _ = writeln!(out, "| {} |{words}", lang.word("Suite"));
    let _ = writeln!(out, "|---|{}", "---:|".repeat(used.len()));
    for (suite, by) in counts {
        let cell = |v: &Verdict| by.get(v).map_or(" |".to_owned(), |n| format!(" {n} |"));
        let _ = writeln!(out, "| {} |{}", code(suite), used.iter().map(cell).collect::<String>());
    }
}

fn failure(out: &mut String, brief: &Brief, catalogue: &Catalogue, rerun: &str, lang: Lang) {
    let _ = writeln!(
        out,
        "<details><summary>{} <code>{}</code></summary>\n",
        lang.word(brief.verdict.word()),
        html(&brief.id)
    );
    let _ = writeln!(out, "{}\n", prose(&brief.title));
    for (name, value) in fields(brief, Some(catalogue)) {
        // Our own prose; everything else may hold what a target said.
        let ours = matches!(name, "clause" | "note" | "catches");
        let value = if ours { prose(lang.said(&value)) } else { code(&cut(&value)) };
        let _ = writeln!(out, "- {}: {value}", lang.word(name));
    }
    let _ = writeln!(
        out,
        "- {}: {}\n\n</details>\n",
        lang.word("rerun"),
        code(&super::command(&brief.id, rerun))
    );
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
