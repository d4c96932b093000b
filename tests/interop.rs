//! Peers that are not ours: Node and Python clients on the reference server, and our suites on RabbitMQ.
//!
//! What a test needs (`tests/interop/README.md` says how to install it) may be missing on a developer's machine: the
//! test is then skipped, with a line on stderr. With `STOMPLIANCE_INTEROP=required`, as CI sets it, that is a failure.

#![allow(clippy::expect_used, reason = "what goes wrong around the clients fails the test with these words")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use toml::{Table, Value};

/// Patience for what must happen; spent only on what is about to fail.
const PATIENCE: Duration = Duration::from_secs(30);
const STOMPLIANCE: &str = env!("CARGO_BIN_EXE_stompliance");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A new folder for what a test writes.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder for this test");
    folder
}

/// Says loudly, past the test harness' capture, that a test did nothing; or fails where it has to run.
fn skip(test: &str, missing: &str) {
    assert!(
        std::env::var("STOMPLIANCE_INTEROP").as_deref() != Ok("required"),
        "{test} is required here, but {missing}"
    );
    let _ = writeln!(std::io::stderr(), "\nSKIPPED {test}: {missing}. See tests/interop/README.md.");
}

/// Whether a command can be run at all and succeeds.
fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).output().is_ok_and(|output| output.status.success())
}

/// `stompliance serve` on a free port, ended when this is dropped.
struct Server {
    child: Child,
    url: String,
    config: Table,
}

impl Server {
    fn start(name: &str) -> Server {
        let config = scratch(name).join("stompliance.toml");
        let mut child = Command::new(STOMPLIANCE)
            .args(["serve", "--port", "0", "--write-config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("stompliance serve starts");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            // To the end, so that the server never writes into a closed pipe.
            for line in lines.map_while(Result::ok) {
                if let Some(url) = line.strip_prefix("listening on ") {
                    let _ = tell.send(url.trim().to_owned());
                }
            }
        });
        let url = told.recv_timeout(PATIENCE);
        let mut server = Server { child, url: String::new(), config: Table::new() };
        server.url = url.expect("`listening on ws://…` on the server's output");
        server.config =
            fs::read_to_string(&config).expect("the written target file").parse().expect("it is TOML");
        server
    }

    fn text<'a>(&'a self, value: &'a Value, key: &str) -> &'a str {
        let text = value.get(key).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("no text `{key}` in {value} of {}", self.config))
    }

    /// The arguments of a client: URL, application, a group and two accounts that are members of it.
    fn arguments(&self) -> Vec<String> {
        let app = self.text(&self.config["target"], "app");
        let groups = self.config["groups"].as_table().expect("[groups]");
        let (group, members) = groups
            .values()
            .filter_map(|group| Some((group, group.get("members")?.as_array()?)))
            .find(|(_, members)| members.len() >= 2)
            .expect("a group with two members");
        let id = self.text(group, "id");
        let mut arguments: Vec<String> = [&self.url, "--app", app, "--group", id].map(str::to_owned).to_vec();
        for (name, member) in ["alice", "bob"].iter().zip(members) {
            let account = &self.config["accounts"][member.as_str().expect("the name of an account")];
            let (user, token) = (self.text(account, "user"), self.text(account, "token"));
            arguments.extend(["--account".to_owned(), format!("{name}={user}:{token}")]);
        }
        arguments
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn assert_success(what: &str, output: &Output) {
    assert!(
        output.status.success(),
        "{what} ended with {}\n--- its output\n{}\n--- its errors\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Runs a client with the arguments of a fresh server, and counts the checks that it says it made.
fn run_client(name: &str, client: &mut Command, checks: usize) {
    let server = Server::start(name);
    let output = client.args(server.arguments()).stdin(Stdio::null()).output().expect("the client runs");
    assert_success(name, &output);
    let made = String::from_utf8_lossy(&output.stdout).lines().filter(|line| line.starts_with("ok ")).count();
    assert_eq!(made, checks, "checks made by {name}: a client that checks nothing proves nothing");
}

#[test]
fn stompjs_and_sockjs_client_talk_through_the_reference_server() {
    let folder = root().join("tests/interop/node");
    if !folder.join("node_modules/@stomp/stompjs").exists() {
        return skip("the Node clients", "tests/interop/node/node_modules is not installed");
    }
    if !succeeds(Command::new("node").arg("--version")) {
        return skip("the Node clients", "there is no `node`");
    }
    run_client("interop-node", Command::new("node").arg(folder.join("client.mjs")), 12);
}

#[test]
fn python_websockets_clients_talk_through_the_reference_server() {
    let folder = root().join("tests/interop/python");
    let own = folder.join(".venv/bin/python3");
    let python = if own.exists() { own } else { PathBuf::from("python3") };
    if !succeeds(Command::new(&python).args(["-c", "import websockets"])) {
        return skip("the Python clients", "no python3 with the package websockets");
    }
    run_client("interop-python", Command::new(python).arg(folder.join("client.py")), 6);
}

#[test]
fn rabbitmq_conforms_but_for_what_its_profile_lists() {
    let address = SocketAddr::from(([127, 0, 0, 1], 15674));
    if TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_err() {
        return skip("the suites on RabbitMQ", "nothing listens on 127.0.0.1:15674");
    }
    let report = scratch("interop-rabbitmq").join("run.json");
    let output = Command::new(STOMPLIANCE)
        .args(["run", "stomp", "--config"])
        .arg(root().join("fixtures/rabbitmq.toml"))
        .arg("--json")
        .arg(&report)
        .current_dir(report.parent().expect("its folder"))
        .stdin(Stdio::null())
        .output()
        .expect("stompliance runs");
    assert_success("stompliance run stomp --config fixtures/rabbitmq.toml", &output);
    let run = fs::read_to_string(&report).expect("the run's report");
    let run: serde_json::Value = serde_json::from_str(&run).expect("it is JSON");
    let verdicts: Vec<_> =
        run["cases"].as_array().expect("cases").iter().filter_map(|case| case["verdict"].as_str()).collect();
    let passed = verdicts.iter().filter(|verdict| **verdict == "pass").count();
    assert!(
        passed > verdicts.len() / 2,
        "RabbitMQ passes most of the {} cases: {verdicts:?}",
        verdicts.len()
    );
}
