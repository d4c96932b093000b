//! What can be switched wrong: a catalogue of servers that each break one thing on purpose.
//!
//! It relies on `decisions.rs`: a defect is another answer to one of its questions. It must never reach into the core in
//! any other way, and each entry must list the clauses at which a suite is to catch it.

use serde::Serialize;

use super::decisions::Decisions;
use super::policy::{Peculiarity, Policy};
use crate::stomp::Frame;
use crate::words::distance;

/// A server that is wrong in one way.
#[derive(Debug, Serialize)]
pub struct Defect {
    /// The name by which it is switched on.
    pub name: &'static str,
    /// The clauses that it breaks: being caught at any of them is being caught at the right one.
    pub breaks: &'static [&'static str],
    /// What the server does, in one sentence.
    pub description: &'static str,
    /// Whether it shows only sometimes, in a crowd, or for some inputs.
    pub hard: bool,
    #[serde(skip)]
    decisions: &'static dyn Decisions,
}

impl Defect {
    /// The decisions of this server.
    pub fn policy(&'static self) -> Policy {
        Policy::of(Peculiarity::Defect(self.name), self.decisions)
    }
}

/// The whole catalogue, area by area.
pub fn all() -> impl Iterator<Item = &'static Defect> + Clone {
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

/// The defect of this name.
///
/// # Errors
/// The names that come nearest, where there is no such defect.
pub fn named(name: &str) -> Result<&'static Defect, Unknown> {
    all()
        .find(|defect| defect.name == name)
        .ok_or_else(|| Unknown::among("defect", name, all().map(|d| d.name)))
}

/// There is nothing of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} `{name}`; the nearest names are {}", nearest.join(", "))]
pub struct Unknown {
    /// Of what there is none.
    pub what: &'static str,
    /// The name that was asked for.
    pub name: String,
    /// The names that come nearest to it, best first.
    pub nearest: Vec<&'static str>,
}

impl Unknown {
    /// With the three names that are nearest to a mistyped one.
    pub(super) fn among(
        what: &'static str,
        name: &str,
        names: impl Iterator<Item = &'static str>,
    ) -> Unknown {
        let mut names: Vec<_> = names.map(|known| (distance(name, known), known)).collect();
        names.sort_unstable();
        Unknown {
            what,
            name: name.to_owned(),
            nearest: names.into_iter().take(3).map(|(_, name)| name).collect(),
        }
    }
}

/// Writes a catalogue: for each entry a type that answers one question differently, and its description.
macro_rules! defects {
    (hard: $hard:literal;
     $($name:literal $type:ident breaks $breaks:expr, $description:literal { $($answer:item)+ })+) => {
        $(
            #[derive(Debug)]
            struct $type;

            #[allow(unused_variables, reason = "a wrong answer seldom looks at the question")]
            impl Decisions for $type { $($answer)+ }
        )+

        pub(super) static CATALOGUE: &[super::Defect] = &[
            $(super::Defect {
                name: $name, breaks: &$breaks, description: $description, hard: $hard, decisions: &$type,
            }),+
        ];
    };
}

/// What the answers are made of.
mod prelude {
    pub(super) use std::borrow::Cow;
    pub(super) use std::collections::BTreeSet;
    pub(super) use std::time::Duration;

    pub(super) use hyper::StatusCode;
    pub(super) use hyper::header::HeaderValue;
    pub(super) use serde_json::{Map, Value};

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
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_every_defect_breaks_something() {
        let names: BTreeSet<_> = all().map(|defect| defect.name).collect();
        assert_eq!(names.len(), all().count());
        for defect in all() {
            assert!(!defect.breaks.is_empty() && defect.description.ends_with('.'), "{}", defect.name);
            let found = named(defect.name).map(|found| found.policy().peculiarity());
            assert_eq!(found, Ok(Some(Peculiarity::Defect(defect.name))));
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let error = named("revoke-by-anybody").expect_err("no such defect");
        assert_eq!(error.nearest.first(), Some(&"revoke-by-anyone"));
    }
}
