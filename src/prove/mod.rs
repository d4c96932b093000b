//! How well does the harness judge? Servers whose faults are known are put on trial: the correct one and its permitted
//! variants must be clean, every defect must be caught at a clause that it breaks, and a server that is none passes nothing.
//!
//! It relies on the runner as everybody else uses it. It never gives a case a hint, and judges by pinned profiles only:
//! what was probed would gate a defect away.

mod accused;
pub mod fuzzed;
pub mod matrix;
pub mod null;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde::Serialize;

use crate::case::library::Library;
use crate::case::script::{Script, Side};
use crate::defect::Defect;
use crate::judge::Verdict;
use crate::link::Badness;
use crate::run::{Job, Plan, Record, Settings, records};

pub use accused::Accused;

/// How a server is tried.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// The seed of marks, mask keys and order.
    pub seed: u64,
    /// Over sockets and by the real clock, in place of memory and virtual time.
    pub over_sockets: bool,
    /// A network that delays, cuts and joins what it carries, if there is one in between.
    pub chaos: Option<Badness>,
}

/// Why a server could not be tried.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The shipped suites lack something that proving needs.
    #[error("the suites in use cannot be proved: {0}")]
    Suites(String),
    /// It could not be run.
    #[error("{0}")]
    Run(String),
}

/// Runs these cases on a server or client; all of them, where there is no pattern.
///
/// # Errors
/// What kept it from being run.
pub fn try_on(
    library: &Library,
    accused: Accused,
    patterns: &[String],
    how: How,
) -> Result<Vec<Record>, ProveError> {
    let patterns = if patterns.is_empty() { accused.all_cases() } else { patterns.to_vec() };
    let plan =
        Plan::new(library, &patterns, accused.side()).map_err(|e| ProveError::Suites(e.to_string()))?;
    let settings = Settings { seed: how.seed, chaos: how.chaos, no_preflight: true, ..Settings::default() };
    let subject = accused.subject(!how.over_sockets);
    let profile = accused.profile(library)?;
    let profile = subject.claims(profile).map_err(ProveError::Suites)?;
    let job = Job { library, plan: &plan, subject, profile, settings, folder: None, learned: Arc::default() };
    records(job).map(|(records, _)| records).map_err(|e| ProveError::Run(e.to_string()))
}

/// What became of a defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Caught {
    /// A check of a clause that it breaks broke.
    #[serde(rename = "caught")]
    AtItsClause,
    /// Only checks of other clauses did.
    Elsewhere,
    /// None did.
    Missed,
}

impl Caught {
    /// In a word, as in the matrix.
    pub fn word(self) -> &'static str {
        match self {
            Caught::AtItsClause => "caught",
            Caught::Elsewhere => "elsewhere",
            Caught::Missed => "missed",
        }
    }
}

/// What a trial of a defect came to.
#[derive(Debug, Clone, Serialize)]
pub struct Conviction {
    /// The defect.
    #[serde(flatten)]
    pub defect: &'static Defect,
    /// What became of it: the worst of its runs.
    pub outcome: Caught,
    /// How often it was tried.
    pub runs: usize,
    /// In how many of these runs it was caught at a clause that it breaks.
    pub caught: usize,
    /// The first case to do so, as its reader is told.
    pub diagnosis: Option<Diagnosis>,
    /// Clauses that it breaks and at which it was caught, with the cases that did it.
    pub at: BTreeMap<String, BTreeSet<String>>,
    /// Other clauses that broke, with their cases.
    pub elsewhere: BTreeMap<String, BTreeSet<String>>,
    /// How many cases and rules were run in the last run.
    pub tried: usize,
    /// By the real clock, in milliseconds.
    pub took_ms: u128,
}

/// What a reader is told of a case that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// The case.
    pub case: String,
    /// What it is about.
    pub title: String,
    /// The clause that its verdict names.
    pub clause: String,
    /// What was expected.
    pub expected: String,
    /// What came instead.
    pub came: String,
}

impl Diagnosis {
    /// Of the first case whose verdict names one of these clauses; or else of the first of which a check breaks one.
    fn of(records: &[Record], clauses: &[&str]) -> Option<Self> {
        let broken = |record: &Record, clause: &str| {
            let check = record.checks.iter().find(|check| !check.held && check.clause == clause)?;
            Some(Diagnosis {
                case: record.id.clone(),
                title: record.title.clone(),
                clause: clause.to_owned(),
                expected: check.expected.clone(),
                came: check.got.clone(),
            })
        };
        let listed = |clause: &&String| clauses.contains(&clause.as_str());
        let named = records.iter().find_map(|r| broken(r, r.clause.as_ref().filter(listed)?));
        let any = || records.iter().find_map(|r| clauses.iter().find_map(|clause| broken(r, clause)));
        named.or_else(any)
    }
}

impl std::fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "  {}: {}", self.case, self.title)?;
        writeln!(f, "  clause    {}", self.clause)?;
        writeln!(f, "  expected  {}", self.expected)?;
        write!(f, "  came      {}", self.came)
    }
}

impl Conviction {
    fn new(defect: &'static Defect) -> Self {
        Conviction {
            defect,
            outcome: Caught::AtItsClause,
            runs: 0,
            caught: 0,
            diagnosis: None,
            at: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
            tried: 0,
            took_ms: 0,
        }
    }

    /// Whether it was caught as often as it must be: always, or in 19 of 20 runs if it is hard.
    pub fn is_caught(&self) -> bool {
        let often =
            if self.defect.hard { self.caught * 20 >= self.runs * 19 } else { self.caught == self.runs };
        often && self.caught > 0
    }

    /// Notes where checks broke in a run, and what that makes of it.
    fn note(&mut self, records: &[Record]) -> Caught {
        let (mut caught, breaks) = (Caught::Missed, self.defect.breaks);
        self.tried = records.len();
        for record in records {
            for check in record.checks.iter().filter(|check| !check.held) {
                let listed = breaks.contains(&check.clause.as_str());
                let place = if listed { &mut self.at } else { &mut self.elsewhere };
                place.entry(check.clause.clone()).or_default().insert(record.id.clone());
                caught = caught.min(if listed { Caught::AtItsClause } else { Caught::Elsewhere });
            }
        }
        self.diagnosis = self.diagnosis.take().or_else(|| Diagnosis::of(records, breaks));
        caught
    }
}

/// Tries a defect: first by the cases about what it breaks, then, if they miss it, by all. What shows only sometimes is
/// tried by all cases, `runs` times.
///
/// # Errors
/// What kept it from being run.
pub fn try_defect(
    library: &Library,
    side: Side,
    defect: &'static Defect,
    runs: usize,
    how: How,
) -> Result<Conviction, ProveError> {
    let begun = Instant::now();
    let accused = Accused::with_defect(side, defect.name)?;
    let mut conviction = Conviction::new(defect);
    let runs = if defect.hard { runs.max(1) } else { 1 };
    for nth in 0..runs {
        let how = How { seed: how.seed + nth as u64, ..how };
        let about = if defect.hard { Vec::new() } else { about(library, accused, defect) };
        let mut caught = conviction.note(&try_on(library, accused, &about, how)?);
        if caught != Caught::AtItsClause && !about.is_empty() {
            caught = conviction.note(&try_on(library, accused, &[], how)?);
        }
        conviction.outcome = conviction.outcome.max(caught);
        conviction.runs += 1;
        conviction.caught += usize::from(caught == Caught::AtItsClause);
    }
    conviction.took_ms = begun.elapsed().as_millis();
    Ok(conviction)
}

/// The cases and rules that are about a clause which the defect breaks.
fn about(library: &Library, accused: Accused, defect: &Defect) -> Vec<String> {
    let side = accused.side();
    let judged = |clause: &&&str| {
        let tests = |s: &&Script| s.judges == side && s.requirements.iter().any(|r| r == **clause);
        library.scripts.iter().any(|script| tests(&&**script))
            || library.rules.iter().any(|r| r.judges == side && r.requirement == **clause)
    };
    let mut patterns: Vec<String> = defect.breaks.iter().filter(judged).map(|c| (*c).to_owned()).collect();
    if !patterns.is_empty() {
        patterns.extend(accused.for_rules().iter().map(|id| (*id).to_owned()));
    }
    patterns
}

/// What should not be on a server that conforms: the cases that did not pass, and why.
pub fn false_alarms(records: &[Record]) -> Vec<String> {
    let fine = |v: Verdict| matches!(v, Verdict::Pass | Verdict::Observed | Verdict::NotApplicable);
    let told = |r: &Record| format!("{} {}: {}", r.verdict.word(), r.id, r.reason);
    records.iter().filter(|record| !fine(record.verdict)).map(told).collect()
}

/// Does something for each, on all cores; the results are in the order of `all`.
pub fn on_all_cores<T: Sync, R: Send>(all: &[T], each: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(BTreeMap::new());
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..cores.min(all.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(one) = all.get(at) else { break };
                    let result = each(one);
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(at, result);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).into_values().collect()
}

/// The verdicts of a run, by case.
pub type Verdicts = Vec<(String, Verdict)>;

/// Of a run, only its verdicts: two hundred whole runs are too much to keep.
pub fn verdicts(records: &[Record]) -> Verdicts {
    records.iter().map(|record| (record.id.clone(), record.verdict)).collect()
}

/// Cases whose verdict was not the same in all of these runs: id, and how often which verdict.
pub fn flakes(runs: &[Verdicts]) -> Vec<(String, BTreeMap<&'static str, usize>)> {
    let mut seen: BTreeMap<String, BTreeMap<&'static str, usize>> = BTreeMap::new();
    for (id, verdict) in runs.iter().flatten() {
        *seen.entry(id.clone()).or_default().entry(verdict.word()).or_default() += 1;
    }
    seen.into_iter().filter(|(_, verdicts)| verdicts.len() > 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_what_was_asked() {
        assert_eq!(on_all_cores(&[3, 1, 2], |n| n * 10), [30, 10, 20]);
        assert_eq!(on_all_cores(&[] as &[u8], |n| *n), [0_u8; 0]);
    }

    #[test]
    fn the_best_that_was_seen_of_a_defect_is_what_became_of_it() {
        assert!(Caught::AtItsClause < Caught::Elsewhere && Caught::Elsewhere < Caught::Missed);
    }
}
