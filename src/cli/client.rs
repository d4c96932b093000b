//! `stompliance client`: the reference client as a driver (docs/drivers.md).

use clap::Parser;
use serde_json::json;

use super::{CONFORMS, say};
use crate::client::variants::{self, Variant};
use crate::client::{Policy, defects, drive};
use crate::run::epoch_ms;

/// Arguments of `client`.
#[derive(Debug, Parser)]
pub(super) struct Args {
    /// Live with one defect; --list-defects names them.
    #[arg(long, value_name = "NAME")]
    defect: Option<String>,
    /// List the defects, one JSON object per line.
    #[arg(long)]
    list_defects: bool,
    /// Live in another right way; --list-variants names them.
    #[arg(long, value_name = "NAME", conflicts_with = "defect")]
    variant: Option<String>,
    /// List the variants, one JSON object per line.
    #[arg(long)]
    list_variants: bool,
}

pub(super) fn main(args: &Args) -> Result<u8, String> {
    if args.list_defects {
        defects::all().for_each(|defect| say(&json!(defect).to_string()));
        return Ok(CONFORMS);
    }
    if args.list_variants {
        let line = |one: &Variant| json!({ "name": one.name, "description": one.description }).to_string();
        variants::all().iter().for_each(|one| say(&line(one)));
        return Ok(CONFORMS);
    }
    let policy = match (&args.defect, &args.variant) {
        (Some(name), _) => Policy::with_defect(name),
        (None, Some(name)) => variants::named(name),
        (None, None) => Ok(Policy::default()),
    };
    let policy = policy.map_err(|e| e.to_string())?;
    let seed = epoch_ms() ^ u64::from(std::process::id()) << 32;
    drive(policy, seed, print)
}

/// Prints a line as it is, at once. One that nobody reads is lost.
fn print(line: String) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
