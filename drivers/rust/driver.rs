//! A driver (docs/drivers.md) on this crate: the reference client, as any program may have it.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program of its own")]

use std::process::ExitCode;

use stompliance::client::{Policy, drive};
use stompliance::run::epoch_ms;

fn main() -> ExitCode {
    match drive(Policy::default(), epoch_ms(), |line| println!("{line}")) {
        Ok(status) => ExitCode::from(status),
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}
