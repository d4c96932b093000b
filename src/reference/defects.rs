//! What can be switched wrong: a catalogue of servers that each break one thing on purpose.
//!
//! It relies on `policy.rs`: a defect is another answer to one of its questions. It must never reach into the core in
//! any other way, and each entry must list the clauses at which a suite is to catch it.

use std::collections::BTreeSet;
use std::time::Duration;

use hyper::header::HeaderValue;
use serde_json::{Map, Value};

use super::directory::{Group, Standing};
use super::event::ConnId;
use super::message::Message;
use super::policy::{Audience, Decisions, Policy};
use super::session::AckMode;
use crate::link::sockjs;
use crate::stomp::{self, ContentLength, Frame, Style, Version};
use crate::words::distance;

/// A server that is wrong in one way.
#[derive(Debug)]
pub struct Defect {
    /// The name by which it is switched on.
    pub name: &'static str,
    /// The clauses that it breaks: being caught at any of them is being caught at the right one.
    pub breaks: &'static [&'static str],
    /// What the server does, in one sentence.
    pub description: &'static str,
    decisions: &'static dyn Decisions,
}

impl Defect {
    /// The decisions of this server.
    pub fn policy(&'static self) -> Policy {
        Policy::of(self, self.decisions)
    }
}

/// The whole catalogue.
pub fn all() -> &'static [Defect] {
    CATALOGUE
}

/// The names that are nearest to a mistyped one, best first.
pub(super) fn nearest(name: &str) -> Vec<&'static str> {
    let mut names: Vec<_> = all().iter().map(|defect| (distance(name, defect.name), defect.name)).collect();
    names.sort_unstable();
    names.into_iter().take(3).map(|(_, name)| name).collect()
}

/// Writes the catalogue: for each entry a type that answers one question differently, and its description.
macro_rules! defects {
    ($($name:literal $type:ident breaks $breaks:expr, $description:literal { $($answer:item)+ })+) => {
        $(
            #[derive(Debug)]
            struct $type;

            #[allow(unused_variables, reason = "a wrong answer seldom looks at the question")]
            impl Decisions for $type { $($answer)+ }
        )+

        static CATALOGUE: &[Defect] = &[
            $(Defect { name: $name, breaks: &$breaks, description: $description, decisions: &$type }),+
        ];
    };
}

defects! {
    // ---- the upgrade

    "query-token-unchecked" QueryTokenUnchecked breaks ["IM-HS-02"],
    "The upgrade asks for no token: a valid bearer token at CONNECT is enough." {
        fn admits_upgrade(&self, query_user: Option<&str>) -> bool { true }
        fn identity<'a>(&self, query: Option<&'a str>, bearer: Option<&'a str>) -> Option<&'a str> {
            bearer.filter(|_| query.is_none() || query == bearer)
        }
    }

    "foreign-origin-refused" ForeignOriginRefused breaks ["IM-HS-03"],
    "Pages of any origin but the server's own kind are refused." {
        fn admits_origin(&self, origin: Option<&str>) -> bool {
            origin.is_none_or(|origin| origin.contains("://localhost") || origin.contains("://127.0.0.1"))
        }
    }

    "unoffered-subprotocol" UnofferedSubprotocol breaks ["IM-HS-06", "WS-HS-09", "WSSTOMP-01"],
    "The server selects a sub-protocol that it would like, offered or not." {
        fn subprotocol(&self, offered: &[String]) -> Option<String> { Some("stomp".to_owned()) }
    }

    "wrong-accept-key" WrongAcceptKey breaks ["WS-HS-08"],
    "`Sec-WebSocket-Accept` is not computed from the client's key." {
        fn accept_key(&self, computed: String) -> String { "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned() }
    }

    "any-websocket-version" AnyWebsocketVersion breaks ["WS-HS-10"],
    "Whatever version of WebSocket is asked for, the connection is upgraded." {
        fn speaks_websocket(&self, version: Option<&str>) -> bool { true }
    }

    "websocket-version-unnamed" WebsocketVersionUnnamed breaks ["WS-HS-10"],
    "The refusal of another version of WebSocket does not say which one is spoken." {
        fn names_websocket_version(&self) -> bool { false }
    }

    "tokens-compared-whole" TokensComparedWhole breaks ["WS-HS-16"],
    "`Connection` and `Upgrade` must hold one token each, in this very spelling." {
        fn lists(&self, tokens: &[String], wanted: &str) -> bool {
            matches!(tokens, [token] if token == wanted || (wanted == "upgrade" && token == "Upgrade"))
        }
    }

    "first-line-only" FirstLineOnly breaks ["WS-HS-14"],
    "Of a header with several lines the first is read." {
        fn joins_lines(&self) -> bool { false }
    }

    "key-not-needed" KeyNotNeeded breaks ["WS-HS-11"],
    "A request without `Sec-WebSocket-Key` is upgraded." {
        fn needs_key(&self) -> bool { false }
    }

    "extensions-echoed" ExtensionsEchoed breaks ["WS-HS-15"],
    "Whatever extensions are offered are accepted." {
        fn extensions(&self, offered: &str) -> Option<String> {
            Some(offered.to_owned()).filter(|offered| !offered.is_empty())
        }
    }

    // ---- WebSocket and octets

    "empty-pong" EmptyPong breaks ["WS-FR-11"],
    "A pong does not repeat what the ping held." {
        fn pong(&self, ping: Vec<u8>) -> Vec<u8> { Vec::new() }
    }

    "unmasked-accepted" UnmaskedAccepted breaks ["WS-FR-02"],
    "Frames are read whether they are masked or not." {
        fn closes_at(&self, clause: &str) -> bool { clause != "WS-FR-02" }
    }

    "reserved-bits-ignored" ReservedBitsIgnored breaks ["WS-FR-05"],
    "Reserved bits are not looked at." {
        fn closes_at(&self, clause: &str) -> bool { clause != "WS-FR-05" }
    }

    "long-control-accepted" LongControlAccepted breaks ["WS-FR-10"],
    "A control frame may be of any length, and in fragments." {
        fn closes_at(&self, clause: &str) -> bool { clause != "WS-FR-10" }
    }

    "fragments-mixed-up" FragmentsMixedUp breaks ["WS-FR-09"],
    "A continuation without a beginning, and a beginning within a message, are dropped without a word." {
        fn closes_at(&self, clause: &str) -> bool { clause != "WS-FR-09" }
    }

    "bad-text-dropped" BadTextDropped breaks ["WS-FR-13"],
    "A text message that is not UTF-8 is dropped without a word." {
        fn closes_at(&self, clause: &str) -> bool { clause != "WS-FR-13" }
    }

    "bad-close-ignored" BadCloseIgnored breaks ["WS-CL-04", "WS-CL-05"],
    "A close frame with a code or a reason that cannot be is dropped without a word." {
        fn closes_at(&self, clause: &str) -> bool { !clause.starts_with("WS-CL") }
    }

    "control-breaks-fragments" ControlBreaksFragments breaks ["WS-FR-08"],
    "A control frame between two fragments makes the server forget the first." {
        fn keeps_fragments(&self) -> bool { false }
    }

    "empty-fragment-refused" EmptyFragmentRefused breaks ["WS-FR-16"],
    "A fragment without octets ends the connection." {
        fn takes_empty_fragments(&self) -> bool { false }
    }

    "ends-without-handshake" EndsWithoutHandshake breaks ["WSSTOMP-13"],
    "The server ends TCP without a close frame." {
        fn ends_by_handshake(&self) -> bool { false }
    }

    "long-body-cut" LongBodyCut breaks ["STOMP12-SIZE-02"],
    "A body beyond the limit is cut to it, and delivered." {
        fn frame_limit(&self) -> usize { 1024 * 1024 }
        fn relayed(&self, content_type: Option<&str>, mut body: Vec<u8>) -> Vec<u8> {
            body.truncate(64 * 1024);
            body
        }
    }

    "close-unanswered" CloseUnanswered breaks ["WS-CL-01"],
    "A close frame is answered by the end of TCP." {
        fn answers_close(&self) -> bool { false }
    }

    "frames-behind-close-read" FramesBehindCloseRead breaks ["WS-CL-08"],
    "What comes behind the client's close frame is carried out." {
        fn reads_behind_close(&self) -> bool { true }
    }

    "beat-behind-close" BeatBehindClose breaks ["WS-CL-02"],
    "A heart-beat is sent behind the close frame." {
        fn says_behind_close(&self) -> Option<&'static str> { Some("\n") }
    }

    "no-pong" NoPong breaks ["WS-FR-11"],
    "Pings are not answered." {
        fn answers_ping(&self) -> bool { false }
    }

    "masked-server-frames" MaskedServerFrames breaks ["WS-FR-03"],
    "The server masks its WebSocket frames." {
        fn mask(&self) -> Option<[u8; 4]> { Some([0x5a, 0x17, 0xc3, 0x08]) }
    }

    "first-frame-only" FirstFrameOnly breaks ["WSSTOMP-07"],
    "Of several frames in one WebSocket message only the first is read." {
        fn reads_every_frame(&self) -> bool { false }
    }

    "split-frame-lost" SplitFrameLost breaks ["WSSTOMP-08"],
    "A frame that goes on in the next WebSocket message is forgotten." {
        fn keeps_unfinished_frames(&self) -> bool { false }
    }

    "headers-not-escaped" HeadersNotEscaped breaks ["STOMP12-ENC-02", "STOMP12-ENC-06", "STOMP12-FRAME-08", "STOMP12-RCPT-02"],
    "Headers are written as they are, without escapes." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            stomp::encode_with(frame, &Style { version, escape: false, ..Style::default() })
        }
    }

    "content-length-in-characters" ContentLengthInCharacters breaks ["STOMP12-CLEN-06", "STOMP12-CLEN-02", "STOMP12-CLEN-03"],
    "`content-length` counts characters instead of octets." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            let content_length = match std::str::from_utf8(&frame.body) {
                Ok(text) if !text.is_empty() => ContentLength::Exactly(text.chars().count()),
                _ => ContentLength::Auto,
            };
            stomp::encode_with(frame, &Style { version, content_length, ..Style::default() })
        }
    }

    // ---- SockJS

    "sockjs-no-open-frame" SockjsNoOpenFrame breaks ["SOCKJS-FR-01", "SOCKJS-SESS-01"],
    "A new SockJS session is not greeted by `o`." {
        fn greets_session(&self) -> bool { false }
    }

    "sockjs-one-string" SockjsOneString breaks ["SOCKJS-FR-03"],
    "A SockJS message is sent as a string, and not in an array." {
        fn sock_messages(&self, texts: &[String]) -> String {
            sockjs::messages(texts).replacen("a[", "a", 1).trim_end_matches(']').to_owned()
        }
    }

    "sockjs-unescaped" SockjsUnescaped breaks ["SOCKJS-FR-05"],
    "Characters that browsers lose are sent by SockJS as they are." {
        fn sock_messages(&self, texts: &[String]) -> String { format!("a{}", Value::from(texts.to_vec())) }
    }

    "sockjs-close-without-reason" SockjsCloseWithoutReason breaks ["SOCKJS-FR-04"],
    "The frame `c` has a code and no reason." {
        fn sock_close(&self, code: u16, reason: &str) -> String { format!("c[{code}]") }
    }

    "sockjs-any-session-id" SockjsAnySessionId breaks ["SOCKJS-SESS-01"],
    "Ids of SockJS sessions may be empty or have dots." {
        fn accepts_session_id(&self, id: &str) -> bool { true }
    }

    "sockjs-server-id-counts" SockjsServerIdCounts breaks ["SOCKJS-SESS-02"],
    "The same session id under another server id is another session." {
        fn session_key(&self, server: &str, session: &str) -> String { format!("{server}/{session}") }
    }

    "sockjs-unknown-session-accepted" SockjsUnknownSessionAccepted breaks ["SOCKJS-SESS-03", "SOCKJS-SESS-04"],
    "Messages for a session that is not there are thrown away with 204." {
        fn refuses_unknown_session(&self) -> bool { false }
    }

    "sockjs-session-lives-on" SockjsSessionLivesOn breaks ["SOCKJS-SESS-04"],
    "A SockJS session lives for an hour that nobody receives from." {
        fn lonely_for(&self) -> Duration { Duration::from_secs(3_600) }
    }

    "sockjs-two-receivers" SockjsTwoReceivers breaks ["SOCKJS-SESS-05"],
    "A second receiver takes the place of the first, without a word." {
        fn admits_one_receiver(&self) -> bool { false }
    }

    "sockjs-close-forgotten" SockjsCloseForgotten breaks ["SOCKJS-SESS-06"],
    "A SockJS session that was closed says so once, and is then begun anew." {
        fn remembers_close(&self) -> bool { false }
    }

    "sockjs-interruption-ignored" SockjsInterruptionIgnored breaks ["SOCKJS-ABORT-01"],
    "A SockJS session goes on when its receiver was cut off, whatever was lost." {
        fn ends_when_interrupted(&self) -> bool { false }
    }

    "xhr-without-line-end" XhrWithoutLineEnd breaks ["SOCKJS-XHR-01"],
    "Frames to a receiver by xhr have no line end." {
        fn frame_end(&self) -> &'static str { "" }
    }

    "xhr-streaming-without-prelude" XhrStreamingWithoutPrelude breaks ["SOCKJS-STR-01"],
    "A streaming response begins with its first frame." {
        fn streaming_prelude(&self) -> usize { 0 }
    }

    "xhr-streaming-never-ends" XhrStreamingNeverEnds breaks ["SOCKJS-STR-02"],
    "A streaming response goes on for as long as its session." {
        fn streaming_limit(&self) -> usize { usize::MAX }
    }

    "event-stream-as-text" EventStreamAsText breaks ["SOCKJS-ES-01"],
    "An event stream is said to be plain text." {
        fn event_stream_type(&self) -> &'static str { "text/plain;charset=UTF-8" }
    }

    "sockjs-broken-json-ignored" SockjsBrokenJsonIgnored breaks ["SOCKJS-XHR-03", "SOCKJS-WS-04"],
    "What is no JSON is taken over SockJS, and thrown away." {
        fn refuses_broken_json(&self) -> bool { false }
    }

    "cors-headers-not-allowed" CorsHeadersNotAllowed breaks ["SOCKJS-XHR-04"],
    "Pages may send no headers, whatever their browser asks for." {
        fn allowed_headers<'a>(&self, asked: Option<&'a HeaderValue>) -> Option<&'a HeaderValue> { None }
    }

    "sockjs-negotiates-subprotocol" SockjsNegotiatesSubprotocol breaks ["SOCKJS-STOMP-02"],
    "A sub-protocol is selected on the WebSocket beneath SockJS." {
        fn negotiates_beneath_sockjs(&self) -> bool { true }
    }

    "sockjs-greets-everywhere" SockjsGreetsEverywhere breaks ["SOCKJS-BASE-02", "SOCKJS-SESS-01"],
    "Every path below the endpoint that is nothing else is answered by the greeting." {
        fn is_greeting(&self, below: &str) -> bool { below.starts_with('/') }
    }

    // ---- Other versions

    "escapes-in-1.0" EscapesInV10 breaks ["STOMP10-ENC-01"],
    "Headers are escaped and unescaped in 1.0 as they are in 1.2." {
        fn reads_as(&self, version: Version) -> Version { Version::V12 }
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> { stomp::encode(frame, Version::V12) }
    }

    "cr-escaped-in-1.1" CrEscapedInV11 breaks ["STOMP11-ENC-01", "STOMP11-ENC-03"],
    "A carriage return is escaped in 1.1, which has no such escape." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            stomp::encode(frame, if version == Version::V11 { Version::V12 } else { version })
        }
    }

    "cr-escape-read-in-1.1" CrEscapeReadInV11 breaks ["STOMP11-ENC-02"],
    "In 1.1 `\\r` is read as a carriage return." {
        fn reads_as(&self, version: Version) -> Version {
            if version == Version::V11 { Version::V12 } else { version }
        }
    }

    // ---- CONNECT and errors

    "version-unnamed" VersionUnnamed breaks ["STOMP12-CONND-01", "STOMP11-CONND-01"],
    "CONNECTED does not say which version is spoken." {
        fn names_version(&self) -> bool { false }
    }

    "beats-by-default" BeatsByDefault breaks ["STOMP12-HB-04"],
    "A client that says nothing about heart-beats is expected to send them." {
        fn missing_heart_beat(&self) -> &'static str { "500,0" }
    }

    "error-without-receipt-id" ErrorWithoutReceiptId breaks ["STOMP12-ERR-05"],
    "ERROR does not say which receipt will not come." {
        fn names_receipt_in_error(&self) -> bool { false }
    }

    "expired-token-accepted" ExpiredTokenAccepted breaks ["IM-AUTH-02", "IM-HS-02"],
    "A token is accepted for ever." {
        fn accepts_token(&self, standing: Standing) -> bool { true }
    }

    "bearer-unchecked" BearerUnchecked breaks ["IM-AUTH-05"],
    "The query token is enough, whatever CONNECT says." {
        fn identity<'a>(&self, query: Option<&'a str>, bearer: Option<&'a str>) -> Option<&'a str> { query }
    }

    "bearer-overrules-query" BearerOverrulesQuery breaks ["IM-AUTH-06"],
    "Two valid tokens of different users are accepted; the bearer token counts." {
        fn identity<'a>(&self, query: Option<&'a str>, bearer: Option<&'a str>) -> Option<&'a str> {
            query.and(bearer)
        }
    }

    "token-echoed" TokenEchoed breaks ["IM-AUTH-09", "IM-AUTH-03"],
    "The refusal repeats the token that was refused." {
        fn unauthorized(&self, bearer: Option<&str>) -> String {
            format!("Unauthorized: {}", bearer.unwrap_or_default())
        }
    }

    "before-connect-accepted" BeforeConnectAccepted breaks ["IM-AUTH-07", "STOMP12-CONN-11"],
    "Frames before CONNECT are carried out for the user of the query token." {
        fn acts_before_connect(&self, query_user: Option<&str>) -> Option<String> {
            query_user.map(str::to_owned)
        }
    }

    "lowest-version" LowestVersion breaks ["STOMP12-VER-04", "IM-AUTH-01"],
    "Of several common versions the lowest is chosen." {
        fn version(&self, common: &[Version]) -> Option<Version> { common.iter().copied().min() }
    }

    "version-not-negotiated" VersionNotNegotiated breaks ["STOMP12-VER-05"],
    "1.2 is spoken whether the client knows it or not." {
        fn version(&self, common: &[Version]) -> Option<Version> { Some(Version::V12) }
    }

    "error-without-close" ErrorWithoutClose breaks ["STOMP12-ERR-02", "IM-AUTH-04", "WSSTOMP-13"],
    "The connection stays open after an ERROR." {
        fn closes_after_error(&self) -> bool { false }
    }

    "stack-trace-in-error" StackTraceInError breaks ["IM-ERR-03", "STOMP12-ERR-04"],
    "The body of an ERROR shows where in the server it arose." {
        fn error_body(&self, detail: &str) -> String {
            format!(
                "org.springframework.messaging.MessageDeliveryException: {detail}\n\tat \
                 com.xuqm.im.ws.TokenInterceptor.preSend(TokenInterceptor.java:71)\n\tat \
                 java.base/java.lang.Thread.run(Thread.java:840)\n"
            )
        }
    }

    // ---- STOMP

    "receipt-missing" ReceiptMissing breaks ["STOMP12-RHDR-02"],
    "A receipt is given for DISCONNECT only." {
        fn gives_receipt(&self, command: &str) -> bool { command == "DISCONNECT" }
    }

    "receipt-at-once" ReceiptAtOnce breaks ["STOMP12-RCPT-01"],
    "A receipt is given before the frame is processed, and for one that is refused." {
        fn gives_receipt_at_once(&self) -> bool { true }
    }

    "last-destination-counts" LastDestinationCounts breaks ["STOMP12-REP-02", "STOMP11-REP-01"],
    "Of repeated destinations the last one counts." {
        fn destination<'f>(&self, frame: &'f Frame) -> Option<&'f str> {
            frame.headers.iter().filter(|(name, _)| *name == "destination").last().map(|(_, value)| value)
        }
    }

    "few-user-headers" FewUserHeaders breaks ["STOMP12-MSG-07", "STOMP12-SEND-06"],
    "Of many headers of the user's own the first sixteen are kept." {
        fn most_user_headers(&self) -> usize { 16 }
    }

    "charset-stripped" CharsetStripped breaks ["STOMP12-CTYPE-05", "STOMP12-CTYPE-06"],
    "`content-type` loses its parameters on its way." {
        fn content_type<'a>(&self, sent: &'a str) -> &'a str { sent.split(';').next().unwrap_or(sent) }
    }

    "text-taken-for-latin-1" TextTakenForLatin1 breaks ["STOMP12-CTYPE-04"],
    "Text without a charset is taken for Latin-1, and made UTF-8." {
        fn relayed(&self, content_type: Option<&str>, body: Vec<u8>) -> Vec<u8> {
            match content_type {
                Some(kind) if kind.starts_with("text/") && !kind.contains("charset") => {
                    body.into_iter().map(char::from).collect::<String>().into_bytes()
                }
                _ => body,
            }
        }
    }

    "headers-lost-at-return" HeadersLostAtReturn breaks ["STOMP12-HDR-02"],
    "A message that comes again has lost its headers." {
        fn keeps_headers(&self) -> bool { false }
    }

    "id-always-needed" IdAlwaysNeeded breaks ["STOMP10-SUB-01"],
    "SUBSCRIBE needs an id in 1.0 as well." {
        fn needs_subscription_id(&self, version: Version) -> bool { true }
    }

    "destination-cancels-nothing" DestinationCancelsNothing breaks ["STOMP10-UNSUB-01"],
    "UNSUBSCRIBE needs an id in 1.0 as well." {
        fn cancels_by_destination(&self, version: Version) -> bool { false }
    }

    "cancels-all-without-id" CancelsAllWithoutId breaks ["STOMP12-UNSUB-01"],
    "An UNSUBSCRIBE that names nothing ends all subscriptions of the connection." {
        fn cancels_all(&self) -> bool { true }
    }

    "client-ack-by-default" ClientAckByDefault breaks ["STOMP12-SUB-07", "STOMP12-SUB-08"],
    "A SUBSCRIBE without `ack` has to acknowledge." {
        fn default_ack(&self) -> AckMode { AckMode::Client }
    }

    "acks-by-id-alone" AcksByIdAlone breaks ["STOMP11-ACK-01", "STOMP11-NACK-01", "STOMP10-ACK-01"],
    "ACK and NACK need the `id` of 1.2 in every version." {
        fn acknowledges_by(&self, version: Version) -> Version { Version::V12 }
    }

    "nameless-ack-counts" NamelessAckCounts breaks ["STOMP12-ACK-01", "STOMP12-NACK-01"],
    "An ACK or NACK that names no message settles the last one." {
        fn guesses_message(&self) -> bool { true }
    }

    "individual-nack-cumulates" IndividualNackCumulates breaks ["STOMP12-NACK-03"],
    "A NACK is about the earlier messages in every mode." {
        fn refuses_earlier(&self, mode: AckMode) -> bool { true }
    }

    "no-subscription-header" NoSubscriptionHeader breaks ["STOMP12-MSG-04", "IM-SUB-04"],
    "MESSAGE does not say which subscription it is for." {
        fn names_subscription(&self) -> bool { false }
    }

    "message-id-repeated" MessageIdRepeated breaks ["STOMP12-MSG-03", "IM-SEND-05"],
    "All messages have the same `message-id`." {
        fn message_id(&self, nth: u64) -> String { "m-1".to_owned() }
    }

    "transaction-ignored" TransactionIgnored breaks ["STOMP12-TX-02", "STOMP12-TX-04", "STOMP12-TX-06"],
    "What is sent in a transaction is delivered at once." {
        fn holds_until_commit(&self) -> bool { false }
    }

    "individual-ack-cumulates" IndividualAckCumulates breaks ["STOMP12-SUB-13", "STOMP12-ACK-03"],
    "An ACK settles the earlier messages in every mode." {
        fn settles_earlier(&self, mode: AckMode) -> bool { true }
    }

    "unsubscribe-ignored" UnsubscribeIgnored breaks ["IM-SUB-05", "IM-GROUP-05", "STOMP12-UNSUB-03"],
    "A subscription goes on after UNSUBSCRIBE." {
        fn ends_subscription(&self) -> bool { false }
    }

    "no-beats" NoBeats breaks ["STOMP12-HB-06", "STOMP12-HB-07"],
    "The server agrees to heart-beats and sends none." {
        fn beats(&self) -> bool { false }
    }

    "beats-by-ping" BeatsByPing breaks ["STOMP12-HB-08", "STOMP12-HB-07"],
    "The server sends WebSocket pings in place of heart-beats." {
        fn beats_by_ping(&self) -> bool { true }
    }

    "beats-too-slow" BeatsTooSlow breaks ["STOMP12-HB-06", "STOMP12-HB-07"],
    "The server beats a quarter as often as was agreed." {
        fn beat_every(&self, agreed: Duration) -> Duration { agreed * 4 }
    }

    "no-margin" NoMargin breaks ["STOMP12-HB-10"],
    "A client is dropped as soon as its beat is due." {
        fn patience(&self, interval: Duration) -> Duration { interval }
    }

    "impatient" Impatient breaks ["STOMP12-HB-09", "STOMP12-HB-05", "STOMP12-HB-10"],
    "A client is dropped after half of the interval that was agreed." {
        fn patience(&self, interval: Duration) -> Duration { interval / 2 }
    }

    // ---- roads

    "eavesdrop-other-user" EavesdropOtherUser breaks ["IM-SUB-02"],
    "`/user/OTHER/queue/messages` shows another user's messages." {
        fn may_hear(&self, user: &str, other: &str) -> bool { true }
    }

    "eavesdrop-everybody" EavesdropEverybody breaks ["IM-SUB-02"],
    "`/queue/messages`, what is beneath it, and patterns show everybody's messages." {
        fn may_hear_everybody(&self, user: &str) -> bool { true }
    }

    "non-member-listens" NonMemberListens breaks ["IM-GROUP-07"],
    "Anyone may subscribe to a group." {
        fn may_join(&self, user: &str, group: &Group) -> bool { true }
    }

    "non-member-posts" NonMemberPosts breaks ["IM-GROUP-06"],
    "Anyone may post to a group." {
        fn may_post(&self, user: &str, group: &Group) -> bool { true }
    }

    "forge-direct-send" ForgeDirectSend breaks ["IM-SEND-14"],
    "A SEND straight to a personal queue or a group topic is delivered as it is." {
        fn may_send_directly(&self, user: &str) -> bool { true }
    }

    // ---- messages

    "echoes-foreign-fromid" EchoesForeignFromId breaks ["IM-SEND-03"],
    "The sender is who the body says." {
        fn sender_id(&self, user: &str, body: &Map<String, Value>) -> String {
            let claimed = ["fromId", "sender", "senderId", "from"].iter().find_map(|name| body.get(*name)?.as_str());
            claimed.unwrap_or(user).to_owned()
        }
    }

    "content-trimmed" ContentTrimmed breaks ["IM-SEND-04"],
    "White space at the ends of the content is removed." {
        fn content(&self, sent: String) -> String { sent.trim().to_owned() }
    }

    "created-at-in-seconds" CreatedAtInSeconds breaks ["IM-SEND-02"],
    "`createdAt` counts seconds." {
        fn created_at(&self, epoch_ms: u64) -> u64 { epoch_ms / 1_000 }
    }

    "foreign-app-served" ForeignAppServed breaks ["IM-SEND-11"],
    "A message is delivered whatever app it names." {
        fn serves_app(&self, belongs: bool) -> bool { true }
    }

    "delivers-to-everyone" DeliversToEveryone breaks ["IM-SEND-07"],
    "A personal message is shown to every connected user." {
        fn audience(&self) -> Audience { Audience::Everybody }
    }

    "one-device-only" OneDeviceOnly breaks ["IM-SUB-07"],
    "Only the session that came last receives." {
        fn devices(&self, listening: BTreeSet<ConnId>) -> BTreeSet<ConnId> {
            listening.last().copied().into_iter().collect()
        }
    }

    "message-ids-collide" MessageIdsCollide breaks ["IM-SEND-08"],
    "A `messageId` that one user has used cannot be used by another." {
        fn id_scope<'a>(&self, sender: &'a str) -> &'a str { "" }
    }

    // ---- revoking

    "revoke-by-anyone" RevokeByAnyone breaks ["IM-REVOKE-04"],
    "Whoever knows a message's id may revoke it." {
        fn may_revoke(&self, user: &str, sender: &str) -> bool { true }
    }

    "no-revoke-notice" NoRevokeNotice breaks ["IM-REVOKE-02"],
    "The recipient is not told that a message was revoked." {
        fn tells_recipient(&self) -> bool { false }
    }

    "no-group-revoke-notice" NoGroupRevokeNotice breaks ["IM-REVOKE-08"],
    "The group is not told that a message was revoked." {
        fn tells_group(&self) -> bool { false }
    }

    "notice-has-content" NoticeHasContent breaks ["IM-REVOKE-03"],
    "The notice of a revocation repeats the content." {
        fn notice_content(&self, content: &str) -> String { content.to_owned() }
    }

    "revoke-notice-repeated" RevokeNoticeRepeated breaks ["IM-REVOKE-06"],
    "Each revocation of the same message is told again." {
        fn tells_once(&self) -> bool { false }
    }

    "revoked-content-synced" RevokedContentSynced breaks ["IM-REVOKE-07"],
    "A message that was revoked before its recipient synced is delivered all the same." {
        fn forgets_revoked(&self) -> bool { false }
    }

    // ---- offline messages

    "sync-loses-one" SyncLosesOne breaks ["IM-SYNC-02"],
    "Of several stored messages the first is not delivered." {
        fn synced(&self, mut stored: Vec<Message>) -> Vec<Message> {
            if stored.len() > 1 {
                stored.remove(0);
            }
            stored
        }
    }

    "sync-duplicates" SyncDuplicates breaks ["IM-SYNC-02"],
    "The last stored message is delivered twice." {
        fn synced(&self, mut stored: Vec<Message>) -> Vec<Message> {
            stored.extend(stored.last().cloned());
            stored
        }
    }

    "sync-restamps" SyncRestamps breaks ["IM-SYNC-03"],
    "`createdAt` of a stored message is the time of the sync." {
        fn synced_at(&self, sent_at: u64, now: u64) -> u64 { now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_defect_breaks_something() {
        let names: BTreeSet<_> = all().iter().map(|defect| defect.name).collect();
        assert_eq!(names.len(), all().len());
        for defect in all() {
            assert!(!defect.breaks.is_empty() && defect.description.ends_with('.'), "{}", defect.name);
            assert!(Policy::with_defect(defect.name).is_ok_and(|policy| policy.defect().is_some()));
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let error = Policy::with_defect("revoke-by-anybody").expect_err("no such defect");
        assert_eq!(error.nearest.first(), Some(&"revoke-by-anyone"));
    }
}
