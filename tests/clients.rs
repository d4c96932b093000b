//! Clients under test: the drivers that are ready, and programs that are no clients at all.
//!
//! Drivers that are not installed are skipped, with a line on stderr; with `STOMPLIANCE_INTEROP=required`, as CI sets it,
//! that is a failure.

#![allow(clippy::expect_used, reason = "what goes wrong around the clients fails the test with these words")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

#[path = "common/peers.rs"]
mod peers;

use peers::{root, scratch, skip};

const STOMPLIANCE: &str = env!("CARGO_BIN_EXE_stompliance");

/// One client at a time: several on two cores would only slow one another down.
static ONE_CLIENT: Mutex<()> = Mutex::new(());

/// How a client fared: exit code, what was printed, the report where there is one.
struct Judged {
    code: Option<i32>,
    out: String,
    err: String,
    run: serde_json::Value,
}

fn check(name: &str, args: &[&str], client: &[&str]) -> Judged {
    run_on("check-client", name, args, client)
}

fn run_on(command: &str, name: &str, args: &[&str], client: &[&str]) -> Judged {
    let _alone = ONE_CLIENT.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = scratch(&format!("client-{name}"));
    let report = folder.join("run.json");
    let output = Command::new(STOMPLIANCE)
        .arg(command)
        .args(args)
        .arg("--json")
        .arg(&report)
        .arg("--html")
        .arg(folder.join("report.html"))
        .arg("--")
        .args(client)
        .current_dir(root())
        .stdin(Stdio::null())
        .output()
        .expect("stompliance runs");
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let run = fs::read_to_string(&report).ok().and_then(|text| serde_json::from_str(&text).ok());
    Judged {
        code: output.status.code(),
        out: text(&output.stdout),
        err: text(&output.stderr),
        run: run.unwrap_or_default(),
    }
}

impl Judged {
    /// The cases that did not pass, with their reasons.
    fn failed(&self) -> Vec<String> {
        let cases = self.run["cases"].as_array().cloned().unwrap_or_default();
        let bad =
            cases.iter().filter(|case| ["fail", "error", "fixed"].iter().any(|v| case["verdict"] == *v));
        bad.map(|case| format!("{}: {}", case["id"], case["reason"])).collect()
    }
}

/// A driver that is ready: where it is installed, how it is started, and how it is judged.
struct Driver {
    name: &'static str,
    installed: &'static str,
    command: &'static [&'static str],
    /// Jobs and profile.
    args: &'static [&'static str],
}

const STOMPJS: Driver = Driver {
    name: "stompjs",
    installed: "drivers/stompjs/node_modules",
    command: &["node", "drivers/stompjs/driver.mjs"],
    args: &["--profile", "client-stompjs"],
};

const BROWSER: Driver = Driver {
    name: "browser",
    installed: "drivers/browser/node_modules",
    command: &["node", "drivers/browser/driver.mjs"],
    // Each is a browser.
    args: &["--jobs", "4", "--profile", "client-browser"],
};

const SPRING: Driver = Driver {
    name: "spring",
    installed: "drivers/spring/target/lib",
    command: &["drivers/spring/run.sh"],
    args: &["--profile", "client-spring"],
};

const PYTHON: Driver = Driver {
    name: "python",
    installed: "drivers/python/.venv/bin/python",
    command: &["drivers/python/.venv/bin/python", "drivers/python/driver.py"],
    args: &[],
};

const IN_HOUSE: Driver =
    Driver { name: "in-house", installed: STOMPLIANCE, command: &[STOMPLIANCE, "client"], args: &[] };

impl Driver {
    /// Has a command find nothing wrong with it, or says that it is not installed.
    fn clean(&self, command: &str, more: &[&str]) -> Option<Judged> {
        let Self { name, installed, .. } = self;
        if !root().join(installed).exists() {
            skip(&format!("the driver {name}"), &format!("{installed} is not there (drivers/README.md)"));
            return None;
        }
        let judged = run_on(command, &format!("{name}-{command}"), &[more, self.args].concat(), self.command);
        assert_eq!(judged.code, Some(0), "{name}: {:#?}\n{}\n{}", judged.failed(), judged.out, judged.err);
        Some(judged)
    }

    fn keeps_its_contract(&self) {
        self.clean("driver-check", &[]);
    }

    /// Asserts that it breaks what its profile lists, and nothing else.
    fn holds(&self) {
        let Some(judged) = self.clean("check-client", &["client"]) else { return };
        let passed = judged.run["summary"]["pass"].as_u64().unwrap_or_default();
        let all = judged.run["cases"].as_array().map_or(0, Vec::len) as u64;
        assert!(passed > all / 2, "{} passes most of {all} cases: {}", self.name, judged.run["summary"]);
    }
}

#[test]
fn the_driver_of_stompjs_keeps_its_contract() {
    STOMPJS.keeps_its_contract();
}

#[test]
fn the_driver_of_stompjs_in_chromium_keeps_its_contract() {
    BROWSER.keeps_its_contract();
}

#[test]
fn the_driver_of_spring_keeps_its_contract() {
    SPRING.keeps_its_contract();
}

#[test]
fn the_driver_in_python_keeps_its_contract() {
    PYTHON.keeps_its_contract();
}

#[test]
fn the_reference_client_keeps_the_contract_of_drivers() {
    IN_HOUSE.keeps_its_contract();
}

#[test]
fn a_driver_that_can_be_restarted_may_be_started_anew() {
    let Some(judged) = STOMPJS.clean("driver-check", &["--fresh"]) else { return };
    let out = &judged.out;
    assert!(out.contains("the point `can.restart` is false"), "{out}");
    let restarted = judged.run["cases"].to_string().contains(r#""again":true"#);
    assert!(!restarted, "{out}");
}

#[test]
fn stompjs_breaks_what_is_known() {
    STOMPJS.holds();
}

#[test]
fn stompjs_in_chromium_breaks_what_is_known() {
    BROWSER.holds();
}

#[test]
fn spring_breaks_what_is_known() {
    SPRING.holds();
}

#[test]
fn the_model_in_python_breaks_nothing() {
    PYTHON.holds();
}

#[test]
fn the_reference_client_breaks_nothing() {
    IN_HOUSE.holds();
}

/// Runs a program that is no client, and returns what is said of it.
fn not_judged(name: &str, patience: &str, script: &str) -> String {
    let begun = Instant::now();
    let judged = check(name, &["client", "--timeout", patience], &["sh", "-c", script]);
    assert_eq!(judged.code, Some(3), "{name}: {}{}", judged.out, judged.err);
    // It never hangs; how long it takes is not measured here.
    assert!(begun.elapsed() < Duration::from_secs(60), "{name} took {:?}", begun.elapsed());
    judged.err
}

#[test]
fn a_client_that_does_nothing_is_told() {
    assert!(not_judged("idle", "1s", "exec sleep 1000").contains("it did not connect within 1000 ms"));
}

#[test]
fn a_client_that_exits_at_once_is_told_with_its_last_words() {
    let said = not_judged("gone", "1s", "echo 'no such module' >&2; exit 7");
    assert!(said.contains("the client exited with status 7"), "{said}");
    assert!(said.contains("the last line of its standard error: no such module"), "{said}");
}

#[test]
fn a_client_that_floods_its_output_is_ended() {
    assert!(not_judged("flood", "30s", "exec yes").contains("never stopped printing"));
}

#[test]
fn a_client_that_neither_ends_nor_reads_is_killed_with_all_that_it_started() {
    let file = scratch("forks-pid").join("pid");
    let script =
        format!("trap '' TERM; (trap '' TERM; exec sleep 1000) & echo $! > {}; sleep 1000", file.display());
    assert!(not_judged("forks", "1s", &script).contains("it did not connect"));
    let pid = fs::read_to_string(&file).expect("it said what it had started");
    // Who has ended and is waited for by nobody is still in the table of processes.
    let is_alive = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|state| !state.is_empty() && !state.starts_with(['Z', 'X']))
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    while is_alive() {
        assert!(Instant::now() < deadline, "what it had started lives on: {pid}");
        std::thread::yield_now();
    }
}

#[test]
fn a_client_that_cannot_be_started_is_told() {
    let judged = check("missing", &["client"], &["./no-such-program"]);
    assert_eq!(judged.code, Some(3), "{}{}", judged.out, judged.err);
    assert!(judged.err.contains("./no-such-program"), "{}", judged.err);
}

/// A client that comes, asks for no upgrade and says nothing, over and over: told as that, and to an end.
#[test]
fn a_client_that_never_stops_connecting_is_judged() {
    let script = "import os, socket, urllib.parse as u\n\
                  url = u.urlparse(os.environ['STOMPLIANCE_URL'])\n\
                  all = []\n\
                  for n in range(100):\n\
                  \x20   s = socket.create_connection((url.hostname, url.port))\n\
                  \x20   s.sendall(b'GET /ws/im HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')\n\
                  \x20   all.append(s)\n\
                  import time\n\
                  time.sleep(1000)\n";
    let folder = scratch("storm-script");
    let path: PathBuf = folder.join("storm.py");
    fs::write(&path, script).expect("the script is written");
    let python = path.display().to_string();
    let judged = check("storm", &["client/session", "--timeout", "1s"], &["python3", &python]);
    assert_eq!(judged.code, Some(1), "{}{}", judged.out, judged.err);
    assert!(judged.failed().iter().any(|line| line.contains("client/session/opens-with-its-token")));
}

/// Makes the reference client one that can be restarted, well or badly.
const RESIDENT: &str = r#"
import json, os, subprocess, sys, threading

how, command = sys.argv[1], sys.argv[2:]
shown = set()

def tell(event):
    print(json.dumps(event), flush=True)

class Client:
    def __init__(self, environment):
        self.child = subprocess.Popen(command, env={**os.environ, **environment}, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        self.is_over = threading.Event()
        self.telling = threading.Thread(target=self.follow)
        self.telling.start()

    def follow(self):
        for line in self.child.stdout:
            event = json.loads(line)
            if "hello" in event:
                event["can"].append("restart")
            if how == "remembers" and event.get("event") == "message":
                if event["id"] in shown:
                    continue
                shown.add(event["id"])
            if not self.is_over.is_set():
                tell(event)
        if not self.is_over.is_set():
            self.over()

    def over(self):
        self.is_over.set()
        if "STOMPLIANCE_RESTART" not in os.environ:
            os._exit(0)
        tell({"event": "over"})

    def take(self, line):
        if '"drop"' not in line:
            self.child.stdin.write(line)
            self.child.stdin.flush()
        elif how == "lingers":
            self.over()
        elif how != "deaf":
            self.is_over.set()
            self.child.kill()
            self.telling.join()
            self.over()

client = Client({})
for line in sys.stdin:
    if '"restart"' not in line:
        client.take(line)
    elif how == "gone":
        os._exit(7)
    else:
        client = Client(json.loads(line)["environment"])
client.child.stdin.close()
"#;

/// One that can be restarted, or claims so, and how it fared.
fn resident(how: &str, command: &str, suites: &[&str]) -> Judged {
    let script = scratch(&format!("resident-{how}")).join("driver.py");
    fs::write(&script, RESIDENT).expect("the script is written");
    let script = script.display().to_string();
    run_on(command, &format!("resident-{how}"), suites, &["python3", &script, how, STOMPLIANCE, "client"])
}

#[test]
fn a_driver_that_is_restarted_well_keeps_its_contract() {
    let judged = resident("well", "driver-check", &[]);
    assert_eq!(judged.code, Some(0), "{:#?}{}{}", judged.failed(), judged.out, judged.err);
    assert!(judged.run["cases"].to_string().contains(r#""again":true"#), "{}", judged.out);
}

#[test]
fn a_driver_whose_clients_outlive_their_end_is_told() {
    let judged = resident(
        "lingers",
        "driver-check",
        &["driver/contract/drops", "driver/contract/drops-who-comes-back"],
    );
    assert_eq!(judged.code, Some(1), "{:#?}{}{}", judged.failed(), judged.out, judged.err);
    let failed = judged.failed();
    assert_eq!(failed.len(), 2, "{failed:#?}");
    assert_eq!(judged.out.matches("clause    DRIVER-14").count(), 2, "{}", judged.out);
}

#[test]
fn a_driver_whose_clients_know_what_another_was_told_is_told() {
    let judged = resident("remembers", "driver-check", &["driver/contract/restarts"]);
    assert_eq!(judged.code, Some(1), "{:#?}{}{}", judged.failed(), judged.out, judged.err);
    assert!(judged.out.contains("clause    DRIVER-14"), "{}", judged.out);
}

#[test]
fn a_driver_that_is_deaf_to_drop_is_killed_and_started_anew() {
    let judged = resident("deaf", "check-client", &["client/session"]);
    assert_eq!(judged.code, Some(0), "{:#?}{}{}", judged.failed(), judged.out, judged.err);
}

#[test]
fn a_driver_that_exits_where_it_is_restarted_is_told() {
    let judged = resident("gone", "check-client", &["client/session"]);
    assert_eq!(judged.code, Some(1), "{:#?}{}{}", judged.failed(), judged.out, judged.err);
    assert!(judged.out.contains("came      the client exited with status 7"), "{}", judged.out);
    assert!(judged.out.contains("restarted in its process: python3"), "{}", judged.out);
}
