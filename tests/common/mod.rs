//! What the tests of the program as a whole share: the program run with a deadline, folders of their own, servers.
//!
//! It relies on the built binary and on tokio. Nothing here sleeps: everything waits for an event, with a deadline.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use stompliance::link::Listener;
use stompliance::reference::{Directory, Policy, Server};
use stompliance::run::epoch_ms;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// A suite of one's own that is as it should be: one case.
pub(crate) const ONE_CASE: &str = "\
suite: own/one
title: One case of one's own
dialect: im
cases:
  - id: let-in
    title: CONNECT with the bearer token of the account is answered by CONNECTED
    requirements: [ IM-AUTH-01 ]
    cast: { alice: open }
    steps:
      - alice: { hello: {} }
      - alice: { expect: admitted }
";

/// How long a run may take on a machine that others use as well; only what hangs comes near it.
pub(crate) const LONG: Duration = Duration::from_secs(120);

/// A folder that is removed when it goes out of scope.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// An empty folder of this test's own.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it, written.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The report of a run that took place in it.
    pub(crate) fn run_json(&self) -> Value {
        let path = self.0.join("reports/latest/run.json");
        let text = std::fs::read_to_string(&path).expect("there is a run.json");
        serde_json::from_str(&text).expect("run.json is JSON")
    }

    /// Every file below it: path and octets.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let (mut found, mut folders) = (Vec::new(), vec![self.0.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()) {
                if entry.is_dir() {
                    folders.push(entry);
                } else {
                    let octets = std::fs::read(&entry).unwrap();
                    found.push((entry, octets));
                }
            }
        }
        found
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Ended {
    /// Asserts an exit code, and that nothing panicked.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert!(!self.stderr.contains("panicked at"), "it panicked: {}", self.stderr);
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Both streams as one text.
    pub(crate) fn all(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }
}

/// The program, to be run in this folder and in a known environment.
pub(crate) fn program(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stompliance"));
    command.current_dir(folder).args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in
        ["STOMPLIANCE_TARGET", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "RUST_BACKTRACE"]
    {
        command.env_remove(name);
    }
    command.env("COLUMNS", "140").env("LC_ALL", "C.UTF-8").kill_on_drop(true);
    command
}

/// Runs a command to its end.
///
/// # Panics
/// Where the deadline passes first.
pub(crate) async fn ended(command: &mut Command, deadline: Duration) -> Ended {
    let begun = Instant::now();
    let child = command.spawn().unwrap();
    let output = timeout(deadline, child.wait_with_output()).await;
    let output =
        output.unwrap_or_else(|_| panic!("it did not end within {deadline:?}: {command:?}")).unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        took: begun.elapsed(),
    }
}

/// Runs something in a runtime.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Runs the program in a folder, to its end.
pub(crate) fn run_in(folder: &Path, args: &[&str]) -> Ended {
    block_on(ended(&mut program(folder, args), LONG))
}

/// Runs the program in a folder of its own, which is gone afterwards.
pub(crate) fn run(args: &[&str]) -> Ended {
    run_in(Scratch::new().path(), args)
}

/// A program that goes on until it is told to stop, with its output as it comes.
pub(crate) struct Going {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Going {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Going { child, lines }
    }

    /// The next line of its standard output; empty at the end.
    pub(crate) async fn line(&mut self) -> String {
        let line = timeout(LONG, self.lines.next_line()).await.expect("a line comes in time");
        line.unwrap().unwrap_or_default()
    }

    /// Sends a signal by its name, `INT`.
    pub(crate) async fn signal(&self, name: &str) {
        let pid = self.child.id().expect("it still runs").to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().await.unwrap();
        assert!(sent.success(), "kill -{name} {pid}: {sent}");
    }

    /// Waits for its end: status, the rest of its standard output, its standard error.
    pub(crate) async fn end(mut self, deadline: Duration) -> (ExitStatus, String, String) {
        let mut stderr_pipe = self.child.stderr.take().unwrap();
        let all = async {
            let (mut rest, mut stderr) = (String::new(), String::new());
            let out = async {
                while let Some(line) = self.lines.next_line().await.unwrap() {
                    rest.push_str(&line);
                    rest.push('\n');
                }
            };
            let ((), error) = tokio::join!(out, stderr_pipe.read_to_string(&mut stderr));
            error.unwrap();
            (self.child.wait().await.unwrap(), rest, stderr)
        };
        timeout(deadline, all).await.expect("it ends in time")
    }
}

/// The reference server on a free port.
pub(crate) struct Reference {
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    _server: Server,
}

impl Reference {
    /// Starts it with the demo accounts.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server =
            Server::start(Listener::tcp(listener), Directory::demo(40), Policy::default(), epoch_ms());
        Reference { address, _server: server }
    }

    /// Flags for its first accounts and the group `g1` over them.
    pub(crate) fn accounts(count: usize) -> Vec<String> {
        let directory = Directory::demo(40);
        let users: Vec<_> = directory.users().take(count).collect();
        let mut flags = Vec::new();
        for user in &users {
            flags.extend(["--account".to_owned(), format!("{}={}:{}", user.label, user.id, user.token)]);
        }
        let labels: Vec<&str> = users.iter().map(|u| u.label.as_str()).collect();
        flags.extend(["--group".to_owned(), format!("g1=group_red:{}", labels.join(","))]);
        flags.extend(["--app".to_owned(), directory.app().to_owned()]);
        flags
    }
}

/// A port of 127.0.0.1 on which nobody listens.
pub(crate) fn closed_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
