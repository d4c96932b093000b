//! The client without I/O: inputs in, effects out, the time as an argument.
//!
//! It relies on `session.rs` for one connection. It decides when there is one, what is said on it for the user, and what
//! the user is told.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::contract::{self, Environment};
use super::decisions::{Trouble, Why};
use super::inbox::Inbox;
use super::policy::Policy;
use super::session::{Heard, PATIENCE, Session, Stage};
use super::socket::{ABNORMAL, Socket};
use crate::dice::Dice;
use crate::link::upgrade::{HttpRequest, HttpResponse, upgrade_faults, upgrade_headers};
use crate::link::ws::key_from;
use crate::stomp::{Frame, Version};

/// Where messages for the user come from.
const PERSONAL: &str = "/user/queue/messages";
/// The sub-protocol that is offered.
const PROTOCOL: &str = "v12.stomp";
/// What is spoken.
const VERSIONS: &str = "1.0,1.1,1.2";
/// How long `quit` waits for a connection where something is still to be done.
const LAST_CHANCE: Duration = Duration::from_secs(2);

/// What happens to a client.
#[derive(Debug)]
pub enum Input {
    /// It begins.
    Start,
    /// A line on its standard input.
    Line(String),
    /// The end of its standard input.
    EndOfInput,
    /// The answer to its request: with status 101 the connection is a WebSocket now.
    Answered(HttpResponse),
    /// The request came to nothing.
    Failed(String),
    /// Octets on the WebSocket.
    Octets(Vec<u8>),
    /// The connection ended.
    Ended,
    /// Time has passed.
    Tick,
}

/// What a client does.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Opens a connection, and sends this request on it.
    Open(HttpRequest),
    /// Sends octets.
    Write(Vec<u8>),
    /// Ends the connection.
    Shut,
    /// Prints a line on its standard output.
    Print(String),
    /// Exits with this status.
    Exit(u8),
}

/// Where the connection is.
#[derive(Debug)]
enum Road {
    /// There is none, until then.
    Away(Duration),
    /// A request waits for its answer, until then.
    Asking { until: Duration, key: String, step: Step },
    /// There is one.
    Open(Box<Session>),
    /// There will be none any more.
    Nowhere,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// What the server of SockJS can do.
    Info,
    /// The WebSocket.
    Upgrade,
}

#[derive(Debug)]
struct Subscription {
    destination: String,
    id: String,
    ack: String,
}

/// A client.
#[derive(Debug)]
pub struct Core {
    policy: Policy,
    environment: Environment,
    dice: Dice,
    inbox: Inbox,
    road: Road,
    subscriptions: Vec<Subscription>,
    /// How many there have been.
    subscribed: u64,
    /// Commands that are to be done.
    orders: VecDeque<Map<String, Value>>,
    /// Receipts of the user's that are waited for.
    receipts: Vec<String>,
    attempts: u32,
    /// Attempts in a row that came to nothing that lasted.
    failed: u32,
    /// Sessions that have begun.
    visits: u32,
    /// Why the connection is ending, while it is.
    why: Why,
    staying: bool,
    /// Until when a user that has quit waits for what is still to be done.
    quits_at: Option<Duration>,
    effects: Vec<Effect>,
}

impl Core {
    /// A client that has not begun. The seed decides on its keys and masks, and how long it waits.
    pub fn new(policy: Policy, environment: Environment, seed: u64) -> Core {
        let mut core = Core {
            policy,
            environment,
            dice: Dice::new(seed),
            inbox: Inbox::default(),
            road: Road::Nowhere,
            subscriptions: Vec::new(),
            subscribed: 0,
            orders: VecDeque::new(),
            receipts: Vec::new(),
            attempts: 0,
            failed: 0,
            visits: 0,
            why: Why::Lost,
            staying: true,
            quits_at: None,
            effects: Vec::new(),
        };
        core.add_subscription(PERSONAL, "auto");
        core
    }

    /// What it does about what happens.
    pub fn handle(&mut self, input: Input, now: Duration) -> Vec<Effect> {
        match input {
            Input::Start => {
                self.tell(contract::hello());
                self.attempt(now);
            }
            Input::Line(line) => self.line(&line, now),
            Input::EndOfInput => self.quit(now),
            Input::Answered(answer) => self.answered(answer, now),
            Input::Failed(why) => {
                self.tell(contract::error(&why));
                self.lost(Why::Lost, now);
            }
            Input::Octets(octets) => self.octets(&octets, now),
            Input::Ended => self.ended(now),
            Input::Tick => {}
        }
        self.pass(now);
        self.flush();
        std::mem::take(&mut self.effects)
    }

    /// When there is something to be done though nothing happens.
    pub fn wakes_at(&self) -> Option<Duration> {
        let road = match &self.road {
            Road::Away(until) | Road::Asking { until, .. } => Some(*until),
            Road::Open(session) => session.wakes_at(),
            Road::Nowhere => None,
        };
        let last_chance = self.quits_at.filter(|_| !self.orders.is_empty());
        road.into_iter().chain(last_chance).min()
    }

    // ---- the connection

    fn attempt(&mut self, now: Duration) {
        self.attempts += 1;
        let asks_first = self.environment.sockjs && self.policy.asks_for_info();
        let step = if asks_first { Step::Info } else { Step::Upgrade };
        self.ask(step, now);
    }

    fn ask(&mut self, step: Step, now: Duration) {
        let key = key_from(std::array::from_fn(|_| self.dice.roll() as u8));
        let mut request = self.request(step, &key);
        if step == Step::Upgrade {
            request = self.policy.asks(request, self.attempts);
        }
        let sent = request.headers.iter().find(|(name, _)| name == "Sec-WebSocket-Key");
        let key = sent.map_or(key, |(_, key)| key.clone());
        self.effects.push(Effect::Open(request));
        self.road = Road::Asking { until: now + PATIENCE, key, step };
    }

    fn request(&mut self, step: Step, key: &str) -> HttpRequest {
        let below = match (step, self.environment.sockjs) {
            (Step::Info, _) => "/info".to_owned(),
            (Step::Upgrade, true) => {
                let (server, session) = (self.dice.roll() % 1000, self.dice.roll());
                format!("/{}/websocket", self.policy.session_path(server, session))
            }
            (Step::Upgrade, false) => String::new(),
        };
        let query: String = url::form_urlencoded::byte_serialize(self.environment.token.as_bytes()).collect();
        let mut headers = vec![("Host".to_owned(), self.environment.authority.clone())];
        if step == Step::Upgrade {
            headers.extend(upgrade_headers(key));
            if !self.environment.sockjs || self.policy.offers_beneath_sockjs() {
                headers.push(("Sec-WebSocket-Protocol".to_owned(), PROTOCOL.to_owned()));
            }
        }
        HttpRequest {
            method: "GET".to_owned(),
            path: format!("{}{below}?token={query}", self.environment.path),
            headers,
            body: Vec::new(),
        }
    }

    fn answered(&mut self, answer: HttpResponse, now: Duration) {
        let Road::Asking { key, step, .. } = &self.road else { return };
        let informed = *step == Step::Info && answer.status == 200 && is_info(&answer.body);
        if informed {
            self.effects.push(Effect::Shut);
            return self.ask(Step::Upgrade, now);
        }
        if answer.status != 101 {
            return self.refused(&answer, now);
        }
        let faults = upgrade_faults(&answer, Some(key), &[PROTOCOL.to_owned()], "");
        let fault = faults.into_iter().find(|(clause, what)| self.policy.minds(clause, what));
        let odd = answer.headers.iter().find(|(name, value)| !self.policy.takes_answer(name, value));
        let wrong = fault.map(|(_, what)| what).or(odd.map(|(name, value)| format!("{name} is {value:?}")));
        if let Some(what) = wrong {
            self.effects.push(Effect::Shut);
            self.tell(contract::error(&format!("not the answer that RFC 6455 has: {what}")));
            return self.lost(Why::Lost, now);
        }
        let socket = Socket::new(self.policy, Dice::new(self.dice.roll()));
        let (sockjs, offer) = (self.environment.sockjs, &self.environment.heart_beat);
        self.road = Road::Open(Box::new(Session::new(self.policy, socket, sockjs, offer, now)));
        if !sockjs || !self.policy.waits_for_open() {
            self.log_in(now);
        }
    }

    fn refused(&mut self, answer: &HttpResponse, now: Duration) {
        self.effects.push(Effect::Shut);
        if self.policy.is_upgrade(answer.status) {
            self.tell(contract::event("connected"));
        }
        let (message, why) = match answer.status {
            401 => ("Unauthorized".to_owned(), Why::Unauthorized),
            status => (format!("HTTP {status}"), Why::Refused),
        };
        self.tell(contract::error(&message));
        self.live_through(Trouble::NoUpgrade);
        self.lost(why, now);
    }

    fn log_in(&mut self, now: Duration) {
        let host = self.environment.authority.rsplit_once(':').map_or("", |(host, _)| host).to_owned();
        let connect = Frame::new("CONNECT")
            .with("accept-version", VERSIONS)
            .with("host", host)
            .with("heart-beat", self.environment.heart_beat.clone())
            .with("Authorization", format!("Bearer {}", self.environment.token));
        self.say(connect, now);
        if !self.policy.waits_for_connected() {
            self.subscribe_all(now);
        }
    }

    fn say(&mut self, frame: Frame, now: Duration) {
        if let Road::Open(session) = &mut self.road {
            session.say(frame, now);
        }
    }

    /// There is no connection now; perhaps there will be one again.
    fn lost(&mut self, why: Why, now: Duration) {
        self.road = Road::Nowhere;
        self.staying &= self.policy.comes_back(why);
        if self.staying {
            let chance = (self.dice.roll() >> 11) as f64 / (1_u64 << 53) as f64;
            self.road = Road::Away(now + self.policy.delay(self.failed, chance));
            self.failed += 1;
        }
    }

    fn ended(&mut self, now: Duration) {
        let Road::Open(session) = &mut self.road else { return };
        let unfinished = if session.stage == Stage::Closing { Vec::new() } else { session.unfinished() };
        let (code, lasted) = (session.code.unwrap_or(ABNORMAL), now.saturating_sub(session.began));
        unfinished.into_iter().for_each(|heard| self.heard(heard, now));
        self.flush();
        self.effects.push(Effect::Shut);
        self.tell(contract::closed(code));
        for id in std::mem::take(&mut self.receipts) {
            self.tell(contract::error(&format!("the connection ended before the receipt {id}")));
        }
        if self.policy.is_stable(lasted) {
            self.failed = 0;
        }
        let why = std::mem::replace(&mut self.why, Why::Lost);
        if why == Why::Lost {
            self.live_through(Trouble::ConnectionLost);
        }
        self.lost(why, now);
    }

    /// Begins to end the connection.
    fn end(&mut self, how: impl FnOnce(&mut Session), why: Why, now: Duration) {
        let Road::Open(session) = &mut self.road else { return };
        how(session);
        self.why = why;
        if !session.await_end(now) {
            self.ended(now);
        }
    }

    // ---- what comes

    fn octets(&mut self, octets: &[u8], now: Duration) {
        let Road::Open(session) = &mut self.road else { return };
        for heard in session.receive(octets, now) {
            self.heard(heard, now);
        }
    }

    fn heard(&mut self, heard: Heard, now: Duration) {
        let Road::Open(session) = &mut self.road else { return };
        let closing = session.stage == Stage::Closing;
        match heard {
            Heard::Opened if session.stage == Stage::Unopened => {
                session.stage = Stage::LoggingIn;
                self.log_in(now);
            }
            Heard::Opened => {}
            Heard::Close if closing => {}
            Heard::Close => {
                let why = if self.staying { Why::Lost } else { Why::Left };
                self.end(|session| session.stage = Stage::Closing, why, now);
            }
            _ if closing && !self.policy.reads_behind_close() => {}
            Heard::Connected => self.begin(now),
            Heard::Frame(frame) => match &*frame.command {
                "MESSAGE" => self.message(&frame, now),
                "RECEIPT" => self.receipt(frame.header("receipt-id").unwrap_or_default(), now),
                _ => self.error(&frame, now),
            },
            Heard::Broken(code, what) => {
                self.tell(contract::error(&what));
                self.end(|session| session.fail(code), Why::Lost, now);
            }
        }
    }

    fn begin(&mut self, now: Duration) {
        self.visits += 1;
        if self.policy.waits_for_connected() {
            self.subscribe_all(now);
        }
        self.tell(contract::event("connected"));
        if self.policy.syncs(self.visits) {
            self.send("sync", &json!({ "appId": self.environment.app }), &[], now);
        }
    }

    fn subscribe_all(&mut self, now: Duration) {
        let again = self.visits > 1;
        let wanted = |one: &&Subscription| !again || self.policy.subscribes_again(&one.destination);
        let frames: Vec<Frame> = self.subscriptions.iter().filter(wanted).map(subscribe_frame).collect();
        for frame in frames {
            self.say(frame, now);
        }
    }

    fn message(&mut self, frame: &Frame, now: Duration) {
        let ack = match frame.header("subscription") {
            // As in the sample of the dialect's document.
            None => "auto".to_owned(),
            Some(id) => match self.subscriptions.iter().find(|one| one.id == id) {
                Some(known) => known.ack.clone(),
                // Perhaps it was given up in the meantime.
                None => return,
            },
        };
        let (lines, trouble) = self.inbox.open(self.policy, frame);
        for line in lines {
            self.tell(line);
        }
        if ack != "auto" && (trouble != Some(Trouble::BadBody) || self.policy.acknowledges_unreadable()) {
            self.acknowledge(frame, now);
        }
        if let Some(trouble) = trouble {
            self.live_through(trouble);
        }
    }

    fn acknowledge(&mut self, message: &Frame, now: Duration) {
        let Road::Open(session) = &self.road else { return };
        if session.stage != Stage::Ready {
            // Behind DISCONNECT it is too late: it will come again.
            return;
        }
        let header = |name: &'static str| message.header(name).map(|value| (name, value.to_owned()));
        let named: Option<Vec<_>> = match session.version {
            Version::V10 => header("message-id").map(|id| vec![id]),
            Version::V11 => header("message-id").zip(header("subscription")).map(|(id, sub)| vec![id, sub]),
            Version::V12 => self.policy.acknowledged_by(message).map(|id| vec![("id", id)]),
        };
        match named {
            Some(headers) => {
                let frame =
                    headers.into_iter().fold(Frame::new("ACK"), |frame, (name, id)| frame.with(name, id));
                self.say(frame, now);
            }
            None => self.tell(contract::error("a message that is to be acknowledged does not say by what")),
        }
    }

    fn receipt(&mut self, id: &str, now: Duration) {
        if let Road::Open(session) = &self.road
            && let Stage::Parting(own) = &session.stage
            && self.policy.is_farewell(id, own)
        {
            return self.end(|session| session.close(Some(1000)), Why::Left, now);
        }
        if let Some(id) = self.policy.receipt(id, &self.receipts).map(str::to_owned) {
            self.receipts.retain(|waiting| *waiting != id);
            self.tell(contract::receipt(&id));
        }
    }

    fn error(&mut self, frame: &Frame, now: Duration) {
        let body = String::from_utf8_lossy(&frame.body);
        let message = frame.header("message").filter(|text| !text.is_empty()).unwrap_or(&body).to_owned();
        self.tell(contract::error(&message));
        let why = if message == "Unauthorized" { Why::Unauthorized } else { Why::Refused };
        match self.policy.ends_at_error() {
            true => self.end(|session| session.close(Some(1000)), why, now),
            // It goes on as if it could begin once more.
            false => self.log_in(now),
        }
    }

    // ---- what the user wants

    fn line(&mut self, line: &str, now: Duration) {
        match serde_json::from_str::<Value>(line) {
            Err(_) => self.not_a_command(line),
            Ok(Value::Object(command)) => match command.get("do").and_then(Value::as_str) {
                Some("quit") => self.quit(now),
                Some(word) if is_known(word) => self.orders.push_back(command),
                _ => self.not_a_command(line),
            },
            Ok(_) => self.not_a_command(line),
        }
    }

    fn not_a_command(&mut self, line: &str) {
        self.tell(contract::error(&format!("not a command: {line}")));
        self.live_through(Trouble::BadCommand);
    }

    fn quit(&mut self, now: Duration) {
        let waits = self.staying && !self.orders.is_empty() && !self.is_ready();
        self.quits_at.get_or_insert(if waits { now + LAST_CHANCE } else { now });
    }

    fn is_ready(&self) -> bool {
        matches!(&self.road, Road::Open(session) if session.stage == Stage::Ready)
    }

    /// Does what is to be done, as far as there is a connection for it.
    fn work(&mut self, now: Duration) {
        while self.is_ready()
            && let Some(order) = self.orders.pop_front()
        {
            if let Err(why) = self.carry_out(&order, now) {
                self.tell(contract::error(&format!("cannot do {}: {why}", Value::from(order.clone()))));
            }
            if !self.policy.forgets_what_is_done() {
                // It is done once more.
                let _ = self.carry_out(&order, now);
            }
        }
        if !self.staying && !self.is_ready() {
            for order in std::mem::take(&mut self.orders) {
                let what = Value::from(order);
                self.tell(contract::error(&format!("cannot do {what}: not connected, and never again")));
            }
        }
    }

    fn carry_out(&mut self, order: &Map<String, Value>, now: Duration) -> Result<(), String> {
        let text = |name: &str| order.get(name).and_then(Value::as_str);
        let needed = |name: &str| text(name).ok_or_else(|| format!("`{name}` is missing"));
        match text("do").unwrap_or_default() {
            "send" => {
                let own = format!("m-{:016x}", self.dice.roll());
                let body = json!({
                    "appId": self.environment.app,
                    "messageId": text("messageId").unwrap_or(&own),
                    "toId": needed("to")?,
                    "chatType": text("chatType").unwrap_or("SINGLE"),
                    "msgType": text("msgType").unwrap_or("TEXT"),
                    "content": needed("content")?,
                });
                let named = ["receipt", "transaction"]
                    .iter()
                    .filter_map(|name| Some(((*name).to_owned(), text(name)?)));
                let own = order.get("headers").and_then(Value::as_object);
                let own = own
                    .into_iter()
                    .flatten()
                    .filter_map(|(name, value)| Some((name.clone(), value.as_str()?)));
                let headers: Vec<_> =
                    named.chain(own).map(|(name, value)| (name, value.to_owned())).collect();
                self.receipts.extend(text("receipt").map(str::to_owned));
                self.send("send", &body, &headers, now);
            }
            "revoke" => {
                let body = json!({ "appId": self.environment.app, "messageId": needed("messageId")? });
                self.send("revoke", &body, &[], now);
            }
            "sync" => self.send("sync", &json!({ "appId": self.environment.app }), &[], now),
            "subscribe" => {
                let destination = destination(order)?;
                if self.subscriptions.iter().any(|one| one.destination == destination) {
                    return Err("subscribed already".to_owned());
                }
                let frame =
                    subscribe_frame(self.add_subscription(&destination, text("ack").unwrap_or("auto")));
                self.say(frame, now);
            }
            "unsubscribe" => {
                let destination = destination(order)?;
                let at = self.subscriptions.iter().position(|one| one.destination == destination);
                let at = at.ok_or("not subscribed")?;
                let frame = Frame::new("UNSUBSCRIBE").with("id", self.subscriptions[at].id.clone());
                if self.policy.forgets_subscription() {
                    self.subscriptions.remove(at);
                }
                self.say(frame, now);
            }
            word @ ("begin" | "commit" | "abort") => {
                let frame = Frame::new(word.to_uppercase()).with("transaction", needed("transaction")?);
                self.say(frame, now);
            }
            _ => {
                self.staying = self.policy.comes_back(Why::Left);
                self.leave(now);
            }
        }
        Ok(())
    }

    fn add_subscription(&mut self, destination: &str, ack: &str) -> &Subscription {
        let id = self.policy.subscription_id(self.subscribed);
        self.subscribed += 1;
        let at = self.subscriptions.len();
        self.subscriptions.push(Subscription {
            destination: destination.to_owned(),
            id,
            ack: ack.to_owned(),
        });
        &self.subscriptions[at]
    }

    fn send(&mut self, verb: &str, body: &Value, headers: &[(String, String)], now: Duration) {
        let frame = Frame::new("SEND")
            .with("destination", format!("/app/chat.{verb}"))
            .with("content-type", "application/json");
        let frame = headers.iter().fold(frame, |frame, (name, value)| frame.with(name, value));
        self.say(frame.body(body.to_string()), now);
    }

    /// Leaves in an orderly way.
    fn leave(&mut self, now: Duration) {
        match &mut self.road {
            Road::Open(session) => match session.stage {
                Stage::Ready => {
                    let receipt = format!("bye-{:08x}", self.dice.roll() as u32);
                    session.stage = Stage::Parting(receipt.clone());
                    session.deadline = Some(now + self.policy.waits_for_farewell());
                    self.why = Why::Left;
                    self.say(Frame::new("DISCONNECT").with("receipt", receipt), now);
                }
                Stage::Unopened | Stage::LoggingIn => {
                    self.end(|session| session.close(Some(1000)), Why::Left, now);
                }
                Stage::Parting(_) | Stage::Closing => {}
            },
            Road::Asking { .. } => {
                self.effects.push(Effect::Shut);
                self.lost(Why::Left, now);
            }
            Road::Away(_) | Road::Nowhere => self.lost(Why::Left, now),
        }
    }

    // ---- time

    /// Does what is due.
    fn pass(&mut self, now: Duration) {
        match &mut self.road {
            Road::Away(until) if now >= *until => self.attempt(now),
            Road::Asking { until, .. } if now >= *until => {
                self.effects.push(Effect::Shut);
                self.tell(contract::error("there was no answer"));
                self.lost(Why::Lost, now);
            }
            Road::Open(session) => {
                session.beat(now);
                if session.silent_at().is_some_and(|at| now >= at) {
                    self.tell(contract::error("the server has fallen silent"));
                    self.end(|session| session.fail(1002), Why::Lost, now);
                } else if session.deadline.is_some_and(|at| now >= at) {
                    self.overdue(now);
                }
            }
            _ => {}
        }
        self.work(now);
        if let Some(at) = self.quits_at {
            if now >= at && !self.orders.is_empty() {
                self.orders.clear();
                self.tell(contract::error("commands are left undone: there was no connection for them"));
            }
            if self.orders.is_empty() && self.staying {
                self.staying = false;
                self.leave(now);
            }
            if self.orders.is_empty() && matches!(self.road, Road::Nowhere) {
                self.effects.push(Effect::Exit(self.policy.exit_status()));
            }
        }
    }

    /// What was waited for has not come.
    fn overdue(&mut self, now: Duration) {
        let Road::Open(session) = &mut self.road else { return };
        match session.stage {
            Stage::Closing => self.ended(now),
            Stage::Parting(_) => {
                self.tell(contract::error("no RECEIPT of DISCONNECT"));
                self.end(|session| session.close(Some(1000)), Why::Left, now);
            }
            _ => {
                self.tell(contract::error("no CONNECTED"));
                self.end(|session| session.close(Some(1000)), Why::Lost, now);
            }
        }
    }

    // ---- what comes out

    fn tell(&mut self, line: Value) {
        for line in self.policy.tells(line) {
            self.print(&line);
        }
    }

    fn print(&mut self, line: &Value) {
        self.effects.push(Effect::Print(line.to_string()));
    }

    fn live_through(&mut self, trouble: Trouble) {
        if !self.policy.survives(trouble) {
            self.effects.push(Effect::Exit(1));
        }
    }

    fn flush(&mut self) {
        if let Road::Open(session) = &mut self.road {
            let octets = session.take_out();
            if !octets.is_empty() {
                self.effects.push(Effect::Write(octets));
            }
        }
    }
}

/// Whether this is what a server of SockJS tells of itself (SOCKJS-INFO-01).
fn is_info(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body).is_ok_and(|info| info["websocket"] == true)
}

fn is_known(word: &str) -> bool {
    let known =
        ["send", "revoke", "sync", "subscribe", "unsubscribe", "begin", "commit", "abort", "disconnect"];
    known.contains(&word)
}

fn destination(order: &Map<String, Value>) -> Result<String, String> {
    let text = |name: &str| order.get(name).and_then(Value::as_str);
    let group = text("group").map(|group| format!("/topic/group/{group}"));
    group.or_else(|| text("destination").map(str::to_owned)).ok_or_else(|| "`group` is missing".to_owned())
}

fn subscribe_frame(to: &Subscription) -> Frame {
    Frame::new("SUBSCRIBE").with("id", &to.id).with("destination", &to.destination).with("ack", &to.ack)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::ws::{WsFrame, accept_key, encode_frame, opcode};
    use crate::stomp::encode;

    /// A client, its time, and all that it did.
    struct Life {
        core: Core,
        now: Duration,
        done: Vec<Effect>,
    }

    impl Life {
        fn begun() -> Life {
            let environment = Environment {
                authority: "127.0.0.1:1".into(),
                path: "/ws/im".into(),
                token: "t".into(),
                app: "a".into(),
                heart_beat: "500,500".into(),
                sockjs: false,
            };
            let core = Core::new(Policy::default(), environment, 7);
            let mut life = Life { core, now: Duration::ZERO, done: Vec::new() };
            life.meets(Input::Start);
            life
        }

        /// Something happens. What is waited for lies ahead: or time would stand still where it is not real.
        fn meets(&mut self, input: Input) {
            self.done.extend(self.core.handle(input, self.now));
            let at = self.core.wakes_at();
            assert!(at.is_none_or(|at| at > self.now), "{at:?} at {:?}: {:?}", self.now, self.core.road);
        }

        /// Time passes, up to what is waited for.
        fn waits(&mut self) {
            self.now = self.core.wakes_at().expect("something is waited for");
            self.meets(Input::Tick);
        }

        /// The server takes it in.
        fn is_taken_in(&mut self, heart_beat: &str) {
            let asked = self.done.iter().rev().find_map(|effect| match effect {
                Effect::Open(request) => Some(request.clone()),
                _ => None,
            });
            let headers = asked.expect("it has asked").headers;
            let key =
                headers.into_iter().find(|(name, _)| name == "Sec-WebSocket-Key").expect("with a key").1;
            let headers = [
                ("upgrade", "websocket"),
                ("connection", "Upgrade"),
                ("sec-websocket-accept", &accept_key(&key)),
            ];
            let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            self.meets(Input::Answered(HttpResponse { status: 101, headers, body: Vec::new() }));
            self.hears(&Frame::new("CONNECTED").with("version", "1.2").with("heart-beat", heart_beat));
        }

        fn hears(&mut self, frame: &Frame) {
            let text = encode(frame, Version::V12);
            self.meets(Input::Octets(encode_frame(&WsFrame::new(opcode::TEXT, text, None))));
        }

        /// The events that it told.
        fn told(&self) -> Vec<String> {
            let event = |effect: &Effect| match effect {
                Effect::Print(line) => {
                    serde_json::from_str::<Value>(line).ok()?["event"].as_str().map(str::to_owned)
                }
                _ => None,
            };
            self.done.iter().filter_map(event).collect()
        }
    }

    #[test]
    fn it_comes_back_until_it_is_let_in_and_beats_until_the_server_falls_silent() {
        let mut life = Life::begun();
        for _ in 0..5 {
            life.meets(Input::Failed("refused".into()));
            life.waits();
        }
        life.is_taken_in("500,500");
        let let_in = life.now;
        while life.told().last().is_none_or(|event| event != "closed") {
            life.waits();
        }
        let mut told = life.told();
        told.retain(|event| event != "error");
        assert_eq!(told, ["connected", "closed"]);
        // Twice the interval of silence, and the closing handshake that nobody answers.
        assert_eq!(life.now - let_in, Duration::from_secs(3));
    }

    #[test]
    fn told_to_quit_it_does_what_is_to_be_done_and_leaves_however_silent_the_server_is() {
        let mut life = Life::begun();
        life.meets(Input::Line(r#"{"do":"send","to":"b","content":"x","receipt":"r"}"#.into()));
        life.is_taken_in("0,0");
        life.hears(&Frame::new("RECEIPT").with("receipt-id", "r"));
        life.meets(Input::EndOfInput);
        // Neither the RECEIPT of DISCONNECT comes nor the close.
        while !life.done.contains(&Effect::Exit(0)) {
            life.waits();
        }
        assert_eq!(life.told(), ["connected", "receipt", "error", "closed"]);
        assert!(life.now <= Duration::from_secs(6), "{:?}", life.now);
    }

    #[test]
    fn told_to_quit_where_nobody_lets_it_in_it_says_what_is_left_undone() {
        let mut life = Life::begun();
        life.meets(Input::Line(r#"{"do":"sync"}"#.into()));
        life.meets(Input::Line(r#"{"do":"quit"}"#.into()));
        while !life.done.contains(&Effect::Exit(0)) {
            life.waits();
        }
        assert_eq!(life.told(), ["error"]);
        assert_eq!(life.now, LAST_CHANCE);
    }
}
