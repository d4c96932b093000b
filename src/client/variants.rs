//! Permitted variants: clients that are right in another way.
//!
//! It relies on `decisions.rs`, as defects do. A variant uses a freedom that a specification gives: whatever does not pass on one is a
//! false alarm.

use std::time::Duration;

use serde_json::{Map, Value};

use super::decisions::Decisions;
use super::policy::Policy;
use crate::defect::Unknown;
use crate::link::upgrade::HttpRequest;
use crate::link::ws::{WsFrame, encode_frame, opcode};
use crate::stomp::{self, ContentLength, Frame, Style, Version};

/// A client that conforms, and differs.
#[derive(Debug)]
pub struct Variant {
    /// The name by which it is switched on.
    pub name: &'static str,
    /// What the client does, in one sentence.
    pub description: &'static str,
    pub(super) decisions: &'static dyn Decisions,
}

impl Variant {
    /// The decisions of this client.
    pub fn policy(&'static self) -> Policy {
        Policy::of_variant(self)
    }
}

/// All variants.
pub fn all() -> &'static [Variant] {
    VARIANTS
}

/// The variant of this name.
///
/// # Errors
/// The names that come nearest, where there is no such variant.
pub fn named(name: &str) -> Result<Policy, Unknown> {
    let variant = all().iter().find(|variant| variant.name == name).map(Variant::policy);
    variant.ok_or_else(|| Unknown::among("variant", name, all().iter().map(|variant| variant.name)))
}

/// The request with another offer of sub-protocols, or with none.
fn offering(mut request: HttpRequest, offer: Option<&str>) -> HttpRequest {
    const NAME: &str = "Sec-WebSocket-Protocol";
    let offered = request.headers.iter().any(|(name, _)| name == NAME);
    request.headers.retain(|(name, _)| name != NAME);
    // Beneath SockJS there is none.
    let offer = offer.filter(|_| offered);
    request.headers.extend(offer.map(|offer| (NAME.to_owned(), offer.to_owned())));
    request
}

/// A text in pieces of so many characters, each in a frame that is made of it, the last or not.
fn in_pieces(frame: &WsFrame, characters: usize, piece: impl Fn(usize, bool, &str) -> WsFrame) -> Vec<u8> {
    let text = match (frame.opcode, std::str::from_utf8(&frame.payload)) {
        (opcode::TEXT, Ok(text)) if !text.is_empty() => text,
        _ => return encode_frame(frame),
    };
    let all: Vec<char> = text.chars().collect();
    let pieces: Vec<String> = all.chunks(characters).map(|piece| piece.iter().collect()).collect();
    let last = pieces.len() - 1;
    pieces.iter().enumerate().flat_map(|(at, text)| encode_frame(&piece(at, at == last, text))).collect()
}

/// Writes the catalogue of variants: for each a type that answers questions in another right way.
macro_rules! variants {
    ($($name:literal $type:ident, $description:literal { $($answer:item)+ })+) => {
        $(
            #[derive(Debug)]
            struct $type;

            #[allow(unused_variables, reason = "an answer seldom looks at the whole question")]
            impl Decisions for $type { $($answer)+ }
        )+

        static VARIANTS: &[Variant] =
            &[$(Variant { name: $name, description: $description, decisions: &$type }),+];
    };
}

variants! {
    // ---- on the wire

    "binary-messages" BinaryMessages, "STOMP is sent in binary messages." {
        fn sends_text(&self) -> bool { false }
    }

    "crlf" Crlf, "Lines end in CR LF in 1.2." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            stomp::encode_with(frame, &Style { version, crlf: version == Version::V12, ..Style::default() })
        }
    }

    "line-ends-behind-frames" LineEndsBehindFrames, "Behind the NUL of each frame stand some line ends." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            stomp::encode_with(frame, &Style { version, after: b"\n\n".to_vec(), ..Style::default() })
        }
    }

    "length-on-everything" LengthOnEverything, "Every frame says how long its body is, also where it has none." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            let content_length = ContentLength::Exactly(frame.body.len());
            stomp::encode_with(frame, &Style { version, content_length, ..Style::default() })
        }
    }

    "fragments" Fragments, "Messages are sent in fragments of seven characters." {
        fn octets(&self, frame: &WsFrame) -> Vec<u8> {
            in_pieces(frame, 7, |at, last, text| WsFrame {
                fin: last,
                opcode: if at == 0 { opcode::TEXT } else { opcode::CONTINUATION },
                payload: text.as_bytes().to_vec(),
                ..frame.clone()
            })
        }
    }

    "frames-in-pieces" FramesInPieces, "A STOMP frame is sent in messages of fifty characters." {
        fn octets(&self, frame: &WsFrame) -> Vec<u8> {
            // What is SockJS is no STOMP frame.
            if frame.payload.starts_with(b"[") {
                return encode_frame(frame);
            }
            in_pieces(frame, 50, |_, _, text| WsFrame { payload: text.as_bytes().to_vec(), ..frame.clone() })
        }
    }

    "pings" Pings, "Before each message goes a ping, and behind it a pong that nobody has asked for." {
        fn octets(&self, frame: &WsFrame) -> Vec<u8> {
            if frame.is_control() {
                return encode_frame(frame);
            }
            let control = |opcode| encode_frame(&WsFrame::new(opcode, b"there?".to_vec(), frame.mask));
            [control(opcode::PING), encode_frame(frame), control(opcode::PONG)].concat()
        }
    }

    // ---- what is said

    "1.2-only" Only12, "No version but 1.2 is named." {
        fn said(&self, mut frame: Frame, version: Version) -> Vec<Frame> {
            if frame.command == "CONNECT" {
                frame.headers.remove("accept-version");
                frame.headers.push("accept-version", "1.2");
            }
            vec![frame]
        }
    }

    "no-heart-beat" NoHeartBeat, "Where no heart-beats are offered CONNECT does not name them." {
        fn said(&self, mut frame: Frame, version: Version) -> Vec<Frame> {
            if frame.header("heart-beat") == Some("0,0") {
                frame.headers.remove("heart-beat");
            }
            vec![frame]
        }
    }

    "headers-of-its-own" HeadersOfItsOwn, "CONNECT has a login and a passcode, and every frame a header that nobody knows." {
        fn said(&self, mut frame: Frame, version: Version) -> Vec<Frame> {
            if frame.command == "CONNECT" {
                frame.headers.push("login", "guest");
                frame.headers.push("passcode", "guest");
            }
            frame.headers.push("x-client", "of its own");
            vec![frame]
        }
    }

    "receipt-for-subscribe" ReceiptForSubscribe, "SUBSCRIBE asks for a receipt, and goes on without." {
        fn said(&self, mut frame: Frame, version: Version) -> Vec<Frame> {
            if frame.command == "SUBSCRIBE" {
                frame.headers.push("receipt", "r-subscribe");
            }
            vec![frame]
        }
    }

    "auto-unsaid" AutoUnsaid, "SUBSCRIBE does not say that messages are not acknowledged." {
        fn said(&self, mut frame: Frame, version: Version) -> Vec<Frame> {
            if frame.header("ack") == Some("auto") {
                frame.headers.remove("ack");
            }
            vec![frame]
        }
    }

    "ids-that-need-escapes" IdsThatNeedEscapes, "Ids of subscriptions have colons and spaces." {
        fn subscription_id(&self, nth: u64) -> String { format!("sub: {nth}") }
    }

    // ---- the session

    "no-sub-protocol" NoSubProtocol, "No sub-protocol is offered." {
        fn asks(&self, request: HttpRequest, nth: u32) -> HttpRequest { offering(request, None) }
    }

    "all-sub-protocols" AllSubProtocols, "All sub-protocols of STOMP are offered." {
        fn asks(&self, request: HttpRequest, nth: u32) -> HttpRequest {
            offering(request, Some("v12.stomp, v11.stomp, v10.stomp"))
        }
    }

    "steady-delay" SteadyDelay, "Whatever has failed, it comes back two seconds later." {
        fn delay(&self, failed: u32, chance: f64) -> Duration { Duration::from_secs(2) }
    }

    "cautious" Cautious, "It beats four times as often as it must, and waits four intervals for the server." {
        fn agreed(&self, gives: u64, wants: u64) -> Option<u64> {
            (gives > 0 && wants > 0).then(|| (gives.max(wants) / 2).max(1))
        }
        fn patience(&self, interval: u64) -> Option<Duration> { Some(Duration::from_millis(interval.saturating_mul(8))) }
    }

    // ---- what the user sees

    "unknown-types-hidden" UnknownTypesHidden, "A message of a type that is not known is not shown." {
        fn shows(&self, body: &Map<String, Value>, seen: bool) -> bool {
            let kind = body.get("msgType").and_then(Value::as_str);
            !seen && kind.is_some_and(|kind| ["TEXT", "IMAGE", "FILE"].contains(&kind))
        }
    }

    "unreadable-not-told" UnreadableNotTold, "Of a message that cannot be read nothing is told." {
        fn tells(&self, line: Value) -> Vec<Value> {
            let message = line.get("message").and_then(Value::as_str).unwrap_or_default();
            if message.starts_with("a message that cannot be shown") { Vec::new() } else { vec![line] }
        }
    }
}
