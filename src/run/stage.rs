//! Where a case takes place: its connections, its log, its judge, and a way to wait for any of it to change.
//!
//! It relies on the judge for what a wait is for and whether it is over. Every event goes through one door: logged,
//! judged, and told to whoever waits, in that order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::host::Host;
use super::journal::Journal;
use super::order::Order;
use super::process::Process;
use super::road::{Shared, Way};
use super::world::{Waiting as Spent, World};
use crate::case::event::{Event, Phase, Seen, Stdio, What};
use crate::case::script::{Act, LISTENING, Script, role_of};
use crate::case::transport::Transport;
use crate::dice::Dice;
use crate::judge::{Facts, HELD_UP, Judge, Waiting};
use crate::session::secrets::Secrets;
use crate::session::{Connection, Sink};
use crate::stomp::{Decoder, Item, Limits, Mode, Version};

/// A connection of the case, and what the engine knows of it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) connection: Option<Connection>,
    /// Whether it is open: upgraded, and not ended.
    pub(super) open: bool,
    /// How it ended.
    pub(super) ended: Option<crate::case::event::By>,
    /// How many of the dialect's states it has gone through.
    pub(super) rank: usize,
    /// The last command that was sent on it.
    pub(super) last: String,
    /// Whether CONNECT was sent on it.
    pub(super) greeted: bool,
    /// Subscriptions that were asked for, behind CONNECT and by an id, and not cancelled: id and destination.
    pub(super) live: Vec<(String, String)>,
    /// Destinations of those that were cancelled.
    pub(super) cancelled: BTreeSet<String>,
    /// Ids of those that were shown to live before an ERROR came.
    pub(super) proved: BTreeSet<String>,
    /// Reads what we send as the target would, so that it can be logged.
    echo: Decoder,
    /// Whether what was sent on it ends within a frame, or was none: nothing said after it can be counted on.
    pub(super) spoilt: bool,
    /// Whether it got an ERROR.
    pub(super) refused: bool,
    /// How often it was opened.
    dials: u64,
    /// When it last acted, by the stage's count of acts.
    pub(super) acted: u64,
    /// What was acted up to the last barrier on it.
    pub(super) barrier: u64,
}

impl Default for Link {
    fn default() -> Self {
        Link {
            connection: None,
            open: false,
            ended: None,
            rank: 0,
            last: String::new(),
            greeted: false,
            live: Vec::new(),
            cancelled: BTreeSet::new(),
            proved: BTreeSet::new(),
            echo: Decoder::new(Mode::Lenient, Limits::GENEROUS),
            spoilt: false,
            refused: false,
            dials: 0,
            acted: 0,
            barrier: 0,
        }
    }
}

/// Something that an actor did in `given` or `steps`.
#[derive(Debug, Clone)]
pub(super) struct Deeded {
    /// The count of acts at that moment.
    pub(super) at: u64,
    pub(super) on: String,
    /// The road that the verb names.
    pub(super) road: Option<String>,
    /// The group, for a road to a group.
    pub(super) group: Option<Value>,
    /// The command, for a frame without a road.
    pub(super) command: String,
    /// Whether it has been shown to be worked off.
    pub(super) settled: bool,
}

impl Deeded {
    /// Whether a message to others may still come of it: not of a subscription that has been made or cancelled.
    pub(super) fn matters(&self) -> bool {
        !(self.settled && matches!(self.command.as_str(), "SUBSCRIBE" | "UNSUBSCRIBE"))
    }
}

/// How octets are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// One message, whatever the layout: the engine's own.
    Plainly,
    /// As the connection's layout says.
    LaidOut,
    /// The same, but text stays text even where it is none.
    AsItIs,
}

/// What changes while a case runs.
pub(super) struct State {
    pub(super) judge: Judge,
    journal: Journal,
    pub(super) links: BTreeMap<String, Link>,
    pub(super) deeds: Vec<Deeded>,
    pub(super) receipts: BTreeSet<String>,
    /// Receipts that were asked for: connection → id.
    pub(super) asked: BTreeMap<String, String>,
    pub(super) acts: u64,
    /// The last witness to each group, by sender and road.
    pub(super) shared: BTreeMap<String, Shared>,
    marks: u64,
    /// Frames that come now come late.
    pub(super) lingering: bool,
    last_at: u64,
    /// The longest round trip of this case.
    pub(super) round_trip: Duration,
    order: Order,
    /// Clients under test that were started.
    pub(super) processes: BTreeMap<String, Process>,
    /// The last line that each of them wrote on its standard error.
    pub(super) last_words: BTreeMap<String, String>,
    /// The number of the last connection of who listens that the case has looked at.
    taken: u32,
}

/// Where a case takes place.
pub(super) struct Stage {
    pub(super) world: Arc<World>,
    pub(super) script: Arc<Script>,
    pub(super) facts: Arc<Facts>,
    pub(super) secrets: Secrets,
    pub(super) seed: u64,
    /// Names bound in the case that feed an `observe`.
    pub(super) observed_names: BTreeSet<String>,
    state: Mutex<State>,
    changed: Notify,
    /// Held while a connection of the engine's own is raised to a state.
    pub(super) raising: tokio::sync::Mutex<()>,
    /// Where a client under test is to connect.
    pub(super) host: OnceLock<Host>,
    runs: AtomicU32,
}

impl Stage {
    pub(super) fn new(
        world: Arc<World>,
        script: Arc<Script>,
        facts: Arc<Facts>,
        secrets: Secrets,
        journal: Journal,
        seed: u64,
    ) -> Arc<Self> {
        let judge = Judge::new(script.clone(), facts.clone(), world.rules.clone());
        let state = State {
            judge,
            journal,
            links: BTreeMap::new(),
            deeds: Vec::new(),
            receipts: BTreeSet::new(),
            asked: BTreeMap::new(),
            acts: 1,
            shared: BTreeMap::new(),
            marks: 0,
            lingering: false,
            last_at: 0,
            round_trip: Duration::ZERO,
            order: Order::new(&facts.mark, &facts.engine_mark),
            processes: BTreeMap::new(),
            last_words: BTreeMap::new(),
            taken: 0,
        };
        Arc::new(Stage {
            observed_names: observed_names(&script),
            world,
            script,
            facts,
            secrets,
            seed,
            state: Mutex::new(state),
            changed: Notify::new(),
            raising: tokio::sync::Mutex::new(()),
            host: OnceLock::new(),
            runs: AtomicU32::new(1),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs an event, judges it, and wakes whoever waits.
    pub(super) fn log(&self, on: Option<&str>, what: What) {
        {
            let mut state = self.lock();
            let what = self.note(&mut state, on, what);
            // The log is in order even where two threads look at the clock at once.
            let at = self.world.now().max(state.last_at);
            state.last_at = at;
            let event = Event { at, on: on.map(str::to_owned), what };
            state.judge.apply(&event);
            state.journal.write(&event);
            if matches!(&event.what, What::Came { frame } | What::Sent { frame } if frame.command == "CONNECTED")
            {
                start_beats(&mut state, on);
            }
        }
        self.changed.notify_waiters();
    }

    /// What the engine itself takes from an event.
    fn note(&self, state: &mut State, on: Option<&str>, what: What) -> What {
        let Some(on) = on else { return what };
        let lingering = state.lingering;
        if let What::Line { stream: Stdio::Err, text } = &what {
            state.last_words.insert(on.to_owned(), text.clone());
        }
        let link = state.links.entry(on.to_owned()).or_default();
        match what {
            What::Dial { .. } => {
                let (barrier, acted, dials) = (link.barrier, link.acted, link.dials + 1);
                *link = Link { barrier, acted, dials, ..Link::default() };
                what
            }
            What::Opened { .. } | What::Started { .. } => {
                link.open = true;
                what
            }
            What::Ended { by, .. } | What::Exited { by, .. } => {
                link.open = false;
                link.rank = 0;
                link.ended = Some(by);
                what
            }
            What::Came { frame } => {
                match frame.command.as_str() {
                    "CONNECTED" => {
                        let version = negotiated(link, &frame);
                        // Its reader knows already.
                        link.connection.iter_mut().for_each(|c| c.version = version);
                    }
                    "ERROR" => link.refused = true,
                    "MESSAGE" if state.order.came(on, &frame) => self.world.learned.inversion_seen(),
                    "RECEIPT" => {
                        let id = frame.header("receipt-id").unwrap_or_default().to_owned();
                        state.receipts.insert(id);
                    }
                    _ => {}
                }
                if lingering { What::Late { frame } } else { What::Came { frame } }
            }
            What::Sent { frame } => {
                link.last.clone_from(&frame.command);
                let text = |name: &str| frame.header(name).unwrap_or_default().to_owned();
                match frame.command.as_str() {
                    "CONNECT" | "STOMP" => link.greeted = true,
                    "SUBSCRIBE" if link.greeted && !text("id").is_empty() => {
                        link.live.push((text("id"), text("destination")));
                        state.order.subscribed(on, &frame);
                    }
                    "SEND" => state.order.sent(on, &frame),
                    "CONNECTED" => {
                        let version = negotiated(link, &frame);
                        link.connection.iter_mut().for_each(|c| c.agreed(version));
                    }
                    "UNSUBSCRIBE" => {
                        let gone = link.live.extract_if(.., |(id, _)| *id == text("id"));
                        link.cancelled.extend(gone.map(|(_, destination)| destination));
                    }
                    _ => {}
                }
                What::Sent { frame }
            }
            other => other,
        }
    }

    /// The sink of a connection.
    pub(super) fn sink(self: &Arc<Self>, on: &str) -> Sink {
        let (stage, on) = (self.clone(), on.to_owned());
        Arc::new(move |what| stage.log(Some(&on), what))
    }

    /// Waits until something holds, or a deadline has passed.
    pub(super) async fn until<T>(
        &self,
        deadline: Instant,
        mut holds: impl FnMut(&mut State) -> Option<T>,
    ) -> Option<T> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(found) = holds(&mut self.lock()) {
                return Some(found);
            }
            if timeout_at(deadline, changed).await.is_err() {
                let found = holds(&mut self.lock());
                let late = deadline.elapsed();
                if found.is_none() && late >= HELD_UP {
                    self.log(None, What::Stall { us: late.as_micros() as u64 });
                }
                return found;
            }
        }
    }

    /// Begins a step.
    pub(super) fn begin(
        &self,
        step: u32,
        up: Option<u32>,
        phase: Phase,
        on: &str,
        names: Map<String, Value>,
    ) -> u32 {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        self.log((!on.is_empty()).then_some(on), What::Begin { run, step, up, phase, names });
        run
    }

    /// Ends a step.
    pub(super) fn end(&self, run: u32, on: &str) {
        self.log((!on.is_empty()).then_some(on), What::End { run });
    }

    /// Waits for a seeing until it is over, or needs its barrier; gives up after this patience, measured from now.
    pub(super) async fn see(&self, run: u32, on: &str, patience: Duration) -> Waiting {
        let begun = Instant::now();
        let found = self
            .until(begun + patience, |state| match state.judge.waiting(run).0 {
                Waiting::Event => None,
                other => Some(other),
            })
            .await;
        match found {
            Some(waiting) => {
                Spent::add(&self.world.waiting.round_trips, begun.elapsed());
                waiting
            }
            None => {
                Spent::add(&self.world.waiting.patience, patience);
                self.give_up(run, on, patience);
                Waiting::Over
            }
        }
    }

    /// Logs that patience has run out.
    pub(super) fn give_up(&self, run: u32, on: &str, patience: Duration) {
        let round_trip_us = self.world.round_trip().as_micros() as u64;
        let patience_ms = patience.as_millis() as u64;
        self.log(Some(on), What::Deadline { run: Some(run), patience_ms, round_trip_us });
    }

    /// A mark for a message of the engine's own.
    pub(super) fn engine_mark(&self) -> String {
        let mut state = self.lock();
        state.marks += 1;
        format!("{}{}-{}", self.facts.engine_mark, &self.facts.mark[self.facts.run_mark.len()..], state.marks)
    }

    /// Subscriptions of a connection on which a message can be counted: behind an ERROR only those that were shown to
    /// live before, as it may have refused the others.
    pub(super) fn live(&self, on: &str) -> Vec<(String, String)> {
        let state = self.lock();
        let Some(link) = state.links.get(on) else { return Vec::new() };
        link.live.iter().filter(|(id, _)| !link.refused || link.proved.contains(id)).cloned().collect()
    }

    /// Whether a connection is open.
    pub(super) fn is_open(&self, on: &str) -> bool {
        self.lock().links.get(on).is_some_and(|l| l.open)
    }

    /// Whether a connection can be a witness: open, not refused, and nothing unfinished said on it.
    pub(super) fn can_speak(&self, on: &str) -> bool {
        self.lock().links.get(on).is_some_and(|l| l.open && !l.refused && !l.spoilt)
    }

    /// Whether it can send as well: it has come as far as a dialect asks of a sender.
    pub(super) fn can_send(&self, on: &str) -> bool {
        let wanted = self.script.sending_state().and_then(|state| self.script.rank(state));
        self.can_speak(on) && wanted.is_some_and(|wanted| self.rank(on) >= wanted)
    }

    /// Whether the receiver at the end of a way has cancelled another subscription to the same destination.
    pub(super) fn has_cancelled(&self, way: &Way<'_>) -> bool {
        let Some((_, destination)) = &way.subscription else { return false };
        self.lock().links.get(&way.to).is_some_and(|l| l.cancelled.contains(destination))
    }

    /// How many of the dialect's states a connection has gone through.
    pub(super) fn rank(&self, on: &str) -> usize {
        self.lock().links.get(on).map_or(0, |l| if l.open { l.rank } else { 0 })
    }

    /// Hands over octets of STOMP in the connection's layout, and logs the frames in them.
    /// What the engine says for itself is laid out plainly.
    pub(super) fn transmit(&self, on: &str, octets: &[u8], how: How) {
        let mut frames = Vec::new();
        if let Some(why) = self.cannot_carry(on, octets) {
            self.log(Some(on), What::Fault { why: why.to_owned() });
            return;
        }
        {
            let mut state = self.lock();
            let Some(link) = state.links.get_mut(on) else { return };
            link.echo.feed(octets);
            while let Some(item) = link.echo.next_item() {
                match item {
                    Item::Frame(frame, faults) => {
                        link.spoilt |= !faults.is_empty();
                        let octets = link.echo.frame_octets();
                        frames.push(Seen::new(&frame, octets, &|text| self.secrets.conceal(text)));
                    }
                    Item::Fault(_) => link.spoilt = true,
                    Item::Eol => {}
                }
            }
            link.spoilt |= how == How::AsItIs && !link.echo.pending().is_empty();
        }
        for frame in frames {
            self.log(Some(on), What::Sent { frame });
        }
        let mut state = self.lock();
        if let Some(connection) = state.links.get_mut(on).and_then(|l| l.connection.as_mut()) {
            let writer = &mut connection.writer;
            let laid_out = match how {
                How::Plainly => writer.plainly(octets),
                How::LaidOut => writer.octets(octets.to_vec(), false),
                How::AsItIs => writer.octets(octets.to_vec(), true),
            };
            connection.send(laid_out);
        }
    }

    /// Why a connection cannot carry these octets, where it cannot.
    fn cannot_carry(&self, on: &str, octets: &[u8]) -> Option<&'static str> {
        let state = self.lock();
        state.links.get(on)?.connection.as_ref()?.writer.cannot_carry(octets)
    }

    /// A seed for something of this name.
    pub(super) fn seed_for(&self, name: &str) -> u64 {
        let mut seed = self.seed;
        for byte in name.bytes() {
            seed = Dice::new(seed ^ u64::from(byte)).roll();
        }
        // Another one for every connection: a SockJS session that has ended must not be met again.
        let (acted, dials) = self.lock().links.get(name).map_or((0, 0), |l| (l.acted, l.dials));
        seed.wrapping_add(acted).wrapping_add(dials << 32)
    }

    /// Takes note that an actor acts.
    pub(super) fn acted(&self, on: &str, road: Option<String>, group: Option<Value>, command: &str) {
        let mut state = self.lock();
        state.acts += 1;
        let at = state.acts;
        state.links.entry(on.to_owned()).or_default().acted = at;
        let command = command.to_owned();
        state.deeds.push(Deeded { at, on: on.to_owned(), road, group, command, settled: false });
    }

    /// Takes note that what an actor did has been worked off.
    pub(super) fn has_settled(&self, on: &str) {
        let mut state = self.lock();
        state.deeds.iter_mut().filter(|d| d.on == on).for_each(|d| d.settled = true);
        if let Some(link) = state.links.get_mut(on).filter(|l| !l.refused) {
            link.proved = link.live.iter().map(|(id, _)| id.clone()).collect();
        }
    }

    /// Takes note of a round trip.
    pub(super) fn round_trip(&self, time: Duration) {
        self.world.round_trip_seen(time);
        let mut state = self.lock();
        state.round_trip = state.round_trip.max(time);
    }

    /// The role's account label, if it has one.
    pub(super) fn account(&self, on: &str) -> Option<&str> {
        let leases = &self.facts.leases;
        leases.get(on).or_else(|| leases.get(role_of(on))).map(|l| l.account.as_str())
    }

    /// The connection that an act is about: of who listens the next that nobody has looked at, where it waits for one.
    pub(super) fn numbered(&self, act: &Act, actor: &str) -> String {
        let listens = |role: &str| self.script.cast.iter().any(|m| m.name == role && m.state == LISTENING);
        let Some((role, number)) = actor.split_once('/').filter(|(role, _)| listens(role)) else {
            return actor.to_owned();
        };
        let mut state = self.lock();
        let (number, takes) = (number.parse::<u32>(), act.takes_connection());
        if takes {
            let next = state.taken + 1;
            state.taken = number.as_ref().map_or(next, |number| state.taken.max(*number));
        }
        format!("{role}/{}", number.unwrap_or_else(|_| state.taken.max(1)))
    }

    /// The transport of a connection.
    pub(super) fn over(&self, on: &str) -> Transport {
        let member =
            self.script.cast.iter().find(|m| m.name == on || (m.times.is_some() && m.name == role_of(on)));
        member.map_or(Transport::default(), |m| m.over)
    }

    /// The journal, once nothing more will be logged.
    pub(super) fn close_journal(&self) -> super::journal::Written {
        self.lock().journal.finish()
    }
}

/// The version that CONNECTED says.
fn negotiated(link: &mut Link, frame: &Seen) -> Version {
    let version = frame.header("version").and_then(Version::parse).unwrap_or(Version::V10);
    link.echo.set_version(version);
    version
}

/// Heart-beats as negotiated. They leave well before they are due.
fn start_beats(state: &mut State, on: Option<&str>) {
    let Some(on) = on else { return };
    let every = state.judge.conn(on).beats_out;
    if let (1.., Some(connection)) = (every, state.links.get(on).and_then(|l| l.connection.as_ref())) {
        connection.beat_every(Duration::from_millis((every * 6 / 10).max(1)));
    }
}

/// Names that an `observe` of the script looks at.
fn observed_names(script: &Script) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    script.walk(&mut |step| {
        if let crate::case::script::Kind::Observe { values, .. } = &step.kind {
            for (reference, _) in values.iter().flat_map(|(_, pairs)| pairs) {
                if let Some((name, _)) = crate::case::value::reference(reference) {
                    names.insert(name.to_owned());
                }
            }
        }
    });
    names
}
