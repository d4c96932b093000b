//! What a client under test runs in: a process of the system, or a task of ours for the reference client. It is told lines,
//! heard by what it prints, and ended with all that it has started.
//!
//! It relies on tokio for processes. It never waits for a client to read, nor for one to end that does not.

use std::process::{ExitStatus, Stdio as Pipe};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::door::Door;
use super::stage::Stage;
use crate::case::event::{By, Stdio, What};
use crate::client::{Core, Environment, PREFIX, Policy, live};
use crate::link::Connector;

/// How long a client that was asked to terminate has before it is killed.
const TERMINATION: Duration = Duration::from_secs(1);
/// How long its streams are read on when it has exited: what it has started may hold them open for ever.
const LEFT_OPEN: Duration = Duration::from_millis(500);
/// Octets of a stream after which a client that never stops printing is given up.
const MOST_OCTETS: usize = 64 << 20;
/// The same in lines.
const MOST_LINES: usize = 100_000;
/// How long a client takes at most that was asked to terminate.
pub(super) const PARTING: Duration = TERMINATION.saturating_mul(2).saturating_add(LEFT_OPEN);

/// Variables of its environment, with their values.
pub(super) type Variables = Vec<(String, String)>;

enum Order {
    Say(String),
    EndOfInput,
    End,
}

/// A client that runs.
#[derive(Debug)]
pub(super) struct Process(mpsc::UnboundedSender<Order>);

impl Process {
    /// Tells it a line. One that does not read is not waited for.
    pub(super) fn say(&self, line: String) {
        let _ = self.0.send(Order::Say(line));
    }

    /// Ends its standard input, once it has read what it was told.
    pub(super) fn end_input(&self) {
        let _ = self.0.send(Order::EndOfInput);
    }

    /// Terminates it, and kills it where that does not help.
    pub(super) fn end(&self) {
        let _ = self.0.send(Order::End);
    }
}

/// Starts a program.
///
/// # Errors
/// What the system says.
pub(super) fn spawn(
    command: &[String],
    variables: Variables,
    stage: &Arc<Stage>,
    on: &str,
) -> Result<Process, String> {
    let (program, arguments) = command.split_first().map_or(("", &[][..]), |(p, a)| (p.as_str(), a));
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(variables)
        .stdin(Pipe::piped())
        .stdout(Pipe::piped())
        .stderr(Pipe::piped())
        .kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let child = command.spawn().map_err(|e| e.to_string())?;
    let (orders, inbox) = mpsc::unbounded_channel();
    log_start(stage, on);
    tokio::spawn(look_after(child, inbox, Arc::downgrade(stage), on.to_owned()));
    Ok(Process(orders))
}

fn log_start(stage: &Stage, on: &str) {
    let command = stage.world.client.as_ref().map(super::client::Client::shown).unwrap_or_default();
    stage.log(Some(on), What::Started { command });
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
    log_start(stage, on);
    tokio::spawn(accompany(core, policy, connector, inbox, Arc::downgrade(stage), on.to_owned()));
    Ok(Process(orders))
}

/// Waits for a client that comes by itself, as long as it likes. From then on all connections are those of the case, until it ends.
pub(super) async fn wait_for(door: &Arc<Door>, stage: &Arc<Stage>, on: &str) -> Process {
    door.waits();
    let first = door.next().await;
    log_start(stage, on);
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
    Process(orders)
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
                Some(Order::End) | None => break None,
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

/// Looks after a process until it has exited: what it says, what it is told, and its end.
async fn look_after(
    mut child: Child,
    mut orders: mpsc::UnboundedReceiver<Order>,
    stage: Weak<Stage>,
    on: String,
) {
    let group = child.id();
    let (overflow, mut overflown) = mpsc::unbounded_channel();
    let read = |stream: Stdio, pipe: Option<Box<dyn AsyncRead + Send + Unpin>>| {
        tokio::spawn(lines(pipe, stream, stage.clone(), on.clone(), overflow.clone()))
    };
    let out = read(Stdio::Out, child.stdout.take().map(|pipe| Box::new(pipe) as _));
    let err = read(Stdio::Err, child.stderr.take().map(|pipe| Box::new(pipe) as _));
    let (aborts, mut read_out) =
        ([out.abort_handle(), err.abort_handle()], futures_util::future::join(out, err));
    let (say, said) = mpsc::unbounded_channel();
    let mut say = Some(say);
    let speaking = tokio::spawn(speak(child.stdin.take(), said));
    let (mut by, mut kill_at, mut why) = (By::Target, None, None);
    let exited = loop {
        let kill = async {
            match kill_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            exited = child.wait() => break exited,
            () = kill => {
                signal(group, true);
                let _ = child.start_kill();
                kill_at = None;
            }
            Some(reason) = overflown.recv() => {
                (by, kill_at, why) = (By::Us, Some(Instant::now()), Some(reason));
            }
            order = orders.recv() => match order {
                Some(Order::Say(line)) => drop(say.as_ref().map(|say| say.send(line))),
                Some(Order::EndOfInput) => say = None,
                // Its case is over, or gone.
                Some(Order::End) | None if by == By::Target => {
                    by = By::Us;
                    kill_at = Some(Instant::now() + TERMINATION);
                    signal(group, false);
                }
                Some(Order::End) => {}
                // Nobody is left who would say more.
                None => std::future::pending().await,
            }
        }
    };
    speaking.abort();
    if timeout(LEFT_OPEN, &mut read_out).await.is_err() {
        aborts.iter().for_each(AbortHandle::abort);
    }
    // What it has started ends with it.
    signal(group, true);
    let Some(stage) = stage.upgrade() else { return };
    let status = exited.as_ref().ok().and_then(ExitStatus::code);
    let how = why.unwrap_or_else(|| match (by, &exited) {
        (By::Us, _) => "was ended by us".to_owned(),
        (By::Target, Ok(exited)) => match exited.code() {
            Some(code) => format!("exited with status {code}"),
            None => format!("was ended by {exited}"),
        },
        (By::Target, Err(error)) => format!("cannot be waited for: {error}"),
    });
    stage.log(Some(&on), What::Exited { by, status, how });
}

/// Sends a signal to a client and all that it has started, where the system has groups of processes.
fn signal(group: Option<u32>, kill: bool) {
    #[cfg(unix)]
    if let Some(pid) = group.and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?)) {
        use rustix::process::{Signal, kill_process_group};
        let _ = kill_process_group(pid, if kill { Signal::KILL } else { Signal::TERM });
    }
    #[cfg(not(unix))]
    let _ = (group, kill);
}

async fn speak(stdin: Option<ChildStdin>, mut lines: mpsc::UnboundedReceiver<String>) {
    let Some(mut stdin) = stdin else { return };
    while let Some(line) = lines.recv().await {
        let said = async {
            stdin.write_all(format!("{line}\n").as_bytes()).await?;
            stdin.flush().await
        };
        if said.await.is_err() {
            // It does not listen any more: that shows elsewhere.
            return;
        }
    }
}

/// Logs a stream line by line, until it ends or is too much.
async fn lines(
    pipe: Option<Box<dyn AsyncRead + Send + Unpin>>,
    stream: Stdio,
    stage: Weak<Stage>,
    on: String,
    overflow: mpsc::UnboundedSender<String>,
) {
    let Some(mut pipe) = pipe else { return };
    let (mut pending, mut chunk) = (Vec::new(), vec![0; 64 << 10]);
    let (mut octets, mut count) = (0, 0);
    let log = |line: &[u8]| {
        if let Some(stage) = stage.upgrade() {
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
            let text = stage.secrets.conceal(&line);
            stage.log(Some(&on), What::Line { stream, text });
        }
    };
    while let Ok(read @ 1..) = pipe.read(&mut chunk).await {
        octets += read;
        let mut rest = &chunk[..read];
        while let Some(end) = memchr::memchr(b'\n', rest) {
            pending.extend_from_slice(&rest[..end]);
            log(&std::mem::take(&mut pending));
            rest = &rest[end + 1..];
            count += 1;
        }
        pending.extend_from_slice(rest);
        if count > MOST_LINES || octets > MOST_OCTETS {
            let why = format!("never stopped printing: {count} lines, {octets} octets");
            let _ = overflow.send(why);
            return;
        }
    }
    if !pending.is_empty() {
        log(&pending);
    }
}
