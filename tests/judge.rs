//! The judge is a fold over the log: live and recomputed agree, and the log is what decides.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use stompliance::judge::Verdict;
use stompliance::report::json::rejudge;

fn run(name: &str, arguments: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("judge").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let json = folder.join("run.json");
    let output = Command::new(env!("CARGO_BIN_EXE_stompliance"))
        .arg("run")
        .args(arguments)
        .args(["--in-memory", "--seed", "11"])
        .arg("--json")
        .arg(&json)
        .arg("--junit")
        .arg(folder.join("junit.xml"))
        .arg("--html")
        .arg(folder.join("report.html"))
        .output()
        .unwrap();
    assert!(output.status.code() == Some(0) || output.status.code() == Some(1), "{output:?}");
    json
}

fn load(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The same run without what the judge is to find out by itself.
fn without_answers(path: &Path, name: &str, change: impl Fn(&mut Value)) -> PathBuf {
    let mut file = load(path);
    for case in file["cases"].as_array_mut().unwrap() {
        let case = case.as_object_mut().unwrap();
        case.remove("checks");
        case.remove("verdict");
    }
    change(&mut file);
    let changed = path.with_file_name(name);
    std::fs::write(&changed, file.to_string()).unwrap();
    let bodies = PathBuf::from(format!("{}.bodies", path.display()));
    if bodies.exists() {
        let copy = PathBuf::from(format!("{}.bodies", changed.display()));
        std::fs::create_dir_all(&copy).unwrap();
        for entry in std::fs::read_dir(bodies).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
    }
    changed
}

#[test]
fn live_and_recomputed_agree_for_every_case_with_and_without_the_answers() {
    for (name, arguments) in [
        ("correct", &[][..]),
        ("defect", &["im/revoke", "im/send", "stomp/frames", "--defect", "notice-has-content"][..]),
        ("lossy", &["im/sync", "--defect", "sync-loses-one"][..]),
    ] {
        let path = run(name, arguments);
        let again = rejudge(&path).unwrap();
        assert!(again.cases.len() > 20 && again.checks > 100, "{name}: {} cases", again.cases.len());
        let differing: Vec<_> = again.cases.iter().filter(|c| !c.differences.is_empty()).collect();
        assert!(differing.is_empty(), "{name}: {differing:?}");
        let bare = rejudge(&without_answers(&path, "bare.json", |_| {})).unwrap();
        for (with, without) in again.cases.iter().zip(&bare.cases) {
            assert_eq!(
                (&with.id, with.verdict, &with.checks),
                (&without.id, without.verdict, &without.checks)
            );
        }
    }
}

/// Cases whose verdict hangs on messages that came.
const CASES: [&str; 20] = [
    "im/revoke/recipient-is-told",
    "im/revoke/only-the-sender-revokes[bob]",
    "im/revoke/only-the-sender-revokes[carol]",
    "im/send/to-one-user",
    "im/send/burst-of-100",
    "im/send/as-documented",
    "im/send/unchanged[emoji]",
    "im/send/unchanged[nul]",
    "im/send/one-character[letter]",
    "im/send/three-to-one",
    "im/send/unchanged[han]",
    "im/send/unchanged[html]",
    "im/group/to-all-members",
    "im/group/both-devices",
    "im/group/in-order",
    "im/sync/backlog",
    "stomp/frames/nul-in-body[nul-first]",
    "stomp/frames/batch[ten]",
    "stomp/frames/cut-anywhere",
    "stomp/send/not-before-commit",
];

#[test]
fn removing_or_altering_one_logged_message_turns_the_verdict() {
    let path = run("altered", &["im/revoke", "im/send", "im/group", "im/sync", "stomp/frames", "stomp/send"]);
    let file = load(&path);
    let before = rejudge(&path).unwrap();
    let mut head = file.clone();
    head["cases"] = Value::Array(Vec::new());
    // Its bodies are found beside the file of the run.
    let changed = without_answers(&path, "changed.json", |_| {});
    for id in CASES {
        let case = file["cases"]
            .as_array()
            .unwrap()
            .iter()
            .find(|c| c["id"] == id)
            .unwrap_or_else(|| panic!("{id}"));
        assert_eq!(before.cases.iter().find(|c| c.id == id).unwrap().verdict, Verdict::Pass, "{id}");
        let mark = case["facts"]["mark"].as_str().unwrap();
        let events = case["transcript"].as_array().unwrap();
        let own: Vec<usize> = (0..events.len())
            .filter(|at| {
                let event = &events[*at];
                let body = event["frame"]["body"]["text"].as_str().unwrap_or_default();
                event["event"] == "came" && event["frame"]["command"] == "MESSAGE" && body.contains(mark)
            })
            .take(40)
            .collect();
        assert!(!own.is_empty(), "no message in {id}");
        for change in [None, Some("{\"content\":\"something else\"}")] {
            // Of the first messages of a case at least one is what its verdict hangs on: others are copies that nobody
            // in the case looks at.
            let turned = own.iter().any(|at| {
                let mut alone = head.clone();
                alone["cases"] = Value::Array(vec![case.clone()]);
                let case = alone["cases"][0].as_object_mut().unwrap();
                case.remove("checks");
                case.remove("verdict");
                let events = case["transcript"].as_array_mut().unwrap();
                match change {
                    None => drop(events.remove(*at)),
                    Some(body) => events[*at]["frame"]["body"] = serde_json::json!({ "text": body }),
                }
                std::fs::write(&changed, alone.to_string()).unwrap();
                rejudge(&changed).unwrap().cases[0].verdict != Verdict::Pass
            });
            assert!(turned, "{id}: {change:?} at {own:?}");
        }
    }
}

#[test]
fn a_file_that_says_something_else_than_its_log_is_found_out() {
    let path = run("tampered", &["im/revoke/recipient-is-told"]);
    let mut file = load(&path);
    file["cases"][0]["verdict"] = "fail".into();
    let tampered = path.with_file_name("tampered.json");
    std::fs::write(&tampered, file.to_string()).unwrap();
    let judge = |path: &Path| {
        Command::new(env!("CARGO_BIN_EXE_stompliance")).arg("judge").arg(path).output().unwrap()
    };
    let (good, bad) = (judge(&path), judge(&tampered));
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    assert_eq!(bad.status.code(), Some(1), "{bad:?}");
    let said = String::from_utf8(bad.stdout).unwrap();
    assert!(said.contains("the file says `fail`, the log gives `pass`"), "{said}");
    std::fs::write(&tampered, "{").unwrap();
    assert_eq!(judge(&tampered).status.code(), Some(2));
}

#[test]
fn a_wait_in_vain_proves_nothing_where_the_harness_itself_was_held_up() {
    let path = run("held-up", &["im/revoke/recipient-is-told", "--defect", "no-revoke-notice"]);
    let verdict = |changed: &Path| rejudge(changed).unwrap().cases[0].verdict;
    assert_eq!(verdict(&path), Verdict::Fail);
    for (stall_us, expected) in [(900_000, Verdict::Fail), (2_000_000, Verdict::Error)] {
        let changed = without_answers(&path, "stalled.json", |file| {
            let events = file["cases"][0]["transcript"].as_array_mut().unwrap();
            let at = events.iter().position(|e| e["event"] == "deadline").unwrap();
            let stall = serde_json::json!({ "at": events[at]["at"], "event": "stall", "us": stall_us });
            events.insert(at, stall);
        });
        assert_eq!(verdict(&changed), expected, "{stall_us}");
    }
}
