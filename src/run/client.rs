//! The client under test as a process: started with the environment of docs/drivers.md, told by its standard input, heard
//! by its output, and ended with all that it has started.
//!
//! It relies on tokio for processes. It never waits for a client to read, nor for one to end that does not.

use std::process::{ExitStatus, Stdio as Pipe};
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::host;
use super::journal::JournalFolder;
use super::preflight::Unfit;
use super::runner::engine_stage;
use super::stage::{How, Stage};
use super::world::World;
use crate::case::event::{By, Stdio, What};
use crate::case::script::Script;
use crate::stomp::{Frame, Version, encode};

/// How long a client that was asked to terminate has before it is killed.
const TERMINATION: Duration = Duration::from_secs(1);
/// How long its streams are read on when it has exited: what it has started may hold them open for ever.
const LEFT_OPEN: Duration = Duration::from_millis(500);
/// Octets of a stream after which a client that never stops printing is given up.
const MOST_OCTETS: usize = 64 << 20;
/// The same in lines.
const MOST_LINES: usize = 100_000;
/// What a driver is held to be able to do that was said to be one, and does not say so itself.
const USUAL: [&str; 5] = ["send", "revoke", "sync", "group", "disconnect"];
/// What the names of points begin with that say what a driver can do.
const CAN: &str = "can.";

/// A client under test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Whether it is said to be a driver, though it may not say so itself.
    pub driver: bool,
}

impl Client {
    /// As one would type it.
    pub fn shown(&self) -> String {
        let quoted = |word: &String| match word.contains([' ', '"', '\'', '$', '\\']) || word.is_empty() {
            true => format!("'{}'", word.replace('\'', "'\\''")),
            false => word.clone(),
        };
        self.command.iter().map(quoted).collect::<Vec<_>>().join(" ")
    }
}

/// What a case says of how it is to be started.
#[derive(Debug, Clone, Default)]
pub(super) struct Start {
    pub(super) path: String,
    pub(super) token: Option<String>,
    pub(super) heart_beat: Option<String>,
    pub(super) transport: Option<String>,
}

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
    fn say(&self, line: String) {
        let _ = self.0.send(Order::Say(line));
    }

    /// Terminates it, and kills it where that does not help.
    fn end(&self) {
        let _ = self.0.send(Order::End);
    }
}

/// Starts the client under test.
pub(super) fn start(stage: &Arc<Stage>, on: &str, how: &Start) {
    let (Some(client), Some(host)) = (&stage.world.client, stage.host.get()) else {
        stage.log(Some(on), What::Fault { why: "there is no client to be started".to_owned() });
        return;
    };
    let scheme = if how.transport.as_deref() == Some("sockjs") { "http" } else { "ws" };
    let lease = stage.facts.leases.get(on);
    let token = how.token.clone().unwrap_or_else(|| format!("«token:{on}»"));
    let mut environment = vec![
        ("URL", format!("{scheme}://{}{}", host.address, how.path)),
        ("TOKEN", stage.secrets.reveal(&token)),
        ("USER", lease.map_or(String::new(), |lease| lease.user.clone())),
        ("APP_ID", stage.world.target.app.clone().unwrap_or_default()),
    ];
    environment.extend(how.heart_beat.clone().map(|beats| ("HEART_BEAT", beats)));
    environment.extend(how.transport.clone().map(|transport| ("TRANSPORT", transport)));
    let (program, arguments) = client.command.split_first().map_or(("", &[][..]), |(p, a)| (p.as_str(), a));
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Pipe::piped())
        .stdout(Pipe::piped())
        .stderr(Pipe::piped())
        .kill_on_drop(true);
    command.envs(environment.into_iter().map(|(name, value)| (format!("STOMPLIANCE_{name}"), value)));
    #[cfg(unix)]
    command.process_group(0);
    match command.spawn() {
        Err(error) => {
            let why = format!("the client cannot be started: {}: {error}", client.shown());
            stage.log(Some(on), What::Fault { why });
        }
        Ok(child) => {
            let (orders, inbox) = mpsc::unbounded_channel();
            stage.log(Some(on), What::Started { command: client.shown() });
            stage.lock().processes.insert(on.to_owned(), Process(orders));
            tokio::spawn(look_after(child, inbox, Arc::downgrade(stage), on.to_owned()));
        }
    }
}

/// Ends a client's standard input, once it has read what it was told.
pub(super) fn end_input(stage: &Stage, on: &str) {
    stage.log(Some(on), What::Line { stream: Stdio::In, text: "(the end)".to_owned() });
    if let Some(Process(orders)) = stage.lock().processes.get(on) {
        let _ = orders.send(Order::EndOfInput);
    }
}

/// Gives a client a command: an object, or a line that is none.
pub(super) fn tell(stage: &Stage, on: &str, command: &Value) {
    let line = command.as_str().map_or_else(|| command.to_string(), str::to_owned);
    stage.log(Some(on), What::Line { stream: Stdio::In, text: line.clone() });
    let line = stage.secrets.reveal(&line);
    if let Some(process) = stage.lock().processes.get(on) {
        process.say(line);
    }
}

/// Asks a driver to end by itself, and a client that is none to terminate; whether it has ended, with all that it had to
/// tell. A DISCONNECT that it sends now gets its RECEIPT, or it would wait for one.
pub(super) async fn quit(stage: &Stage, on: &str) -> bool {
    let mut answered = stage.lock().judge.farewells();
    let is_driver = stage.world.point("driver") == Some(Value::Bool(true));
    match is_driver {
        true => tell(stage, on, &json!({ "do": "quit" })),
        false => terminate(stage, on),
    }
    let deadline = Instant::now() + stage.world.patience();
    loop {
        let found = stage.until(deadline, |state| {
            let gone = state.links.get(on).is_none_or(|l| !l.open).then_some(None);
            gone.or_else(|| state.judge.farewells().into_iter().find(|f| !answered.contains(f)).map(Some))
        });
        match found.await {
            None => return false,
            Some(None) => return true,
            Some(Some(farewell)) => {
                let (server, receipt) = &farewell;
                if stage.is_open(server) {
                    let frame = Frame::new("RECEIPT").with("receipt-id", receipt);
                    stage.transmit(server, &encode(&frame, Version::V12), How::Plainly);
                }
                answered.push(farewell);
            }
        }
    }
}

fn terminate(stage: &Stage, on: &str) {
    if let Some(process) = stage.lock().processes.get(on) {
        process.end();
    }
}

/// Waits until a client has exited.
async fn ended(stage: &Stage, on: &str, patience: Duration) -> bool {
    let gone = |state: &mut super::stage::State| state.links.get(on).is_none_or(|l| !l.open).then_some(());
    stage.until(Instant::now() + patience, gone).await.is_some()
}

/// Ends every client of a case.
pub(super) async fn end_all(stage: &Stage) {
    let running: Vec<String> = stage.lock().processes.keys().cloned().collect();
    for on in &running {
        terminate(stage, on);
    }
    for on in &running {
        ended(stage, on, TERMINATION * 2 + LEFT_OPEN).await;
    }
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

/// Starts the client once, before anything is judged: whether it connects at all, and what it says it can do.
///
/// # Errors
/// What was in the way.
pub(super) async fn preflight(
    world: &Arc<World>,
    model: &Script,
    folder: Option<&JournalFolder>,
) -> Result<(), Unfit> {
    let seats = [("client".to_owned(), 0)].into();
    let stage = engine_stage(world, model, "preflight", seats, folder);
    let found = audition(&stage).await;
    end_all(&stage).await;
    stage.close_journal();
    let shown = world.client.as_ref().map(Client::shown).unwrap_or_default();
    found.map_err(|why| Unfit::client(&shown, why))
}

async fn audition(stage: &Arc<Stage>) -> Result<(), String> {
    let _ = stage.host.set(host::open(stage).await?);
    super::acts::become_state(
        stage,
        "client",
        stage.script.sending_state().unwrap_or_default(),
        None,
        crate::case::event::Phase::Engine,
    )
    .await;
    let came = |state: &mut super::stage::State| {
        let connected = state.judge.has_item("server/1");
        (connected || state.links.get("client").is_none_or(|l| !l.open)).then_some(connected)
    };
    let (begun, patience) = (Instant::now(), stage.world.patience());
    match stage.until(begun + patience, came).await {
        // One that takes long to start takes longer among others: patience is ten times that.
        Some(true) => stage.round_trip(begun.elapsed() / 2),
        Some(false) => {
            let story = stage.lock().judge.story("client");
            return Err(with_last_words(stage, story));
        }
        None => {
            let why = format!("it did not connect within {} ms", patience.as_millis());
            return Err(with_last_words(stage, why));
        }
    }
    // It is said before the client connects; but the two come on different ways.
    let hello = |state: &mut super::stage::State| state.judge.told("client").into_iter().find_map(hello);
    let hello = stage.until(Instant::now() + LEFT_OPEN, hello).await;
    let forced = stage.world.client.as_ref().is_some_and(|client| client.driver);
    let can = match hello {
        Some(can) => Some(can),
        None => forced.then(|| USUAL.map(str::to_owned).into()),
    };
    let mut points: std::collections::BTreeMap<String, Value> = stage
        .world
        .points
        .keys()
        .filter_map(|name| Some((name.clone(), name.strip_prefix(CAN)?)))
        .map(|(name, word)| (name.clone(), Value::Bool(can.iter().flatten().any(|one| one == word))))
        .collect();
    points.insert("driver".into(), Value::Bool(can.is_some()));
    stage.world.observe(&points);
    Ok(())
}

/// What was in the way, with what the client last said of it.
fn with_last_words(stage: &Stage, why: String) -> String {
    match stage.lock().last_words.get("client") {
        Some(words) => format!("{why}\n  the last line of its standard error: {words}"),
        None => why,
    }
}

/// What a driver's first line says that it can do.
fn hello(line: Value) -> Option<Vec<String>> {
    line.get("hello").filter(|version| **version == 1)?;
    let can = line.get("can").and_then(Value::as_array).into_iter().flatten();
    Some(can.filter_map(|word| word.as_str().map(str::to_owned)).collect())
}
