//! The client under test: started with the environment of docs/drivers.md, told, heard, asked to quit, and looked at before
//! anything is judged.
//!
//! It relies on `process.rs` for what it runs in. It never waits for a client to read, nor for one to end that does not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::door::Door;
use super::host::{self, Host};
use super::journal::JournalFolder;
use super::preflight::Unfit;
use super::process::{self, Process, Variables};
use super::program;
use super::runner::engine_stage;
use super::stage::{How, Stage, State};
use super::world::World;
use crate::case::event::{Stdio, What};
use crate::case::script::Script;
use crate::client::{PREFIX, Policy};
use crate::stomp::{Frame, Version, encode};

/// How long the first line of a driver is waited for that has connected already.
const HELLO: Duration = Duration::from_millis(500);
/// What a driver is held to be able to do that was said to be one, and does not say so itself.
const USUAL: [&str; 5] = ["send", "revoke", "sync", "group", "disconnect"];
/// What a driver can do that need not be started anew for each case.
const RESTART: &str = "restart";
/// What the names of points begin with that say what a driver can do.
const CAN: &str = "can.";

/// A client under test.
#[derive(Debug, Clone)]
pub enum Client {
    /// One that cannot be started, and comes by itself.
    Visitor(Arc<Door>),
    /// A program, which is started for each case.
    Program {
        /// The program and its arguments.
        command: Vec<String>,
        /// Whether it is said to be a driver, though it may not say so itself.
        driver: bool,
    },
    /// The reference client, within this process.
    Reference {
        /// How it decides: rightly, or with a defect.
        policy: Policy,
        /// Over memory in virtual time, or over sockets.
        in_memory: bool,
    },
}

impl Client {
    /// As one would type it.
    pub fn shown(&self) -> String {
        let quoted = |word: &String| match word.contains([' ', '"', '\'', '$', '\\']) || word.is_empty() {
            true => format!("'{}'", word.replace('\'', "'\\''")),
            false => word.clone(),
        };
        match self {
            Client::Visitor(door) => format!("that comes to {}", door.url()),
            Client::Program { command, .. } => command.iter().map(quoted).collect::<Vec<_>>().join(" "),
            Client::Reference { policy, .. } => match (policy.defect, policy.variant) {
                (Some(defect), _) => format!("stompliance client --defect {defect}"),
                (None, Some(variant)) => format!("stompliance client --variant {variant}"),
                (None, None) => "stompliance client".to_owned(),
            },
        }
    }

    /// What is known of it before it is looked at: whether it is started by us, and that one that is not is no driver.
    pub(super) fn points(&self, all: impl Iterator<Item = String>) -> BTreeMap<String, Value> {
        let visits = matches!(self, Client::Visitor(_));
        let is_of_driver = |name: &String| visits && (name == "driver" || name.starts_with(CAN));
        let of_driver = all.filter(is_of_driver).map(|name| (name, Value::Bool(false)));
        of_driver.chain([("started".to_owned(), Value::Bool(!visits))]).collect()
    }

    /// Whether it lives in memory and virtual time.
    pub fn in_memory(&self) -> bool {
        matches!(self, Client::Reference { in_memory: true, .. })
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

/// Starts the client under test, or waits until it comes by itself.
pub(super) async fn start(stage: &Arc<Stage>, on: &str, how: &Start) {
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
    let variables = environment.into_iter().map(|(name, value)| (format!("{PREFIX}{name}"), value)).collect();
    let keep = |process| drop(stage.lock().processes.insert(on.to_owned(), process));
    let started = match client {
        Client::Visitor(door) => {
            keep(process::wait_for(door, stage, on).await);
            Ok(())
        }
        Client::Program { command, .. } => run(command, &variables, stage, on).await,
        Client::Reference { policy, .. } => {
            process::inhabit(*policy, &variables, host.connector.clone(), stage, on).map(keep)
        }
    };
    if let Err(why) = started {
        let why = format!("the client cannot be started: {}: {why}", client.shown());
        stage.log(Some(on), What::Fault { why });
    }
}

/// Starts a program, or restarts one that rests, of this case or else of any other; and waits until it has connected, is gone, or has
/// had its time: how long a program takes to start is nothing that it is judged by.
async fn run(command: &[String], variables: &Variables, stage: &Arc<Stage>, on: &str) -> Result<(), String> {
    let residents = &stage.world.residents;
    let _leave = residents.leave_to_start().await;
    let (begun, before) = (Instant::now(), connections(stage));
    let own = stage.lock().processes.remove(on).filter(Process::rests);
    let resting = own.or_else(|| residents.take()).filter(|process| process.restart(variables, stage, on));
    let process = match resting {
        Some(process) => process,
        None => program::spawn(command, variables, residents.are_wanted(), stage, on)
            .map_err(|e| e.to_string())?,
    };
    stage.lock().processes.insert(on.to_owned(), process);
    let is_up = |state: &mut State| {
        let connected = connections(stage) > before;
        (connected || state.links.get(on).is_none_or(|link| !link.open)).then_some(connected)
    };
    if stage.until(begun + residents.starting(stage.world.patience()), is_up).await == Some(true) {
        residents.started_within(begun.elapsed());
    }
    Ok(())
}

fn connections(stage: &Stage) -> u32 {
    stage.host.get().map_or(0, Host::connections)
}

/// Ends a client's standard input, once it has read what it was told.
pub(super) fn end_input(stage: &Stage, on: &str) {
    stage.log(Some(on), What::Line { stream: Stdio::In, text: "(the end)".to_owned() });
    if let Some(process) = stage.lock().processes.get(on) {
        process.end_input();
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
        ended(stage, on, program::PARTING).await;
    }
}

/// Ends every client of a case, and keeps for the next case what can be restarted.
pub(super) async fn dismiss(stage: &Stage) {
    end_all(stage).await;
    let processes = std::mem::take(&mut stage.lock().processes);
    processes.into_values().filter(Process::rests).for_each(|process| stage.world.residents.keep(process));
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
    let (begun, patience) = (Instant::now(), stage.world.patience());
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
    match stage.until(begun + patience, came).await {
        Some(true) => {}
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
    let hello = stage.until(Instant::now() + HELLO, hello).await;
    let forced = stage
        .world
        .client
        .as_ref()
        .is_some_and(|client| matches!(client, Client::Program { driver: true, .. }));
    let can = match hello {
        Some(can) => Some(can),
        None => forced.then(|| USUAL.map(str::to_owned).into()),
    };
    let can = can.map(|mut can| {
        can.retain(|word| word != RESTART || !stage.world.fresh_clients);
        can
    });
    if can.iter().flatten().any(|word| word == RESTART) {
        stage.world.residents.want();
    }
    let mut points: BTreeMap<String, Value> = stage
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
