//! Reading frames from a stream of octets, however it is cut.
//!
//! The decoder keeps what is unfinished and hands out items as soon as they are whole, so that any split of the
//! input gives the same items. It never blocks, allocates no more than its limits allow, and names every fault.

use memchr::{memchr, memchr_iter, memchr2, memrchr};

use super::fault::{Fault, FaultKind};
use super::frame::{CLIENT_COMMANDS, Frame, Headers, SERVER_COMMANDS, Version, may_have_body};
use super::header::{escapes_headers, unescape};

/// What the reader does about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The first fault ends the stream: what a server or client does by the specification.
    Strict,
    /// Faults are noted with the frame and reading goes on as well as it can: what a harness needs.
    Lenient,
}

/// How much of a frame is accepted (STOMP12-SIZE-01).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Header lines in a frame.
    pub headers: usize,
    /// Octets in a line, without its end.
    pub line: usize,
    /// Octets in a whole frame.
    pub frame: usize,
}

impl Limits {
    /// Limits of who must not refuse what a peer sends: they only keep memory bounded.
    pub const GENEROUS: Limits = Limits { headers: 100_000, line: 16 * 1024 * 1024, frame: 64 * 1024 * 1024 };
}

impl Default for Limits {
    fn default() -> Self {
        Limits { headers: 1_000, line: 64 * 1024, frame: 64 * 1024 * 1024 }
    }
}

/// What the stream holds next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A frame, with what was wrong about it (nothing in strict mode).
    Frame(Frame, Vec<Fault>),
    /// A line end between frames: a heart-beat or padding (STOMP12-FRAME-05, STOMP12-HB-08).
    Eol,
    /// Something that is no frame. In strict mode nothing follows it.
    Fault(Fault),
}

/// An incremental reader for one direction of one connection.
#[derive(Debug)]
pub struct Decoder {
    mode: Mode,
    version: Version,
    limits: Limits,
    buffer: Vec<u8>,
    /// Where reading goes on in `buffer`.
    start: usize,
    /// Where the last frame began in `buffer`.
    last: usize,
    /// Octets of the stream before `buffer`.
    dropped: u64,
    /// How far the unfinished frame was searched for the end of its headers.
    scanned: usize,
    /// The head of the unfinished frame, once it is whole.
    head: Option<Head>,
    dead: bool,
}

/// What is known about the end of a head.
enum HeadEnd {
    /// Its blank line ends here.
    At(usize),
    /// The NUL here ends a frame that has no blank line.
    Nul(usize),
    /// More octets are needed.
    Unknown,
}

/// The head of a frame, and how many octets it has.
#[derive(Debug)]
struct Head {
    command: String,
    headers: Headers,
    faults: Vec<Fault>,
    length: usize,
}

impl Decoder {
    /// A reader at the beginning of a stream, by the rules of STOMP 1.2.
    pub fn new(mode: Mode, limits: Limits) -> Self {
        Decoder {
            mode,
            version: Version::V12,
            limits,
            buffer: Vec::new(),
            start: 0,
            last: 0,
            dropped: 0,
            scanned: 0,
            head: None,
            dead: false,
        }
    }

    /// Goes on by the rules of another version, once it has been negotiated.
    pub fn set_version(&mut self, version: Version) {
        self.version = version;
    }

    /// Takes the next octets of the stream.
    pub fn feed(&mut self, octets: &[u8]) {
        if self.dead {
            return;
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.dropped += self.start as u64;
            self.start = 0;
            self.last = 0;
        }
        self.buffer.extend_from_slice(octets);
    }

    /// The octets of the frame that [`Decoder::next_item`] has just given, with its NUL.
    pub fn frame_octets(&self) -> &[u8] {
        self.buffer.get(self.last..self.start).unwrap_or_default()
    }

    /// Octets of a frame that is not whole yet.
    pub fn pending(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// What an end of the stream at this point means: a fault if it cuts a frame short.
    pub fn finish(&self) -> Option<Fault> {
        let rest = self.pending();
        if self.dead || rest.is_empty() {
            return None;
        }
        let headers_only =
            !rest.windows(2).any(|two| two == b"\n\n") && !rest.windows(3).any(|three| three == b"\n\r\n");
        let content = trim_eols(rest);
        Some(match content.last() {
            Some(0) if headers_only => self.no_blank_line(self.start + content.len() - 1),
            _ => self.fault(FaultKind::Truncated, self.buffer.len(), excerpt(rest)),
        })
    }

    /// The next whole item, or `None` until more octets come.
    pub fn next_item(&mut self) -> Option<Item> {
        if self.dead {
            return None;
        }
        let rest = &self.buffer[self.start..];
        match rest {
            [] => None,
            [b'\n', ..] => self.eol(1),
            [b'\r', b'\n', ..] if self.version == Version::V12 => self.eol(2),
            [b'\r'] => None,
            [0, ..] => {
                let fault = self.fault(FaultKind::StrayNul, self.start, "`\\0`".to_owned());
                self.skip_to(self.start + 1);
                Some(self.broken(fault))
            }
            _ => self.frame(),
        }
    }

    fn eol(&mut self, length: usize) -> Option<Item> {
        self.skip_to(self.start + length);
        Some(Item::Eol)
    }

    fn skip_to(&mut self, at: usize) {
        self.start = at;
        self.scanned = 0;
    }

    fn fault(&self, kind: FaultKind, at: usize, found: String) -> Fault {
        Fault { kind, at: self.dropped + at as u64, found }
    }

    fn broken(&mut self, fault: Fault) -> Item {
        if self.mode == Mode::Strict || fault.kind == FaultKind::TooLarge {
            self.dead = true;
            self.buffer = Vec::new();
            self.start = 0;
        }
        Item::Fault(fault)
    }

    fn frame(&mut self) -> Option<Item> {
        if let Some(head) = self.head.take() {
            return self.body(head);
        }
        match self.head_end() {
            Err(fault) => Some(self.broken(fault)),
            Ok(HeadEnd::At(end)) => match self.head(end) {
                Ok(head) => self.body(head),
                Err(fault) => {
                    self.skip_to(end);
                    Some(self.broken(fault))
                }
            },
            Ok(HeadEnd::Nul(nul)) => {
                let fault = self.no_blank_line(nul);
                self.skip_to(nul + 1);
                Some(self.broken(fault))
            }
            Ok(HeadEnd::Unknown) => None,
        }
    }

    /// Where the blank line behind the headers ends.
    ///
    /// A NUL in the command line ends the frame; in a header line it is an octet of the header like any other, as the
    /// grammar has it ("any OCTET except CR or LF or \":\"").
    fn head_end(&mut self) -> Result<HeadEnd, Fault> {
        let mut at = self.start + self.scanned;
        let mut line =
            memrchr(b'\n', &self.buffer[self.start..at]).map_or(self.start, |lf| self.start + lf + 1);
        while let Some(found) = memchr2(b'\n', 0, &self.buffer[at..]) {
            let stop = at + found;
            self.within_limits(line, stop)?;
            at = stop + 1;
            if self.buffer[stop] == 0 {
                if line == self.start {
                    return Ok(HeadEnd::Nul(stop));
                }
                continue;
            }
            if let Some(nul) = self.another_begins(stop) {
                return Ok(HeadEnd::Nul(nul));
            }
            line = at;
            let blank = match &self.buffer[line..] {
                [b'\n', ..] => line,
                [b'\r', b'\n', ..] if self.version == Version::V12 => line + 1,
                [] | [b'\r'] => {
                    self.scanned = stop - self.start;
                    return self.unfinished(line);
                }
                _ => continue,
            };
            self.within_limits(line, blank)?;
            return Ok(HeadEnd::At(blank + 1));
        }
        self.scanned = self.buffer.len() - self.start;
        self.unfinished(line)
    }

    /// A head whose last line so far begins at `line`.
    fn unfinished(&self, line: usize) -> Result<HeadEnd, Fault> {
        self.within_limits(line, self.buffer.len())?;
        Ok(HeadEnd::Unknown)
    }

    /// Whether a head that is not whole at `upto`, within the line that begins at `line`, keeps to the limits: of two that
    /// it exceeds the one that came first, so that it does not matter how much comes at once.
    fn within_limits(&self, line: usize, upto: usize) -> Result<(), Fault> {
        // The last octet may be the CR of a line end.
        let longest = self.limits.line.saturating_add(1);
        let large = upto - self.start > self.limits.frame;
        let long = upto - line > longest;
        if long && (!large || (line - self.start).saturating_add(longest) <= self.limits.frame) {
            return Err(self.long_line(line));
        }
        if large { Err(self.large_frame()) } else { Ok(()) }
    }

    /// The NUL before the line that ends at `lf`, if that line is a server's command and nothing else: the frame before
    /// it has lost its blank line, and a lenient reader goes on with the next.
    fn another_begins(&self, lf: usize) -> Option<usize> {
        if self.mode == Mode::Strict {
            return None;
        }
        let before = &self.buffer[self.start..lf];
        let line = memrchr(b'\n', before)? + 1;
        let from = memrchr(0, &before[line..]).map_or(line, |nul| line + nul + 1);
        let command = before[from..].strip_suffix(b"\r").unwrap_or(&before[from..]);
        let ended = trim_eols(&before[..from]);
        let begins = SERVER_COMMANDS.iter().any(|known| known.as_bytes() == command);
        (begins && ended.last() == Some(&0)).then(|| self.start + ended.len() - 1)
    }

    fn long_line(&self, at: usize) -> Fault {
        self.fault(FaultKind::TooLarge, at, format!("a line of more than {} octets", self.limits.line))
    }

    fn no_blank_line(&self, nul: usize) -> Fault {
        self.fault(FaultKind::NoBlankLine, nul, excerpt(&self.buffer[self.start..=nul]))
    }

    fn large_frame(&self) -> Fault {
        self.fault(
            FaultKind::TooLarge,
            self.start,
            format!("a frame of more than {} octets", self.limits.frame),
        )
    }

    /// Parses command and headers, which end at `end`.
    fn head(&self, end: usize) -> Result<Head, Fault> {
        let mut faults = Vec::new();
        let mut headers = Headers::new();
        let mut at = self.start;
        let mut command: Option<String> = None;
        while at < end {
            let Some(lf) = memchr(b'\n', &self.buffer[at..end]) else { break };
            let line = self.line(at, at + lf, &mut faults)?;
            match &command {
                None if line.trim().is_empty() => {
                    let found = excerpt(&self.buffer[self.start..end]);
                    return Err(self.fault(FaultKind::NoCommand, at, found));
                }
                None => command = Some(line),
                Some(_) if line.is_empty() => {}
                Some(command) => self.header(command, &line, at, &mut headers, &mut faults)?,
            }
            at += lf + 1;
        }
        Ok(Head { command: command.unwrap_or_default(), headers, faults, length: end - self.start })
    }

    /// One line without its end; what is no UTF-8 in it is replaced and noted.
    fn line(&self, from: usize, lf: usize, faults: &mut Vec<Fault>) -> Result<String, Fault> {
        let mut octets = &self.buffer[from..lf];
        if self.version == Version::V12 {
            octets = octets.strip_suffix(b"\r").unwrap_or(octets);
        }
        if octets.len() > self.limits.line {
            return Err(self.long_line(from));
        }
        if self.version == Version::V12
            && let Some(cr) = memchr(b'\r', octets)
        {
            self.note(self.fault(FaultKind::StrayCr, from + cr, excerpt(octets)), faults)?;
        }
        match std::str::from_utf8(octets) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => {
                let at = from + error.valid_up_to();
                self.note(self.fault(FaultKind::NotUtf8, at, excerpt(octets)), faults)?;
                Ok(String::from_utf8_lossy(octets).into_owned())
            }
        }
    }

    fn header(
        &self,
        command: &str,
        line: &str,
        at: usize,
        headers: &mut Headers,
        faults: &mut Vec<Fault>,
    ) -> Result<(), Fault> {
        if headers.len() == self.limits.headers {
            let found = format!("more than {} headers", self.limits.headers);
            return Err(self.fault(FaultKind::TooLarge, at, found));
        }
        let Some((name, value)) = line.split_once(':') else {
            return self.note(self.fault(FaultKind::NoColon, at, excerpt(line.as_bytes())), faults);
        };
        if name.is_empty() {
            return self.note(self.fault(FaultKind::EmptyName, at, excerpt(line.as_bytes())), faults);
        }
        if !escapes_headers(command, self.version) {
            headers.push(name, value);
            return Ok(());
        }
        // Where this octet of the line stands in the stream: what was no UTF-8 before it has become longer.
        let place = |octet: u8, offset: usize| {
            let before = memchr_iter(octet, &line.as_bytes()[..offset]).count();
            at + memchr_iter(octet, &self.buffer[at..]).nth(before).unwrap_or(offset)
        };
        if self.mode == Mode::Lenient && value.contains(':') {
            // Outside the grammar; every known server reads it all the same, so a strict reader does as well.
            let behind = place(b':', name.len()) + 1;
            faults.push(self.fault(FaultKind::RawColon, behind, excerpt(line.as_bytes())));
        }
        let mut decode = |text: &str, offset: usize| match unescape(text, self.version) {
            Ok(text) => Ok(text),
            Err((bad, text)) => {
                let found = excerpt(line.as_bytes());
                let at = place(b'\\', offset + bad);
                self.note(self.fault(FaultKind::UndefinedEscape, at, found), faults)?;
                Ok(text)
            }
        };
        let decoded_name = decode(name, 0)?;
        let decoded_value = decode(value, name.len() + 1)?;
        headers.push(decoded_name, decoded_value);
        Ok(())
    }

    /// Keeps a fault that a lenient reader goes on after; a strict one stops at it.
    fn note(&self, fault: Fault, faults: &mut Vec<Fault>) -> Result<(), Fault> {
        match self.mode {
            Mode::Strict => Err(fault),
            Mode::Lenient => {
                faults.push(fault);
                Ok(())
            }
        }
    }

    /// Takes the body behind a head, if it has come as a whole.
    fn body(&mut self, head: Head) -> Option<Item> {
        let Head { command, headers, mut faults, length } = head;
        let (body, noted) = (self.start + length, faults.len());
        let end = match self.body_end(&headers, body, &mut faults) {
            Err(fault) => return Some(self.broken(fault)),
            Ok(Some(end)) => end,
            Ok(None) => {
                faults.truncate(noted);
                self.head = Some(Head { command, headers, faults, length });
                return None;
            }
        };
        if end - self.start > self.limits.frame {
            let fault = self.large_frame();
            return Some(self.broken(fault));
        }
        if end > body && !may_have_body(&command) && is_known(&command) {
            let fault = self.fault(FaultKind::BodyForbidden, body, excerpt(&self.buffer[body..end]));
            if let Err(fault) = self.note(fault, &mut faults) {
                return Some(self.broken(fault));
            }
        }
        let octets = self.buffer[body..end].to_vec();
        self.last = self.start;
        self.skip_to(end + 1);
        Some(Item::Frame(Frame { command, headers, body: octets }, faults))
    }

    /// Where the NUL behind a body stands, if it has come.
    fn body_end(
        &self,
        headers: &Headers,
        body: usize,
        faults: &mut Vec<Fault>,
    ) -> Result<Option<usize>, Fault> {
        if let Some(length) = self.announced(headers, body, faults)? {
            if body.saturating_add(length) - self.start > self.limits.frame {
                return Err(self.large_frame());
            }
            let end = body + length;
            match self.buffer.get(end) {
                None => return Ok(None),
                Some(0) => return Ok(Some(end)),
                Some(_) => {
                    let found = excerpt(&self.buffer[body..=end]);
                    self.note(self.fault(FaultKind::LengthWrong, end, found), faults)?;
                }
            }
        }
        match memchr(0, &self.buffer[body..]) {
            Some(nul) => Ok(Some(body + nul)),
            None if self.pending().len() > self.limits.frame => Err(self.large_frame()),
            None => Ok(None),
        }
    }

    /// The length that the frame announces; of repeated headers the first counts (STOMP12-REP-02).
    fn announced(
        &self,
        headers: &Headers,
        at: usize,
        faults: &mut Vec<Fault>,
    ) -> Result<Option<usize>, Fault> {
        let Some(text) = headers.get("content-length") else { return Ok(None) };
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse::<usize>() {
            Ok(length) if digits => Ok(Some(length)),
            _ => {
                self.note(self.fault(FaultKind::LengthMalformed, at, excerpt(text.as_bytes())), faults)?;
                Ok(None)
            }
        }
    }
}

/// Whether the specification has a frame of this command; others (STOMP12-CFR-01) are the receiver's affair.
fn is_known(command: &str) -> bool {
    CLIENT_COMMANDS.contains(&command) || SERVER_COMMANDS.contains(&command)
}

/// Octets without the line ends behind them.
fn trim_eols(octets: &[u8]) -> &[u8] {
    let end = octets.iter().rposition(|b| !matches!(b, b'\r' | b'\n')).map_or(0, |last| last + 1);
    &octets[..end]
}

/// The first octets of something, made visible.
fn excerpt(octets: &[u8]) -> String {
    const MOST: usize = 40;
    let cut = &octets[..octets.len().min(MOST)];
    let text = String::from_utf8_lossy(cut).escape_debug().to_string();
    if octets.len() > MOST { format!("`{text}…`") } else { format!("`{text}`") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::encode::{Style, encode, encode_with};
    use super::*;

    fn read(mode: Mode, pieces: &[&[u8]]) -> Vec<Item> {
        let mut decoder = Decoder::new(mode, Limits::default());
        let mut items = Vec::new();
        for piece in pieces {
            decoder.feed(piece);
            while let Some(item) = decoder.next_item() {
                items.push(item);
            }
        }
        items
    }

    #[test]
    fn the_octets_of_a_frame_are_its_own() {
        let mut decoder = Decoder::new(Mode::Lenient, Limits::default());
        decoder.feed(b"\nSEND\r\na:b\r\n\r\nx\0\n\nERR");
        assert_eq!(decoder.next_item(), Some(Item::Eol));
        assert!(matches!(decoder.next_item(), Some(Item::Frame(..))));
        assert_eq!(decoder.frame_octets(), b"SEND\r\na:b\r\n\r\nx\0");
        decoder.feed(b"OR\n\n\0");
        while !matches!(decoder.next_item(), Some(Item::Frame(..))) {}
        assert_eq!(decoder.frame_octets(), b"ERROR\n\n\0");
    }

    fn kinds(items: &[Item]) -> Vec<FaultKind> {
        let mut kinds = Vec::new();
        for item in items {
            match item {
                Item::Frame(_, faults) => kinds.extend(faults.iter().map(|f| f.kind)),
                Item::Fault(fault) => kinds.push(fault.kind),
                Item::Eol => {}
            }
        }
        kinds
    }

    #[test]
    fn each_fault_is_named_with_its_octet() {
        for (octets, kind, at) in [
            (&b"SEND\nx:a\\tb\n\n\0"[..], FaultKind::UndefinedEscape, 8),
            (b"SEND\nno colon\n\n\0", FaultKind::NoColon, 5),
            (b"SEND\n:v\n\n\0", FaultKind::EmptyName, 5),
            (b"SEND\nx:a\rb\n\n\0", FaultKind::StrayCr, 8),
            (b"SEND\nx:\xff\n\n\0", FaultKind::NotUtf8, 7),
            (b"\0SEND\n\n\0", FaultKind::StrayNul, 0),
            (b"SEND\0", FaultKind::NoBlankLine, 4),
            (b"ACK\nid:1\n\nbody\0", FaultKind::BodyForbidden, 10),
            (b"SEND\ncontent-length:abc\n\nx\0", FaultKind::LengthMalformed, 25),
            (b"SEND\ncontent-length:-1\n\nx\0", FaultKind::LengthMalformed, 24),
            (b"SEND\ncontent-length:+1\n\nx\0", FaultKind::LengthMalformed, 24),
            (b"SEND\ncontent-length:1\n\nxyz\0", FaultKind::LengthWrong, 24),
        ] {
            let shown = String::from_utf8_lossy(octets);
            let strict = read(Mode::Strict, &[octets, b"SEND\n\n\0"]);
            let [Item::Fault(fault)] = &strict[..] else { panic!("{shown:?}: {strict:?}") };
            assert_eq!((fault.kind, fault.at), (kind, at), "{shown:?}");
            let lenient = read(Mode::Lenient, &[octets, b"SEND\n\n\0"]);
            assert_eq!(kinds(&lenient), [kind], "{shown:?}");
            assert!(
                matches!(lenient.last(), Some(Item::Frame(f, faults)) if f.command == "SEND" && faults.is_empty())
            );
        }
    }

    #[test]
    fn a_fault_behind_octets_that_are_no_utf_8_is_found_where_it_stands() {
        let items = read(Mode::Lenient, &[b"SEND\nx\xff\\n\xff:\xff:\xff\\c\\t\n\n\0"]);
        let [Item::Frame(_, faults)] = &items[..] else { panic!("{items:?}") };
        let found: Vec<_> = faults.iter().map(|fault| (fault.kind, fault.at)).collect();
        let expected = [(FaultKind::NotUtf8, 6), (FaultKind::RawColon, 11), (FaultKind::UndefinedEscape, 16)];
        assert_eq!(found, expected);
    }

    #[test]
    fn content_length_counts_octets_and_covers_nul() {
        let items = read(Mode::Strict, &["SEND\ncontent-length:7\n\nä\0b\0c\n\0\nSEND\n\n\0".as_bytes()]);
        let [Item::Frame(first, _), Item::Eol, Item::Frame(second, _)] = &items[..] else {
            panic!("{items:?}")
        };
        assert_eq!(first.body, "ä\0b\0c\n".as_bytes());
        assert_eq!(second.command, "SEND");
    }

    #[test]
    fn a_header_may_hold_nul() {
        let octets = b"ERROR\nmessage:no command \0SEND\nx:\0\n\n\0MESSAGE\n\n\0";
        for mode in [Mode::Strict, Mode::Lenient] {
            let items = read(mode, &[octets]);
            let [Item::Frame(error, faults), Item::Frame(..)] = &items[..] else { panic!("{items:?}") };
            assert_eq!((error.header("message"), error.header("x")), (Some("no command \0SEND"), Some("\0")));
            assert!(faults.is_empty(), "{faults:?}");
        }
    }

    #[test]
    fn a_frame_that_lost_its_blank_line_does_not_swallow_the_next() {
        for octets in [
            &b"RECEIPT\nreceipt-id:1\0MESSAGE\nx:y\n\nb\0"[..],
            b"RECEIPT\r\nreceipt-id:1\0\r\nMESSAGE\r\nx:y\r\n\r\nb\0",
        ] {
            let items = read(Mode::Lenient, &[octets]);
            let Some(Item::Frame(next, _)) = items.last() else { panic!("{items:?}") };
            assert_eq!(kinds(&items), [FaultKind::NoBlankLine]);
            assert_eq!(next, &Frame::new("MESSAGE").with("x", "y").body("b"));
        }
        let mut decoder = Decoder::new(Mode::Lenient, Limits::default());
        decoder.feed(b"RECEIPT\nreceipt-id:1\0\n");
        assert_eq!(decoder.next_item(), None);
        assert_eq!(decoder.finish().map(|f| (f.kind, f.at)), Some((FaultKind::NoBlankLine, 20)));
    }

    #[test]
    fn of_repeated_lengths_the_first_counts() {
        let items = read(Mode::Strict, &[b"SEND\ncontent-length:3\ncontent-length:1\n\na\0b\0"]);
        assert!(matches!(&items[..], [Item::Frame(f, _)] if f.body == b"a\0b"), "{items:?}");
    }

    #[test]
    fn lines_may_end_in_crlf() {
        let items = read(Mode::Strict, &[b"\r\n\nSEND\r\nx:y\r\n\r\nb\r\n\0\r\n"]);
        let [Item::Eol, Item::Eol, Item::Frame(frame, _), Item::Eol] = &items[..] else {
            panic!("{items:?}")
        };
        assert_eq!(frame, &Frame::new("SEND").with("x", "y").body("b\r\n"));
    }

    #[test]
    fn connect_is_taken_literally() {
        let items = read(Mode::Strict, &[b"CONNECT\nx:a\\tb:c\n\n\0"]);
        assert!(matches!(&items[..], [Item::Frame(f, _)] if f.header("x") == Some("a\\tb:c")), "{items:?}");
    }

    #[test]
    fn an_unescaped_colon_is_noted_but_never_fatal() {
        assert_eq!(kinds(&read(Mode::Lenient, &[b"MESSAGE\nx:a:b\n\n\0"])), [FaultKind::RawColon]);
        assert_eq!(kinds(&read(Mode::Strict, &[b"SEND\nx:a:b\n\n\0"])), []);
    }

    #[test]
    fn limits_end_the_stream() {
        let limits = Limits { headers: 2, line: 20, frame: 60 };
        for octets in [
            &b"SEND\na:1\nb:2\nc:3\n\n\0"[..],
            b"SEND\nx:0123456789012345678901234567890\n\n\0",
            b"SEND\nx:0123456789012345678901234567890",
            b"SEND\ncontent-length:99\n\n",
            b"SEND\n\n01234567890123456789012345678901234567890123456789012345678901234567890",
            b"SEND\ncontent-length:18446744073709551615\n\n",
        ] {
            let mut decoder = Decoder::new(Mode::Lenient, limits);
            decoder.feed(octets);
            let item = decoder.next_item();
            assert!(matches!(&item, Some(Item::Fault(f)) if f.kind == FaultKind::TooLarge), "{item:?}");
            decoder.feed(b"SEND\n\n\0");
            assert_eq!(decoder.next_item(), None);
        }
    }

    #[test]
    fn what_exceeds_a_limit_first_is_told_however_it_comes() {
        let limits = Limits { headers: 3, line: 20, frame: 40 };
        for (octets, at) in [
            // A long line behind an escape that a strict reader refuses, once it has the head.
            (&b"SEND\nx:\\t\ny:0123456789012345678901234567890\n\n\0"[..], 10),
            // A long line in a frame that would turn out to have lost its blank line.
            (b"RECEIPT\nx:0123456789012345678901234567890\0MESSAGE\n\n\0", 8),
            // A head that is too large before its last line is too long.
            (b"SEND\na:01234567890123\nb:01234567890123\nc:012345678901234567890123456789\n\n\0", 0),
        ] {
            for (mode, size) in
                [(Mode::Strict, 1), (Mode::Strict, 100), (Mode::Lenient, 1), (Mode::Lenient, 100)]
            {
                let mut decoder = Decoder::new(mode, limits);
                let mut items = Vec::new();
                for piece in octets.chunks(size) {
                    decoder.feed(piece);
                    items.extend(decoder.next_item());
                }
                let [Item::Fault(fault)] = &items[..] else { panic!("{items:?}") };
                assert_eq!((fault.kind, fault.at), (FaultKind::TooLarge, at), "{mode:?}, {size} at a time");
            }
        }
    }

    #[test]
    fn a_body_longer_than_announced_is_not_kept_for_ever() {
        let mut decoder = Decoder::new(Mode::Lenient, Limits { headers: 2, line: 20, frame: 60 });
        decoder.feed(b"SEND\ncontent-length:1\n\nxyz");
        assert_eq!(decoder.next_item(), None, "the NUL may still come");
        decoder.feed(&[b'x'; 60]);
        let item = decoder.next_item();
        assert!(matches!(&item, Some(Item::Fault(f)) if f.kind == FaultKind::TooLarge), "{item:?}");
    }

    #[test]
    fn the_end_of_a_line_is_none_of_its_octets() {
        let limits = Limits { headers: 1, line: 4, frame: 60 };
        for octets in [&b"SEND\na:bc\n\n\0"[..], b"SEND\r\na:bc\r\n\r\n\0"] {
            let mut decoder = Decoder::new(Mode::Strict, limits);
            decoder.feed(octets);
            assert!(matches!(decoder.next_item(), Some(Item::Frame(..))), "{octets:?}");
        }
    }

    #[test]
    fn an_unfinished_frame_is_truncated() {
        let mut decoder = Decoder::new(Mode::Strict, Limits::default());
        decoder.feed(b"SEND\nx");
        assert_eq!(decoder.next_item(), None);
        assert_eq!(decoder.finish().map(|f| (f.kind, f.at)), Some((FaultKind::Truncated, 6)));
        decoder.feed(b":y\n\n\0");
        assert!(decoder.next_item().is_some());
        assert_eq!(decoder.finish(), None);
    }

    fn frames() -> impl Strategy<Value = Frame> {
        let text = proptest::collection::vec(
            prop_oneof![Just(':'), Just('\\'), Just('\n'), Just('\r'), Just('n'), Just('\0'), any::<char>()],
            0..8,
        )
        .prop_map(|c| c.into_iter().collect::<String>());
        let name = text.clone().prop_map(|t| format!("x{t}"));
        let headers = proptest::collection::vec((name, text), 0..4);
        let body = proptest::collection::vec(any::<u8>(), 0..40);
        (prop_oneof![Just("SEND"), Just("MESSAGE"), Just("ERROR"), Just("ACK")], headers, body).prop_map(
            |(command, headers, body)| Frame {
                command: command.into(),
                headers: headers.into_iter().collect(),
                body: if may_have_body(command) { body } else { Vec::new() },
            },
        )
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(frames in proptest::collection::vec(frames(), 1..4), crlf: bool) {
            let style = Style { crlf, after: b"\n".to_vec(), ..Style::default() };
            let octets: Vec<u8> = frames.iter().flat_map(|f| encode_with(f, &style)).collect();
            let mut seen = Vec::new();
            for item in read(Mode::Strict, &[&octets]) {
                match item {
                    Item::Frame(mut frame, _) => { frame.headers.remove("content-length"); seen.push(frame) }
                    Item::Eol => {}
                    Item::Fault(fault) => prop_assert!(false, "{fault}"),
                }
            }
            prop_assert_eq!(seen, frames);
        }

        #[test]
        fn any_split_gives_the_same_items(
            frames in proptest::collection::vec(frames(), 1..3),
            noise in proptest::collection::vec(any::<u8>(), 0..30),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..6),
            strict: bool,
        ) {
            let mode = if strict { Mode::Strict } else { Mode::Lenient };
            let mut octets: Vec<u8> = frames.iter().flat_map(|f| encode(f, Version::V12)).collect();
            octets.extend(noise);
            octets.extend(b"\0\nSEND\n\nend\0");
            let whole = read(mode, &[&octets]);
            let mut at: Vec<usize> = cuts.iter().map(|i| i.index(octets.len())).collect();
            at.extend([0, octets.len()]);
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|w| &octets[w[0]..w[1]]).collect();
            prop_assert_eq!(&read(mode, &pieces), &whole);
            let single: Vec<&[u8]> = octets.chunks(1).collect();
            prop_assert_eq!(&read(mode, &single), &whole);
        }

        #[test]
        fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            read(Mode::Lenient, &[&octets]);
            read(Mode::Strict, &[&octets]);
        }
    }
}
