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
        let decoder = Decoder::new(Mode::Lenient, Limits::GENEROUS);
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
        let what = self.secrets.conceal_excerpts(what);
        (self.sink)(What::Malformed { clause: clause.into(), what });
    }

    /// Something that is no SockJS. Secrets are concealed before it is cut: half of one is one.
    pub(super) fn refused(&self, fault: &Fault) {
        let start: String = self.secrets.conceal(&fault.text).chars().take(60).collect();
        let what = if start.is_empty() { fault.what.clone() } else { format!("{}: {start:?}", fault.what) };
        (self.sink)(What::Malformed { clause: fault.clause.into(), what });
    }

    /// Who ends what ends now.
    pub(super) fn by(&self) -> By {
        if self.closing { By::Us } else { By::Target }
    }

    /// A frame of SockJS; says so if it ends the connection.
    pub(super) fn sock_frame(&mut self, text: &str) -> Option<End> {
        let frame = match sockjs::read(text) {
            Ok(frame) => frame,
            Err(fault) => {
                self.refused(&fault);
                // The end is the end, however it is put: who asks again is told the same.
                let end = (self.by(), None, "closed by a frame that cannot be read".to_owned());
                return text.starts_with('c').then_some(end);
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
            (SockFrame::Close(code, reason), _) => return Some((self.by(), Some(code), reason)),
            (_, false) => {
                let what = "a frame before `o`".to_owned();
                self.refused(&Fault { clause: "SOCKJS-FR-01", what, text: text.to_owned() });
            }
            (SockFrame::Heartbeat, true) => {}
            (SockFrame::Messages(messages), true) => messages.iter().for_each(|m| self.stomp(m.as_bytes())),
        }
        None
    }

    /// What a client sends over SockJS: STOMP in strings.
    pub(super) fn sock_strings(&mut self, text: &str) {
        match sockjs::read_client(text) {
            Ok(messages) => messages.iter().for_each(|message| self.stomp(message.as_bytes())),
            Err(what) => self.refused(&Fault { clause: "SOCKJS-WS-02", what, text: text.to_owned() }),
        }
    }

    /// What comes from now on is of this version.
    pub(super) fn set_version(&mut self, version: Version) {
        self.decoder.set_version(version);
    }

    /// Octets of STOMP.
    pub(super) fn stomp(&mut self, octets: &[u8]) {
        self.decoder.feed(octets);
        // Line ends that come along behind a frame are padding (STOMP12-FRAME-05), and nobody's heart-beat.
        let mut padded = false;
        while let Some(item) = self.decoder.next_item() {
            match item {
                Item::Eol if padded => {}
                Item::Eol => (self.sink)(What::Beat { way: Way::In }),
                Item::Frame(frame, faults) => {
                    padded = true;
                    for fault in &faults {
                        self.fault(fault);
                    }
                    // What follows it in the same octets is of that version already.
                    if frame.command == "CONNECTED" {
                        let version =
                            frame.header("version").and_then(Version::parse).unwrap_or(Version::V10);
                        self.decoder.set_version(version);
                    }
                    let octets = self.decoder.frame_octets();
                    let frame = Seen::new(&frame, octets, &|text| self.secrets.conceal(text));
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::session::secrets::Vault;

    fn heard(frames: &[&str]) -> (Vec<String>, Option<End>) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let sink = told.clone();
        let token = ("«token:eve»".to_owned(), "a-token-of-many-characters-indeed".to_owned());
        let vault = Vault::new(vec![token], Vec::new());
        let secrets = Secrets::new(&Arc::new(vault), Vec::new());
        let sink: Sink = Arc::new(move |what| {
            let line = match what {
                What::Opened { .. } => "opened".to_owned(),
                What::Came { frame } => frame.command,
                What::Beat { .. } => "beat".to_owned(),
                What::Malformed { clause, what } => format!("{clause} {what}"),
                other => format!("{other:?}"),
            };
            sink.lock().unwrap().push(line);
        });
        let mut ear = Ear::new(secrets, sink);
        let end = frames.iter().find_map(|frame| ear.sock_frame(frame));
        let told = told.lock().unwrap().clone();
        (told, end)
    }

    #[test]
    fn a_session_is_opened_heard_and_ended() {
        // What comes along behind a frame is no beat, what comes alone is one.
        let (told, end) = heard(&["o", "h", r#"a["MESSAGE\n","\n\u0000\n","\n"]"#, "c[3000,\"Go away!\"]"]);
        assert_eq!(told, ["opened", "MESSAGE", "beat"]);
        assert_eq!(end, Some((By::Target, Some(3000), "Go away!".to_owned())));
    }

    #[test]
    fn what_is_out_of_place_names_its_clause() {
        let (told, end) = heard(&["h", "o", "o"]);
        assert!(told[0].starts_with("SOCKJS-FR-01 a frame before `o`") && told[1] == "opened", "{told:?}");
        assert!(told[2].starts_with("SOCKJS-FR-01") && end.is_some_and(|(_, code, _)| code.is_none()));
        let (told, end) = heard(&["o", "c[1002]"]);
        assert!(told[1].starts_with("SOCKJS-FR-04") && end.is_some(), "an end is an end: {told:?}");
    }

    #[test]
    fn no_half_of_a_secret_is_told() {
        let text = format!("{}a-token-of-many-characters-indeed", "x".repeat(40));
        let (told, _) = heard(&["o", &text]);
        assert!(told[1].contains("«token:eve»") && !told[1].contains("a-token"), "{told:?}");
    }
}
