//! `stompliance schema`: JSON Schemas, for editors and for whoever reads reports.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use super::{CONFORMS, library, say};
use crate::case::diagnostic::nearest;
use crate::case::schema;

/// Arguments of `schema`.
#[derive(Debug, Parser)]
pub(super) struct Args {
    /// Of what.
    #[arg(default_value = "suite")]
    what: Form,
    /// Of suites in this dialect: its verbs, sights, states and points complete in an editor.
    #[arg(long, value_name = "NAME")]
    dialect: Option<String>,
    /// A dialect of your own, with its requirements.
    #[arg(long, value_name = "PATH", requires = "dialect")]
    with: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Of suite files, generated from the types.
    Suite,
    /// Of run.json.
    Run,
    /// Of the lines between the program and a driver of a client (docs/drivers.md).
    Driver,
}

/// The schema of those lines.
const DRIVER_SCHEMA: &str = include_str!("../../docs/driver.schema.json");

pub(super) fn main(args: &Args) -> Result<u8, String> {
    match (args.what, &args.dialect) {
        (Form::Suite, None) => say(&schema::suite()),
        (Form::Run, None) => say(crate::report::json::RUN_SCHEMA.trim_end()),
        (Form::Driver, None) => say(DRIVER_SCHEMA.trim_end()),
        (Form::Run | Form::Driver, Some(_)) => {
            return Err("--dialect is for the schema of suites: the others have one form for all".into());
        }
        (Form::Suite, Some(name)) => say(&in_dialect(name, &args.with)?),
    }
    Ok(CONFORMS)
}

fn in_dialect(name: &str, with: &[PathBuf]) -> Result<String, String> {
    let library = library(with)?;
    let Some(dialect) = library.dialects.get(name) else {
        let names: Vec<&str> = library.dialects.keys().map(String::as_str).collect();
        let near = nearest(name, names.iter().copied()).map_or(names.join(", "), str::to_owned);
        return Err(format!("there is no dialect `{name}`; there is {near}"));
    };
    Ok(schema::of_dialect(dialect, &library.catalogue))
}
