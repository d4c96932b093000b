//! One connection after the upgrade: octets to WebSocket messages to STOMP, and back.
//!
//! It relies on the link's WebSocket layer and on `talk.rs` for STOMP. It must never interpret a frame, nor wait for
//! one direction while the other has something to do.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::Instant;

use super::hub::{Hub, stopped, until};
use super::policy::Policy;
use super::talk::{Say, Talk};
use crate::link::ws::{Assembler, FrameReader, Message, Role, Violation, WsFrame, opcode};
use crate::link::{Stream, sockjs};

/// Octets of a message (WS-SEC-01): several frames may be in one.
pub(super) const MESSAGE_LIMIT: usize = 1024 * 1024;
/// Octets that may wait for a client that reads slowly before we stop reading from it.
const HIGH_WATER: usize = 1024 * 1024;
/// Octets that may wait before a client that does not read is cut off.
pub(super) const MOST_UNSENT: usize = 64 * 1024 * 1024;
/// How long the other side has for its part of the closing handshake.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);
/// How often a SockJS session says `h` (SOCKJS-FR-02).
pub(super) const SOCKJS_HEARTBEAT: Duration = Duration::from_secs(25);
/// Octets of a reason that fit in a close frame beside its code.
const REASON_LIMIT: usize = 123;

/// What the WebSocket messages hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// STOMP.
    Raw,
    /// SockJS frames that hold STOMP.
    SockJs,
}

/// How far the closing handshake has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nobody has said close.
    Open,
    /// We have said close, and wait until then for the other side.
    Closing(Instant),
    /// Nothing more is read; what waits is written until then.
    Done(Instant),
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    talk: Talk,
    framing: Framing,
    frames: FrameReader,
    messages: Assembler,
    /// Octets that wait to be written.
    out: Vec<u8>,
    phase: Phase,
    /// Whether what comes can no longer be told apart, and is thrown away until the peer is gone.
    deaf: bool,
    /// When SockJS says `h` next.
    heartbeat: Option<Instant>,
    /// Whether a binary message has come.
    had_binary: bool,
    /// The client's close frame, where what came behind it is read first.
    close: Option<Option<u16>>,
}

impl Connection {
    /// A connection of this user, entered in the hub.
    pub(super) fn new(hub: Arc<Hub>, user: Option<String>, framing: Framing) -> Connection {
        Connection {
            talk: Talk::open(hub, user),
            framing,
            frames: FrameReader::new(Role::Server, MESSAGE_LIMIT),
            messages: Assembler::new(MESSAGE_LIMIT),
            out: Vec::new(),
            phase: Phase::Open,
            deaf: false,
            heartbeat: (framing == Framing::SockJs).then(|| Instant::now() + SOCKJS_HEARTBEAT),
            had_binary: false,
            close: None,
        }
    }

    /// Serves the connection to its end; `first` came with the request.
    pub(super) async fn run(mut self, stream: Stream, first: &[u8], mut stop: watch::Receiver<bool>) {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut buffer = vec![0; 16 * 1024];
        let greets = match self.framing {
            Framing::SockJs => self.policy().greets_session(),
            Framing::Raw => self.policy().greets_plain(),
        };
        if greets {
            self.write(opcode::TEXT, "o");
        }
        self.take_in(first);
        while self.lives() {
            let deadline = self.deadline();
            tokio::select! {
                biased;
                written = writer.write(&self.out), if !self.out.is_empty() => match written {
                    Ok(count) if count > 0 => drop(self.out.drain(..count)),
                    _ => break,
                },
                says = self.talk.next_few(), if self.phase == Phase::Open => self.say_all(says),
                read = reader.read(&mut buffer), if self.reads() => match read {
                    Ok(count) if count > 0 => self.take_in(&buffer[..count]),
                    _ => self.finish(),
                },
                () = until(deadline) => break,
                () = until(self.heartbeat), if self.phase == Phase::Open => self.say_h(),
                () = stopped(&mut stop), if self.phase == Phase::Open => {
                    self.say_close(1001, "The server is stopping");
                }
            }
        }
        self.talk.close();
        // The server ends TCP first (WS-CL-03); a peer that is gone already needs no word.
        let _ = writer.shutdown().await;
    }

    fn policy(&self) -> Policy {
        self.talk.hub.policy
    }

    fn lives(&self) -> bool {
        let idle = matches!(self.phase, Phase::Done(_)) && self.out.is_empty();
        !idle && self.out.len() <= MOST_UNSENT
    }

    fn reads(&self) -> bool {
        !matches!(self.phase, Phase::Done(_)) && self.out.len() <= HIGH_WATER
    }

    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Open => None,
            Phase::Closing(at) | Phase::Done(at) => Some(at),
        }
    }

    fn say_h(&mut self) {
        self.heartbeat = Some(Instant::now() + SOCKJS_HEARTBEAT);
        self.write(opcode::TEXT, "h");
    }

    // ---- in

    fn take_in(&mut self, octets: &[u8]) {
        if !self.deaf {
            self.frames.feed(octets);
        }
        while !self.deaf && !matches!(self.phase, Phase::Done(_)) {
            match self.frames.next_frame() {
                None => break,
                Some(Err(violation)) => {
                    self.violated(&violation);
                    self.deaf = true;
                }
                Some(Ok((frame, violations))) => {
                    let mut counting = violations.iter().filter(|v| self.policy().closes_at(v.clause));
                    match counting.next() {
                        Some(violation) => self.violated(violation),
                        None => self.ws_frame(frame),
                    }
                }
            }
        }
        if let Some(code) = self.close.take() {
            self.closed_by_peer(code);
        }
    }

    fn ws_frame(&mut self, frame: WsFrame) {
        if !frame.is_control() && !frame.payload.is_empty() {
            // Part of a frame is a sign of life as well (STOMP12-HB-12).
            self.talk.alive(&frame.payload);
        }
        let empty = !frame.is_control() && !frame.fin && frame.payload.is_empty();
        if empty && !self.policy().takes_empty_fragments() {
            return self.say_close(1002, "An empty fragment");
        }
        if frame.is_control() && !self.policy().keeps_fragments() {
            self.messages = Assembler::new(MESSAGE_LIMIT);
        }
        if !frame.is_control() && !self.policy().joins_fragments() {
            return self.message(Message::Text(String::from_utf8_lossy(&frame.payload).into_owned()));
        }
        match self.messages.push(frame) {
            Err(violation) if !self.policy().closes_at(violation.clause) => {}
            Err(violation) => self.violated(&violation),
            Ok(Some(message)) => self.message(message),
            Ok(None) => {}
        }
    }

    fn message(&mut self, message: Message) {
        match (message, self.phase, self.framing) {
            (Message::Close(code, _), ..) if self.policy().reads_behind_close() => self.close = Some(code),
            (Message::Close(code, _), ..) => self.closed_by_peer(code),
            // We have said close: nothing that comes before the answer counts (WS-CL-01).
            (_, Phase::Closing(_) | Phase::Done(_), _) | (Message::Pong(_), ..) => {}
            (Message::Ping(payload), ..) => {
                if self.policy().answers_ping() {
                    let payload = self.policy().pong(payload);
                    self.write(opcode::PONG, payload);
                }
            }
            (Message::Text(text), _, Framing::Raw) => {
                if self.policy().takes_text(self.had_binary) {
                    self.hear(text.as_bytes());
                }
            }
            (Message::Binary(octets), _, Framing::Raw) => {
                self.had_binary = true;
                if self.policy().takes_binary() {
                    self.hear(&octets);
                }
            }
            (Message::Text(text), _, Framing::SockJs) => match self.policy().sock_read(&text) {
                Ok(texts) => texts.iter().for_each(|text| self.hear(text.as_bytes())),
                Err(_) if self.policy().refuses_broken_json() => {
                    self.say_close(1007, "Broken JSON encoding.");
                }
                Err(_) => {}
            },
            (Message::Binary(_), _, Framing::SockJs) => self.say_close(1003, "SockJS is text."),
        }
    }

    fn hear(&mut self, octets: &[u8]) {
        let says = self.talk.hear(octets);
        self.say_all(says);
    }

    /// Closes at the first violation. Reading goes on, so that the peer sees the close frame and no reset.
    fn violated(&mut self, violation: &Violation) {
        match self.phase {
            Phase::Open => self.say_close(violation.close_code, &violation.what),
            Phase::Closing(_) | Phase::Done(_) => self.deaf = true,
        }
    }

    /// The peer has said close: what it was owed comes first, then our answer (WS-CL-01).
    fn closed_by_peer(&mut self, code: Option<u16>) {
        self.talk.close();
        if self.phase == Phase::Open {
            let says = self.talk.rest();
            self.say_all(says);
        }
        if self.phase == Phase::Open && self.policy().answers_close() {
            let code = code.map(|code| code.to_be_bytes().to_vec()).unwrap_or_default();
            self.write(opcode::CLOSE, code);
        }
        self.finish();
    }

    /// Nothing more comes in.
    fn finish(&mut self) {
        self.talk.close();
        self.phase = Phase::Done(Instant::now() + CLOSE_PATIENCE);
    }

    // ---- out

    /// Says things in order; STOMP that is ready together may share a message.
    fn say_all(&mut self, says: Vec<Say>) {
        let mut batch = Vec::new();
        for say in says {
            match say {
                Say::Stomp(octets) if self.policy().batches() => batch.extend(octets),
                other => {
                    self.send_batch(&mut batch);
                    self.say(other);
                }
            }
        }
        self.send_batch(&mut batch);
    }

    fn send_batch(&mut self, batch: &mut Vec<u8>) {
        if !batch.is_empty() {
            self.send(std::mem::take(batch));
        }
    }

    fn say(&mut self, say: Say) {
        match say {
            Say::Stomp(octets) => self.send(octets),
            Say::Ping => self.write(opcode::PING, "beat"),
            Say::Close(..) if !self.policy().ends_by_handshake() => self.finish(),
            Say::Close(code, reason) => self.say_close(code, &reason),
        }
    }

    /// Sends STOMP: as text, or as octets where it is none (WSSTOMP-05, WSSTOMP-06).
    fn send(&mut self, octets: Vec<u8>) {
        match (self.framing, String::from_utf8(octets)) {
            (Framing::Raw, Ok(text)) if !self.policy().sends_text() => self.write(opcode::BINARY, text),
            (Framing::Raw, Ok(text)) => self.write(opcode::TEXT, text),
            (Framing::Raw, Err(error)) => self.write(opcode::BINARY, error.into_bytes()),
            (Framing::SockJs, text) => {
                let frame = self
                    .policy()
                    .sock_messages(&[text.unwrap_or_else(|error| sockjs::as_text(error.as_bytes()))]);
                self.write(opcode::TEXT, frame);
            }
        }
    }

    /// Begins the closing handshake.
    fn say_close(&mut self, code: u16, reason: &str) {
        self.talk.close();
        if self.framing == Framing::SockJs
            && let Some(frame) = self.policy().sock_close(code, reason)
        {
            self.write(opcode::TEXT, frame);
            if !self.policy().closes_behind_c() {
                return;
            }
        }
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(&reason.as_bytes()[..reason.floor_char_boundary(REASON_LIMIT)]);
        self.write(opcode::CLOSE, payload);
        if let Some(more) = self.policy().says_behind_close() {
            self.write(opcode::TEXT, more);
        }
        self.phase = Phase::Closing(Instant::now() + CLOSE_PATIENCE);
    }

    fn write(&mut self, opcode: u8, payload: impl Into<Vec<u8>>) {
        for frame in self.policy().fragments(WsFrame::new(opcode, payload, None)) {
            self.out.extend_from_slice(&self.policy().octets(&frame));
        }
    }
}
