//! `stompliance check-client`: suites that judge a client, which is started for each of their cases, or comes by itself; and `driver-check`, the
//! suites that hold a driver to its contract (docs/drivers.md).

use std::sync::Arc;

use clap::Parser;

use super::judging::Judging;
use super::run::shown;
use super::{USAGE, error, say};
use crate::case::script::Side;
use crate::run::{Client, Door, Subject};
use crate::target::Secret;

/// Arguments of `check-client`.
#[derive(Debug, Parser)]
pub(super) struct Args {
    #[command(flatten)]
    judging: Judging,
    /// The client is a driver (docs/drivers.md), though it does not say so.
    #[arg(long, conflicts_with = "listen")]
    driver: bool,
    /// Start the client anew for each case, though it says that it can be restarted.
    #[arg(long, conflicts_with = "listen")]
    fresh: bool,
    /// Wait at this address, HOST:PORT, for a client that cannot be started; a page at / shows which case is next.
    #[arg(long, value_name = "ADDR", conflicts_with = "command")]
    listen: Option<String>,
    /// End when all cases are over; otherwise the page stays until Ctrl-C.
    #[arg(long, requires = "listen")]
    once: bool,
    /// With --listen: who the client is, and by which token.
    #[arg(
        long,
        value_name = "USER:TOKEN",
        default_value = "user_001:token-of-user-001",
        requires = "listen"
    )]
    account: String,
    /// With --listen: the application.
    #[arg(long, default_value = "app_0001", requires = "listen")]
    app: String,
    /// How the client is started: a program and its arguments.
    #[arg(last = true, required_unless_present = "listen", value_name = "COMMAND")]
    command: Vec<String>,
}

/// Judges the client by the suites that are selected.
pub(super) fn main(args: &Args) -> u8 {
    match &args.listen {
        None => started(&args.judging, &args.command, (args.driver, args.fresh), "client"),
        Some(address) => match open(args, address) {
            Ok(door) => visited(args, &Arc::new(door)),
            Err(why) => {
                error(&why);
                USAGE
            }
        },
    }
}

/// Arguments of `driver-check`.
#[derive(Debug, Parser)]
pub(super) struct DriverArgs {
    #[command(flatten)]
    judging: Judging,
    /// The client is a driver (docs/drivers.md), though it does not say so.
    #[arg(long)]
    driver: bool,
    /// Start the driver anew for each case, though it says that it can be restarted.
    #[arg(long)]
    fresh: bool,
    /// How the driver is started: a program and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Holds a driver to its contract.
pub(super) fn on_driver(args: &DriverArgs) -> u8 {
    started(&args.judging, &args.command, (args.driver, args.fresh), "driver")
}

/// Judges a client that is started for each case, by the suites below this folder where no others are named; it may be said to be a
/// driver, and to be started anew each time.
fn started(judging: &Judging, command: &[String], (driver, fresh): (bool, bool), folder: &str) -> u8 {
    let client = Client::Program { command: command.to_owned(), driver };
    let flags = [(" --driver", driver), (" --fresh", fresh)];
    let flags: String = flags.iter().filter(|(_, given)| *given).map(|(flag, _)| *flag).collect();
    let command = format!(" -- {}", client.shown());
    let subject = Subject::Client(client);
    let shown = shown(&subject);
    let ready = judging.prepare(subject, Side::Client, Some(folder)).map(|mut ready| {
        ready.settings.fresh_clients = fresh;
        ready
    });
    judging.carry_out(ready, &shown, (&flags, &command))
}

fn open(args: &Args, address: &str) -> Result<Door, String> {
    let (user, token) = args
        .account
        .split_once(':')
        .filter(|(user, token)| !user.is_empty() && !token.is_empty())
        .ok_or("--account is written as USER:TOKEN")?;
    Door::open(address, user, Secret::new(token), &args.app)
        .map_err(|e| format!("cannot listen on {address}: {e}"))
}

/// Judges a client that comes by itself, one case after the other.
fn visited(args: &Args, door: &Arc<Door>) -> u8 {
    let subject = Subject::Client(Client::Visitor(door.clone()));
    let shown = shown(&subject);
    let ready = args.judging.prepare(subject, Side::Client, Some("client")).map(|mut ready| {
        // There is one client, and nobody is asked before it has come.
        (ready.settings.jobs, ready.settings.no_preflight) = (1, true);
        ready
    });
    if ready.is_ok() {
        say(&format!("{}: which case is next; the client connects to {}", door.page(), door.url()));
    }
    let flags = format!(" --listen {}", args.listen.as_deref().unwrap_or_default());
    let code = args.judging.carry_out(ready, &shown, (&flags, ""));
    if door.has_begun() && !args.once {
        say(&format!("{} stays until Ctrl-C", door.page()));
        door.stay();
    }
    code
}
