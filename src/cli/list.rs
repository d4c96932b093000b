//! `stompliance list`: what there is, a line each.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use super::{CONFORMS, library, say};
use crate::case::coverage::{Covered, coverage, without_row};
use crate::case::library::Library;
use crate::run::selects;

/// Arguments of `list`.
#[derive(Debug, Parser)]
pub(super) struct Args {
    /// Of what.
    what: What,
    /// Only what these patterns select; `*` is the only wildcard.
    patterns: Vec<String>,
    /// Suites, dialects and requirements of your own, in place of the shipped suites.
    #[arg(long, value_name = "PATH")]
    with: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// What the specifications demand: id, level, whom it binds, how it is covered, text.
    Requirements,
    /// Cases and rules: id, title.
    Cases,
    /// Suites: name, cases, title.
    Suites,
    /// Open points: name, dialect, values.
    Points,
}

pub(super) fn main(args: &Args) -> Result<u8, String> {
    let library = library(&args.with)?;
    let all = match args.what {
        What::Requirements => requirements(&library),
        What::Cases => cases(&library),
        What::Suites => suites(&library),
        What::Points => points(&library),
    };
    let wanted = |row: &&Row| {
        args.patterns.is_empty() || args.patterns.iter().any(|p| selects(p, &row.id, &row.group, &row.tags))
    };
    let rows: Vec<&Row> = all.iter().filter(wanted).collect();
    if rows.is_empty() {
        return Err(format!("nothing is called {}", args.patterns.join(", ")));
    }
    let widths: Vec<usize> = (0..rows[0].cells.len())
        .map(|c| rows.iter().map(|r| r.cells[c].chars().count()).max().unwrap_or(0))
        .collect();
    for row in rows {
        let cells: Vec<String> =
            row.cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        say(cells.join("  ").trim_end());
    }
    Ok(CONFORMS)
}

/// A line, and what it is selected by.
struct Row {
    id: String,
    group: String,
    tags: Vec<String>,
    cells: Vec<String>,
}

fn requirements(library: &Library) -> Vec<Row> {
    let table = coverage(library);
    let row = |(id, r): (&String, &crate::case::catalogue::Requirement)| Row {
        id: id.clone(),
        group: r.catalogue.clone(),
        tags: Vec::new(),
        cells: vec![
            id.clone(),
            r.level.word().to_owned(),
            r.binds.clone(),
            r.state.word().to_owned(),
            table.get(id).map_or(0, Covered::deciding).to_string(),
            r.text.clone(),
        ],
    };
    library.catalogue.iter().map(row).collect()
}

fn cases(library: &Library) -> Vec<Row> {
    let case = |s: &std::sync::Arc<crate::case::script::Script>| Row {
        id: s.id.clone(),
        group: s.suite.clone(),
        tags: s.requirements.clone(),
        cells: vec![s.id.clone(), s.title.clone()],
    };
    let rule = |r: &crate::case::rule::Rule| Row {
        id: r.id.clone(),
        group: r.id.rsplit_once('/').map_or("", |(suite, _)| suite).to_owned(),
        tags: vec![r.requirement.clone()],
        cells: vec![r.id.clone(), r.title.clone()],
    };
    library.scripts.iter().map(case).chain(library.rules.iter().map(rule)).collect()
}

fn suites(library: &Library) -> Vec<Row> {
    let row = |(name, title): (&String, &String)| {
        let rows = library.scripts.iter().filter(|s| s.suite == *name);
        let cases: std::collections::BTreeSet<&str> = rows.clone().map(|s| without_row(&s.id)).collect();
        let rules =
            library.rules.iter().filter(|r| r.id.rsplit_once('/').is_some_and(|(s, _)| s == name)).count();
        let count = match rules {
            0 => format!("{} cases, {} rows", cases.len(), rows.count()),
            n => format!("{n} rules"),
        };
        Row {
            id: name.clone(),
            group: name.clone(),
            tags: Vec::new(),
            cells: vec![name.clone(), count, title.clone()],
        }
    };
    library.titles.iter().map(row).collect()
}

fn points(library: &Library) -> Vec<Row> {
    let mut rows = Vec::new();
    for dialect in library.dialects.values() {
        for (name, point) in &dialect.points {
            let words =
                if point.values.is_empty() { "true, false".to_owned() } else { point.values.join(", ") };
            let default = point.default.as_ref().map_or(String::new(), |d| format!(" (default {d})"));
            rows.push(Row {
                id: name.name.clone(),
                group: dialect.name.clone(),
                tags: point.clause.clone().into_iter().collect(),
                cells: vec![
                    name.name.clone(),
                    dialect.name.clone(),
                    point.clause.clone().unwrap_or_default(),
                    format!("{words}{default}"),
                ],
            });
        }
    }
    rows
}
