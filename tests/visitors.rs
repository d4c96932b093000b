//! Clients that cannot be started, and come by themselves: `check-client --listen`.

#![allow(clippy::expect_used, reason = "what goes wrong around the clients fails the test with these words")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

#[path = "common/peers.rs"]
mod peers;

use peers::{root, scratch};

const STOMPLIANCE: &str = env!("CARGO_BIN_EXE_stompliance");

/// How long a run may take before a test gives up on it.
const DEADLINE: Duration = Duration::from_secs(120);

/// `check-client` that listens, and ends with this.
struct Harness {
    child: Child,
    out: BufReader<ChildStdout>,
    /// Host and port.
    address: String,
}

impl Drop for Harness {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

impl Harness {
    fn start(name: &str, arguments: &[&str]) -> Harness {
        let folder = scratch(name);
        let mut child = Command::new(STOMPLIANCE)
            .args(["--color", "never", "check-client", "--listen", "127.0.0.1:0", "--json"])
            .arg(folder.join("run.json"))
            .arg("--html")
            .arg(folder.join("report.html"))
            .args(arguments)
            .current_dir(root())
            .stdout(Stdio::piped())
            .spawn()
            .expect("stompliance runs");
        let mut out = BufReader::new(child.stdout.take().expect("its output is piped"));
        let mut line = String::new();
        out.read_line(&mut line).expect("it says where it listens");
        let address =
            line.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("an address").0;
        Harness { child, out, address: address.to_owned() }
    }

    /// A page, without its head.
    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("the page is there");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address).expect("it is asked for");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it is text");
        text.split_once("\r\n\r\n").expect("HTTP has a head").1.to_owned()
    }

    fn progress(&self) -> Value {
        serde_json::from_str(&self.get("/progress.json")).expect("it is JSON")
    }

    /// Lets a client connect for each case, until all are over.
    fn serve_clients(&self) {
        let begun = Instant::now();
        let mut last = None;
        let mut client: Option<Child> = None;
        loop {
            assert!(begun.elapsed() < DEADLINE, "it is not over: {}", self.progress());
            let progress = self.progress();
            if progress["over"] == true {
                break;
            }
            let now = progress["now"]["id"].as_str().map(str::to_owned);
            if now.is_some() && now != last && progress["now"]["waits"] == true {
                last = now;
                if let Some(mut before) = client.take() {
                    let _ = before.kill();
                    let _ = before.wait();
                }
                client = Some(self.client());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        if let Some(mut client) = client {
            let _ = client.kill();
            let _ = client.wait();
        }
    }

    fn client(&self) -> Child {
        Command::new(STOMPLIANCE)
            .arg("client")
            .env("STOMPLIANCE_URL", format!("ws://{}/ws/im", self.address))
            .env("STOMPLIANCE_TOKEN", "token-of-user-001")
            .env("STOMPLIANCE_USER", "user_001")
            .env("STOMPLIANCE_APP_ID", "app_0001")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the client runs")
    }

    /// The exit code, and what else was printed.
    fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).expect("it prints text");
        (self.child.wait().expect("it ends").code(), rest)
    }
}

#[test]
fn a_client_that_comes_by_itself_is_judged_and_the_page_stays_until_ctrl_c() {
    let suites = ["client/session", "client/websocket/ping-payload", "client/headers/connect-is-plain"];
    let harness = Harness::start("visitor", &suites);
    assert!(harness.get("/").contains("<title>stompliance waits for a client</title>"));
    harness.serve_clients();
    let progress = harness.progress();
    let done = progress["done"].as_array().expect("cases were judged");
    let of = |verdict: &str| done.iter().filter(|one| one["verdict"] == verdict).count();
    assert_eq!((of("fail"), of("error")), (0, 0), "{progress}");
    assert!(of("pass") > 20, "{progress}");
    // What a passive client cannot show says what would be needed.
    let plain =
        done.iter().find(|one| one["id"] == "client/headers/connect-is-plain").expect("it was listed");
    assert_eq!(plain["reason"], "the point `started` is false; the case needs true");
    let pid =
        rustix::process::Pid::from_raw(harness.child.id().cast_signed()).expect("a process has a number");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it is told");
    let (code, out) = harness.end();
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("stays until Ctrl-C") && out.contains("0 failed"), "{out}");
}

#[test]
fn with_once_it_ends_with_its_last_case() {
    let harness = Harness::start("visitor-once", &["client/session/connect", "--once"]);
    let mut client = harness.client();
    let (code, out) = harness.end();
    let _ = client.kill();
    let _ = client.wait();
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("client/session  1 pass"), "{out}");
}

#[test]
fn what_cannot_be_listened_on_is_said() {
    let tell = |arguments: &[&str]| {
        let output =
            Command::new(STOMPLIANCE).arg("check-client").args(arguments).output().expect("stompliance runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = tell(&["--listen", "nowhere"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("cannot listen on nowhere: "), "{said}");
    let (code, said) = tell(&["--listen", "127.0.0.1:0", "--account", "nobody"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--account is written as USER:TOKEN"), "{said}");
    let (code, said) = tell(&["--listen", "127.0.0.1:0", "--", "true"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("cannot be used with"), "{said}");
}
