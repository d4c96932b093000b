//! `stompliance coverage`: which cases decide which requirement, what is not covered, and why.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Parser;
use colored::Colorize as _;

use super::{CONFORMS, library, say};
use crate::case::catalogue::{Requirement, State};
use crate::case::coverage::{Covered, coverage};
use crate::run::selects;

/// Arguments of `coverage`.
#[derive(Debug, Parser)]
pub(super) struct Args {
    /// Only requirements, or whole catalogues, that these patterns select.
    patterns: Vec<String>,
    /// Only what no case decides.
    #[arg(long)]
    uncovered: bool,
    /// Suites, dialects and requirements of your own, in place of the shipped suites.
    #[arg(long, value_name = "PATH")]
    with: Vec<PathBuf>,
}

pub(super) fn main(args: &Args) -> Result<u8, String> {
    let library = library(&args.with)?;
    let table = coverage(&library);
    let mut catalogues: BTreeMap<&str, Vec<(&Requirement, &Covered)>> = BTreeMap::new();
    for (requirement, covered) in library.catalogue.values().filter_map(|r| Some((r, table.get(&r.id)?))) {
        let wanted = |p: &String| selects(p, &requirement.id, &requirement.catalogue, &[]);
        if args.patterns.is_empty() || args.patterns.iter().any(wanted) {
            catalogues.entry(&requirement.catalogue).or_default().push((requirement, covered));
        }
    }
    if catalogues.is_empty() {
        return Err(format!("no requirement is called {}", args.patterns.join(", ")));
    }
    for (name, rows) in &catalogues {
        say(&format!("{}", name.bold()));
        let width = rows.iter().map(|(r, _)| r.id.len()).max().unwrap_or(0);
        for (requirement, covered) in rows.iter().filter(|(_, c)| !(args.uncovered && c.is_decided())) {
            say(&line(requirement, covered, width));
        }
        say(&format!("  {}\n", counts(rows).dimmed()));
    }
    Ok(CONFORMS)
}

/// A requirement with the cases that decide it, or the reason why none does.
fn line(requirement: &Requirement, covered: &Covered, width: usize) -> String {
    let cases = covered.cases.iter().map(|(id, rows)| match rows {
        1 => id.clone(),
        n => format!("{id} ({n} rows)"),
    });
    let mut by: Vec<String> = cases.chain(covered.rules.iter().cloned()).collect();
    if by.is_empty() {
        by.extend(covered.observing.iter().map(|id| format!("observed by {id}")));
    }
    let why = if !by.is_empty() {
        by.join(", ")
    } else if requirement.state == State::Ambiguous {
        requirement.readings.join("; or: ")
    } else {
        requirement.reason.clone().unwrap_or_default()
    };
    let state = requirement.state.word();
    let word = format!("{state:<9}");
    let word = match requirement.state {
        State::Tested => word.green(),
        State::Observed | State::Ambiguous => word.cyan(),
        State::Later => word.yellow(),
        State::Excluded => word.dimmed(),
    };
    format!(
        "  {:<width$}  {:<6} {:<6} {word} {why}",
        requirement.id,
        requirement.level.word(),
        requirement.binds
    )
}

fn counts(rows: &[(&Requirement, &Covered)]) -> String {
    let of = |state: State| rows.iter().filter(|(r, _)| r.state == state).count();
    let parts = State::ALL.into_iter().filter(|s| of(*s) > 0).map(|s| format!("{} {}", of(s), s.word()));
    let decided = rows.iter().map(|(_, c)| c.deciding()).sum::<usize>();
    format!("{} requirements: {}; decided {decided} times", rows.len(), parts.collect::<Vec<_>>().join(", "))
}
