//! The client's side of a WebSocket: octets to messages and back, pings answered, the closing handshake, without I/O.
//!
//! It relies on the codec of `link::ws`. Whatever a requirement hangs on is asked of the [`Policy`].

use super::policy::Policy;
use crate::dice::Dice;
use crate::link::ws::{Assembler, FrameReader, Message, Role, Violation, WsFrame, opcode};

/// Octets of a message, and of a frame, that are taken.
const LIMIT: usize = 16 << 20;
/// The close code of a connection that ended without one.
pub(super) const ABNORMAL: u16 = 1006;

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A message.
    Octets(Vec<u8>),
    /// The server's close, with its code.
    Close(Option<u16>),
    /// It breaks the protocol: the connection is failed with this code.
    Broken(u16, String),
}

/// One connection.
#[derive(Debug)]
pub(super) struct Socket {
    policy: Policy,
    dice: Dice,
    reader: FrameReader,
    assembler: Assembler,
    /// Whether a message has begun that is not whole.
    within: bool,
    /// Whether a session has begun on it.
    pub(super) in_session: bool,
    said_close: bool,
    heard_close: bool,
    out: Vec<u8>,
}

impl Socket {
    pub(super) fn new(policy: Policy, dice: Dice) -> Socket {
        Socket {
            policy,
            dice,
            reader: FrameReader::new(Role::Client, LIMIT),
            assembler: Assembler::new(LIMIT),
            within: false,
            in_session: false,
            said_close: false,
            heard_close: false,
            out: Vec::new(),
        }
    }

    /// The octets that are to be written.
    pub(super) fn take_out(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Whether nothing can be said any more.
    pub(super) fn is_closing(&self) -> bool {
        self.said_close
    }

    /// Takes the next octets; what they amount to.
    pub(super) fn receive(&mut self, octets: &[u8]) -> Vec<Heard> {
        self.reader.feed(octets);
        let mut heard = Vec::new();
        while self.reads_on()
            && let Some(next) = self.reader.next_frame()
        {
            match next {
                Ok((frame, faults)) => {
                    let fatal = faults.into_iter().find(|fault| self.policy.closes_at(fault.clause));
                    match fatal {
                        Some(fault) => heard.push(broken(&fault)),
                        None => heard.extend(self.frame(frame)),
                    }
                }
                Err(fault) => heard.push(broken(&fault)),
            }
            if matches!(heard.last(), Some(Heard::Broken(..))) {
                // Nothing that follows can be trusted.
                self.heard_close = true;
            }
        }
        heard
    }

    fn reads_on(&self) -> bool {
        !self.heard_close || self.policy.reads_behind_close()
    }

    fn frame(&mut self, frame: WsFrame) -> Option<Heard> {
        let mut frame = self.policy.hears_frame(frame);
        if frame.is_control() {
            if !self.policy.keeps_fragments() {
                self.assembler = Assembler::new(LIMIT);
            }
        } else if self.policy.joins_fragments() {
            self.within = !frame.fin;
        } else {
            frame.fin = true;
            frame.opcode = if frame.opcode == opcode::BINARY { opcode::BINARY } else { opcode::TEXT };
        }
        match self.assembler.push(frame) {
            Ok(message) => self.message(message?),
            Err(fault) => self.policy.closes_at(fault.clause).then(|| broken(&fault)),
        }
    }

    fn message(&mut self, message: Message) -> Option<Heard> {
        match message {
            Message::Text(text) => Some(Heard::Octets(text.into_bytes())),
            Message::Binary(octets) => self.policy.takes_binary().then_some(Heard::Octets(octets)),
            Message::Ping(payload) => {
                if let Some(pong) = self.policy.pong(payload, self.in_session, self.within) {
                    self.write(opcode::PONG, &pong);
                }
                None
            }
            Message::Pong(_) => {
                let minds = self.policy.minds_unasked_pong();
                minds.then(|| Heard::Broken(1002, "a pong that was not asked for".to_owned()))
            }
            Message::Close(code, _) => {
                self.heard_close = true;
                if self.policy.answers_close() {
                    self.close(code);
                }
                Some(Heard::Close(code))
            }
        }
    }

    /// Sends a message of STOMP.
    pub(super) fn say(&mut self, octets: &[u8]) {
        self.write(if self.policy.sends_text() { opcode::TEXT } else { opcode::BINARY }, octets);
    }

    /// Sends a message of text.
    pub(super) fn say_text(&mut self, text: &str) {
        self.write(opcode::TEXT, text.as_bytes());
    }

    /// Says that the connection is to end, once.
    pub(super) fn close(&mut self, code: Option<u16>) {
        if !self.said_close {
            let payload = code.map(|code| code.to_be_bytes().to_vec()).unwrap_or_default();
            self.write(opcode::CLOSE, &payload);
            self.said_close = true;
        }
    }

    /// Fails the connection.
    pub(super) fn fail(&mut self, code: u16) {
        self.close(Some(self.policy.failure_code(code)));
    }

    fn write(&mut self, opcode: u8, payload: &[u8]) {
        if self.said_close {
            return;
        }
        let frame = WsFrame::new(opcode, payload, Some(self.dice.mask()));
        self.out.extend(self.policy.octets(&frame));
    }
}

fn broken(fault: &Violation) -> Heard {
    Heard::Broken(fault.close_code, fault.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::ws::encode_frame;

    fn socket() -> Socket {
        Socket::new(Policy::default(), Dice::new(1))
    }

    fn from_server(opcode: u8, payload: &[u8]) -> Vec<u8> {
        encode_frame(&WsFrame::new(opcode, payload, None))
    }

    /// What it has written, as the server reads it.
    fn written(socket: &mut Socket) -> Vec<(u8, Vec<u8>)> {
        let mut reader = FrameReader::new(Role::Server, LIMIT);
        reader.feed(&socket.take_out());
        std::iter::from_fn(|| reader.next_frame())
            .map(|next| next.expect("a frame"))
            .map(|(frame, faults)| {
                assert!(faults.is_empty(), "{faults:?}");
                (frame.opcode, frame.payload)
            })
            .collect()
    }

    #[test]
    fn a_ping_is_answered_and_a_message_is_heard() {
        let mut socket = socket();
        let octets = [from_server(opcode::PING, b"x"), from_server(opcode::TEXT, b"y")].concat();
        assert_eq!(socket.receive(&octets), [Heard::Octets(b"y".into())]);
        assert_eq!(written(&mut socket), [(opcode::PONG, b"x".to_vec())]);
    }

    #[test]
    fn a_close_is_answered_once_and_nothing_follows_it() {
        let mut socket = socket();
        let octets = [from_server(opcode::CLOSE, &[3, 0xe8]), from_server(opcode::TEXT, b"late")].concat();
        assert_eq!(socket.receive(&octets), [Heard::Close(Some(1000))]);
        socket.say(b"late");
        socket.close(Some(1001));
        assert_eq!(written(&mut socket), [(opcode::CLOSE, vec![3, 0xe8])]);
    }

    #[test]
    fn behind_a_fault_nothing_is_read() {
        let mut socket = socket();
        let mut masked = WsFrame::new(opcode::TEXT, b"x".to_vec(), None);
        masked.mask = Some([1, 2, 3, 4]);
        let octets = [encode_frame(&masked), from_server(opcode::TEXT, b"y")].concat();
        assert!(matches!(socket.receive(&octets)[..], [Heard::Broken(1002, _)]));
    }
}
