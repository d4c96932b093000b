//! `stompliance report`: the reports of a run that is over, made from its run.json.
//!
//! It relies on what the file says, and asks no target anything.

use std::path::PathBuf;

use clap::Parser;

use super::outputs::Outputs;
use super::run::{exit_code, terminal_width};
use super::{USAGE, error, say, sound};
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

pub(super) fn main(args: &Args) -> u8 {
    match report(args) {
        Ok(code) => code,
        Err(why) => {
            error(&why);
            USAGE
        }
    }
}

fn report(args: &Args) -> Result<u8, String> {
    let library = sound(&[])?;
    let folder = Scratch::new()?;
    let (info, gathered) =
        json::read(&args.run, &folder.0).map_err(|why| format!("{}: {why}", args.run.display()))?;
    args.outputs.prepare()?;
    args.outputs.write(&info, &gathered.briefs, &library)?;
    if args.outputs.is_empty() {
        say(console::summary(&info, &gathered, &library.catalogue, terminal_width()).trim_end());
    }
    for path in args.outputs.paths() {
        say(&format!("report: {}", path.display()));
    }
    Ok(exit_code(&gathered, args.strict, info.interrupted))
}

/// A folder for records and journals, gone with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("stompliance-report-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|e| format!("cannot write to {}: {e}", path.display()))?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
