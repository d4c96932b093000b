//! The client without I/O: inputs in, effects out, the time as an argument.
//!
//! It relies on `session.rs` for one connection. It decides when there is one (`core/road.rs`), what is made of what comes on it
//! (`core/hearing.rs`), and what is said for the user (`core/orders.rs`).

mod hearing;
mod orders;
mod road;

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Map, Value};

use super::contract::{self, Environment};
use super::decisions::{Trouble, Why};
use super::inbox::Inbox;
use super::policy::Policy;
use super::session::{Session, Stage};
use crate::dice::Dice;
use crate::link::upgrade::{HttpRequest, HttpResponse};
use crate::stomp::Frame;

/// Where messages for the user come from.
const PERSONAL: &str = "/user/queue/messages";

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
                if self.policy.greets_first() {
                    self.tell(contract::hello());
                }
                self.attempt(now);
            }
            Input::Line(line) => self.line(&line, now),
            Input::EndOfInput => self.quit(now),
            Input::Answered(answer) => {
                if self.attempts == 1 && !self.policy.greets_first() {
                    self.tell(contract::hello());
                }
                self.answered(answer, now);
            }
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

fn subscribe_frame(to: &Subscription) -> Frame {
    Frame::new("SUBSCRIBE").with("id", &to.id).with("destination", &to.destination).with("ack", &to.ack)
}

#[cfg(test)]
mod tests {
    use super::orders::LAST_CHANCE;
    use super::*;
    use crate::link::ws::{WsFrame, accept_key, encode_frame, opcode};
    use crate::stomp::{Version, encode};

    /// A client, its time, and all that it did.
    struct Life {
        core: Core,
        now: Duration,
        done: Vec<Effect>,
    }

    impl Life {
        fn begun() -> Life {
            Life::begun_over(false)
        }

        fn begun_over(sockjs: bool) -> Life {
            let environment = Environment {
                authority: "127.0.0.1:1".into(),
                path: "/ws/im".into(),
                token: "t".into(),
                app: "a".into(),
                heart_beat: "500,500".into(),
                sockjs,
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
            self.is_upgraded();
            self.hears(&Frame::new("CONNECTED").with("version", "1.2").with("heart-beat", heart_beat));
        }

        /// The connection is a WebSocket.
        fn is_upgraded(&mut self) {
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
    fn a_session_that_sockjs_has_closed_is_over_though_the_server_leaves_the_connection_open() {
        let mut life = Life::begun_over(true);
        let info = br#"{"websocket":true}"#.to_vec();
        life.meets(Input::Answered(HttpResponse { status: 200, headers: Vec::new(), body: info }));
        life.is_upgraded();
        for frame in ["o", r#"a["CONNECTED\nversion:1.2\n\n\u0000"]"#, r#"c[3000,"Go away!"]"#] {
            life.meets(Input::Octets(encode_frame(&WsFrame::new(opcode::TEXT, frame, None))));
        }
        life.waits();
        assert_eq!(life.told(), ["connected", "closed"]);
        assert!(life.done.contains(&Effect::Print(contract::closed(3000).to_string())));
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
