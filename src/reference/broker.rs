//! The plain broker: subscriptions, topics that reach everybody, queues that reach one.
//!
//! It relies on destinations that were parsed and allowed already. It must never look into a body.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::core::Core;
use super::decisions::Delivery;
use super::event::ConnId;
use super::policy::Policy;
use super::refusal::Refusal;
use super::roads::Road;
use super::session::{AckMode, Item, Letter, Session, Subscription, Unsettled};
use crate::stomp::{Frame, Version};

/// Messages that a queue holds while nobody takes them.
const MOST_WAITING: usize = 10_000;

/// Headers of a SEND that are about the frame, or that are the server's to set in MESSAGE.
const NOT_PASSED_ON: [&str; 9] = [
    "destination",
    "receipt",
    "transaction",
    "content-length",
    "subscription",
    "message-id",
    "ack",
    "redelivered",
    "Authorization",
];

/// All plain queues.
#[derive(Debug, Default)]
pub(super) struct Queues {
    queues: BTreeMap<String, Queue>,
    places: u64,
}

/// One queue: what waits, and who takes turns.
#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Item>,
    consumers: VecDeque<(ConnId, String)>,
}

impl Queue {
    /// The next message and the consumer whose turn it is.
    fn next(&mut self) -> Option<(Item, (ConnId, String))> {
        if self.waiting.is_empty() {
            return None;
        }
        self.consumers.rotate_left(usize::from(self.consumers.len() > 1));
        let consumer = self.consumers.back()?.clone();
        self.waiting.pop_front().map(|item| (item, consumer))
    }

    /// Puts a message back where it was in the order.
    fn put_back(&mut self, item: Item) {
        let at = self.waiting.partition_point(|other| other.place < item.place);
        self.waiting.insert(at, Item { redelivered: true, ..item });
    }
}

impl Letter {
    /// What of a SEND travels on: of repeated headers the first (STOMP12-REP-02), and the body.
    fn of(frame: &Frame, policy: Policy) -> Letter {
        let mut headers: Vec<(String, String)> = Vec::new();
        for (name, value) in frame.headers.iter() {
            if !NOT_PASSED_ON.contains(&name) && !headers.iter().any(|(known, _)| known == name) {
                let value = if name == "content-type" { policy.content_type(value) } else { value };
                headers.push((name.to_owned(), value.to_owned()));
            }
        }
        headers.truncate(policy.most_user_headers());
        Letter { headers, body: policy.relayed(frame.header("content-type"), frame.body.clone()) }
    }
}

/// Whether a header can be written in this version at all: 1.0 has no escapes.
fn is_writable(name: &str, value: &str, version: Version) -> bool {
    version != Version::V10 || !(name.contains([':', '\n']) || value.contains('\n'))
}

impl Core {
    /// Enters a subscription, and hands it what waits in its queue.
    pub(super) fn list(&mut self, conn: ConnId, key: String, subscription: Subscription) {
        let road = subscription.road.clone();
        self.listeners.entry(road.clone()).or_default().insert((conn, key.clone()));
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.subscriptions.insert(key.clone(), subscription);
        }
        if let Road::Queue(name) = road {
            self.queues.queues.entry(name.clone()).or_default().consumers.push_back((conn, key));
            self.drain(&name);
        }
    }

    /// Strikes a subscription out; what it has not acknowledged is given back.
    pub(super) fn unlist(&mut self, conn: ConnId, key: &str) -> Vec<(String, Item)> {
        let Some(session) = self.sessions.get_mut(&conn) else { return Vec::new() };
        let Some(subscription) = session.subscriptions.remove(key) else { return Vec::new() };
        let owed = session.give_back(key);
        let entry = (conn, key.to_owned());
        if let Some(listeners) = self.listeners.get_mut(&subscription.road) {
            listeners.remove(&entry);
            if listeners.is_empty() {
                self.listeners.remove(&subscription.road);
            }
        }
        if let Road::Queue(name) = &subscription.road
            && let Some(queue) = self.queues.queues.get_mut(name)
        {
            queue.consumers.retain(|consumer| *consumer != entry);
        }
        owed
    }

    /// Returns messages to their queues, in order, and hands them to whoever is there (STOMP12-ACK-03).
    pub(super) fn take_back(&mut self, owed: Vec<(String, Item)>) {
        if !self.policy.redelivers() {
            return;
        }
        let mut names: Vec<String> = Vec::new();
        for (name, mut item) in owed {
            if !self.policy.keeps_headers() {
                item.letter = Arc::new(Letter { headers: Vec::new(), body: item.letter.body.clone() });
            }
            self.queues.queues.entry(name.clone()).or_default().put_back(item);
            names.push(name);
        }
        names.dedup();
        for name in names {
            self.drain(&name);
        }
    }

    /// Everybody who listens on a road.
    pub(super) fn listening(&self, road: &Road) -> Vec<(ConnId, String)> {
        self.listeners.get(road).map(|all| all.iter().cloned().collect()).unwrap_or_default()
    }

    /// Shows a SEND to everybody on a road.
    pub(super) fn publish(&mut self, road: &Road, frame: &Frame) {
        let letter = Arc::new(Letter::of(frame, self.policy));
        for (conn, key) in self.listening(road) {
            self.deliver(conn, &key, &letter, None);
        }
    }

    /// Adds a SEND to a queue.
    pub(super) fn enqueue(&mut self, name: &str, frame: &Frame) -> Result<(), Refusal> {
        self.queues.places += 1;
        let letter = Arc::new(Letter::of(frame, self.policy));
        let item = Item { place: self.queues.places, letter, redelivered: false };
        let queue = self.queues.queues.entry(name.to_owned()).or_default();
        if queue.waiting.len() == MOST_WAITING {
            return Err(Refusal::plain("Queue is full"));
        }
        queue.waiting.push_back(item);
        self.drain(name);
        Ok(())
    }

    /// Hands out what waits in a queue, in turns; a queue without messages and consumers is gone.
    fn drain(&mut self, name: &str) {
        while let Some((item, (conn, key))) = self.queues.queues.get_mut(name).and_then(Queue::next) {
            let letter = Arc::clone(&item.letter);
            self.deliver(conn, &key, &letter, Some((name.to_owned(), item)));
        }
        if self.queues.queues.get(name).is_some_and(|q| q.waiting.is_empty() && q.consumers.is_empty()) {
            self.queues.queues.remove(name);
        }
    }

    /// The newest session that is such a one.
    fn newest(&self, is_such: impl Fn(&Session) -> bool) -> Option<ConnId> {
        self.sessions.iter().rev().find(|(_, session)| is_such(session)).map(|(conn, _)| *conn)
    }

    /// Delivers to one subscription: once, and on its own connection.
    pub(super) fn deliver(
        &mut self,
        conn: ConnId,
        key: &str,
        letter: &Letter,
        mut taken: Option<(String, Item)>,
    ) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        session.tally.count(self.now);
        let Some(session) = self.sessions.get(&conn) else { return };
        let Some(subscription) = session.subscriptions.get(key) else { return };
        let of = Delivery {
            nth: self.deliveries + 1,
            of_session: session.tally.delivered,
            in_row: session.tally.in_row,
            visits: session
                .login
                .as_ref()
                .and_then(|login| self.visits.get(&login.user))
                .copied()
                .unwrap_or_default(),
            connections: self.sessions.len(),
            subscription: key,
            destination: &subscription.destination,
            again: taken.as_ref().is_some_and(|(_, item)| item.redelivered),
            body: &letter.body,
            meant: conn,
            another: self.sessions.keys().copied().find(|other| *other != conn),
            namesake: self.newest(|other| other.subscriptions.contains_key(key)),
            newest: self.newest(|other| other.user().is_some() && other.user() == session.user()),
        };
        let (copies, shown_on) = (self.policy.copies(&of), self.policy.shown_on(&of));
        if copies == 0 {
            self.deliveries += 1;
        }
        for _ in 0..copies {
            self.message(conn, key, letter, taken.take(), shown_on);
        }
    }

    /// Sends one MESSAGE.
    fn message(
        &mut self,
        conn: ConnId,
        key: &str,
        letter: &Letter,
        taken: Option<(String, Item)>,
        shown_on: ConnId,
    ) {
        let nth = self.deliveries + 1;
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        let version = session.version();
        let Some(subscription) = session.subscriptions.get(key) else { return };
        self.deliveries = nth;
        let message_id = self.policy.message_id(nth);
        let mut frame = Frame::new("MESSAGE");
        if let Some(id) = subscription.id.as_deref().filter(|_| self.policy.names_subscription()) {
            frame.headers.push("subscription", id);
        }
        frame.headers.push("message-id", &message_id);
        frame.headers.push("destination", &subscription.destination);
        if taken.as_ref().is_some_and(|(_, item)| item.redelivered) {
            frame.headers.push("redelivered", "true");
        }
        if self.policy.awaits_ack(subscription.ack) {
            let (subscription, mode) = (key.to_owned(), subscription.ack);
            session.unsettled.push(Unsettled { ack: message_id.clone(), subscription, mode, taken });
            if mode != AckMode::Auto && self.policy.names_ack(mode) {
                frame.headers.push("ack", message_id);
            }
        }
        for (name, value) in letter.headers.iter().filter(|(n, v)| is_writable(n, v, version)) {
            frame.headers.push(name, value);
        }
        self.send(shown_on, frame.body(letter.body.clone()));
    }
}
