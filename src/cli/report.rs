//! `stompliance report`: the reports of a run that is over, made from its run.json.
//!
//! It relies on what the file says, and asks no target anything.

use std::path::PathBuf;

use clap::Parser;

use super::judging::exit_code;
use super::outputs::Outputs;
use super::scratch::Scratch;
use super::{layout, say, sound};
use crate::report::{console, json};

/// Arguments of `report`.
#[derive(Debug, Parser)]
pub(super) struct Args {
    /// A run.json; bodies are taken from the folder beside it.
    run: PathBuf,
    #[command(flatten)]
    outputs: Outputs,
    /// Count warnings as failures in the exit code.
    #[arg(long)]
    strict: bool,
}

pub(super) fn main(args: &Args) -> Result<u8, String> {
    let library = sound(&[])?;
    let scratch = Scratch::new("report")?;
    let (info, gathered) =
        json::read(&args.run, scratch.path()).map_err(|why| format!("{}: {why}", args.run.display()))?;
    args.outputs.prepare()?;
    args.outputs.write(&info, &gathered.briefs, &library)?;
    if args.outputs.is_empty() {
        say(console::summary(&info, &gathered, &library.catalogue, layout()).trim_end());
    }
    for path in args.outputs.paths() {
        say(&format!("report: {}", path.display()));
    }
    Ok(exit_code(&gathered, args.strict, info.interrupted))
}
