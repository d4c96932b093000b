//! `stompliance probe`: the cases that observe, run on a server, and what they saw written as a profile.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use serde_json::Value;

use super::target::TargetArgs;
use super::{CONFORMS, NO_VERDICT, USAGE, complain, error, say, sound};
use crate::case::dialect::Dialect;
use crate::case::library::Library;
use crate::case::profile::Profile;
use crate::case::script::Side;
use crate::reference::Policy;
use crate::run::{Calibration, Job, Plan, Record, Settings, Subject, day, epoch_ms, records};

/// Arguments of `probe`.
#[derive(Debug, Parser)]
pub(super) struct Args {
    /// The server, as with --target.
    url: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
    /// Only cases of this dialect.
    #[arg(long, value_name = "NAME")]
    dialect: Option<String>,
    /// Suites, dialects and requirements of your own, in place of the shipped suites.
    #[arg(long, value_name = "PATH")]
    with: Vec<PathBuf>,
    /// The name of the profile.
    #[arg(long, default_value = "probed")]
    name: String,
    /// Where the profile goes; to standard output without it.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn main(mut args: Args) -> u8 {
    let (library, plan, subject) = match prepare(&mut args) {
        Ok(ready) => ready,
        Err(why) => {
            error(&why);
            return USAGE;
        }
    };
    let shown = super::run::shown(&subject);
    let seen = match observe(&library, &plan, subject) {
        Ok(seen) => seen,
        Err(why) => {
            error(&why);
            if args.dialect.is_none() {
                let names: Vec<&str> = library.dialects.keys().map(String::as_str).collect();
                complain(&format!(
                    "  name the dialect that it speaks, if it is not all of them: --dialect {}",
                    names.join("|")
                ));
            }
            return NO_VERDICT;
        }
    };
    if seen.records.iter().all(|r| r.observed.is_empty()) {
        error("no case observed anything, so that there is nothing to be written");
        for record in seen.records.iter().filter(|r| !r.reason.is_empty()).take(5) {
            complain(&format!("  {}: {}", record.id, record.reason));
        }
        return NO_VERDICT;
    }
    match written(&args, &profile(&args.name, &shown, &library, &seen)) {
        Ok(()) => CONFORMS,
        Err(why) => {
            error(&why);
            USAGE
        }
    }
}

fn prepare(args: &mut Args) -> Result<(Library, Plan, Subject), String> {
    let library = sound(&args.with)?;
    if let Some(name) = &args.dialect
        && !library.dialects.contains_key(name)
    {
        let names: Vec<&str> = library.dialects.keys().map(String::as_str).collect();
        return Err(format!("there is no dialect `{name}`; there is {}", names.join(", ")));
    }
    if let Some(url) = args.url.take()
        && args.target.target.replace(url).is_some()
    {
        return Err("the server is named twice: by itself, and by --target".into());
    }
    let plan =
        Plan::new(&library, &[], Side::Server).map_err(|e| e.to_string())?.observing(args.dialect.as_deref());
    let subject = args.target.subject(Policy::default(), false)?;
    Ok((library, plan, subject))
}

fn written(args: &Args, text: &str) -> Result<(), String> {
    let Some(path) = &args.out else {
        say(text.trim_end());
        return Ok(());
    };
    let shown = path.display();
    std::fs::write(path, text).map_err(|e| format!("cannot write {shown}: {e}"))?;
    say(&format!("written to {shown}; to judge by it: stompliance run --profile {shown}"));
    Ok(())
}

/// What a run of the cases that observe has shown.
struct Seen {
    records: Vec<Record>,
    calibration: Option<Calibration>,
}

fn observe(library: &Library, plan: &Plan, subject: Subject) -> Result<Seen, String> {
    let settings = Settings { seed: epoch_ms() % 1_000_000, anchor_ms: epoch_ms(), ..Settings::default() };
    let job = Job {
        library,
        plan,
        subject,
        profile: Profile::default(),
        settings,
        folder: None,
        learned: Arc::default(),
    };
    let (records, cost) = records(job).map_err(|e| e.to_string())?;
    Ok(Seen { records, calibration: cost.calibration })
}

/// The profile: each point with the cases that saw it; those that nobody saw as comments, with the reason.
fn profile(name: &str, shown: &str, library: &Library, seen: &Seen) -> String {
    let today = day(epoch_ms());
    let mut out = format!(
        "# Written by `stompliance probe` {} on {today}.\n# What a server does is no promise: leave in what it is meant to keep, \
         and take out the rest.\nprofile: {}\ntitle: {}\npoints:\n",
        env!("CARGO_PKG_VERSION"),
        quoted(name),
        quoted(&format!("What {shown} showed"))
    );
    for dialect in spoken(library, seen) {
        for (key, _) in &dialect.points {
            point(&mut out, &key.name, seen);
        }
    }
    out
}

/// Dialects in which something was seen.
fn spoken<'l>(library: &'l Library, seen: &Seen) -> impl Iterator<Item = &'l Dialect> {
    let spoken: BTreeSet<String> = seen
        .records
        .iter()
        .filter(|r| !r.observed.is_empty())
        .filter_map(|r| r.case.as_ref().map(|case| case.dialect.clone()))
        .collect();
    library.dialects.values().filter(move |d| spoken.contains(&d.name)).map(|d| &**d)
}

fn point(out: &mut String, name: &str, seen: &Seen) {
    if out.lines().any(|line| line.trim_start_matches("  # ").trim_start().starts_with(&format!("{name}:"))) {
        // Two dialects may share a point.
        return;
    }
    if name == "ordering" {
        let _ = writeln!(out, "{}", ordering(seen));
        return;
    }
    let about = |r: &&Record| r.case.as_ref().is_some_and(|c| c.points.contains_key(name));
    let mut values: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for record in seen.records.iter().filter(about) {
        if let Some(value) = record.observed.get(name) {
            values.entry(value.to_string()).or_default().push(&record.id);
        }
    }
    let mut all: Vec<(String, Vec<&str>)> = values.into_iter().collect();
    all.sort_by_key(|(_, cases)| std::cmp::Reverse(cases.len()));
    let line = match &all[..] {
        [] => {
            let why = seen.records.iter().filter(about).find(|r| !r.reason.is_empty());
            let why = why.map_or("no case looks at it".to_owned(), |r| format!("{}: {}", r.id, r.reason));
            format!("  # {name}: not seen; {}", one_line(&why))
        }
        [(value, cases)] => {
            format!("  {:<32} # {}", format!("{name}: {}", value.trim_matches('"')), by(cases))
        }
        [(value, cases), others @ ..] => {
            let others =
                others.iter().map(|(other, cases)| format!("{} by {}", other.trim_matches('"'), by(cases)));
            let others = others.collect::<Vec<_>>().join("; ");
            format!("  # {name}: {}  by {}; but {others}: not pinned", value.trim_matches('"'), by(cases))
        }
    };
    let _ = writeln!(out, "{line}");
}

/// An order that was merely seen proves nothing: it is never pinned by itself.
fn ordering(seen: &Seen) -> String {
    let Some(calibration) = &seen.calibration else {
        return "  # ordering: not measured".into();
    };
    let within = || calibration.measured.iter().filter(|m| !m.across);
    let pairs: usize = within().map(|m| m.pairs).sum();
    let inverted: usize = within().map(|m| m.inverted).sum();
    if inverted > 0 {
        format!(
            "  {:<32} # {inverted} of {pairs} pairs of one sender's messages were inverted",
            "ordering: none"
        )
    } else {
        let why =
            format!("{pairs} pairs kept their order; that proves nothing: pin it if the server promises it");
        format!("  {:<32} # {why}", "# ordering: per-sender")
    }
}

fn by(cases: &[&str]) -> String {
    match cases {
        [one] => (*one).to_owned(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        [] => String::new(),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text as YAML takes it anywhere.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
