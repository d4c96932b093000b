//! What the user is shown: everything once, whatever the server repeats after a sync.
//!
//! It relies on the [`Policy`] for what is shown. It knows no frames beyond their body and headers.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::contract;
use super::decisions::Trouble;
use super::policy::Policy;
use crate::stomp::Frame;

/// The types of a message that users know.
const KNOWN_TYPES: [&str; 8] = ["TEXT", "IMAGE", "VOICE", "VIDEO", "FILE", "LOCATION", "REVOKE", "REVOKED"];

/// What was shown.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    shown: BTreeSet<String>,
    revoked: BTreeSet<String>,
}

impl Inbox {
    /// Opens a MESSAGE: the lines that are told of it, and what was wrong about it.
    pub(super) fn open(&mut self, policy: Policy, frame: &Frame) -> (Vec<Value>, Option<Trouble>) {
        let messages = match messages_in(&frame.body) {
            Ok(messages) => messages,
            Err(why) => {
                let told = contract::error(&format!("a message that cannot be shown: {why}"));
                return (vec![told], Some(Trouble::BadBody));
            }
        };
        let (mut lines, mut trouble) = (Vec::new(), None);
        for message in messages {
            let kind = message.get("msgType").and_then(Value::as_str);
            if kind.is_some_and(|kind| !KNOWN_TYPES.contains(&kind)) {
                trouble = Some(Trouble::UnknownType);
            }
            lines.extend(self.show(policy, &message, frame));
        }
        (lines, trouble)
    }

    fn show(&mut self, policy: Policy, message: &Map<String, Value>, frame: &Frame) -> Option<Value> {
        let text = |name: &str| message.get(name).and_then(Value::as_str);
        let key = key(message);
        if text("status") == Some("REVOKED") || matches!(text("msgType"), Some("REVOKE" | "REVOKED")) {
            let news = key.is_none_or(|key| self.revoked.insert(key));
            return news.then(|| contract::revoked(id(message).unwrap_or(&Value::Null)));
        }
        // A revoked message may come late, where a server does not keep the order.
        let seen = key.as_ref().is_some_and(|key| self.shown.contains(key) || self.revoked.contains(key));
        if !policy.shows(message, seen) {
            return None;
        }
        self.shown.extend(key);
        // Of headers that are repeated the first counts (STOMP12-REP-02).
        let mut headers = Map::new();
        for (name, value) in frame.headers.iter() {
            headers.entry(name).or_insert_with(|| value.into());
        }
        Some(contract::message(message, headers))
    }
}

/// A sync may be answered by one MESSAGE with all there is.
fn messages_in(body: &[u8]) -> Result<Vec<Map<String, Value>>, String> {
    let mut body: Value = serde_json::from_slice(body).map_err(|e| format!("no JSON: {e}"))?;
    if let Some(list @ Value::Array(_)) = body.get_mut("messages") {
        body = list.take();
    }
    let messages = match body {
        Value::Array(list) => list,
        one => vec![one],
    };
    let object = |message| match message {
        Value::Object(members) => Ok(members),
        _ => Err("not a JSON object".to_owned()),
    };
    messages.into_iter().map(object).collect()
}

fn id(message: &Map<String, Value>) -> Option<&Value> {
    message.get("id").or_else(|| message.get("messageId"))
}

/// Two users may give the same id to their messages.
fn key(message: &Map<String, Value>) -> Option<String> {
    id(message).map(|id| format!("{} {id}", message.get("fromId").unwrap_or(&Value::Null)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(inbox: &mut Inbox, body: &str) -> Vec<String> {
        let (lines, _) = inbox.open(Policy::default(), &Frame::new("MESSAGE").body(body));
        lines.iter().map(|line| format!("{} {}", line["event"], line["id"])).collect()
    }

    #[test]
    fn a_message_is_shown_once_for_each_sender_and_revoked_once() {
        let mut inbox = Inbox::default();
        let one = r#"{"id":"m","fromId":"a","content":"x"}"#;
        assert_eq!(told(&mut inbox, one), [r#""message" "m""#]);
        assert_eq!(told(&mut inbox, one), [""; 0]);
        assert_eq!(told(&mut inbox, r#"{"id":"m","fromId":"b"}"#), [r#""message" "m""#]);
        let revoked = r#"{"id":"m","fromId":"a","status":"REVOKED"}"#;
        assert_eq!(told(&mut inbox, revoked), [r#""revoked" "m""#]);
        assert_eq!(told(&mut inbox, revoked), [""; 0]);
    }

    #[test]
    fn a_list_is_shown_one_by_one() {
        let list = r#"{"messages":[{"id":1},{"id":2},{"id":1}]}"#;
        assert_eq!(told(&mut Inbox::default(), list), [r#""message" 1"#, r#""message" 2"#]);
    }

    #[test]
    fn what_cannot_be_shown_is_an_error() {
        for body in ["", "no", "[1]", "null", "\"x\"", r#"{"messages":[3]}"#] {
            assert_eq!(told(&mut Inbox::default(), body), [r#""error" null"#], "{body}");
        }
    }
}
