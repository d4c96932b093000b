//! What is tried: one thing that somebody sends, and strategies that make such things.
//!
//! It relies on proptest, which also makes them smaller, and on our encoder for what is nearly valid. It does no I/O.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::body::Slip;
use super::yaml::quoted;
use crate::stomp::{CLIENT_COMMANDS, ContentLength, Frame, Style, encode_with};

/// Something that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Messages by one who behaves: they must arrive.
    Messages {
        /// How they are laid out in WebSocket messages, all of them legal.
        layout: Layout,
        /// The messages.
        messages: Vec<Message>,
    },
    /// Octets in a WebSocket message, over a connection on which nothing is unfinished.
    Octets {
        /// The octets.
        octets: Vec<u8>,
    },
    /// Octets beneath WebSocket, over such a connection.
    Beneath {
        /// The octets.
        octets: Vec<u8>,
    },
    /// A body of the dialect, over such a connection.
    Body {
        /// Which of the dialect's forms.
        form: usize,
        /// What is wrong about it.
        slips: Vec<Slip>,
    },
    /// Something of the dialect that must reach nobody, over such a connection.
    Intrusion {
        /// Which of them.
        nth: usize,
        /// What is said.
        text: String,
    },
    /// Something of the dialect that may be done, by one who behaves.
    Harmless {
        /// Which of them.
        nth: usize,
        /// What is said.
        text: String,
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

/// A message that must arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Headers besides those that every message has.
    pub headers: Vec<(String, String)>,
    /// The body, to which a mark is added.
    pub body: String,
}

impl Message {
    fn octets(self) -> Vec<u8> {
        let frame = Frame {
            command: "SEND".into(),
            headers: self.headers.into_iter().collect(),
            body: self.body.into(),
        };
        encode_with(&frame, &Style::default())
    }
}

/// How frames are laid out in WebSocket messages: `wire` of the language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// One in each.
    Plain,
    /// All in one.
    Batch,
    /// So many octets in each.
    Every(usize),
    /// So many octets in each fragment, and what stands between two of them.
    Fragments(usize, &'static str),
    /// Binary messages.
    Binary,
    /// Lines that end with CR LF.
    CrLf,
    /// Line ends behind each frame.
    After(&'static str),
}

impl Layout {
    /// The clause by which it is legal, where a target may be known to break it.
    pub(super) fn clause(&self) -> Option<&'static str> {
        match self {
            Layout::Plain | Layout::CrLf => None,
            Layout::Batch => Some("WSSTOMP-07"),
            Layout::Every(_) => Some("WSSTOMP-08"),
            Layout::Fragments(_, "empty") => Some("WS-FR-16"),
            Layout::Fragments(..) => Some("WS-FR-08"),
            Layout::Binary => Some("WSSTOMP-06"),
            Layout::After(_) => Some("WSSTOMP-10"),
        }
    }

    /// The argument of `wire`, for so many frames of which the longest has so many octets, where a message may have `most` octets.
    pub(super) fn wire(&self, frames: usize, longest: usize, most: usize) -> Option<String> {
        // Envelopes and escapes come to it.
        let fits = |octets: usize| octets * 2 + frames * 512 <= most;
        // No message goes in more than some hundred pieces.
        let piece = |size: usize| size.max(longest / 100);
        let own = match self {
            Layout::Plain => None,
            Layout::Batch => fits(frames * longest).then(|| format!("batch: {frames}")),
            Layout::Every(size) => Some(format!("every: {}", piece(*size))),
            Layout::Fragments(size, "") => Some(format!("fragment: {}", piece(*size))),
            Layout::Fragments(size, between) => {
                Some(format!("fragment: {}, between: {between}", piece(*size)))
            }
            Layout::Binary => Some("opcode: binary".into()),
            Layout::CrLf => Some("eol: crlf".into()),
            Layout::After(ends) => Some(format!("after: {}", quoted(ends))),
        };
        let cut = !fits(longest) && !matches!(self, Layout::Every(_));
        let cut = cut.then(|| format!("every: {}", most / 2));
        let all: Vec<String> = own.into_iter().chain(cut).collect();
        (!all.is_empty()).then(|| format!("{{ {} }}", all.join(", ")))
    }
}

impl Input {
    /// Its octets beneath all layouts, as far as it has any of its own: messages as SEND frames.
    pub fn octets(self) -> Vec<u8> {
        match self {
            Input::Octets { octets } | Input::Beneath { octets } => octets,
            Input::Messages { messages, .. } => messages.into_iter().flat_map(Message::octets).collect(),
            _ => Vec::new(),
        }
    }

    /// How many things are tried by it.
    pub fn count(&self) -> u64 {
        match self {
            Input::Messages { messages, .. } => messages.len() as u64,
            _ => 1,
        }
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
        '\u{301}',
        '\u{200f}',
        '<',
        '&',
    ]);
    let c = prop_oneof![6 => proptest::char::range('a', 'z'), 2 => odd, 1 => proptest::char::any()];
    vec(c, 0..most).prop_map(|chars| chars.into_iter().collect()).boxed()
}

fn header() -> impl Strategy<Value = (String, String)> {
    // With a prefix of ours, so that none is a header that means something.
    (text(8).prop_map(|name| format!("x{name}")), text(24))
}

/// Valid messages, with headers where the dialect has a way to send any.
pub(super) fn valid(with_headers: bool, layout: BoxedStrategy<Layout>) -> impl Strategy<Value = Input> {
    (layout, vec(message(with_headers), 1..5))
        .prop_map(|(layout, messages)| Input::Messages { layout, messages })
}

fn message(with_headers: bool) -> impl Strategy<Value = Message> {
    let body = prop_oneof![6 => text(60), 1 => text(60).prop_map(|t| t + "\0" + "behind"), 1 => long_text()];
    let few = if with_headers { 4 } else { 1 };
    let many = if with_headers { 40 } else { 1 };
    let headers = prop_oneof![12 => vec(header(), 0..few), 1 => vec(header(), 0..many)];
    (headers, body).prop_map(|(mut headers, body)| {
        // Of repeated headers the first counts: what is compared is one of each.
        headers.sort();
        headers.dedup_by(|a, b| a.0 == b.0);
        Message { headers, body }
    })
}

/// Layouts of STOMP: where frames begin and end.
pub(super) fn layout_of_frames() -> BoxedStrategy<Layout> {
    let every = select(vec![1usize, 2, 3, 7, 64, 126, 1000, 4096]);
    let after = select(vec!["\n", "\r\n", "\n\n\n", "\n\r\n\n"]);
    prop_oneof![
        6 => Just(Layout::Plain),
        1 => Just(Layout::Batch),
        1 => every.prop_map(Layout::Every),
        1 => Just(Layout::CrLf),
        1 => after.prop_map(Layout::After),
    ]
    .boxed()
}

/// Layouts of WebSocket: fragments, what stands between them, binary messages.
pub(super) fn layout_of_messages() -> BoxedStrategy<Layout> {
    let size = select(vec![1usize, 2, 5, 25, 100, 125, 126, 1000, 65_535]);
    let between = select(vec!["", "", "ping", "pong", "empty"]);
    prop_oneof![
        1 => Just(Layout::Plain),
        5 => (size, between).prop_map(|(size, between)| Layout::Fragments(size, between)),
        2 => Just(Layout::Binary),
        1 => Just(Layout::Batch),
        1 => (1usize..200).prop_map(Layout::Every),
    ]
    .boxed()
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
    LengthIs(&'static str),
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
        1 => (0usize..200_000).prop_map(Mistake::Length),
        2 => (0usize..30).prop_map(Mistake::Length),
        1 => select(vec!["abc", "-1", "1.5", "", "0x1", "99999999999999999999", "1 2"]).prop_map(Mistake::LengthIs),
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

/// A frame of a client: mostly with all that it must have, and then some of what usually stands in one.
fn frame() -> impl Strategy<Value = (Frame, bool)> {
    let command = prop_oneof![
        6 => select(vec!["SEND", "SUBSCRIBE"]).prop_map(str::to_owned),
        6 => select(CLIENT_COMMANDS.to_vec()).prop_map(str::to_owned),
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
    let others = prop_oneof![3 => Just(Vec::new()), 2 => vec(prop_oneof![3 => usual, 1 => header()], 0..6)];
    let body =
        prop_oneof![2 => Just(String::new()), 2 => text(40), 1 => Just("{\"toId\":\"nobody\"".to_owned())];
    let whole = prop_oneof![5 => Just(true), 1 => Just(false)];
    (command, whole, others, body).prop_map(|(command, whole, others, body)| {
        let required: &[(&str, &str)] = match command.as_str() {
            "SEND" => &[("destination", "/topic/fuzz")],
            "SUBSCRIBE" => &[("id", "fuzz-1"), ("destination", "/topic/fuzz")],
            "UNSUBSCRIBE" | "ACK" | "NACK" => &[("id", "fuzz-1")],
            "BEGIN" | "COMMIT" | "ABORT" => &[("transaction", "t")],
            "CONNECT" | "STOMP" => &[("accept-version", "1.2"), ("host", "localhost")],
            _ => &[],
        };
        // Only SEND may have a body; the mistake of another is one among others.
        let frame = Frame::new(&command).body(if whole && command != "SEND" { String::new() } else { body });
        let required = required.iter().filter(|_| whole).map(|&(n, v)| (n.to_owned(), v.to_owned()));
        let frame = required.chain(others).fold(frame, |frame, (name, value)| frame.with(name, value));
        (frame, whole)
    })
}

/// The octets of a frame that is nearly valid.
pub(super) fn nearly_valid() -> impl Strategy<Value = Input> {
    (frame(), mistake()).prop_map(|((frame, whole), mistake)| {
        // What is lacking is mistake enough.
        let mistake = if whole { mistake } else { Mistake::None };
        Input::Octets { octets: mistaken(frame, mistake) }
    })
}

/// The octets of a frame with something wrong about it.
fn mistaken(mut frame: Frame, mistake: Mistake) -> Vec<u8> {
    let mut style = Style::default();
    match &mistake {
        Mistake::NoNul => style.nul = false,
        Mistake::Length(length) => style.content_length = ContentLength::Exactly(*length),
        Mistake::LengthIs(text) => {
            style.content_length = ContentLength::AsGiven;
            frame.headers.push("content-length", *text);
        }
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
