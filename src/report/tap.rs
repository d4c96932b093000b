//! `report.tap`: the run in TAP 14, a test point per case and rule, with what broke as YAML below it.
//!
//! It relies on briefs. It never writes a line that a reader of TAP could take for another.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde_json::json;

use super::collect::{Brief, RunInfo};
use super::wire::visible;
use crate::judge::Verdict;

/// Writes the report. What is `known` is a TODO, what is `n/a` a SKIP; `warn` and `observed` pass, with what there is to
/// say below them.
///
/// # Errors
/// What the system says of the file.
pub fn write(path: &Path, info: &RunInfo, briefs: &[Brief]) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    writeln!(out, "TAP version 14")?;
    let head = format!("stompliance {} on {}, seed {}", info.stompliance, info.target, info.seed);
    writeln!(out, "# {}", visible(&head))?;
    writeln!(out, "1..{}", briefs.len())?;
    for (at, brief) in briefs.iter().enumerate() {
        case(&mut out, at + 1, brief)?;
    }
    if info.interrupted {
        writeln!(out, "Bail out! The run was stopped before its end.")?;
    }
    out.flush()
}

fn case(out: &mut impl Write, number: usize, brief: &Brief) -> io::Result<()> {
    let fails = matches!(brief.verdict, Verdict::Fail | Verdict::Fixed | Verdict::Error | Verdict::Known);
    let directive = match brief.verdict {
        Verdict::Known => format!(" # TODO known: {}", escaped(&brief.reason)),
        Verdict::NotApplicable => format!(" # SKIP {}", escaped(&brief.reason)),
        _ => String::new(),
    };
    let round = if brief.round > 1 { format!(" (round {})", brief.round) } else { String::new() };
    let word = if fails { "not ok" } else { "ok" };
    writeln!(out, "{word} {number} - {}{round}{directive}", escaped(&brief.id))?;
    if !matches!(brief.verdict, Verdict::Pass | Verdict::NotApplicable) {
        diagnosis(out, brief)?;
    }
    Ok(())
}

/// What there is to say, in YAML that is JSON as well: no text of a target can end it.
fn diagnosis(out: &mut impl Write, brief: &Brief) -> io::Result<()> {
    let mut fields = vec![("verdict", brief.verdict.word().to_owned()), ("title", brief.title.clone())];
    fields.extend(super::failure::fields(brief, None));
    writeln!(out, "  ---")?;
    for (name, value) in fields {
        writeln!(out, "  {name}: {}", json!(visible(&value)))?;
    }
    writeln!(out, "  ...")
}

/// Text in a test point: `#` begins a directive, and `\` an escape.
fn escaped(text: &str) -> String {
    visible(text).replace('\\', "\\\\").replace('#', "\\#")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_a_directive_is_escaped() {
        assert_eq!(escaped("a # TODO \\ b\nnot ok 1"), "a \\# TODO \\\\ b␊not ok 1");
    }
}
