//! WebSocket messages: fragments put together, text checked, close codes judged (RFC 6455, 5.4 to 5.6 and 7.4).

use super::frame::{Violation, WsFrame, opcode};

/// What one or more frames amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A message of text.
    Text(String),
    /// A message of octets.
    Binary(Vec<u8>),
    /// A ping, to be answered with the same payload (WS-FR-11).
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// The closing handshake, with its code, if it has one, and its reason.
    Close(Option<u16>, String),
}

/// Puts the fragments of messages together.
#[derive(Debug)]
pub struct Assembler {
    limit: usize,
    partial: Option<(u8, Vec<u8>)>,
}

impl Assembler {
    /// For messages of up to `limit` octets.
    pub fn new(limit: usize) -> Self {
        Assembler { limit, partial: None }
    }

    /// Takes a frame; gives the message that it ends, if it ends one.
    ///
    /// # Errors
    /// The clause that the frame breaks by standing where it stands, or by what it holds.
    pub fn push(&mut self, frame: WsFrame) -> Result<Option<Message>, Violation> {
        match frame.opcode {
            opcode::PING => return Ok(Some(Message::Ping(frame.payload))),
            opcode::PONG => return Ok(Some(Message::Pong(frame.payload))),
            opcode::CLOSE => return close(&frame.payload).map(Some),
            _ => {}
        }
        let (kind, octets) = match (frame.opcode, self.partial.take()) {
            (opcode::CONTINUATION, Some((kind, mut octets))) => {
                octets.extend(frame.payload);
                (kind, octets)
            }
            (opcode::CONTINUATION, None) => {
                return Err(Violation::new("WS-FR-09", 1002, "a continuation of nothing"));
            }
            (_, Some(_)) => {
                return Err(Violation::new("WS-FR-09", 1002, "a new message within a fragmented one"));
            }
            (kind, None) => (kind, frame.payload),
        };
        if octets.len() > self.limit {
            let what = format!("a message of more than {} octets", self.limit);
            return Err(Violation::new("WS-SEC-01", 1009, what));
        }
        if !frame.fin {
            self.partial = Some((kind, octets));
            return Ok(None);
        }
        match kind {
            opcode::TEXT => String::from_utf8(octets).map(|text| Some(Message::Text(text))).map_err(|e| {
                let at = e.utf8_error().valid_up_to();
                Violation::new("WS-FR-13", 1007, format!("text that is not UTF-8 at octet {at}"))
            }),
            _ => Ok(Some(Message::Binary(octets))),
        }
    }
}

fn close(payload: &[u8]) -> Result<Message, Violation> {
    let (code, reason) = match payload {
        [] => return Ok(Message::Close(None, String::new())),
        [_] => return Err(Violation::new("WS-CL-05", 1002, "a close frame of one octet")),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    // What is merely reserved for later, as 1004 is, says nothing wrong, nor does what RFC 6455 does not speak of, from 5000 on.
    if matches!(code, 0..=999 | 1005 | 1006 | 1015) {
        return Err(Violation::new("WS-CL-04", 1002, format!("close code {code}")));
    }
    match std::str::from_utf8(reason) {
        Ok(reason) => Ok(Message::Close(Some(code), reason.to_owned())),
        Err(_) => Err(Violation::new("WS-CL-05", 1007, "a close reason that is not UTF-8")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(fin: bool, opcode: u8, payload: &[u8]) -> WsFrame {
        WsFrame { fin, rsv: 0, opcode, mask: None, payload: payload.into() }
    }

    #[test]
    fn fragments_are_joined_with_a_ping_between_and_a_character_cut() {
        let mut assembler = Assembler::new(100);
        assert_eq!(assembler.push(frame(false, 1, &[0xc3])), Ok(None));
        assert_eq!(assembler.push(frame(true, 9, b"x")), Ok(Some(Message::Ping(b"x".into()))));
        assert_eq!(assembler.push(frame(true, 0, &[0xa4])), Ok(Some(Message::Text("ä".into()))));
    }

    #[test]
    fn a_code_of_which_nothing_is_said_is_no_violation() {
        for code in [1000u16, 1004, 1016, 2999, 3000, 4999, 5000, 47_466] {
            let close = frame(true, 8, &code.to_be_bytes());
            let read = Assembler::new(100).push(close);
            assert_eq!(read, Ok(Some(Message::Close(Some(code), String::new()))), "{code}");
        }
    }

    #[test]
    fn each_violation_is_named() {
        for (frames, clause) in [
            (vec![frame(true, 0, b"")], "WS-FR-09"),
            (vec![frame(false, 1, b""), frame(true, 2, b"")], "WS-FR-09"),
            (vec![frame(true, 1, &[0xff])], "WS-FR-13"),
            (vec![frame(true, 2, &[0; 101])], "WS-SEC-01"),
            (vec![frame(true, 8, b"x")], "WS-CL-05"),
            (vec![frame(true, 8, &[3, 0xed])], "WS-CL-04"),
            (vec![frame(true, 8, &[3, 0xe8, 0xff])], "WS-CL-05"),
        ] {
            let mut assembler = Assembler::new(100);
            let last = frames.into_iter().map(|f| assembler.push(f)).last();
            assert!(matches!(&last, Some(Err(v)) if v.clause == clause), "{clause}: {last:?}");
        }
    }
}
