//! The reference server without I/O: events and time go in, effects come out.
//!
//! It relies on the shell to decode frames, to keep time and to carry out effects in their order. It must never read a
//! clock, touch a socket or iterate over anything unordered: the same events at the same times give the same effects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::broker::Queues;
use super::decisions::{Answer, Mishap};
use super::directory::Directory;
use super::event::{Act, ConnId, Effect, Event};
use super::im::Mail;
use super::policy::Policy;
use super::refusal::Refusal;
use super::roads::Road;
use super::session::Session;
use crate::stomp::{Fault, Frame};

/// The WebSocket close code that follows an ERROR.
const CLOSE_AFTER_ERROR: u16 = 1002;
/// The WebSocket close code of a fault of the server's own.
const CLOSE_FAULT: u16 = 1011;
/// The WebSocket close code of a graceful end.
const CLOSE_NORMAL: u16 = 1000;

/// All sessions, subscriptions and messages of a server.
#[derive(Debug)]
pub struct Core {
    pub(super) policy: Policy,
    pub(super) directory: Arc<Directory>,
    anchor_epoch_ms: u64,
    pub(super) now: Duration,
    pub(super) sessions: BTreeMap<ConnId, Session>,
    /// Who listens on a road: connection and key of the subscription.
    pub(super) listeners: BTreeMap<Road, BTreeSet<(ConnId, String)>>,
    /// The sessions that agreed on beats in either direction.
    pub(super) beating: BTreeSet<ConnId>,
    pub(super) queues: Queues,
    pub(super) mail: Mail,
    pub(super) logins: u64,
    /// How often each user has logged in.
    pub(super) visits: BTreeMap<String, u64>,
    pub(super) deliveries: u64,
    receipts: u64,
    /// How many things were said.
    acts: u64,
    /// What waits to be said, in the order in which it is due.
    waiting: BTreeMap<(Duration, u64), Effect>,
    effects: Vec<Effect>,
}

impl Core {
    /// A server at time zero, which is `anchor_epoch_ms` by the calendar.
    pub fn new(directory: Arc<Directory>, policy: Policy, anchor_epoch_ms: u64) -> Core {
        Core {
            policy,
            directory,
            anchor_epoch_ms,
            now: Duration::ZERO,
            sessions: BTreeMap::new(),
            listeners: BTreeMap::new(),
            beating: BTreeSet::new(),
            queues: Queues::default(),
            mail: Mail::default(),
            logins: 0,
            visits: BTreeMap::new(),
            deliveries: 0,
            receipts: 0,
            acts: 0,
            waiting: BTreeMap::new(),
            effects: Vec::new(),
        }
    }

    /// Takes in what happened, `now` after the beginning, and tells what is to be done about it, in order.
    pub fn apply(&mut self, now: Duration, event: Event) -> Vec<Effect> {
        self.now = self.now.max(now);
        match event {
            Event::Opened { conn, user } => {
                self.sessions.insert(conn, Session::new(user));
                if self.policy.shuts_at_once(self.sessions.len()) {
                    self.end(conn, CLOSE_NORMAL, "");
                }
            }
            Event::Frame { conn, frame } => self.frame(conn, &frame),
            Event::Fault { conn, fault } => self.fault(conn, &fault),
            Event::Data { conn } => self.heard(conn),
            Event::Closed { conn } => self.closed(conn),
            Event::Tick => self.tick(),
        }
        std::mem::take(&mut self.effects)
    }

    /// When the next beat is due, the next silent client is given up, or the next thing is said that waits: time for
    /// [`Event::Tick`].
    pub fn next_wake(&self) -> Option<Duration> {
        let sessions = self.beating.iter().filter_map(|conn| self.sessions.get(conn));
        let times =
            sessions.flat_map(|session| [self.beat_due(session), self.silence_ends(session)]).flatten();
        times.chain(self.waiting.keys().next().map(|(due, _)| *due)).min()
    }

    /// The user whom a token names, if the token lets anybody in (IM-AUTH-02).
    pub fn user_of_token(&self, token: &str) -> Option<String> {
        let (user, standing) = self.directory.token(token)?;
        self.policy.accepts_token(standing).then(|| user.to_owned())
    }

    /// Wall time in epoch milliseconds.
    pub(super) fn wall(&self) -> u64 {
        self.anchor_epoch_ms + u64::try_from(self.now.as_millis()).unwrap_or(u64::MAX / 2)
    }

    fn frame(&mut self, conn: ConnId, frame: &Frame) {
        // What comes behind an ERROR, or behind a DISCONNECT, has no effect (IM-AUTH-08).
        if !self.sessions.contains_key(&conn) {
            return;
        }
        if self.policy.gives_receipt_at_once() {
            self.acknowledge_frame(conn, frame);
        }
        let answered = match self.policy.answers(frame) {
            Answer::Obey => self.obey(conn, frame),
            Answer::Nothing => return,
            Answer::Echo => return self.send(conn, frame.clone()),
            Answer::Refuse => Err(Refusal::plain("No")),
            Answer::Admit => return self.send(conn, Frame::new("CONNECTED").with("version", "1.2")),
        };
        match answered {
            Err(refusal) if self.policy.refuses(frame, refusal.message) => {
                self.refuse(conn, &refusal, frame.header("receipt"));
            }
            Ok(()) | Err(_) => self.done(conn, frame),
        }
    }

    /// The frame was processed: RECEIPT if one was asked for, and the end if it was DISCONNECT.
    fn done(&mut self, conn: ConnId, frame: &Frame) {
        if !self.policy.gives_receipt_at_once() {
            self.acknowledge_frame(conn, frame);
        }
        if frame.command == "DISCONNECT" {
            self.end(conn, CLOSE_NORMAL, "");
        }
    }

    fn acknowledge_frame(&mut self, conn: ConnId, frame: &Frame) {
        // STOMP12-RHDR-01: CONNECT cannot ask for a receipt.
        let asked =
            frame.header("receipt").filter(|_| !matches!(frame.command.as_str(), "CONNECT" | "STOMP"));
        let Some(receipt) = asked else { return };
        self.receipts += 1;
        if self.policy.gives_receipt(&frame.command, self.receipts) {
            self.send(conn, Frame::new("RECEIPT").with("receipt-id", receipt));
        }
    }

    fn fault(&mut self, conn: ConnId, fault: &Fault) {
        if self.sessions.contains_key(&conn) {
            self.refuse(conn, &Refusal::malformed(fault), None);
        }
    }

    /// ERROR, then the end of the connection (STOMP12-ERR-02).
    pub(super) fn refuse(&mut self, conn: ConnId, refusal: &Refusal, receipt: Option<&str>) {
        let body = self.policy.error_body(&refusal.detail);
        let mut error = Frame::new("ERROR").with("message", refusal.message);
        if let Some(receipt) = receipt.filter(|_| self.policy.names_receipt_in_error()) {
            error.headers.push("receipt-id", receipt);
        }
        if let Some(versions) = refusal.versions {
            error.headers.push("version", versions);
        }
        if self.policy.explains(refusal.message) {
            self.send(conn, error.with("content-type", "text/plain").body(body));
        }
        if self.policy.closes_after_error() {
            self.end(conn, CLOSE_AFTER_ERROR, refusal.message);
        }
        if self.policy.ends_others(refusal.message) {
            self.end_others(conn);
        }
    }

    /// Ends a connection from our side; nothing that it did lives on but what was delivered.
    fn end(&mut self, conn: ConnId, code: u16, reason: &str) {
        self.push(conn, Act::Close { code, reason: reason.to_owned() });
        self.forget(conn);
    }

    /// A request came to nothing: that is nobody else's affair.
    pub(super) fn mishap(&mut self, conn: ConnId, mishap: Mishap) {
        if self.policy.harms_others(mishap) {
            self.end_others(conn);
        }
    }

    fn end_others(&mut self, conn: ConnId) {
        for other in self.sessions.keys().copied().filter(|other| *other != conn).collect::<Vec<_>>() {
            self.end(other, CLOSE_FAULT, "");
        }
    }

    /// The other side has gone.
    fn closed(&mut self, conn: ConnId) {
        let Some(session) = self.sessions.get(&conn) else { return };
        if self.policy.takes_others_along()
            && let Some(login) = &session.login
        {
            let user = login.user.clone();
            let of_user = |s: &Session| s.login.as_ref().is_some_and(|login| login.user == user);
            let theirs: Vec<_> = self.sessions.iter().filter(|(_, s)| of_user(s)).collect();
            let keys =
                theirs.iter().flat_map(|(conn, s)| s.subscriptions.keys().map(|key| (**conn, key.clone())));
            for (other, key) in keys.collect::<Vec<_>>() {
                self.unlist(other, &key);
            }
        }
        // Whoever has said DISCONNECT is gone from here already.
        if self.policy.forgets_connection(false) {
            self.forget(conn);
        }
    }

    /// Drops a session: subscriptions, transactions (STOMP12-TX-04); what it owed goes back to the queues.
    fn forget(&mut self, conn: ConnId) {
        self.beating.remove(&conn);
        if self.policy.commits_at_end() {
            self.commit_all(conn);
        }
        let Some(session) = self.sessions.get(&conn) else { return };
        let keys: Vec<String> = session.subscriptions.keys().cloned().collect();
        // All of them first, lest a message goes from one dead subscription to the next.
        let owed: Vec<_> = keys.iter().flat_map(|key| self.unlist(conn, key)).collect();
        self.sessions.remove(&conn);
        self.take_back(owed);
    }

    fn beat_due(&self, session: &Session) -> Option<Duration> {
        let beats = self.policy.beats(session.beats.count + 1);
        session.beats.beat_due(|agreed| self.policy.beat_every(agreed)).filter(|_| beats)
    }

    fn silence_ends(&self, session: &Session) -> Option<Duration> {
        let agreed = session.beats.silence_ends(|interval| self.policy.patience(interval));
        let limit = self.policy.idle_limit(session.version()).filter(|_| session.beats.incoming.is_none());
        agreed.or_else(|| limit.map(|limit| session.beats.heard.max(session.beats.written) + limit))
    }

    fn heard(&mut self, conn: ConnId) {
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.beats.heard = self.now;
        }
    }

    fn tick(&mut self) {
        while let Some(entry) = self.waiting.first_entry()
            && entry.key().0 <= self.now
        {
            self.effects.push(entry.remove());
        }
        let conns: Vec<ConnId> = self.beating.iter().copied().collect();
        for conn in conns {
            let Some(session) = self.sessions.get(&conn) else { continue };
            let due = |at: Option<Duration>| at.is_some_and(|at| at <= self.now);
            if due(self.silence_ends(session)) {
                self.refuse(conn, &Refusal::plain("No heart-beat"), None);
            } else if due(self.beat_due(session)) {
                if let Some(session) = self.sessions.get_mut(&conn) {
                    session.beats.count += 1;
                }
                self.push(conn, Act::Beat);
            }
        }
    }

    pub(super) fn send(&mut self, conn: ConnId, frame: Frame) {
        self.push(conn, Act::Send(frame));
    }

    pub(super) fn push(&mut self, conn: ConnId, act: Act) {
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.beats.written = self.now;
        }
        self.acts += 1;
        let delay = self.policy.delay(&act, self.acts);
        let before =
            self.waiting.iter().rev().find(|(_, effect)| effect.to == conn).map(|((due, _), _)| *due);
        let keeps = self.policy.keeps_order() || matches!(act, Act::Close { .. });
        let due = before.filter(|_| keeps).map_or(self.now + delay, |before| before.max(self.now + delay));
        let effect = Effect { to: conn, act };
        if due > self.now {
            self.waiting.insert((due, self.acts), effect);
        } else {
            self.effects.push(effect);
        }
    }
}
