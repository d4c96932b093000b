//! What holds of the codec whatever octets come, said once: for `cargo fuzz`, for the corpus and for proptest alike.
//!
//! It relies on the doors that everybody uses, [`Decoder`], [`encode_with`], [`escape`] and [`unescape`], and does no
//! I/O. It never asks what a frame ought to mean: that others read the same is `tests/differential.rs`.

use super::decode::{Decoder, Item, Limits, Mode};
use super::encode::{ContentLength, Style, encode, encode_with};
use super::fault::{Fault, FaultKind};
use super::frame::{Frame, Headers, SERVER_COMMANDS, Version, may_have_body};
use super::header::{escape, unescape};
use crate::dice::Dice;

/// Limits that an input of a few octets exceeds.
const SMALL: Limits = Limits { headers: 3, line: 20, frame: 90 };
/// The longest that what was found may be told in: an excerpt, escaped.
const LONGEST_EXCERPT: usize = 500;
const VERSIONS: [Version; 3] = [Version::V10, Version::V11, Version::V12];

/// Asserts every law on these octets, taken as one direction of a connection, by the rules of each version.
///
/// 1. Any split of the stream gives the same items, faults, octets of frames and end, within limits or beyond them.
/// 2. Every octet belongs to one item or is pending, in their order; faults stand where they say, and name
///    their clause.
/// 3. What is pending, and every frame, is within the limits; a stream is refused for its size only if it exceeds one,
///    and a limit that a frame just meets is met.
/// 4. A strict reader reads what a lenient one reads, up to the first fault, which is the same (but an unescaped colon).
/// 5. A frame without faults is written and read as it was, with either line end; one with faults that writing mends
///    is read without them; the octets of a frame alone give that frame.
/// 6. What is escaped is unescaped to what it was, and holds nothing that would end the header (STOMP12-ENC-06).
///
/// # Panics
/// Where one of them does not hold.
pub fn hold(octets: &[u8]) {
    for version in VERSIONS {
        let reader = |mode, limits| Reader { mode, version, limits };
        let strict = reader(Mode::Strict, Limits::default());
        let lenient = reader(Mode::Lenient, Limits::default());
        let (sure, told) = (strict.read(octets), lenient.read(octets));
        agree(octets, &sure, &told);
        sure.pieces.iter().for_each(|piece| strict.written_and_read(piece));
        told.pieces.iter().for_each(|piece| lenient.mended(piece));
        reader(Mode::Strict, SMALL).takes_away(octets, &sure);
        reader(Mode::Lenient, SMALL).takes_away(octets, &told);
        escapes(&String::from_utf8_lossy(octets), version);
    }
}

/// How a stream is read.
#[derive(Debug, Clone, Copy)]
struct Reader {
    mode: Mode,
    version: Version,
    limits: Limits,
}

/// An item, and where it stands in the stream.
#[derive(Debug, Clone, PartialEq)]
struct Piece {
    item: Item,
    from: usize,
    /// Where the next begins; `None` where nothing can be read any more.
    to: Option<usize>,
    /// What the decoder says are the octets of the frame.
    octets: Vec<u8>,
}

/// What was read of a stream.
#[derive(Debug, PartialEq)]
struct Reading {
    pieces: Vec<Piece>,
    /// What is pending at its end, and what that means.
    rest: Vec<u8>,
    end: Option<Fault>,
}

impl Reader {
    /// Reads the stream in one go, and asserts laws 1 to 3.
    fn read(self, stream: &[u8]) -> Reading {
        let whole = self.pieces([stream]);
        assert_eq!(self.pieces(stream.chunks(1)), whole, "octet by octet, by {self:?}");
        assert_eq!(self.pieces(Dice::of(stream).cut(stream)), whole, "in pieces, by {self:?}");
        self.nothing_is_lost(stream, &whole);
        whole.pieces.iter().for_each(|piece| self.within_limits(stream, piece));
        whole
    }

    fn pieces<'a>(self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Reading {
        let mut decoder = Decoder::new(self.mode, self.limits);
        decoder.set_version(self.version);
        let (mut found, mut fed, mut from) = (Vec::new(), 0, 0);
        for piece in pieces {
            decoder.feed(piece);
            fed += piece.len();
            while let Some(item) = decoder.next_item() {
                let octets = match item {
                    Item::Frame(..) => decoder.frame_octets().to_vec(),
                    _ => Vec::new(),
                };
                let to = self.goes_on(&item).then(|| fed - decoder.pending().len());
                assert!(to.is_none_or(|to| to > from), "an item of no octets: {item:?}");
                found.push(Piece { item, from, to, octets });
                from = to.unwrap_or(fed);
            }
            let pending = decoder.pending().len();
            assert!(pending <= self.limits.frame, "{pending} octets are kept of one frame, by {self:?}");
        }
        Reading { pieces: found, rest: decoder.pending().to_vec(), end: decoder.finish() }
    }

    /// Whether anything can be read behind this item.
    fn goes_on(self, item: &Item) -> bool {
        match item {
            Item::Fault(fault) => self.mode == Mode::Lenient && fault.kind != FaultKind::TooLarge,
            _ => true,
        }
    }

    /// Law 2.
    fn nothing_is_lost(self, stream: &[u8], reading: &Reading) {
        let mut at = 0;
        for Piece { item, from, to, octets } in &reading.pieces {
            assert_eq!(*from, at);
            let upto = to.unwrap_or(stream.len());
            let here = &stream[at..upto];
            let faults = match item {
                Item::Frame(_, faults) => {
                    assert_eq!(octets, here, "the octets of a frame are its own");
                    assert_eq!(here.last(), Some(&0), "a frame ends with NUL (STOMP12-FRAME-04)");
                    faults.as_slice()
                }
                Item::Eol => {
                    assert!(here == b"\n" || self.version == Version::V12 && here == b"\r\n", "{here:?}");
                    &[]
                }
                Item::Fault(fault) => std::slice::from_ref(fault),
            };
            for fault in faults {
                // A length that is wrong is told by the octet that should have been NUL.
                let upto = if fault.kind == FaultKind::LengthWrong { stream.len() } else { upto };
                assert!((at..=upto).contains(&(fault.at as usize)), "{fault} is not in {at}..={upto}");
                assert!(fault.found.len() <= LONGEST_EXCERPT, "{fault}");
                assert!(fault.to_string().ends_with(&format!("[{}]", fault.kind.clause())), "{fault}");
            }
            at = upto;
        }
        assert_eq!(reading.rest, &stream[at..], "what is no item yet is pending");
        assert!(reading.end.as_ref().is_none_or(|fault| fault.at <= stream.len() as u64));
        assert_eq!(reading.end.is_some(), !reading.rest.is_empty());
    }

    /// Law 3, of one item.
    fn within_limits(self, stream: &[u8], piece: &Piece) {
        let Limits { headers, line, frame } = self.limits;
        let here = &stream[piece.from..];
        match &piece.item {
            Item::Fault(fault) if fault.kind == FaultKind::TooLarge => {
                let lines = here.split(|b| *b == b'\n');
                let exceeded = here.len() > frame
                    || lines.clone().count() > headers
                    || lines.clone().any(|one| one.len() > line)
                    || lines.clone().any(|one| one.starts_with(b"content-length:"));
                assert!(exceeded, "{fault}, by {self:?}");
            }
            Item::Frame(found, _) => {
                assert!(piece.octets.len() <= frame + 1, "{} octets", piece.octets.len());
                assert!(found.headers.len() <= headers, "{} headers", found.headers.len());
                let head = &piece.octets[..piece.octets.len() - 1 - found.body.len()];
                let longest = head.split(|b| *b == b'\n').map(|one| one.len()).max().unwrap_or(0);
                assert!(longest <= line + 1, "a line of {longest} octets");
            }
            _ => {}
        }
    }

    /// Law 3: with these limits the same is read as with others, up to where one is exceeded.
    fn takes_away(self, stream: &[u8], other: &Reading) {
        let mine = self.read(stream);
        let large = |piece: &Piece| matches!(&piece.item, Item::Fault(f) if f.kind == FaultKind::TooLarge);
        match mine.pieces.split_last() {
            Some((last, before)) if large(last) => {
                assert_eq!(before, &other.pieces[..before.len()], "by {self:?}");
            }
            _ => assert_eq!(&mine, other, "by {self:?}"),
        }
    }

    /// Law 5, of a frame without faults.
    fn written_and_read(self, piece: &Piece) {
        let Item::Frame(frame, _) = &piece.item else { return };
        self.stands_alone(piece);
        for crlf in [false, true] {
            // Before 1.2 a CR belongs to the line.
            if crlf && self.version != Version::V12 {
                continue;
            }
            let octets = encode_with(frame, &self.as_given(crlf));
            self.reads(&octets, frame, &[]);
        }
        let mut with_length = frame.clone();
        if may_have_body(&frame.command) && !frame.body.is_empty() && !frame.headers.has("content-length") {
            with_length = with_length.with("content-length", frame.body.len().to_string());
        }
        self.reads(&encode(frame, self.version), &with_length, &[]);
        if let Some(length) = frame.header("content-length") {
            // Of repeated headers the first counts (STOMP12-REP-02).
            let repeated = frame.clone().with("content-length", format!("{length}1"));
            self.reads(&encode_with(&repeated, &self.as_given(false)), &repeated, &[]);
        }
        self.just_met(frame);
    }

    /// Law 5, of a frame with faults that are gone once it is written: what stays is no matter of the head's grammar.
    fn mended(self, piece: &Piece) {
        let Item::Frame(frame, faults) = &piece.item else { return };
        let has = |kind| faults.iter().any(|fault| fault.kind == kind);
        if has(FaultKind::LengthWrong) {
            // Where such a frame ends is known by octets behind it only.
            return;
        }
        self.stands_alone(piece);
        // A CR where nothing is escaped cannot be written; NUL in a header may begin another frame.
        let nul =
            |headers: &Headers| headers.iter().any(|(name, value)| (name.to_owned() + value).contains('\0'));
        if !has(FaultKind::StrayCr) && !nul(&frame.headers) {
            let stays = [FaultKind::BodyForbidden, FaultKind::LengthMalformed];
            let kept: Vec<FaultKind> = stays.into_iter().filter(|kind| has(*kind)).collect();
            self.reads(&encode_with(frame, &self.as_given(false)), frame, &kept);
        }
    }

    /// Law 5: the octets of a frame are all that it is made of.
    fn stands_alone(self, piece: &Piece) {
        let mut alone = self.pieces([&piece.octets[..]]);
        for Piece { item, .. } in &mut alone.pieces {
            if let Item::Frame(_, faults) = item {
                faults.iter_mut().for_each(|fault| fault.at += piece.from as u64);
            }
        }
        let items: Vec<Item> = alone.pieces.into_iter().map(|piece| piece.item).collect();
        assert_eq!(items, std::slice::from_ref(&piece.item), "alone, by {self:?}");
    }

    /// Asserts that these octets are this frame, with faults of these kinds (in any order) and nothing else.
    fn reads(self, octets: &[u8], frame: &Frame, kinds: &[FaultKind]) {
        let reading = self.pieces([octets]);
        let [Piece { item: Item::Frame(read, faults), .. }] = &reading.pieces[..] else {
            panic!("{octets:?} is written, {reading:?} is read, by {self:?}")
        };
        assert_eq!(read, frame, "written and read, by {self:?}");
        let mut found: Vec<FaultKind> = faults.iter().map(|fault| fault.kind).collect();
        found.sort_by_key(|kind| kinds.iter().position(|k| k == kind));
        assert_eq!(found, kinds, "written and read, by {self:?}");
    }

    /// Law 3: limits that a frame just meets let it pass, and none may be lower.
    fn just_met(self, frame: &Frame) {
        let octets = encode_with(frame, &self.as_given(false));
        let head = &octets[..octets.len() - 1 - frame.body.len()];
        let line = head.split(|b| *b == b'\n').map(<[u8]>::len).max().unwrap_or(0);
        let just = Limits { headers: frame.headers.len(), line, frame: octets.len() - 1 };
        let passes = |limits| {
            let reading = Reader { limits, ..self }.read(&octets);
            reading.pieces.iter().all(|piece| matches!(piece.item, Item::Frame(..)))
        };
        assert!(passes(just), "{frame:?} is refused by {just:?}");
        assert!(!passes(Limits { line: line - 1, ..just }), "a line that is too long");
        assert!(!passes(Limits { frame: just.frame - 1, ..just }), "a frame that is too large");
        if let Some(headers) = just.headers.checked_sub(1) {
            assert!(!passes(Limits { headers, ..just }), "too many headers");
        }
        if self.version == Version::V12 {
            let octets = encode_with(frame, &self.as_given(true));
            // The CR of a line end is none of the line's octets.
            let limits = Limits { frame: octets.len() - 1, ..just };
            Reader { limits, ..self }.reads(&octets, frame, &[]);
        }
    }

    fn as_given(self, crlf: bool) -> Style {
        Style { version: self.version, crlf, content_length: ContentLength::AsGiven, ..Style::default() }
    }
}

/// Law 4.
fn agree(stream: &[u8], strict: &Reading, lenient: &Reading) {
    let mut others = lenient.pieces.iter();
    for piece in &strict.pieces {
        let Some(other) = others.next() else {
            // It waits for the rest of a frame that the strict reader has refused by its head.
            assert!(matches!(piece.item, Item::Fault(_)), "{piece:?} is read by the strict reader only");
            return;
        };
        if begins_another(stream, other) {
            return;
        }
        match (&piece.item, &other.item) {
            (Item::Eol, Item::Eol) => {}
            (Item::Frame(one, faults), Item::Frame(two, noted)) => {
                assert_eq!((one, &faults[..]), (two, &[][..]));
                assert!(noted.iter().all(|fault| fault.kind == FaultKind::RawColon), "{noted:?}");
            }
            (Item::Fault(one), Item::Frame(_, noted)) => {
                let first = noted.iter().find(|fault| fault.kind != FaultKind::RawColon);
                assert_eq!(first, Some(one), "the first fault ends the strict reader's stream");
                return;
            }
            (Item::Fault(one), Item::Fault(two)) => {
                // A command line of nothing but CR is none, and no frame tells of the CR.
                let more = matches!(
                    (one.kind, two.kind),
                    (_, FaultKind::TooLarge) | (FaultKind::StrayCr, FaultKind::NoCommand)
                );
                assert!(one == two || more, "{one}, {two}");
                return;
            }
            (one, two) => panic!("strict {one:?}, lenient {two:?}"),
        }
    }
    let next = others.next();
    assert!(next.is_none_or(|other| begins_another(stream, other)), "strict waits, lenient has {next:?}");
}

/// Whether a frame has lost its blank line and a server's next begins behind its NUL: the one thing that a lenient
/// reader guesses.
fn begins_another(stream: &[u8], piece: &Piece) -> bool {
    let Item::Fault(fault) = &piece.item else { return false };
    let behind = stream.get(fault.at as usize + 1..).unwrap_or_default();
    let eols = behind.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    fault.kind == FaultKind::NoBlankLine
        && stream[piece.from..fault.at as usize].contains(&b'\n')
        && SERVER_COMMANDS.iter().any(|command| behind[eols..].starts_with(command.as_bytes()))
}

/// Law 6.
fn escapes(text: &str, version: Version) {
    let written = escape(text, version);
    assert_eq!(unescape(&written, version).as_deref(), Ok(text), "by {version:?}");
    if version == Version::V12 {
        assert!(!written.contains(['\r', '\n', ':']), "{written:?}");
    }
}
