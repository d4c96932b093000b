//! Every decision of the reference server, by name, with the right answer.
//!
//! It relies on being asked: the core and the shell call a decision wherever a requirement hangs on one. It must never
//! hold state; a defect is another answer to one of these questions (`defects.rs`), and nothing else.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use hyper::header::HeaderValue;
use serde_json::{Map, Value};

use super::defects::{self, Defect};
use super::directory::{Group, Standing};
use super::event::ConnId;
use super::message::Message;
use super::session::AckMode;
use crate::link::sockjs;
use crate::stomp::{self, Frame, Version};

/// Whose subscriptions a personal message is shown to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Those of the addressed user.
    Addressee,
    /// Those of everybody.
    Everybody,
}

/// The questions that the server asks, and the answers of a correct one.
#[allow(unused_variables, reason = "the right answer often needs less than a wrong one")]
pub trait Decisions: fmt::Debug + Send + Sync {
    // ---- the upgrade

    /// Whether somebody with this query token's user is let through the handshake (IM-HS-02).
    fn admits_upgrade(&self, query_user: Option<&str>) -> bool {
        query_user.is_some()
    }

    /// Whether a page of this origin is let in (IM-HS-03).
    fn admits_origin(&self, origin: Option<&str>) -> bool {
        true
    }

    /// What is sent as `Sec-WebSocket-Accept`, given what RFC 6455 computes (WS-HS-08).
    fn accept_key(&self, computed: String) -> String {
        computed
    }

    /// Which of the offered sub-protocols is selected: the highest of ours, or none (IM-HS-06).
    fn subprotocol(&self, offered: &[String]) -> Option<String> {
        ["v12.stomp", "v11.stomp", "v10.stomp"]
            .into_iter()
            .find(|ours| offered.iter().any(|theirs| theirs == ours))
            .map(str::to_owned)
    }

    /// Whether this version of WebSocket is spoken (WS-HS-10).
    fn speaks_websocket(&self, version: Option<&str>) -> bool {
        version == Some("13")
    }

    /// Whether a refusal says which version of WebSocket is spoken (WS-HS-10).
    fn names_websocket_version(&self) -> bool {
        true
    }

    /// Whether a header that lists tokens names this one, in whatever case (WS-HS-16).
    fn lists(&self, tokens: &[String], wanted: &str) -> bool {
        tokens.iter().any(|token| token.eq_ignore_ascii_case(wanted))
    }

    /// Whether the lines of a header are one list (WS-HS-14).
    fn joins_lines(&self) -> bool {
        true
    }

    /// Whether an upgrade takes a `Sec-WebSocket-Key` (WS-HS-11).
    fn needs_key(&self) -> bool {
        true
    }

    /// Which of the offered extensions are spoken: none (WS-HS-15).
    fn extensions(&self, offered: &str) -> Option<String> {
        None
    }

    // ---- WebSocket and octets

    /// Whether a ping is answered (WS-FR-11).
    fn answers_ping(&self) -> bool {
        true
    }

    /// What a pong holds, given what the ping held (WS-FR-11).
    fn pong(&self, ping: Vec<u8>) -> Vec<u8> {
        ping
    }

    /// Whether a breach of this clause by the client ends the connection (WS-FR-02 and others).
    fn closes_at(&self, clause: &str) -> bool {
        true
    }

    /// Whether fragments stay together around a control frame (WS-FR-08).
    fn keeps_fragments(&self) -> bool {
        true
    }

    /// Whether a fragment may be empty (WS-FR-16).
    fn takes_empty_fragments(&self) -> bool {
        true
    }

    /// Whether a connection is ended by the closing handshake (WSSTOMP-13).
    fn ends_by_handshake(&self) -> bool {
        true
    }

    /// How many octets a STOMP frame may have (IM-ERR-06, STOMP12-SIZE-02).
    fn frame_limit(&self) -> usize {
        64 * 1024
    }

    /// Whether a close frame is answered by one (WS-CL-01).
    fn answers_close(&self) -> bool {
        true
    }

    /// Whether what comes behind the client's close frame counts (WS-CL-08).
    fn reads_behind_close(&self) -> bool {
        false
    }

    /// What is said behind our own close frame: nothing (WS-CL-02).
    fn says_behind_close(&self) -> Option<&'static str> {
        None
    }

    /// The key that frames to the client are masked with: none (WS-FR-03).
    fn mask(&self) -> Option<[u8; 4]> {
        None
    }

    /// Whether all frames of a WebSocket message are read (WSSTOMP-07).
    fn reads_every_frame(&self) -> bool {
        true
    }

    /// Whether a frame may go on in the next WebSocket message (WSSTOMP-08).
    fn keeps_unfinished_frames(&self) -> bool {
        true
    }

    /// By the rules of which version the client's frames are read, once a version is agreed (STOMP11-ENC-02).
    fn reads_as(&self, version: Version) -> Version {
        version
    }

    /// The octets of a frame (STOMP12-ENC-02, STOMP12-CLEN-06).
    fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
        stomp::encode(frame, version)
    }

    // ---- SockJS

    /// Whether what is below the endpoint is the page that greets (SOCKJS-BASE-01, SOCKJS-BASE-02).
    fn is_greeting(&self, below: &str) -> bool {
        below == "/"
    }

    /// Whether a new session is greeted by `o` (SOCKJS-FR-01).
    fn greets_session(&self) -> bool {
        true
    }

    /// The frame that carries messages, with every character escaped that could be lost (SOCKJS-FR-03, SOCKJS-FR-05).
    fn sock_messages(&self, texts: &[String]) -> String {
        sockjs::messages(texts)
    }

    /// The frame that ends a session (SOCKJS-FR-04).
    fn sock_close(&self, code: u16, reason: &str) -> String {
        sockjs::close(code, reason)
    }

    /// Whether this may be the id of a server or session: it is not empty and has no dots (SOCKJS-SESS-01).
    fn accepts_session_id(&self, id: &str) -> bool {
        !id.is_empty() && !id.contains('.')
    }

    /// What a session over HTTP is known by: its own id, whatever the server's (SOCKJS-SESS-02).
    fn session_key(&self, server: &str, session: &str) -> String {
        session.to_owned()
    }

    /// Whether messages for a session that is not there are refused (SOCKJS-SESS-03).
    fn refuses_unknown_session(&self) -> bool {
        true
    }

    /// How long a session lives that nobody receives from (SOCKJS-SESS-04).
    fn lonely_for(&self) -> Duration {
        Duration::from_secs(2)
    }

    /// Whether a second receiver is turned away as long as the first is there (SOCKJS-SESS-05).
    fn admits_one_receiver(&self) -> bool {
        true
    }

    /// Whether a session that was closed says so until it times out (SOCKJS-SESS-06).
    fn remembers_close(&self) -> bool {
        true
    }

    /// Whether a session ends when its receiver is cut off: what was on the way is lost (SOCKJS-ABORT-01).
    fn ends_when_interrupted(&self) -> bool {
        true
    }

    /// What ends a frame to a receiver by xhr (SOCKJS-XHR-01).
    fn frame_end(&self) -> &'static str {
        "\n"
    }

    /// How many `h` go before the first frame of a streaming response (SOCKJS-STR-01).
    fn streaming_prelude(&self) -> usize {
        2048
    }

    /// After how many octets a streaming response is ended, so that the client can forget it (SOCKJS-STR-02).
    fn streaming_limit(&self) -> usize {
        128 * 1024
    }

    /// The content type of an event stream (SOCKJS-ES-01).
    fn event_stream_type(&self) -> &'static str {
        "text/event-stream"
    }

    /// Whether messages that are no JSON are refused (SOCKJS-XHR-03, SOCKJS-WS-04).
    fn refuses_broken_json(&self) -> bool {
        true
    }

    /// The headers that a page may send, of those that its browser asks for (SOCKJS-XHR-04).
    fn allowed_headers<'a>(&self, asked: Option<&'a HeaderValue>) -> Option<&'a HeaderValue> {
        asked
    }

    /// Whether a sub-protocol is negotiated beneath SockJS (SOCKJS-STOMP-02).
    fn negotiates_beneath_sockjs(&self) -> bool {
        false
    }

    // ---- CONNECT and errors

    /// Whether a known token still lets its user in (IM-AUTH-02).
    fn accepts_token(&self, standing: Standing) -> bool {
        standing == Standing::Valid
    }

    /// Who somebody is, by query token and bearer token: both are needed and must agree (IM-AUTH-05, IM-AUTH-06).
    fn identity<'a>(&self, query: Option<&'a str>, bearer: Option<&'a str>) -> Option<&'a str> {
        query.filter(|_| query == bearer)
    }

    /// The version that is spoken, of those that both know (STOMP12-VER-04).
    fn version(&self, common: &[Version]) -> Option<Version> {
        common.iter().copied().max()
    }

    /// Whether CONNECTED says which version is spoken (STOMP12-CONND-01).
    fn names_version(&self) -> bool {
        true
    }

    /// What a missing `heart-beat` header counts as (STOMP12-HB-04).
    fn missing_heart_beat(&self) -> &'static str {
        "0,0"
    }

    /// As whom a session acts before it is connected: as nobody (IM-AUTH-07).
    fn acts_before_connect(&self, query_user: Option<&str>) -> Option<String> {
        None
    }

    /// What an unauthorized client is told; never anything about its token (IM-AUTH-09).
    fn unauthorized(&self, bearer: Option<&str>) -> String {
        "Unauthorized".to_owned()
    }

    /// The body of an ERROR, given what there is to say (IM-ERR-03).
    fn error_body(&self, detail: &str) -> String {
        detail.to_owned()
    }

    /// Whether the connection ends with an ERROR (STOMP12-ERR-02, IM-AUTH-04).
    fn closes_after_error(&self) -> bool {
        true
    }

    /// Whether ERROR names the receipt that its frame asked for (STOMP12-ERR-05).
    fn names_receipt_in_error(&self) -> bool {
        true
    }

    // ---- STOMP

    /// Whether a receipt is given as soon as the frame has come, whatever becomes of it (STOMP12-RCPT-01).
    fn gives_receipt_at_once(&self) -> bool {
        false
    }

    /// Whether a receipt that was asked for with this command is given (STOMP12-RHDR-02).
    fn gives_receipt(&self, command: &str) -> bool {
        true
    }

    /// Whether MESSAGE names its subscription (STOMP12-MSG-04, IM-SUB-04).
    fn names_subscription(&self) -> bool {
        true
    }

    /// The `message-id` of the n-th MESSAGE of the server (STOMP12-MSG-03).
    fn message_id(&self, nth: u64) -> String {
        format!("m-{nth}")
    }

    /// Where a SEND goes: of repeated destinations to the first (STOMP12-REP-02).
    fn destination<'f>(&self, frame: &'f Frame) -> Option<&'f str> {
        frame.header("destination")
    }

    /// How many headers of the user's own travel with a message: all (STOMP12-MSG-07).
    fn most_user_headers(&self) -> usize {
        usize::MAX
    }

    /// The `content-type` of MESSAGE, given that of SEND (STOMP12-CTYPE-05).
    fn content_type<'a>(&self, sent: &'a str) -> &'a str {
        sent
    }

    /// The body of MESSAGE, given type and body of SEND (STOMP12-CTYPE-04).
    fn relayed(&self, content_type: Option<&str>, body: Vec<u8>) -> Vec<u8> {
        body
    }

    /// Whether a message that goes back to its queue keeps its headers (STOMP12-HDR-02).
    fn keeps_headers(&self) -> bool {
        true
    }

    /// Whether SUBSCRIBE needs an id in this version (STOMP12-SUB-05, STOMP10-SUB-01).
    fn needs_subscription_id(&self, version: Version) -> bool {
        version != Version::V10
    }

    /// Whether UNSUBSCRIBE may name a destination in this version (STOMP10-UNSUB-01).
    fn cancels_by_destination(&self, version: Version) -> bool {
        version == Version::V10
    }

    /// Whether an UNSUBSCRIBE that names nothing ends all subscriptions (STOMP12-UNSUB-01).
    fn cancels_all(&self) -> bool {
        false
    }

    /// The ack mode of a SUBSCRIBE that names none (STOMP12-SUB-07).
    fn default_ack(&self) -> AckMode {
        AckMode::Auto
    }

    /// By the headers of which version a message to acknowledge is named (STOMP11-ACK-01, STOMP10-ACK-01).
    fn acknowledges_by(&self, version: Version) -> Version {
        version
    }

    /// Whether an ACK or NACK that names no message is about the last one (STOMP12-ACK-01, STOMP12-NACK-01).
    fn guesses_message(&self) -> bool {
        false
    }

    /// Whether the frames of a transaction wait for COMMIT (STOMP12-TX-02).
    fn holds_until_commit(&self) -> bool {
        true
    }

    /// Whether an ACK of this mode settles earlier messages as well (STOMP12-SUB-11, STOMP12-SUB-13).
    fn settles_earlier(&self, mode: AckMode) -> bool {
        mode == AckMode::Client
    }

    /// Whether a NACK of this mode is about earlier messages as well (STOMP12-NACK-03).
    fn refuses_earlier(&self, mode: AckMode) -> bool {
        self.settles_earlier(mode)
    }

    /// Whether what was not acknowledged goes back to its queue (STOMP12-ACK-03).
    fn redelivers(&self) -> bool {
        true
    }

    /// Whether UNSUBSCRIBE ends a subscription (IM-SUB-05, STOMP12-UNSUB-03).
    fn ends_subscription(&self) -> bool {
        true
    }

    /// Whether the server beats as agreed (STOMP12-HB-07).
    fn beats(&self) -> bool {
        true
    }

    /// Whether a beat is a WebSocket ping instead of a line end (STOMP12-HB-08).
    fn beats_by_ping(&self) -> bool {
        false
    }

    /// How often the server beats that agreed to this interval (STOMP12-HB-06).
    fn beat_every(&self, agreed: Duration) -> Duration {
        agreed
    }

    /// How long a client may be silent that agreed to this interval (STOMP12-HB-09, STOMP12-HB-10).
    fn patience(&self, interval: Duration) -> Duration {
        interval * 2
    }

    // ---- roads

    /// Whether a user may hear the messages for a user (IM-SUB-02).
    fn may_hear(&self, user: &str, other: &str) -> bool {
        user == other
    }

    /// Whether a user may hear the messages for everybody (IM-SUB-02).
    fn may_hear_everybody(&self, user: &str) -> bool {
        false
    }

    /// Whether a user may listen to a group (IM-GROUP-07).
    fn may_join(&self, user: &str, group: &Group) -> bool {
        group.members.contains(user)
    }

    /// Whether a user may post to a group (IM-GROUP-06).
    fn may_post(&self, user: &str, group: &Group) -> bool {
        group.members.contains(user)
    }

    /// Whether a SEND may go past the application (IM-SEND-14).
    fn may_send_directly(&self, user: &str) -> bool {
        false
    }

    // ---- messages

    /// Whose message it is (IM-SEND-03).
    fn sender_id(&self, user: &str, body: &Map<String, Value>) -> String {
        user.to_owned()
    }

    /// The content that arrives (IM-SEND-04).
    fn content(&self, sent: String) -> String {
        sent
    }

    /// The `createdAt` of a message sent at this time (IM-SEND-02).
    fn created_at(&self, epoch_ms: u64) -> u64 {
        epoch_ms
    }

    /// Whether a request for an app is heard, given whether the user belongs to it (IM-SEND-11, IM-SYNC-07).
    fn serves_app(&self, belongs: bool) -> bool {
        belongs
    }

    /// Who sees a personal message (IM-SEND-07).
    fn audience(&self) -> Audience {
        Audience::Addressee
    }

    /// On which of the listening connections a personal message is shown (IM-SUB-07).
    fn devices(&self, listening: BTreeSet<ConnId>) -> BTreeSet<ConnId> {
        listening
    }

    /// Among whose messages an id must be new: those of its sender (IM-SEND-08).
    fn id_scope<'a>(&self, sender: &'a str) -> &'a str {
        sender
    }

    // ---- revoking

    /// Whether a user may revoke a message of this sender (IM-REVOKE-04).
    fn may_revoke(&self, user: &str, sender: &str) -> bool {
        user == sender
    }

    /// Whether the recipient is told (IM-REVOKE-02).
    fn tells_recipient(&self) -> bool {
        true
    }

    /// Whether the group is told (IM-REVOKE-08).
    fn tells_group(&self) -> bool {
        true
    }

    /// The content of the notice (IM-REVOKE-03).
    fn notice_content(&self, content: &str) -> String {
        String::new()
    }

    /// Whether one revocation is enough (IM-REVOKE-06).
    fn tells_once(&self) -> bool {
        true
    }

    /// Whether a revoked message leaves the store (IM-REVOKE-07).
    fn forgets_revoked(&self) -> bool {
        true
    }

    // ---- offline messages

    /// What a sync delivers of what was stored (IM-SYNC-02).
    fn synced(&self, stored: Vec<Message>) -> Vec<Message> {
        stored
    }

    /// The `createdAt` of a synced message (IM-SYNC-03).
    fn synced_at(&self, sent_at: u64, now: u64) -> u64 {
        sent_at
    }
}

/// A server that answers every question rightly.
#[derive(Debug)]
struct Correct;

impl Decisions for Correct {}

/// The decisions that a server takes: correct by default, or with one defect.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    decisions: &'static dyn Decisions,
    defect: Option<&'static Defect>,
}

impl Default for Policy {
    fn default() -> Self {
        Policy { decisions: &Correct, defect: None }
    }
}

impl Deref for Policy {
    type Target = dyn Decisions;

    fn deref(&self) -> &Self::Target {
        self.decisions
    }
}

/// There is no defect of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no defect `{name}`; the nearest names are {}", nearest.join(", "))]
pub struct UnknownDefect {
    /// The name that was asked for.
    pub name: String,
    /// The names that come nearest to it, best first.
    pub nearest: Vec<&'static str>,
}

impl Policy {
    /// A server with this defect.
    ///
    /// # Errors
    /// The names that come nearest, where there is no such defect.
    pub fn with_defect(name: &str) -> Result<Policy, UnknownDefect> {
        match defects::all().iter().find(|defect| defect.name == name) {
            Some(defect) => Ok(defect.policy()),
            None => Err(UnknownDefect { name: name.to_owned(), nearest: defects::nearest(name) }),
        }
    }

    /// The decisions of a defect.
    pub(super) fn of(defect: &'static Defect, decisions: &'static dyn Decisions) -> Policy {
        Policy { decisions, defect: Some(defect) }
    }

    /// The defect, if there is one.
    pub fn defect(&self) -> Option<&'static Defect> {
        self.defect
    }
}
