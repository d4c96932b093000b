//! One connection of the client: STOMP on a WebSocket, with SockJS between them where it is asked for, without I/O.
//!
//! It relies on `socket.rs` and on the codec. It never decides what becomes of the client when it ends.

use std::time::Duration;

use super::policy::Policy;
use super::socket::{self, Socket};
use crate::link::sockjs::{self, SockFrame};
use crate::stomp::{Decoder, Frame, Item, Limits, Mode, Version};

/// How long CONNECTED is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How long the server is waited for when both have said that the connection is to end.
const CLOSING: Duration = Duration::from_secs(2);

/// How far a session has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// The server of SockJS has not said `o`.
    Unopened,
    /// CONNECT was sent.
    LoggingIn,
    /// It has begun.
    Ready,
    /// DISCONNECT was sent, with this receipt.
    Parting(String),
    /// The WebSocket is being closed.
    Closing,
}

/// What came.
#[derive(Debug)]
pub(super) enum Heard {
    /// The server of SockJS is there.
    Opened,
    /// CONNECTED.
    Connected,
    /// MESSAGE, RECEIPT or ERROR.
    Frame(Frame),
    /// The WebSocket's close.
    Close,
    /// The server has broken a protocol: the connection is failed with this code.
    Broken(u16, String),
}

/// One connection.
#[derive(Debug)]
pub(super) struct Session {
    policy: Policy,
    socket: Socket,
    decoder: Decoder,
    sockjs: bool,
    /// What was agreed on.
    pub(super) version: Version,
    /// How far it has come.
    pub(super) stage: Stage,
    /// When it began.
    pub(super) began: Duration,
    /// Until when what is waited for must have come: CONNECTED, the RECEIPT of DISCONNECT, the end.
    pub(super) deadline: Option<Duration>,
    /// The code by which the server has closed it.
    pub(super) code: Option<u16>,
    /// What was offered.
    offer: String,
    beats: Option<Duration>,
    patience: Option<Duration>,
    said_at: Duration,
    heard_at: Duration,
}

impl Session {
    pub(super) fn new(policy: Policy, socket: Socket, sockjs: bool, offer: &str, now: Duration) -> Session {
        Session {
            policy,
            socket,
            decoder: decoder(policy, Version::V12),
            sockjs,
            version: Version::V12,
            stage: if sockjs { Stage::Unopened } else { Stage::LoggingIn },
            began: now,
            deadline: Some(now + PATIENCE),
            code: None,
            offer: offer.to_owned(),
            beats: None,
            patience: None,
            said_at: now,
            heard_at: now,
        }
    }

    /// The octets that are to be written.
    pub(super) fn take_out(&mut self) -> Vec<u8> {
        self.socket.take_out()
    }

    /// Takes the next octets; what they amount to.
    pub(super) fn receive(&mut self, octets: &[u8], now: Duration) -> Vec<Heard> {
        let mut heard = Vec::new();
        for message in self.socket.receive(octets) {
            match message {
                socket::Heard::Octets(octets) => {
                    if self.policy.counts_as_life(&octets) {
                        self.heard_at = now;
                    }
                    match self.sockjs {
                        true => self.framed(&octets, &mut heard),
                        false => self.stomp(&octets, &mut heard),
                    }
                }
                socket::Heard::Close(code) => {
                    self.code = self.code.or(code);
                    heard.push(Heard::Close);
                }
                socket::Heard::Broken(code, why) => heard.push(Heard::Broken(code, why)),
            }
        }
        heard
    }

    /// A frame of SockJS.
    fn framed(&mut self, octets: &[u8], heard: &mut Vec<Heard>) {
        match self.policy.sock_read(&String::from_utf8_lossy(octets)) {
            Ok(SockFrame::Open) => heard.push(Heard::Opened),
            Ok(SockFrame::Heartbeat) => {}
            Ok(SockFrame::Messages(texts)) => {
                texts.iter().for_each(|text| self.stomp(text.as_bytes(), heard));
            }
            Ok(SockFrame::Close(code, _)) => {
                self.code = Some(code);
                self.socket.close(None);
                heard.push(Heard::Close);
            }
            Err(fault) => heard.push(Heard::Broken(1002, fault.what)),
        }
    }

    /// Octets of STOMP.
    fn stomp(&mut self, octets: &[u8], heard: &mut Vec<Heard>) {
        if !self.policy.keeps_unfinished_frames() {
            self.decoder = decoder(self.policy, self.version);
        }
        self.decoder.feed(&self.policy.hears(octets));
        while let Some(item) = self.decoder.next_item() {
            let forgiven = |fault: &crate::stomp::Fault| self.policy.forgives().contains(&fault.kind);
            let next = match item {
                Item::Frame(frame, faults) => match faults.iter().find(|fault| !forgiven(fault)) {
                    Some(fault) => Some(Heard::Broken(1002, fault.to_string())),
                    None => {
                        let frame = self.policy.understood(frame, self.decoder.frame_octets());
                        self.frame(frame)
                    }
                },
                Item::Eol if self.policy.skips_line_ends() => None,
                Item::Eol => Some(Heard::Broken(1002, "a frame without a command".to_owned())),
                Item::Fault(fault) if forgiven(&fault) => None,
                Item::Fault(fault) => Some(Heard::Broken(1002, fault.to_string())),
            };
            let was_frame = matches!(next, Some(Heard::Frame(_)));
            heard.extend(next);
            if was_frame && !self.policy.reads_every_frame() {
                self.decoder = decoder(self.policy, self.version);
            }
        }
    }

    fn frame(&mut self, frame: Frame) -> Option<Heard> {
        match (&*frame.command, &self.stage) {
            ("CONNECTED", Stage::LoggingIn) => Some(match self.agree(&frame) {
                Ok(()) => Heard::Connected,
                Err(why) => Heard::Broken(1002, why),
            }),
            ("ERROR", _) => Some(Heard::Frame(frame)),
            (_, Stage::LoggingIn) => {
                Some(Heard::Broken(1002, format!("{} in place of CONNECTED", frame.command)))
            }
            ("MESSAGE" | "RECEIPT", _) => Some(Heard::Frame(frame)),
            // What it does not know it leaves alone.
            _ => None,
        }
    }

    /// Takes what CONNECTED says.
    fn agree(&mut self, connected: &Frame) -> Result<(), String> {
        let named = connected.header("version").unwrap_or("1.0");
        let version = Version::parse(named);
        if !self.policy.accepts_version(version) {
            return Err(format!("the server speaks {named}, which was not offered"));
        }
        self.version = self.policy.speaks_as(version.unwrap_or(Version::V12));
        self.decoder.set_version(self.version);
        let (gives, wants) = beats(&self.offer)?;
        let theirs = connected.header("heart-beat").unwrap_or_else(|| self.policy.missing_heart_beat());
        let (they_give, they_want) = beats(theirs)?;
        self.beats = self.policy.agreed(gives, they_want).map(Duration::from_millis);
        self.patience =
            self.policy.agreed(they_give, wants).and_then(|interval| self.policy.patience(interval));
        (self.stage, self.deadline) = (Stage::Ready, None);
        self.socket.in_session = true;
        Ok(())
    }

    /// Says a frame.
    pub(super) fn say(&mut self, frame: Frame, now: Duration) {
        for frame in self.policy.said(frame, self.version) {
            let octets = self.policy.encode(&frame, self.version);
            self.write(&octets, now);
        }
    }

    fn write(&mut self, octets: &[u8], now: Duration) {
        match self.sockjs {
            true => self.socket.say_text(&self.policy.sock_write(sockjs::as_text(octets))),
            false => self.socket.say(octets),
        }
        self.said_at = now;
    }

    /// Closes the WebSocket.
    pub(super) fn close(&mut self, code: Option<u16>) {
        if self.policy.ends_by_handshake() {
            self.socket.close(code);
        }
        self.stage = Stage::Closing;
    }

    /// Fails the connection.
    pub(super) fn fail(&mut self, code: u16) {
        self.socket.fail(code);
        self.stage = Stage::Closing;
    }

    /// Whether the closing handshake has begun, so that the server's end is waited for until then.
    pub(super) fn await_end(&mut self, now: Duration) -> bool {
        self.deadline = Some(now + CLOSING);
        self.socket.is_closing()
    }

    /// The frames that the end of the connection has cut off, for who reads such.
    pub(super) fn unfinished(&mut self) -> Vec<Heard> {
        let mut heard = Vec::new();
        if self.policy.reads_unfinished() && !self.decoder.pending().is_empty() {
            self.stomp(&[0], &mut heard);
        }
        heard
    }

    /// Beats, if it is time.
    pub(super) fn beat(&mut self, now: Duration) {
        if self.next_beat().is_some_and(|at| now >= at) {
            self.write(self.policy.beat(), now);
        }
    }

    fn next_beat(&self) -> Option<Duration> {
        // Twice as often as it must, so that what delays one does no harm.
        let beats = self.stage == Stage::Ready;
        self.beats.filter(|_| beats).map(|interval| self.said_at + interval / 2)
    }

    /// Since when the server would be taken for dead.
    pub(super) fn silent_at(&self) -> Option<Duration> {
        self.patience
            .filter(|_| self.stage != Stage::Closing)
            .and_then(|patience| self.heard_at.checked_add(patience))
    }

    /// When there is something to be done though nothing comes.
    pub(super) fn wakes_at(&self) -> Option<Duration> {
        [self.next_beat(), self.silent_at(), self.deadline].into_iter().flatten().min()
    }
}

fn decoder(policy: Policy, version: Version) -> Decoder {
    let mode = if policy.forgives().is_empty() { Mode::Strict } else { Mode::Lenient };
    let mut decoder = Decoder::new(mode, Limits::default());
    decoder.set_version(version);
    decoder
}

/// Both numbers of a `heart-beat` header.
fn beats(text: &str) -> Result<(u64, u64), String> {
    let numbers = text.split_once(',').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    numbers.ok_or_else(|| format!("heart-beat is {text:?}"))
}
