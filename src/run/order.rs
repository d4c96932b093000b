//! Whether a target delivers one sender's messages to one destination in the order in which they were sent, as far as a
//! case shows it by the way.
//!
//! It relies on the marks of contents. It judges nothing: what it sees only makes later barriers more careful.

use std::collections::{BTreeMap, BTreeSet};

use crate::case::event::Seen;

/// What was sent and what has arrived, by the fresh marks of a case.
#[derive(Debug, Default)]
pub(super) struct Order {
    mark: String,
    /// Of the engine's own messages: a probe may be sent before the subscription that it asks after.
    engine_mark: String,
    sent: u64,
    /// Mark → sender and destination, and the count at which it was sent.
    by_mark: BTreeMap<String, (String, u64)>,
    /// Receiver, sender and destination → the latest that has arrived.
    arrived: BTreeMap<String, u64>,
    /// Receiver → how much had been sent when it subscribed: what is older was stored for it, and has no place among the
    /// rest.
    since: BTreeMap<String, u64>,
    /// Receiver and mark: what has arrived already may come again for other reasons.
    seen: BTreeSet<String>,
}

impl Order {
    /// For a case whose fresh marks begin so, and an engine whose marks do.
    pub(super) fn new(mark: &str, engine_mark: &str) -> Self {
        Order { mark: format!("{mark}-"), engine_mark: engine_mark.to_owned(), ..Order::default() }
    }

    /// Takes note of a SEND that carries something new; one within a transaction has its turn when that ends.
    pub(super) fn sent(&mut self, on: &str, frame: &Seen) {
        if frame.header("transaction").is_some() || frame.body.text().contains(&self.engine_mark) {
            return;
        }
        self.sent += 1;
        let key = format!("{on} {}", frame.header("destination").unwrap_or_default());
        for mark in marks(&self.mark, frame.body.text()) {
            self.by_mark.entry(mark).or_insert_with(|| (key.clone(), self.sent));
        }
    }

    /// Takes note of a SUBSCRIBE.
    pub(super) fn subscribed(&mut self, on: &str, frame: &Seen) {
        let receiver = format!("{on} {}", frame.header("id").unwrap_or_default());
        self.since.insert(receiver, self.sent);
    }

    /// Takes note of a MESSAGE; whether something that was sent later to the same destination had come before it. One
    /// that carries several at once, an answer to a question for what was missed, shows nothing.
    pub(super) fn came(&mut self, on: &str, frame: &Seen) -> bool {
        let receiver = format!("{on} {}", frame.header("subscription").unwrap_or_default());
        let mut found: Vec<(String, u64)> = Vec::new();
        for mark in marks(&self.mark, frame.body.text()) {
            if let Some(known) = self.by_mark.get(&mark)
                && self.seen.insert(format!("{receiver} {mark}"))
                && !found.contains(known)
            {
                found.push(known.clone());
            }
        }
        let since = self.since.get(&receiver).copied().unwrap_or(0);
        let [(key, sent)] = &found[..] else { return false };
        if *sent <= since {
            return false;
        }
        let latest = self.arrived.entry(format!("{receiver} {key}")).or_default();
        let overtaken = *sent < *latest;
        *latest = (*latest).max(*sent);
        overtaken
    }
}

/// The fresh marks in a text.
fn marks<'t>(mark: &'t str, text: &'t str) -> impl Iterator<Item = String> + 't {
    text.match_indices(mark).map(move |(at, _)| {
        let digits = text[at + mark.len()..].chars().take_while(char::is_ascii_digit);
        format!("{mark}{}", digits.collect::<String>())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::event::Body;

    fn frame(headers: &[(&str, &str)], body: &str) -> Seen {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Seen { command: "MESSAGE".into(), headers, body: Body::Text(body.into()), wire: None }
    }

    #[test]
    fn only_the_first_arrival_of_one_senders_message_to_one_destination_counts() {
        let mut order = Order::new("c1z", "w1");
        for (on, to, mark) in
            [("alice", "/a", 1), ("alice", "/a", 2), ("bob", "/a", 3), ("alice", "/b", 4), ("alice", "/a", 5)]
        {
            order.sent(on, &frame(&[("destination", to)], &format!("x c1z-{mark}")));
        }
        order.subscribed("dave", &frame(&[("id", "1")], ""));
        assert!(!order.came("dave", &frame(&[("subscription", "1")], "c1z-5")), "it was stored");
        let mut came = |body: &str| order.came("carol", &frame(&[("subscription", "1")], body));
        assert!(!came("x c1z-4"));
        assert!(!came("x c1z-2"), "another destination");
        assert!(came("x c1z-1"));
        assert!(!came("x c1z-1"), "it has come before: a notice about it");
        assert!(!came("x c1z-3"), "another sender");
        assert!(!came("x c1z-5"));
        assert!(!came("[c1z-1, c1z-2]"), "several at once");
    }
}
