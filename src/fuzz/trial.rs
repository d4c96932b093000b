//! Trying scenarios on a target, with the engine and the judge that suites have.
//!
//! It relies on the runner. It never decides what is right: a scenario fails as any other case does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Scenario, Strategy, scenario};
use crate::case::diagnostic::Source;
use crate::case::event::{By, Event, What};
use crate::case::library::Library;
use crate::case::profile::{Known, Profile};
use crate::case::script::{Level, Side};
use crate::judge::{Check, Verdict};
use crate::report::way;
use crate::run::journal::{JournalFolder, Scratch};
use crate::run::{Job, Learned, Plan, Record, RunError, Settings, Subject, epoch_ms, records};

/// Why nothing could be tried.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The target cannot be judged.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A scenario that we made is none: a fault of this program.
    #[error("the scenario {0} cannot be run: {1}")]
    Scenario(String, String),
}

/// A scenario that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The scenario's name.
    pub name: String,
    /// The clause that broke; empty where the target is gone.
    pub clause: String,
    /// What was expected.
    pub expected: String,
    /// What came instead.
    pub got: String,
    /// The rule that found it, where one did.
    pub rule: Option<String>,
    /// What it counts for.
    pub weight: Weight,
}

/// What a failure counts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Weight {
    /// A MUST is broken, or the target is gone.
    Finding,
    /// The profile lists the clause for this rule, or for a case.
    Known,
    /// A SHOULD is broken.
    Advice,
    /// There is no verdict since the target lacks something, as one more account.
    Lacking(String),
    /// There is no verdict, and the harness is to blame.
    Unjudged(String),
}

impl Failure {
    /// Whether nothing was judged.
    pub(super) fn is_no_verdict(&self) -> bool {
        matches!(self.weight, Weight::Lacking(_) | Weight::Unjudged(_))
    }

    /// What is the same of failures that have one cause: the clause, and what was expected and came without ids, numbers and
    /// whatever was made up.
    pub fn kind(&self) -> String {
        // A frame that is quoted may have line ends in it.
        let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
        let way = way(&first(&self.expected), &first(&self.got));
        format!("{}\n{}", self.clause, without_texts(&way))
    }
}

/// Without what stands in quotes, without names of headers, and without what comes behind the first `;` or `{`, where frames are quoted.
fn without_texts(text: &str) -> String {
    let line = |line: &str| {
        let head = line.split([';', '{', '`']).next().unwrap_or_default();
        let quoted = head.split('"').step_by(2).collect::<Vec<_>>().join("\"");
        match quoted.split_once(".headers.") {
            Some((before, _)) => format!("{before}.headers"),
            None => quoted,
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// A target with what it takes to run something on it.
#[derive(Clone)]
pub(super) struct Bench {
    library: Library,
    subject: Subject,
    profile: Profile,
    jobs: usize,
    floor: Duration,
    /// Of a target that stays the same from run to run, whoever runs it.
    learned: Arc<Learned>,
    /// One at a time runs something on what is not ours, while others prepare what is next. So that no run repeats the marks of another, of
    /// whatever fuzzer, it holds what they are made of.
    turn: Arc<Mutex<u64>>,
}

impl Bench {
    pub(super) fn new(
        library: Library,
        subject: Subject,
        profile: Profile,
        jobs: usize,
        floor: Duration,
    ) -> Self {
        let own = epoch_ms() ^ (u64::from(std::process::id()) << 32);
        let turn = Arc::new(Mutex::new(own));
        Bench { library, subject, profile, jobs, floor, learned: Arc::default(), turn }
    }

    /// Whether the server is somebody else's.
    pub(super) fn is_remote(&self) -> bool {
        matches!(self.subject, Subject::Remote(_))
    }

    /// Lets a scenario without inputs run in each dialect: whether the target can be judged at all.
    pub(super) fn check(&mut self, strategies: &[Strategy]) -> Result<(), Fault> {
        for of_dialect in strategies.chunk_by(|a, b| a.dialect.name == b.dialect.name) {
            let Some(strategy) = of_dialect.first().cloned() else { continue };
            let nothing = Scenario { strategy, number: 0, inputs: Vec::new() };
            let failed = self.records(&[nothing], false, None)?;
            // What fails already will be found, and told as anything else.
            let why = failed.iter().flat_map(failures).find_map(|failure| match failure.weight {
                Weight::Lacking(why) | Weight::Unjudged(why) => Some(why),
                _ => None,
            });
            if let Some(why) = why {
                return Err(Fault::Scenario("without any input".into(), why));
            }
        }
        Ok(())
    }

    /// Runs these at the same time, unless it is over by then; what did not hold, and how long it took.
    pub(super) fn run(
        &mut self,
        scenarios: &[Scenario],
        over: &dyn Fn() -> bool,
    ) -> Result<Option<(Vec<Failure>, Duration)>, Fault> {
        let Some((records, took)) = self.play(scenarios, true, None, over)? else { return Ok(None) };
        let mut failures: Vec<_> = records.iter().flat_map(failures).collect();
        let unruly = scenarios.iter().filter_map(|one| one.strategy.dialect.play.unruly.as_ref());
        let hers: Vec<&str> = unruly.flat_map(|u| &u.hers).map(|clause| clause.value.as_str()).collect();
        failures.retain(|failure| failure.rule.is_none() || !hers.contains(&failure.clause.as_str()));
        for failure in failures.iter_mut().filter(|failure| failure.weight == Weight::Finding) {
            if self.profile.known.iter().any(|known| self.covers(known, failure)) {
                failure.weight = Weight::Known;
            }
        }
        Ok(Some((failures, took)))
    }

    /// Whether the profile lists this failure: what it lists for a rule is known of that rule, and what it lists for a case of whatever
    /// scenario breaks the same clause.
    fn covers(&self, known: &Known, failure: &Failure) -> bool {
        let for_some_rule = || self.library.rules.iter().any(|rule| known.is_for(&rule.id));
        known.clause == failure.clause
            && match &failure.rule {
                Some(rule) => known.is_for(rule),
                None => known.case.is_none() || !for_some_rule(),
            }
    }

    /// Of scenarios with one input each, whether the target takes it: neither answers by ERROR nor ends the connection. Nothing, where
    /// there is no verdict.
    pub(super) fn takes(&mut self, scenarios: &[Scenario]) -> Result<Vec<Option<bool>>, Fault> {
        if scenarios.is_empty() {
            return Ok(Vec::new());
        }
        let no_folder = |e: std::io::Error| Fault::Scenario("of an oddity".into(), e.to_string());
        let scratch = Scratch::new().map_err(no_folder)?;
        let records = self.records(scenarios, true, Some(scratch.folder.clone()))?;
        let of = |one: &Scenario| {
            let id = format!("{}/{}", scenario::SUITE, one.name());
            let record = records.iter().find(|record| record.id == id)?;
            let (Verdict::Pass | Verdict::Known, Some(path)) = (record.verdict, &record.journal) else {
                return None;
            };
            let from = one.strategy.dialect.play.unruly.as_ref().map(|unruly| unruly.from.0.clone());
            let journal = std::fs::read_to_string(path).ok()?;
            let events = journal.lines().filter_map(|line| serde_json::from_str::<Event>(line).ok());
            Some(!events.filter(|event| event.on == from).any(|event| refuses(&event.what)))
        };
        Ok(scenarios.iter().map(of).collect())
    }

    /// One alone, on a server of its own where that is ours: how it breaks this clause, if it does.
    pub(super) fn alone(&mut self, one: &Scenario, clause: &str) -> Result<Option<Failure>, Fault> {
        let failures = self.run(std::slice::from_ref(one), &|| false)?.map(|(failures, _)| failures);
        Ok(failures
            .into_iter()
            .flatten()
            .find(|failure| failure.weight == Weight::Finding && failure.clause == clause))
    }

    fn records(
        &mut self,
        scenarios: &[Scenario],
        no_preflight: bool,
        folder: Option<JournalFolder>,
    ) -> Result<Vec<Record>, Fault> {
        let played = self.play(scenarios, no_preflight, folder, &|| false)?;
        Ok(played.map_or(Vec::new(), |(records, _)| records))
    }

    fn planned(&mut self, scenarios: &[Scenario]) -> Result<Plan, Fault> {
        let text = scenario::suite(scenarios);
        self.library.only(&Source::new("fuzz.yaml", &text));
        if !self.library.is_sound() {
            let found: Vec<String> = self.library.found.iter().map(|d| d.render(false)).collect();
            let name = scenarios.first().map_or(String::new(), Scenario::name);
            return Err(Fault::Scenario(name, found.join("\n")));
        }
        Plan::new(&self.library, &[], Side::Server)
            .map_err(|e| Fault::Scenario("of a round".into(), e.to_string()))
    }

    /// Runs these once it is their turn, unless it is over by then.
    fn play(
        &mut self,
        scenarios: &[Scenario],
        no_preflight: bool,
        folder: Option<JournalFolder>,
        over: &dyn Fn() -> bool,
    ) -> Result<Option<(Vec<Record>, Duration)>, Fault> {
        let plan = self.planned(scenarios)?;
        // An embedded server is a new one in each run, by a clock of its own.
        let (learned, mut turn) = match self.is_remote() {
            false => (Arc::default(), None),
            true => (self.learned.clone(), Some(self.turn.lock().unwrap_or_else(PoisonError::into_inner))),
        };
        if over() {
            return Ok(None);
        }
        let own = turn.as_mut().map_or(0, |own| {
            **own = own.wrapping_add(1 << 20);
            **own
        });
        let settings = Settings {
            seed: scenarios.first().map_or(0, |one| one.number) ^ own,
            anchor_ms: epoch_ms(),
            floor: self.floor,
            jobs: self.jobs,
            no_preflight,
            // One alone is tried so that it breaks, and many times.
            linger: if scenarios.len() == 1 { Duration::ZERO } else { Settings::default().linger },
            ..Settings::default()
        };
        let job = Job {
            library: &self.library,
            plan: &plan,
            subject: self.subject.clone(),
            profile: self.profile.clone(),
            settings,
            folder,
            learned,
        };
        let began = Instant::now();
        let records = records(job)?.0;
        Ok(Some((records, began.elapsed())))
    }
}

/// Whether a target shows by this that it does not take what was sent.
fn refuses(what: &What) -> bool {
    match what {
        What::Came { frame } => frame.command == "ERROR",
        What::Ended { by, .. } => *by == By::Target,
        _ => false,
    }
}

/// What a record says that did not hold: each clause once.
fn failures(record: &Record) -> Vec<Failure> {
    let name =
        |id: &str| id.strip_prefix(scenario::SUITE).map(|rest| rest.trim_start_matches('/').to_owned());
    let bare = |case: &str, weight: Weight| {
        let empty = String::new;
        let rule = record.rule.is_some().then(|| record.id.clone());
        Some(Failure { name: name(case)?, clause: empty(), expected: empty(), got: empty(), rule, weight })
    };
    let down = record.reason.starts_with("the target is down");
    let one = |weight: Weight| bare(&record.id, weight).into_iter().collect();
    match record.verdict {
        Verdict::Fail | Verdict::Warn | Verdict::Known => {
            // What a SHOULD asks of all that a server says is not asked of what it passes on of nonsense.
            let counts = |check: &&Check| check.level == Level::Must || record.rule.is_none();
            let broken = record.checks.iter().filter(|check| !check.held).filter(counts);
            let failure = |check: &Check| {
                // A rule is broken in a case.
                let breaches = record.rule.iter().flat_map(|rule| &rule.breaches);
                let case = breaches.filter(|(_, b)| b.got == check.got).map(|(case, _)| case).next();
                let weight = if check.level == Level::Must { Weight::Finding } else { Weight::Advice };
                Some(Failure {
                    clause: check.clause.clone(),
                    expected: check.expected.clone(),
                    got: check.got.clone(),
                    ..bare(case.unwrap_or(&record.id), weight)?
                })
            };
            broken.filter_map(failure).collect()
        }
        // The target was there when the scenario began.
        Verdict::Error if down => {
            let gone = |bare| Failure {
                expected: "the target to stay up".into(),
                got: record.reason.clone(),
                ..bare
            };
            bare(&record.id, Weight::Finding).map(gone).into_iter().collect()
        }
        // A rule that saw nothing is n/a as well.
        Verdict::Error if record.rule.is_none() => one(Weight::Unjudged(record.reason.clone())),
        Verdict::NotApplicable if record.rule.is_none() => one(Weight::Lacking(record.reason.clone())),
        _ => Vec::new(),
    }
}
