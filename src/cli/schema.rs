//! `stompliance schema`: JSON Schemas, for editors and for whoever reads reports.

use clap::{Parser, ValueEnum};

use super::{CONFORMS, say};

/// Arguments of `schema`.
#[derive(Debug, Parser)]
pub(super) struct Args {
    /// Of what.
    #[arg(default_value = "suite")]
    what: Form,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    /// Of suite files, generated from the types.
    Suite,
    /// Of run.json.
    Run,
}

pub(super) fn main(args: &Args) -> u8 {
    match args.what {
        Form::Suite => say(&crate::case::schema::suite()),
        Form::Run => say(crate::report::json::RUN_SCHEMA.trim_end()),
    }
    CONFORMS
}
