//! Peers that are not ours: Node and Python clients on the reference server, and our suites on RabbitMQ, Artemis and Spring.
//!
//! What a test needs (`tests/interop/README.md` says how to install it) may be missing on a developer's machine: the
//! test is then skipped, with a line on stderr. With `STOMPLIANCE_INTEROP=required`, as CI sets it, that is a failure.

#![allow(clippy::expect_used, reason = "what goes wrong around the clients fails the test with these words")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

#[path = "common/peers.rs"]
mod peers;

use peers::{assert_success, root, scratch, skip, succeeds};
use toml::{Table, Value};

/// Patience for what must happen; spent only on what is about to fail.
const PATIENCE: Duration = Duration::from_secs(30);
const STOMPLIANCE: &str = env!("CARGO_BIN_EXE_stompliance");

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

/// One server at a time: several on two cores would only slow one another down.
static ONE_SERVER: Mutex<()> = Mutex::new(());

/// Runs our suites on a server that somebody started; the report, and the exit code. Nothing, where it does not run.
fn judged(name: &str, port: u16, args: &[&str]) -> Option<(serde_json::Value, Option<i32>)> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    if TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_err() {
        skip(&format!("the suites on {name}"), &format!("nothing listens on {address}"));
        return None;
    }
    let _alone = ONE_SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = scratch(&format!("interop-{name}"));
    let path = |file: &str| folder.join(file);
    let mut command = Command::new(STOMPLIANCE);
    command.arg("run").args(args).current_dir(root()).stdin(Stdio::null());
    for (flag, file) in [("--json", "run.json"), ("--html", "report.html"), ("--junit", "junit.xml")] {
        command.arg(flag).arg(path(file));
    }
    let output = command.output().expect("stompliance runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let _ = writeln!(std::io::stderr(), "{out}\n{err}");
    let text = fs::read_to_string(path("run.json")).unwrap_or_else(|e| panic!("{name}: {e}\n{out}\n{err}"));
    Some((serde_json::from_str(&text).expect("it is JSON"), output.status.code()))
}

/// Asserts that a server holds most of what it is asked, and breaks nothing that its profile does not list.
fn conforms_but_for_what_is_known(name: &str, port: u16, args: &[&str]) {
    let Some((run, code)) = judged(name, port, args) else { return };
    let count = |verdict: &str| run["summary"][verdict].as_u64().unwrap_or_default();
    let cases = run["cases"].as_array().expect("cases");
    let (all, ends) = (cases.len() as u64, ["fail", "fixed", "error"]);
    let bad: Vec<String> = cases
        .iter()
        .filter(|case| ends.iter().any(|verdict| case["verdict"] == *verdict))
        .map(|case| format!("\n{} {}: {}", case["verdict"], case["id"], case["reason"]))
        .collect();
    assert_eq!(code, Some(0), "{name}: {}{}", run["summary"], bad.concat());
    assert!(count("pass") > all / 2, "{name} passes most of {all} cases: {}", run["summary"]);
}

#[test]
fn rabbitmq_conforms_but_for_what_its_profile_lists() {
    conforms_but_for_what_is_known("rabbitmq", 15674, &["--config", "fixtures/rabbitmq.toml"]);
}

#[test]
fn artemis_conforms_but_for_what_its_profile_lists() {
    conforms_but_for_what_is_known("artemis", 61614, &["--config", "fixtures/artemis.toml"]);
}

#[test]
fn spring_as_published_conforms_but_for_what_its_profile_lists() {
    conforms_but_for_what_is_known(
        "spring-published",
        18081,
        &["--config", "fixtures/spring-published.toml"],
    );
}

#[test]
fn spring_hardened_conforms_but_for_what_its_profile_lists() {
    conforms_but_for_what_is_known("spring-hardened", 18082, &["--config", "fixtures/spring-hardened.toml"]);
}

/// The same application with its order preserved the naive way: what was refused is only logged, and lives on; of several
/// sessions of a user one receives, now this one, now that one. `all-devices` looks first: where it sees that only some
/// receive, `phone-and-laptop` is not asked any more; where chance let it see nothing, that case sees it.
#[test]
fn the_traps_of_an_order_preserved_naively_are_found() {
    let url = "ws://127.0.0.1:18083/ws/im";
    let args = ["im/auth", "im/subscribe", "--config", "fixtures/spring-published.toml", "--target", url];
    let Some((run, code)) = judged("spring-preserve-order", 18083, &args) else { return };
    assert_eq!(code, Some(1), "{}", run["summary"]);
    let failed: Vec<&str> = run["cases"]
        .as_array()
        .expect("cases")
        .iter()
        .filter(|case| case["verdict"] == "fail")
        .filter_map(|case| case["id"].as_str())
        .collect();
    for trap in [
        &["im/auth/refusal-closes"][..],
        &["im/auth/not-admitted-cannot-send"],
        &["im/subscribe/all-devices", "im/subscribe/phone-and-laptop"],
    ] {
        let is_found = failed.iter().any(|id| trap.iter().any(|case| id.starts_with(case)));
        assert!(is_found, "none of {trap:?} is among {failed:?}");
    }
}

/// The JUnit report, by the schema that Jenkins' plugin has (pytest ships it) and by a parser that is not ours.
#[test]
fn the_junit_report_is_valid_and_read_by_others() {
    let folder = scratch("interop-junit");
    let report = folder.join("junit.xml");
    let output = Command::new(STOMPLIANCE)
        .args(["run", "im", "--in-memory", "--seed", "1", "--defect", "notice-has-content", "--junit"])
        .arg(&report)
        .current_dir(&folder)
        .output()
        .expect("stompliance runs");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let python = root().join("tests/interop/python");
    let schema = python.join(".schema/junit-10.xsd");
    if !schema.exists() || !succeeds(Command::new("xmllint").arg("--version")) {
        return skip(
            "the JUnit report",
            "there is no xmllint, or no tests/interop/python/.schema/junit-10.xsd",
        );
    }
    let valid = Command::new("xmllint").args(["--noout", "--schema"]).arg(schema).arg(&report).output();
    assert_success("xmllint", &valid.expect("xmllint runs"));
    let interpreter = python.join(".venv/bin/python3");
    if !succeeds(Command::new(&interpreter).args(["-c", "import junitparser"])) {
        return skip("the JUnit report", "tests/interop/python/.venv has no junitparser");
    }
    let read = "import sys, junitparser as j; x = j.JUnitXml.fromfile(sys.argv[1]); \
                print(x.tests, x.failures, x.errors, sum(1 for s in x for c in s))";
    let parsed = Command::new(interpreter).args(["-c", read]).arg(&report).output().expect("Python runs");
    assert_success("junitparser", &parsed);
    let numbers: Vec<usize> = String::from_utf8_lossy(&parsed.stdout)
        .split_whitespace()
        .map(|number| number.parse().expect("a number"))
        .collect();
    assert!(numbers[0] > 300 && numbers[0] == numbers[3] && numbers[1] > 0 && numbers[2] == 0, "{numbers:?}");
}

/// The report in TAP 14, by a parser that is not ours.
#[test]
fn the_tap_report_is_read_by_others() {
    let node = root().join("tests/interop/node");
    if !node.join("node_modules/tap-parser").exists() {
        return skip("the TAP report", "tests/interop/node/node_modules is not installed");
    }
    let report = scratch("interop-tap").join("report.tap");
    let mut stompliance = Command::new(STOMPLIANCE);
    stompliance.args(["report", "fixtures/run-1.json", "--tap"]).arg(&report).current_dir(root());
    assert_eq!(stompliance.output().expect("stompliance runs").status.code(), Some(1));
    let read = Command::new("node").arg(node.join("tap.mjs")).arg(&report).output().expect("node runs");
    assert_success("tap-parser", &read);
    assert_eq!(String::from_utf8_lossy(&read.stdout).trim(), "31 2 0 0", "points, failures, TODO, SKIP");
}

/// Another application, described by files alone.
#[test]
fn the_greeting_example_judges_the_application_of_springs_guide() {
    let args = ["examples/greeting/", "--config", "fixtures/spring-greeting.toml"];
    conforms_but_for_what_is_known("spring-greeting", 18084, &args);
}
