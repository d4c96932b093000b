//! `stompliance check-client`: suites that judge a client, which is started for each of their cases; and `driver-check`, the suites that hold
//! a driver to its contract (docs/drivers.md).

use clap::Parser;

use super::judging::Judging;
use super::run::shown;
use crate::case::script::Side;
use crate::run::{Client, Subject};

/// Arguments of `check-client`, and of `driver-check`.
#[derive(Debug, Parser)]
pub(super) struct Args {
    #[command(flatten)]
    judging: Judging,
    /// The client is a driver (docs/drivers.md), though it does not say so.
    #[arg(long)]
    driver: bool,
    /// How the client is started: a program and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Judges the client by the suites below this folder, where no others are named.
pub(super) fn on_suites(args: &Args, folder: &str) -> u8 {
    let client = Client::Program { command: args.command.clone(), driver: args.driver };
    let (flags, command) = (if args.driver { " --driver" } else { "" }, format!(" -- {}", client.shown()));
    let subject = Subject::Client(client);
    let shown = shown(&subject);
    args.judging.carry_out(
        args.judging.prepare(subject, Side::Client, Some(folder)),
        &shown,
        (flags, &command),
    )
}
