//! What a case came to: its checks, and the verdict that follows from them (docs/verdicts.md).
//!
//! It relies on the fold's state only. It never turns a fault of the harness into a failure of the target.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Judge;
use super::rules::RuleResult;
use crate::case::event::Phase;
use crate::case::matcher::Compared;
use crate::case::profile::Profile;
use crate::case::script::{Level, Place};

/// What a case came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Something that it is about was judged, and nothing broke.
    Pass,
    /// A MUST is broken.
    Fail,
    /// Only a SHOULD is broken.
    Warn,
    /// Nothing judged, but an open point recorded.
    Observed,
    /// A need is not met.
    #[serde(rename = "n/a")]
    NotApplicable,
    /// All that broke is listed in the profile.
    Known,
    /// Listed, judged, and holding.
    Fixed,
    /// No verdict could be reached.
    Error,
}

impl Verdict {
    /// All of them, in the order in which they are counted.
    pub const ALL: [Verdict; 8] = [
        Verdict::Pass,
        Verdict::Fail,
        Verdict::Warn,
        Verdict::Observed,
        Verdict::NotApplicable,
        Verdict::Known,
        Verdict::Fixed,
        Verdict::Error,
    ];

    /// The word in JSON and on the screen.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Warn => "warn",
            Verdict::Observed => "observed",
            Verdict::NotApplicable => "n/a",
            Verdict::Known => "known",
            Verdict::Fixed => "fixed",
            Verdict::Error => "error",
        }
    }
}

/// The event that came nearest to what was expected, or that should not have come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    /// Its number in the transcript, from 0.
    pub event: u64,
    /// Its parts beside what was expected of them; none, where it is of another kind.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub rows: Vec<Compared>,
}

/// What became of an expectation.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Found {
    pub(super) held: bool,
    pub(super) expected: String,
    pub(super) got: String,
    /// It was decided by the end of a connection: it counts only if the target lives.
    pub(super) by_close: bool,
    pub(super) beside: Option<Beside>,
}

impl Found {
    /// It held.
    pub(super) fn held(by_close: bool) -> Self {
        Found { held: true, by_close, ..Found::default() }
    }

    /// It did not.
    pub(super) fn broken(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Found { expected: expected.into(), got: got.into(), ..Found::default() }
    }

    /// It held or it did not.
    pub(super) fn of(held: bool, expected: impl Into<String>, got: impl Into<String>) -> Self {
        if held { Found::held(false) } else { Found::broken(expected, got) }
    }
}

/// One thing found out in a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// The clause.
    pub clause: String,
    /// How binding it is here.
    pub level: Level,
    /// Held, or broken.
    pub held: bool,
    /// The step.
    pub step: u32,
    /// Where the step is written.
    pub place: Place,
    /// The connection.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub on: String,
    /// The part of the case.
    pub phase: Phase,
    /// What was expected, where it broke.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub expected: String,
    /// What came instead, where it broke.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub got: String,
    /// The number in the transcript, from 0, of the event that decided it; a rule has none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub event: Option<u64>,
    /// What came nearest, where it broke.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub beside: Option<Beside>,
    /// Whether it was decided by the end of a connection.
    #[serde(skip)]
    pub by_close: bool,
    /// By how much a forbidden message came late, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub late_us: Option<u64>,
}

/// What a case came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub reason: String,
    /// The clause of the check that broke.
    pub clause: Option<String>,
    /// All checks.
    pub checks: Vec<Check>,
    /// Points that were observed.
    pub observed: BTreeMap<String, Value>,
    /// Requirements of the case that were not reached.
    pub not_judged: Vec<String>,
    /// What the rules came to in this case.
    pub rules: Vec<(String, RuleResult)>,
    /// Whether there is no verdict on the target only since the harness itself was held up.
    pub held_up: bool,
}

pub(super) fn of(judge: &Judge) -> Outcome {
    let checks = judge.checks.clone();
    let judged: BTreeSet<&str> =
        checks.iter().filter(|c| c.phase == Phase::Steps).map(|c| c.clause.as_str()).collect();
    let mine: Vec<&String> = judge.script.requirements.iter().collect();
    let not_judged = mine.iter().filter(|r| !judged.contains(r.as_str())).map(|r| (*r).clone()).collect();
    let broken = |level: Level| checks.iter().find(|c| !c.held && c.level == level);
    let failure = |check: &Check| {
        let premise = if check.phase == Phase::Steps { "" } else { " (a premise of the case)" };
        format!("{}{premise}: expected {}; {}", check.clause, check.expected, check.got)
    };
    let depends_on_life = checks.iter().any(|c| c.by_close || !c.held);
    let (verdict, reason, clause) = if let Some(fault) = judge.faults.first() {
        (Verdict::Error, fault.clone(), None)
    } else if let (Some(why), true) = (&judge.target_down, depends_on_life) {
        (Verdict::Error, format!("the target is down: {why}"), None)
    } else if let Some(check) = broken(Level::Must) {
        (Verdict::Fail, failure(check), Some(check.clause.clone()))
    } else if !judge.done {
        (Verdict::Error, "the case was not carried out to its end".to_owned(), None)
    } else if let Some(check) = broken(Level::Should) {
        (Verdict::Warn, failure(check), Some(check.clause.clone()))
    } else if mine.iter().any(|r| judged.contains(r.as_str())) {
        (Verdict::Pass, String::new(), None)
    } else if !judge.observed.is_empty() {
        (Verdict::Observed, String::new(), None)
    } else {
        let why = judge.unmet.clone().unwrap_or_else(|| "nothing that it is about was judged".into());
        (Verdict::NotApplicable, why, None)
    };
    Outcome {
        verdict,
        reason,
        clause,
        checks,
        observed: judge.observed.clone(),
        not_judged,
        rules: judge.rules.results(),
        held_up: judge.held_up,
    }
}

/// What a verdict becomes by what the profile lists (docs/verdicts.md): `known`, `fixed`, or what it was. `today` is a date
/// like `2026-11-25`.
pub fn apply_known(
    case: &str,
    verdict: Verdict,
    reason: &str,
    checks: &[Check],
    profile: &Profile,
    today: &str,
) -> (Verdict, String) {
    // What broke so that the verdict is not a pass, and what held.
    let clauses = |wanted: &dyn Fn(&Check) -> bool| -> BTreeSet<&str> {
        checks.iter().filter(|c| wanted(c)).map(|c| c.clause.as_str()).collect()
    };
    let broken = clauses(&|c| !c.held && c.level >= Level::Should);
    let judged = clauses(&|c| c.held);
    let listed = profile.known.iter().filter(|known| known.is_for(case));
    let mut live = Vec::new();
    let mut expired = None;
    for known in listed {
        match &known.until {
            Some(until) if until.as_str() < today => expired = Some(known),
            _ => live.push(known),
        }
    }
    match verdict {
        Verdict::Fail | Verdict::Warn => {
            let entry = |clause: &&str| live.iter().find(|k| k.clause == **clause);
            match broken.iter().map(entry).collect::<Option<Vec<_>>>() {
                Some(entries) if !entries.is_empty() => {
                    (Verdict::Known, format!("{} ({reason})", entries[0].reason))
                }
                _ => match expired.filter(|k| broken.contains(k.clause.as_str())) {
                    Some(known) => {
                        let until = known.until.as_deref().unwrap_or_default();
                        (verdict, format!("{reason} (listed as known until {until}, which has passed)"))
                    }
                    None => (verdict, reason.to_owned()),
                },
            }
        }
        Verdict::Pass | Verdict::Observed => {
            // Only an entry for this very case can be called fixed by it: another case may still break the clause.
            match live.iter().find(|k| !k.sometimes && k.case.is_some() && judged.contains(k.clause.as_str()))
            {
                Some(known) => (
                    Verdict::Fixed,
                    format!(
                        "{} is listed as known ({}), but it holds: take it off the list",
                        known.clause, known.reason
                    ),
                ),
                None => (verdict, reason.to_owned()),
            }
        }
        other => (other, reason.to_owned()),
    }
}
