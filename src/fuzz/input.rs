//! What is tried: one thing that somebody sends, and strategies that make such things.
//!
//! It relies on proptest, which also makes them smaller, and on our encoder for what is nearly valid. It does no I/O.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::stomp::{CLIENT_COMMANDS, ContentLength, Frame, Style, encode_with};

/// A family of things to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Valid messages, which must arrive as they were sent, among frames that are nearly valid.
    Frames,
    /// Octets as they come.
    Bytes,
    /// WebSocket frames, well formed and otherwise.
    Websocket,
    /// Several users who come, subscribe, send, cancel, leave and come back, against a model of who must receive what.
    Sessions,
}

impl Family {
    /// All of them.
    pub const ALL: [Family; 4] = [Family::Frames, Family::Bytes, Family::Websocket, Family::Sessions];

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Family::Frames => "frames",
            Family::Bytes => "bytes",
            Family::Websocket => "websocket",
            Family::Sessions => "sessions",
        }
    }

    /// Makes one input.
    pub fn input(self) -> BoxedStrategy<Input> {
        match self {
            Family::Frames => prop_oneof![2 => valid(), 3 => nearly_valid()].boxed(),
            Family::Bytes => octets().prop_map(|octets| Input::Octets { octets }).boxed(),
            Family::Websocket => vec(websocket_frame(), 1..4)
                .prop_map(|frames| Input::Beneath { octets: frames.concat() })
                .boxed(),
            Family::Sessions => deed().boxed(),
        }
    }

    /// Makes what one scenario tries.
    pub fn inputs(self) -> BoxedStrategy<Vec<Input>> {
        let most = if self == Family::Sessions { LONGEST } else { MOST };
        vec(self.input(), 1..=most).boxed()
    }
}

/// Inputs in one scenario: each of the unruly ones has a connection of its own.
pub const MOST: usize = 12;
/// Deeds in one session.
const LONGEST: usize = 24;
/// Who takes part in a session, and how many destinations there are.
pub const USERS: [&str; 3] = ["alice", "bob", "carol"];
/// Destinations of a session.
pub const TOPICS: usize = 3;

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
    /// What a user does in a session; where it makes no sense there, nothing.
    Deed {
        /// Which of [`USERS`].
        who: usize,
        /// What.
        deed: Deed,
    },
}

/// What a user does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Subscribes to a destination.
    Subscribe(usize),
    /// Cancels the subscription.
    Unsubscribe(usize),
    /// Sends to a destination.
    Send(usize, String),
    /// Leaves as one should.
    Leave,
    /// Is gone from one moment to the next.
    Vanish,
    /// Comes back.
    Return,
}

/// Text with what is seldom thought of: escapes, quotes, other scripts, characters beyond the BMP.
fn text(most: usize) -> BoxedStrategy<String> {
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

fn deed() -> impl Strategy<Value = Input> {
    let deed = prop_oneof![
        3 => (0..TOPICS).prop_map(Deed::Subscribe),
        1 => (0..TOPICS).prop_map(Deed::Unsubscribe),
        5 => (0..TOPICS, text(12)).prop_map(|(topic, text)| Deed::Send(topic, text)),
        1 => Just(Deed::Leave),
        1 => Just(Deed::Vanish),
        2 => Just(Deed::Return),
    ];
    (0..USERS.len(), deed).prop_map(|(who, deed)| Input::Deed { who, deed })
}

fn header() -> impl Strategy<Value = (String, String)> {
    // With a prefix of ours, so that none is a header that means something.
    (text(8).prop_map(|name| format!("x{name}")), text(24))
}

fn valid() -> impl Strategy<Value = Input> {
    let body = prop_oneof![6 => text(60), 1 => text(60).prop_map(|t| t + "\0" + "behind"), 1 => long_text()];
    (vec(header(), 0..4), body).prop_map(|(mut headers, body)| {
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
enum Slip {
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

fn slip() -> impl Strategy<Value = Slip> {
    prop_oneof![
        2 => Just(Slip::None),
        1 => Just(Slip::NoNul),
        2 => (0usize..200_000).prop_map(Slip::Length),
        1 => Just(Slip::Unescaped),
        1 => Just(Slip::CrLf),
        1 => Just(Slip::LowerCase),
        1 => (0usize..8).prop_map(Slip::Repeated),
        1 => (0usize..8).prop_map(Slip::Without),
        1 => proptest::char::range('!', '~').prop_map(Slip::Backslash),
        1 => select(vec![100usize, 1000, 1001, 2000]).prop_map(Slip::ManyHeaders),
        1 => select(vec![1024usize, 8192, 10_240, 65_536, 70_000]).prop_map(Slip::LongHeader),
        2 => (any::<usize>(), any::<u8>()).prop_map(|(at, octet)| Slip::Changed { at, octet }),
        2 => (any::<usize>(), any::<u8>()).prop_map(|(at, octet)| Slip::Inserted { at, octet }),
        1 => any::<usize>().prop_map(Slip::Cut),
        1 => Just(Slip::Twice),
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

fn nearly_valid() -> impl Strategy<Value = Input> {
    (frame(), slip()).prop_map(|(frame, slip)| Input::Octets { octets: slipped(frame, slip) })
}

/// The octets of a frame with something wrong about it.
fn slipped(mut frame: Frame, slip: Slip) -> Vec<u8> {
    let mut style = Style::default();
    match &slip {
        Slip::NoNul => style.nul = false,
        Slip::Length(length) => style.content_length = ContentLength::Exactly(*length),
        Slip::Unescaped => style.escape = false,
        Slip::CrLf => style.crlf = true,
        Slip::LowerCase => frame.command = frame.command.to_lowercase(),
        Slip::Repeated(nth) => {
            if let Some((name, value)) = nth_header(&frame, *nth) {
                frame.headers.push(name, format!("{value}-again"));
            }
        }
        Slip::Without(nth) => {
            if let Some((name, _)) = nth_header(&frame, *nth) {
                frame.headers.remove(&name);
            }
        }
        Slip::Backslash(c) => {
            frame.headers.push("x", format!("a\\{c}"));
            style.escape = false;
        }
        Slip::ManyHeaders(count) => (0..*count).for_each(|n| frame.headers.push(format!("x{n}"), "y")),
        Slip::LongHeader(length) => frame.headers.push("x", "y".repeat(*length)),
        _ => {}
    }
    let mut octets = encode_with(&frame, &style);
    match slip {
        Slip::Changed { at, octet } => {
            let at = at % octets.len();
            octets[at] = octet;
        }
        Slip::Inserted { at, octet } => octets.insert(at % (octets.len() + 1), octet),
        Slip::Cut(at) => octets.truncate(at % octets.len()),
        Slip::Twice => octets.extend_from_within(..),
        _ => {}
    }
    octets
}

fn nth_header(frame: &Frame, nth: usize) -> Option<(String, String)> {
    let count = frame.headers.len().max(1);
    frame.headers.iter().nth(nth % count).map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// Octets, with pieces of STOMP among them.
fn octets() -> impl Strategy<Value = Vec<u8>> {
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
fn websocket_frame() -> impl Strategy<Value = Vec<u8>> {
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
