//! What every command does that judges: it takes a selection of cases and what the user wants of the run, carries the plan out,
//! shows what comes of it, and writes the reports.
//!
//! It relies on a subject that somebody else has found. `run` judges servers, `check-client` clients.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::watch;

use super::outputs::{self, Outputs};
use super::{CONFORMS, FAILS, NO_VERDICT, USAGE, checked, complain, error, known, lang, layout, say, sound};
use crate::case::library::{EMBEDDED, Library};
use crate::case::profile::{Profile, is_profile_file};
use crate::case::script::Side;
use crate::judge::Verdict;
use crate::report::{Collector, Gathered, RunInfo, console, json};
use crate::run::journal::JournalFolder;
use crate::run::{
    Client, Cost, Door, Job, Plan, RunError, RunEvent, Settings, Stopped, Subject, Tell, epoch_ms, execute,
};

/// What is judged, and how it is told.
#[derive(Debug, clap::Args)]
pub(super) struct Judging {
    /// Which cases: patterns over suites, cases and requirements (`im/revoke`, 'im/auth/*', STOMP12-VER-05; `*` is the
    /// only wildcard), or suite files of your own.
    patterns: Vec<String>,
    /// What is judged is said to be: a shipped profile's name, or a file.
    #[arg(long, value_name = "PROFILE")]
    pub(super) profile: Option<String>,
    /// Only cases with one of these tags (`time`: those that take seconds).
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// No cases with one of these tags.
    #[arg(long, value_name = "TAG")]
    skip_tag: Vec<String>,
    /// Print what would run, and run nothing.
    #[arg(long)]
    list: bool,
    /// Cases at a time.
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
    /// Stop at the first failure.
    #[arg(long)]
    fail_fast: bool,
    /// The least that is waited for something that must come.
    #[arg(long, default_value = "5s", value_name = "TIME", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// Run every case so many times.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    repeat: u16,
    /// The seed of marks, mask keys and order; printed with every run.
    #[arg(long)]
    seed: Option<u64>,
    /// Count a broken SHOULD as a failure.
    #[arg(long)]
    strict: bool,
    /// Go on where the preflight says that nothing can be judged.
    #[arg(long)]
    no_preflight: bool,
    /// Where run.json goes.
    #[arg(long, default_value = "reports/latest/run.json", value_name = "PATH")]
    json: PathBuf,
    #[command(flatten)]
    outputs: Outputs,
    /// Add what fails to the known failures of the profile, a file, with reasons to be found.
    #[arg(long, requires = "profile")]
    update_known: bool,
    /// A line for every case.
    #[arg(short, long)]
    verbose: bool,
}

/// Everything that a run needs, once it is known to make sense.
pub(super) struct Ready {
    library: Library,
    plan: Plan,
    pub(super) subject: Subject,
    profile: Profile,
    pub(super) settings: Settings,
}

impl Judging {
    /// Suite files among the patterns, as flags that lead to them again.
    fn files(&self) -> (Vec<PathBuf>, Vec<String>) {
        let (files, patterns): (Vec<&String>, Vec<&String>) = self.patterns.iter().partition(|p| is_file(p));
        (files.into_iter().map(PathBuf::from).collect(), patterns.into_iter().cloned().collect())
    }

    /// Loads the suites and selects what is asked for, on this subject: what is below this folder where nothing is.
    pub(super) fn prepare(
        &self,
        subject: Subject,
        judges: Side,
        folder: Option<&str>,
    ) -> Result<Ready, String> {
        let (files, patterns) = self.files();
        let mut library = sound(&files)?;
        if self.update_known && !self.profile.as_deref().is_some_and(is_profile_file) {
            return Err(
                "--update-known wants a profile that is a file, --profile FILE: what is shipped is not yours"
                    .into(),
            );
        }
        let profile = subject.profile(&mut library, self.profile.as_deref())?;
        checked(&library)?;
        let usual = folder.filter(|_| patterns.is_empty() && library.shipped).map(str::to_owned);
        let selected: Vec<String> = patterns.iter().cloned().chain(usual).collect();
        let mut plan = Plan::new(&library, &selected, judges).map_err(|e| e.to_string())?;
        if let (true, Some(folder)) = (selected.len() > patterns.len(), folder) {
            // A folder is judged by its own rules.
            plan.rules.retain(|rule| rule.id.starts_with(&format!("{folder}/")));
        }
        let plan =
            if patterns.is_empty() && library.shipped { plan.speaking(&profile.dialects)? } else { plan };
        let plan = match (&self.tag[..], &self.skip_tag[..]) {
            ([], []) => plan,
            (only, without) => plan.tagged(only, without)?,
        };
        let settings = Settings {
            seed: self.seed.unwrap_or_else(|| epoch_ms() % 1_000_000),
            anchor_ms: epoch_ms(),
            floor: self.timeout,
            jobs: usize::from(self.jobs),
            fail_fast: self.fail_fast,
            repeat: usize::from(self.repeat),
            no_preflight: self.no_preflight,
            ..Settings::default()
        };
        Ok(Ready { library, plan, subject, profile, settings })
    }

    /// Does what was asked for: lists the plan, or carries it out. `rerun` are the flags that lead to the same subject
    /// again, and what comes behind all flags.
    pub(super) fn carry_out(&self, ready: Result<Ready, String>, shown: &str, rerun: (&str, &str)) -> u8 {
        let done = ready.and_then(|ready| {
            if self.list {
                list(&ready.plan);
                return Ok(CONFORMS);
            }
            let folder = folders(self)?;
            Ok(run(self, ready, &folder, shown, rerun))
        });
        done.unwrap_or_else(|why| {
            error(&why);
            USAGE
        })
    }

    /// The flags that select the same cases again.
    fn rerun(&self, (of_subject, last): (&str, &str), seed: u64) -> String {
        let files = self.files().0;
        let files = files.iter().map(|path| format!(" {}", path.display()));
        let profile = self.profile.iter().map(|profile| format!(" --profile {profile}"));
        files.chain([of_subject.to_owned()]).chain(profile).collect::<String>()
            + &format!(" --seed {seed}{last}")
    }
}

/// Whether a pattern is a file or folder of suites. A folder that is called like shipped suites is one with `/` behind.
fn is_file(pattern: &str) -> bool {
    let path = Path::new(pattern);
    let yaml = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
    let shipped = |(file, _): &(&str, &str)| {
        file.strip_prefix("suites/")
            .and_then(|f| f.strip_prefix(pattern))
            .is_some_and(|f| f.starts_with(['/', '.']))
    };
    yaml || (path.is_dir() && (pattern.ends_with('/') || !EMBEDDED.iter().any(shipped)))
}

fn list(plan: &Plan) {
    for case in &plan.cases {
        say(&format!("{}  {}", case.id, case.title));
    }
    for rule in &plan.rules {
        say(&format!("{}  {}", rule.id, rule.title));
    }
}

/// Makes the folders of the reports, so that what cannot be written is known before the run.
fn folders(args: &Judging) -> Result<JournalFolder, String> {
    let bad = |path: &Path, e: std::io::Error| format!("cannot write to {}: {e}", path.display());
    outputs::prepare(&args.json)?;
    args.outputs.or_latest().prepare()?;
    let beside = |suffix: &str| PathBuf::from(format!("{}{suffix}", args.json.display()));
    let folder = JournalFolder { journals: beside(".journal"), bodies: beside(".bodies") };
    for path in [&folder.journals, &folder.bodies] {
        match std::fs::remove_dir_all(path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(bad(path, e)),
            _ => {}
        }
    }
    std::fs::create_dir_all(&folder.journals).map_err(|e| bad(&folder.journals, e))?;
    Ok(folder)
}

/// Takes away what was prepared for reports that there will not be: an empty one would be taken for a report.
fn discard(args: &Judging, folder: &JournalFolder) {
    let _ = std::fs::remove_dir_all(&folder.journals);
    outputs::discard(&args.json);
    args.outputs.or_latest().discard();
}

fn run(args: &Judging, ready: Ready, folder: &JournalFolder, shown: &str, rerun: (&str, &str)) -> u8 {
    let Ready { library, plan, subject, profile, settings } = ready;
    let in_memory = subject.in_memory();
    let profile_name = if profile.name.is_empty() { "none" } else { &profile.name };
    say(&format!(
        "stompliance {} on {shown}, profile {profile_name}: {} cases, {} rules, seed {}",
        env!("CARGO_PKG_VERSION"),
        plan.cases.len() * settings.repeat,
        plan.rules.len(),
        settings.seed
    ));
    let collector = Arc::new(Collector::new(folder.journals.clone()));
    let bar = progress();
    let door = match &subject {
        Subject::Client(Client::Visitor(door)) => Some(door.clone()),
        _ => None,
    };
    let (stopper, stop) = watch::channel(false);
    let leaving = door.clone();
    on_interrupt(move || {
        let _ = stopper.send(true);
        if let Some(door) = leaving {
            door.dismiss();
        }
    });
    let tell = teller(collector.clone(), bar.clone(), door, args.verbose);
    let seed = settings.seed;
    let job = Job {
        library: &library,
        plan: &plan,
        subject,
        profile: profile.clone(),
        settings,
        folder: Some(folder.clone()),
        learned: Arc::default(),
    };
    let cost = execute(job, tell, stop);
    bar.finish_and_clear();
    let cost = match cost {
        Ok(cost) => cost,
        Err(why) => {
            error(&why.to_string());
            discard(args, folder);
            return if matches!(why, RunError::Tls(_)) { USAGE } else { NO_VERDICT };
        }
    };
    let gathered = collector.gathered();
    let info = info(shown, seed, args.rerun(rerun, seed), in_memory, &cost, profile, &gathered);
    if cost.stopped == Some(Stopped::ByBudget) {
        complain("the budget's wall time is over: what had not been judged by then was not");
    }
    say(console::summary(&info, &gathered, &library.catalogue, layout()).trim_end());
    let written = write_reports(args, &info, &gathered, &library);
    let _ = std::fs::remove_dir_all(&folder.journals);
    match written {
        Ok(()) => {
            let outputs = args.outputs.or_latest();
            let paths = [&args.json].into_iter().map(PathBuf::as_path).chain(outputs.paths());
            let shown: Vec<String> = paths.map(|path| path.display().to_string()).collect();
            say(&format!("reports: {}", shown.join(", ")));
        }
        Err(why) => {
            error(&why);
            return NO_VERDICT;
        }
    }
    if let (true, Some(path)) = (args.update_known, &args.profile) {
        match known::update(Path::new(path), &gathered.briefs) {
            Ok(0) => say(&format!("{path}: nothing to be added")),
            Ok(count) => say(&format!("{path}: {count} entries added, with reasons to be found")),
            Err(why) => {
                error(&why);
                return USAGE;
            }
        }
    }
    exit_code(&gathered, args.strict, info.interrupted)
}

pub(super) fn progress() -> ProgressBar {
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {wide_msg}") {
        bar.set_style(style);
    }
    bar
}

/// What is done with each event: gathered, shown.
fn teller(collector: Arc<Collector>, bar: ProgressBar, door: Option<Arc<Door>>, verbose: bool) -> Tell {
    Arc::new(move |event| {
        if let Some(door) = &door {
            door.note(&event);
        }
        match event {
            RunEvent::Started { total } => bar.set_length(total as u64),
            RunEvent::Began { id } => bar.set_message(id),
            RunEvent::Finished(record) => {
                let brief = collector.take(&record);
                bar.inc(1);
                let bad =
                    matches!(brief.verdict, Verdict::Fail | Verdict::Error | Verdict::Warn | Verdict::Fixed);
                if verbose || bad {
                    bar.suspend(|| say(&console::line(&brief, lang())));
                }
            }
        }
    })
}

/// The first Ctrl-C stops what is under way, which still tells what it has found; the second ends the process.
pub(super) fn on_interrupt(stop: impl FnOnce() + Send + 'static) {
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            if tokio::signal::ctrl_c().await.is_ok() {
                stop();
            }
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(130);
            }
        });
    });
}

fn info(
    target: &str,
    seed: u64,
    rerun: String,
    in_memory: bool,
    cost: &Cost,
    profile: Profile,
    gathered: &Gathered,
) -> RunInfo {
    let started = std::time::UNIX_EPOCH + Duration::from_millis(cost.started_ms);
    RunInfo {
        schema: json::SCHEMA,
        stompliance: env!("CARGO_PKG_VERSION").into(),
        target: target.to_owned(),
        started: humantime::format_rfc3339_millis(started).to_string(),
        duration_ms: cost.duration.as_millis() as u64,
        seed,
        rerun,
        in_memory,
        interrupted: cost.stopped.is_some(),
        waiting: cost.waiting.iter().map(|(name, ms)| ((*name).to_owned(), *ms)).collect(),
        expected: gathered.expected,
        made: gathered.made,
        summary: gathered.summary.clone(),
        profile,
        observed: cost.observed.clone(),
        calibration: cost.calibration.as_ref().map(|calibration| {
            serde_json::json!({
                "keeps_order": calibration.keeps_order && cost.inversions == 0,
                "measured": calibration.measured,
                "inversions": cost.inversions,
            })
        }),
    }
}

fn write_reports(
    args: &Judging,
    info: &RunInfo,
    gathered: &Gathered,
    library: &Library,
) -> Result<(), String> {
    let bad = |path: &Path, e: std::io::Error| format!("cannot write {}: {e}", path.display());
    if let Some(why) = &gathered.failed {
        return Err(format!("a record could not be written: {why}"));
    }
    json::write(&args.json, info, &gathered.briefs).map_err(|e| bad(&args.json, e))?;
    args.outputs.or_latest().write(info, &gathered.briefs, library)
}

/// The exit code (docs/verdicts.md): a failure comes before what has no verdict, and zero checks are never green.
pub(super) fn exit_code(gathered: &Gathered, strict: bool, interrupted: bool) -> u8 {
    let count = |verdict: Verdict| gathered.summary.of(verdict);
    if count(Verdict::Fail) + count(Verdict::Fixed) > 0 || (strict && count(Verdict::Warn) > 0) {
        FAILS
    } else if count(Verdict::Error) > 0 || interrupted || gathered.made == 0 {
        NO_VERDICT
    } else {
        CONFORMS
    }
}
