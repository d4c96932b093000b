//! WebSocket frames (RFC 6455, section 5): reading what comes, however it is cut, and writing what is asked for.

use std::fmt;

/// The opcodes of RFC 6455, 5.2.
pub mod opcode {
    /// A further fragment of a message.
    pub const CONTINUATION: u8 = 0;
    /// A message of UTF-8 text, or its first fragment.
    pub const TEXT: u8 = 1;
    /// A message of octets, or its first fragment.
    pub const BINARY: u8 = 2;
    /// The closing handshake.
    pub const CLOSE: u8 = 8;
    /// A question whether the other side is there.
    pub const PING: u8 = 9;
    /// The answer to it.
    pub const PONG: u8 = 10;
}

/// Which side of a connection one is on: clients mask, servers do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The side that opened the connection.
    Client,
    /// The side that accepted it.
    Server,
}

/// One frame, as it stands on the wire, payload unmasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WsFrame {
    /// Whether it ends its message.
    pub fin: bool,
    /// The three reserved bits, RSV1 being the highest (4).
    pub rsv: u8,
    /// Its opcode.
    pub opcode: u8,
    /// The mask, if it was masked.
    pub mask: Option<[u8; 4]>,
    /// The payload, unmasked.
    pub payload: Vec<u8>,
}

impl WsFrame {
    /// A whole message in one frame.
    pub fn new(opcode: u8, payload: impl Into<Vec<u8>>, mask: Option<[u8; 4]>) -> Self {
        WsFrame { fin: true, rsv: 0, opcode, mask, payload: payload.into() }
    }

    /// Whether it is a control frame (RFC 6455, 5.5).
    pub fn is_control(&self) -> bool {
        self.opcode >= 8
    }
}

/// A departure from RFC 6455.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The clause that is broken.
    pub clause: &'static str,
    /// What was seen.
    pub what: String,
    /// The close code that answers it.
    pub close_code: u16,
}

impl Violation {
    pub(crate) fn new(clause: &'static str, close_code: u16, what: impl Into<String>) -> Self {
        Violation { clause, what: what.into(), close_code }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.what, self.clause)
    }
}

/// An incremental reader of frames.
#[derive(Debug)]
pub struct FrameReader {
    role: Role,
    limit: usize,
    buffer: Vec<u8>,
    start: usize,
}

impl FrameReader {
    /// A reader for the side `role`, which takes payloads of up to `limit` octets.
    pub fn new(role: Role, limit: usize) -> Self {
        FrameReader { role, limit, buffer: Vec::new(), start: 0 }
    }

    /// Takes the next octets.
    pub fn feed(&mut self, octets: &[u8]) {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(octets);
    }

    /// Whether the octets so far end within a frame.
    pub fn is_within_frame(&self) -> bool {
        self.start < self.buffer.len()
    }

    /// The next whole frame with the violations found in it, or `None` until more octets come.
    ///
    /// # Errors
    /// A frame that is announced longer than the limit: nothing can be read behind it.
    pub fn next_frame(&mut self) -> Option<Result<(WsFrame, Vec<Violation>), Violation>> {
        let rest = &self.buffer[self.start..];
        let [first, second, tail @ ..] = rest else { return None };
        let (length, extended) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes(tail.get(..2)?.try_into().ok()?)), 2),
            127 => (u64::from_be_bytes(tail.get(..8)?.try_into().ok()?), 8),
            short => (u64::from(short), 0),
        };
        let length = match usize::try_from(length) {
            Ok(length) if length <= self.limit => length,
            _ => {
                let what = format!("a frame of {length} octets, {} are allowed", self.limit);
                return Some(Err(Violation::new("WS-SEC-01", 1009, what)));
            }
        };
        let masked = second & 0x80 != 0;
        let header = 2 + extended + if masked { 4 } else { 0 };
        let octets = rest.get(..header + length)?;
        let mask: Option<[u8; 4]> =
            if masked { octets.get(header - 4..header)?.try_into().ok() } else { None };
        let mut payload = octets[header..].to_vec();
        if let Some(mask) = mask {
            apply_mask(&mut payload, mask);
        }
        let frame =
            WsFrame { fin: first & 0x80 != 0, rsv: (first >> 4) & 7, opcode: first & 15, mask, payload };
        let violations = self.judge(&frame, extended);
        self.start += header + length;
        Some(Ok((frame, violations)))
    }

    fn judge(&self, frame: &WsFrame, extended: usize) -> Vec<Violation> {
        let mut found = Vec::new();
        let mut say = |clause, what: String| found.push(Violation::new(clause, 1002, what));
        match (self.role, frame.mask.is_some()) {
            (Role::Server, false) => say("WS-FR-02", "a frame that is not masked".into()),
            (Role::Client, true) => say("WS-FR-03", "a masked frame from a server".into()),
            _ => {}
        }
        if frame.rsv != 0 {
            say("WS-FR-05", format!("reserved bits {:03b} are set", frame.rsv));
        }
        if matches!(frame.opcode, 3..=7 | 11..=15) {
            say("WS-FR-06", format!("reserved opcode {}", frame.opcode));
        }
        let least = match extended {
            2 => 126,
            8 => 65_536,
            _ => 0,
        };
        if frame.payload.len() < least {
            say("WS-FR-07", format!("length {} written in {extended} octets", frame.payload.len()));
        }
        if frame.is_control() && (frame.payload.len() > 125 || !frame.fin) {
            let shape = if frame.fin { "longer than 125 octets" } else { "in fragments" };
            say("WS-FR-10", format!("a control frame {shape}"));
        }
        found
    }
}

/// The octets of a frame. The length is written in its shortest form (WS-FR-07).
pub fn encode_frame(frame: &WsFrame) -> Vec<u8> {
    let length = frame.payload.len();
    let mut out = Vec::with_capacity(length + 14);
    out.push(u8::from(frame.fin) << 7 | (frame.rsv & 7) << 4 | frame.opcode & 15);
    let mask_bit = if frame.mask.is_some() { 0x80 } else { 0 };
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => out.push(mask_bit | short),
        (_, Ok(medium)) => {
            out.push(mask_bit | 126);
            out.extend(medium.to_be_bytes());
        }
        _ => {
            out.push(mask_bit | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    let body = out.len();
    match frame.mask {
        Some(mask) => {
            out.extend(mask);
            out.extend(&frame.payload);
            apply_mask(&mut out[body + 4..], mask);
        }
        None => out.extend(&frame.payload),
    }
    out
}

/// Masks or unmasks (RFC 6455, 5.3).
fn apply_mask(octets: &mut [u8], mask: [u8; 4]) {
    for (octet, key) in octets.iter_mut().zip(mask.iter().cycle()) {
        *octet ^= key;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clauses(role: Role, octets: &[u8]) -> Vec<&'static str> {
        let mut reader = FrameReader::new(role, 1 << 20);
        reader.feed(octets);
        match reader.next_frame() {
            Some(Ok((_, violations))) => violations.iter().map(|v| v.clause).collect(),
            Some(Err(violation)) => vec![violation.clause],
            None => vec!["unfinished"],
        }
    }

    #[test]
    fn each_violation_is_named() {
        for (role, octets, expected) in [
            (Role::Client, &[0x81, 0x01, b'a'][..], &[][..]),
            (Role::Server, &[0x81, 0x01, b'a'], &["WS-FR-02"]),
            (Role::Client, &[0x81, 0x81, 1, 2, 3, 4, b'a'], &["WS-FR-03"]),
            (Role::Client, &[0xc1, 0x00], &["WS-FR-05"]),
            (Role::Client, &[0x83, 0x00], &["WS-FR-06"]),
            (Role::Client, &[0x81, 126, 0, 1, b'a'], &["WS-FR-07"]),
            (Role::Client, &[0x09, 0x00], &["WS-FR-10"]),
            (Role::Client, &[0x81, 127, 0, 0, 0, 1, 0, 0, 0, 0], &["WS-SEC-01"]),
            (Role::Client, &[0x81, 127, 0, 0], &["unfinished"]),
        ] {
            assert_eq!(clauses(role, octets), expected, "{octets:x?}");
        }
    }

    proptest! {
        #[test]
        fn a_frame_is_read_as_written(
            fin: bool, rsv in 0_u8..8, opcode in 0_u8..16, mask: Option<[u8; 4]>,
            length in prop_oneof![0_usize..200, 65_500_usize..65_600], cut in 1_usize..50,
        ) {
            let payload = (0..length).map(|i| i as u8).collect();
            let frame = WsFrame { fin, rsv, opcode, mask, payload };
            let mut reader = FrameReader::new(Role::Client, 1 << 20);
            let mut seen = None;
            for piece in encode_frame(&frame).chunks(cut * (1 + length / 100)) {
                prop_assert!(seen.is_none());
                reader.feed(piece);
                seen = reader.next_frame();
            }
            prop_assert_eq!(seen.and_then(Result::ok).map(|(f, _)| f), Some(frame));
            prop_assert!(!reader.is_within_frame());
        }
    }
}
