//! How SockJS frames stand in the responses of plain HTTP: one to a poll, line by line in a stream, as events.
//!
//! It relies on octets handed to it as they come, however they are cut. It is lenient: what is wrong is told, and what
//! can be read all the same is read.

use std::collections::VecDeque;

/// Octets after which no further frame may begin in a response: twice of what is usual.
const MOST_OCTETS: usize = 256 * 1024;

/// A departure from SockJS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The clause that is broken.
    pub clause: &'static str,
    /// What is wrong.
    pub what: String,
    /// Where: whole, so that secrets in it can be found.
    pub text: String,
}

/// How frames are laid out in responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One frame and a line end, to each poll (SOCKJS-XHR-01).
    Polling,
    /// A line of 2048 `h`, then a line to each frame (SOCKJS-STR-01).
    Streaming,
    /// An empty line, then an event to each frame (SOCKJS-ES-01).
    Events,
}

/// Reads frames out of one response after the other.
#[derive(Debug)]
pub struct Responses {
    layout: Layout,
    /// Octets of a line that has not ended.
    line: Vec<u8>,
    /// The data of an event that has not ended.
    data: Option<String>,
    /// Lines of this response so far, and octets.
    lines: usize,
    octets: usize,
    found: VecDeque<Result<String, Fault>>,
}

impl Responses {
    /// At the beginning of the first response.
    pub fn new(layout: Layout) -> Self {
        Responses { layout, line: Vec::new(), data: None, lines: 0, octets: 0, found: VecDeque::new() }
    }

    /// Takes the next octets of the response.
    pub fn feed(&mut self, octets: &[u8]) {
        for piece in octets.split_inclusive(|octet| *octet == b'\n') {
            if self.line.is_empty() && self.octets > MOST_OCTETS {
                self.endless();
            }
            self.octets += piece.len();
            self.line.extend_from_slice(piece);
            if let Some(whole) = self.line.strip_suffix(b"\n") {
                let whole = super::as_text(whole);
                self.line.clear();
                self.take(&whole);
                self.lines += 1;
            }
        }
    }

    /// The response has ended; the next one begins.
    pub fn end(&mut self) {
        let rest = std::mem::take(&mut self.line);
        if !rest.is_empty() {
            let text = super::as_text(&rest);
            self.fault("a response that ends without a line end", &text);
            self.take(&text);
        }
        if self.layout == Layout::Polling && self.lines == 0 && rest.is_empty() {
            self.fault("an answer to a poll without a frame", "");
        }
        if let Some(data) = self.data.take() {
            self.fault("an event that was not ended by an empty line", &data);
        }
        (self.lines, self.octets) = (0, 0);
    }

    /// The next frame, or fault.
    pub fn next_frame(&mut self) -> Option<Result<String, Fault>> {
        self.found.pop_front()
    }

    fn clause(&self) -> &'static str {
        match self.layout {
            Layout::Polling => "SOCKJS-XHR-01",
            Layout::Streaming => "SOCKJS-STR-01",
            Layout::Events => "SOCKJS-ES-01",
        }
    }

    /// A frame begins where the response should have ended; that is told once in each.
    fn endless(&mut self) {
        if self.layout != Layout::Polling && self.octets < usize::MAX / 2 {
            let what = format!("a response that goes on after {} octets", self.octets);
            self.found.push_back(Err(Fault { clause: "SOCKJS-STR-02", what, text: String::new() }));
            self.octets = usize::MAX / 2;
        }
    }

    fn fault(&mut self, what: &str, text: &str) {
        let fault = Fault { clause: self.clause(), what: what.to_owned(), text: text.to_owned() };
        self.found.push_back(Err(fault));
    }

    fn take(&mut self, line: &str) {
        match (self.layout, self.lines) {
            (Layout::Polling, 0) => self.found.push_back(Ok(line.to_owned())),
            (Layout::Polling, _) => {
                self.fault("more than one frame in the answer to a poll", line);
                self.found.push_back(Ok(line.to_owned()));
            }
            (Layout::Streaming, 0) if line.len() == 2048 && line.bytes().all(|b| b == b'h') => {}
            (Layout::Streaming, 0) => {
                let what = format!("a line of {} octets where 2048 times `h` are due", line.len());
                self.fault(&what, line);
                // A prelude of another length is no frame either.
                if line.len() < 2 || !line.bytes().all(|b| b == b'h') {
                    self.found.push_back(Ok(line.to_owned()));
                }
            }
            (Layout::Streaming, _) => self.found.push_back(Ok(line.to_owned())),
            (Layout::Events, at) => self.event_line(line.strip_suffix('\r').unwrap_or(line), at),
        }
    }

    /// A line of an event stream.
    fn event_line(&mut self, line: &str, at: usize) {
        if at == 0 && !line.is_empty() {
            self.fault("a line where an empty one is due", line);
        }
        if line.is_empty() {
            self.found.extend(self.data.take().map(|data| Ok(decode_uri(&data))));
            return;
        }
        match line.split_once(':').unwrap_or((line, "")) {
            ("data", value) => {
                let value = value.strip_prefix(' ').unwrap_or(value);
                self.data = Some(match self.data.take() {
                    Some(before) => format!("{before}\n{value}"),
                    None => value.to_owned(),
                });
            }
            ("" | "event" | "id" | "retry", _) => {}
            _ => self.fault("a line that belongs to no event", line),
        }
    }
}

/// What the data of an event stands for: clients decode it as a URI, where it can be one.
fn decode_uri(data: &str) -> String {
    const RESERVED: &[u8] = b";/?:@&=+$,#";
    let mut out = Vec::with_capacity(data.len());
    let mut rest = data.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            out.push(*first);
            continue;
        }
        let octet = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let octet = octet.filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(octet) = octet.and_then(|hex| u8::from_str_radix(hex, 16).ok()) else {
            return data.to_owned();
        };
        if RESERVED.contains(&octet) {
            out.push(*first);
        } else {
            out.push(octet);
            rest = &tail[2..];
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| data.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames and clauses of faults in these responses, the same for every way to cut them.
    fn read(layout: Layout, responses: &[&str]) -> Vec<String> {
        let at = |size: usize| {
            let mut reader = Responses::new(layout);
            let mut seen = Vec::new();
            for response in responses {
                response.as_bytes().chunks(size).for_each(|piece| reader.feed(piece));
                reader.end();
                while let Some(found) = reader.next_frame() {
                    seen.push(found.unwrap_or_else(|fault| fault.clause.to_owned()));
                }
            }
            seen
        };
        let seen = at(4096);
        assert_eq!([at(1), at(7)], [seen.clone(), seen.clone()]);
        seen
    }

    #[test]
    fn a_poll_is_answered_by_one_frame_and_a_line_end() {
        assert_eq!(read(Layout::Polling, &["o\n", "a[\"ä\"]\n", ""]), ["o", "a[\"ä\"]", "SOCKJS-XHR-01"]);
        assert_eq!(read(Layout::Polling, &["o"]), ["SOCKJS-XHR-01", "o"]);
        assert_eq!(read(Layout::Polling, &["o\nh\n"]), ["o", "SOCKJS-XHR-01", "h"]);
    }

    #[test]
    fn every_stream_has_its_prelude() {
        let prelude = "h".repeat(2048) + "\n";
        assert_eq!(read(Layout::Streaming, &[&format!("{prelude}o\nh\n"), &prelude]), ["o", "h"]);
        assert_eq!(read(Layout::Streaming, &["o\nh\n"]), ["SOCKJS-STR-01", "o", "h"]);
        assert_eq!(read(Layout::Streaming, &["hhh\no\n"]), ["SOCKJS-STR-01", "o"]);
        assert_eq!(read(Layout::Streaming, &[&format!("{prelude}o")]), ["SOCKJS-STR-01", "o"]);
    }

    #[test]
    fn a_response_that_does_not_end_is_told_once() {
        let long = "x".repeat(MOST_OCTETS + 1);
        let prelude = "h".repeat(2048) + "\n";
        let mut reader = Responses::new(Layout::Streaming);
        let mut clauses = Vec::new();
        for part in [&prelude, &long, "\n", "h\n", "h\n"] {
            reader.feed(part.as_bytes());
            while let Some(found) = reader.next_frame() {
                clauses.extend(found.err().map(|fault| fault.clause));
            }
        }
        assert_eq!(clauses, ["SOCKJS-STR-02"]);
    }

    #[test]
    fn events_are_read_as_browsers_read_them() {
        assert_eq!(read(Layout::Events, &["\r\ndata: o\r\n\r\ndata:h\r\n\r\n"]), ["o", "h"]);
        assert_eq!(read(Layout::Events, &["\n: note\nretry: 5\ndata: a[\ndata: ]\n\n"]), ["a[\n]"]);
        assert_eq!(read(Layout::Events, &["data: o\r\n\r\n"]), ["SOCKJS-ES-01", "o"]);
        assert_eq!(read(Layout::Events, &["\r\no\r\n"]), ["SOCKJS-ES-01"]);
        assert_eq!(read(Layout::Events, &["\r\ndata: o\r\n"]), ["SOCKJS-ES-01"]);
    }

    #[test]
    fn the_data_of_an_event_is_decoded_where_it_can_be() {
        for (data, text) in [
            ("50%25 of %2541 %C3%A4 %2F", "50% of %41 ä %2F"),
            ("50% off", "50% off"),
            ("%25 and %zz", "%25 and %zz"),
            ("%ff", "%ff"),
            ("ä %", "ä %"),
        ] {
            assert_eq!(decode_uri(data), text);
        }
    }
}
