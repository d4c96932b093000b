//! `stompliance compare`: several runs beside one another.
//!
//! It relies on what their files say, and asks no target anything.

use std::path::PathBuf;

use clap::Parser;

use super::outputs::prepare;
use super::scratch::Scratch;
use super::{CONFORMS, FAILS, lang, say, sound};
use crate::report::compare::{Change, Comparison};
use crate::report::json;

/// Arguments of `compare`.
#[derive(Debug, Parser)]
pub(super) struct Args {
    /// Files that `run --json` has written: of several targets, or of one in the order of time.
    #[arg(required = true, num_args = 2..)]
    runs: Vec<PathBuf>,
    /// Where the page goes.
    #[arg(long, value_name = "PATH")]
    html: Option<PathBuf>,
    /// Where the same goes in Markdown.
    #[arg(long, value_name = "PATH")]
    markdown: Option<PathBuf>,
    /// Count it as worse where a case is no longer judged.
    #[arg(long)]
    strict: bool,
}

pub(super) fn main(args: &Args) -> Result<u8, String> {
    let library = sound(&[])?;
    let mut scratches = Vec::new();
    let mut runs = Vec::new();
    for (nth, path) in args.runs.iter().enumerate() {
        let scratch = Scratch::new(&format!("compare-{nth}"))?;
        let (info, gathered) =
            json::read(path, scratch.path()).map_err(|why| format!("{}: {why}", path.display()))?;
        runs.push((path.display().to_string(), info, gathered));
        scratches.push(scratch);
    }
    let comparison = Comparison::new(&runs, &library).map_err(|e| e.to_string())?;
    say(comparison.text(lang()).trim_end());
    let html = || comparison.html(lang()).map_err(|e| e.to_string());
    for (path, text) in [
        (&args.html, args.html.as_ref().map(|_| html()).transpose()?),
        (&args.markdown, Some(comparison.markdown(lang()))),
    ] {
        if let (Some(path), Some(text)) = (path, text) {
            prepare(path)?;
            std::fs::write(path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
            say(&format!("report: {}", path.display()));
        }
    }
    let worse = comparison.with(Change::Worse).next().is_some();
    let fewer = args.strict && comparison.with(Change::Uncovered).next().is_some();
    Ok(if worse || fewer { FAILS } else { CONFORMS })
}
