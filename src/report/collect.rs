//! Gathering what a run tells: records go to files beside their journals, briefs stay in memory.
//!
//! It relies on the runner's events. It keeps no transcript, so that memory stays flat.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::case::profile::Profile;
use crate::case::script::{Level, Place};
use crate::judge::{Beside, Verdict};
use crate::run::{Record, deciding_steps};

/// What stands at the head of a report.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunInfo {
    /// The version of the form of `run.json`.
    pub schema: u32,
    /// The version of this program.
    pub stompliance: String,
    /// The target's URL.
    pub target: String,
    /// The clock's anchor, RFC 3339.
    pub started: String,
    /// How long the run took, by the clock that decides, in milliseconds.
    pub duration_ms: u64,
    /// The seed.
    pub seed: u64,
    /// The flags that lead to the same target again, without its secrets: ` --config x.toml --seed 7`.
    pub rerun: String,
    /// Whether it took place in memory, in virtual time.
    pub in_memory: bool,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// Milliseconds spent on round trips, grace, windows, patience.
    pub waiting: BTreeMap<String, u64>,
    /// Checks that the selected cases should make.
    pub expected: usize,
    /// Checks that they made.
    pub made: usize,
    /// How many cases came to each verdict: counted anew when a run is read.
    #[serde(skip_deserializing)]
    pub summary: Summary,
    /// The profile in force.
    pub profile: Profile,
    /// Points that were observed.
    pub observed: BTreeMap<String, Value>,
    /// How the target's order was measured: not yet, it comes from the profile.
    pub calibration: Option<Value>,
}

/// How many cases came to each verdict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary(BTreeMap<&'static str, usize>);

impl Summary {
    /// Counts one more.
    pub fn add(&mut self, verdict: Verdict) {
        *self.0.entry(verdict.word()).or_default() += 1;
    }

    /// How many came to this one.
    pub fn of(&self, verdict: Verdict) -> usize {
        self.0.get(verdict.word()).copied().unwrap_or_default()
    }

    /// How many there are in all.
    pub fn total(&self) -> usize {
        self.0.values().sum()
    }
}

impl Serialize for Summary {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Verdict::ALL.iter().map(|v| (v.word(), self.of(*v))))
    }
}

/// What is kept in memory of a check that broke.
#[derive(Debug, Clone)]
pub struct Broken {
    /// What was expected.
    pub expected: String,
    /// What came instead.
    pub got: String,
    /// The connection.
    pub on: String,
    /// The step.
    pub place: Place,
    /// What came nearest.
    pub beside: Option<Beside>,
}

/// What is kept in memory of a case.
#[derive(Debug, Clone)]
pub struct Brief {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its suite.
    pub suite: String,
    /// What it decides.
    pub requirements: Vec<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// The clause that broke, and how binding it is.
    pub clause: Option<(String, Level)>,
    /// The gravest check that broke.
    pub broken: Option<Broken>,
    /// Clauses that broke, if they bind at all.
    pub breaks: BTreeSet<String>,
    /// The mistake that it is meant to catch.
    pub why: Option<String>,
    /// Where it is written.
    pub place: Place,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The round, with `--repeat`.
    pub round: usize,
    /// Where its record is.
    pub record: PathBuf,
    /// Where its journal is, if it was carried out.
    pub journal: Option<PathBuf>,
}

impl Brief {
    /// Whether a reader has something to mend: in the target, in the list of known failures, or in the harness.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self.verdict, Verdict::Fail | Verdict::Error | Verdict::Fixed | Verdict::Warn)
    }

    /// Whether what broke is not what the case is about.
    pub(super) fn breaks_a_premise(&self) -> bool {
        self.reason.contains("(a premise of the case)")
    }
}

/// How many cases of each suite came to each verdict.
pub(super) fn by_suite(briefs: &[Brief]) -> BTreeMap<&str, BTreeMap<Verdict, usize>> {
    let mut counts: BTreeMap<&str, BTreeMap<Verdict, usize>> = BTreeMap::new();
    for brief in briefs {
        *counts.entry(&brief.suite).or_default().entry(brief.verdict).or_default() += 1;
    }
    counts
}

#[derive(Debug, Default)]
struct Inner {
    briefs: Vec<Brief>,
    summary: Summary,
    expected: usize,
    made: usize,
    failed: Option<String>,
}

/// Gathers records.
#[derive(Debug)]
pub struct Collector {
    folder: PathBuf,
    inner: Mutex<Inner>,
}

/// All that was gathered.
#[derive(Debug)]
pub struct Gathered {
    /// The cases, in the order in which they ended.
    pub briefs: Vec<Brief>,
    /// Counts.
    pub summary: Summary,
    /// Checks that the cases should make.
    pub expected: usize,
    /// Checks that they made.
    pub made: usize,
    /// Why a record could not be written, if one could not.
    pub failed: Option<String>,
}

impl Collector {
    /// Writes records into this folder.
    pub fn new(folder: PathBuf) -> Self {
        Collector { folder, inner: Mutex::new(Inner::default()) }
    }

    /// Takes a record; gives its brief.
    pub fn take(&self, record: &Record) -> Brief {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.folder.join(format!("{:05}.record.json", inner.briefs.len() + 1));
        let written = serde_json::to_vec(record).map_err(|e| e.to_string());
        if let Err(error) = written.and_then(|json| std::fs::write(&path, json).map_err(|e| e.to_string())) {
            inner.failed.get_or_insert(format!("{}: {error}", path.display()));
        }
        let brief = brief(record, path);
        inner.summary.add(brief.verdict);
        let deciding = record.case.as_ref().map(|case| deciding_steps(case));
        let made: BTreeSet<u32> = record.checks.iter().map(|c| c.step).collect();
        // A rule is one check; of a case each step that decides counts once, however often it was done.
        inner.expected += deciding.as_ref().map_or(1, BTreeSet::len);
        inner.made += deciding.map_or(made.len(), |steps| made.intersection(&steps).count());
        inner.briefs.push(brief.clone());
        brief
    }

    /// All that was gathered.
    pub fn gathered(&self) -> Gathered {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        Gathered {
            briefs: inner.briefs.clone(),
            summary: inner.summary.clone(),
            expected: inner.expected,
            made: inner.made,
            failed: inner.failed.clone(),
        }
    }
}

fn brief(record: &Record, path: PathBuf) -> Brief {
    let level = |clause: &str| {
        record
            .checks
            .iter()
            .filter(|c| !c.held && c.clause == clause)
            .map(|c| c.level)
            .max()
            .unwrap_or(Level::Must)
    };
    let broken = record.checks.iter().filter(|c| !c.held).max_by_key(|c| c.level);
    let breach = record.rule.as_ref().and_then(|r| r.breaches.first());
    Brief {
        id: record.id.clone(),
        title: record.title.clone(),
        suite: record.suite.clone(),
        requirements: record.requirements.clone(),
        verdict: record.verdict,
        reason: record.reason.clone(),
        clause: record.clause.clone().map(|clause| {
            let level = level(&clause);
            (clause, level)
        }),
        broken: broken.map(|c| {
            let on = breach.map_or(c.on.clone(), |(case, b)| format!("{} in {case}", b.on));
            Broken {
                expected: c.expected.clone(),
                got: c.got.clone(),
                on,
                place: c.place.clone(),
                beside: c.beside.clone(),
            }
        }),
        breaks: record
            .checks
            .iter()
            .filter(|c| !c.held && c.level >= Level::Should)
            .map(|c| c.clause.clone())
            .collect(),
        why: record.why.clone(),
        place: record.place.clone(),
        duration_ms: record.duration_ms,
        round: record.round,
        record: path,
        journal: record.journal.clone(),
    }
}
