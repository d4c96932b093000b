//! Each built-in defect of the reference server is caught, by a check whose clause it breaks.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Mutex;

use stompliance::case::library::Library;
use stompliance::judge::Verdict;
use stompliance::reference::{Defect, Directory, Policy, defects};
use stompliance::run::journal::Scratch;
use stompliance::run::{Job, Plan, Record, Settings, Subject, records};

fn run(library: &Library, patterns: &[String], policy: Policy) -> Vec<Record> {
    let plan = Plan::new(library, patterns).unwrap();
    let scratch = Scratch::new().unwrap();
    let settings = Settings { seed: 3, no_preflight: true, ..Settings::default() };
    let subject = Subject::Embedded { directory: Directory::demo(40), policy, in_memory: true };
    let profile = library.profiles["reference"].clone();
    let folder = scratch.folder.clone();
    records(Job { library, plan: &plan, subject, profile, settings, folder }).unwrap().0
}

/// The cases that are about one of these clauses.
fn about(library: &Library, defect: &Defect) -> Vec<String> {
    let known = |clause: &&&str| {
        library.scripts.iter().any(|s| s.requirements.iter().any(|r| r == **clause))
            || library.rules.iter().any(|r| r.requirement == **clause)
    };
    defect.breaks.iter().filter(known).map(|c| (*c).to_owned()).collect()
}

fn is_caught(library: &Library, defect: &Defect) -> Result<(), String> {
    let mut patterns = about(library, defect);
    if patterns.is_empty() {
        return Err("no case is about any of its clauses".into());
    }
    // A rule needs frames to be held against.
    patterns.extend(["im/send/to-one-user".to_owned(), "stomp/subscribe".to_owned()]);
    let records = run(library, &patterns, defect.policy_of());
    let mut elsewhere = Vec::new();
    for record in &records {
        for check in record.checks.iter().filter(|c| !c.held) {
            if defect.breaks.contains(&check.clause.as_str()) {
                return Ok(());
            }
            elsewhere.push(format!("{} at {}", record.id, check.clause));
        }
    }
    Err(format!("missed by {} cases; broken elsewhere: {elsewhere:?}", records.len()))
}

trait PolicyOf {
    fn policy_of(&self) -> Policy;
}

impl PolicyOf for Defect {
    fn policy_of(&self) -> Policy {
        Policy::with_defect(self.name).unwrap()
    }
}

#[test]
fn each_defect_is_caught_at_a_clause_that_it_breaks() {
    let library = Library::embedded();
    let all = defects::all();
    assert!(all.len() >= 80, "{} defects", all.len());
    let next = std::sync::atomic::AtomicUsize::new(0);
    let missed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(defect) = all.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    if let Err(why) = is_caught(&library, defect) {
                        missed.lock().unwrap().push(format!("{} {:?}: {why}", defect.name, defect.breaks));
                    }
                }
            });
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "{} of {} missed:\n{}", missed.len(), all.len(), missed.join("\n"));
}

#[test]
fn the_correct_server_is_clean_in_virtual_time() {
    let library = Library::embedded();
    let records = run(&library, &[], Policy::default());
    let bad: Vec<_> = records
        .iter()
        .filter(|r| !matches!(r.verdict, Verdict::Pass | Verdict::Observed | Verdict::NotApplicable))
        .map(|r| format!("{} {}: {}", r.id, r.verdict.word(), r.reason))
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
    let passed = records.iter().filter(|r| r.verdict == Verdict::Pass).count();
    assert!(passed > 400, "{passed}");
}
