//! `stompliance prove`: how well does this program judge?

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Parser;
use colored::Colorize as _;
use indicatif::ProgressBar;

use super::network::Network;
use super::{CONFORMS, FAILS, say, sound};
use crate::case::library::Library;
use crate::case::script::Side;
use crate::defect::Defect;
use crate::link::Badness;
use crate::prove::fuzzed::{self, Fuzzed};
use crate::prove::matrix::{Clean, FlakeRow, Matrix, NullRow};
use crate::prove::{
    Accused, Caught, Conviction, How, ProveError, false_alarms, flakes, null, on_all_cores, try_defect,
    try_on, verdicts,
};
use crate::reference::{Policy, variants};

/// Every how many-th defect is tried over sockets as well.
const SAMPLE: usize = 10;
/// Defects that are repeated beside the correct server or client: of content, of absence, of time.
fn repeated(side: Side) -> [&'static str; 3] {
    match side {
        Side::Server => ["content-trimmed", "eavesdrop-other-user", "beats-too-slow"],
        Side::Client => ["content-trimmed", "shows-nothing", "beats-too-slowly"],
    }
}

/// Arguments of `prove`.
#[derive(Debug, Parser)]
pub(super) struct Args {
    /// Clients in place of servers: the reference client must be clean, and each of its defects caught.
    #[arg(long, conflicts_with_all = ["null", "fuzz"])]
    clients: bool,
    /// Only these defects, and nothing else.
    #[arg(long, value_name = "NAME")]
    defect: Vec<String>,
    /// How often a defect is tried that shows only sometimes.
    #[arg(long, default_value_t = 1, value_name = "N")]
    hard_runs: usize,
    /// Only servers that are none: what they pass must be what is listed.
    #[arg(long, conflicts_with_all = ["defect", "repeat"])]
    null: bool,
    /// Only repetitions: N runs of the correct server and of three defects must give the same verdicts.
    #[arg(long, value_name = "N", conflicts_with = "defect")]
    repeat: Option<usize>,
    /// Only the fuzzer: what it finds of the defects that concern frames or delivery (or of those named), each within a budget of inputs.
    #[arg(long, conflicts_with_all = ["null", "repeat", "over_sockets"])]
    fuzz: bool,
    /// The most inputs for a defect, with --fuzz.
    #[arg(long, default_value_t = 50_000, value_name = "N")]
    budget: u64,
    /// Over sockets and by the real clock, in place of memory and virtual time.
    #[arg(long)]
    over_sockets: bool,
    #[command(flatten)]
    network: Network,
    /// Name the cases that no defect fails, nor any real server of the shipped profiles.
    #[arg(long)]
    idle_cases: bool,
    /// The seed of marks, mask keys and order.
    #[arg(long, default_value_t = 3)]
    seed: u64,
    /// Where the matrix goes as JSON.
    #[arg(long, default_value = "reports/latest/prove.json", value_name = "PATH")]
    json: PathBuf,
    /// Put what it came to into this document as well, between the lines `<!-- matrix -->` and `<!-- end -->`.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["defect", "null", "repeat"])]
    doc: Option<PathBuf>,
    /// Where it goes as a page.
    #[arg(long, default_value = "reports/latest/prove.html", value_name = "PATH")]
    html: PathBuf,
}

pub(super) fn main(args: &Args) -> Result<u8, String> {
    let library = sound(&[])?;
    if args.fuzz {
        return fuzz(args, &library);
    }
    let begun = Instant::now();
    let (stompliance, side) = (env!("CARGO_PKG_VERSION"), side(args));
    let mut matrix = Matrix { stompliance, side, seed: args.seed, ..Matrix::default() };
    prove(args, &library, &mut matrix).map_err(|e| e.to_string())?;
    matrix.took_s = begun.elapsed().as_secs();
    write(&args.json, &serde_json::to_string_pretty(&matrix).map_err(|e| e.to_string())?)?;
    write(&args.html, &matrix.html().map_err(|e| e.to_string())?)?;
    if let Some(path) = &args.doc {
        write(path, &filled(path, &matrix.markdown())?)?;
    }
    tell(args, &matrix);
    Ok(if matrix.complaints().is_empty() { CONFORMS } else { FAILS })
}

fn prove(args: &Args, library: &Library, matrix: &mut Matrix) -> Result<(), ProveError> {
    let how = How { seed: args.seed, over_sockets: args.over_sockets, chaos: args.network.badness() };
    if let Some(times) = args.repeat {
        return repeat(library, times, how, matrix);
    }
    if args.null {
        return nulls(library, how, matrix);
    }
    let (some, side) = (named(args)?, matrix.side);
    if args.defect.is_empty() {
        clean(library, how, matrix)?;
        if side == Side::Server {
            nulls(library, how, matrix)?;
        }
    }
    matrix.defects = convict(library, side, &some, args.hard_runs, how)?;
    if args.defect.is_empty() && !how.over_sockets {
        let sample: Vec<_> = some.iter().copied().filter(|d| !d.hard).step_by(SAMPLE).collect();
        matrix.over_sockets = convict(library, side, &sample, 1, How { over_sockets: true, ..how })?;
        matrix.conclude(library);
    }
    Ok(())
}

fn side(args: &Args) -> Side {
    if args.clients { Side::Client } else { Side::Server }
}

/// The defects that were named; all of them, where none was.
fn named(args: &Args) -> Result<Vec<&'static Defect>, ProveError> {
    let all = Accused::defects(side(args));
    for name in &args.defect {
        Accused::with_defect(side(args), name)?;
    }
    let wanted =
        |defect: &&Defect| args.defect.is_empty() || args.defect.iter().any(|name| name == defect.name);
    Ok(all.into_iter().filter(wanted).collect())
}

/// What the fuzzer finds of each defect, and nothing of the correct server.
fn fuzz(args: &Args, library: &Library) -> Result<u8, String> {
    let (budget, seed, begun) = (args.budget, args.seed, Instant::now());
    let mut some = named(args).map_err(|e| e.to_string())?;
    if args.defect.is_empty() {
        some.retain(|defect| fuzzed::concerns(library, defect));
    }
    let search = |policy, breaks: &[&str]| fuzzed::search(library, policy, breaks, seed, budget);
    let (_, alarm) = search(Policy::default(), &[]).map_err(|e| e.to_string())?;
    let bar = bar("defects fuzzed", some.len());
    let rows = on_all_cores(&some, |&defect| {
        let (cases, found) = search(Policy::with_defect(defect.name)?, defect.breaks)?;
        let row = Fuzzed { defect, cases, found };
        bar.suspend(|| say(&fuzzed_line(&row)));
        bar.inc(1);
        Ok::<_, ProveError>(row)
    });
    bar.finish_and_clear();
    let rows: Vec<Fuzzed> = rows.into_iter().collect::<Result<_, _>>().map_err(|e| e.to_string())?;
    if let Some(path) = &args.doc {
        write(path, &filled(path, &fuzzed::markdown(&rows, seed, budget))?)?;
    }
    if let Some(alarm) = &alarm {
        say(&format!("{} the correct server is said to break {}", "wrong:".red().bold(), alarm.clause));
    }
    let missed = rows.iter().filter(|row| row.found.is_none()).count();
    say(&format!(
        "\n{} of {} defects found ({} s)",
        rows.len() - missed,
        rows.len(),
        begun.elapsed().as_secs()
    ));
    Ok(if missed == 0 && alarm.is_none() { CONFORMS } else { FAILS })
}

fn fuzzed_line(Fuzzed { defect, cases, found }: &Fuzzed) -> String {
    match found {
        None => format!("{}    {} in {cases} inputs", "missed".red(), defect.name),
        Some(found) => {
            let word = if found.listed { "found    ".green() } else { "elsewhere".yellow() };
            let by = found.scenario.as_deref().unwrap_or("oddity");
            format!("{word} {} within {cases} inputs: {}, {by}", defect.name, found.clause)
        }
    }
}

fn bar(title: &str, length: usize) -> ProgressBar {
    let bar = super::judging::progress();
    bar.set_length(length as u64);
    bar.set_message(title.to_owned());
    bar
}

/// The correct server or client, and its variants.
fn clean(library: &Library, how: How, matrix: &mut Matrix) -> Result<(), ProveError> {
    let all = Accused::conforming(matrix.side);
    let bar = bar("those that must be clean", all.len());
    let tried = on_all_cores(&all, |(name, description, accused)| {
        let records = try_on(library, *accused, &[], how)?;
        bar.inc(1);
        let alarms = false_alarms(&records);
        Ok(Clean { name: (*name).into(), description: (*description).into(), tried: records.len(), alarms })
    });
    matrix.clean = tried.into_iter().collect::<Result<_, ProveError>>()?;
    Ok(())
}

fn nulls(library: &Library, how: How, matrix: &mut Matrix) -> Result<(), ProveError> {
    let bar = bar("servers that are none", variants::nulls().len());
    let all: Vec<_> = variants::nulls().iter().collect();
    let tried = on_all_cores(&all, |one| {
        let records = try_on(library, Accused::Server(one.policy()), &[], how)?;
        bar.inc(1);
        Ok(NullRow::new(one, null::passed(one.name, &records)))
    });
    matrix.nulls = tried.into_iter().collect::<Result<_, ProveError>>()?;
    Ok(())
}

fn convict(
    library: &Library,
    side: Side,
    some: &[&'static Defect],
    runs: usize,
    how: How,
) -> Result<Vec<Conviction>, ProveError> {
    let bar = bar(if how.over_sockets { "defects over sockets" } else { "defects" }, some.len());
    let tried = on_all_cores(some, |defect| {
        let conviction = try_defect(library, side, defect, runs, how)?;
        bar.inc(1);
        Ok(conviction)
    });
    tried.into_iter().collect()
}

fn repeat(library: &Library, times: usize, how: How, matrix: &mut Matrix) -> Result<(), ProveError> {
    let side = matrix.side;
    let named = repeated(side).map(|name| Accused::with_defect(side, name).map(|accused| (name, accused)));
    let named = named.into_iter().collect::<Result<Vec<_>, _>>()?;
    let bar = bar("repetitions", times * (named.len() + 1));
    matrix.repeated = times;
    for (name, accused) in std::iter::once(("correct", Accused::correct(side))).chain(named) {
        let nth: Vec<u64> = (0..times as u64).collect();
        let runs = on_all_cores(&nth, |nth| {
            let chaos = how.chaos.map(|badness| Badness { seed: badness.seed + nth, ..badness });
            let how = How { seed: how.seed + nth, chaos, ..how };
            let records = try_on(library, accused, &[], how)?;
            bar.inc(1);
            Ok(verdicts(&records))
        });
        let runs = runs.into_iter().collect::<Result<Vec<_>, ProveError>>()?;
        let row = |(case, verdicts)| FlakeRow { server: name.to_owned(), case, verdicts };
        matrix.flakes.extend(flakes(&runs).into_iter().map(row));
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let whole = |e: std::io::Error| format!("cannot write {}: {e}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(whole)?;
    }
    std::fs::write(path, text).map_err(whole)
}

/// A document with its middle replaced.
fn filled(path: &Path, middle: &str) -> Result<String, String> {
    const MARKS: [&str; 2] = ["<!-- matrix -->\n", "<!-- end -->\n"];
    let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let parts = text.split_once(MARKS[0]).and_then(|(head, rest)| Some((head, rest.split_once(MARKS[1])?.1)));
    let (head, tail) = parts
        .ok_or_else(|| format!("{} has no lines `<!-- matrix -->` and `<!-- end -->`", path.display()))?;
    Ok(format!("{head}{}{middle}{}{tail}", MARKS[0], MARKS[1]))
}

fn tell(args: &Args, matrix: &Matrix) {
    for row in &matrix.defects {
        say(&line(row));
        if let Some(diagnosis) = row.diagnosis.as_ref().filter(|_| !args.defect.is_empty()) {
            say(&format!("{diagnosis}\n"));
        }
    }
    for clean in matrix.clean.iter().filter(|c| c.alarms.is_empty()) {
        say(&format!("{}     {} ({} cases and rules)", "clean".green(), clean.name, clean.tried));
    }
    for null in &matrix.nulls {
        say(&format!("null      {} passes {} cases and rules", null.name, null.passes));
    }
    let bare = matrix.unbroken();
    if !bare.is_empty() {
        say(&format!("\n{} MUSTs that no defect was caught at: {}", bare.len(), bare.join(", ")));
    }
    if args.idle_cases {
        say(&format!("\n{} cases and rules that nothing here fails:", matrix.idle.len()));
        matrix.idle.iter().for_each(|id| say(&format!("  {id}")));
    }
    let complaints = matrix.complaints();
    if !complaints.is_empty() {
        say("");
    }
    for complaint in &complaints {
        say(&format!("{} {complaint}", "wrong:".red().bold()));
    }
    say(&format!("\n{}", sum(matrix, complaints.len())));
    say(&format!("matrix: {}, {}", args.html.display(), args.json.display()));
}

/// What all of it came to, in a line.
fn sum(matrix: &Matrix, wrong: usize) -> String {
    let mut parts = Vec::new();
    if !matrix.clean.is_empty() {
        let clean = matrix.clean.iter().filter(|c| c.alarms.is_empty()).count();
        let side = matrix.side.word();
        parts.push(format!("{clean} of {} {side}s that conform are clean", matrix.clean.len()));
    }
    for (rows, what) in [(&matrix.defects, "defects"), (&matrix.over_sockets, "of a sample over sockets")] {
        if !rows.is_empty() {
            let caught = rows.iter().filter(|row| row.is_caught()).count();
            parts.push(format!("{caught} of {} {what} are caught at a clause that they break", rows.len()));
        }
    }
    if !matrix.nulls.is_empty() {
        let kept = matrix.nulls.iter().filter(|n| n.unlisted.is_empty() && n.vanished.is_empty()).count();
        parts.push(format!("{kept} of {} null servers pass what is listed", matrix.nulls.len()));
    }
    if matrix.repeated > 0 {
        parts.push(format!("{} repetitions, {} flakes", matrix.repeated, matrix.flakes.len()));
    }
    let all = if wrong == 0 { "all as it must be".green() } else { format!("{wrong} things wrong").red() };
    format!("{}: {} ({} s)", all.bold(), parts.join("; "), matrix.took_s)
}

fn line(row: &Conviction) -> String {
    let Defect { name, breaks, hard, .. } = row.defect;
    let word = format!("{:9}", row.outcome.word());
    let word = match row.outcome {
        Caught::AtItsClause => word.green(),
        Caught::Elsewhere => word.yellow(),
        Caught::Missed => word.red(),
    };
    let times = if *hard { format!(" ({} of {} runs)", row.caught, row.runs) } else { String::new() };
    let at: Vec<_> = row.at.iter().map(|(clause, cases)| format!("{clause} in {}", cases.len())).collect();
    let at = if at.is_empty() { breaks.join(", ").dimmed() } else { at.join(", ").normal() };
    format!("{word} {name}{times}  {at}")
}
