//! `junit.xml`: the run as other tools read it, a `testsuite` per suite and a `testcase` per case.
//!
//! It keeps to the schema of Jenkins' xUnit plugin (junit-10.xsd), which others accept as well. It relies on briefs, and on
//! journals for the last frames of what failed. It never writes a character that XML 1.0
//! forbids: what cannot stand in it is shown as what it is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::collect::{Brief, RunInfo};
use super::wire::{excerpt, visible};
use crate::judge::Verdict;

/// Lines of the wire that are shown with a failure.
const FRAMES: usize = 20;
/// Characters of a line.
const WIDTH: usize = 400;

/// Writes the report. A failure is `fail` or `fixed`, what is skipped is `n/a` or `known`; `warn` and `observed` pass,
/// with what there is to say in `system-out`.
///
/// # Errors
/// What the system says of the file.
pub fn write(path: &Path, info: &RunInfo, briefs: &[Brief]) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    let mut suites: BTreeMap<&str, Vec<&Brief>> = BTreeMap::new();
    for brief in briefs {
        suites.entry(&brief.suite).or_default().push(brief);
    }
    let all: Vec<&Brief> = briefs.iter().collect();
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(
        out,
        r#"<testsuites name="stompliance" {} time="{}">"#,
        counts(&all),
        seconds(info.duration_ms)
    )?;
    for (name, briefs) in suites {
        suite(&mut out, info, name, &briefs)?;
    }
    writeln!(out, "</testsuites>")?;
    out.flush()
}

fn suite(out: &mut impl Write, info: &RunInfo, name: &str, briefs: &[&Brief]) -> io::Result<()> {
    let time: u64 = briefs.iter().map(|b| b.duration_ms).sum();
    let started = info.started.split('.').next().unwrap_or_default().trim_end_matches('Z');
    writeln!(
        out,
        r#"  <testsuite name="{}" {} skipped="{}" time="{}" timestamp="{}">"#,
        text(name),
        counts(briefs),
        number_of(briefs, &[Verdict::NotApplicable, Verdict::Known]),
        seconds(time),
        text(started)
    )?;
    writeln!(out, "    <properties>")?;
    for (name, value) in [
        ("target", info.target.clone()),
        ("profile", info.profile.name.clone()),
        ("seed", info.seed.to_string()),
        ("stompliance", info.stompliance.clone()),
    ] {
        writeln!(out, r#"      <property name="{name}" value="{}"/>"#, text(&value))?;
    }
    writeln!(out, "    </properties>")?;
    for brief in briefs {
        case(out, brief)?;
    }
    writeln!(out, "  </testsuite>")
}

fn case(out: &mut impl Write, brief: &Brief) -> io::Result<()> {
    let round = if brief.round == 1 { String::new() } else { format!(" (round {})", brief.round) };
    write!(
        out,
        r#"    <testcase classname="{}" name="{}" time="{}""#,
        text(&brief.suite),
        text(&format!("{}{round}", brief.id)),
        seconds(brief.duration_ms)
    )?;
    let reason = text(&brief.reason);
    match brief.verdict {
        Verdict::Pass => return writeln!(out, "/>"),
        Verdict::Fail | Verdict::Fixed => {
            let kind = match (&brief.clause, brief.verdict) {
                (Some((clause, _)), Verdict::Fail) => clause.as_str(),
                (_, verdict) => verdict.word(),
            };
            writeln!(out, r#"><failure message="{reason}" type="{}">{}</failure>"#, text(kind), body(brief))?;
        }
        Verdict::Error => {
            writeln!(out, r#"><error message="{reason}" type="error">{}</error>"#, body(brief))?;
        }
        Verdict::NotApplicable => writeln!(out, r#"><skipped message="{reason}"/>"#)?,
        Verdict::Known => writeln!(out, r#"><skipped message="known: {reason}"/>"#)?,
        Verdict::Warn | Verdict::Observed => {
            writeln!(out, "><system-out>{}: {reason}\n{}</system-out>", brief.verdict.word(), body(brief))?;
        }
    }
    writeln!(out, "    </testcase>")
}

/// What there is to say of a case that did not simply pass, line by line.
fn body(brief: &Brief) -> String {
    let fields = super::failure::fields(brief, None);
    let mut lines = vec![visible(&brief.title)];
    lines.extend(fields.iter().map(|(name, value)| format!("{name:<9} {}", visible(value))));
    let frames = brief.journal.as_ref().map_or(Vec::new(), |journal| excerpt(journal, FRAMES, WIDTH));
    lines.extend(frames.iter().enumerate().map(|(at, line)| {
        let name = if at == 0 { "wire" } else { "" };
        format!("{name:<9} {line}")
    }));
    format!("\n{}\n", lines.iter().map(|line| text(line)).collect::<Vec<_>>().join("\n"))
}

fn counts(briefs: &[&Brief]) -> String {
    format!(
        r#"tests="{}" failures="{}" errors="{}""#,
        briefs.len(),
        number_of(briefs, &[Verdict::Fail, Verdict::Fixed]),
        number_of(briefs, &[Verdict::Error])
    )
}

fn number_of(briefs: &[&Brief], verdicts: &[Verdict]) -> usize {
    briefs.iter().filter(|b| verdicts.contains(&b.verdict)).count()
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// Text as it may stand in an attribute or an element.
fn text(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for c in visible(raw).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_forbids_is_shown_as_what_it_is() {
        assert_eq!(text("a\0b\u{1b}\u{fffe}<&\">\n"), "a␀b\\u{1b}\\u{fffe}&lt;&amp;&quot;&gt;␊");
        assert_eq!(seconds(61_007), "61.007");
    }
}
