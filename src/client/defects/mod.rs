//! What can be switched wrong: a catalogue of clients that each break one thing on purpose.
//!
//! It relies on `decisions.rs`: a defect is another answer to one of its questions. It must never reach into the core in
//! any other way, and each entry must list the clauses at which a suite is to catch it.

use super::decisions::Decisions;
use crate::defect::{Defect, Entry, Unknown, find};

/// The whole catalogue, area by area.
pub fn all() -> impl Iterator<Item = &'static Defect> + Clone {
    entries().map(|entry| &entry.defect)
}

fn entries() -> impl Iterator<Item = &'static Entry<dyn Decisions>> + Clone {
    [
        upgrade::CATALOGUE,
        websocket::CATALOGUE,
        sockjs::CATALOGUE,
        writing::CATALOGUE,
        reading::CATALOGUE,
        session::CATALOGUE,
        chat::CATALOGUE,
        driver::CATALOGUE,
        hard::CATALOGUE,
    ]
    .into_iter()
    .flatten()
}

/// The defect of this name, with its answers.
///
/// # Errors
/// The names that come nearest, where there is no such defect.
pub(super) fn named(name: &str) -> Result<&'static Entry<dyn Decisions>, Unknown> {
    find(entries(), name)
}

/// What the answers are made of.
mod prelude {
    pub(super) use std::borrow::Cow;
    pub(super) use std::time::Duration;

    pub(super) use serde_json::{Map, Value};

    pub(super) use crate::client::decisions::{Decisions, Trouble, Why};
    pub(super) use crate::defect::defects;
    pub(super) use crate::link::upgrade::HttpRequest;
    pub(super) use crate::link::ws::{WsFrame, encode_frame, opcode};
    pub(super) use crate::stomp::{self, ContentLength, FaultKind, Frame, Style, Version};
}

mod chat;
mod driver;
mod hard;
mod reading;
mod session;
mod sockjs;
mod upgrade;
mod websocket;
mod writing;
