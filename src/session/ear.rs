//! What a connection hears, whatever carries it: SockJS frames and STOMP, decoded into events.
//!
//! It relies on the lenient decoder. It never judges, and never lets a secret into an event.

use super::connection::Sink;
use super::secrets::Secrets;
use crate::case::event::{By, Seen, Way, What};
use crate::link::sockjs::{self, Fault, SockFrame};
use crate::stomp::{Decoder, Item, Limits, Mode, Version};

/// Frames after which a peer that never stops is given up.
const MOST_FRAMES: usize = 100_000;
/// Octets after which it is.
pub(super) const MOST_OCTETS: usize = 64 << 20;

/// Why a connection ends: who ended it, with which code, for which reason.
pub(super) type End = (By, Option<u16>, String);

/// Decodes what comes on one connection.
pub(super) struct Ear {
    decoder: Decoder,
    pub(super) secrets: Secrets,
    pub(super) sink: Sink,
    /// Frames and octets that came.
    seen: (usize, usize),
    /// Whether SockJS has opened the session.
    opened: bool,
    /// Whether we have said that we close: what ends now is ended by us.
    pub(super) closing: bool,
}

impl Ear {
    pub(super) fn new(secrets: Secrets, sink: Sink) -> Self {
        let decoder = Decoder::new(Mode::Lenient, Limits::default());
        Ear { decoder, secrets, sink, seen: (0, 0), opened: false, closing: false }
    }

    /// Takes note of so many frames and octets; says so where a peer is given up for them.
    pub(super) fn count(&mut self, frames: usize, octets: usize) -> Option<End> {
        self.seen.0 += frames;
        self.seen.1 += octets;
        let (frames, octets) = self.seen;
        (frames > MOST_FRAMES || octets > MOST_OCTETS)
            .then(|| (By::Us, None, format!("it never stopped sending: {frames} frames, {octets} octets")))
    }

    /// Something that the strict reader refuses.
    pub(super) fn malformed(&self, clause: &str, what: &str) {
        let what = self.secrets.conceal(what);
        (self.sink)(What::Malformed { clause: clause.into(), what });
    }

    /// A frame of SockJS; says so if it ends the connection.
    pub(super) fn sock_frame(&mut self, text: &str) -> Option<End> {
        let frame = match sockjs::read(text) {
            Ok(frame) => frame,
            Err(Fault { clause, what }) => {
                self.malformed(clause, &what);
                return None;
            }
        };
        match (frame, self.opened) {
            (SockFrame::Open, false) => {
                self.opened = true;
                (self.sink)(What::Opened { protocol: None });
            }
            (SockFrame::Open, true) => {
                self.malformed("SOCKJS-FR-01", "a second `o`: the target has begun a new session");
                return Some((By::Target, None, "the target has lost the session".to_owned()));
            }
            (SockFrame::Close(code, reason), _) => {
                let by = if self.closing { By::Us } else { By::Target };
                return Some((by, Some(code), reason));
            }
            (_, false) => self.malformed("SOCKJS-FR-01", &format!("a frame before `o`: {}", start(text))),
            (SockFrame::Heartbeat, true) => {}
            (SockFrame::Messages(messages), true) => messages.iter().for_each(|m| self.stomp(m.as_bytes())),
        }
        None
    }

    /// Octets of STOMP.
    pub(super) fn stomp(&mut self, octets: &[u8]) {
        self.decoder.feed(octets);
        while let Some(item) = self.decoder.next_item() {
            match item {
                Item::Eol => (self.sink)(What::Beat { way: Way::In }),
                Item::Frame(frame, faults) => {
                    for fault in &faults {
                        self.fault(fault);
                    }
                    if frame.command == "CONNECTED" {
                        let version =
                            frame.header("version").and_then(Version::parse).unwrap_or(Version::V10);
                        self.decoder.set_version(version);
                    }
                    let frame = Seen::new(&frame, &|text| self.secrets.conceal(text));
                    (self.sink)(What::Came { frame });
                }
                Item::Fault(fault) => self.fault(&fault),
            }
        }
    }

    fn fault(&self, fault: &crate::stomp::Fault) {
        self.malformed(fault.kind.clause(), &fault.to_string());
    }

    /// A frame that the target began and will not end.
    pub(super) fn unfinished(&self) {
        if let Some(fault) = self.decoder.finish() {
            self.fault(&fault);
        }
    }
}

fn start(text: &str) -> String {
    format!("{:?}", text.chars().take(40).collect::<String>())
}
