//! Which cases decide which requirement.
//!
//! It relies on scripts as expanded: what counts is that a step decides a clause, not that a case names it.

use std::collections::{BTreeMap, BTreeSet};

use super::library::Library;
use super::lint::clauses_of;

/// What covers a requirement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Covered {
    /// Cases that decide it, without their rows, and how many rows do.
    pub cases: BTreeMap<String, usize>,
    /// Rules that decide it.
    pub rules: BTreeSet<String>,
    /// Cases that record a point of this clause.
    pub observing: BTreeSet<String>,
}

impl Covered {
    /// Whether something decides it.
    pub fn is_decided(&self) -> bool {
        !(self.cases.is_empty() && self.rules.is_empty())
    }

    /// How many rows and rules decide it.
    pub fn deciding(&self) -> usize {
        self.cases.values().sum::<usize>() + self.rules.len()
    }
}

/// A case's id without its row.
pub fn without_row(id: &str) -> &str {
    id.split('[').next().unwrap_or(id)
}

/// Every requirement of the catalogue, with what covers it.
pub fn coverage(library: &Library) -> BTreeMap<String, Covered> {
    let mut table: BTreeMap<String, Covered> =
        library.catalogue.keys().map(|id| (id.clone(), Covered::default())).collect();
    for script in &library.scripts {
        let decides = clauses_of(script);
        for clause in script.requirements.iter().filter(|c| decides.contains(*c)) {
            let cases = &mut table.entry(clause.clone()).or_default().cases;
            *cases.entry(without_row(&script.id).to_owned()).or_default() += 1;
        }
        for clause in script.points.values().filter_map(|p| p.clause.as_ref()) {
            let observing = &mut table.entry(clause.clone()).or_default().observing;
            observing.insert(without_row(&script.id).to_owned());
        }
    }
    for rule in &library.rules {
        table.entry(rule.requirement.clone()).or_default().rules.insert(rule.id.clone());
    }
    table
}
