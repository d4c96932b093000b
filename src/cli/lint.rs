//! `stompliance lint`: what is wrong with suites, dialects and profiles, all at once.

use std::path::PathBuf;

use clap::Parser;

use super::{CONFORMS, USAGE, library, say};
use crate::run::{day, epoch_ms};

/// Arguments of `lint`.
#[derive(Debug, Parser)]
pub(super) struct Args {
    /// Suite files, or folders of them; without any, the suites that the program carries.
    paths: Vec<PathBuf>,
}

pub(super) fn main(args: &Args) -> Result<u8, String> {
    let library = library(&args.paths)?;
    let found: Vec<_> = library.found.iter().cloned().chain(library.expired(&day(epoch_ms()))).collect();
    for found in &found {
        say(&format!("{}\n", found.render(true)));
    }
    let errors = found.iter().filter(|d| d.severity == crate::case::diagnostic::Severity::Error).count();
    let warnings = found.len() - errors;
    say(&format!(
        "{} cases, {} rules: {errors} errors, {warnings} warnings",
        library.scripts.len(),
        library.rules.len()
    ));
    Ok(if errors == 0 { CONFORMS } else { USAGE })
}
