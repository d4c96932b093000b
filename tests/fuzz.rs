//! The fuzzer as a user runs it: clean on a correct server, and what it finds on others is a scenario that shows it again.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::path::PathBuf;
use std::time::Duration;

use common::{Going, LONG, Scratch, block_on, closed_port, ended, program, run_in};

/// The scenarios that were left in a folder.
fn scenarios(scratch: &Scratch) -> Vec<PathBuf> {
    let files = scratch.files().into_iter().map(|(path, _)| path);
    let is_one = |path: &PathBuf| {
        path.extension().is_some_and(|e| e == "yaml")
            && path.file_name().is_some_and(|n| n != "stomp-alone.yaml")
    };
    let mut found: Vec<PathBuf> = files.filter(is_one).collect();
    found.sort();
    found
}

/// A profile without a dialect of any application, so that every round is about STOMP.
fn stomp_alone(scratch: &Scratch) -> &'static str {
    scratch.file("stomp-alone.yaml", "profile: stomp-alone\ntitle: STOMP alone\ndialect: stomp\n\
        points: { receipts: all, ordering: per-sender, transactions: true, ack_modes: true, redelivery: true }\n");
    "stomp-alone.yaml"
}

#[test]
fn a_correct_server_is_clean_whatever_it_is_told() {
    let scratch = Scratch::new();
    for strategy in ["frames", "bytes", "websocket", "bodies", "sessions"] {
        let args = ["fuzz", "--strategy", strategy, "--cases", "400", "--seed", "1"];
        let ended = run_in(scratch.path(), &args).exits(0);
        assert!(ended.stdout.contains(" inputs, 0 findings "), "{strategy}: {}", ended.stdout);
    }
    assert_eq!(scenarios(&scratch), Vec::<PathBuf>::new());
}

#[test]
fn what_is_found_breaks_again_where_it_was_found_and_nowhere_else() {
    for (defect, clause) in
        [("text-ends-at-nul", "STOMP12-SUB-02"), ("headers-not-escaped", "STOMP12-ENC-02")]
    {
        let scratch = Scratch::new();
        let alone = ["--profile", stomp_alone(&scratch)];
        let args = ["fuzz", "--strategy", "frames", "--cases", "60", "--seed", "1", "--defect", defect];
        run_in(scratch.path(), &[&args[..], &alone].concat()).exits(1);
        let found = scenarios(&scratch);
        let texts: Vec<String> = found.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
        assert!(
            texts.iter().any(|text| text.contains(&format!("# clause    {clause}"))),
            "{defect}: {texts:?}"
        );
        for (path, text) in found.iter().zip(&texts).filter(|(_, text)| text.contains("# again ")).take(2) {
            let path = path.to_str().unwrap();
            let shown = run_in(scratch.path(), &["run", path, "--in-memory", "--defect", defect]).exits(1);
            let broken = text.lines().find_map(|line| line.strip_prefix("# clause    ")).unwrap();
            assert!(shown.stdout.contains(broken), "{defect}: {}", shown.stdout);
            run_in(scratch.path(), &["run", path, "--in-memory"]).exits(0);
        }
        let smallest =
            texts.iter().map(|text| text.lines().filter(|l| l.trim().starts_with("- alice")).count());
        assert!(smallest.min().unwrap() <= 2, "one message and the last: {texts:?}");
    }
}

#[test]
fn a_session_shows_who_receives_what_is_not_his() {
    for defect in ["unsubscribe-ignored", "subscription-ids-shared", "first-message-lost"] {
        let scratch = Scratch::new();
        let args = ["fuzz", "--strategy", "sessions", "--cases", "300", "--seed", "1", "--defect", defect];
        run_in(scratch.path(), &args).exits(1);
        let again = |path: &PathBuf| std::fs::read_to_string(path).unwrap().contains("# again ");
        let found = scenarios(&scratch).into_iter().find(again).expect("one that breaks by itself");
        let path = found.to_str().unwrap();
        run_in(scratch.path(), &["run", path, "--in-memory", "--defect", defect]).exits(1);
        run_in(scratch.path(), &["run", path, "--in-memory"]).exits(0);
    }
}

#[test]
fn the_same_seed_finds_the_same() {
    let found = || {
        let scratch = Scratch::new();
        let args = ["fuzz", "--strategy", "frames", "--cases", "150", "--seed", "3", "--jobs", "1"];
        run_in(scratch.path(), &[&args[..], &["--defect", "text-ends-at-nul"]].concat()).exits(1);
        let mut all = scratch.files();
        all.iter_mut().for_each(|(path, _)| *path = path.file_name().unwrap().into());
        all.sort();
        all
    };
    let first = found();
    assert!(!first.is_empty());
    assert!(first == found());
}

#[test]
fn what_is_not_on_this_machine_is_left_alone_unless_one_says_that_it_is_ones_own() {
    let scratch = Scratch::new();
    let args = ["fuzz", "--target", "ws://192.0.2.1/ws", "--account", "a=u:some-token", "--cases", "1"];
    let ended = run_in(scratch.path(), &args).exits(2);
    assert!(ended.stderr.contains("--i-own-this-target"), "{}", ended.stderr);
}

#[test]
fn a_target_that_cannot_be_judged_ends_with_3() {
    let scratch = Scratch::new();
    let url = format!("ws://127.0.0.1:{}/ws/im", closed_port());
    let accounts =
        ["--account", "a=u:some-token", "--account", "b=v:other-token", "--account", "c=w:third-token"];
    let args = [&["fuzz", "--target", &url, "--cases", "1", "--timeout", "500ms"][..], &accounts].concat();
    let ended = run_in(scratch.path(), &args).exits(3);
    assert!(ended.stderr.contains("cannot be judged"), "{}", ended.stderr);
}

#[test]
fn ctrl_c_ends_it_with_what_it_found() {
    block_on(async {
        let scratch = Scratch::new();
        let args =
            ["fuzz", "--strategy", "frames", "--for", "1h", "--seed", "1", "--defect", "text-ends-at-nul"];
        let mut going = Going::start(&mut program(scratch.path(), &args));
        while !going.line().await.starts_with("found ") {}
        going.signal("INT").await;
        let (status, stdout, stderr) = going.end(Duration::from_secs(90)).await;
        assert_eq!(status.code(), Some(1), "{stdout}\n{stderr}");
        assert!(stdout.contains("stopped before the end"), "{stdout}");
    });
}

#[test]
fn a_folder_that_cannot_be_written_is_told_at_once() {
    let scratch = Scratch::new();
    scratch.file("taken", "");
    let mut command = program(scratch.path(), &["fuzz", "--cases", "1", "--out", "taken"]);
    let ended = block_on(ended(&mut command, LONG)).exits(2);
    assert!(ended.stderr.contains("cannot write to taken"), "{}", ended.stderr);
}
