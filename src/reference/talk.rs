//! One session's STOMP, whatever carries it: octets to frames for the core, and what the core decides back to octets.
//!
//! It relies on the strict decoder and the hub. It must never know how its octets travel, nor interpret a frame.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;

use super::event::{Act, ConnId, Event};
use super::hub::Hub;
use super::policy::Policy;
use crate::stomp::{Decoder, Item, Limits, Mode, Version};

/// What is to be said to the client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Say {
    /// A frame, or a heart-beat.
    Stomp(Vec<u8>),
    /// A ping of WebSocket, where something takes that for a heart-beat.
    Ping,
    /// The end: code and reason.
    Close(u16, String),
}

/// A session, entered in the hub.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) hub: Arc<Hub>,
    conn: ConnId,
    acts: UnboundedReceiver<Act>,
    decoder: Decoder,
    version: Version,
    /// Whether the core has ended it.
    over: bool,
}

/// A decoder at the beginning of a stream.
fn decoder(policy: Policy, version: Version) -> Decoder {
    let limits = Limits { frame: policy.frame_limit(), ..Limits::default() };
    let mut decoder = Decoder::new(Mode::Strict, limits);
    decoder.set_version(version);
    decoder
}

impl Talk {
    /// A session of this user.
    pub(super) fn open(hub: Arc<Hub>, user: Option<String>) -> Talk {
        let (conn, acts) = hub.open(user);
        let decoder = decoder(hub.policy, Version::V12);
        Talk { hub, conn, acts, decoder, version: Version::V12, over: false }
    }

    /// Takes note that something came, if only part of a frame: a sign of life (STOMP12-HB-12).
    pub(super) fn alive(&self) {
        self.hub.apply(Event::Data { conn: self.conn });
    }

    /// Reads STOMP out of one message; what the core decides about it is obeyed before the next frame is read.
    pub(super) fn hear(&mut self, octets: &[u8]) -> Vec<Say> {
        let mut said = Vec::new();
        self.decoder.feed(octets);
        while !self.over
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
            said.extend(self.rest());
            if ends {
                self.begin_again();
            }
        }
        if !self.hub.policy.keeps_unfinished_frames() {
            self.begin_again();
        }
        said
    }

    /// Reads from here on as from the beginning of a stream.
    fn begin_again(&mut self) {
        let policy = self.hub.policy;
        self.decoder = decoder(policy, policy.reads_as(self.version));
    }

    /// What the core has decided so far.
    pub(super) fn rest(&mut self) -> Vec<Say> {
        let mut said = Vec::new();
        while !self.over
            && let Ok(act) = self.acts.try_recv()
        {
            said.extend(self.obey(act));
        }
        said
    }

    /// The next thing to be said; never, once the session is over.
    pub(super) async fn next(&mut self) -> Say {
        loop {
            match self.acts.recv().await {
                Some(act) => {
                    if let Some(say) = self.obey(act) {
                        return say;
                    }
                }
                None => std::future::pending().await,
            }
        }
    }

    fn obey(&mut self, act: Act) -> Option<Say> {
        match act {
            Act::Speak(version) => {
                self.version = version;
                self.decoder.set_version(self.hub.policy.reads_as(version));
                None
            }
            Act::Send(frame) => Some(Say::Stomp(self.hub.policy.encode(&frame, self.version))),
            Act::Beat if self.hub.policy.beats_by_ping() => Some(Say::Ping),
            Act::Beat => Some(Say::Stomp(b"\n".to_vec())),
            Act::Close { code, reason } => {
                self.over = true;
                Some(Say::Close(code, reason))
            }
        }
    }

    /// Forgets the session; what it was told before can still be said.
    pub(super) fn close(&self) {
        self.hub.close(self.conn);
    }
}
