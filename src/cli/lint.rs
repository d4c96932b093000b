//! `stompliance lint`: what is wrong with suites, dialects and profiles, all at once.

use std::path::PathBuf;

use clap::Parser;

use super::{CONFORMS, USAGE, error, say};
use crate::case::library::{Library, read_files};

/// Arguments of `lint`.
#[derive(Debug, Parser)]
pub(super) struct Args {
    /// Suite files, or folders of them; without any, the suites that the program carries.
    paths: Vec<PathBuf>,
}

pub(super) fn main(args: &Args) -> u8 {
    let library = if args.paths.is_empty() {
        Library::embedded()
    } else {
        let mut files = Vec::new();
        for path in &args.paths {
            match read_files(path) {
                Ok(found) => files.extend(found),
                Err(why) => {
                    error(&format!("cannot read {}: {why}", path.display()));
                    return USAGE;
                }
            }
        }
        if files.is_empty() {
            error("there is no YAML file below these paths");
            return USAGE;
        }
        Library::with_suites(files)
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
