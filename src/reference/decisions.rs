//! Every decision of the reference server, by name, with the right answer.
//!
//! It relies on being asked: the core and the shell call a decision wherever a requirement hangs on one. It must never
//! hold state; a defect (`defects/`) or a permitted variant (`variants.rs`) is another answer to one of these questions,
//! and nothing else.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::HeaderValue;
use serde_json::{Map, Value};

use super::directory::{Group, Standing};
use super::event::{Act, ConnId};
use super::message::Message;
use super::session::AckMode;
use crate::link::sockjs;
use crate::link::ws::{WsFrame, encode_frame};
use crate::stomp::{self, FaultKind, Frame, Version};

/// Whose subscriptions a personal message is shown to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Those of the addressed user.
    Addressee,
    /// Those of everybody.
    Everybody,
}

/// What is done about a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// What it asks for.
    Obey,
    /// Nothing.
    Nothing,
    /// It is sent back.
    Echo,
    /// ERROR.
    Refuse,
    /// CONNECTED, whoever it is.
    Admit,
}

/// What can go wrong in the application without anybody's fault but the client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// A message is for somebody who is not there (IM-SEND-13).
    NoSuchRecipient,
    /// What is to be revoked is not there (IM-REVOKE-05).
    NoSuchMessage,
    /// Nobody is at the destination below `/app` (IM-ERR-05).
    NobodyThere,
    /// The body is not what is documented (IM-SEND-10).
    BadBody,
}

/// A MESSAGE that is about to be sent, among those that were sent before it.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'d> {
    /// Its number among all of the server's, from 1.
    pub nth: u64,
    /// Its number on its connection, from 1.
    pub of_session: u64,
    /// Its number in its row: of those that followed one another on the connection within 20 ms, from 1.
    pub in_row: u64,
    /// How often its receiver has logged in so far.
    pub visits: u64,
    /// How many connections the server has.
    pub connections: usize,
    /// The `id` of the subscription.
    pub subscription: &'d str,
    /// The destination that was subscribed to.
    pub destination: &'d str,
    /// Whether it was delivered before.
    pub again: bool,
    /// What it says.
    pub body: &'d [u8],
    /// The connection that it is for.
    pub meant: ConnId,
    /// Another connection.
    pub another: Option<ConnId>,
    /// The newest connection that has a subscription of the same id.
    pub namesake: Option<ConnId>,
    /// The newest connection of the same user.
    pub newest: Option<ConnId>,
}

/// The questions that the server asks, and the answers of a correct one.
#[allow(unused_variables, reason = "the right answer often needs less than a wrong one")]
pub trait Decisions: fmt::Debug + Send + Sync {
    // ---- the upgrade

    /// Whether somebody with this query token's user is let through the handshake (IM-HS-02).
    fn admits_upgrade(&self, query_user: Option<&str>) -> bool {
        query_user.is_some()
    }

    /// What of a path, and of the query behind it, stands below the endpoint, if it is there at all (IM-HS-05, SOCKJS-BASE-03).
    fn below<'p>(&self, path: &'p str, query: &str) -> Option<&'p str> {
        path.strip_prefix("/ws/im")
    }

    /// Whether WebSocket is spoken without SockJS as well (IM-HS-01).
    fn serves_plain(&self) -> bool {
        true
    }

    /// Whether SockJS is spoken (IM-HS-04).
    fn serves_sockjs(&self) -> bool {
        true
    }

    /// How a request that asks for no WebSocket where one is, or asks wrongly, is answered (SOCKJS-WS-01).
    fn bad_handshake(&self) -> StatusCode {
        StatusCode::BAD_REQUEST
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

    /// Whether a sub-protocol must be offered (WSSTOMP-03).
    fn needs_subprotocol(&self) -> bool {
        false
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

    /// The octets of a frame to the client: unmasked, with its length in the shortest form (WS-FR-03, WS-FR-07, WS-FR-17).
    fn octets(&self, frame: &WsFrame) -> Vec<u8> {
        encode_frame(frame)
    }

    /// In which fragments a frame is sent: whole.
    fn fragments(&self, frame: WsFrame) -> Vec<WsFrame> {
        vec![frame]
    }

    /// Whether fragments are put together before they are read (WSSTOMP-11).
    fn joins_fragments(&self) -> bool {
        true
    }

    /// Whether STOMP may come in binary messages (WSSTOMP-06).
    fn takes_binary(&self) -> bool {
        true
    }

    /// Whether STOMP may come in text messages, given whether binary ones have come before (WSSTOMP-05).
    fn takes_text(&self, binary_before: bool) -> bool {
        true
    }

    /// Whether STOMP that is text is sent as text (WSSTOMP-05).
    fn sends_text(&self) -> bool {
        true
    }

    /// Whether frames that are ready at the same time share a message (WSSTOMP-07).
    fn batches(&self) -> bool {
        false
    }

    /// The octets of STOMP that are read, given those that came (WSSTOMP-05, STOMP12-FRAME-02).
    fn hears<'o>(&self, octets: &'o [u8]) -> Cow<'o, [u8]> {
        Cow::Borrowed(octets)
    }

    /// Whether line ends between frames are skipped (STOMP12-FRAME-05, WSSTOMP-10).
    fn skips_line_ends(&self) -> bool {
        true
    }

    /// Whether these octets are a sign of life (STOMP12-HB-11).
    fn counts_as_life(&self, octets: &[u8]) -> bool {
        true
    }

    /// The faults after which a frame is read all the same: none (STOMP12-ENC-05).
    fn forgives(&self) -> &'static [FaultKind] {
        &[]
    }

    /// Whether a fault is answered at all; where it is not, nothing more is read (STOMP12-CLEN-07).
    fn answers_fault(&self, kind: FaultKind) -> bool {
        true
    }

    /// The frame that is understood, given the one that came (STOMP12-FRAME-06, STOMP12-FRAME-07, STOMP12-ENC-07).
    fn understood(&self, frame: Frame) -> Frame {
        frame
    }

    /// The frame that is written, given the one that is to be said (STOMP12-FRAME-11 and others).
    fn said(&self, frame: Frame, version: Version) -> Frame {
        frame
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

    /// What the page says that greets (SOCKJS-BASE-01).
    fn greeting(&self) -> &'static str {
        "Welcome to SockJS!\n"
    }

    /// What clients of SockJS are told of the server (SOCKJS-INFO-01).
    fn info(&self, entropy: u32) -> String {
        format!("{{\"websocket\":true,\"cookie_needed\":false,\"origins\":[\"*:*\"],\"entropy\":{entropy}}}")
    }

    /// Whether that may be kept by a cache (SOCKJS-INFO-01).
    fn info_may_be_kept(&self) -> bool {
        false
    }

    /// Whether a page of this origin is told that it may ask (SOCKJS-INFO-02).
    fn answers_options(&self, origin: Option<&str>) -> bool {
        true
    }

    /// How a request that brought messages is answered (SOCKJS-XHR-02).
    fn taken(&self) -> StatusCode {
        StatusCode::NO_CONTENT
    }

    /// Whether sessions over WebSocket may have the same id (SOCKJS-WS-05).
    fn shares_session_ids(&self) -> bool {
        true
    }

    /// The messages in a text of a client (SOCKJS-WS-02, SOCKJS-WS-03, SOCKJS-WS-07).
    ///
    /// # Errors
    /// It is no JSON of the right shape.
    fn sock_read(&self, text: &str) -> Result<Vec<String>, String> {
        sockjs::read_client(text)
    }

    /// Whether the WebSocket is closed behind `c` (SOCKJS-WS-06).
    fn closes_behind_c(&self) -> bool {
        true
    }

    /// Whether a WebSocket without SockJS is greeted as if it were one with it (SOCKJS-RAW-01).
    fn greets_plain(&self) -> bool {
        false
    }

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

    /// The frame that ends a session (SOCKJS-FR-04, SOCKJS-WS-06, SOCKJS-STOMP-03).
    fn sock_close(&self, code: u16, reason: &str) -> Option<String> {
        Some(sockjs::close(code, reason))
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

    /// Whether a connection is ended as soon as it is there, given how many there are (STOMP12-LINGER-01).
    fn shuts_at_once(&self, connections: usize) -> bool {
        false
    }

    /// What is done about a frame: what it asks for.
    fn answers(&self, frame: &Frame) -> Answer {
        Answer::Obey
    }

    /// Why a frame is refused that there is nothing wrong about.
    fn objects_to(&self, frame: &Frame) -> Option<&'static str> {
        None
    }

    /// The versions of a client that names none (STOMP12-VER-03).
    fn assumed_versions(&self) -> &'static str {
        "1.0"
    }

    /// What is said before CONNECTED: nothing (STOMP12-CONN-02).
    fn says_first(&self) -> Option<Frame> {
        None
    }

    /// What the n-th session is called (STOMP12-CONND-05).
    fn session_id(&self, nth: u64) -> String {
        format!("s-{nth}")
    }

    /// Whether a frame that cannot be obeyed is refused at all, and not passed over (STOMP12-SEND-07, STOMP12-HDR-01).
    fn refuses(&self, frame: &Frame, message: &str) -> bool {
        true
    }

    /// Whether a refusal is explained by an ERROR (STOMP12-CONN-03).
    fn explains(&self, message: &str) -> bool {
        true
    }

    /// Whether a refusal ends the other connections as well (IM-ERR-02, STOMP12-CONN-10).
    fn ends_others(&self, message: &str) -> bool {
        false
    }

    /// Whether a connection is forgotten once it is gone, given whether it has taken its leave (WSSTOMP-15).
    fn forgets_connection(&self, took_leave: bool) -> bool {
        true
    }

    /// Whether the end of a connection ends the subscriptions of its user's others.
    fn takes_others_along(&self) -> bool {
        false
    }

    /// How long a connection may be idle that agreed to no heart-beats: for ever (IM-ERR-04, STOMP10-HB-01).
    fn idle_limit(&self, version: Version) -> Option<Duration> {
        None
    }

    /// Whether a known token still lets its user in (IM-AUTH-02).
    fn accepts_token(&self, standing: Standing) -> bool {
        standing == Standing::Valid
    }

    /// Whether a passcode lets somebody in who has one: it is the right one (STOMP12-CONN-03).
    fn accepts_passcode(&self, right: bool) -> bool {
        right
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

    /// Whether the n-th receipt, that was asked for with this command, is given (STOMP12-RHDR-02).
    fn gives_receipt(&self, command: &str, nth: u64) -> bool {
        true
    }

    /// How long something waits that is to be said, the n-th of all: not at all.
    fn delay(&self, act: &Act, nth: u64) -> Duration {
        Duration::ZERO
    }

    /// Whether what waits keeps its place among what is said on its connection (STOMP12-RCPT-03).
    fn keeps_order(&self) -> bool {
        true
    }

    /// How often a message is delivered: once (IM-SEND-17, IM-GROUP-10).
    fn copies(&self, of: &Delivery<'_>) -> usize {
        1
    }

    /// On which connection a message is shown: on the one that it is for (WSSTOMP-16).
    fn shown_on(&self, of: &Delivery<'_>) -> ConnId {
        of.meant
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

    /// What a SUBSCRIBE subscribes to (STOMP12-SUB-01).
    fn subscribed<'f>(&self, frame: &'f Frame) -> Option<&'f str> {
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

    /// Whether the acknowledgements of a transaction wait for COMMIT (STOMP12-ACK-02).
    fn holds_acks(&self) -> bool {
        true
    }

    /// Which transaction a SEND is part of, given the one that it names and one that is open (STOMP12-SEND-03).
    fn transaction_of<'n>(&self, named: Option<&'n str>, open: Option<&'n str>) -> Option<&'n str> {
        named
    }

    /// Whether ABORT drops a transaction (STOMP12-TX-06).
    fn aborts(&self) -> bool {
        true
    }

    /// Whether the end of a connection commits what is open on it (STOMP12-TX-04).
    fn commits_at_end(&self) -> bool {
        false
    }

    /// Whether the n-th SEND of a connection is taken at all (STOMP12-RCPT-03, STOMP12-DISC-03).
    fn takes_send(&self, nth: u64) -> bool {
        true
    }

    /// How many frames of a transaction take effect, given how many there are: all (STOMP12-TX-06).
    fn committed(&self, held: usize) -> usize {
        held
    }

    /// Whether the frames of a transaction wait for COMMIT (STOMP12-TX-02).
    fn holds_until_commit(&self) -> bool {
        true
    }

    /// Whether what was delivered in this mode comes again unless it is acknowledged (STOMP12-SUB-08).
    fn awaits_ack(&self, mode: AckMode) -> bool {
        mode != AckMode::Auto
    }

    /// Whether an ACK of this mode settles earlier messages as well (STOMP12-SUB-11, STOMP12-SUB-13, STOMP11-SUB-02).
    fn settles_earlier(&self, mode: AckMode, version: Version) -> bool {
        mode == AckMode::Client
    }

    /// Whether a NACK of this mode is about earlier messages as well (STOMP12-NACK-03).
    fn refuses_earlier(&self, mode: AckMode, version: Version) -> bool {
        self.settles_earlier(mode, version)
    }

    /// Whether what was not acknowledged goes back to its queue (STOMP12-ACK-03).
    fn redelivers(&self) -> bool {
        true
    }

    /// Whether MESSAGE says by which id it is acknowledged, in this mode (STOMP12-MSG-05).
    fn names_ack(&self, mode: AckMode) -> bool {
        true
    }

    /// Whether UNSUBSCRIBE ends the subscriptions of that id on all connections (STOMP12-SUB-06).
    fn unsubscribes_everywhere(&self) -> bool {
        false
    }

    /// Whether UNSUBSCRIBE ends a subscription (IM-SUB-05, STOMP12-UNSUB-03).
    fn ends_subscription(&self) -> bool {
        true
    }

    /// Whether the n-th beat of a connection is sent, as was agreed (STOMP12-HB-07).
    fn beats(&self, nth: u64) -> bool {
        true
    }

    /// How often the server offers to beat, and wants the client to, in milliseconds (STOMP12-HB-05).
    fn offers_beats(&self) -> u32 {
        500
    }

    /// Whether a beat is a WebSocket ping instead of a line end (STOMP12-HB-08).
    fn beats_by_ping(&self) -> bool {
        false
    }

    /// What a beat is: a line feed (STOMP12-HB-08, STOMP11-HB-01).
    fn beat(&self, version: Version) -> &'static [u8] {
        b"\n"
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

    /// What a group is known by, given what it was called (IM-GROUP-09).
    fn group_id(&self, called: &str) -> String {
        called.to_owned()
    }

    /// Whether who listens to the one group hears what is posted to the other (IM-SUB-03, IM-GROUP-04).
    fn hears_group(&self, listens: &str, posted: &str) -> bool {
        listens == posted
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

    /// Whether a mishap ends the other connections (IM-SEND-13, IM-REVOKE-05, IM-ERR-05).
    fn harms_others(&self, mishap: Mishap) -> bool {
        false
    }

    /// The request that is understood, given the body that came (IM-SEND-10).
    fn request(&self, body: Map<String, Value>) -> Map<String, Value> {
        body
    }

    /// Whether there may be members in a body that nobody knows (IM-SEND-16).
    fn takes_extra_members(&self) -> bool {
        true
    }

    /// The body in which a message is delivered (IM-SEND-02, IM-SEND-15).
    fn body(&self, message: &Message) -> Vec<u8> {
        message.to_json()
    }

    /// The id of the n-th message, given the one that its sender gave it (IM-SEND-09).
    fn id(&self, given: &str, nth: u64) -> String {
        given.to_owned()
    }

    /// Whether a message whose id is known already is delivered again (IM-SEND-08).
    fn repeats(&self) -> bool {
        false
    }

    /// Whether users may write to themselves (IM-SEND-18).
    fn serves_self(&self) -> bool {
        true
    }

    /// Whether this connection of a sender is shown what that one sent (IM-SEND-12).
    fn echoes(&self, sent_on: ConnId, shown_on: ConnId) -> bool {
        false
    }

    /// Whether a group's message is shown on the connection that sent it (IM-GROUP-08).
    fn echoes_to_group(&self) -> bool {
        true
    }

    /// Who of those that listen is reached: all (IM-GROUP-10).
    fn reached(&self, listening: Vec<(ConnId, String)>) -> Vec<(ConnId, String)> {
        listening
    }

    /// Whether a message is kept for a recipient who does not listen, given whether he is connected (IM-SYNC-01, IM-SYNC-09).
    fn stores(&self, connected: bool) -> bool {
        true
    }

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

    /// How many messages are remembered, for revoking and for knowing an id again (IM-REVOKE-01).
    fn remembers(&self) -> usize {
        20_000
    }

    /// Whether a message can be revoked that was sent so long ago (IM-REVOKE-01).
    fn revokes(&self, age_ms: u64) -> bool {
        true
    }

    /// Whether a message that was sent on the one connection can be revoked on the other (IM-REVOKE-01).
    fn revokes_on(&self, sent_on: ConnId, asked_on: ConnId) -> bool {
        true
    }

    /// Whether the sender's other connections are told (IM-REVOKE-09).
    fn tells_own_devices(&self) -> bool {
        true
    }

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

    /// What is told of a message that was revoked: not its content (IM-REVOKE-03).
    fn notice(&self, message: Message) -> Message {
        Message { content: String::new(), ..message }
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

    /// Whether what is stored is delivered as soon as its recipient subscribes (IM-SYNC-08).
    fn pushes_on_subscribe(&self) -> bool {
        false
    }

    /// Whether what was delivered stays stored, for the next sync (IM-SYNC-06).
    fn keeps_delivered(&self) -> bool {
        false
    }

    /// Whether a message of the one app is delivered to who asks for the other (IM-SYNC-07).
    fn syncs_app(&self, stored: &str, asked: &str) -> bool {
        stored == asked
    }

    /// Whether a sync on the one connection is shown on the other (IM-SYNC-04).
    fn syncs_on(&self, asked_on: ConnId, shown_on: ConnId) -> bool {
        asked_on == shown_on
    }

    /// Whether a sync is refused that finds nothing (IM-SYNC-05).
    fn refuses_empty_sync(&self) -> bool {
        false
    }

    /// The body in which all of a sync is delivered at once, where it is (IM-SYNC-02).
    fn bundle(&self, messages: &[Message]) -> Option<Vec<u8>> {
        None
    }

    /// What a sync delivers of what was stored (IM-SYNC-02).
    fn synced(&self, stored: Vec<Message>) -> Vec<Message> {
        stored
    }

    /// The `createdAt` of a synced message (IM-SYNC-03).
    fn synced_at(&self, sent_at: u64, now: u64) -> u64 {
        sent_at
    }
}
