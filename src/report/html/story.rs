//! What happened in one case, as the page draws it when it is asked for: its steps as sentences, and every frame in the
//! order of time between its actors and the server.
//!
//! It relies on the case's record and journal, the latter line by line. It never holds more of a transcript than is shown,
//! and what it leaves out it says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::steps;
use crate::case::event::{Body, Event, Phase, Seen, Stdio, Way, What};
use crate::case::script::{Script, Step};
use crate::judge::Check;
use crate::report::lang::Text;
use crate::report::wire::what;

/// Events of a transcript that are shown from its beginning, and from its end.
const FIRST: usize = 100;
const LAST: usize = 300;
/// Characters of a text.
const WIDTH: usize = 4096;
/// Connections that have a column each; where there are more, those of one role share one.
const LANES: usize = 8;
/// Roles that the engine plays.
const ENGINE: [&str; 2] = ["prober", "canary"];

/// A case as it went. Names are short: a page holds a thousand of these.
#[derive(Debug, Serialize)]
pub(super) struct Story {
    /// Names of the columns, in order.
    lanes: Vec<String>,
    /// Who takes part, and in which state: `alice: online`.
    cast: Vec<String>,
    steps: Vec<StepRow>,
    rows: Vec<Row>,
    /// Checks that broke.
    marks: Vec<Mark>,
    /// How many events are left out behind the first ones.
    #[serde(skip_serializing_if = "is_zero")]
    left_out: usize,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[derive(Debug, Serialize)]
struct StepRow {
    /// `3`, `3.1`.
    n: String,
    depth: usize,
    who: String,
    say: Text,
    place: String,
    state: &'static str,
    /// The number of the event with which it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    i: Option<u64>,
    /// Which of the checks that broke are its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    marks: Vec<usize>,
}

/// A check that broke.
#[derive(Debug, Clone, Serialize)]
struct Mark {
    clause: String,
    expected: String,
    got: String,
    on: String,
    /// The number of the event that decided it; what broke in a run of an older form has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    i: Option<u64>,
    /// The number of the event that came nearest.
    #[serde(skip_serializing_if = "Option::is_none")]
    near: Option<u64>,
}

/// One event.
#[derive(Debug, Serialize)]
struct Row {
    /// Its number.
    i: u64,
    /// Microseconds.
    t: u64,
    /// The connection.
    on: String,
    /// Its column.
    lane: usize,
    /// `out`, `in`, `note`, `odd`, `end`.
    k: &'static str,
    /// What it is, in a line.
    s: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    h: Vec<(String, String)>,
    #[serde(skip_serializing_if = "String::is_empty")]
    b: String,
    /// The octets, where a plain writing would give others.
    #[serde(skip_serializing_if = "Option::is_none")]
    w: Option<String>,
    /// Whether it is a frame of STOMP.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    f: bool,
}

/// What is read again of a record.
#[derive(Debug, Deserialize)]
struct Slim {
    #[serde(default)]
    case: Option<Arc<Script>>,
    #[serde(default)]
    checks: Vec<Check>,
}

impl Story {
    /// Reads a case again; nothing, where it was not carried out.
    pub(super) fn read(record: &Path, journal: &Path) -> io::Result<Option<Story>> {
        let slim: Slim = serde_json::from_slice(&std::fs::read(record)?)?;
        let Some(case) = slim.case else { return Ok(None) };
        let mut log = Log::default();
        for text in BufReader::new(File::open(journal)?).lines() {
            // An unfinished last line is passed over.
            if let Ok(event) = serde_json::from_str::<Event>(&text?) {
                log.take(event);
            }
        }
        Ok(Some(log.told(&case, &slim.checks)))
    }
}

/// What is kept of a journal.
#[derive(Debug, Default)]
struct Log {
    /// Events so far.
    events: u64,
    /// Steps by number, with the event with which they first began.
    began: BTreeMap<u32, u64>,
    first: Vec<Row>,
    last: VecDeque<Row>,
    left_out: usize,
    /// Connections, in the order in which they appear.
    names: Vec<String>,
}

impl Log {
    fn take(&mut self, event: Event) {
        if let What::Begin { step, phase: Phase::Given | Phase::Steps, .. } = &event.what {
            self.began.entry(*step).or_insert(self.events);
        }
        let number = self.events;
        self.events += 1;
        let Some(row) = row(number, event) else { return };
        if !row.on.is_empty() && !self.names.contains(&row.on) {
            self.names.push(row.on.clone());
        }
        if self.first.len() < FIRST {
            self.first.push(row);
        } else {
            self.last.push_back(row);
        }
        if self.last.len() > LAST {
            self.last.pop_front();
            self.left_out += 1;
        }
    }

    fn told(self, case: &Script, checks: &[Check]) -> Story {
        let mut rows = Vec::new();
        for steps in [&case.given, &case.steps] {
            self.list(steps, "", 0, checks, &mut rows);
        }
        let (order, of) = lanes(case, &self.names);
        let mut events: Vec<Row> = self.first.into_iter().chain(self.last).collect();
        for row in &mut events {
            row.lane = of.get(&row.on).copied().unwrap_or(0);
        }
        let cast = case.cast.iter().map(|m| format!("{}: {}", m.name, m.state)).collect();
        let marks = checks.iter().filter(|check| !check.held).map(mark).collect();
        Story { lanes: order, cast, steps: rows, rows: events, marks, left_out: self.left_out }
    }

    /// Steps and those within them, numbered on.
    fn list(&self, steps: &[Step], under: &str, depth: usize, checks: &[Check], rows: &mut Vec<StepRow>) {
        let before = rows.iter().filter(|row| row.depth == 0).count();
        for (at, step) in steps.iter().enumerate() {
            let n =
                if under.is_empty() { (before + at + 1).to_string() } else { format!("{under}{}", at + 1) };
            rows.push(self.row(step, n.clone(), depth, checks));
            self.list(steps::within(step), &format!("{n}."), depth + 1, checks, rows);
        }
    }

    fn row(&self, step: &Step, n: String, depth: usize, checks: &[Check]) -> StepRow {
        let mut ids = BTreeSet::new();
        step.walk(&mut |inner| {
            ids.insert(inner.id);
        });
        // Steps within are rows of their own.
        for inner in steps::within(step) {
            inner.walk(&mut |inner| {
                ids.remove(&inner.id);
            });
        }
        let broken = checks.iter().filter(|check| !check.held).enumerate();
        let marks: Vec<usize> =
            broken.filter(|(_, check)| ids.contains(&check.step)).map(|(at, _)| at).collect();
        let began = self.began.get(&step.id).copied();
        let state = match began {
            _ if !marks.is_empty() => "broken",
            _ if checks.iter().any(|check| ids.contains(&check.step)) => "held",
            Some(_) => "done",
            None => "not reached",
        };
        let (who, say) = steps::sentence(step);
        StepRow { n, depth, who, say, place: step.place.to_string(), state, i: began, marks }
    }
}

fn mark(check: &Check) -> Mark {
    Mark {
        clause: check.clause.clone(),
        expected: check.expected.clone(),
        got: check.got.clone(),
        on: check.on.clone(),
        i: check.event,
        near: check.beside.as_ref().map(|beside| beside.event),
    }
}

/// Columns, and which one each connection has: the cast in its order, then who else appears, the engine's own last.
fn lanes(case: &Script, names: &[String]) -> (Vec<String>, BTreeMap<String, usize>) {
    let role = |name: &str| name.split('/').next().unwrap_or(name).to_owned();
    let place = |name: &String| {
        let cast = case.cast.iter().position(|m| m.name == *name || m.name == role(name));
        (ENGINE.contains(&role(name).as_str()), cast.unwrap_or(usize::MAX))
    };
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort_by_key(|name| place(name));
    let shared = sorted.len() > LANES;
    let (mut order, mut of): (Vec<(String, usize)>, BTreeMap<String, usize>) = Default::default();
    for name in sorted {
        let lane = if shared { role(name) } else { name.clone() };
        let at = order.iter().position(|(known, _)| *known == lane).unwrap_or_else(|| {
            order.push((lane, 0));
            order.len() - 1
        });
        order[at].1 += 1;
        of.insert(name.clone(), at);
    }
    let named = |(name, many): (String, usize)| if many > 1 { format!("{name} × {many}") } else { name };
    (order.into_iter().map(named).collect(), of)
}

fn row(number: u64, event: Event) -> Option<Row> {
    let text = what(&event)?;
    let k = kind(&event.what);
    let mut row = Row {
        i: number,
        t: event.at,
        on: event.on.unwrap_or_default(),
        lane: 0,
        k,
        // The arrow is drawn.
        s: cut(text.trim_start_matches(['→', '←', '×', '|', '…', '?', '!', '-', ' '])),
        h: Vec::new(),
        b: String::new(),
        w: None,
        f: false,
    };
    match event.what {
        What::Sent { frame } | What::Came { frame } | What::Late { frame } => row.frame(frame),
        What::Http { request, status, headers, body, .. } => {
            row.s = request.unwrap_or_else(|| format!("HTTP {}", status.unwrap_or_default()));
            row.h = headers;
            row.b = text_of(&body);
        }
        What::Octets { octets, .. } => {
            row.s = "octets".into();
            row.b = text_of(&octets);
        }
        _ => {}
    }
    Some(row)
}

impl Row {
    fn frame(&mut self, frame: Seen) {
        let destination =
            frame.header("destination").or(frame.header("receipt-id")).or(frame.header("message"));
        self.s = cut(&format!("{} {}", frame.command, destination.unwrap_or_default())).trim_end().to_owned();
        self.b = text_of(&frame.body);
        self.w = frame.wire.as_ref().map(text_of);
        self.h = frame.headers;
        self.f = true;
    }
}

/// What kind of event it is.
pub(super) fn kind(what: &What) -> &'static str {
    match what {
        What::Sent { .. } | What::Octets { .. } => "out",
        What::Http { way, .. } | What::Ws { way, .. } if *way == Way::Out => "out",
        What::Came { .. } | What::Late { .. } | What::Http { .. } | What::Ws { .. } => "in",
        What::Malformed { .. } | What::Fault { .. } | What::Unable { .. } | What::Deadline { .. } => "odd",
        What::Barrier { held: false, .. } | What::Target { up: false, .. } => "odd",
        What::Line { stream: Stdio::In, .. } => "out",
        What::Line { .. } => "in",
        What::Ended { .. } | What::Exited { .. } => "end",
        _ => "note",
    }
}

fn text_of(body: &Body) -> String {
    match body {
        Body::Empty => String::new(),
        Body::Text(text) => cut(text),
        Body::Hex(hex) => cut(&format!("(hex) {hex}")),
        Body::TextFile(name, octets) => {
            format!("(a body of {octets} octets, kept beside run.json as {name})")
        }
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(WIDTH) {
        Some((at, _)) => format!("{}… ({} characters)", &text[..at], text.chars().count()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_transcript_keeps_both_ends_and_counts_what_is_missing() {
        let mut log = Log::default();
        for at in 0..500 {
            log.take(Event { at, on: None, what: What::Fault { why: at.to_string() } });
        }
        assert_eq!((log.first.len(), log.left_out, log.last.len()), (FIRST, 500 - FIRST - LAST, LAST));
        assert_eq!(log.last.back().map(|row| row.s.as_str()), Some("499"));
    }

    #[test]
    fn many_connections_of_one_role_share_a_column() {
        let case = &crate::case::library::Library::embedded().scripts[0];
        let names: Vec<String> =
            (1..=9).map(|n| format!("crowd/{n}")).chain(["prober".into(), "alice".into()]).collect();
        let (order, of) = lanes(case, &names);
        assert_eq!(order.last().map(String::as_str), Some("prober"));
        assert!(order.contains(&"crowd × 9".to_owned()), "{order:?}");
        assert_eq!(of["crowd/1"], of["crowd/9"]);
        let (order, _) = lanes(case, &names[..2]);
        assert_eq!(order, ["crowd/1", "crowd/2"]);
    }
}
