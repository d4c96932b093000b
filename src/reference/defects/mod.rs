//! What can be switched wrong: a catalogue of servers that each break one thing on purpose.
//!
//! It relies on `decisions.rs`: a defect is another answer to one of its questions. It must never reach into the core in
//! any other way, and each entry must list the clauses at which a suite is to catch it.

use super::decisions::Decisions;
use crate::defect::{Defect, Entry, Unknown, find};
use crate::stomp::Frame;

/// The whole catalogue, area by area.
pub fn all() -> impl Iterator<Item = &'static Defect> + Clone {
    entries().map(|entry| &entry.defect)
}

fn entries() -> impl Iterator<Item = &'static Entry<dyn Decisions>> + Clone {
    [
        upgrade::CATALOGUE,
        websocket::CATALOGUE,
        sockjs::CATALOGUE,
        connect::CATALOGUE,
        stomp::CATALOGUE,
        chat::CATALOGUE,
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
    pub(super) use std::collections::BTreeSet;
    pub(super) use std::time::Duration;

    pub(super) use hyper::StatusCode;
    pub(super) use hyper::header::HeaderValue;
    pub(super) use serde_json::{Map, Value};

    pub(super) use crate::defect::defects;
    pub(super) use crate::link::sockjs;
    pub(super) use crate::link::ws::{WsFrame, encode_frame, opcode};
    pub(super) use crate::reference::decisions::{Answer, Audience, Decisions, Delivery, Mishap};
    pub(super) use crate::reference::directory::{Group, Standing};
    pub(super) use crate::reference::event::{Act, ConnId};
    pub(super) use crate::reference::message::{ChatType, Message, Status};
    pub(super) use crate::reference::session::AckMode;
    pub(super) use crate::stomp::{self, ContentLength, FaultKind, Frame, Style, Version};
}

/// A frame with each header made another, or dropped.
fn with_headers(frame: Frame, change: impl Fn(&str, &str) -> Option<(String, String)>) -> Frame {
    let headers = frame.headers.iter().filter_map(|(name, value)| change(name, value)).collect();
    Frame { headers, ..frame }
}

/// A frame, without the headers of this name if it is of this command.
fn without(frame: Frame, command: &str, header: &str) -> Frame {
    if frame.command != command {
        return frame;
    }
    with_headers(frame, |name, value| (name != header).then(|| (name.to_owned(), value.to_owned())))
}

/// A frame in which the first header of this name has another value, where it has one.
fn with_value(frame: Frame, header: &str, other: impl Fn(&str) -> String) -> Frame {
    with_headers(frame, |name, value| {
        Some((name.to_owned(), if name == header { other(value) } else { value.to_owned() }))
    })
}

mod chat;
mod connect;
mod hard;
mod sockjs;
mod stomp;
mod upgrade;
mod websocket;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let error = named("revoke-by-anybody").expect_err("no such defect");
        assert_eq!(error.nearest.first(), Some(&"revoke-by-anyone"));
    }
}
