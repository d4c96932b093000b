//! `stompliance serve`: the reference server alone, until it is told to stop.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Parser;
use serde_json::json;
use tokio::net::TcpListener;

use super::{CONFORMS, USAGE, error, say};
use crate::link::Listener;
use crate::reference::defects;
use crate::reference::variants::{self, Null, Variant};
use crate::reference::{Directory, Policy, Server};
use crate::run::{embedded_target, epoch_ms};
use crate::target::{masked, write_config};

/// Arguments of `serve`.
#[derive(Debug, Parser)]
pub(super) struct Args {
    /// The port on 127.0.0.1; 0 picks a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Users and groups, in the form of a configuration; forty demo users otherwise.
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
    /// Write the configuration that `run --config` needs for this server.
    #[arg(long, value_name = "FILE")]
    write_config: Option<PathBuf>,
    /// Serve with one defect; --list-defects names them.
    #[arg(long, value_name = "NAME")]
    defect: Option<String>,
    /// List the defects, one JSON object per line.
    #[arg(long)]
    list_defects: bool,
    /// Serve in another right way, or in none at all; --list-variants names them.
    #[arg(long, value_name = "NAME", conflicts_with = "defect")]
    variant: Option<String>,
    /// List the variants, one JSON object per line.
    #[arg(long)]
    list_variants: bool,
}

pub(super) fn main(args: &Args) -> u8 {
    if args.list_defects {
        for defect in defects::all() {
            say(&json!(defect).to_string());
        }
        return CONFORMS;
    }
    if args.list_variants {
        for Variant { name, description, points, .. } in variants::all() {
            let points: BTreeMap<_, _> = points.iter().copied().collect();
            say(&json!({ "name": name, "points": points, "description": description }).to_string());
        }
        for Null { name, description, .. } in variants::nulls() {
            say(&json!({ "name": name, "null": true, "description": description }).to_string());
        }
        return CONFORMS;
    }
    match prepare(args).and_then(|(directory, policy)| serve(args, directory, policy)) {
        Ok(()) => CONFORMS,
        Err(why) => {
            error(&why);
            USAGE
        }
    }
}

/// Users and groups, and how the server decides.
pub(super) fn directory(accounts: Option<&PathBuf>) -> Result<Directory, String> {
    match accounts {
        None => Ok(Directory::demo(40)),
        Some(path) => {
            let text =
                std::fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
            Directory::from_toml(&text).map_err(|e| format!("{}: {}", path.display(), masked(&e.to_string())))
        }
    }
}

/// The policy with a defect or variant of this name, or the right one.
pub(super) fn policy(defect: Option<&String>, variant: Option<&String>) -> Result<Policy, String> {
    match (defect, variant) {
        (Some(name), _) => Policy::with_defect(name),
        (None, Some(name)) => variants::named(name),
        (None, None) => Ok(Policy::default()),
    }
    .map_err(|e| e.to_string())
}

fn prepare(args: &Args) -> Result<(Directory, Policy), String> {
    Ok((directory(args.accounts.as_ref())?, policy(args.defect.as_ref(), args.variant.as_ref())?))
}

fn serve(args: &Args, directory: Directory, policy: Policy) -> Result<(), String> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", args.port))
            .await
            .map_err(|e| format!("cannot listen on 127.0.0.1:{}: {e}", args.port))?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        let target = embedded_target(&directory, &address.to_string());
        let mut stop = stop_signals().map_err(|e| e.to_string())?;
        if let Some(path) = &args.write_config {
            std::fs::write(path, write_config(&target))
                .map_err(|e| format!("cannot write {}: {e}", path.display()))?;
        }
        let server = Server::start(Listener::tcp(listener), directory, policy, epoch_ms());
        say(&format!("listening on {}", target.url));
        match &args.write_config {
            Some(path) => say(&format!("run against it: stompliance run --config {}", path.display())),
            None => say("run against it: serve with --write-config FILE, then stompliance run --config FILE"),
        }
        stop.recv().await;
        server.shutdown().await;
        Ok(())
    })
}

/// Tells of SIGTERM and Ctrl-C.
#[cfg(unix)]
fn stop_signals() -> std::io::Result<tokio::sync::mpsc::Receiver<()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut term, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        tokio::select! {
            biased;
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
        let _ = sender.send(()).await;
    });
    Ok(receiver)
}

/// Tells of Ctrl-C.
#[cfg(not(unix))]
fn stop_signals() -> std::io::Result<tokio::sync::mpsc::Receiver<()>> {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        let _ = sender.send(()).await;
    });
    Ok(receiver)
}
