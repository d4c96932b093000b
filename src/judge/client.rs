//! What a client under test shows beside its frames: how it asked for a connection, what it tells, that it has exited.
//!
//! It relies on logged events. Nothing of it is a secret: names stand in place of those.

use serde_json::{Map, Value, json};

use super::pattern::{Item, ItemKind};
use super::see::Sightline;
use super::{Judge, Waiting};
use crate::case::event::By;
use crate::case::json::parse;
use crate::case::script::{LISTENING, Member, role_of};

/// A request as patterns see it: method, path, the query taken apart, headers by their names in small letters.
pub(super) fn request(line: &str, headers: Map<String, Value>, body: &str) -> Value {
    let (method, target) = line.split_once(' ').unwrap_or((line, ""));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut members = Map::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        members.entry(name.into_owned()).or_insert_with(|| Value::from(value.into_owned()));
    }
    json!({ "method": method, "path": path, "query": members, "headers": headers, "body": body })
}

/// A line as patterns see it: the object that it is, or its text.
pub(super) fn told(line: &str) -> Value {
    match parse(line) {
        Some(object @ Value::Object(_)) => object,
        _ => json!({ "text": line }),
    }
}

impl Judge {
    /// Why nothing can come on a connection that there has not been yet: there is no client any more that could make it.
    pub(super) fn cannot_come(&self, on: &str) -> Option<&String> {
        let listens = |member: &Member| member.name == role_of(on) && member.state == LISTENING;
        self.gone.as_ref().filter(|_| self.script.cast.iter().any(listens))
    }

    /// The client is gone: nothing more is told by it, and nobody is left who could connect.
    pub(super) fn exited(&mut self, on: &str, by: By, status: Option<i32>, how: &str, at: u64) {
        if by == By::Target {
            self.take(on, Item::other(at, ItemKind::Exited, json!({ "status": status, "how": how })));
        }
        let why = format!("the client {how}");
        self.inboxes.entry(on.to_owned()).or_default().ended = Some(why.clone());
        self.gone = Some(why.clone());
        let lasting: Vec<u32> = self.active.iter().copied().filter(|id| self.is_lasting(*id)).collect();
        for id in &self.active {
            let Some((conn, wait)) = self.waits.get_mut(id) else { continue };
            let inbox = self.inboxes.entry(conn.clone()).or_default();
            // A connection that has come may still say something; one that has not will not come any more.
            let is_coming = role_of(conn) != on && inbox.items.is_empty() && !lasting.contains(id);
            if (conn == on || is_coming) && wait.over.is_none() && wait.waiting() == Waiting::Event {
                let mut view =
                    Sightline { items: &mut inbox.items, ids: &self.ids, world: &mut self.world, me: conn };
                wait.advance(&mut view);
                wait.give_up(&why, &inbox.items, true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_taken_apart() {
        let seen = request("GET /ws/im?token=«token:client»&x=a%20b", Map::new(), "");
        assert_eq!(seen["path"], "/ws/im");
        assert_eq!(seen["query"], json!({ "token": "«token:client»", "x": "a b" }));
    }

    #[test]
    fn a_line_that_is_no_object_is_text() {
        assert_eq!(told(r#"{"event":"connected"}"#)["event"], "connected");
        assert_eq!(told("[1]"), json!({ "text": "[1]" }));
        assert_eq!(told("hello"), json!({ "text": "hello" }));
    }
}
