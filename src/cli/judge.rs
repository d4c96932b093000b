//! `stompliance judge`: every check of a run, recomputed from its log.

use std::path::PathBuf;

use clap::Parser;

use super::{CONFORMS, FAILS, USAGE, error, say};
use crate::report::json::rejudge;

/// Arguments of `judge`.
#[derive(Debug, Parser)]
pub(super) struct Args {
    /// A run.json; bodies are taken from the folder beside it.
    run: PathBuf,
}

pub(super) fn main(args: &Args) -> u8 {
    match rejudge(&args.run) {
        Err(why) => {
            error(&format!("{}: {why}", args.run.display()));
            USAGE
        }
        Ok(result) => {
            for case in &result.cases {
                for difference in &case.differences {
                    say(&format!("{}: {difference}", case.id));
                }
            }
            let differing = result.cases.iter().filter(|c| !c.differences.is_empty()).count();
            say(&format!(
                "{} cases and rules judged again from their log, {} checks: {differing} differ from what the file says",
                result.cases.len(),
                result.checks
            ));
            if differing == 0 { CONFORMS } else { FAILS }
        }
    }
}
