//! The command line: one file per command; each parses nothing but its own arguments, calls the layer below, and says
//! how the process ends.
//!
//! It relies on clap. Exit codes are those of docs/verdicts.md: 0 conforms, 1 does not, 2 usage or configuration, 3
//! no verdict.

mod check_client;
mod client;
mod compare;
mod coverage;
mod explain;
mod fuzz;
mod judge;
mod judging;
mod known;
mod lint;
mod list;
mod network;
mod outputs;
mod probe;
mod prove;
mod report;
mod run;
mod schema;
mod scratch;
mod serve;
mod target;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::OnceLock;

use clap::{Parser, Subcommand, ValueEnum};

use crate::case::library::{Library, read_files};
use crate::report::Lang;
use crate::report::console::Layout;

/// Conforms.
pub const CONFORMS: u8 = 0;
/// Does not conform.
pub const FAILS: u8 = 1;
/// The command or a configuration is wrong.
pub const USAGE: u8 = 2;
/// No verdict could be reached.
pub const NO_VERDICT: u8 = 3;

/// What the process says when it ends.
const EXIT_CODES: &str =
    "Exit codes: 0 all conforms, 1 something does not, 2 usage or configuration, 3 no verdict.";

#[derive(Debug, Parser)]
#[command(version, about, long_about = None, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    /// When to use colours.
    #[arg(long, global = true, default_value = "auto", value_name = "WHEN")]
    color: Color,
    /// The language of reports: `en` or `zh`; otherwise that of the locale.
    #[arg(long, global = true, value_name = "LANGUAGE")]
    lang: Option<Lang>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Color {
    /// Where the stream is a terminal and NO_COLOR is not set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run suites against a server: the embedded reference server, or --target.
    Run(Box<run::Args>),
    /// Run suites against a client, by playing the server.
    CheckClient(Box<check_client::Args>),
    /// Tell the author of a driver what it does wrong.
    DriverCheck(Box<check_client::DriverArgs>),
    /// Find out what a server does where the specification leaves it open, and write it as a profile.
    Probe(Box<probe::Args>),
    /// Try inputs that nobody thought of, and hand over what breaks as scenarios.
    Fuzz(Box<fuzz::Args>),
    /// Serve the reference server alone.
    Serve(serve::Args),
    /// Be the reference client: a driver, in an environment that check-client makes.
    Client(client::Args),
    /// Look for mistakes in suites, dialects and profiles.
    Lint(lint::Args),
    /// List requirements, cases, suites or points.
    List(list::Args),
    /// Say what a requirement, a case, a rule or a point is about, with a failing example.
    Explain(explain::Args),
    /// Show which cases decide which requirement, what is not covered, and why.
    Coverage(coverage::Args),
    /// Put this program on trial: servers, or clients, that conform must be clean, and every defect caught.
    Prove(prove::Args),
    /// Make the reports of a run that is over, from its run.json.
    Report(report::Args),
    /// Put several runs beside one another: requirements by target, or what changed over time.
    Compare(compare::Args),
    /// Recompute every check of a run from its log.
    Judge(judge::Args),
    /// Print the JSON Schema of suite files or of run.json.
    Schema(schema::Args),
}

/// Parses the process' arguments and does what they say.
pub fn main() -> ExitCode {
    // Colours are always written, and stripped per stream where they are not wanted.
    colored::control::set_override(true);
    let cli = Cli::parse();
    match cli.color {
        Color::Auto => colorchoice::ColorChoice::Auto,
        Color::Always => colorchoice::ColorChoice::AlwaysAnsi,
        Color::Never => colorchoice::ColorChoice::Never,
    }
    .write_global();
    let _ = LANG.set(cli.lang.unwrap_or_else(lang_of_locale));
    let code = match cli.command {
        Command::Run(args) => run::main(&args),
        Command::CheckClient(args) => check_client::main(&args),
        Command::DriverCheck(args) => check_client::on_driver(&args),
        Command::Probe(args) => probe::main(*args),
        Command::Fuzz(args) => fuzz::main(&args),
        Command::Serve(args) => serve::main(&args),
        Command::Client(args) => told(client::main(&args)),
        Command::Lint(args) => told(lint::main(&args)),
        Command::List(args) => told(list::main(&args)),
        Command::Explain(args) => told(explain::main(&args)),
        Command::Coverage(args) => told(coverage::main(&args)),
        Command::Prove(args) => told(prove::main(&args)),
        Command::Report(args) => told(report::main(&args)),
        Command::Compare(args) => told(compare::main(&args)),
        Command::Judge(args) => judge::main(&args),
        Command::Schema(args) => told(schema::main(&args)),
    };
    ExitCode::from(code)
}

/// The language of reports, once the arguments have been read.
static LANG: OnceLock<Lang> = OnceLock::new();

/// The language of reports.
fn lang() -> Lang {
    LANG.get().copied().unwrap_or_default()
}

/// The language of the locale, as POSIX finds it: the first of these variables that is not empty decides.
fn lang_of_locale() -> Lang {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set).map_or(Lang::En, |l| Lang::of_locale(&l))
}

/// How what is printed is laid out: as wide as the terminal, or as `COLUMNS` says.
fn layout() -> Layout {
    let columns = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
    let terminal = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let width: usize = columns.or_else(terminal).unwrap_or(140);
    Layout { width: width.clamp(60, 400), lang: lang() }
}

/// How a command ends that could not be carried out.
fn told(ended: Result<u8, String>) -> u8 {
    ended.unwrap_or_else(|why| {
        error(&why);
        USAGE
    })
}

/// The shipped suites, or those below these paths in place of them.
fn library(paths: &[PathBuf]) -> Result<Library, String> {
    if paths.is_empty() {
        return Ok(Library::embedded());
    }
    let mut files = Vec::new();
    for path in paths {
        files.extend(read_files(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?);
    }
    if files.is_empty() {
        return Err("there is no YAML file below these paths".into());
    }
    Ok(Library::with_suites(files))
}

/// The same, if nothing is wrong with it.
fn sound(paths: &[PathBuf]) -> Result<Library, String> {
    let library = library(paths)?;
    checked(&library).map(|()| library)
}

/// Tells all errors in the files in use at once.
fn checked(library: &Library) -> Result<(), String> {
    if library.is_sound() {
        return Ok(());
    }
    for found in &library.found {
        complain(&format!("{}\n", found.render(true)));
    }
    Err("nothing was run: the files have errors".into())
}

/// Writes to standard output; a reader that has gone away is no reason to complain.
fn say(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(anstream::stdout(), "{text}");
}

/// Writes to standard error.
fn complain(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Writes an error in the usual form.
pub(crate) fn error(text: &str) {
    use colored::Colorize as _;
    complain(&format!("{} {text}", "error:".red().bold()));
}
