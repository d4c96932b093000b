//! A client under test that is a program of the system: spawned, told lines, heard on its standard streams, ended with all
//! that it has started. One that can be restarted (docs/drivers.md) rests between its cases, and runs for another then.
//!
//! It relies on tokio for processes. It never waits for a program to read, nor for one to end that does not.

use std::io;
use std::num::NonZeroUsize;
use std::process::{ExitStatus, Stdio as Pipe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::process::{Order, Process, Variables, log_start};
use super::stage::Stage;
use crate::case::event::{By, Stdio, What};
use crate::client::PREFIX;

/// How long a client that was asked to terminate has before it is killed.
const TERMINATION: Duration = Duration::from_secs(1);
/// How long its streams are read on when it has exited: what it has started may hold them open for ever.
const LEFT_OPEN: Duration = Duration::from_millis(500);
/// Octets of a case after which a client that never stops printing is given up.
const MOST_OCTETS: usize = 64 << 20;
/// The same in lines.
const MOST_LINES: usize = 100_000;
/// How long a client takes at most that was asked to terminate.
pub(super) const PARTING: Duration = TERMINATION.saturating_mul(2).saturating_add(LEFT_OPEN);
/// The variable that asks a driver not to exit, but to say that it is over, and to wait to be restarted.
const RESTART: &str = "RESTART";
/// Asks such a driver to be over at once.
const DROP: &str = r#"{"do":"drop"}"#;

/// The case that a program runs for, and how much it has said in it.
#[derive(Debug, Default)]
struct Hearing {
    stage: Weak<Stage>,
    on: String,
    octets: usize,
    lines: usize,
    /// Whether its first line has come, and it is not over yet.
    greeted: bool,
}

/// What is shared with those who look after a program.
#[derive(Debug, Default)]
pub(super) struct Program {
    hearing: Mutex<Hearing>,
    /// Whether it may be restarted.
    restartable: bool,
    /// Whether it is over, and waits to be restarted.
    rests: AtomicBool,
}

/// What a line is.
enum Kind {
    /// For the case.
    Told,
    /// The client is over.
    Over,
    /// The same of the client before: it was over already when it was told to be, as the two have crossed.
    OverAgain,
}

impl Program {
    fn hearing(&self) -> MutexGuard<'_, Hearing> {
        self.hearing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn rests(&self) -> bool {
        self.rests.load(Ordering::Acquire)
    }

    /// The case it runs for, while there is one.
    fn stage(&self) -> Option<(Arc<Stage>, String)> {
        let hearing = self.hearing();
        Some((hearing.stage.upgrade()?, hearing.on.clone()))
    }

    fn serves(&self, stage: &Arc<Stage>, on: &str) {
        let (stage, on) = (Arc::downgrade(stage), on.to_owned());
        *self.hearing() = Hearing { stage, on, ..Hearing::default() };
        self.rests.store(false, Ordering::Release);
    }

    fn log_line(&self, stream: Stdio, line: &[u8]) {
        if let Some((stage, on)) = self.stage() {
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
            let text = stage.secrets.conceal(&line);
            stage.log(Some(&on), What::Line { stream, text });
        }
    }

    /// What a line on the standard output of one that can be restarted is.
    fn kind(&self, line: &[u8]) -> Kind {
        let mentions = |word: &str| memchr::memmem::find(line, word.as_bytes()).is_some();
        if !(mentions("hello") || mentions("over")) {
            return Kind::Told;
        }
        let Ok(line) = serde_json::from_slice::<Value>(line) else { return Kind::Told };
        let mut hearing = self.hearing();
        hearing.greeted |= line.get("hello").is_some();
        if line["event"] != "over" {
            return Kind::Told;
        }
        // One for each first line.
        if std::mem::take(&mut hearing.greeted) { Kind::Over } else { Kind::OverAgain }
    }

    /// Counts what it says; why it is given up, where that is too much.
    fn count(&self, octets: usize, lines: usize) -> Option<String> {
        let mut hearing = self.hearing();
        hearing.octets += octets;
        hearing.lines += lines;
        let is_too_much = hearing.lines > MOST_LINES || hearing.octets > MOST_OCTETS;
        is_too_much
            .then(|| format!("never stopped printing: {} lines, {} octets", hearing.lines, hearing.octets))
    }
}

/// Starts a program; one that can be restarted is asked to rest where it would exit.
///
/// # Errors
/// What the system says.
pub(super) fn spawn(
    command: &[String],
    variables: &Variables,
    restartable: bool,
    stage: &Arc<Stage>,
    on: &str,
) -> io::Result<Process> {
    let (program, arguments) = command.split_first().map_or(("", &[][..]), |(p, a)| (p.as_str(), a));
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(variables.iter().cloned())
        .envs(restartable.then(|| (format!("{PREFIX}{RESTART}"), "1")))
        .stdin(Pipe::piped())
        .stdout(Pipe::piped())
        .stderr(Pipe::piped())
        .kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let child = command.spawn()?;
    let program = Arc::new(Program { restartable, ..Program::default() });
    program.serves(stage, on);
    let (orders, inbox) = mpsc::unbounded_channel();
    log_start(stage, on, false);
    tokio::spawn(look_after(child, inbox, program.clone()));
    Ok(Process::of(orders, program))
}

/// Has a program that rests run for another case.
pub(super) fn restart(
    process: &Process,
    program: &Program,
    variables: &Variables,
    stage: &Arc<Stage>,
    on: &str,
) {
    let variables = variables.iter().cloned();
    let environment: Value = variables.map(|(name, value)| (name, Value::String(value))).collect();
    program.serves(stage, on);
    log_start(stage, on, true);
    process.order(Order::Restart(json!({ "do": "restart", "environment": environment }).to_string()));
}

/// How the life of a program for one case goes to its end.
struct Life {
    /// Who ends it.
    by: By,
    /// When it is killed, having been asked to end.
    kill_at: Option<Instant>,
    /// Why it was given up.
    why: Option<String>,
}

impl Life {
    fn new() -> Self {
        Life { by: By::Target, kill_at: None, why: None }
    }

    /// It is killed at once.
    fn given_up(why: Option<String>) -> Self {
        Life { by: By::Us, kill_at: Some(Instant::now()), why }
    }

    /// It was asked to end.
    fn ends(&mut self) {
        (self.by, self.kill_at) = (By::Us, Some(Instant::now() + TERMINATION));
    }
}

/// Looks after a program until it has exited: what it says, what it is told, and its end.
async fn look_after(mut child: Child, mut orders: mpsc::UnboundedReceiver<Order>, program: Arc<Program>) {
    let group = child.id();
    let (overflow, mut overflown) = mpsc::unbounded_channel();
    let (over, mut is_over) = mpsc::unbounded_channel();
    let out = child.stdout.take().map(|pipe| Box::new(pipe) as _);
    let err = child.stderr.take().map(|pipe| Box::new(pipe) as _);
    let over = program.restartable.then_some(over);
    let out = tokio::spawn(lines(out, Stdio::Out, program.clone(), overflow.clone(), over));
    let err = tokio::spawn(lines(err, Stdio::Err, program.clone(), overflow, None));
    let (aborts, mut read_out) =
        ([out.abort_handle(), err.abort_handle()], futures_util::future::join(out, err));
    let (say, said) = mpsc::unbounded_channel();
    let mut say = Some(say);
    let speaking = tokio::spawn(speak(child.stdin.take(), said));
    let tell = |say: &Option<mpsc::UnboundedSender<String>>, line: String| {
        say.as_ref().is_some_and(|say| say.send(line).is_ok())
    };
    let (mut life, mut has_user) = (Life::new(), true);
    let exited = loop {
        let kill = async {
            match life.kill_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            exited = child.wait() => break exited,
            () = kill => {
                signal(group, true);
                let _ = child.start_kill();
                life.kill_at = None;
            }
            Some(reason) = overflown.recv() => life = Life::given_up(Some(reason)),
            // Without an input it cannot be restarted: it is to exit.
            Some(()) = is_over.recv(), if say.is_some() && !program.rests() => rest(&program, &mut life),
            order = orders.recv(), if has_user => match order {
                Some(Order::Say(line)) => drop(tell(&say, line)),
                Some(Order::EndOfInput) => say = None,
                Some(Order::Restart(line)) => {
                    life = if tell(&say, line) { Life::new() } else { Life::given_up(None) };
                }
                Some(Order::End) if program.rests() || life.by == By::Us => {}
                Some(Order::End) if program.restartable && tell(&say, DROP.to_owned()) => life.ends(),
                // Its case is over, or gone.
                Some(Order::End | Order::Dismiss) => {
                    life.ends();
                    signal(group, false);
                }
                None => {
                    has_user = false;
                    if life.kill_at.is_none() {
                        life.ends();
                        signal(group, false);
                    }
                }
            }
        }
    };
    speaking.abort();
    if timeout(LEFT_OPEN, &mut read_out).await.is_err() {
        aborts.iter().for_each(AbortHandle::abort);
    }
    // What it has started ends with it.
    signal(group, true);
    if !program.rests() {
        log_exit(&program, life, &exited);
    }
}

/// Takes note that a program is over, and waits to be restarted. Nothing of this case is left in it.
fn rest(program: &Program, life: &mut Life) {
    life.kill_at = None;
    program.rests.store(true, Ordering::Release);
    let (status, how) = match life.by {
        By::Us => (None, "was ended by us"),
        By::Target => (Some(0), "exited with status 0"),
    };
    if let Some((stage, on)) = program.stage() {
        stage.log(Some(&on), What::Exited { by: life.by, status, how: how.to_owned() });
    }
}

fn log_exit(program: &Program, life: Life, exited: &io::Result<ExitStatus>) {
    let Some((stage, on)) = program.stage() else { return };
    let status = exited.as_ref().ok().and_then(ExitStatus::code);
    let how = life.why.unwrap_or_else(|| match (life.by, exited) {
        (By::Us, _) => "was ended by us".to_owned(),
        (By::Target, Ok(exited)) => match exited.code() {
            Some(code) => format!("exited with status {code}"),
            None => format!("was ended by {exited}"),
        },
        (By::Target, Err(error)) => format!("cannot be waited for: {error}"),
    });
    stage.log(Some(&on), What::Exited { by: life.by, status, how });
}

/// Sends a signal to a client and all that it has started, where the system has groups of processes.
fn signal(group: Option<u32>, kill: bool) {
    #[cfg(unix)]
    if let Some(pid) = group.and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?)) {
        use rustix::process::{Signal, kill_process_group};
        let _ = kill_process_group(pid, if kill { Signal::KILL } else { Signal::TERM });
    }
    #[cfg(not(unix))]
    let _ = (group, kill);
}

async fn speak(stdin: Option<ChildStdin>, mut lines: mpsc::UnboundedReceiver<String>) {
    let Some(mut stdin) = stdin else { return };
    while let Some(line) = lines.recv().await {
        let said = async {
            stdin.write_all(format!("{line}\n").as_bytes()).await?;
            stdin.flush().await
        };
        if said.await.is_err() {
            // It does not listen any more: that shows elsewhere.
            return;
        }
    }
}

/// Logs a stream line by line, until it ends or is too much; that the program is over is handed over, where that is asked for.
async fn lines(
    pipe: Option<Box<dyn AsyncRead + Send + Unpin>>,
    stream: Stdio,
    program: Arc<Program>,
    overflow: mpsc::UnboundedSender<String>,
    over: Option<mpsc::UnboundedSender<()>>,
) {
    let Some(mut pipe) = pipe else { return };
    let (mut pending, mut chunk) = (Vec::new(), vec![0; 64 << 10]);
    while let Ok(read @ 1..) = pipe.read(&mut chunk).await {
        let (mut rest, mut count) = (&chunk[..read], 0);
        while let Some(end) = memchr::memchr(b'\n', rest) {
            pending.extend_from_slice(&rest[..end]);
            match over.as_ref().map_or(Kind::Told, |_| program.kind(&pending)) {
                Kind::Told => program.log_line(stream, &pending),
                Kind::Over => drop(over.as_ref().map(|over| over.send(()))),
                Kind::OverAgain => {}
            }
            pending.clear();
            rest = &rest[end + 1..];
            count += 1;
        }
        pending.extend_from_slice(rest);
        if let Some(why) = program.count(read, count) {
            let _ = overflow.send(why);
            return;
        }
    }
    if !pending.is_empty() {
        program.log_line(stream, &pending);
    }
}

/// Programs of a run: those that rest, until the next case has one of them restarted, and how many may start at a time.
#[derive(Debug)]
pub(super) struct Residents {
    /// Whether the client under test said that it can be restarted, and may be.
    are_wanted: AtomicBool,
    resting: Mutex<Vec<Process>>,
    /// Twice as many as there are processors: more at a time would all be late, and be taken for clients that do not connect.
    starts: Semaphore,
    /// The longest that one took to start, in microseconds.
    longest_start: AtomicU64,
}

impl Default for Residents {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Residents {
            are_wanted: AtomicBool::default(),
            resting: Mutex::default(),
            starts: Semaphore::new(2 * processors),
            longest_start: AtomicU64::default(),
        }
    }
}

impl Residents {
    pub(super) fn want(&self) {
        self.are_wanted.store(true, Ordering::Release);
    }

    pub(super) fn are_wanted(&self) -> bool {
        self.are_wanted.load(Ordering::Acquire)
    }

    fn resting(&self) -> MutexGuard<'_, Vec<Process>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leave to start a client, which holds until it is given back. For that nobody's patience is used.
    pub(super) async fn leave_to_start(&self) -> Option<SemaphorePermit<'_>> {
        self.starts.acquire().await.ok()
    }

    /// How long a client may take to start: other work may slow it down, to a tenth.
    pub(super) fn starting(&self, patience: Duration) -> Duration {
        patience.max(Duration::from_micros(self.longest_start.load(Ordering::Relaxed)) * 10)
    }

    /// Takes note that one has started.
    pub(super) fn started_within(&self, time: Duration) {
        self.longest_start.fetch_max(time.as_micros() as u64, Ordering::Relaxed);
    }

    /// One that still lives.
    pub(super) fn take(&self) -> Option<Process> {
        let mut resting = self.resting();
        std::iter::from_fn(|| resting.pop()).find(Process::lives)
    }

    /// Keeps one for the next case.
    pub(super) fn keep(&self, process: Process) {
        self.resting().push(process);
    }

    /// Ends them all.
    pub(super) async fn dismiss(&self) {
        let all = std::mem::take(&mut *self.resting());
        all.iter().for_each(|process| process.order(Order::Dismiss));
        let gone = futures_util::future::join_all(all.iter().map(Process::gone));
        let _ = timeout(PARTING, gone).await;
    }
}
