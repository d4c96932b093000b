//! One session's STOMP, whatever carries it: octets to frames for the core, and what the core decides back to octets.
//!
//! It relies on the strict decoder and the hub. It must never know how its octets travel, nor interpret a frame.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;

use super::event::{Act, ConnId, Event};
use super::hub::Hub;
use super::policy::Policy;
use crate::stomp::{Decoder, FaultKind, Frame, Item, Limits, Mode, Version};

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
    let mode = if policy.forgives().is_empty() { Mode::Strict } else { Mode::Lenient };
    let mut decoder = Decoder::new(mode, limits);
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
    pub(super) fn alive(&self, octets: &[u8]) {
        if self.hub.policy.counts_as_life(octets) {
            self.hub.apply(Event::Data { conn: self.conn });
        }
    }

    /// Reads STOMP out of one message; what the core decides about it is obeyed before the next frame is read.
    pub(super) fn hear(&mut self, octets: &[u8]) -> Vec<Say> {
        let mut said = Vec::new();
        self.decoder.feed(&self.hub.policy.hears(octets));
        while !self.over
            && let Some(item) = self.decoder.next_item()
        {
            let (event, ends) = self.event(item);
            if let Some(event) = event {
                self.hub.apply(event);
            }
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

    /// What has happened, and whether the rest of the message is left unread.
    fn event(&self, item: Item) -> (Option<Event>, bool) {
        let (conn, policy) = (self.conn, self.hub.policy);
        match item {
            Item::Eol if policy.skips_line_ends() => (None, false),
            Item::Eol => (Some(Event::Frame { conn, frame: Frame::new("") }), false),
            Item::Frame(frame, mut faults) => {
                // An unescaped colon is read by everybody.
                faults.retain(|fault| {
                    fault.kind != FaultKind::RawColon && !policy.forgives().contains(&fault.kind)
                });
                match faults.into_iter().next() {
                    Some(fault) => (Some(Event::Fault { conn, fault }), true),
                    None => {
                        let frame = policy.understood(frame);
                        (Some(Event::Frame { conn, frame }), !policy.reads_every_frame())
                    }
                }
            }
            // The strict reader is deaf from here on.
            Item::Fault(fault) if !policy.answers_fault(fault.kind) => (None, false),
            Item::Fault(fault) => (Some(Event::Fault { conn, fault }), true),
        }
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

    /// The next thing to be said, with all that is ready behind it.
    pub(super) async fn next_few(&mut self) -> Vec<Say> {
        let mut says = vec![self.next().await];
        if self.hub.policy.batches() {
            says.extend(self.rest());
        }
        says
    }

    fn obey(&mut self, act: Act) -> Option<Say> {
        match act {
            Act::Speak(version) => {
                self.version = version;
                self.decoder.set_version(self.hub.policy.reads_as(version));
                None
            }
            Act::Send(frame) => {
                let frame = self.hub.policy.said(frame, self.version);
                Some(Say::Stomp(self.hub.policy.encode(&frame, self.version)))
            }
            Act::Beat if self.hub.policy.beats_by_ping() => Some(Say::Ping),
            Act::Beat => Some(Say::Stomp(self.hub.policy.beat(self.version).to_vec())),
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
