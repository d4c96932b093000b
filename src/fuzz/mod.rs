//! Looking for what no suite thought of: inputs made at random, tried as scenarios, made smaller where something breaks, and handed
//! over as scenarios that anybody can run.
//!
//! It relies on the engine and on the judge, which know nothing of it: an input is a step of a case like any other, and what breaks, breaks
//! a clause. The same seed makes the same inputs. It never calls something a finding that it has not seen break anew by itself, or says
//! so.

mod body;
mod finding;
mod input;
mod list;
mod model;
mod oddity;
mod scenario;
mod shrink;
mod strategy;
mod trial;
mod yaml;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

pub use body::Slip;
pub use finding::{Finding, before};
pub use input::Input;
pub use oddity::Oddity;
pub use scenario::{SUITE, suite};
pub use strategy::{Family, Strategy};
pub use trial::{Failure, Fault, Weight};

use crate::case::library::Library;
use crate::case::profile::Profile;
use crate::run::Subject;
use trial::Bench;

/// Scenarios that are run at a time on one server of ours.
const ROUND: u64 = 32;
/// On another, where each holds more: the most, and about how long they take.
const FAR_ROUND: u64 = 16;
const LASTS: Duration = Duration::from_secs(5);
/// What making a finding smaller may take where the time is over.
const GRACE: Duration = Duration::from_secs(10);
/// Findings that are kept; there are no more than so many causes in a target that is worth fuzzing.
pub const MOST_FINDINGS: usize = 100;

/// How the fuzzer goes about it.
#[derive(Debug, Clone)]
pub struct How {
    /// Everything that looks like chance depends on it.
    pub seed: u64,
    /// Which inputs, in turn.
    pub strategies: Vec<Strategy>,
    /// Workers, each with a server of its own; of a remote target, scenarios at a time.
    pub jobs: usize,
    /// How many inputs, at least: what has begun is ended.
    pub cases: Option<u64>,
    /// The most time.
    pub lasts: Option<Duration>,
    /// The most inputs in a second, on what is not ours.
    pub rate: Option<u32>,
    /// The least patience.
    pub floor: Duration,
    /// Scenarios that have failed before, which are tried first.
    pub before: Vec<(String, u64)>,
    /// The most findings, after which it ends.
    pub most: usize,
    /// Whether what is found is made smaller, and tried by itself.
    pub shrinks: bool,
}

/// What the fuzzer tells while it goes on.
#[derive(Debug)]
pub enum Told<'t> {
    /// So many inputs were tried, the last of them of this strategy.
    Tried(u64, &'t Strategy),
    /// Something of a new kind was found.
    Found(&'t Finding),
    /// This clause is not enforced, or is a SHOULD that is broken.
    Odd(&'t str),
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Inputs that were tried, and judged.
    pub cases: u64,
    /// What was found, one of each kind, in the order of their numbers.
    pub findings: Vec<Finding>,
    /// Why some could not be judged: the reason, and how often.
    pub unjudged: BTreeMap<String, usize>,
    /// What the target lacked for some to be judged, and how often.
    pub lacking: BTreeMap<String, usize>,
    /// Clauses of level SHOULD that broke, and how often.
    pub advice: BTreeMap<String, usize>,
    /// Clauses that broke as the profile says they do, and how often.
    pub known: BTreeMap<String, usize>,
    /// What was taken though STOMP forbids it, by clause.
    pub oddities: BTreeMap<String, Oddity>,
    /// How long it took.
    pub took: Duration,
    /// Whether it was told to stop.
    pub stopped: bool,
}

impl Outcome {
    /// As JSON, for programs: findings by clause and scenario, oddities, what could not be judged.
    pub fn json(&self, how: &How) -> Value {
        let finding = |finding: &Finding| {
            json!({
                "scenario": finding.name(),
                "clause": finding.failure.clause,
                "expected": finding.failure.expected,
                "came": finding.failure.got,
                "again": finding.reproduced,
            })
        };
        json!({
            "stompliance": env!("CARGO_PKG_VERSION"),
            "seed": how.seed,
            "strategies": how.strategies.iter().map(Strategy::word).collect::<Vec<_>>(),
            "cases": self.cases,
            "took_ms": self.took.as_millis() as u64,
            "stopped": self.stopped,
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
            "known": self.known,
            "advice": self.advice,
            "oddities": self.oddities,
            "unjudged": self.unjudged,
            "lacking": self.lacking,
        })
    }
}

/// What is tried next.
struct Next {
    /// The round.
    round: u64,
    /// Of each strategy, the scenario.
    numbers: Vec<u64>,
    /// How many scenarios are tried in it.
    size: u64,
}

/// What the workers share.
struct Shared<'s> {
    how: &'s How,
    begun: Instant,
    next: Mutex<Next>,
    /// Inputs that were tried.
    cases: AtomicU64,
    /// Those that were judged.
    judged: AtomicU64,
    stop: &'s AtomicBool,
    out: Mutex<Outcome>,
    tell: &'s (dyn Fn(Told<'_>) + Sync),
}

/// Fuzzes a target until it has done what was asked for, or is told to stop.
///
/// # Errors
/// A target that cannot be judged at all.
pub fn hunt(
    library: &Library,
    subject: &Subject,
    profile: &Profile,
    how: &How,
    stop: &AtomicBool,
    tell: &(dyn Fn(Told<'_>) + Sync),
) -> Result<Outcome, Fault> {
    let (workers, jobs, size) = match subject {
        Subject::Embedded { .. } | Subject::Client(_) => (how.jobs, 8, ROUND),
        // While one runs, the other prepares; how much fits is not known yet.
        Subject::Remote(_) if how.rate.is_none() => (2, how.jobs, FAR_ROUND.min(how.jobs as u64)),
        // Where there is a limit one scenario follows the other: a second worker would double it at first.
        Subject::Remote(_) => (1, how.jobs, 1),
    };
    let shared = Shared {
        how,
        begun: Instant::now(),
        next: Mutex::new(Next { round: 0, numbers: vec![0; how.strategies.len()], size }),
        cases: AtomicU64::new(0),
        judged: AtomicU64::new(0),
        stop,
        out: Mutex::default(),
        tell,
    };
    let mut bench = Bench::new(library.clone(), subject.clone(), profile.clone(), jobs, how.floor);
    // A target that cannot be judged is told before anything is tried on it.
    bench.check(&how.strategies)?;
    let ended: Vec<Result<(), Fault>> = std::thread::scope(|scope| {
        let work = || shared.work(bench.clone());
        let workers: Vec<_> = (0..workers.max(1)).map(|_| scope.spawn(work)).collect();
        // A worker's panic is ours.
        workers.into_iter().map(|w| w.join().unwrap_or_else(|p| std::panic::resume_unwind(p))).collect()
    });
    ended.into_iter().collect::<Result<(), Fault>>()?;
    let mut out = shared.out.into_inner().unwrap_or_else(PoisonError::into_inner);
    out.findings.sort_by_key(|finding| finding.number);
    out.cases = shared.judged.into_inner();
    out.took = shared.begun.elapsed();
    out.stopped = stop.load(Ordering::Relaxed);
    Ok(out)
}

impl Shared<'_> {
    fn over(&self) -> bool {
        let tried = self.cases.load(Ordering::Relaxed);
        self.stop.load(Ordering::Relaxed)
            || self.how.cases.is_some_and(|most| tried >= most)
            || self.how.lasts.is_some_and(|most| self.begun.elapsed() >= most)
            || self.lock().findings.len() >= self.how.most
    }

    fn work(&self, mut bench: Bench) -> Result<(), Fault> {
        while !self.over() {
            let tried = self.scenarios();
            let Some(last) = tried.last() else { continue };
            let Some((failures, took)) = bench.run(&tried, &|| self.over())? else { break };
            if bench.is_remote() && self.how.rate.is_none() {
                self.resize(tried.len() as u64, took);
            }
            let inputs: u64 = tried.iter().map(Scenario::count).sum();
            let cases = self.cases.fetch_add(inputs, Ordering::Relaxed) + inputs;
            let without =
                |one: &&Scenario| failures.iter().any(|f| f.is_no_verdict() && f.name == one.name());
            let unjudged: u64 = tried.iter().filter(without).map(Scenario::count).sum();
            self.judged.fetch_add(inputs - unjudged, Ordering::Relaxed);
            for failure in failures {
                self.look_into(failure, &tried, &mut bench)?;
            }
            oddity::look_for(&tried, &mut bench, &self.out, self.tell)?;
            (self.tell)(Told::Tried(cases, &last.strategy));
            self.be_gentle(cases);
        }
        Ok(())
    }

    /// What is tried in a round: first what failed before.
    fn scenarios(&self) -> Vec<Scenario> {
        let (seed, all) = (self.how.seed, &self.how.strategies);
        let named = |word: &str| all.iter().find(|strategy| strategy.word() == word);
        let known: Vec<(&Strategy, u64)> =
            self.how.before.iter().filter_map(|(word, number)| Some((named(word)?, *number))).collect();
        // They are of one strategy: the others have rounds of their own.
        let known: Vec<_> = known.chunk_by(|(a, _), (b, _)| std::ptr::eq(*a, *b)).collect();
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let round = next.round as usize;
        next.round += 1;
        if let Some(first) = known.get(round) {
            return first.iter().map(|(strategy, number)| scenario_of(seed, strategy, *number)).collect();
        }
        let nth = (round - known.len()) % all.len();
        let (first, size) = (next.numbers[nth], next.size);
        next.numbers[nth] += size;
        drop(next);
        let mut all: Vec<_> = (first..first + size).map(|n| scenario_of(seed, &all[nth], n)).collect();
        // They are begun in this order: so none that is long is left over at the end.
        all.sort_by_key(|one| std::cmp::Reverse(one.inputs.len()));
        all
    }

    /// So that the next round on what is not ours takes neither long, which would keep whoever waits for its end, nor no time at all.
    fn resize(&self, tried: u64, took: Duration) {
        let fits = tried as f64 * LASTS.as_secs_f64() / took.as_secs_f64().max(0.001);
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        next.size = (fits as u64).clamp(1, 2 * next.size).min(FAR_ROUND);
    }

    /// Makes a failure smaller, and a finding of it unless one like it is there already.
    fn look_into(&self, failure: Failure, tried: &[Scenario], bench: &mut Bench) -> Result<(), Fault> {
        if self.is_noted(&failure) {
            return Ok(());
        }
        let Some(one) = tried.iter().find(|one| one.name() == failure.name) else { return Ok(()) };
        let kind = failure.kind();
        {
            let out = self.lock();
            if out.findings.len() >= self.how.most || out.findings.iter().any(|f| f.includes(&kind)) {
                return Ok(());
            }
        }
        let left = self.how.lasts.map_or(Duration::MAX, |most| most.saturating_sub(self.begun.elapsed()));
        let finding = match self.how.shrinks {
            true => shrink::smallest(self.how.seed, one, failure, bench, left.max(GRACE))?,
            false => Finding::new(self.how.seed, one, failure),
        };
        let mut out = self.lock();
        // Made smaller, it may turn out to be one that is known.
        if let Some(same) = out.findings.iter_mut().find(|f| f.includes(&finding.failure.kind())) {
            same.kinds.insert(kind);
            return Ok(());
        }
        (self.tell)(Told::Found(&finding));
        out.findings.push(finding);
        Ok(())
    }

    /// Whether this is none to look into; then it is counted.
    fn is_noted(&self, failure: &Failure) -> bool {
        let mut out = self.lock();
        let (counts, key) = match &failure.weight {
            Weight::Finding => return false,
            Weight::Known => (&mut out.known, &failure.clause),
            Weight::Advice => (&mut out.advice, &failure.clause),
            Weight::Lacking(why) => (&mut out.lacking, why),
            Weight::Unjudged(why) => (&mut out.unjudged, why),
        };
        let count = counts.entry(key.clone()).or_default();
        *count += 1;
        let first = *count == 1;
        drop(out);
        if first && failure.weight == Weight::Advice {
            (self.tell)(Told::Odd(&failure.clause));
        }
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Outcome> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// On what is not ours: no faster than is allowed.
    fn be_gentle(&self, cases: u64) {
        let Some(rate) = self.how.rate else { return };
        let due = Duration::from_secs_f64(cases as f64 / f64::from(rate.max(1)));
        while self.begun.elapsed() < due && !self.over() {
            std::thread::sleep((due - self.begun.elapsed()).min(Duration::from_millis(100)));
        }
    }
}

/// A scenario before it is written down.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What made it.
    pub strategy: Strategy,
    /// Its number.
    pub number: u64,
    /// What is tried in it.
    pub inputs: Vec<Input>,
}

impl Scenario {
    /// Its name.
    pub fn name(&self) -> String {
        format!("{}-{:06}", self.strategy.word(), self.number)
    }

    /// How many things are tried in it.
    fn count(&self) -> u64 {
        self.inputs.iter().map(Input::count).sum()
    }
}

/// The inputs of this number.
fn scenario_of(seed: u64, strategy: &Strategy, number: u64) -> Scenario {
    let mut runner = runner(seed, strategy, number);
    // These strategies reject nothing.
    let inputs = strategy.inputs().new_tree(&mut runner).map(|tree| tree.current()).unwrap_or_default();
    Scenario { strategy: strategy.clone(), number, inputs }
}

/// Chance for one scenario, which depends on nothing else.
fn runner(seed: u64, strategy: &Strategy, number: u64) -> TestRunner {
    let digest = Sha1::digest(format!("{seed} {} {number}", strategy.word()).as_bytes());
    let mut key = [0; 32];
    key[..20].copy_from_slice(&digest);
    TestRunner::new_with_rng(
        Config { failure_persistence: None, ..Config::default() },
        TestRng::from_seed(RngAlgorithm::ChaCha, &key),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs_and_another_makes_others() {
        let library = Library::embedded();
        for strategy in &Strategy::all(&Family::ALL, &library, &library.profiles["reference"]) {
            assert_eq!(scenario_of(1, strategy, 7).inputs, scenario_of(1, strategy, 7).inputs);
            assert_ne!(scenario_of(1, strategy, 7).inputs, scenario_of(2, strategy, 7).inputs);
            assert_ne!(scenario_of(1, strategy, 7).inputs, scenario_of(1, strategy, 8).inputs);
        }
    }
}
