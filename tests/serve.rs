//! `stompliance serve` as a user runs it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("serve").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_stompliance"))
}

/// Starts a server; gives it with its first line.
fn serve(arguments: &[&str]) -> (Child, String) {
    let mut child = program().arg("serve").args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, line)
}

fn stop(mut child: Child, signal: &str) -> Option<i32> {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    child.wait().unwrap().code()
}

fn failed(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = program().arg("serve").args(arguments).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn it_says_where_it_listens_writes_a_configuration_that_runs_and_ends_on_sigterm() {
    let folder = scratch("config");
    let config = folder.join("target.toml");
    let (child, line) = serve(&["--port", "0", "--write-config", config.to_str().unwrap()]);
    assert!(
        line.starts_with("listening on ws://127.0.0.1:") && line.trim_end().ends_with("/ws/im"),
        "{line}"
    );
    let run = program()
        .args(["run", "im/revoke", "--config", config.to_str().unwrap()])
        .current_dir(&folder)
        .output()
        .unwrap();
    let code = stop(child, "-TERM");
    assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stdout));
    assert!(String::from_utf8_lossy(&run.stdout).contains("im/revoke    27 pass"));
    assert_eq!(code, Some(0));
}

#[test]
fn it_ends_cleanly_on_ctrl_c() {
    let (child, _) = serve(&["--port", "0"]);
    assert_eq!(stop(child, "-INT"), Some(0));
}

#[test]
fn defects_are_listed_one_json_object_a_line() {
    let output = program().args(["serve", "--list-defects"]).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let all: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(all.len() >= 20, "{}", all.len());
    for defect in all {
        let whole = defect["name"].is_string() && defect["description"].is_string();
        assert!(whole && !defect["breaks"].as_array().unwrap().is_empty(), "{defect}");
    }
}

#[test]
fn what_cannot_be_served_is_told() {
    let (code, text) = failed(&["--defect", "revoke-by-anyon"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("revoke-by-anyone"), "{text}");
    let (code, text) = failed(&["--accounts", "/no/such/file"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("/no/such/file"), "{text}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, text) = failed(&["--port", &port]);
    assert_eq!(code, Some(2));
    assert!(text.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{text}");
}
