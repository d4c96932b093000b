//! What is tried: one thing that somebody sends, and strategies that make such things.
//!
//! It relies on proptest, which also makes them smaller, and on our encoder for what is nearly valid. It does no I/O.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::body::Slip;
use crate::stomp::{CLIENT_COMMANDS, ContentLength, Frame, Style, encode_with};

/// Something that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A message by one who behaves: it must arrive, with these headers.
    Message {
        /// Headers besides those that every message has.
        headers: Vec<(String, String)>,
        /// The body, to which a mark is added.
        body: String,
    },
    /// Octets in a WebSocket message, from a connection of its own, once it is connected.
    Octets {
        /// The octets.
        octets: Vec<u8>,
    },
    /// Octets beneath WebSocket, from a connection of its own.
    Beneath {
        /// The octets.
        octets: Vec<u8>,
    },
    /// A body of the dialect, from a connection of its own.
    Body {
        /// Which of the dialect's forms.
        form: usize,
        /// What is wrong about it.
        slips: Vec<Slip>,
    },
    /// What a user does in a session.
    Deed {
        /// Which of the dialect's deeds.
        deed: usize,
        /// Which of the ways in which it can be done.
        choice: u16,
        /// What is said.
        text: String,
    },
}

impl Input {
    /// Whether it has a connection of its own.
    pub(super) fn is_unruly(&self) -> bool {
        matches!(self, Input::Octets { .. } | Input::Beneath { .. } | Input::Body { .. })
    }
}

/// Text with what is seldom thought of: escapes, quotes, other scripts, characters beyond the BMP.
pub(super) fn text(most: usize) -> BoxedStrategy<String> {
    let odd = select(vec![
        ':',
        '\\',
        '\n',
        '\r',
        '\t',
        '"',
        '\'',
        '{',
        '}',
        '$',
        '%',
        '\u{e9}',
        '\u{4e2d}',
        '\u{1f600}',
        '\u{7f}',
    ]);
    let c = prop_oneof![6 => proptest::char::range('a', 'z'), 2 => odd, 1 => proptest::char::any()];
    vec(c, 0..most).prop_map(|chars| chars.into_iter().collect()).boxed()
}

fn header() -> impl Strategy<Value = (String, String)> {
    // With a prefix of ours, so that none is a header that means something.
    (text(8).prop_map(|name| format!("x{name}")), text(24))
}

/// A valid message, with headers where the dialect has a way to send any.
pub(super) fn valid(most_headers: usize) -> impl Strategy<Value = Input> {
    let body = prop_oneof![6 => text(60), 1 => text(60).prop_map(|t| t + "\0" + "behind"), 1 => long_text()];
    (vec(header(), 0..=most_headers), body).prop_map(|(mut headers, body)| {
        // Of repeated headers the first counts: what is compared is one of each.
        headers.sort();
        headers.dedup_by(|a, b| a.0 == b.0);
        Input::Message { headers, body }
    })
}

fn long_text() -> impl Strategy<Value = String> {
    select(vec![125, 126, 1000, 4096, 16_384, 40_000]).prop_map(|length| "x".repeat(length))
}

/// What is wrong about a frame.
#[derive(Debug, Clone)]
enum Mistake {
    None,
    NoNul,
    Length(usize),
    Unescaped,
    CrLf,
    LowerCase,
    Repeated(usize),
    Without(usize),
    Backslash(char),
    ManyHeaders(usize),
    LongHeader(usize),
    Changed { at: usize, octet: u8 },
    Inserted { at: usize, octet: u8 },
    Cut(usize),
    Twice,
}

fn mistake() -> impl Strategy<Value = Mistake> {
    prop_oneof![
        2 => Just(Mistake::None),
        1 => Just(Mistake::NoNul),
        2 => (0usize..200_000).prop_map(Mistake::Length),
        1 => Just(Mistake::Unescaped),
        1 => Just(Mistake::CrLf),
        1 => Just(Mistake::LowerCase),
        1 => (0usize..8).prop_map(Mistake::Repeated),
        1 => (0usize..8).prop_map(Mistake::Without),
        1 => proptest::char::range('!', '~').prop_map(Mistake::Backslash),
        1 => select(vec![100usize, 1000, 1001, 2000]).prop_map(Mistake::ManyHeaders),
        1 => select(vec![1024usize, 8192, 10_240, 65_536, 70_000]).prop_map(Mistake::LongHeader),
        2 => (any::<usize>(), any::<u8>()).prop_map(|(at, octet)| Mistake::Changed { at, octet }),
        2 => (any::<usize>(), any::<u8>()).prop_map(|(at, octet)| Mistake::Inserted { at, octet }),
        1 => any::<usize>().prop_map(Mistake::Cut),
        1 => Just(Mistake::Twice),
    ]
}

/// A frame of a client, with what usually stands in it.
fn frame() -> impl Strategy<Value = Frame> {
    let command = prop_oneof![
        9 => select(CLIENT_COMMANDS.to_vec()).prop_map(str::to_owned),
        1 => text(8),
    ];
    let usual = select(vec![
        ("destination", "/topic/fuzz"),
        ("destination", "/app/fuzz"),
        ("id", "fuzz-1"),
        ("ack", "client"),
        ("ack", "auto"),
        ("transaction", "t"),
        ("receipt", "fuzz-receipt"),
        ("accept-version", "1.2"),
        ("accept-version", "1.0,1.1,1.2"),
        ("host", "localhost"),
        ("heart-beat", "0,0"),
        ("heart-beat", "1,1"),
        ("content-type", "application/json"),
        ("content-length", "0"),
        ("message-id", "m-1"),
    ])
    .prop_map(|(name, value)| (name.to_owned(), value.to_owned()));
    let headers = vec(prop_oneof![4 => usual, 1 => header()], 0..6);
    let body =
        prop_oneof![2 => Just(String::new()), 2 => text(40), 1 => Just("{\"toId\":\"nobody\"".to_owned())];
    (command, headers, body).prop_map(|(command, headers, body)| {
        let frame = Frame::new(command).body(body);
        headers.into_iter().fold(frame, |frame, (name, value)| frame.with(name, value))
    })
}

/// The octets of a frame that is nearly valid.
pub(super) fn nearly_valid() -> impl Strategy<Value = Input> {
    (frame(), mistake()).prop_map(|(frame, mistake)| Input::Octets { octets: mistaken(frame, mistake) })
}

/// The octets of a frame with something wrong about it.
fn mistaken(mut frame: Frame, mistake: Mistake) -> Vec<u8> {
    let mut style = Style::default();
    match &mistake {
        Mistake::NoNul => style.nul = false,
        Mistake::Length(length) => style.content_length = ContentLength::Exactly(*length),
        Mistake::Unescaped => style.escape = false,
        Mistake::CrLf => style.crlf = true,
        Mistake::LowerCase => frame.command = frame.command.to_lowercase(),
        Mistake::Repeated(nth) => {
            if let Some((name, value)) = nth_header(&frame, *nth) {
                frame.headers.push(name, format!("{value}-again"));
            }
        }
        Mistake::Without(nth) => {
            if let Some((name, _)) = nth_header(&frame, *nth) {
                frame.headers.remove(&name);
            }
        }
        Mistake::Backslash(c) => {
            frame.headers.push("x", format!("a\\{c}"));
            style.escape = false;
        }
        Mistake::ManyHeaders(count) => (0..*count).for_each(|n| frame.headers.push(format!("x{n}"), "y")),
        Mistake::LongHeader(length) => frame.headers.push("x", "y".repeat(*length)),
        _ => {}
    }
    let mut octets = encode_with(&frame, &style);
    match mistake {
        Mistake::Changed { at, octet } => {
            let at = at % octets.len();
            octets[at] = octet;
        }
        Mistake::Inserted { at, octet } => octets.insert(at % (octets.len() + 1), octet),
        Mistake::Cut(at) => octets.truncate(at % octets.len()),
        Mistake::Twice => octets.extend_from_within(..),
        _ => {}
    }
    octets
}

fn nth_header(frame: &Frame, nth: usize) -> Option<(String, String)> {
    let count = frame.headers.len().max(1);
    frame.headers.iter().nth(nth % count).map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// Octets, with pieces of STOMP among them.
pub(super) fn octets() -> impl Strategy<Value = Vec<u8>> {
    let pieces: [&[u8]; 10] = [
        b"SEND",
        b"CONNECT",
        b"SUBSCRIBE",
        b"\n",
        b"\n\n",
        b"\r\n",
        b"\0",
        b":",
        b"destination:/topic/fuzz",
        b"\\",
    ];
    let piece = prop_oneof![
        3 => select(pieces.map(<[u8]>::to_vec).to_vec()),
        2 => vec(any::<u8>(), 1..6),
        1 => vec(proptest::num::u8::ANY, 1..3),
    ];
    vec(piece, 1..12).prop_map(|pieces| pieces.concat())
}

/// One frame beneath: mostly as it should be, with some of its fields otherwise.
pub(super) fn websocket_frame() -> impl Strategy<Value = Vec<u8>> {
    let opcode = prop_oneof![6 => select(vec![0u8, 1, 2, 8, 9, 10]), 1 => 3u8..16];
    let fin = prop_oneof![4 => Just(0x80u8), 1 => Just(0)];
    let reserved = prop_oneof![8 => Just(0u8), 1 => select(vec![0x10u8, 0x20, 0x40])];
    let masked = prop_oneof![8 => Just(true), 1 => Just(false)];
    let length = prop_oneof![6 => Just(Length::True), 1 => Just(Length::Long), 1 => (0u8..=127).prop_map(Length::Says)];
    let payload = prop_oneof![
        2 => octets(),
        1 => vec(any::<u8>(), 0..4),
        1 => select(vec![1000u16, 1001, 1005, 1006, 2999, 5000]).prop_map(|code| code.to_be_bytes().to_vec()),
        1 => Just(vec![b'x'; 130]),
    ];
    (opcode, fin, reserved, masked, length, payload).prop_map(
        |(opcode, fin, reserved, masked, length, payload)| {
            let mut out = vec![fin | reserved | opcode];
            let mask = if masked { 0x80 } else { 0 };
            match (length, payload.len()) {
                (Length::Says(length), _) => out.push(mask | length),
                (Length::True, short @ 0..=125) => out.push(mask | short as u8),
                (_, long) => {
                    out.push(mask | 126);
                    out.extend((long as u16).to_be_bytes());
                }
            }
            if masked {
                // A key of zeros leaves the payload readable.
                out.extend([0; 4]);
            }
            out.extend(payload);
            out
        },
    )
}

/// What the length of a WebSocket frame says.
#[derive(Debug, Clone, Copy)]
enum Length {
    /// The truth, as short as can be.
    True,
    /// The truth, longer than need be.
    Long,
    /// This.
    Says(u8),
}
