//! `stompliance explain`: what a requirement, a case, a rule or a point is about.
//!
//! An example of a failure is no text that somebody wrote: it is what a case said of the reference server with a defect.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use colored::Colorize as _;

use super::{CONFORMS, lang, library, say};
use crate::case::catalogue::Requirement;
use crate::case::coverage::{Covered, coverage, without_row};
use crate::case::library::{EMBEDDED, Library};
use crate::case::rule::Rule;
use crate::case::script::{Place, Point, Script, Side};
use crate::defect::Defect;
use crate::prove::Accused;
use crate::report::{Brief, Collector, console};
use crate::run::journal::Scratch;
use crate::run::{Job, Plan, Settings, each_record, suggest};

/// Defects that are tried for an example.
const MOST_DEFECTS: usize = 4;

/// Arguments of `explain`.
#[derive(Debug, Parser)]
pub(super) struct Args {
    /// The id of a requirement, a case or a rule, or the name of a point.
    #[arg(required = true)]
    ids: Vec<String>,
    /// Suites, dialects and requirements of your own, in place of the shipped suites.
    #[arg(long, value_name = "PATH")]
    with: Vec<PathBuf>,
}

pub(super) fn main(args: &Args) -> Result<u8, String> {
    let library = library(&args.with)?;
    for id in &args.ids {
        if !explain(&library, id) {
            return Err(unknown(&library, id));
        }
    }
    Ok(CONFORMS)
}

fn unknown(library: &Library, id: &str) -> String {
    let cases = library.scripts.iter().map(|s| without_row(&s.id));
    let rules = library.rules.iter().map(|r| r.id.as_str());
    let points = library.dialects.values().flat_map(|d| d.points.iter().map(|(key, _)| key.name.as_str()));
    let names = library.catalogue.keys().map(String::as_str).chain(cases).chain(rules).chain(points);
    match &suggest(id, names)[..] {
        [] => format!("no requirement, case, rule or point is called `{id}`"),
        near => {
            format!("no requirement, case, rule or point is called `{id}`; the nearest: {}", near.join(", "))
        }
    }
}

/// Says what is called so; whether something is.
fn explain(library: &Library, id: &str) -> bool {
    let cases: Vec<&Arc<Script>> =
        library.scripts.iter().filter(|s| s.id == id || without_row(&s.id) == id).collect();
    if let Some(requirement) = library.catalogue.get(id) {
        of_requirement(library, requirement);
    } else if !cases.is_empty() {
        of_case(library, &cases);
    } else if let Some(rule) = library.rules.iter().find(|r| r.id == id) {
        of_rule(library, rule);
    } else {
        let mut found = false;
        for dialect in library.dialects.values() {
            if let Some(point) = dialect.point(id) {
                of_point(library, id, &dialect.name, point);
                found = true;
            }
        }
        return found;
    }
    true
}

fn field(name: &str, text: &str) {
    if !text.is_empty() {
        say(&format!("  {:<10} {text}", name.dimmed()));
    }
}

fn of_requirement(library: &Library, requirement: &Requirement) {
    say(&format!("{}  {}", requirement.id.bold(), requirement.text));
    field("level", &format!("{}, binds {}", requirement.level.word(), requirement.binds));
    field("source", &format!("{} ({})", requirement.section, requirement.source));
    let reason = requirement.reason.as_deref().map_or(String::new(), |reason| format!(": {reason}"));
    field("covered", &format!("{}{reason}", requirement.state.word()));
    for (at, reading) in requirement.readings.iter().enumerate() {
        field(if at == 0 { "readings" } else { "" }, reading);
    }
    let covered = coverage(library).remove(&requirement.id).unwrap_or_default();
    matters(library, &covered);
    deciding(library, &covered);
    example(library, &requirement.id);
    say("");
}

/// Why it matters: the mistakes that its cases are meant to catch, each once.
fn matters(library: &Library, covered: &Covered) {
    let mut said: Vec<&str> = Vec::new();
    let cases = library.scripts.iter().filter(|s| covered.cases.contains_key(without_row(&s.id)));
    let rules = library.rules.iter().filter(|r| covered.rules.contains(&r.id));
    for why in cases.filter_map(|s| s.why.as_deref()).chain(rules.filter_map(|r| r.why.as_deref())) {
        if !said.contains(&why) {
            field(if said.is_empty() { "catches" } else { "" }, why);
            said.push(why);
        }
    }
}

fn deciding(library: &Library, covered: &Covered) {
    let title = |id: &str| {
        let case = library.scripts.iter().find(|s| without_row(&s.id) == id).map(|s| s.title.as_str());
        case.or_else(|| library.rules.iter().find(|r| r.id == id).map(|r| r.title.as_str()))
            .unwrap_or_default()
    };
    let cases = covered.cases.iter().map(|(id, rows)| match rows {
        1 => (id, String::new()),
        n => (id, format!(" ({n} rows)")),
    });
    let rules = covered.rules.iter().map(|id| (id, " (rule)".to_owned()));
    for (at, (id, more)) in cases.chain(rules).enumerate() {
        field(if at == 0 { "decided by" } else { "" }, &format!("{id}{more}: {}", title(id)));
    }
    for (at, id) in covered.observing.iter().enumerate() {
        field(if at == 0 { "observed" } else { "" }, &format!("{id}: {}", title(id)));
    }
}

fn of_case(library: &Library, cases: &[&Arc<Script>]) {
    let Some(case) = cases.first() else { return };
    let rows = if cases.len() > 1 { format!(" ({} rows)", cases.len()) } else { String::new() };
    say(&format!("{}{rows}  {}", without_row(&case.id).bold(), case.title));
    field("catches", case.why.as_deref().unwrap_or_default());
    for (at, id) in case.requirements.iter().enumerate() {
        field(if at == 0 { "decides" } else { "" }, &with_text(library, id));
    }
    for (point, point_of) in &case.points {
        field("observes", &format!("{point} {}", point_of.clause.as_deref().unwrap_or_default()));
    }
    field("written", &case.place.to_string());
    say("");
    say(&source(&case.place));
    say("");
    if let Some(first) = case.requirements.first() {
        example_of(library, first, &[without_row(&case.id).to_owned()]);
    }
}

fn of_rule(library: &Library, rule: &Rule) {
    say(&format!("{}  {}", rule.id.bold(), rule.title));
    field("rule", "held against every event of every case of the run that it is about");
    field("catches", rule.why.as_deref().unwrap_or_default());
    field("decides", &with_text(library, &rule.requirement));
    field("written", &rule.place.to_string());
    say("");
    say(&source(&rule.place));
    say("");
    example(library, &rule.requirement);
}

fn of_point(library: &Library, name: &str, dialect: &str, point: &Point) {
    say(&format!("{}  an open point of the dialect {dialect}", name.bold()));
    let words = if point.values.is_empty() { "true, false".to_owned() } else { point.values.join(", ") };
    field("values", &words);
    field(
        "default",
        &point
            .default
            .as_ref()
            .map_or("none: nothing is judged unless a profile pins it".to_owned(), ToString::to_string),
    );
    for clause in point.clause.iter().chain(&point.also) {
        field("judged by", &with_text(library, clause));
    }
    let observing = library.scripts.iter().filter(|s| s.dialect == dialect && s.points.contains_key(name));
    for id in observing.map(|s| without_row(&s.id)).collect::<std::collections::BTreeSet<_>>() {
        field("observed by", id);
    }
    let needing =
        library.scripts.iter().filter(|s| s.dialect == dialect && s.needs.iter().any(|(n, _)| n == name));
    field("needed by", &format!("{} rows", needing.count()));
    for profile in library.profiles.values() {
        if let Some(value) = profile.points.get(name) {
            field("pinned", &format!("{value} by the profile {}", profile.name));
        }
    }
    say("");
}

fn with_text(library: &Library, id: &str) -> String {
    match library.catalogue.get(id) {
        Some(requirement) => format!("{id} ({}) {}", requirement.level.word(), requirement.text),
        None => id.to_owned(),
    }
}

/// What is written at a place, up to the next item of the same list.
fn source(place: &Place) -> String {
    let embedded = EMBEDDED.iter().find(|(path, _)| *path == place.file).map(|(_, text)| (*text).to_owned());
    let text = embedded.or_else(|| std::fs::read_to_string(&place.file).ok()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().skip(place.line.saturating_sub(1) as usize).collect();
    let depth = (place.column as usize).saturating_sub(1);
    let belongs = |line: &&&str| line.trim().is_empty() || line.len() - line.trim_start().len() >= depth;
    let body: Vec<&str> = lines.iter().skip(1).take_while(belongs).copied().collect();
    let all = lines.first().into_iter().copied().chain(body);
    let shown: Vec<String> = all.map(|line| format!("    {line}")).collect();
    shown.join("\n").trim_end().to_owned()
}

fn example(library: &Library, clause: &str) {
    example_of(library, clause, &[clause.to_owned()]);
}

/// Shows what is said of a server that breaks this clause.
fn example_of(library: &Library, clause: &str, patterns: &[String]) {
    let of = |side| Accused::defects(side).into_iter().map(move |defect| (side, defect));
    let breaking =
        [Side::Server, Side::Client].into_iter().flat_map(of).filter(|(_, d)| d.breaks.contains(&clause));
    for (side, defect) in breaking.take(MOST_DEFECTS) {
        if let Some((brief, _kept)) = failure(library, clause, patterns, side, defect) {
            let (side, name, what) = (side.word(), defect.name, defect.description);
            field("example", &format!("the reference {side} with the defect `{name}`: {what}"));
            say(console::example(&brief, &library.catalogue, lang()).trim_end());
            return;
        }
    }
}

/// Runs these cases on the server or client with this defect, in memory; the first failure at the clause, and where its wire is.
fn failure(
    library: &Library,
    clause: &str,
    patterns: &[String],
    side: Side,
    defect: &'static Defect,
) -> Option<(Brief, Scratch)> {
    let accused = Accused::with_defect(side, defect.name).ok()?;
    let plan = Plan::new(library, patterns, side).ok()?;
    let scratch = Scratch::new().ok()?;
    let collector = Arc::new(Collector::new(scratch.folder.journals.clone()));
    let gathering = collector.clone();
    let (subject, profile) = (accused.subject(true), accused.profile(library).ok()?);
    let settings = Settings { seed: 1, no_preflight: true, ..Settings::default() };
    let job = Job {
        library,
        plan: &plan,
        subject,
        profile,
        settings,
        folder: Some(scratch.folder.clone()),
        learned: Arc::default(),
    };
    each_record(job, move |record| drop(gathering.take(&record))).ok()?;
    let broke = |b: &Brief| b.clause.as_ref().is_some_and(|(broken, _)| broken == clause);
    let brief = collector.gathered().briefs.into_iter().find(broke)?;
    Some((brief, scratch))
}
