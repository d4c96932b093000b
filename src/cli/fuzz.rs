//! `stompliance fuzz`: inputs that nobody thought of, and what breaks by them as scenarios that anybody can run.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use clap::Parser;

use super::judging::{on_interrupt, progress};
use super::serve::policy;
use super::target::TargetArgs;
use super::{CONFORMS, FAILS, NO_VERDICT, USAGE, checked, complain, error, say, sound};
use crate::case::library::Library;
use crate::case::profile::Profile;
use crate::fuzz::{Family, Finding, How, MOST_FINDINGS, Outcome, Strategy, Told, before, hunt};
use crate::run::{Subject, epoch_ms};

/// Inputs in a second on a target that is not on loopback, unless it is said otherwise.
const RATE: u32 = 20;
/// How long it goes on where neither `--cases` nor `--for` says so.
const LASTS: Duration = Duration::from_secs(60);
/// Inputs in a scenario on a server that is not ours: its accounts connect for each.
const SCENARIO: usize = 400;
/// Scenarios at a time on such a server, as far as accounts suffice.
const AT_A_TIME: usize = 8;

/// Arguments of `fuzz`.
#[derive(Debug, Parser)]
pub(super) struct Args {
    /// Files or folders with dialects and profiles of your own.
    files: Vec<PathBuf>,
    #[command(flatten)]
    target: TargetArgs,
    /// What the target is said to be: a shipped profile's name, or a file.
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// Which inputs, in each dialect of the profile; all of them in turn, where none is named.
    #[arg(long, value_name = "STRATEGY")]
    strategy: Vec<Choice>,
    /// How many inputs, in whole scenarios.
    #[arg(long, value_name = "N")]
    cases: Option<u64>,
    /// The most time; a minute, where neither this nor --cases is given.
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    lasts: Option<Duration>,
    /// Everything that looks like chance depends on it; printed with every run.
    #[arg(long)]
    seed: Option<u64>,
    /// Workers, each with an embedded server of its own; of a target, scenarios at a time. As many as there are processors.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// The folder in which findings are left.
    #[arg(long, default_value = "fixtures/findings", value_name = "PATH")]
    out: PathBuf,
    /// Where what it came to goes as JSON.
    #[arg(long, value_name = "PATH")]
    json: Option<PathBuf>,
    /// Fuzz the embedded server with a defect.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["target", "config"])]
    defect: Option<String>,
    /// Fuzz the embedded server as it may be otherwise; serve --list-variants names them.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["target", "config", "defect"])]
    variant: Option<String>,
    /// The least that is waited for something that must come.
    #[arg(long, default_value = "5s", value_name = "TIME", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// Say that you may do this to a target that is not on this machine.
    #[arg(long)]
    i_own_this_target: bool,
    /// The most inputs in a second on a target that is not on this machine.
    #[arg(long, default_value_t = RATE, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
}

/// A family of inputs, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    One(Family),
    All,
}

impl clap::ValueEnum for Choice {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [Choice; 6] = [
            Choice::One(Family::Frames),
            Choice::One(Family::Bytes),
            Choice::One(Family::Websocket),
            Choice::One(Family::Bodies),
            Choice::One(Family::Sessions),
            Choice::All,
        ];
        &ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        match self {
            Choice::One(family) => family.to_possible_value(),
            Choice::All => Some(clap::builder::PossibleValue::new("all").help("All of these in turn")),
        }
    }
}

impl Choice {
    fn families(&self) -> &[Family] {
        match self {
            Choice::One(family) => std::slice::from_ref(family),
            Choice::All => &Family::ALL,
        }
    }
}

pub(super) fn main(args: &Args) -> u8 {
    match prepare(args) {
        Ok((library, subject, profile, how)) => fuzz(args, &library, &subject, &profile, &how),
        Err(why) => {
            error(&why);
            USAGE
        }
    }
}

fn prepare(args: &Args) -> Result<(Library, Subject, Profile, How), String> {
    let mut library = sound(&args.files)?;
    let subject = args.target.subject(policy(args.defect.as_ref(), args.variant.as_ref())?, true)?;
    let profile = subject.profile(&mut library, args.profile.as_deref())?;
    checked(&library)?;
    let (remote, far) = match &subject {
        Subject::Remote(target) => (true, !target.is_loopback()),
        Subject::Embedded { .. } | Subject::Client(_) => (false, false),
    };
    if far && !args.i_own_this_target {
        return Err(
            "this target is not on this machine: fuzz only what is yours, and say so by --i-own-this-target"
                .into(),
        );
    }
    let mut families: Vec<Family> = args.strategy.iter().flat_map(Choice::families).copied().collect();
    if families.is_empty() {
        families = Family::ALL.to_vec();
    }
    families.sort();
    families.dedup();
    let mut strategies = Strategy::all(&families, &library, &profile);
    if remote {
        let most = if far { args.rate as usize } else { SCENARIO };
        strategies = strategies.into_iter().map(|strategy| strategy.up_to(most)).collect();
    }
    if strategies.is_empty() {
        return Err(
            "no dialect of this profile says how the fuzzer does this: docs/language.md 8, `fuzz`".into()
        );
    }
    let seed = args.seed.unwrap_or_else(|| epoch_ms() % 1_000_000);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let how = How {
        seed,
        strategies,
        jobs: args.jobs.map_or(if remote { AT_A_TIME } else { processors }, usize::from),
        cases: args.cases,
        lasts: args.lasts.or(args.cases.is_none().then_some(LASTS)),
        rate: far.then_some(args.rate),
        floor: args.timeout,
        before: before(&args.out, seed),
        most: MOST_FINDINGS,
        shrinks: true,
    };
    // What cannot be written is known before anything is tried.
    std::fs::create_dir_all(&args.out).map_err(|e| format!("cannot write to {}: {e}", args.out.display()))?;
    Ok((library, subject, profile, how))
}

fn fuzz(args: &Args, library: &Library, subject: &Subject, profile: &Profile, how: &How) -> u8 {
    let words: Vec<String> = how.strategies.iter().map(Strategy::word).collect();
    let name = if profile.name.is_empty() { "none" } else { &profile.name };
    say(&format!(
        "stompliance {} fuzzes {}, profile {name}: {}, seed {}",
        env!("CARGO_PKG_VERSION"),
        super::run::shown(subject),
        words.join(", "),
        how.seed
    ));
    let stop = Arc::new(AtomicBool::new(false));
    let told = stop.clone();
    on_interrupt(move || told.store(true, Ordering::Relaxed));
    let bar = progress();
    bar.set_length(how.cases.unwrap_or_default());
    let (flags, found) = (flags(args), AtomicUsize::new(0));
    let tell = |event: Told<'_>| match event {
        Told::Tried(cases, strategy) => {
            bar.set_position(cases);
            let rate = cases as f64 / bar.elapsed().as_secs_f64().max(0.001);
            let left = how.lasts.map_or(String::new(), |lasts| {
                format!(", {} s left", lasts.saturating_sub(bar.elapsed()).as_secs())
            });
            bar.set_message(format!(
                "{cases} tried, {rate:.0} a second, {} found, {}{left}",
                found.load(Ordering::Relaxed),
                strategy.word()
            ));
        }
        Told::Found(finding) => {
            found.fetch_add(1, Ordering::Relaxed);
            bar.suspend(|| tell_finding(args, finding, &flags));
        }
        // They are told at the end, with how often.
        Told::Odd(_) => {}
    };
    let outcome = hunt(library, subject, profile, how, &stop, &tell);
    bar.finish_and_clear();
    match outcome {
        Ok(outcome) => {
            if let Some(path) = &args.json
                && let Err(why) = std::fs::write(path, outcome.json(how).to_string() + "\n")
            {
                complain(&format!("cannot write {}: {why}", path.display()));
            }
            concluded(&outcome)
        }
        Err(why) => {
            error(&why.to_string());
            NO_VERDICT
        }
    }
}

fn tell_finding(args: &Args, finding: &Finding, flags: &str) {
    let failure = &finding.failure;
    let clause = if failure.clause.is_empty() { "the target went down" } else { &failure.clause };
    say(&format!("\nfound    {clause}"));
    say(&format!("  expected  {}", crate::report::visible(&failure.expected)));
    say(&format!("  came      {}", crate::report::visible(&failure.got)));
    if !finding.reproduced {
        say("  note      it did not break again alone: a race, or the state that others left");
    }
    match finding.write(&args.out, flags) {
        Ok(path) => say(&format!("  again     stompliance run {}{flags}", path.display())),
        Err(why) => complain(&format!("cannot write the finding: {why}")),
    }
}

/// The flags that lead to the same target, without its secrets.
fn flags(args: &Args) -> String {
    let mut out = String::new();
    let mut flag = |name: &str, value: &Option<String>| {
        if let Some(value) = value {
            out.push_str(&format!(" --{name} {value}"));
        }
    };
    flag("defect", &args.defect);
    flag("variant", &args.variant);
    flag("profile", &args.profile);
    out.push_str(&args.target.rerun());
    out
}

fn concluded(outcome: &Outcome) -> u8 {
    let seconds = outcome.took.as_secs_f64();
    let rate = outcome.cases as f64 / seconds.max(0.001);
    for (why, times) in outcome.unjudged.iter().chain(&outcome.lacking) {
        complain(&format!("{times} scenarios could not be judged: {why}"));
    }
    for (clause, oddity) in outcome.oddities.iter().filter(|(_, oddity)| oddity.taken > 0) {
        say(&format!(
            "\nodd      {clause}: {} of {} inputs that break it were neither answered by ERROR nor ended",
            oddity.taken, oddity.tried
        ));
        say(&format!("  for one   {}", oddity.example));
    }
    for (word, clauses) in [("warn", &outcome.advice), ("known", &outcome.known)] {
        let all: Vec<String> = clauses.iter().map(|(clause, n)| format!("{clause} ({n} times)")).collect();
        if !all.is_empty() {
            say(&format!("\n{word:<8} {}", all.join(", ")));
        }
    }
    let found = outcome.findings.len();
    let stopped = if outcome.stopped { ", stopped before the end" } else { "" };
    say(&format!(
        "\n{} inputs, {found} findings  ({seconds:.1} s, {rate:.0} a second{stopped})",
        outcome.cases
    ));
    match (found, outcome.cases, outcome.unjudged.is_empty()) {
        (1.., _, _) => FAILS,
        (0, 1.., true) => CONFORMS,
        _ => NO_VERDICT,
    }
}
