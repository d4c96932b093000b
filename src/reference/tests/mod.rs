//! The core, seen from outside: events in, effects out, no I/O.

mod chat;
mod defects;
mod random;
mod session;
mod shell;
mod sockjs;
mod stomp;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Act, ConnId, Core, Directory, Effect, Event, Policy};
use crate::stomp::{Fault, FaultKind, Frame};

/// The calendar at time zero.
const ANCHOR: u64 = 1_700_000_000_000;

/// A server with its clients, and everything that reached each of them.
struct World {
    core: Core,
    directory: Arc<Directory>,
    now: Duration,
    seen: Vec<Effect>,
    conns: u64,
}

impl World {
    fn new() -> World {
        World::with(Policy::default())
    }

    fn broken(defect: &str) -> World {
        World::with(Policy::with_defect(defect).expect("a defect of the catalogue"))
    }

    fn with(policy: Policy) -> World {
        let directory = Arc::new(Directory::demo(40));
        let core = Core::new(Arc::clone(&directory), policy, ANCHOR);
        World { core, directory, now: Duration::ZERO, seen: Vec::new(), conns: 0 }
    }

    fn apply(&mut self, event: Event) {
        self.seen.extend(self.core.apply(self.now, event));
    }

    fn token(&self, user: &str) -> String {
        self.directory.user(user).expect("a demo user").token.clone()
    }

    /// Upgraded with the token of this user, not connected.
    fn open(&mut self, user: &str) -> ConnId {
        self.conns += 1;
        let conn = ConnId(self.conns);
        self.apply(Event::Opened { conn, user: Some(user.to_owned()) });
        conn
    }

    fn connect_frame(&self, user: &str) -> Frame {
        Frame::new("CONNECT")
            .with("accept-version", "1.2")
            .with("host", "h")
            .with("Authorization", format!("Bearer {}", self.token(user)))
    }

    fn connected(&mut self, user: &str) -> ConnId {
        let conn = self.open(user);
        let frame = self.connect_frame(user);
        self.frame(conn, frame);
        assert_eq!(self.take(conn).first().map(|frame| frame.command.clone()).as_deref(), Some("CONNECTED"));
        conn
    }

    fn online(&mut self, user: &str) -> ConnId {
        let conn = self.connected(user);
        self.subscribe(conn, "personal", "/user/queue/messages");
        conn
    }

    fn frame(&mut self, conn: ConnId, frame: Frame) {
        self.apply(Event::Frame { conn, frame });
    }

    fn subscribe(&mut self, conn: ConnId, id: &str, destination: &str) {
        self.frame(conn, Frame::new("SUBSCRIBE").with("id", id).with("destination", destination));
    }

    fn send(&mut self, conn: ConnId, destination: &str, body: impl Into<Vec<u8>>) {
        self.frame(conn, Frame::new("SEND").with("destination", destination).body(body));
    }

    fn chat(&mut self, conn: ConnId, id: &str, to: &str, content: &str) {
        self.send(conn, "/app/chat.send", chat_body(id, to, content).to_string());
    }

    fn revoke(&mut self, conn: ConnId, id: &str) {
        self.send(conn, "/app/chat.revoke", json!({"appId": "demo", "messageId": id}).to_string());
    }

    fn sync(&mut self, conn: ConnId) {
        self.send(conn, "/app/chat.sync", r#"{"appId":"demo"}"#);
    }

    /// The frames that reached a connection since the last look.
    fn take(&mut self, conn: ConnId) -> Vec<Frame> {
        let (mine, others) = std::mem::take(&mut self.seen).into_iter().partition(|effect| effect.to == conn);
        self.seen = others;
        let mine: Vec<Effect> = mine;
        mine.into_iter()
            .filter_map(|effect| match effect.act {
                Act::Send(frame) => Some(frame),
                _ => None,
            })
            .collect()
    }

    /// The JSON bodies of the messages that reached a connection since the last look.
    fn messages(&mut self, conn: ConnId) -> Vec<Value> {
        let frames = self.take(conn);
        let messages = frames.iter().filter(|frame| frame.command == "MESSAGE");
        messages.map(|frame| serde_json::from_slice(&frame.body).expect("a JSON body")).collect()
    }

    /// The text bodies of the messages that reached a connection since the last look.
    fn bodies(&mut self, conn: ConnId) -> Vec<String> {
        let frames = self.take(conn);
        let messages = frames.into_iter().filter(|frame| frame.command == "MESSAGE");
        messages.map(|frame| String::from_utf8(frame.body).expect("text")).collect()
    }

    /// The close code that a connection was ended with.
    fn closed(&self, conn: ConnId) -> Option<u16> {
        self.seen.iter().find_map(|effect| match effect.act {
            Act::Close { code, .. } if effect.to == conn => Some(code),
            _ => None,
        })
    }

    /// Asserts an ERROR, and the end of the connection.
    #[track_caller]
    fn assert_refused(&mut self, conn: ConnId, what: &str) {
        assert_eq!(self.closed(conn), Some(1002), "{what}");
        let last = self.take(conn).pop();
        assert_eq!(last.map(|frame| frame.command).as_deref(), Some("ERROR"), "{what}");
    }

    /// Asserts that a connection is there and has been told nothing.
    #[track_caller]
    fn assert_silent(&mut self, conn: ConnId, what: &str) {
        assert_eq!(self.closed(conn), None, "{what}");
        assert_eq!(self.take(conn), [], "{what}");
    }
}

fn chat_body(id: &str, to: &str, content: &str) -> Value {
    let kind = if to.starts_with("group") { "GROUP" } else { "SINGLE" };
    json!({"appId": "demo", "messageId": id, "toId": to, "chatType": kind, "msgType": "TEXT", "content": content})
}
