//! The record of a case or a rule: what stands in `cases[]`, but for the transcript, which stays in the journal.
//!
//! It relies on the judge's outcome. It holds no transcript, so that memory stays flat.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::case::rule::Rule;
use crate::case::script::{Level, Place, Script};
use crate::judge::{Breach, Check, Facts, Verdict};

/// What a case came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// `im/revoke/recipient-is-told`.
    pub id: String,
    /// A sentence that is true of a conforming target.
    pub title: String,
    /// Its suite.
    pub suite: String,
    /// What it decides.
    pub requirements: Vec<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, where there is something to say.
    pub reason: String,
    /// The clause of the check that broke.
    pub clause: Option<String>,
    /// The round, with `--repeat`.
    #[serde(skip_serializing_if = "is_one", default = "one")]
    pub round: usize,
    /// Checks, held or broken.
    pub checks: Vec<Check>,
    /// Points that were observed.
    pub observed: BTreeMap<String, Value>,
    /// Requirements that were not reached.
    pub not_judged: Vec<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Where it is written.
    pub place: Place,
    /// The mistake it is meant to catch.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<String>,
    /// What a rule came to: events seen and breaches, by case.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule: Option<RuleRecord>,
    /// The case as expanded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub case: Option<Arc<Script>>,
    /// What it was given: marks, leases, profile.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub facts: Option<Arc<Facts>>,
    /// What the rules saw in it: rule, events, breaches.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub rules: Vec<(String, crate::judge::RuleResult)>,
    /// Where its journal is.
    #[serde(skip)]
    pub journal: Option<PathBuf>,
}

fn is_one(round: &usize) -> bool {
    *round == 1
}

fn one() -> usize {
    1
}

/// What a rule came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuleRecord {
    /// The rule.
    pub rule: Rule,
    /// Events that it was held against.
    pub seen: u64,
    /// Where it was broken: case and breach, the first hundred.
    pub breaches: Vec<(String, Breach)>,
    /// How many breaches there were.
    pub count: usize,
    /// Why it could not be held against something, where that happened.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fault: Option<String>,
}

/// Breaches of a rule that are kept.
const MOST: usize = 100;

impl RuleRecord {
    /// A rule that has seen nothing yet.
    pub fn new(rule: Rule) -> Self {
        RuleRecord { rule, seen: 0, breaches: Vec::new(), count: 0, fault: None }
    }

    /// Adds what it saw in a case.
    pub fn add(&mut self, case: &str, result: &crate::judge::RuleResult) {
        self.seen += result.seen;
        self.count += result.breaches.len();
        self.fault = self.fault.take().or_else(|| result.fault.clone());
        let room = MOST.saturating_sub(self.breaches.len());
        self.breaches.extend(result.breaches.iter().take(room).map(|b| (case.to_owned(), b.clone())));
    }

    /// The clause that a breach breaks: the rule's, unless it names another.
    fn clause_of<'a>(&'a self, breach: &'a Breach) -> &'a str {
        if breach.clause.is_empty() { &self.rule.requirement } else { &breach.clause }
    }

    /// The record of the rule as a case of its own.
    pub fn record(self) -> Record {
        let rule = &self.rule;
        let (verdict, reason) = match (self.breaches.first(), rule.level) {
            (Some((case, breach)), level) => {
                let times = if self.count == 1 { String::new() } else { format!(" ({} times)", self.count) };
                let reason = format!(
                    "{}{times}: in {case}, on {}: expected {}; {}",
                    self.clause_of(breach),
                    breach.on,
                    breach.expected,
                    breach.got
                );
                let verdict = match level {
                    Level::Must => Verdict::Fail,
                    Level::Should => Verdict::Warn,
                    Level::May | Level::Open => Verdict::Observed,
                };
                (verdict, reason)
            }
            (None, _) if self.fault.is_some() => (Verdict::Error, self.fault.clone().unwrap_or_default()),
            (None, _) if self.seen > 0 => (Verdict::Pass, String::new()),
            _ => (Verdict::NotApplicable, "no such frame was seen in this run".to_owned()),
        };
        let check = |clause: &str, breach: Option<&Breach>| Check {
            clause: clause.to_owned(),
            level: rule.level,
            held: breach.is_none(),
            step: 0,
            place: rule.place.clone(),
            on: String::new(),
            phase: crate::case::event::Phase::Steps,
            expected: breach.map_or(String::new(), |b| b.expected.clone()),
            got: breach.map_or(String::new(), |b| b.got.clone()),
            event: None,
            beside: None,
            by_close: false,
            late_us: None,
        };
        // One check for each clause that is broken, with its first breach.
        let mut checks: Vec<Check> = Vec::new();
        for (_, breach) in &self.breaches {
            let clause = self.clause_of(breach);
            if checks.iter().all(|c| c.clause != clause) {
                checks.push(check(clause, Some(breach)));
            }
        }
        if checks.is_empty() && self.seen > 0 {
            checks.push(check(&rule.requirement, None));
        }
        let suite = rule.id.rsplit_once('/').map_or(String::new(), |(suite, _)| suite.to_owned());
        Record {
            id: rule.id.clone(),
            title: rule.title.clone(),
            suite,
            requirements: vec![rule.requirement.clone()],
            verdict,
            reason,
            clause: self.breaches.first().map(|(_, b)| self.clause_of(b).to_owned()),
            round: 1,
            checks,
            observed: BTreeMap::new(),
            not_judged: Vec::new(),
            duration_ms: 0,
            place: rule.place.clone(),
            why: rule.why.clone(),
            case: None,
            facts: None,
            rules: Vec::new(),
            journal: None,
            rule: Some(self),
        }
    }
}
