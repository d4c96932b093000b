//! Cases and rules as tests of Rust's own harness, so that a server written in Rust can have them among its tests with
//! three lines: a `harness = false` test whose `main` calls [`main`].
//!
//! It relies on libtest-mimic as a front only: the run is one, in the background, and each test waits for the verdict of
//! its own case. It never runs a case twice.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Condvar, Mutex, Once, PoisonError};

use clap::Parser as _;
use libtest_mimic::{Arguments, Failed, Trial};

use crate::case::library::Library;
use crate::case::profile::Profile;
use crate::case::script::Side;
use crate::judge::Verdict;
use crate::reference::{Directory, Policy};
use crate::report::excerpt;
use crate::run::journal::Scratch;
use crate::run::{Job, Plan, Record, Settings, Subject, each_record, epoch_ms};
use crate::target::read_config;

/// What a test needs of a record.
#[derive(Debug, Clone)]
struct Told {
    verdict: Verdict,
    reason: String,
    wire: Vec<String>,
}

/// Verdicts as they come.
#[derive(Debug, Default)]
struct Board {
    told: Mutex<(BTreeMap<String, Told>, Option<String>)>,
    changed: Condvar,
}

/// Everything that the run in the background needs.
struct Prepared {
    library: Library,
    plan: Plan,
    subject: Subject,
    profile: Profile,
}

/// Parses the arguments of a test binary, runs what they select, and says how it went.
pub fn main(config: Option<PathBuf>) -> ExitCode {
    let mut arguments = Arguments::parse();
    let patterns: Vec<String> = arguments.filter.take().into_iter().collect();
    let job = match prepare(&patterns, config) {
        Ok(job) => job,
        Err(why) => {
            crate::cli::error(&why);
            return ExitCode::from(crate::cli::USAGE);
        }
    };
    // Tests only wait: as many as there are must be able to.
    arguments.test_threads.get_or_insert(32);
    let names: Vec<(String, String)> = {
        let cases = job.plan.cases.iter().map(|s| (s.id.clone(), s.suite.clone()));
        cases.chain(job.plan.rules.iter().map(|r| (r.id.clone(), "rule".to_owned()))).collect()
    };
    let (board, job, started) =
        (Arc::new(Board::default()), Arc::new(Mutex::new(Some(job))), Arc::new(Once::new()));
    let trials = names
        .into_iter()
        .map(|(name, kind)| {
            let (board, job, started) = (board.clone(), job.clone(), started.clone());
            Trial::test(name.clone(), move || {
                started.call_once(|| start(&board, &job));
                board.wait(&name)
            })
            .with_kind(kind)
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn prepare(patterns: &[String], config: Option<PathBuf>) -> Result<Prepared, String> {
    let mut library = Library::embedded();
    if !library.is_sound() {
        let shown: Vec<String> = library.found.iter().map(|d| d.render(false)).collect();
        return Err(format!("the suites have errors:\n{}", shown.join("\n\n")));
    }
    let plan = Plan::new(&library, patterns, Side::Server).map_err(|e| e.to_string())?;
    let subject = match config {
        None => {
            Subject::Embedded { directory: Directory::demo(40), policy: Policy::default(), in_memory: false }
        }
        Some(path) => Subject::Remote(Box::new(read_config(&path).map_err(|e| e.to_string())?)),
    };
    let profile = subject.profile(&mut library, None)?;
    let plan = if patterns.is_empty() { plan.speaking(&profile.dialects)? } else { plan };
    Ok(Prepared { library, plan, subject, profile })
}

/// Starts the run in the background.
fn start(board: &Arc<Board>, job: &Mutex<Option<Prepared>>) {
    let Some(job) = job.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    let board = board.clone();
    std::thread::spawn(move || {
        let ended = carry_out(&board, job)
            .err()
            .unwrap_or_else(|| "the run ended without a verdict for it".to_owned());
        board.told.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(ended);
        board.changed.notify_all();
    });
}

fn carry_out(board: &Arc<Board>, job: Prepared) -> Result<(), String> {
    let scratch = Scratch::new().map_err(|e| format!("cannot make a folder for journals: {e}"))?;
    let settings = Settings { seed: epoch_ms() % 1_000_000, anchor_ms: epoch_ms(), ..Settings::default() };
    let Prepared { library, plan, subject, profile } = job;
    let folder = Some(scratch.folder.clone());
    let job =
        Job { library: &library, plan: &plan, subject, profile, settings, folder, learned: Arc::default() };
    let teller = board.clone();
    each_record(job, move |record| teller.tell(&record)).map(drop).map_err(|e| e.to_string())
}

impl Board {
    fn tell(&self, record: &Record) {
        let bad = matches!(record.verdict, Verdict::Fail | Verdict::Error | Verdict::Fixed);
        let wire = match &record.journal {
            Some(journal) if bad => excerpt(journal, 12, 160),
            _ => Vec::new(),
        };
        let told = Told { verdict: record.verdict, reason: record.reason.clone(), wire };
        self.told.lock().unwrap_or_else(PoisonError::into_inner).0.insert(record.id.clone(), told);
        self.changed.notify_all();
    }

    /// Waits for the verdict of a case.
    fn wait(&self, name: &str) -> Result<(), Failed> {
        let mut board = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(told) = board.0.get(name) {
                return match told.verdict {
                    Verdict::Fail | Verdict::Error | Verdict::Fixed => {
                        let (word, wire) = (told.verdict.word(), told.wire.join("\n  "));
                        Err(format!("{word}: {}\n  {wire}", told.reason).into())
                    }
                    _ => Ok(()),
                };
            }
            if let Some(why) = &board.1 {
                return Err(why.clone().into());
            }
            board = self.changed.wait(board).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
