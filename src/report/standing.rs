//! How every requirement of the catalogue stands after a run, from the checks of all its cases.
//!
//! It relies on the records as they were written, one in memory at a time. It never calls a requirement conforming
//! that no check has judged.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::case::catalogue::{Requirement, State};
use crate::case::library::Library;
use crate::case::script::Level;
use crate::judge::Verdict;
use crate::report::collect::Brief;

/// The requirements of one catalogue.
#[derive(Debug, Default, Serialize)]
pub(super) struct Group {
    name: String,
    /// State and how many, the gravest first.
    counts: Vec<(&'static str, usize)>,
    /// How many were judged, or observed.
    pub(super) judged: usize,
    /// Whether one is violated.
    violated: bool,
    /// Those that a case of this run is about.
    pub(super) rows: Vec<Standing>,
    /// Those that none is about.
    pub(super) uncovered: Vec<Standing>,
}

/// How a requirement stands.
#[derive(Debug, Serialize)]
pub(super) struct Standing {
    pub(super) id: String,
    pub(super) level: Level,
    pub(super) text: String,
    section: String,
    pub(super) state: &'static str,
    /// What was observed, or why it is not covered.
    note: String,
    /// Checks that held and that broke.
    held: usize,
    broken: usize,
    /// Cards that tell more: place on the page and id.
    cards: Vec<(usize, String)>,
}

/// Words for a state, the gravest first.
pub(super) const STATES: [&str; 7] =
    ["violated", "known", "conforming", "observed", "not judged", "n/a", "not covered"];
/// Cards that one requirement points to.
const MOST_CARDS: usize = 5;

/// What is read again of a record.
#[derive(Debug, Deserialize)]
struct Slim {
    #[serde(default)]
    checks: Vec<SlimCheck>,
    #[serde(default)]
    observed: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
struct SlimCheck {
    clause: String,
    level: Level,
    held: bool,
}

/// What all cases say of one requirement.
#[derive(Debug, Default)]
struct Tally {
    held: usize,
    broken: usize,
    violated: bool,
    known: bool,
    /// A check of a clause that binds nobody was made.
    noted: bool,
    observed: BTreeSet<String>,
    named: usize,
    not_applicable: usize,
    cards: Vec<(usize, String)>,
}

impl Tally {
    fn check(&mut self, check: &SlimCheck, at: usize, brief: &Brief) {
        let binding = check.level >= Level::Should;
        match (check.held, brief.verdict) {
            (true, _) if binding => self.held += 1,
            // Where no verdict was reached, what broke says nothing of the target.
            (false, Verdict::Error) => {}
            (false, verdict) if binding => {
                self.broken += 1;
                if verdict == Verdict::Known {
                    self.known = true
                } else {
                    self.violated = true
                }
                if self.cards.len() < MOST_CARDS && self.cards.last().is_none_or(|(last, _)| *last != at) {
                    self.cards.push((at, brief.id.clone()));
                }
            }
            _ => self.noted = true,
        }
    }

    fn state(&self) -> &'static str {
        match self {
            Tally { violated: true, .. } => "violated",
            Tally { known: true, .. } => "known",
            Tally { held: 1.., .. } => "conforming",
            _ if self.noted || !self.observed.is_empty() => "observed",
            Tally { named: 0, .. } => "not covered",
            _ if self.named == self.not_applicable => "n/a",
            _ => "not judged",
        }
    }
}

/// All requirements, by catalogue.
///
/// # Errors
/// A record that cannot be read.
pub(super) fn groups(briefs: &[Brief], library: &Library) -> io::Result<Vec<Group>> {
    let tallies = tallies(briefs, library)?;
    let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
    let nothing = Tally::default();
    for requirement in library.catalogue.values() {
        let tally = tallies.get(&requirement.id).unwrap_or(&nothing);
        let group = groups.entry(&requirement.catalogue).or_default();
        group.add(standing(requirement, tally));
    }
    let named = groups.into_iter().map(|(name, group)| group.finished(name));
    Ok(named.collect())
}

fn tallies(briefs: &[Brief], library: &Library) -> io::Result<BTreeMap<String, Tally>> {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for (at, brief) in briefs.iter().enumerate() {
        let slim: Slim = serde_json::from_slice(&std::fs::read(&brief.record)?)
            .map_err(|e| io::Error::other(format!("{}: {e}", brief.record.display())))?;
        for id in &brief.requirements {
            let tally = tallies.entry(id.clone()).or_default();
            tally.named += 1;
            tally.not_applicable += usize::from(brief.verdict == Verdict::NotApplicable);
        }
        for check in &slim.checks {
            tallies.entry(check.clause.clone()).or_default().check(check, at, brief);
        }
        for (point, value) in &slim.observed {
            if let Some(clause) = clause_of_point(library, point) {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                tallies.entry(clause).or_default().observed.insert(format!("{point}: {value}"));
            }
        }
    }
    Ok(tallies)
}

/// The clause that leaves this point open.
pub(super) fn clause_of_point(library: &Library, name: &str) -> Option<String> {
    let mut points = library.dialects.values().flat_map(|d| &d.points);
    points.find(|(key, _)| key.name == name)?.1.clause.clone()
}

fn standing(requirement: &Requirement, tally: &Tally) -> Standing {
    let state = tally.state();
    let note = if state == "not covered" {
        match requirement.state {
            State::Later | State::Excluded => {
                let reason = requirement.reason.as_deref().unwrap_or("no reason is given");
                format!("{}: {reason}", requirement.state.word())
            }
            State::Ambiguous => format!("ambiguous: {}", requirement.readings.join("; or: ")),
            _ => "no case of this run is about it".to_owned(),
        }
    } else {
        tally.observed.iter().cloned().collect::<Vec<_>>().join("; ")
    };
    Standing {
        id: requirement.id.clone(),
        level: requirement.level,
        text: requirement.text.clone(),
        section: requirement.section.clone(),
        state,
        note,
        held: tally.held,
        broken: tally.broken,
        cards: tally.cards.clone(),
    }
}

impl Group {
    fn add(&mut self, standing: Standing) {
        match standing.state {
            "not covered" => self.uncovered.push(standing),
            state => {
                self.violated |= state == "violated";
                self.judged += usize::from(!matches!(state, "n/a" | "not judged"));
                self.rows.push(standing);
            }
        }
    }

    fn finished(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        let all = || self.rows.iter().chain(&self.uncovered);
        let count = |state| (state, all().filter(|s| s.state == state).count());
        self.counts = STATES.into_iter().map(count).filter(|(_, n)| *n > 0).collect();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_conforming_that_was_not_judged() {
        let state = |tally: Tally| tally.state();
        assert_eq!(state(Tally::default()), "not covered");
        assert_eq!(state(Tally { named: 2, not_applicable: 2, ..Tally::default() }), "n/a");
        assert_eq!(state(Tally { named: 2, not_applicable: 1, ..Tally::default() }), "not judged");
        assert_eq!(state(Tally { named: 1, noted: true, ..Tally::default() }), "observed");
        assert_eq!(state(Tally { held: 1, noted: true, ..Tally::default() }), "conforming");
        assert_eq!(state(Tally { held: 9, known: true, ..Tally::default() }), "known");
        assert_eq!(state(Tally { held: 9, known: true, violated: true, ..Tally::default() }), "violated");
    }
}
