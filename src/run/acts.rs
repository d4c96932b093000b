//! Carrying out steps: control flow here, what each act means on a connection in the functions below.
//!
//! It relies on the stage for the log and for waiting, and on the judge for what each step is to do. It never decides
//! whether something held.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout};

use super::barrier;
use super::client::{self, Start};
use super::host;
use super::settle;
use super::stage::{How, Stage};
use super::world::Waiting as Spent;
use crate::case::event::{Body, Phase, Way, What};
use crate::case::script::{Act, Deed, Kind, Layout, Repeat, Side, Step};
use crate::case::transport::Transport;
use crate::judge::{Prepared, Waiting, WsAct, length_of};
use crate::link::upgrade::HttpRequest;
use crate::link::ws::opcode;
use crate::session::{OpenRequest, http, open};
use crate::stomp::{Decoder, Frame, Item, Limits, Mode, Style, encode, encode_with};

/// Whether a case goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Go,
    Stop,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'s> {
    /// The instance within which it runs.
    pub(super) up: Option<u32>,
    pub(super) phase: Phase,
    /// Whoever uses the verb within which it stands.
    pub(super) me: &'s str,
    /// Whether what it sends should ask for a receipt, because it is settled next.
    pub(super) ask: bool,
    /// Whether it stands within a verb that has a road: then the verb is the act.
    pub(super) counted: bool,
    /// Whether it stands within a `repeat: lasts`, which ends its waits: what does not come in it is no fault.
    pub(super) lasting: bool,
}

type Doing<'s> = Pin<Box<dyn Future<Output = Flow> + Send + 's>>;

/// Steps one after the other.
pub(super) fn steps<'s>(stage: &'s Arc<Stage>, steps: &'s [Step], at: At<'s>) -> Doing<'s> {
    Box::pin(async move {
        for (index, one) in steps.iter().enumerate() {
            let ask = match steps.get(index + 1) {
                Some(next) => settles(one, next),
                None => at.ask,
            };
            if step(stage, one, At { ask, ..at }).await == Flow::Stop {
                return Flow::Stop;
            }
        }
        Flow::Go
    })
}

/// Whether the next step settles what this one does.
fn settles(this: &Step, next: &Step) -> bool {
    match (&this.kind, &next.kind) {
        (Kind::Act(this), Kind::Act(next)) => {
            this.actor == next.actor && matches!(next.deed, Deed::Settle(_) | Deed::Gone(_))
        }
        _ => false,
    }
}

/// One step.
pub(super) fn step<'s>(stage: &'s Arc<Stage>, step: &'s Step, at: At<'s>) -> Doing<'s> {
    Box::pin(async move {
        match &step.kind {
            Kind::Together(inner) => {
                let run = stage.begin(step.id, at.up, at.phase, at.me, Map::new());
                let at = At { up: Some(run), ask: false, ..at };
                let branches = branches(inner).into_iter().map(|branch| async move {
                    for one in branch {
                        if self::step(stage, one, at).await == Flow::Stop {
                            return Flow::Stop;
                        }
                    }
                    Flow::Go
                });
                let flows = join_all(branches).await;
                stage.end(run, at.me);
                if flows.contains(&Flow::Stop) { Flow::Stop } else { Flow::Go }
            }
            Kind::Repeat(repeat) => self::repeat(stage, step, repeat, at).await,
            Kind::Check(_) | Kind::Needs(_) | Kind::Observe { .. } => {
                let run = stage.begin(step.id, at.up, at.phase, at.me, Map::new());
                stage.end(run, at.me);
                going(stage, at.phase)
            }
            Kind::Act(act) => {
                let actor = if act.actor.is_empty() { at.me } else { &stage.numbered(act, &act.actor) };
                match stage.facts.crowds.get(actor) {
                    Some(count) => crowd(stage, step, act, actor, *count, at).await,
                    None => one(stage, step, act, at, actor).await,
                }
            }
        }
    })
}

/// Steps side by side: each connection keeps its order, connections do not wait for one another (docs/language.md 3).
fn branches(steps: &[Step]) -> Vec<Vec<&Step>> {
    let mut branches: Vec<(&str, Vec<&Step>)> = Vec::new();
    for step in steps {
        let actor = match &step.kind {
            Kind::Act(act) => act.actor.as_str(),
            _ => "",
        };
        match branches.iter_mut().find(|(name, _)| !actor.is_empty() && *name == actor) {
            Some((_, branch)) => branch.push(step),
            None => branches.push((actor, vec![step])),
        }
    }
    branches.into_iter().map(|(_, branch)| branch).collect()
}

/// The first broken MUST ends the case; the engine's own steps have no such power.
fn going(stage: &Stage, phase: Phase) -> Flow {
    if phase != Phase::Engine && stage.lock().judge.is_over() { Flow::Stop } else { Flow::Go }
}

async fn repeat<'s>(stage: &'s Arc<Stage>, step: &'s Step, repeat: &'s Repeat, at: At<'s>) -> Flow {
    let run = stage.begin(step.id, at.up, at.phase, at.me, Map::new());
    let prepared = stage.lock().judge.prepared(run).cloned();
    let mut flow = Flow::Go;
    match prepared {
        Some(Prepared::Rounds(values)) => {
            for value in values {
                flow = round(stage, step, repeat, run, value, at).await;
                if flow == Flow::Stop {
                    break;
                }
            }
        }
        Some(Prepared::Lasting(us)) => {
            let lasts = Duration::from_micros(us);
            // It ends, without fault, also in the middle of a wait.
            let rounds = async {
                let mut count = 0_u64;
                loop {
                    count += 1;
                    let at = At { lasting: true, ..at };
                    if round(stage, step, repeat, run, Value::from(count), at).await == Flow::Stop {
                        return Flow::Stop;
                    }
                }
            };
            flow = timeout(lasts, rounds).await.unwrap_or(Flow::Go);
            Spent::add(&stage.world.waiting.windows, lasts);
        }
        _ => flow = Flow::Stop,
    }
    stage.end(run, at.me);
    flow
}

async fn round<'s>(
    stage: &'s Arc<Stage>,
    step: &Step,
    repeat: &'s Repeat,
    up: u32,
    value: Value,
    at: At<'s>,
) -> Flow {
    let names: Map<String, Value> = repeat.name.iter().map(|name| (name.clone(), value.clone())).collect();
    let run = stage.begin(step.id, Some(up), at.phase, at.me, names);
    let flow = steps(stage, &repeat.steps, At { up: Some(run), ask: false, ..at }).await;
    stage.end(run, at.me);
    flow
}

/// A step of a crowd is done by all of them at once.
async fn crowd<'s>(
    stage: &'s Arc<Stage>,
    step: &'s Step,
    act: &'s Act,
    crowd: &str,
    count: u64,
    at: At<'s>,
) -> Flow {
    let run = stage.begin(step.id, at.up, at.phase, crowd, Map::new());
    let names: Vec<String> = (1..=count).map(|n| format!("{crowd}/{n}")).collect();
    let inner = At { up: Some(run), ..at };
    let flows = join_all(names.iter().map(|name| one(stage, step, act, inner, name))).await;
    stage.end(run, crowd);
    if flows.contains(&Flow::Stop) { Flow::Stop } else { Flow::Go }
}

async fn one(stage: &Arc<Stage>, step: &Step, act: &Act, at: At<'_>, on: &str) -> Flow {
    let run = stage.begin(step.id, at.up, at.phase, on, Map::new());
    let prepared = stage.lock().judge.prepared(run).cloned().unwrap_or(Prepared::Nothing);
    let deciding = matches!(at.phase, Phase::Given | Phase::Steps);
    let flow = match (&act.deed, prepared) {
        (_, Prepared::Failed(_)) => Flow::Stop,
        (Deed::Call { does, road, .. }, _) => {
            if deciding && !at.counted && road.is_some() {
                let group = stage.lock().judge.bound(run, "group");
                stage.acted(on, road.clone(), group, "");
            }
            let counted = at.counted || road.is_some();
            steps(stage, does, At { up: Some(run), me: on, counted, ..at }).await
        }
        (Deed::See(see), _) => {
            let waiting = stage.see(run, on, patience(stage, act, at)).await;
            if waiting == Waiting::Barrier {
                barrier::serve(stage, run, on, act, see).await;
            }
            engine_flow(stage, run, at.phase)
        }
        (Deed::Watch { .. }, Prepared::Watch { lasts_us, .. }) => {
            watch(stage, run, Duration::from_micros(lasts_us), on).await;
            Flow::Go
        }
        (Deed::Become(_), Prepared::Become(state)) => {
            become_state(stage, on, &state, Some(run), at.phase).await
        }
        (Deed::Settle(_), Prepared::Settle(road)) => {
            settle::settle(stage, run, on, &road).await;
            Flow::Go
        }
        (Deed::Gone(_), Prepared::Gone(id)) => {
            settle::gone(stage, run, on, &id).await;
            Flow::Go
        }
        (_, prepared) => {
            // A layout by itself says nothing to anybody.
            if deciding && !at.counted && !matches!(prepared, Prepared::Wire(_)) {
                let command = match &prepared {
                    Prepared::Frame(frame) | Prepared::FrameWithoutLength(frame) => frame.command.as_str(),
                    _ => "",
                };
                stage.acted(on, None, None, command);
            }
            deed(stage, run, on, prepared, at).await;
            Flow::Go
        }
    };
    stage.end(run, on);
    if flow == Flow::Stop { Flow::Stop } else { going(stage, at.phase) }
}

/// How long a seeing waits.
fn patience(stage: &Stage, act: &Act, at: At<'_>) -> Duration {
    // Whatever it stands within ends it.
    const FOR_EVER: Duration = Duration::from_secs(24 * 3600);
    // A client has ten seconds to come back (docs/drivers.md), and is a process that must be started first.
    const COMING: Duration = Duration::from_secs(11);
    match (at.lasting, act.takes_connection()) {
        (true, _) => FOR_EVER,
        (false, true) => stage.world.patience().max(COMING),
        (false, false) => stage.world.patience(),
    }
}

/// What the engine does for itself goes no further where something did not come: no check says so.
fn engine_flow(stage: &Stage, run: u32, phase: Phase) -> Flow {
    let held = stage.lock().judge.waiting(run) == (Waiting::Over, true);
    if phase == Phase::Engine && !held { Flow::Stop } else { Flow::Go }
}

/// A window of time: it ends early only where it is decided, by the end of the connection.
async fn watch(stage: &Arc<Stage>, run: u32, lasts: Duration, on: &str) {
    let begun = Instant::now();
    let over = stage.until(begun + lasts, |state| {
        let gone = state.links.get(on).is_none_or(|l| !l.open);
        (gone && state.judge.waiting(run).0 == Waiting::Over).then_some(())
    });
    noting_stalls(over, |late| stage.log(Some(on), What::Stall { us: late.as_micros() as u64 })).await;
    Spent::add(&stage.world.waiting.windows, begun.elapsed());
    stage.log(Some(on), What::Window { run });
}

/// Waits, and notes where the harness itself is late: what it then sees of time is worth nothing.
async fn noting_stalls<T>(over: impl Future<Output = T>, note: impl Fn(Duration)) -> T {
    const EVERY: Duration = Duration::from_millis(20);
    const LATE: Duration = Duration::from_millis(100);
    let stalls = async {
        loop {
            let before = Instant::now();
            tokio::time::sleep(EVERY).await;
            let late = before.elapsed().saturating_sub(EVERY);
            if late > LATE {
                note(late);
            }
        }
    };
    // A stall may last beyond the end of what is waited for: it is looked for first, or nobody would know of it.
    tokio::select! {
        biased;
        never = stalls => never,
        over = over => over,
    }
}

/// What an act means on a connection.
async fn deed(stage: &Arc<Stage>, run: u32, on: &str, prepared: Prepared, at: At<'_>) {
    let length = length_of(&prepared);
    match prepared {
        Prepared::Spawn { path, token, heart_beat, transport } => {
            client::start(stage, on, &Start { path, token, heart_beat, transport }).await;
        }
        Prepared::Answer { status, headers, body, held, sockjs } => {
            let over = if sockjs { Transport::SockjsWebsocket } else { Transport::Websocket };
            host::answer(stage, run, on, (status, &headers, &body), (held, over)).await;
        }
        Prepared::Cut { .. } if host::leave_unanswered(stage, on) => {}
        Prepared::Open { path, query, headers, subprotocols } => {
            open_link(stage, on, path, query, headers, subprotocols).await;
        }
        Prepared::Http { method, path, headers, body } => {
            let request = HttpRequest { method, path, headers, body: body.into_bytes() };
            let (stage, sink) = (stage.clone(), stage.sink(on));
            // Its answer may take as long as it likes: a poll is such a request.
            tokio::spawn(async move {
                // That there is none is told before whoever waits for it gives up.
                let patience = stage.world.patience() * 9 / 10;
                http(&stage.world.endpoint, request, &stage.secrets, patience, sink).await;
            });
        }
        other => {
            if !stage.is_open(on) {
                let why = "the connection has ended".to_owned();
                stage.log(Some(on), What::Skip { run, why });
                return;
            }
            match other {
                Prepared::Frame(frame) | Prepared::FrameWithoutLength(frame) => {
                    send_frame(stage, on, frame, length, at);
                }
                Prepared::Bytes(octets) => {
                    let shown = stage.secrets.conceal(&String::from_utf8_lossy(&octets));
                    let octets = stage.secrets.reveal_octets(&octets);
                    let body = if std::str::from_utf8(&octets).is_ok() {
                        Body::Text(shown)
                    } else {
                        Body::from_octets(&octets)
                    };
                    stage.log(Some(on), What::Octets { way: Way::Out, octets: body });
                    stage.transmit(on, &octets, How::AsItIs);
                }
                Prepared::Do(command) => client::tell(stage, on, &command),
                Prepared::EndOfInput => client::end_input(stage, on),
                Prepared::Wire(layout) => wire(stage, on, layout),
                Prepared::Ws(act) => ws(stage, on, act),
                Prepared::Cut { reset } => cut(stage, on, reset).await,
                _ => {}
            }
        }
    }
}

async fn open_link(
    stage: &Arc<Stage>,
    on: &str,
    path: Option<String>,
    query: Vec<(String, Option<String>)>,
    headers: Vec<(String, Option<String>)>,
    subprotocols: Vec<String>,
) {
    let mut all: Vec<(String, String)> = Vec::new();
    let token =
        stage.lock().judge.actor(on).and_then(|a| a.get("token").and_then(Value::as_str).map(str::to_owned));
    all.extend(token.map(|token| ("token".to_owned(), token)));
    for (name, value) in query {
        all.retain(|(n, _)| *n != name);
        all.extend(value.map(|value| (name, value)));
    }
    let (over, seed) = (stage.over(on), stage.seed_for(on));
    let request = OpenRequest { path, query: all, headers, subprotocols, over, seed };
    let begun = Instant::now();
    let patience = stage.world.patience();
    let connection = open(&stage.world.endpoint, &request, &stage.secrets, patience, stage.sink(on)).await;
    stage.round_trip(begun.elapsed());
    if let Some(connection) = connection {
        stage.lock().links.entry(on.to_owned()).or_default().connection = Some(connection);
    }
}

/// Sends a frame: secrets revealed, octets checked by our own strict reader first.
fn send_frame(
    stage: &Arc<Stage>,
    on: &str,
    mut frame: Frame,
    length: crate::stomp::ContentLength,
    at: At<'_>,
) {
    let engine = at.phase == Phase::Engine;
    if at.ask
        && stage.world.gives_receipts()
        && !matches!(frame.command.as_str(), "CONNECT" | "STOMP")
        && !frame.headers.has("receipt")
    {
        // Servers may copy the header into MESSAGE: what carries a message must not look like the engine's own.
        let mark = stage.engine_mark();
        let id = if frame.command == "SEND" { mark.replacen('w', "r", 1) } else { mark };
        frame.headers.push("receipt", id.clone());
        stage.lock().asked.insert(on.to_owned(), id);
    }
    let headers = frame.headers.iter().map(|(n, v)| (stage.secrets.reveal(n), stage.secrets.reveal(v)));
    let revealed = Frame {
        command: frame.command.clone(),
        headers: headers.collect(),
        body: stage.secrets.reveal_octets(&frame.body),
    };
    let (version, crlf) = {
        let state = stage.lock();
        let connection = state.links.get(on).and_then(|l| l.connection.as_ref());
        (
            connection.map(|c| c.version).unwrap_or_default(),
            !engine && connection.is_some_and(|c| c.writer.is_crlf()),
        )
    };
    let style = Style { version, crlf, content_length: length, ..Style::default() };
    let octets = encode_with(&revealed, &style);
    if let Some(why) = ill_formed(&octets, version) {
        let why = format!(
            "the harness would have sent a malformed frame ({why}); malformed ones are sent with `bytes`"
        );
        stage.log(Some(on), What::Fault { why: stage.secrets.conceal(&why) });
        return;
    }
    stage.transmit(on, &octets, if engine { How::Plainly } else { How::LaidOut });
}

fn ill_formed(octets: &[u8], version: crate::stomp::Version) -> Option<String> {
    let mut reader = Decoder::new(Mode::Strict, Limits::GENEROUS);
    reader.set_version(version);
    reader.feed(octets);
    match reader.next_item() {
        Some(Item::Frame(..)) => reader.finish().map(|f| f.to_string()),
        Some(Item::Fault(fault)) => Some(fault.to_string()),
        _ => Some("no whole frame".into()),
    }
}

/// Takes note that a case asks of a transport what it cannot do: it then proves nothing.
fn beyond(stage: &Stage, on: &str, what: &str) {
    let why = format!("{on} cannot {what}: there is no WebSocket beneath `{}`", stage.over(on).word());
    stage.log(Some(on), What::Fault { why });
}

fn wire(stage: &Arc<Stage>, on: &str, layout: Layout) {
    if !stage.over(on).has_websocket() && (layout.fragment.is_some() || layout.binary) {
        return beyond(stage, on, "send fragments or binary messages");
    }
    let mut state = stage.lock();
    if let Some(connection) = state.links.get_mut(on).and_then(|l| l.connection.as_mut()) {
        connection.set_silent(layout.silent);
        let left = connection.writer.set_layout(layout);
        connection.send(left);
    }
}

fn ws(stage: &Arc<Stage>, on: &str, act: WsAct) {
    if !stage.over(on).has_websocket() {
        return beyond(stage, on, "use `ws`");
    }
    let (kind, text) = match &act {
        WsAct::Ping(text) => ("ping", text.clone()),
        WsAct::Pong(text) => ("pong", text.clone()),
        WsAct::Close(code) => ("close", code.to_string()),
        WsAct::Raw(octets) => {
            stage.log(Some(on), What::Octets { way: Way::Out, octets: Body::Hex(hex(octets)) });
            ("raw", String::new())
        }
    };
    if kind != "raw" {
        stage.log(Some(on), What::Ws { way: Way::Out, kind: kind.into(), text });
    }
    let mut state = stage.lock();
    let Some(link) = state.links.get_mut(on) else { return };
    // Whatever stands beneath may have left a frame unfinished.
    link.spoilt |= kind == "raw";
    let Some(connection) = link.connection.as_mut() else { return };
    match act {
        WsAct::Ping(text) => {
            let octets = connection.writer.control(opcode::PING, text.into_bytes());
            connection.send(octets);
        }
        WsAct::Pong(text) => {
            let octets = connection.writer.control(opcode::PONG, text.into_bytes());
            connection.send(octets);
        }
        WsAct::Close(code) => connection.close(code, stage.world.patience()),
        WsAct::Raw(octets) => connection.send(octets),
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|b| format!("{b:02x}")).collect()
}

async fn cut(stage: &Arc<Stage>, on: &str, reset: bool) {
    if let Some(connection) = stage.lock().links.get(on).and_then(|l| l.connection.as_ref()) {
        connection.cut(reset);
    }
    ended(stage, on).await;
}

/// Waits until a connection has ended; what we ourselves have ended ends soon.
pub(super) async fn ended(stage: &Arc<Stage>, on: &str) {
    let deadline = Instant::now() + stage.world.patience();
    stage.until(deadline, |state| state.links.get(on).is_none_or(|l| !l.open).then_some(())).await;
}

/// Closes a connection with the handshake, and waits for its end. Over HTTP there is none: a session that was merely left
/// lives on for seconds and takes what is meant for others, so that it says DISCONNECT first.
pub(super) async fn close(stage: &Arc<Stage>, on: &str) {
    if !stage.over(on).has_websocket() && stage.can_send(on) {
        let version = stage.lock().links.get(on).and_then(|l| l.connection.as_ref()).map(|c| c.version);
        stage.transmit(on, &encode(&Frame::new("DISCONNECT"), version.unwrap_or_default()), How::Plainly);
    }
    {
        let mut state = stage.lock();
        let Some(link) = state.links.get_mut(on).filter(|l| l.open) else { return };
        if let Some(connection) = &mut link.connection {
            connection.close(1000, stage.world.parting());
        }
    }
    ended(stage, on).await;
}

/// How long a network may hold back a request, however quick the others were. Nothing shows that the target has a poll.
const HELD_BACK: Duration = Duration::from_millis(500);

/// What was said or ended before is known to the server by then: a time that docs/verdicts.md names, and nothing else would
/// show it.
async fn departure(stage: &Arc<Stage>, least: Duration) {
    let time = stage.world.departure().max(least);
    Spent::add(&stage.world.waiting.grace, time);
    tokio::time::sleep(time).await;
}

/// Brings a connection to a state, from where it is.
pub(super) async fn become_state(
    stage: &Arc<Stage>,
    on: &str,
    state: &str,
    up: Option<u32>,
    phase: Phase,
) -> Flow {
    let Some(wanted) = stage.script.rank(state) else {
        stage.log(Some(on), What::Fault { why: format!("`{state}` is no state of the dialect") });
        return Flow::Stop;
    };
    if wanted == 0 && stage.lock().processes.contains_key(on) {
        client::end_all(stage).await;
        return Flow::Go;
    }
    if wanted == 0 {
        // Who receives by HTTP has just asked anew: what is given up must have come to the server, to be missed there.
        if state == "offline" && !stage.over(on).has_websocket() && stage.is_open(on) {
            departure(stage, HELD_BACK).await;
        }
        close(stage, on).await;
        if state == "offline" {
            departure(stage, Duration::ZERO).await;
        }
        return Flow::Go;
    }
    for rank in stage.rank(on)..wanted {
        let begun = Instant::now();
        let inner = &stage.script.states[rank].steps;
        let at = At { up, phase, me: on, ask: false, counted: true, lasting: false };
        if steps(stage, inner, at).await == Flow::Stop {
            return Flow::Stop;
        }
        if stage.script.judges == Side::Server {
            stage.round_trip(begun.elapsed() / 2);
        }
        let mut state = stage.lock();
        let link = state.links.entry(on.to_owned()).or_default();
        if !link.open {
            return Flow::Go;
        }
        link.rank = rank + 1;
    }
    Flow::Go
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test]
    async fn a_stall_that_outlasts_what_is_waited_for_is_noted() {
        let seen = RefCell::new(Vec::new());
        let waited = async {
            tokio::time::sleep(Duration::from_millis(30)).await;
        };
        // The only thread is held for longer than all that was waited for.
        tokio::spawn(async { std::thread::sleep(Duration::from_millis(250)) });
        noting_stalls(waited, |late| seen.borrow_mut().push(late)).await;
        assert_eq!(seen.borrow().len(), 1, "{seen:?}");
    }
}
