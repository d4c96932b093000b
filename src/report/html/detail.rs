//! The card of one case that did not simply pass: what was due, what came instead, the frames around it, everything.
//!
//! It relies on the case's record and journal, which it reads line by line. It never holds more of a transcript than
//! it shows, and what it leaves out it says.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::case::catalogue::Requirement;
use crate::case::event::{Body, Event, Way, What};
use crate::case::script::Level;
use crate::judge::{Breach, Verdict};
use crate::report::collect::Brief;
use crate::report::command;
use crate::report::wire::line;

/// Lines of the wire that are shown around a failure.
const AROUND: usize = 12;
/// Lines of a transcript that are shown from its beginning, and from its end.
const FIRST: usize = 100;
const LAST: usize = 300;
/// Characters of a line.
const WIDTH: usize = 1200;
/// Breaches of a rule that are shown.
const BREACHES: usize = 20;

/// A clause, as the catalogue has it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Clause {
    id: String,
    level: Level,
    text: String,
    section: String,
}

impl Clause {
    pub(super) fn new(requirement: &Requirement) -> Self {
        Clause {
            id: requirement.id.clone(),
            level: requirement.level,
            text: requirement.text.clone(),
            section: requirement.section.clone(),
        }
    }
}

/// One line of the wire, and what kind it is.
#[derive(Debug, Serialize)]
struct Line {
    kind: &'static str,
    text: String,
}

/// A transcript, with what was left out of its middle.
#[derive(Debug, Default, Serialize)]
struct Transcript {
    first: Vec<Line>,
    left_out: usize,
    last: VecDeque<Line>,
}

/// Where a rule was broken.
#[derive(Debug, Serialize)]
struct BreachRow {
    case: String,
    on: String,
    at_ms: String,
    got: String,
}

/// All that a card shows.
#[derive(Debug, Serialize)]
pub(super) struct Detail {
    at: usize,
    verdict: &'static str,
    id: String,
    round: usize,
    title: String,
    clause: Option<Clause>,
    expected: String,
    got: String,
    place: String,
    on: String,
    reason: String,
    premise: bool,
    why: String,
    breaches: Vec<BreachRow>,
    count: usize,
    frames: VecDeque<Line>,
    transcript: Option<Transcript>,
    unreadable: String,
    rerun: String,
}

/// What is read again of a record.
#[derive(Debug, Default, Deserialize)]
struct Slim {
    #[serde(default)]
    rule: Option<SlimRule>,
}

#[derive(Debug, Default, Deserialize)]
struct SlimRule {
    breaches: Vec<(String, Breach)>,
    count: usize,
}

impl Detail {
    /// The card of this brief, which is the `at`-th of the page.
    pub(super) fn new(
        at: usize,
        brief: &Brief,
        clauses: &BTreeMap<String, Clause>,
        journals: &BTreeMap<String, PathBuf>,
        flags: &str,
    ) -> Self {
        let mut detail = Detail::head(at, brief, clauses, flags);
        if let Err(error) = detail.wire(brief, journals, flags) {
            detail.unreadable = format!("The transcript could not be read: {error}");
        }
        detail
    }

    fn head(at: usize, brief: &Brief, clauses: &BTreeMap<String, Clause>, flags: &str) -> Self {
        let clause = brief.clause.as_ref().map(|(id, level)| {
            let unknown =
                || Clause { id: id.clone(), level: *level, text: String::new(), section: String::new() };
            // How binding it is here, which a profile may have changed.
            Clause { level: *level, ..clauses.get(id).cloned().unwrap_or_else(unknown) }
        });
        let broken = brief.broken.as_ref().filter(|_| clause.is_some());
        let (expected, got, on, place) = broken.map_or_else(Default::default, Clone::clone);
        let place = if place.file.is_empty() { &brief.place } else { &place };
        // The sentence is the clause, what was due and what came: said already, unless it says more.
        let said = brief.verdict == Verdict::Fail || brief.verdict == Verdict::Warn;
        Detail {
            at,
            verdict: brief.verdict.word(),
            id: brief.id.clone(),
            round: brief.round,
            title: brief.title.clone(),
            expected,
            got,
            place: place.to_string(),
            on,
            reason: if said && clause.is_some() { String::new() } else { brief.reason.clone() },
            premise: brief.reason.contains("(a premise of the case)"),
            why: brief.why.clone().unwrap_or_default(),
            clause,
            breaches: Vec::new(),
            count: 0,
            frames: VecDeque::new(),
            transcript: None,
            unreadable: String::new(),
            rerun: command(&brief.id, flags),
        }
    }

    fn wire(&mut self, brief: &Brief, journals: &BTreeMap<String, PathBuf>, flags: &str) -> io::Result<()> {
        if let Some(journal) = &brief.journal {
            self.frames = around(journal, None)?;
            self.transcript = Some(transcript(journal)?);
            return Ok(());
        }
        // A rule has no journal of its own: the first breach is shown where it happened.
        let slim: Slim = serde_json::from_slice(&std::fs::read(&brief.record)?)?;
        let rule = slim.rule.unwrap_or_default();
        if let Some((case, breach)) = rule.breaches.first()
            && let Some(journal) = journals.get(case)
        {
            self.frames = around(journal, Some(breach.at))?;
        }
        if let Some((case, _)) = rule.breaches.first() {
            // A rule alone sees nothing: it is the case that has to be run.
            self.rerun = command(case, flags);
        }
        self.count = rule.count;
        if rule.count > 1 {
            self.breaches = rule.breaches.iter().take(BREACHES).map(breach_row).collect();
        }
        Ok(())
    }
}

fn breach_row((case, breach): &(String, Breach)) -> BreachRow {
    BreachRow {
        case: case.clone(),
        on: breach.on.clone(),
        at_ms: format!("{:.3}", breach.at as f64 / 1000.0),
        got: breach.got.clone(),
    }
}

/// Calls with each event of a journal, until told to stop. An unfinished last line is passed over.
fn events(journal: &Path, mut with: impl FnMut(&Event) -> bool) -> io::Result<()> {
    for text in BufReader::new(File::open(journal)?).lines() {
        if let Ok(event) = serde_json::from_str::<Event>(&text?)
            && !with(&event)
        {
            break;
        }
    }
    Ok(())
}

/// The last lines up to this time, or up to the end of the case proper.
fn around(journal: &Path, until: Option<u64>) -> io::Result<VecDeque<Line>> {
    let mut lines = VecDeque::new();
    events(journal, |event| {
        // What follows is the engine asking whether the target lives.
        let over = event.on.as_deref() == Some("canary") || matches!(event.what, What::Done);
        if until.map_or(over, |until| event.at > until) {
            return false;
        }
        lines.extend(shown(event));
        if lines.len() > AROUND {
            lines.pop_front();
        }
        true
    })?;
    Ok(lines)
}

fn transcript(journal: &Path) -> io::Result<Transcript> {
    let mut all = Transcript::default();
    events(journal, |event| {
        if let Some(line) = shown(event) {
            if all.first.len() < FIRST {
                all.first.push(line);
            } else {
                all.last.push_back(line);
            }
            if all.last.len() > LAST {
                all.last.pop_front();
                all.left_out += 1;
            }
        }
        true
    })?;
    Ok(all)
}

fn shown(event: &Event) -> Option<Line> {
    let kind = match &event.what {
        What::Sent { .. } | What::Octets { .. } => "out",
        What::Http { way, .. } | What::Ws { way, .. } if *way == Way::Out => "out",
        What::Came { .. } | What::Late { .. } | What::Http { .. } | What::Ws { .. } => "in",
        What::Malformed { .. } | What::Fault { .. } | What::Unable { .. } | What::Deadline { .. } => "odd",
        What::Barrier { held: false, .. } | What::Target { up: false, .. } => "odd",
        _ => "note",
    };
    let mut text = line(event, WIDTH)?;
    if let Some(Body::TextFile(name, octets)) = body(&event.what) {
        text.push_str(&format!("(a body of {octets} octets, kept beside run.json as {name})"));
    }
    Some(Line { kind, text })
}

fn body(what: &What) -> Option<&Body> {
    match what {
        What::Sent { frame } | What::Came { frame } | What::Late { frame } => Some(&frame.body),
        What::Http { body, .. } | What::Octets { octets: body, .. } => Some(body),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_transcript_keeps_both_ends_and_says_what_is_missing() {
        let path = std::env::temp_dir().join(format!("stompliance-detail-{}.jsonl", std::process::id()));
        let event = |at: usize| format!(r#"{{"at":{at},"event":"fault","why":"{at}"}}"#);
        let mut text: String = (0..500).map(|at| event(at) + "\n").collect();
        text.push_str(r#"{"at":500,"eve"#);
        std::fs::write(&path, text).unwrap();
        let all = transcript(&path).unwrap();
        let near = around(&path, Some(50)).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!((all.first.len(), all.left_out, all.last.len()), (FIRST, 500 - FIRST - LAST, LAST));
        assert!(all.last.back().unwrap().text.ends_with("! 499"));
        assert_eq!(near.len(), AROUND);
        assert!(near.back().unwrap().text.ends_with("! 50"));
    }
}
