//! Permitted variants: servers that are right in another way, and servers that do nothing right at all.
//!
//! It relies on `decisions.rs`, as defects do. A variant uses a freedom that a specification gives, and says at which open
//! points it answers otherwise than the correct server; judged by a profile that says so as well, it conforms.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::decisions::{Answer, Decisions};
use super::directory::Group;
use super::event::{Act, ConnId};
use super::message::{Message, Status};
use super::policy::{Peculiarity, Policy};
use crate::defect::Unknown;
use crate::link::ws::{WsFrame, opcode};
use crate::stomp::{self, FaultKind, Frame, Style, Version};

/// A server that conforms, and differs.
#[derive(Debug)]
pub struct Variant {
    /// The name by which it is switched on.
    pub name: &'static str,
    /// What the server does, in one sentence.
    pub description: &'static str,
    /// The points at which it answers otherwise than the correct server, and how, in YAML.
    pub points: &'static [(&'static str, &'static str)],
    decisions: &'static dyn Decisions,
}

impl Variant {
    /// The decisions of this server.
    pub fn policy(&'static self) -> Policy {
        Policy::of(Peculiarity::Variant(self.name), self.decisions)
    }
}

/// A server that is none.
#[derive(Debug)]
pub struct Null {
    /// The name by which it is switched on.
    pub name: &'static str,
    /// What the server does, in one sentence.
    pub description: &'static str,
    decisions: &'static dyn Decisions,
}

impl Null {
    /// The decisions of this server.
    pub fn policy(&'static self) -> Policy {
        Policy::of(Peculiarity::Null(self.name), self.decisions)
    }
}

/// All variants.
pub fn all() -> &'static [Variant] {
    VARIANTS
}

/// What is to be said of a server that is a variant: the points at which it differs.
pub fn points(policy: Policy) -> BTreeMap<String, Value> {
    let is_it = |variant: &&Variant| policy.peculiarity() == Some(Peculiarity::Variant(variant.name));
    let points = all().iter().find(is_it).map_or(&[][..], |variant| variant.points);
    let value = |text: &str| text.parse().map_or_else(|_| Value::from(text), Value::Bool);
    points.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect()
}

/// All servers that are none.
pub fn nulls() -> &'static [Null] {
    NULLS
}

/// The variant, or the server that is none, of this name.
///
/// # Errors
/// The names that come nearest, where there is no such thing.
pub fn named(name: &str) -> Result<Policy, Unknown> {
    let variant = all().iter().find(|variant| variant.name == name).map(Variant::policy);
    let null = || nulls().iter().find(|null| null.name == name).map(Null::policy);
    let names = all().iter().map(|variant| variant.name).chain(nulls().iter().map(|null| null.name));
    variant.or_else(null).ok_or_else(|| Unknown::among("variant", name, names))
}

/// Writes the catalogue of variants: for each a type that answers questions in another right way.
macro_rules! variants {
    ($($name:literal $type:ident at [$($point:literal: $value:literal),*], $description:literal { $($answer:item)+ })+) => {
        $(
            #[derive(Debug)]
            struct $type;

            #[allow(unused_variables, reason = "an answer seldom looks at the whole question")]
            impl Decisions for $type { $($answer)+ }
        )+

        static VARIANTS: &[Variant] = &[
            $(Variant {
                name: $name, description: $description, points: &[$(($point, $value)),*], decisions: &$type,
            }),+
        ];
    };
}

/// A number that looks like any other, the same for the same `nth`.
fn scattered(nth: u64) -> u64 {
    nth.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40
}

variants! {
    // ---- on the wire

    "crlf" Crlf at [], "Lines end in CR LF in 1.2." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            stomp::encode_with(frame, &Style { version, crlf: version == Version::V12, ..Style::default() })
        }
    }

    "line-ends-behind-frames" LineEndsBehindFrames at [], "Behind the NUL of each frame stand some line ends." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            stomp::encode_with(frame, &Style { version, after: b"\n\n".to_vec(), ..Style::default() })
        }
    }

    "binary-messages" BinaryMessages at [], "STOMP is sent in binary messages." {
        fn sends_text(&self) -> bool { false }
    }

    "batches" Batches at [], "Frames that are ready at the same time share a message." {
        fn batches(&self) -> bool { true }
    }

    "fragments" Fragments at [], "Messages are sent in fragments of seven octets and more." {
        fn fragments(&self, frame: WsFrame) -> Vec<WsFrame> {
            if frame.is_control() || frame.payload.len() < 8 {
                return vec![frame];
            }
            let size = (frame.payload.len() / 5).max(7);
            let mut pieces: Vec<_> = frame.payload.chunks(size).map(|piece| {
                WsFrame { fin: false, ..WsFrame::new(opcode::CONTINUATION, piece, None) }
            }).collect();
            if let Some(first) = pieces.first_mut() { first.opcode = frame.opcode; }
            if let Some(last) = pieces.last_mut() { last.fin = true; }
            pieces
        }
    }

    "more-headers" MoreHeaders at [], "Each frame has headers of the server's own, some of them empty, repeated, or in other letters." {
        fn said(&self, mut frame: Frame, version: Version) -> Frame {
            for (name, value) in [("x-server", "yes"), ("Destination", "elsewhere"), ("x-empty", ""), ("x-server", "again"), ("x-ü", "ä€😀")] {
                frame.headers.push(name, value);
            }
            frame
        }
    }

    "headers-backwards" HeadersBackwards at [], "Headers are written in another order." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            let mut headers: Vec<(String, String)> = frame.headers.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            headers.reverse();
            Frame { headers: headers.into_iter().collect(), ..frame }
        }
    }

    "other-ids" OtherIds at [], "Ids of messages and sessions are long, and have every sign in them." {
        fn message_id(&self, nth: u64) -> String { format!("ID:host-{nth}:\\1@{nth}") }
        fn session_id(&self, nth: u64) -> String { format!("{nth:032x}") }
    }

    "slow" Slow at [], "Everything is said after 20 to 300 ms." {
        fn delay(&self, act: &Act, nth: u64) -> Duration { Duration::from_millis(20 + scattered(nth) % 280) }
    }

    "no-subprotocol" NoSubprotocol at ["subprotocols": "false", "subprotocol_choice": "none"],
    "No sub-protocol is ever selected." {
        fn subprotocol(&self, offered: &[String]) -> Option<String> { None }
    }

    "first-subprotocol" FirstSubprotocol at ["subprotocol_choice": "first"],
    "Of the sub-protocols that are offered the first is selected that is known." {
        fn subprotocol(&self, offered: &[String]) -> Option<String> {
            offered.iter().find(|one| ["v10.stomp", "v11.stomp", "v12.stomp"].contains(&one.as_str())).cloned()
        }
    }

    // ---- CONNECT and errors

    "refuses-by-error" RefusesByError at ["refusal": "error"], "A bad token is refused by ERROR, and never at the upgrade." {
        fn admits_upgrade(&self, query_user: Option<&str>) -> bool { true }
    }

    "refuses-by-close" RefusesByClose at ["refusal": "closed"],
    "A bad token is refused by the end of the connection, without a word." {
        fn admits_upgrade(&self, query_user: Option<&str>) -> bool { true }
        fn explains(&self, message: &str) -> bool { message != "Unauthorized" }
    }

    "checks-query-only" ChecksQueryOnly at ["auth": "query"], "The token of the upgrade is enough, whatever CONNECT says." {
        fn identity<'a>(&self, query: Option<&'a str>, bearer: Option<&'a str>) -> Option<&'a str> { query }
    }

    "checks-header-only" ChecksHeaderOnly at ["auth": "header"], "The token of CONNECT is enough, whatever the upgrade says." {
        fn admits_upgrade(&self, query_user: Option<&str>) -> bool { true }
        fn identity<'a>(&self, query: Option<&'a str>, bearer: Option<&'a str>) -> Option<&'a str> { bearer }
    }

    "only-1.2" Only12 at ["versions": "only-1.2"], "Only 1.2 is spoken." {
        fn version(&self, common: &[Version]) -> Option<Version> {
            common.iter().copied().find(|version| *version == Version::V12)
        }
    }

    "no-beats" NoBeats at ["beats": "false"], "The server neither sends heart-beats nor wants any." {
        fn offers_beats(&self) -> u32 { 0 }
    }

    "bare-errors" BareErrors at ["error_body": "false"], "An ERROR has a message and no body, except where the dialect asks for one." {
        fn error_body(&self, detail: &str) -> String {
            if detail == "Unauthorized" { detail.to_owned() } else { String::new() }
        }
    }

    "quiet-connected" QuietConnected at ["session_header": "false"], "CONNECTED says the version, and what was agreed about heart-beats." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            if frame.command != "CONNECTED" { return frame; }
            let kept = frame.headers.iter().filter(|(name, _)| matches!(*name, "version" | "heart-beat"));
            let headers = kept.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            Frame { headers, ..frame }
        }
    }

    // ---- STOMP

    "no-receipts" NoReceipts at ["receipts": "none"], "No receipt is ever given." {
        fn gives_receipt(&self, command: &str, nth: u64) -> bool { false }
    }

    "receipt-of-disconnect" ReceiptOfDisconnect at ["receipts": "disconnect"], "A receipt is given for DISCONNECT only." {
        fn gives_receipt(&self, command: &str, nth: u64) -> bool { command == "DISCONNECT" }
    }

    "receipts-first" ReceiptsFirst at [], "A receipt overtakes the messages that its frame has led to." {
        fn delay(&self, act: &Act, nth: u64) -> Duration {
            let late = matches!(act, Act::Send(frame) if frame.command == "MESSAGE");
            Duration::from_millis(if late { 3 } else { 0 })
        }
        fn keeps_order(&self) -> bool { false }
    }

    "odd-headers-skipped" OddHeadersSkipped at [], "A header line that is none is skipped." {
        fn forgives(&self) -> &'static [FaultKind] { &[FaultKind::NoColon, FaultKind::EmptyName] }
    }

    "unordered" Unordered at ["ordering": "none", "receipts": "disconnect"],
    "Messages of one sender overtake one another." {
        fn gives_receipt(&self, command: &str, nth: u64) -> bool { command == "DISCONNECT" }
        fn delay(&self, act: &Act, nth: u64) -> Duration {
            let message = matches!(act, Act::Send(frame) if frame.command == "MESSAGE");
            Duration::from_millis(if message { scattered(nth) % 3 } else { 0 })
        }
        fn keeps_order(&self) -> bool { false }
    }


    // ---- the application

    "echo-to-self" EchoToSelf at ["echo": "self"], "A sender is shown what it sends, on the connection that sent it." {
        fn echoes(&self, sent_on: ConnId, shown_on: ConnId) -> bool { sent_on == shown_on }
    }

    "echo-to-others" EchoToOthers at ["echo": "others"], "A sender's other connections are shown what it sends." {
        fn echoes(&self, sent_on: ConnId, shown_on: ConnId) -> bool { sent_on != shown_on }
    }

    "echo-to-all" EchoToAll at ["echo": "all"], "All connections of a sender are shown what it sends." {
        fn echoes(&self, sent_on: ConnId, shown_on: ConnId) -> bool { true }
    }

    "one-device" OneDevice at ["multi_session": "some"], "Of a user's connections the last one receives." {
        fn devices(&self, listening: std::collections::BTreeSet<ConnId>) -> std::collections::BTreeSet<ConnId> {
            listening.last().copied().into_iter().collect()
        }
    }

    "server-given-ids" ServerGivenIds at ["id_is_message_id": "false", "dedupe": "false"],
    "Messages are given ids by the server." {
        fn id(&self, given: &str, nth: u64) -> String { format!("srv-{nth}") }
    }

    "repeats" Repeats at ["dedupe": "false"], "A message that is sent again is delivered again." {
        fn repeats(&self) -> bool { true }
    }

    "extra-members-refused" ExtraMembersRefused at ["extra_members": "refused"], "A body with members that nobody knows is no request." {
        fn takes_extra_members(&self) -> bool { false }
    }

    "not-to-self" NotToSelf at ["to_self": "false"], "Users cannot write to themselves." {
        fn serves_self(&self) -> bool { false }
    }

    "open-groups" OpenGroups at ["membership": "open"], "Everybody may listen and post to every group." {
        fn may_join(&self, user: &str, group: &Group) -> bool { true }
        fn may_post(&self, user: &str, group: &Group) -> bool { true }
    }

    "no-group-echo" NoGroupEcho at ["group_echo": "false"], "A group's message is not shown on the connection that sent it." {
        fn echoes_to_group(&self) -> bool { false }
    }

    "revokes-quietly" RevokesQuietly at ["revoke.notify": "none", "revoke.echo": "false"], "Nobody is told that a message to one user was revoked." {
        fn tells_recipient(&self) -> bool { false }
        fn tells_own_devices(&self) -> bool { false }
    }

    "no-revoke-echo" NoRevokeEcho at ["revoke.echo": "false"], "A sender's other connections are not told of a revocation." {
        fn tells_own_devices(&self) -> bool { false }
    }

    "notice-by-type" NoticeByType at [], "The notice of a revocation has a type of its own, and keeps the status." {
        fn notice(&self, message: Message) -> Message {
            Message { content: String::new(), msg_type: "REVOKED".into(), status: Status::Sent, ..message }
        }
    }

    "push-on-subscribe" PushOnSubscribe at ["sync.push": "true"], "What is stored is delivered as soon as its recipient subscribes." {
        fn pushes_on_subscribe(&self) -> bool { true }
    }

    "sync-always" SyncAlways at ["sync.repeat": "always", "sync.live": "true"], "Each sync delivers all there ever was, live messages as well." {
        fn keeps_delivered(&self) -> bool { true }
    }

    "sync-as-array" SyncAsArray at [], "A sync is one MESSAGE with an array." {
        fn bundle(&self, messages: &[Message]) -> Option<Vec<u8>> { serde_json::to_vec(messages).ok() }
    }

    "sync-in-an-object" SyncInAnObject at [], "A sync is one MESSAGE with an object that holds the messages." {
        fn bundle(&self, messages: &[Message]) -> Option<Vec<u8>> {
            serde_json::to_vec(&serde_json::json!({ "messages": messages })).ok()
        }
    }

    "spaced-json" SpacedJson at [], "Bodies are printed over several lines, and end in a line end." {
        fn body(&self, message: &Message) -> Vec<u8> {
            let mut body = serde_json::to_vec_pretty(message).unwrap_or_default();
            body.push(b'\n');
            body
        }
    }
}

/// Writes the catalogue of servers that are none.
macro_rules! nulls {
    ($($name:literal $type:ident, $description:literal { $($answer:item)+ })+) => {
        $(
            #[derive(Debug)]
            struct $type;

            #[allow(unused_variables, reason = "a server that is none does not look at the question")]
            impl Decisions for $type {
                fn admits_upgrade(&self, query_user: Option<&str>) -> bool { true }
                fn serves_sockjs(&self) -> bool { false }
                fn beats(&self, nth: u64) -> bool { false }
                $($answer)+
            }
        )+

        static NULLS: &[Null] = &[$(Null { name: $name, description: $description, decisions: &$type }),+];
    };
}

nulls! {
    "silent" Silent, "Accepts every WebSocket, and says nothing." {
        fn answers(&self, frame: &Frame) -> Answer { Answer::Nothing }
        fn answers_fault(&self, kind: FaultKind) -> bool { false }
    }

    "echo" Echo, "Sends every frame back." {
        fn answers(&self, frame: &Frame) -> Answer { Answer::Echo }
        fn answers_fault(&self, kind: FaultKind) -> bool { false }
    }

    "closing" Closing, "Closes every connection as soon as it is there." {
        fn shuts_at_once(&self, connections: usize) -> bool { true }
    }

    "refusing" Refusing, "Answers every frame with ERROR." {
        fn answers(&self, frame: &Frame) -> Answer { Answer::Refuse }
        fn closes_after_error(&self) -> bool { false }
    }

    "swallowing" Swallowing, "Answers CONNECT with CONNECTED, whoever it is, and swallows the rest." {
        fn answers(&self, frame: &Frame) -> Answer {
            if frame.command == "CONNECT" { Answer::Admit } else { Answer::Nothing }
        }
        fn answers_fault(&self, kind: FaultKind) -> bool { false }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_lead_to_their_servers() {
        let names: BTreeSet<_> = all().iter().map(|v| v.name).chain(nulls().iter().map(|n| n.name)).collect();
        assert_eq!(names.len(), all().len() + nulls().len());
        for name in names {
            let found = named(name).expect("in the catalogue");
            assert_eq!(found.peculiarity().map(Peculiarity::name), Some(name));
        }
        let error = named("slwo").expect_err("no such variant");
        assert_eq!(error.nearest.first(), Some(&"slow"));
    }
}
