//! What the server knows of one connection: who it is, what it subscribed to, what it has yet to acknowledge.
//!
//! It relies on roads that were parsed already. It must never reach into another session.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::beats::Beats;
use super::roads::{Errand, Road};
use crate::stomp::{Frame, Version};

/// How a subscription acknowledges its messages (STOMP12-SUB-07).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckMode {
    /// By having been sent.
    Auto,
    /// One ACK for all up to a message.
    Client,
    /// One ACK for each message.
    Individual,
}

impl AckMode {
    /// Reads the `ack` header; without one it is the default (STOMP12-SUB-07).
    pub(super) fn parse(header: Option<&str>, default: AckMode) -> Option<AckMode> {
        match header {
            None => Some(default),
            Some("auto") => Some(AckMode::Auto),
            Some("client") => Some(AckMode::Client),
            Some("client-individual") => Some(AckMode::Individual),
            Some(_) => None,
        }
    }
}

/// What is delivered: the same to everybody, but for the headers that name the subscription.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Letter {
    /// The headers that travel with it: `content-type` and those of the user.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// A letter in a plain queue.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// Its place in the order of the queue.
    pub(super) place: u64,
    pub(super) letter: Arc<Letter>,
    /// Whether somebody had it before.
    pub(super) redelivered: bool,
}

/// One subscription of a session.
#[derive(Debug)]
pub(super) struct Subscription {
    /// The client's id; 1.0 can do without.
    pub(super) id: Option<String>,
    /// The destination, as the client wrote it.
    pub(super) destination: String,
    pub(super) road: Road,
    pub(super) ack: AckMode,
}

/// A message that was delivered and not acknowledged yet.
#[derive(Debug)]
pub(super) struct Unsettled {
    /// The value of its `ack` header.
    pub(super) ack: String,
    /// The key of the subscription that it came on.
    pub(super) subscription: String,
    pub(super) mode: AckMode,
    /// From which queue it was taken, where it was a queue.
    pub(super) taken: Option<(String, Item)>,
}

/// What a transaction holds back until COMMIT.
#[derive(Debug)]
pub(super) enum Held {
    /// A SEND.
    Send(Errand, Frame),
    /// An ACK of this `ack` value, or a NACK.
    Settle(String, bool),
}

/// Who a session has proved to be.
#[derive(Debug, Clone)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) version: Version,
}

/// One connection.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// The user of the query token.
    pub(super) query_user: Option<String>,
    /// Set by CONNECT.
    pub(super) login: Option<Login>,
    /// By id, or by destination where 1.0 gave none.
    pub(super) subscriptions: BTreeMap<String, Subscription>,
    /// In the order of delivery.
    pub(super) unsettled: Vec<Unsettled>,
    pub(super) transactions: BTreeMap<String, Vec<Held>>,
    pub(super) beats: Beats,
    pub(super) tally: Tally,
}

/// How many messages went over a connection.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// How many SENDs came on it.
    pub(super) sent: u64,
    /// In all.
    pub(super) delivered: u64,
    /// In a row: each within 20 ms of the one before.
    pub(super) in_row: u64,
    /// When the last one was.
    last: Duration,
}

impl Tally {
    /// One more, now.
    pub(super) fn count(&mut self, now: Duration) {
        let goes_on = now.saturating_sub(self.last) < Duration::from_millis(20);
        self.in_row = if goes_on { self.in_row + 1 } else { 1 };
        self.delivered += 1;
        self.last = now;
    }
}

impl Session {
    /// A connection that has not said CONNECT.
    pub(super) fn new(query_user: Option<String>) -> Self {
        Session { query_user, ..Session::default() }
    }

    /// The version that is spoken.
    pub(super) fn version(&self) -> Version {
        self.login.as_ref().map_or(Version::V12, |login| login.version)
    }

    /// Whose it is, once it is somebody's.
    pub(super) fn user(&self) -> Option<&str> {
        self.login.as_ref().map(|login| login.user.as_str())
    }

    /// The `ack` value that an ACK or NACK names, by the rules of the version (STOMP12-ACK-01, and section 1.8).
    pub(super) fn named_by(frame: &Frame, version: Version) -> Option<String> {
        match version {
            Version::V12 => frame.header("id").map(str::to_owned),
            // `ack` and `message-id` are the same here, and message ids are unique on the server.
            Version::V11 => frame.header("subscription").and(frame.header("message-id")).map(str::to_owned),
            Version::V10 => frame.header("message-id").map(str::to_owned),
        }
    }

    /// Whether such a message waits for its acknowledgement.
    pub(super) fn awaits(&self, ack: &str) -> bool {
        self.unsettled.iter().any(|one| one.ack == ack)
    }

    /// Takes a message off the list, and with it the earlier ones of its subscription if `earlier` says so.
    pub(super) fn settle(&mut self, ack: &str, earlier: impl Fn(AckMode) -> bool) {
        let Some(at) = self.unsettled.iter().position(|one| one.ack == ack) else { return };
        let last = self.unsettled.remove(at);
        if earlier(last.mode) {
            let mut index = 0;
            self.unsettled.retain(|one| {
                index += 1;
                index > at || one.subscription != last.subscription
            });
        }
    }

    /// Takes what a subscription has not acknowledged off the list: queue and item.
    pub(super) fn give_back(&mut self, subscription: &str) -> Vec<(String, Item)> {
        let (gone, kept) =
            std::mem::take(&mut self.unsettled).into_iter().partition(|one| one.subscription == subscription);
        self.unsettled = kept;
        let gone: Vec<Unsettled> = gone;
        gone.into_iter().filter_map(|one| one.taken).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_three() -> Session {
        let unsettled = ["1", "2", "3"].map(|ack| Unsettled {
            ack: ack.into(),
            subscription: if ack == "2" { "other".into() } else { "s".into() },
            mode: AckMode::Client,
            taken: None,
        });
        Session { unsettled: unsettled.into(), ..Session::default() }
    }

    #[test]
    fn a_cumulative_ack_settles_the_earlier_ones_of_its_subscription() {
        let mut session = with_three();
        session.settle("3", |mode| mode == AckMode::Client);
        assert_eq!(session.unsettled.iter().map(|one| one.ack.as_str()).collect::<Vec<_>>(), ["2"]);
    }

    #[test]
    fn an_individual_ack_settles_one() {
        let mut session = with_three();
        session.settle("3", |_| false);
        assert_eq!(session.unsettled.len(), 2);
    }
}
