//! `stompliance run`: suites against a server, a verdict for each case, and reports.

use clap::Parser;

use super::judging::{Judging, Ready};
use super::network::Network;
use super::serve::policy;
use super::target::TargetArgs;
use super::{USAGE, error};
use crate::case::script::Side;
use crate::run::{Client, Subject};

/// Arguments of `run`.
#[derive(Debug, Parser)]
pub(super) struct Args {
    #[command(flatten)]
    judging: Judging,
    #[command(flatten)]
    target: TargetArgs,
    /// Run on the embedded server over memory, in virtual time.
    #[arg(long, conflicts_with_all = ["target", "config"])]
    in_memory: bool,
    /// Run on the embedded server with a defect.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["target", "config"])]
    defect: Option<String>,
    /// Run on the embedded server as it may be otherwise; serve --list-variants names them.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["target", "config", "defect"])]
    variant: Option<String>,
    #[command(flatten)]
    network: Network,
}

pub(super) fn main(args: &Args) -> u8 {
    let policy = policy(args.defect.as_ref(), args.variant.as_ref());
    let subject = policy.and_then(|policy| args.target.subject(policy, args.in_memory));
    match subject {
        Ok(subject) => {
            let shown = shown(&subject);
            args.judging.carry_out(prepare(args, subject), &shown, (&rerun(args), ""))
        }
        Err(why) => {
            error(&why);
            USAGE
        }
    }
}

fn prepare(args: &Args, subject: Subject) -> Result<Ready, String> {
    let mut ready = args.judging.prepare(subject, Side::Server, None)?;
    ready.settings.chaos = args.network.badness();
    Ok(ready)
}

pub(super) fn shown(subject: &Subject) -> String {
    match subject {
        Subject::Embedded { policy, in_memory, .. } => {
            let how = if *in_memory { ", in memory" } else { "" };
            match policy.peculiarity() {
                Some(other) => {
                    format!("the embedded reference server with the {} `{}`{how}", other.kind(), other.name())
                }
                None => format!("the embedded reference server{how}"),
            }
        }
        Subject::Remote(target) => target.url.clone(),
        Subject::Client(client @ Client::Visitor(_)) => format!("the client {}", client.shown()),
        Subject::Client(client) => format!("the client `{}`", client.shown()),
    }
}

/// The flags that lead to the same target again, without its secrets.
fn rerun(args: &Args) -> String {
    let mut out = args.target.rerun();
    for (flag, value) in [("--defect", &args.defect), ("--variant", &args.variant)] {
        if let Some(value) = value {
            out.push_str(&format!(" {flag} {value}"));
        }
    }
    if args.in_memory {
        out.push_str(" --in-memory");
    }
    out + &args.network.rerun()
}
