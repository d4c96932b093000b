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
use crate::case::event::{Body, Event, What};
use crate::case::matcher::Compared;
use crate::case::script::Level;
use crate::judge::{Breach, Verdict};
use crate::report::collect::{Brief, Broken};
use crate::report::command;
use crate::report::wire::line;

use super::story::kind;

/// Lines of the wire that are shown around a failure.
const AROUND: usize = 12;
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
    /// Parts of what came nearest, beside what was expected of them.
    sides: Vec<Compared>,
    /// Whether its story is on the page.
    story: bool,
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
            detail.unreadable = error.to_string();
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
        let place = broken.map(|b| &b.place).filter(|place| !place.file.is_empty()).unwrap_or(&brief.place);
        let text = |of: fn(&Broken) -> &String| broken.map_or(String::new(), |b| of(b).clone());
        // The sentence is the clause, what was due and what came: said already, unless it says more.
        let said = brief.verdict == Verdict::Fail || brief.verdict == Verdict::Warn;
        Detail {
            at,
            verdict: brief.verdict.word(),
            id: brief.id.clone(),
            round: brief.round,
            title: brief.title.clone(),
            expected: text(|b| &b.expected),
            got: text(|b| &b.got),
            place: place.to_string(),
            on: text(|b| &b.on),
            reason: if said && clause.is_some() { String::new() } else { brief.reason.clone() },
            premise: brief.breaks_a_premise(),
            why: brief.why.clone().unwrap_or_default(),
            clause,
            breaches: Vec::new(),
            count: 0,
            frames: VecDeque::new(),
            sides: broken.and_then(|b| b.beside.clone()).map_or(Vec::new(), |beside| beside.rows),
            story: brief.journal.is_some(),
            unreadable: String::new(),
            rerun: command(&brief.id, flags),
        }
    }

    fn wire(&mut self, brief: &Brief, journals: &BTreeMap<String, PathBuf>, flags: &str) -> io::Result<()> {
        if let Some(journal) = &brief.journal {
            self.frames = around(journal, None)?;
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

fn shown(event: &Event) -> Option<Line> {
    let mut text = line(event, WIDTH)?;
    if let Some(Body::TextFile(name, octets)) = body(&event.what) {
        text.push_str(&format!("(a body of {octets} octets, kept beside run.json as {name})"));
    }
    Some(Line { kind: kind(&event.what), text })
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
    fn the_last_lines_before_a_time_are_shown() {
        let path = std::env::temp_dir().join(format!("stompliance-detail-{}.jsonl", std::process::id()));
        let event = |at: usize| format!(r#"{{"at":{at},"event":"fault","why":"{at}"}}"#);
        let mut text: String = (0..100).map(|at| event(at) + "\n").collect();
        text.push_str(r#"{"at":500,"eve"#);
        std::fs::write(&path, text).unwrap();
        let near = around(&path, Some(50)).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(near.len(), AROUND);
        assert!(near.back().unwrap().text.ends_with("! 50"));
    }
}
