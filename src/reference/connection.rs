//! One connection after the upgrade: octets to WebSocket messages to STOMP frames, and back.
//!
//! It relies on the link's WebSocket layer, the strict decoder and the hub. It must never interpret a frame, nor wait
//! for one direction while the other has something to do.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::time::Instant;

use super::event::{Act, ConnId, Event};
use super::hub::{Hub, stopped, until};
use super::policy::Policy;
use crate::link::ws::{Assembler, FrameReader, Message, Role, Violation, WsFrame, encode_frame, opcode};
use crate::link::{Stream, sockjs};
use crate::stomp::{Decoder, Item, Limits, Mode, Version};

/// Octets of a WebSocket message (WS-SEC-01): several frames may be in one.
const MESSAGE_LIMIT: usize = 1024 * 1024;
/// Octets that may wait for a client that reads slowly before we stop reading from it.
const HIGH_WATER: usize = 1024 * 1024;
/// Octets that may wait before a client that does not read is cut off.
const MOST_UNSENT: usize = 64 * 1024 * 1024;
/// How long the other side has for its part of the closing handshake.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);
/// How often a SockJS session says `h` (SOCKJS-FR-02).
const SOCKJS_HEARTBEAT: Duration = Duration::from_secs(25);
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
    hub: Arc<Hub>,
    conn: ConnId,
    acts: UnboundedReceiver<Act>,
    framing: Framing,
    frames: FrameReader,
    messages: Assembler,
    decoder: Decoder,
    version: Version,
    /// Octets that wait to be written.
    out: Vec<u8>,
    phase: Phase,
    /// Whether what comes can no longer be told apart, and is thrown away until the peer is gone.
    deaf: bool,
    /// When SockJS says `h` next.
    heartbeat: Option<Instant>,
    /// The client's close frame, where what came behind it is read first.
    close: Option<Option<u16>>,
}

/// A decoder at the beginning of a stream.
fn decoder(policy: Policy, version: Version) -> Decoder {
    let limits = Limits { frame: policy.frame_limit(), ..Limits::default() };
    let mut decoder = Decoder::new(Mode::Strict, limits);
    decoder.set_version(version);
    decoder
}

impl Connection {
    /// A connection of this user, entered in the hub.
    pub(super) fn new(hub: Arc<Hub>, user: Option<String>, framing: Framing) -> Connection {
        let (conn, acts) = hub.open(user);
        let decoder = decoder(hub.policy, Version::V12);
        Connection {
            hub,
            conn,
            acts,
            framing,
            frames: FrameReader::new(Role::Server, MESSAGE_LIMIT),
            messages: Assembler::new(MESSAGE_LIMIT),
            decoder,
            version: Version::V12,
            out: Vec::new(),
            phase: Phase::Open,
            deaf: false,
            heartbeat: (framing == Framing::SockJs).then(|| Instant::now() + SOCKJS_HEARTBEAT),
            close: None,
        }
    }

    /// Serves the connection to its end; `first` came with the request.
    pub(super) async fn run(mut self, stream: Stream, first: &[u8], mut stop: watch::Receiver<bool>) {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut buffer = vec![0; 16 * 1024];
        if self.framing == Framing::SockJs {
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
                Some(act) = self.acts.recv(), if self.phase == Phase::Open => self.act(act),
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
        self.hub.close(self.conn);
        // The server ends TCP first (WS-CL-03); a peer that is gone already needs no word.
        let _ = writer.shutdown().await;
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
                    let mut counting = violations.iter().filter(|v| self.hub.policy.closes_at(v.clause));
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
            self.hub.apply(Event::Data { conn: self.conn });
        }
        let empty = !frame.is_control() && !frame.fin && frame.payload.is_empty();
        if empty && !self.hub.policy.takes_empty_fragments() {
            return self.say_close(1002, "An empty fragment");
        }
        if frame.is_control() && !self.hub.policy.keeps_fragments() {
            self.messages = Assembler::new(MESSAGE_LIMIT);
        }
        match self.messages.push(frame) {
            Err(violation) if !self.hub.policy.closes_at(violation.clause) => {}
            Err(violation) => self.violated(&violation),
            Ok(Some(message)) => self.message(message),
            Ok(None) => {}
        }
    }

    fn message(&mut self, message: Message) {
        match (message, self.phase, self.framing) {
            (Message::Close(code, _), ..) if self.hub.policy.reads_behind_close() => self.close = Some(code),
            (Message::Close(code, _), ..) => self.closed_by_peer(code),
            // We have said close: nothing that comes before the answer counts (WS-CL-01).
            (_, Phase::Closing(_) | Phase::Done(_), _) | (Message::Pong(_), ..) => {}
            (Message::Ping(payload), ..) => {
                if self.hub.policy.answers_ping() {
                    let payload = self.hub.policy.pong(payload);
                    self.write(opcode::PONG, payload);
                }
            }
            (Message::Text(text), _, Framing::Raw) => self.decode(text.as_bytes()),
            (Message::Binary(octets), _, Framing::Raw) => self.decode(&octets),
            (Message::Text(text), _, Framing::SockJs) => match sockjs::read_client(&text) {
                Ok(texts) => texts.iter().for_each(|text| self.decode(text.as_bytes())),
                Err(_) => self.say_close(1007, "Broken JSON encoding."),
            },
            (Message::Binary(_), _, Framing::SockJs) => self.say_close(1003, "SockJS is text."),
        }
    }

    /// Reads STOMP out of one WebSocket message.
    fn decode(&mut self, octets: &[u8]) {
        self.decoder.feed(octets);
        while self.phase == Phase::Open
            && let Some(item) = self.decoder.next_item()
        {
            let ends = match item {
                Item::Eol => false,
                Item::Frame(frame, _) => {
                    self.hub.apply(Event::Frame { conn: self.conn, frame });
                    !self.hub.policy.reads_every_frame()
                }
                Item::Fault(fault) => {
                    self.hub.apply(Event::Fault { conn: self.conn, fault });
                    true
                }
            };
            self.act_on_all();
            if ends {
                self.begin_again();
            }
        }
        if !self.hub.policy.keeps_unfinished_frames() {
            self.begin_again();
        }
    }

    /// Reads from here on as from the beginning of a stream.
    fn begin_again(&mut self) {
        let policy = self.hub.policy;
        self.decoder = decoder(policy, policy.reads_as(self.version));
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
        self.hub.close(self.conn);
        if self.phase == Phase::Open {
            self.act_on_all();
        }
        if self.phase == Phase::Open && self.hub.policy.answers_close() {
            let code = code.map(|code| code.to_be_bytes().to_vec()).unwrap_or_default();
            self.write(opcode::CLOSE, code);
        }
        self.finish();
    }

    /// Nothing more comes in.
    fn finish(&mut self) {
        self.hub.close(self.conn);
        self.phase = Phase::Done(Instant::now() + CLOSE_PATIENCE);
    }

    // ---- out

    /// Carries out what the core has decided so far, so that the next frame is read accordingly.
    fn act_on_all(&mut self) {
        while self.phase == Phase::Open
            && let Ok(act) = self.acts.try_recv()
        {
            self.act(act);
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Speak(version) => {
                self.version = version;
                self.decoder.set_version(self.hub.policy.reads_as(version));
            }
            Act::Send(frame) => {
                let octets = self.hub.policy.encode(&frame, self.version);
                self.say(octets);
            }
            Act::Beat if self.hub.policy.beats_by_ping() => self.write(opcode::PING, "beat"),
            Act::Beat => self.say(b"\n".to_vec()),
            Act::Close { .. } if !self.hub.policy.ends_by_handshake() => self.finish(),
            Act::Close { code, reason } => self.say_close(code, &reason),
        }
    }

    /// Sends STOMP: as text, or as octets where it is none (WSSTOMP-05, WSSTOMP-06).
    fn say(&mut self, octets: Vec<u8>) {
        match (self.framing, String::from_utf8(octets)) {
            (Framing::Raw, Ok(text)) => self.write(opcode::TEXT, text),
            (Framing::Raw, Err(error)) => self.write(opcode::BINARY, error.into_bytes()),
            (Framing::SockJs, Ok(text)) => self.write(opcode::TEXT, sockjs::messages(&[text])),
            // SockJS has no way to carry octets.
            (Framing::SockJs, Err(error)) => {
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                self.write(opcode::TEXT, sockjs::messages(&[text]));
            }
        }
    }

    /// Begins the closing handshake.
    fn say_close(&mut self, code: u16, reason: &str) {
        self.hub.close(self.conn);
        if self.framing == Framing::SockJs {
            self.write(opcode::TEXT, sockjs::close(code, reason));
        }
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(&reason.as_bytes()[..reason.floor_char_boundary(REASON_LIMIT)]);
        self.write(opcode::CLOSE, payload);
        if let Some(more) = self.hub.policy.says_behind_close() {
            self.write(opcode::TEXT, more);
        }
        self.phase = Phase::Closing(Instant::now() + CLOSE_PATIENCE);
    }

    fn write(&mut self, opcode: u8, payload: impl Into<Vec<u8>>) {
        let frame = WsFrame::new(opcode, payload, self.hub.policy.mask());
        self.out.extend_from_slice(&encode_frame(&frame));
    }
}
