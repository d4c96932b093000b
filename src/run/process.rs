//! What a client under test runs in: a program of its own, a task of ours for the reference client, or somebody's phone. It is
//! told lines, heard by what it prints, and ended.
//!
//! It relies on `program.rs` for programs. It never waits for a client to read, nor for one to end that does not.

use std::sync::{Arc, Weak};

use tokio::sync::mpsc;

use super::client::Client;
use super::door::Door;
use super::program::{self, Program};
use super::stage::Stage;
use crate::case::event::{By, Stdio, What};
use crate::client::{Core, Environment, PREFIX, Policy, live};
use crate::link::Connector;

/// Variables of its environment, with their values.
pub(super) type Variables = Vec<(String, String)>;

/// What a client that runs is to do.
pub(super) enum Order {
    Say(String),
    EndOfInput,
    /// To run for another case, having rested: the line that says so.
    Restart(String),
    /// To end, as its case is over.
    End,
    /// To exit, though it rests.
    Dismiss,
}

/// A client that runs.
#[derive(Debug)]
pub(super) struct Process {
    orders: mpsc::UnboundedSender<Order>,
    /// Where it is a program of its own.
    program: Option<Arc<Program>>,
}

impl Process {
    pub(super) fn of(orders: mpsc::UnboundedSender<Order>, program: Arc<Program>) -> Self {
        Process { orders, program: Some(program) }
    }

    fn without_program(orders: mpsc::UnboundedSender<Order>) -> Self {
        Process { orders, program: None }
    }

    pub(super) fn order(&self, order: Order) {
        let _ = self.orders.send(order);
    }

    /// Tells it a line. One that does not read is not waited for.
    pub(super) fn say(&self, line: String) {
        self.order(Order::Say(line));
    }

    /// Ends its standard input, once it has read what it was told.
    pub(super) fn end_input(&self) {
        self.order(Order::EndOfInput);
    }

    /// Terminates it, and kills it where that does not help; one that can be restarted rests.
    pub(super) fn end(&self) {
        self.order(Order::End);
    }

    /// Whether it is over, and waits to be restarted.
    pub(super) fn rests(&self) -> bool {
        self.lives() && self.program.as_ref().is_some_and(|program| program.rests())
    }

    /// Has it run for another case, where it rests; whether it did.
    pub(super) fn restart(&self, variables: &Variables, stage: &Arc<Stage>, on: &str) -> bool {
        let resting = self.program.as_ref().filter(|_| self.rests());
        if let Some(program) = resting {
            program::restart(self, program, variables, stage, on);
        }
        resting.is_some()
    }

    pub(super) fn lives(&self) -> bool {
        !self.orders.is_closed()
    }

    /// Waits until it has exited.
    pub(super) async fn gone(&self) {
        self.orders.closed().await;
    }
}

/// Tells a case that its client was started, or restarted in the process of another case.
pub(super) fn log_start(stage: &Stage, on: &str, again: bool) {
    let command = stage.world.client.as_ref().map(Client::shown).unwrap_or_default();
    stage.log(Some(on), What::Started { command, again });
}

/// Starts the reference client.
///
/// # Errors
/// Variables that are missing.
pub(super) fn inhabit(
    policy: Policy,
    variables: &Variables,
    connector: Connector,
    stage: &Arc<Stage>,
    on: &str,
) -> Result<Process, String> {
    let value = |name: &str| {
        let named = |(known, _): &&(String, String)| known.strip_prefix(PREFIX) == Some(name);
        variables.iter().find(named).map(|(_, value)| value.clone())
    };
    let core = Core::new(policy, Environment::read(value)?, stage.seed_for(on));
    let (orders, inbox) = mpsc::unbounded_channel();
    log_start(stage, on, false);
    tokio::spawn(accompany(core, policy, connector, inbox, Arc::downgrade(stage), on.to_owned()));
    Ok(Process::without_program(orders))
}

/// Waits for a client that comes by itself, as long as it likes. From then on all connections are those of the case, until it ends.
pub(super) async fn wait_for(door: &Arc<Door>, stage: &Arc<Stage>, on: &str) -> Process {
    door.waits();
    let first = door.next().await;
    log_start(stage, on, false);
    let (orders, mut inbox) = mpsc::unbounded_channel();
    let (door, stage, on) = (door.clone(), Arc::downgrade(stage), on.to_owned());
    let take = |stage: &Weak<Stage>, request| {
        let stage = stage.upgrade();
        if let Some((stage, host)) = stage.as_ref().and_then(|stage| Some((stage, stage.host.get()?))) {
            host.welcome(stage, request);
        }
    };
    take(&stage, first);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                biased;
                order = inbox.recv() => match order {
                    Some(Order::End) | None => break,
                    // It is no driver, and nobody listens.
                    Some(_) => {}
                },
                request = door.next() => take(&stage, request),
            }
        }
        if let Some(stage) = stage.upgrade() {
            let how = "is left alone: its case is over".to_owned();
            stage.log(Some(&on), What::Exited { by: By::Us, status: None, how });
        }
    });
    Process::without_program(orders)
}

/// Lets the reference client live until it exits, or is ended.
async fn accompany(
    core: Core,
    policy: Policy,
    connector: Connector,
    mut orders: mpsc::UnboundedReceiver<Order>,
    stage: Weak<Stage>,
    on: String,
) {
    let (say, lines) = mpsc::unbounded_channel();
    let mut say = Some(say);
    let print = |line: String| {
        if let Some(stage) = stage.upgrade() {
            let text = stage.secrets.conceal(&line);
            stage.log(Some(&on), What::Line { stream: Stdio::Out, text });
        }
    };
    let living = live(core, policy, connector, lines, print);
    tokio::pin!(living);
    let status = loop {
        tokio::select! {
            biased;
            status = &mut living => break Some(i32::from(status)),
            order = orders.recv() => match order {
                Some(Order::Say(line)) => drop(say.as_ref().map(|say| say.send(line))),
                Some(Order::EndOfInput) => say = None,
                Some(Order::End | Order::Dismiss) | None => break None,
                // A task costs nothing: none ever rests.
                Some(Order::Restart(_)) => {}
            },
        }
    };
    let Some(stage) = stage.upgrade() else { return };
    let (by, how) = match status {
        Some(status) => (By::Target, format!("exited with status {status}")),
        None => (By::Us, "was ended by us".to_owned()),
    };
    stage.log(Some(&on), What::Exited { by, status, how });
}
