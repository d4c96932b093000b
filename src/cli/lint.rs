//! `stompliance lint`: what is wrong with suites, dialects and profiles, all at once.

use std::path::PathBuf;

use clap::Parser;

use super::{CONFORMS, USAGE, error, library, say};

/// Arguments of `lint`.
#[derive(Debug, Parser)]
pub(super) struct Args {
    /// Suite files, or folders of them; without any, the suites that the program carries.
    paths: Vec<PathBuf>,
}

pub(super) fn main(args: &Args) -> u8 {
    let library = match library(&args.paths) {
        Ok(library) => library,
        Err(why) => {
            error(&why);
            return USAGE;
        }
    };
    for found in &library.found {
        say(&format!("{}\n", found.render(true)));
    }
    let errors =
        library.found.iter().filter(|d| d.severity == crate::case::diagnostic::Severity::Error).count();
    let warnings = library.found.len() - errors;
    say(&format!(
        "{} cases, {} rules: {errors} errors, {warnings} warnings",
        library.scripts.len(),
        library.rules.len()
    ));
    if errors == 0 { CONFORMS } else { USAGE }
}
