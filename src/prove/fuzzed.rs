//! How well does the fuzzer search? Servers with a known defect are fuzzed until something is found.
//!
//! It relies on the fuzzer as everybody else uses it, and gives it no hint. What it finds need not be told at a clause that the defect
//! breaks, since the correct server is clean; but that is noted.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Accused, ProveError};
use crate::case::library::Library;
use crate::defect::Defect;
use crate::fuzz::{Family, Fault, How, Strategy, Told, hunt};
use crate::reference::Policy;
use crate::run::RunError;
use crate::words::glob;

/// What became of a defect.
#[derive(Debug, Clone)]
pub struct Fuzzed {
    /// The defect.
    pub defect: &'static Defect,
    /// Inputs that were tried.
    pub cases: u64,
    /// Whether at a clause that it breaks; nothing where nothing was found.
    pub found: Option<Found>,
}

/// How a defect was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The clause that broke, or that was not enforced.
    pub clause: String,
    /// The scenario; nothing where it is an oddity.
    pub scenario: Option<String>,
    /// Whether the defect lists that clause.
    pub listed: bool,
}

/// Whether a defect breaks something that the fuzzer bears on in one of these dialects.
pub fn concerns(library: &Library, defect: &Defect) -> bool {
    let mut about = library.dialects.values().flat_map(|dialect| &dialect.play.about);
    about.any(|pattern| defect.breaks.iter().any(|clause| glob(pattern, clause)))
}

/// Fuzzes the embedded server with a defect, or without one, for so many inputs at most.
///
/// # Errors
/// What kept it from being fuzzed.
pub fn search(
    library: &Library,
    policy: Policy,
    breaks: &[&str],
    seed: u64,
    budget: u64,
) -> Result<(u64, Option<Found>), ProveError> {
    let accused = Accused::Server(policy);
    let profile = accused.profile(library)?;
    let how = How {
        seed,
        strategies: Strategy::all(&Family::ALL, library, &profile),
        jobs: 1,
        cases: Some(budget),
        lasts: None,
        rate: None,
        floor: Duration::from_secs(5),
        before: Vec::new(),
        most: 1,
        shrinks: false,
    };
    let subject = accused.subject(true);
    let (stop, best) = (AtomicBool::new(false), Mutex::new(None::<Found>));
    let note = |clause: &str, scenario: Option<String>| {
        let found = Found { clause: clause.to_owned(), scenario, listed: breaks.contains(&clause) };
        best.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(found);
        stop.store(true, Ordering::Relaxed);
    };
    let tell = |told: Told<'_>| match told {
        Told::Tried(..) => {}
        Told::Found(finding) => note(&finding.failure.clause, Some(finding.name())),
        Told::Odd(clause) => note(clause, None),
    };
    let outcome = match hunt(library, &subject, &profile, &how, &stop, &tell) {
        Ok(outcome) => outcome,
        // Nobody is let in: that is told before anything is tried.
        Err(Fault::Run(RunError::Unfit(_))) => {
            return Ok((0, Some(Found { clause: "cannot be judged".into(), scenario: None, listed: false })));
        }
        Err(fault) => return Err(ProveError::Run(fault.to_string())),
    };
    let found = best.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    // Beside what broke, others may have come to no verdict.
    match outcome.unjudged.iter().next() {
        Some((why, _)) if found.is_none() => {
            Err(ProveError::Run(format!("the fuzzer came to no verdict: {why}")))
        }
        _ => Ok((outcome.cases, found)),
    }
}

/// The table for the document: what was found, after how many inputs.
pub fn markdown(rows: &[Fuzzed], seed: u64, budget: u64) -> String {
    let (found, all) = (rows.iter().filter(|row| row.found.is_some()).count(), rows.len());
    let mut out = format!(
        "Seed {seed}, at most {budget} inputs for each: {found} of {all} defects that concern frames or delivery are found.\n\n\
         | defect | what the server does | inputs | found as |\n|---|---|---:|---|\n"
    );
    for Fuzzed { defect, cases, found } in rows {
        let how = match found {
            None => "not found".to_owned(),
            Some(Found { clause, scenario: None, .. }) => format!("oddity: {clause}"),
            Some(Found { clause, scenario: Some(scenario), .. }) => {
                let strategy = scenario.rsplit_once('-').map_or(&**scenario, |(strategy, _)| strategy);
                format!("{strategy}: {}", if clause.is_empty() { "the server went down" } else { clause })
            }
        };
        let hard = if defect.hard { " (hard)" } else { "" };
        let description = defect.description.replace('|', "\\|");
        out += &format!("| `{}`{hard} | {description} | {cases} | {how} |\n", defect.name);
    }
    out
}
