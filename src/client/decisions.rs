//! Every decision of the reference client, by name, with the right answer.
//!
//! It relies on being asked: the core calls a decision wherever a requirement hangs on one. It must never hold state; a
//! defect (`defects/`) is another answer to one of these questions, and nothing else.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::link::sockjs::{self, Fault, SockFrame};
use crate::link::upgrade::HttpRequest;
use crate::link::ws::{WsFrame, encode_frame};
use crate::stomp::{self, FaultKind, Frame, Version};

/// Why a connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It was lost, or never came about.
    Lost,
    /// The server ended it, by ERROR or another answer than 101.
    Refused,
    /// The token is no good.
    Unauthorized,
    /// The user left.
    Left,
}

/// What a client must live through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The answer to the upgrade has another status than 101 (WS-HS-06).
    NoUpgrade,
    /// A body is no JSON, or none that is a message (IM-CLIENT-07).
    BadBody,
    /// A message has a `msgType` that is not known (IM-CLIENT-07).
    UnknownType,
    /// The connection ended (IM-CLIENT-09).
    ConnectionLost,
    /// A line is no command (DRIVER-08).
    BadCommand,
}

/// The questions that the client asks, and the answers of a correct one.
#[allow(unused_variables, reason = "the right answer often needs less than a wrong one")]
pub trait Decisions: fmt::Debug + Send + Sync {
    // ---- the upgrade

    /// The n-th request for an upgrade, from 1, given the right one (IM-CLIENT-01, WS-HS-01, WS-HS-02, WS-HS-03, WSSTOMP-01).
    fn asks(&self, request: HttpRequest, nth: u32) -> HttpRequest {
        request
    }

    /// Whether an answer of this status is an upgrade (WS-HS-06).
    fn is_upgrade(&self, status: u16) -> bool {
        status == 101
    }

    /// Whether a fault of the answer fails the connection, given its clause and what it is (WS-HS-06, WS-HS-07).
    fn minds(&self, clause: &str, what: &str) -> bool {
        true
    }

    /// Whether a header of the answer is as it must be, beside what is compared without regard to case (WS-HS-06).
    fn takes_answer(&self, name: &str, value: &str) -> bool {
        true
    }

    /// Whether what came behind the answer in the same packet is read (WS-FR-11).
    fn reads_early_octets(&self) -> bool {
        true
    }

    // ---- WebSocket

    /// The octets of a frame: masked, with its length in the shortest form, and nothing behind a close (WS-FR-01, WS-FR-07, WS-CL-02).
    fn octets(&self, frame: &WsFrame) -> Vec<u8> {
        encode_frame(frame)
    }

    /// Whether STOMP that is text is sent as text (WSSTOMP-05).
    fn sends_text(&self) -> bool {
        true
    }

    /// Whether a breach of this clause by the server ends the connection (WS-FR-04 and others).
    fn closes_at(&self, clause: &str) -> bool {
        true
    }

    /// The frame that is understood, given the one that came (WS-FR-13, WS-FR-17).
    fn hears_frame(&self, frame: WsFrame) -> WsFrame {
        frame
    }

    /// Whether fragments are put together before they are read (WS-FR-16).
    fn joins_fragments(&self) -> bool {
        true
    }

    /// Whether fragments stay together around a control frame (WS-FR-08).
    fn keeps_fragments(&self) -> bool {
        true
    }

    /// How a ping is answered, given what it holds, whether the STOMP session has begun and whether a message is not whole (WS-FR-11).
    fn pong(&self, ping: Vec<u8>, in_session: bool, within_message: bool) -> Option<Vec<u8>> {
        Some(ping)
    }

    /// Whether a pong that was not asked for is a fault (WS-FR-12).
    fn minds_unasked_pong(&self) -> bool {
        false
    }

    /// Whether binary messages are read (WSSTOMP-06).
    fn takes_binary(&self) -> bool {
        true
    }

    /// Whether a close is answered by one (WS-CL-01).
    fn answers_close(&self) -> bool {
        true
    }

    /// Whether what comes behind the server's close is read (WS-CL-08).
    fn reads_behind_close(&self) -> bool {
        false
    }

    /// The code with which a connection is failed (WS-CL-04).
    fn failure_code(&self, right: u16) -> u16 {
        right
    }

    // ---- SockJS

    /// Whether what the server can do is asked for first (SOCKJS-CLI-01).
    fn asks_for_info(&self) -> bool {
        true
    }

    /// Whether a sub-protocol is offered beneath SockJS (SOCKJS-STOMP-02).
    fn offers_beneath_sockjs(&self) -> bool {
        false
    }

    /// The ids of server and session as they stand in the URL (SOCKJS-SESS-01).
    fn session_path(&self, server: u64, session: u64) -> String {
        format!("{server:03}/{session:016x}")
    }

    /// Whether the session begins with `o`, and not with the WebSocket beneath (SOCKJS-FR-01).
    fn waits_for_open(&self) -> bool {
        true
    }

    /// The message that carries these texts (SOCKJS-WS-02).
    fn sock_write(&self, text: String) -> String {
        sockjs::write_client(&[text])
    }

    /// What a message of the server holds (SOCKJS-FR-02, SOCKJS-FR-03, SOCKJS-FR-04).
    ///
    /// # Errors
    /// It is no SockJS.
    fn sock_read(&self, text: &str) -> Result<SockFrame, Fault> {
        sockjs::read(text)
    }

    // ---- STOMP

    /// The frames that are written, given the one that is to be said (STOMP12-CONN-06, STOMP12-SUB-05 and others).
    fn said(&self, frame: Frame, version: Version) -> Vec<Frame> {
        vec![frame]
    }

    /// The octets of a frame (STOMP12-ENC-02, STOMP12-CLEN-02).
    fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
        stomp::encode(frame, version)
    }

    /// The octets that are read, given those that came (STOMP12-CLEN-05, STOMP12-ENC-03).
    fn hears<'o>(&self, octets: &'o [u8]) -> Cow<'o, [u8]> {
        Cow::Borrowed(octets)
    }

    /// Whether a frame may go on in the next WebSocket message (WSSTOMP-08).
    fn keeps_unfinished_frames(&self) -> bool {
        true
    }

    /// Whether all frames of a WebSocket message are read (WSSTOMP-07).
    fn reads_every_frame(&self) -> bool {
        true
    }

    /// Whether line ends between frames are skipped (STOMP12-FRAME-05, WSSTOMP-10).
    fn skips_line_ends(&self) -> bool {
        true
    }

    /// The faults after which a frame is read all the same: none (STOMP12-ENC-05).
    fn forgives(&self) -> &'static [FaultKind] {
        &[]
    }

    /// The frame that is understood, given the one that came and its octets (STOMP12-ENC-04, STOMP12-REP-02 and others).
    fn understood(&self, frame: Frame, octets: &[u8]) -> Frame {
        frame
    }

    /// Whether a frame that the end of the connection cuts off is read (STOMP12-FRAME-04).
    fn reads_unfinished(&self) -> bool {
        false
    }

    /// By the rules of which version frames are read and written, once one is agreed (STOMP12-VER-04).
    fn speaks_as(&self, version: Version) -> Version {
        version
    }

    /// Whether this version of the server's can be spoken (STOMP12-VER-04).
    fn accepts_version(&self, version: Option<Version>) -> bool {
        version.is_some()
    }

    // ---- heart-beats

    /// What a missing `heart-beat` of the server counts as (STOMP12-HB-04).
    fn missing_heart_beat(&self) -> &'static str {
        "0,0"
    }

    /// Every how many milliseconds one side beats, if it gives and the other wants it (STOMP12-HB-05, STOMP12-HB-06).
    fn agreed(&self, gives: u64, wants: u64) -> Option<u64> {
        (gives > 0 && wants > 0).then(|| gives.max(wants))
    }

    /// How long is waited for the server, given its interval in milliseconds (STOMP12-HB-09, STOMP12-HB-10).
    fn patience(&self, interval: u64) -> Option<Duration> {
        Some(Duration::from_millis(interval.saturating_mul(2)))
    }

    /// What a beat is (STOMP12-HB-08).
    fn beat(&self) -> &'static [u8] {
        b"\n"
    }

    /// Whether these octets are a sign of life (STOMP12-HB-11).
    fn counts_as_life(&self, octets: &[u8]) -> bool {
        true
    }

    // ---- the session

    /// Whether the session begins with CONNECTED, and not before (IM-CLIENT-03).
    fn waits_for_connected(&self) -> bool {
        true
    }

    /// The id of the n-th subscription of the client, from 0 (STOMP12-SUB-06).
    fn subscription_id(&self, nth: u64) -> String {
        format!("sub-{nth}")
    }

    /// Whether a destination is subscribed to once more, when the client has come back (IM-CLIENT-04, IM-CLIENT-09).
    fn subscribes_again(&self, destination: &str) -> bool {
        true
    }

    /// Whether a subscription that was given up is forgotten (IM-CLIENT-09).
    fn forgets_subscription(&self) -> bool {
        true
    }

    /// Whether what was missed is asked for, given how often a session has begun (IM-CLIENT-09).
    fn syncs(&self, visit: u32) -> bool {
        visit > 1
    }

    /// Whether a client comes back (IM-CLIENT-09, IM-CLIENT-10).
    fn comes_back(&self, why: Why) -> bool {
        !matches!(why, Why::Unauthorized | Why::Left)
    }

    /// How long is waited before the next attempt, given how many have failed in a row and chance between 0 and 1 (IM-CLIENT-09).
    fn delay(&self, failed: u32, chance: f64) -> Duration {
        let longest = Duration::from_secs(30).min(Duration::from_secs(1 << failed.min(5)));
        // Many clients that were cut off at once shall not come back at once; the first attempt may be at once.
        let shortest = if failed == 0 { Duration::ZERO } else { longest / 2 };
        shortest + (longest - shortest).mul_f64(chance)
    }

    /// Whether a session has lasted so long that the next attempt need not wait (IM-CLIENT-09).
    fn is_stable(&self, lasted: Duration) -> bool {
        lasted > Duration::from_secs(10)
    }

    /// Whether what the user asks for waits for a connection, and is done once (IM-CLIENT-05).
    fn forgets_what_is_done(&self) -> bool {
        true
    }

    /// Whether the connection is ended at ERROR, and nothing more is said on it (IM-CLIENT-08).
    fn ends_at_error(&self) -> bool {
        true
    }

    /// How long the RECEIPT of DISCONNECT is waited for (STOMP12-DISC-01).
    fn waits_for_farewell(&self) -> Duration {
        Duration::from_secs(3)
    }

    /// Whether the RECEIPT of this id is the one that answers our DISCONNECT (STOMP12-DISC-01).
    fn is_farewell(&self, id: &str, own: &str) -> bool {
        id == own
    }

    /// Whether a connection is ended by the closing handshake (WSSTOMP-14, WS-CL-06).
    fn ends_by_handshake(&self) -> bool {
        true
    }

    // ---- what the user sees

    /// What the process lives through.
    fn survives(&self, trouble: Trouble) -> bool {
        true
    }

    /// Whether what it can do is told before it connects (DRIVER-02).
    fn greets_first(&self) -> bool {
        true
    }

    /// The status with which a client exits that was told to quit (DRIVER-09).
    fn exit_status(&self) -> u8 {
        0
    }

    /// Whether a message is shown, given its members and whether its id was shown before (IM-CLIENT-07).
    fn shows(&self, body: &Map<String, Value>, seen: bool) -> bool {
        !seen
    }

    /// The lines that are told, given the one that is to be told (IM-CLIENT-07).
    fn tells(&self, line: Value) -> Vec<Value> {
        vec![line]
    }

    /// The receipt that is told, given the one that came and those that are waited for (IM-CLIENT-07).
    fn receipt<'r>(&self, came: &'r str, waiting: &'r [String]) -> Option<&'r str> {
        waiting.iter().any(|id| id == came).then_some(came)
    }

    /// By what a message is acknowledged, given its headers (STOMP12-ACK-01).
    fn acknowledged_by(&self, message: &Frame) -> Option<String> {
        message.header("ack").map(str::to_owned)
    }

    /// Whether a message that cannot be read is acknowledged (STOMP12-SUB-09).
    fn acknowledges_unreadable(&self) -> bool {
        true
    }
}
