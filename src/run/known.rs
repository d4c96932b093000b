//! Known failures that name no case: an entry about a clause is mended only if the whole run held it.
//!
//! It relies on records. It never calls an entry fixed by a run that could not have shown the failure.

use std::collections::{BTreeMap, BTreeSet};

use super::record::Record;
use crate::case::profile::{Known, Profile};
use crate::case::script::{Level, Place};
use crate::judge::Verdict;

/// What a run has shown of each clause.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    held: BTreeSet<String>,
    /// Clauses that broke, or that a case might have judged and did not.
    open: BTreeSet<String>,
}

impl Ledger {
    /// A ledger of a run that leaves out cases about these clauses.
    pub(super) fn new(left_out: &BTreeSet<String>) -> Self {
        Ledger { held: BTreeSet::new(), open: left_out.clone() }
    }

    /// Enters what a case or rule came to, before the profile had its say.
    pub(super) fn enter(&mut self, record: &Record) {
        for check in &record.checks {
            let set = if check.held || check.level < Level::Should { &mut self.held } else { &mut self.open };
            set.insert(check.clause.clone());
        }
        if matches!(record.verdict, Verdict::NotApplicable | Verdict::Error) {
            self.open.extend(record.case.iter().flat_map(|case| case.levels.keys().cloned()));
            self.open.extend(record.requirements.iter().cloned());
        }
    }

    /// A record for each entry that is mended: it names no case, is in force, does not race, and held throughout.
    pub(super) fn fixed(&self, profile: &Profile, today: &str) -> Vec<Record> {
        let in_force = |k: &&Known| k.until.as_deref().is_none_or(|until| until >= today);
        let mended = |k: &&Known| self.held.contains(&k.clause) && !self.open.contains(&k.clause);
        let listed = profile.known.iter().filter(|k| k.case.is_none() && !k.sometimes);
        listed.filter(in_force).filter(mended).map(record).collect()
    }
}

fn record(known: &Known) -> Record {
    Record {
        id: format!("known/{}", known.clause),
        title: format!("{} is broken, as the profile lists it", known.clause),
        suite: "known".into(),
        requirements: vec![known.clause.clone()],
        verdict: Verdict::Fixed,
        reason: format!(
            "{} is listed as known ({}), but it held in the whole run: take it off the list",
            known.clause, known.reason
        ),
        clause: None,
        round: 1,
        checks: Vec::new(),
        observed: BTreeMap::new(),
        not_judged: Vec::new(),
        duration_ms: 0,
        place: Place::default(),
        why: None,
        rule: None,
        case: None,
        facts: None,
        rules: Vec::new(),
        journal: None,
    }
}
