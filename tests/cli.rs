//! The command line: what it says, where it writes, and how it ends.
//!
//! What is printed is kept as snapshots; `SNAPSHOTS=overwrite cargo test --test cli` takes over what has changed.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::{
    Ended, Going, LONG, ONE_CASE, Reference, Scratch, block_on, closed_port, ended, program, run_in,
};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use snapbox::{assert_data_eq, file, str};

/// Runs with files in the folder, and asserts on an error of usage or configuration: nothing on standard output, and
/// no report.
fn refused(files: &[(&str, &str)], args: &[&str]) -> String {
    let scratch = Scratch::new();
    for (name, text) in files {
        scratch.file(name, text);
    }
    let ended = run_in(scratch.path(), args).exits(2);
    assert_eq!(ended.stdout, "", "{args:?}");
    assert!(
        !scratch.path().join("reports").exists(),
        "{args:?}: nothing is written before it is known to make sense"
    );
    ended.stderr
}

/// Runs with a file `target.toml` that holds this account, and asserts on an error.
fn refused_account(account: &str) -> String {
    let text = format!("[target]\nurl = \"ws://127.0.0.1:9/ws/im\"\n\n[accounts.alice]\n{account}\n");
    refused(&[("target.toml", &text)], &["run", "im/handshake", "--config", "target.toml"])
}

/// Runs a suite of one's own, and asserts on an error.
fn refused_suite(text: &str) -> String {
    refused(&[("own.yaml", text)], &["run", "own.yaml"])
}

/// Counts of a report, by verdict.
fn count(report: &Value, verdict: &str) -> u64 {
    report["summary"][verdict].as_u64().unwrap()
}

/// The reference server's address and flags for as many of its accounts, as arguments.
fn on(server: &Reference, patterns: &[&str], accounts: usize, more: &[&str]) -> Vec<String> {
    let mut args = vec!["run".to_owned()];
    args.extend(patterns.iter().map(|p| (*p).to_owned()));
    args.extend(["--target".to_owned(), format!("ws://{}/ws/im", server.address)]);
    args.extend(["--profile".to_owned(), "reference".to_owned()]);
    args.extend(Reference::accounts(accounts));
    args.extend(more.iter().map(|m| (*m).to_owned()));
    args
}

/// Runs with such arguments in a folder.
async fn run_on(scratch: &Scratch, args: &[String]) -> Ended {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    ended(&mut program(scratch.path(), &args), LONG).await
}

// Selection.

#[test]
fn a_selection_that_matches_nothing_is_an_error_with_the_nearest_names() {
    assert_data_eq!(
        refused(&[], &["run", "im/revik"]),
        str![[r#"
error: nothing is called `im/revik`; the nearest: im/revoke

"#]]
    );
    assert_data_eq!(
        refused(&[], &["run", "IM-REVOK-04"]),
        str![[r#"
error: nothing is called `IM-REVOK-04`; the nearest: IM-REVOKE-04

"#]]
    );
    assert_data_eq!(
        refused(&[], &["run", "im/auth/let-im"]),
        str![[r#"
error: nothing is called `im/auth/let-im`; the nearest: im/auth/let-in

"#]]
    );
}

#[test]
fn of_several_patterns_each_must_match_something() {
    assert_data_eq!(
        refused(&[], &["run", "im/handshake", "im/sned*"]),
        str![[r#"
error: nothing is called `im/sned*`; the nearest: im/send

"#]]
    );
}

#[test]
fn a_list_names_what_would_run_and_runs_nothing() {
    let scratch = Scratch::new();
    let ended = run_in(scratch.path(), &["run", "--list", "im/auth/let-in", "IM-REVOKE-04"]).exits(0);
    let ids: Vec<&str> = ended.stdout.lines().filter_map(|l| l.split_whitespace().next()).collect();
    assert!(ids.contains(&"im/auth/let-in[rising]"), "{ids:?}");
    assert!(ids.iter().any(|id| id.starts_with("im/revoke/")), "{ids:?}");
    assert!(!ids.iter().any(|id| id.starts_with("im/handshake")), "{ids:?}");
    assert!(!scratch.path().join("reports").exists());
}

#[test]
fn an_unknown_flag_is_told_with_the_nearest() {
    assert_data_eq!(
        refused(&[], &["run", "--fail-fat"]),
        str![[r#"
error: unexpected argument '--fail-fat' found

  tip: a similar argument exists: '--fail-fast'

Usage: stompliance run --fail-fast [PATTERNS]...

For more information, try '--help'.

"#]]
    );
}

// The target.

#[test]
fn an_account_that_is_malformed_is_told_without_its_token() {
    for (account, said) in [
        ("alice", "--account has no `=`: write it as LABEL=USER:TOKEN"),
        ("alice=s3cret-value", "--account alice=… has no `:` after the user: write it as LABEL=USER:TOKEN"),
        ("alice=user_001:", "--account alice=… has an empty part: write it as LABEL=USER:TOKEN"),
        ("=user_001:s3cret-value", "--account =… has an empty part: write it as LABEL=USER:TOKEN"),
    ] {
        let said_so =
            refused(&[], &["run", "im/auth", "--target", "ws://127.0.0.1:9/ws", "--account", account]);
        assert_eq!(said_so, format!("error: {said}\n"));
    }
}

#[test]
fn accounts_and_groups_want_a_target_and_a_target_wants_accounts() {
    assert_data_eq!(
        refused(&[], &["run", "im/auth", "--account", "alice=user_001:token"]),
        str![[r#"
error: --account belongs to a target: name it with --target or --config

"#]]
    );
    assert_data_eq!(
        refused(&[], &["run", "im/auth", "--group", "g1=group_red:alice"]),
        str![[r#"
error: --group belongs to a target: name it with --target or --config

"#]]
    );
    assert_data_eq!(
        refused(&[], &["run", "im/auth", "--target", "ws://127.0.0.1:9/ws"]),
        str![[r#"
error: the target has no accounts: give at least one, --account LABEL=USER:TOKEN

"#]]
    );
}

#[test]
fn a_url_that_is_none_is_told() {
    for (url, said) in [
        ("localhost", "write it as ws://HOST:PORT/PATH"),
        ("ftp://localhost/ws", "the scheme is `ftp`, it must be ws or wss"),
    ] {
        let said_so = refused(&[], &["run", "im/auth", "--target", url, "--account", "a=u:token"]);
        assert!(said_so.contains(said) && said_so.contains(url), "{said_so}");
    }
}

#[test]
fn a_configuration_that_is_missing_is_told() {
    assert_data_eq!(
        refused(&[], &["run", "--config", "no/such.toml"]),
        str![[r#"
error: cannot read no/such.toml: No such file or directory (os error 2)

"#]]
    );
}

#[test]
fn an_unknown_key_is_shown_with_its_place_and_without_its_value() {
    assert_data_eq!(
        refused_account("user = \"user_001\"\ntokn = \"s3cret-value\""),
        str![[r#"
error: target.toml is no configuration:
TOML parse error at line 6, column 1
  |
6 | tokn = **************
  | ^^^^
unknown field `tokn`, expected one of `user`, `token`, `expired`, `login`, `passcode`

"#]]
    );
    assert_data_eq!(
        refused_account("user = \"user_001\"\ntoken = { fil = \"s3cret-value\" }"),
        str![[r#"
error: target.toml is no configuration:
TOML parse error at line 6, column 9
  |
6 | token = * *** * ************** *
  |         ^^^^^^^^^^^^^^^^^^^^^^^^
a secret is a text, { env = NAME }, { file = PATH } or { command = [PROGRAM, …], timeout = TIME }

"#]]
    );
    assert_data_eq!(
        refused_account("user = \"user_001\"\ntoken = \"s3cret-value"),
        str![[r#"
error: target.toml is no configuration:
TOML parse error at line 6, column 22
  |
6 | token = *************
  |                      ^
invalid basic string, expected `"`

"#]]
    );
}

#[test]
fn a_token_that_cannot_be_had_is_told_with_the_reason() {
    assert_data_eq!(
        refused_account("user = \"u\"\ntoken = { file = \"secrets/alice.txt\" }"),
        str![[r#"
error: target.toml: [accounts.alice] token: the file ./secrets/alice.txt: No such file or directory (os error 2)

"#]]
    );
    assert_data_eq!(
        refused_account("user = \"u\"\ntoken = { env = \"STOMPLIANCE_NO_SUCH_VARIABLE\" }"),
        str![[r#"
error: target.toml: [accounts.alice] token: the environment variable STOMPLIANCE_NO_SUCH_VARIABLE is not set

"#]]
    );
    assert_data_eq!(
        refused_account("user = \"u\"\ntoken = { command = [\"false\"] }"),
        str![[r#"
error: target.toml: [accounts.alice] token: the command `false` failed: exit status: 1

"#]]
    );
    assert_data_eq!(
        refused_account("user = \"u\"\ntoken = { command = [\"no-such-program\"] }"),
        str![[r#"
error: target.toml: [accounts.alice] token: the command `no-such-program` could not be run: No such file or directory (os error 2)

"#]]
    );
    let slow =
        refused_account("user = \"u\"\ntoken = { command = [\"sleep\", \"600\"], timeout = \"50ms\" }");
    assert_data_eq!(
        slow,
        str![[r#"
error: target.toml: [accounts.alice] token: the command `sleep` did not end within 50ms

"#]]
    );
}

#[test]
fn a_group_that_names_an_unknown_account_is_told() {
    let flags = [
        "run",
        "im/group",
        "--target",
        "ws://127.0.0.1:9/ws",
        "--account",
        "alice=u:token",
        "--group",
        "g1=x:alice,bob",
    ];
    assert_data_eq!(
        refused(&[], &flags),
        str![[r#"
error: the group `g1` names the account `bob`, which there is not

"#]]
    );
    assert_data_eq!(
        refused_account("user = \"u\"\ntoken = \"tok-1\"\n[groups.g1]\nid = \"x\"\nmembers = [\"bob\"]"),
        str![[r#"
error: target.toml: the group `g1` names the account `bob`, which there is not

"#]]
    );
}

#[test]
fn a_profile_that_there_is_not_is_told_with_the_nearest() {
    assert_data_eq!(
        refused(&[], &["run", "--profile", "referenc"]),
        str![[r#"
error: there is no profile `referenc`: did you mean `reference`?

"#]]
    );
}

#[test]
fn a_profile_with_an_unknown_point_is_shown_with_its_place() {
    let profile = "profile: mine\ndialect: im\npoints:\n  ordring: per-sender\n";
    assert_data_eq!(
        refused(&[("mine.yaml", profile)], &["run", "im", "--profile", "mine.yaml"]),
        str![[r#"
error: unknown point `ordring`
 --> mine.yaml:4:3
  |
4 |   ordring: per-sender
  |   ^^^^^^^
  |
help: did you mean `ordering`?

error: nothing was run: the files have errors

"#]]
    );
}

// Suites of one's own.

#[test]
fn a_profile_is_linted() {
    let scratch = Scratch::new();
    let profile = "profile: own\ntitle: Ours\npoints: { receipts: none, recipts: all }\nlimits: { fanuot: 3 }\nknown:\n  \
                   - { clause: IM-SEND-99, reason: a }\n  - { clause: IM-SEND-01, case: im/sned/*, reason: b }\n  \
                   - { clause: IM-SEND-02, reason: c, until: 2026-01-31 }\n  - { clause: IM-SEND-02, reason: d }\n";
    scratch.file("own.yaml", profile);
    assert_data_eq!(
        run_in(scratch.path(), &["lint", "own.yaml"]).exits(2).stdout,
        str![[r#"
error: unknown point `recipts`
 --> own.yaml:3:27
  |
3 | points: { receipts: none, recipts: all }
  |                           ^^^^^^^
  |
help: did you mean `receipts`?

error: unknown limit `fanuot`
 --> own.yaml:4:11
  |
4 | limits: { fanuot: 3 }
  |           ^^^^^^
  |
help: did you mean `fanout`?

error: unknown requirement `IM-SEND-99`
 --> own.yaml:6:5
  |
6 |   - { clause: IM-SEND-99, reason: a }
  |     ^
  |
help: did you mean `IM-SEND-09`?

warning: `im/sned/*` is the name of no case
 --> own.yaml:7:5
  |
7 |   - { clause: IM-SEND-01, case: im/sned/*, reason: b }
  |     ^

error: IM-SEND-02 is listed for these cases already: own.yaml:8:5
 --> own.yaml:9:5
  |
9 |   - { clause: IM-SEND-02, reason: d }
  |     ^
  |
help: leave one of the two

error: IM-SEND-02 was to be known until 2026-01-31 only
 --> own.yaml:8:5
  |
8 |   - { clause: IM-SEND-02, reason: c, until: 2026-01-31 }
  |     ^
  |
help: it counts as a failure again: mend it, or give it more time

[..] cases, [..] rules: 5 errors, 1 warnings

"#]]
    );
}

#[test]
fn a_suite_of_ones_own_runs() {
    let scratch = Scratch::new();
    scratch.file("own.yaml", ONE_CASE);
    let ended = run_in(scratch.path(), &["run", "own.yaml", "--seed", "1"]).exits(0);
    assert!(ended.stdout.contains("own/one      1 pass"), "{}", ended.stdout);
    let report = scratch.run_json();
    let case = report["cases"].as_array().unwrap().iter().find(|c| c["id"] == "own/one/let-in").unwrap();
    assert_eq!((&case["verdict"], &case["place"]["file"]), (&"pass".into(), &"own.yaml".into()));
}

#[test]
fn all_slips_of_a_suite_are_shown_at_once_with_place_snippet_and_suggestion() {
    let suite = "\
suite: own/slips
title: A suite with many slips
dialect: im
cases:
  - id: one
    title: A verb and an event with a slip
    requirements: [ IM-SEND-01 ]
    cast: { alice: connected, bob: online }
    steps:
      - alice: { sned: { to: $bob.id, content: hi } }
      - bob: { expect: { recieve: { content: hi } } }
  - id: one
    title: The same id, and a requirement that there is not
    requirements: [ IM-SEND-99 ]
    cast: { alice: open }
    steps:
      - alice: { hello: {} }
      - alice: { expect: admitted }
  - id: two-keys
    title: A reference to nothing, and two keys in a step
    requirements: [ IM-AUTH-01 ]
    cast: { alice: open, bob: lurking }
    steps:
      - alice: { hello: { versions: $nothing } }
        as: hello
      - alice: { expect: admitted }
      - bob: { become: online, clause: IM-AUTH-01 }
";
    assert_data_eq!(
        refused_suite(suite),
        str![[r#"
error: unknown verb `sned`
  --> own.yaml:10:18
   |
10 |       - alice: { sned: { to: $bob.id, content: hi } }
   |                  ^^^^
   |
help: did you mean `send`?

error: unknown event `recieve`
  --> own.yaml:11:26
   |
11 |       - bob: { expect: { recieve: { content: hi } } }
   |                          ^^^^^^^
   |
help: did you mean `receive`?

error: the id `own/slips/one` is taken: own.yaml:5:5 has it already
  --> own.yaml:12:5
   |
12 |   - id: one
   |     ^
   |
help: ids are unique: rename one

error: unknown requirement `IM-SEND-99`
  --> own.yaml:14:21
   |
14 |     requirements: [ IM-SEND-99 ]
   |                     ^^^^^^^^^^
   |
help: did you mean `IM-SEND-09`?

error: unknown state `lurking`
  --> own.yaml:22:31
   |
22 |     cast: { alice: open, bob: lurking }
   |                               ^^^^^^^
   |
help: one of: open, connected, online, away, offline

error: a step has one key; `as` is a second
  --> own.yaml:25:9
   |
25 |         as: hello
   |         ^^
   |
help: put `as` in a step of its own, or within `alice: { … }`

error: `become` takes the clauses of the steps that lead to its state: one beside it decides nothing
  --> own.yaml:27:40
   |
27 |       - bob: { become: online, clause: IM-AUTH-01 }
   |                                        ^^^^^^^^^^

error: nothing was run: the files have errors

"#]]
    );
}

#[test]
fn words_and_numbers_where_text_is_due_are_shown() {
    let suite = |step: &str| ONE_CASE.replace("hello: {}", step);
    assert_data_eq!(
        refused_suite(&ONE_CASE.replace("{ alice: open }", "{ alice: no }")),
        str![[r#"
error: `no` is text in YAML 1.2 and a boolean in 1.1
 --> own.yaml:8:20
  |
8 |     cast: { alice: no }
  |                    ^^
  |
help: write true or false, or "no"

error: nothing was run: the files have errors

"#]]
    );
    assert_data_eq!(
        refused_suite(&suite("hello: { beats: 0,0 }")),
        str![[r#"
error: `beats` is text, not a number
  --> own.yaml:10:34
   |
10 |       - alice: { hello: { beats: 0,0 } }
   |                                  ^
   |
help: quote it: "0"

error: unknown parameter of `hello` `0`
  --> own.yaml:10:36
   |
10 |       - alice: { hello: { beats: 0,0 } }
   |                                    ^
   |
help: one of: token, authorization, versions, beats, more

error: nothing was run: the files have errors

"#]]
    );
    assert_data_eq!(
        refused_suite(&suite("hello: { versions: 1.2 }")),
        str![[r#"
error: `versions` is text, not a number
  --> own.yaml:10:37
   |
10 |       - alice: { hello: { versions: 1.2 } }
   |                                     ^^^
   |
help: quote it: "1.2"

error: nothing was run: the files have errors

"#]]
    );
}

#[test]
fn a_reference_to_nothing_is_shown() {
    assert_data_eq!(
        refused_suite(&ONE_CASE.replace("hello: {}", "hello: { versions: $nothing }")),
        str![[r#"
error: unknown name `nothing`
  --> own.yaml:10:37
   |
10 |       - alice: { hello: { versions: $nothing } }
   |                                     ^^^^^^^^
   |
help: one of: absent, alice, fill, fresh, mark, me, now, profile, target

error: nothing was run: the files have errors

"#]]
    );
}

#[test]
fn what_a_transport_cannot_do_is_refused() {
    let over =
        |cast: &str| ONE_CASE.replace("alice: open", &format!("alice: {{ state: open, over: {cast} }}"));
    let ping = over("xhr-polling").replace("hello: {}", "ws: { ping: x }");
    assert_data_eq!(
        refused_suite(&ping),
        str![[r#"
error: `alice` travels over `xhr-polling`, which has no WebSocket beneath it
  --> own.yaml:10:18
   |
10 |       - alice: { ws: { ping: x } }
   |                  ^^
   |
help: `ws`, and `wire` with `fragment` or `opcode`, need `websocket` or `sockjs-websocket`

error: nothing was run: the files have errors

"#]]
    );
    let within = over("eventsource").replace("hello: {}", "heard: {}");
    assert!(refused_suite(&within).contains("`alice` travels over `eventsource`"), "also within a verb");
    let unknown = refused_suite(&over("xhr"));
    assert!(unknown.contains("unknown transport `xhr`") && unknown.contains("xhr-polling"), "{unknown}");
}

#[test]
fn a_case_of_negatives_only_is_refused() {
    let suite = ONE_CASE.replace("expect: admitted", "expect: { nothing: { frame: ERROR } }");
    assert_data_eq!(
        refused_suite(&suite),
        str![[r#"
error: `let-in` has only negatives: a dead target would pass
 --> own.yaml:5:9
  |
5 |   - id: let-in
  |         ^^^^^^
  |
help: bring somebody to `connected`, or let something be received first

error: nothing was run: the files have errors

"#]]
    );
}

#[test]
fn a_file_that_is_no_yaml_or_is_missing_is_told() {
    assert_data_eq!(
        refused_suite("suite: own/one\n  title: [\n"),
        str![[r#"
error: this is no valid YAML: mapping values are not allowed in this context
 --> own.yaml:2:8
  |
2 |   title: [
  |        ^

error: nothing was run: the files have errors

"#]]
    );
    assert_data_eq!(
        refused(&[], &["run", "missing.yaml"]),
        str![[r#"
error: cannot read missing.yaml: No such file or directory (os error 2)

"#]]
    );
}

// Reports and exit codes.

#[test]
fn reports_that_cannot_be_written_are_told_before_anything_runs() {
    let scratch = Scratch::new();
    scratch.file("file", "");
    for (flag, path) in [("--json", "file/run.json"), ("--junit", "/proc/none/junit.xml"), ("--html", ".")] {
        let ended = run_in(scratch.path(), &["run", "im/handshake", flag, path]).exits(2);
        assert!(ended.stderr.starts_with("error: cannot write to "), "{flag}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{flag}: nothing has run");
    }
}

#[test]
fn a_clean_run_ends_with_0_and_says_where_its_reports_are() {
    let scratch = Scratch::new();
    let ended = run_in(scratch.path(), &["run", "im/handshake", "--seed", "1"]).exits(0);
    assert_data_eq!(
        ended.stdout,
        str![[r#"
stompliance 0.1.0 on the embedded reference server, profile reference: 26 cases, 28 rules, seed 1

  im/handshake  26 pass
  im/rules      3 pass, 3 n/a
  stomp/rules   19 pass, 3 n/a

  n/a im/rules/error-has-message and 5 more: no such frame was seen in this run

48 passed, 0 failed, 6 n/a  (76 checks of 84 made, [..] s)
reports: reports/latest/run.json, reports/latest/report.html, reports/latest/junit.xml

"#]]
    );
    let report = scratch.run_json();
    assert_eq!((count(&report, "fail"), count(&report, "error")), (0, 0));
    assert_eq!(report["interrupted"], false);
    for name in ["junit.xml", "report.html"] {
        assert!(scratch.path().join("reports/latest").join(name).metadata().unwrap().len() > 0, "{name}");
    }
}

#[test]
fn a_defect_ends_with_1_and_its_failure_names_the_clause_and_shows_the_frames() {
    let scratch = Scratch::new();
    let args = ["run", "im/auth/bad-token", "--defect", "expired-token-accepted", "--seed", "1"];
    let ended = run_in(scratch.path(), &args).exits(1);
    for said in
        ["fail ", "IM-AUTH-02 (MUST)", "expected ", "came ", "→ CONNECT", "rerun     stompliance run "]
    {
        assert!(ended.stdout.contains(said), "{said:?}:\n{}", ended.stdout);
    }
    assert!(count(&scratch.run_json(), "fail") > 0);
}

#[test]
fn a_target_that_is_not_there_ends_with_3_and_leaves_no_report() {
    let scratch = Scratch::new();
    let url = format!("ws://127.0.0.1:{}/ws/im", closed_port());
    let ended =
        run_in(scratch.path(), &["run", "im/handshake", "--target", &url, "--account", "a=u:token"]).exits(3);
    assert!(ended.stderr.contains("cannot be judged"), "{}", ended.stderr);
    assert_eq!(scratch.files(), [], "an empty file would be taken for a report");
}

#[test]
fn the_first_failure_ends_a_run_that_is_to_fail_fast() {
    let scratch = Scratch::new();
    let args = ["run", "im/auth", "--defect", "token-echoed", "--jobs", "1", "--seed", "1"];
    run_in(scratch.path(), &args).exits(1);
    let all = scratch.run_json();
    run_in(scratch.path(), &[&args[..], &["--fail-fast"]].concat()).exits(1);
    let fast = scratch.run_json();
    let cases = |report: &Value| report["cases"].as_array().unwrap().len();
    assert!(cases(&fast) < cases(&all), "{} of {}", cases(&fast), cases(&all));
    let failed = |c: &&Value| c["verdict"] == "fail" && !c["id"].as_str().unwrap().contains("/rules/");
    assert_eq!(fast["cases"].as_array().unwrap().iter().filter(failed).count(), 1);
    assert_eq!(count(&fast, "error"), 0, "what ran beside it ran to its end");
}

#[test]
fn every_case_runs_as_often_as_is_asked_for() {
    let scratch = Scratch::new();
    run_in(scratch.path(), &["run", "im/handshake/upgrade", "--repeat", "3", "--seed", "1"]).exits(0);
    let report = scratch.run_json();
    let times =
        report["cases"].as_array().unwrap().iter().filter(|c| c["id"] == "im/handshake/upgrade").count();
    assert_eq!(times, 3);
}

// In memory.

#[test]
fn in_memory_the_same_seed_gives_the_same_transcripts() {
    // All suites, behind a bad network.
    let args = ["run", "--in-memory", "--seed", "7", "--chaos", "1", "--jitter", "200ms"];
    let transcripts = || {
        let scratch = Scratch::new();
        run_in(scratch.path(), &args).exits(0);
        let report = scratch.run_json();
        let cases = report["cases"].as_array().unwrap();
        let one = |c: &Value| {
            (c["id"].as_str().unwrap().to_owned(), serde_json::to_string(&c["transcript"]).unwrap())
        };
        cases.iter().map(one).collect::<Vec<_>>()
    };
    let (first, second) = (transcripts(), transcripts());
    assert!(first.iter().filter(|(_, t)| t.len() > 100).count() > 750, "there is something to compare");
    for ((id, one), (other_id, other)) in first.iter().zip(&second) {
        assert_eq!(id, other_id);
        assert!(one == other, "{id} differs:\n{one}\n{other}");
    }
    assert_eq!(first.len(), second.len());
}

#[test]
fn in_memory_no_socket_is_opened() {
    let traceable = std::process::Command::new("strace").args(["-f", "-e", "trace=socket", "true"]).output();
    if !traceable.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: there is no strace here that may trace, so nobody looks for sockets");
        return;
    }
    let scratch = Scratch::new();
    let trace = |args: &[&str]| {
        let mut command = tokio::process::Command::new("strace");
        let traced =
            ["-f", "-qq", "-e", "trace=socket,socketpair", "-o", "trace", env!("CARGO_BIN_EXE_stompliance")];
        command.args(traced).args(args).current_dir(scratch.path()).env_remove("STOMPLIANCE_TARGET");
        command
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        block_on(ended(&mut command, LONG)).exits(0);
        let text = std::fs::read_to_string(scratch.path().join("trace")).unwrap();
        text.lines().filter(|l| l.contains("socket(")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(trace(&["run", "im/handshake", "--in-memory", "--seed", "7"]), Vec::<String>::new());
    assert_ne!(
        trace(&["run", "im/handshake/upgrade", "--seed", "7"]),
        Vec::<String>::new(),
        "the trace sees sockets"
    );
}

// Interruption.

#[test]
fn ctrl_c_in_mid_run_still_writes_the_report_of_what_ran() {
    block_on(async {
        let scratch = Scratch::new();
        let args = ["run", "im/handshake", "im/auth", "--repeat", "200", "--verbose", "--seed", "1"];
        let mut going = Going::start(&mut program(scratch.path(), &args));
        while !going.line().await.starts_with("pass ") {}
        going.signal("INT").await;
        let (status, stdout, stderr) = going.end(Duration::from_secs(30)).await;
        assert_eq!(status.code(), Some(3), "{stdout}\n{stderr}");
        let report = scratch.run_json();
        assert_eq!(report["interrupted"], true);
        let cases = report["cases"].as_array().unwrap();
        let passed = cases.iter().filter(|c| c["verdict"] == "pass").count();
        assert!(passed > 0 && cases.len() < 84 * 200, "{passed} of {}", cases.len());
        assert!(cases.iter().any(|c| c["transcript"].as_array().is_some_and(|t| !t.is_empty())));
        assert!(!scratch.path().join("reports/latest/run.json.journal").exists(), "journals are put away");
    });
}

#[test]
fn ctrl_c_during_the_preflight_ends_the_run_at_once() {
    block_on(async {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/ws/im", silent.local_addr().unwrap());
        let scratch = Scratch::new();
        let args = ["run", "im/auth", "--target", &url, "--account", "a=u:token", "--timeout", "100s"];
        let mut going = Going::start(&mut program(scratch.path(), &args));
        assert!(going.line().await.contains(&url));
        let _held = silent.accept().await.unwrap();
        going.signal("INT").await;
        let (status, stdout, stderr) = going.end(Duration::from_secs(20)).await;
        assert_eq!(status.code(), Some(3), "{stdout}\n{stderr}");
        assert_eq!(scratch.run_json()["interrupted"], true);
    });
}

#[test]
fn the_budgets_wall_time_ends_a_run_and_keeps_what_was_judged() {
    block_on(async {
        let server = Reference::start().await;
        let scratch = Scratch::new();
        let config = format!(
            "[target]\nurl = \"ws://{}/ws/im\"\nprofile = \"reference\"\napp = \"demo\"\n[budget]\nwall = \"2s\"\n\
             connections = 4\n",
            server.address
        );
        scratch.file("target.toml", &config);
        let mut args: Vec<String> =
            ["run", "im/group", "im/revoke", "--config", "target.toml", "--repeat", "50"]
                .map(str::to_owned)
                .into();
        args.extend(Reference::accounts(5));
        let ended = run_on(&scratch, &args).await.exits(3);
        assert!(ended.stderr.contains("the budget's wall time is over"), "{}", ended.stderr);
        let report = scratch.run_json();
        assert_eq!(report["interrupted"], true);
        assert!(count(&report, "pass") > 0 && count(&report, "fail") == 0);
        let of_connections = |c: &&Value| c["reason"].as_str().unwrap().ends_with("the budget allows 4");
        assert!(
            report["cases"].as_array().unwrap().iter().any(|c| of_connections(&c)),
            "some cases take more"
        );
    });
}

// Held up.

/// A server that admits who connects, but for the first, whom it lets wait; it says when that one asks to be admitted.
async fn one_who_lets_the_first_wait(asked: tokio::sync::oneshot::Sender<()>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut asked = Some(asked);
        while let Ok((stream, _)) = listener.accept().await {
            let mut first = asked.take();
            tokio::spawn(async move {
                let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                while let Some(Ok(message)) = socket.next().await {
                    if !message.to_text().is_ok_and(|text| text.starts_with("CONNECT")) {
                        continue;
                    }
                    match first.take() {
                        Some(asked) => asked.send(()).unwrap(),
                        None => socket.send("CONNECTED\nversion:1.2\n\n\0".into()).await.unwrap(),
                    }
                }
            });
        }
    });
    format!("ws://{address}/ws/im")
}

#[test]
fn a_case_that_the_harness_was_held_up_in_is_run_once_more() {
    block_on(async {
        let (asks, asked) = tokio::sync::oneshot::channel();
        let url = one_who_lets_the_first_wait(asks).await;
        let scratch = Scratch::new();
        scratch.file("one.yaml", ONE_CASE);
        let mut args = vec!["run", "one.yaml", "--no-preflight", "--timeout", "500ms", "--target", &url];
        args.extend(["--profile", "reference", "--account", "a=u:some-token"]);
        let going = Going::start(&mut program(scratch.path(), &args));
        asked.await.unwrap();
        going.signal("STOP").await;
        // What it waits for does not come in 500 ms; it finds out when more than a second late.
        tokio::time::sleep(Duration::from_secs(2)).await;
        going.signal("CONT").await;
        let (status, stdout, stderr) = going.end(Duration::from_secs(20)).await;
        assert_eq!(status.code(), Some(0), "{stdout}\n{stderr}");
        let report = scratch.run_json();
        let cases = report["cases"].as_array().unwrap();
        let mine: Vec<&Value> = cases.iter().filter(|c| c["id"] == "own/one/let-in").collect();
        assert_eq!(mine.len(), 1, "of what was not judged nothing is left");
        assert_eq!(mine[0]["verdict"], "pass");
    });
}

// Known failures, rules.

#[test]
fn a_known_failure_that_holds_in_the_whole_run_is_fixed() {
    let scratch = Scratch::new();
    let profile =
        include_str!("../suites/profiles/reference.yaml").replace("profile: reference", "profile: own");
    scratch.file(
        "own.yaml",
        &format!("{profile}\nknown:\n  - {{ clause: IM-REVOKE-04, reason: not mended yet }}\n"),
    );
    let args = ["--profile", "./own.yaml", "--in-memory", "--seed", "1"];
    let whole = run_in(scratch.path(), &[&["run", "IM-REVOKE-04"], &args[..]].concat()).exits(1);
    assert!(whole.stdout.contains("fixed known/IM-REVOKE-04"), "{}", whole.stdout);
    let part = run_in(scratch.path(), &[&["run", "im/revoke/claimed-sender"], &args[..]].concat());
    assert_eq!(
        count(&scratch.run_json(), "fixed"),
        0,
        "the others may still break: {}",
        part.exits(0).stdout
    );
}

#[test]
fn a_claim_of_the_profile_that_is_wrong_fails_once() {
    let scratch = Scratch::new();
    // The profile says that every frame gets its RECEIPT; this server gives one for DISCONNECT only.
    let args = [
        "run",
        "im/send",
        "im/subscribe",
        "stomp/send",
        "--defect",
        "receipt-missing",
        "--in-memory",
        "--seed",
        "1",
    ];
    run_in(scratch.path(), &args).exits(1);
    let report = scratch.run_json();
    let failed: Vec<&Value> =
        report["cases"].as_array().unwrap().iter().filter(|c| c["verdict"] == "fail").collect();
    assert_eq!(failed.iter().map(|c| &c["id"]).collect::<Vec<_>>(), ["stomp/send/who-gets-receipts"]);
    assert_eq!(failed[0]["clause"], "STOMP12-RHDR-02");
    assert!(count(&report, "pass") > 100, "the others are judged without receipts");
}

#[test]
fn rules_of_a_dialect_say_nothing_of_a_run_that_does_not_speak_it() {
    let scratch = Scratch::new();
    scratch.file("own.yaml", &ONE_CASE.replace("dialect: im", "dialect: stomp"));
    run_in(scratch.path(), &["run", "own.yaml", "--in-memory", "--seed", "1"]).exits(0);
    let report = scratch.run_json();
    let ids: Vec<&str> =
        report["cases"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"stomp/rules/well-formed"), "{ids:?}");
    assert!(!ids.iter().any(|id| id.starts_with("im/")), "{ids:?}");
}

#[test]
fn a_rule_that_cannot_be_filled_in_is_no_pass() {
    let scratch = Scratch::new();
    let rule = "rules:\n  - id: odd\n    requirement: IM-AUTH-01\n    of: { frame: CONNECTED }\n    \
                must: { headers: { version: $nobody.user } }\n";
    scratch.file("own.yaml", &format!("{ONE_CASE}{rule}"));
    let ended = run_in(scratch.path(), &["run", "own.yaml", "--in-memory", "--seed", "1"]).exits(3);
    assert!(ended.stdout.contains("error own/one/odd"), "{}", ended.stdout);
}

// What there is.

/// What a command prints, and that it ends well.
fn printed(args: &[&str]) -> String {
    run_in(Scratch::new().path(), args).exits(0).stdout
}

#[test]
fn a_name_of_a_dialect_stands_for_one_thing() {
    let scratch = Scratch::new();
    let dialect = "dialect: own\ntitle: Ours\nstates: { open: [ { open: {} } ] }\nverbs:\n  \
                   wave: { does: [ { ws: { ping: x } } ] }\n  expect: { does: [ { ws: { ping: x } } ] }\n\
                   sights:\n  wave: { event: closed }\n";
    scratch.file("own.yaml", dialect);
    let told = run_in(scratch.path(), &["lint", "own.yaml"]).exits(2).stdout;
    assert!(told.contains("error: `wave` is a verb as well") && told.contains("own.yaml:8:3"), "{told}");
    assert!(told.contains("error: `expect` is a verb of the engine"), "{told}");
}

#[test]
fn a_requirement_is_explained_with_a_failure_of_a_defective_server() {
    let text = printed(&["explain", "IM-REVOKE-04"]);
    for wanted in [
        "IM-REVOKE-04  Nobody but the sender can revoke",
        "level      MUST, binds server",
        "catches    whoever knows the id may revoke",
        "im/revoke/only-the-sender-revokes (2 rows)",
        "example    the reference server with the defect `",
        "clause    IM-REVOKE-04 (MUST)",
        "destination:/app/chat.revoke",
    ] {
        assert!(text.contains(wanted), "{wanted:?} is not in\n{text}");
    }
}

#[test]
fn a_case_a_rule_and_a_point_are_explained() {
    let text = printed(&["explain", "im/send/to-one-user", "stomp/rules/error-then-close", "ordering"]);
    for wanted in [
        "    - id: to-one-user",
        "steps:",
        "rule       held against",
        "an open point of the dialect im",
        "per-sender",
    ] {
        assert!(text.contains(wanted), "{wanted:?} is not in\n{text}");
    }
    assert!(!text.contains("- id: to-oneself"), "only the case itself is shown:\n{text}");
    assert_data_eq!(
        refused(&[], &["explain", "IM-REVOK-04"]),
        str![[r#"
error: no requirement, case, rule or point is called `IM-REVOK-04`; the nearest: IM-REVOKE-04

"#]]
    );
}

#[test]
fn lists_have_a_line_each() {
    assert_data_eq!(
        printed(&["list", "cases", "im/revoke/claimed-sender"]),
        str![[r#"
im/revoke/claimed-sender[fromId]    Claiming to be the sender in the body does not help
im/revoke/claimed-sender[senderId]  Claiming to be the sender in the body does not help

"#]]
    );
    assert_data_eq!(
        printed(&["list", "requirements", "IM-REVOKE-0*"]),
        str![[r#"
IM-REVOKE-01  MUST  server  tested    3   The sender revokes its message by SEND to /app/chat.revoke with appId and messageId.
IM-REVOKE-02  MUST  server  tested    4   (Point revoke.notify = recipient / none.) The recipient is told on /user/queue/messages by a MESSAGE that names the message (id or messageId) and whose status is REVOKED (or msgType is REVOKED/REVOKE); the profile may pin the shape.
IM-REVOKE-03  MUST  server  tested    2   The notice does not repeat the revoked content.
IM-REVOKE-04  MUST  server  tested    6   Nobody but the sender can revoke: a revoke by the recipient or by a third user changes nothing and is told to nobody.
IM-REVOKE-05  MUST  server  tested    12  Revoking an unknown messageId harms nothing.
IM-REVOKE-06  MUST  server  tested    1   Revoking twice notifies once at most per session.
IM-REVOKE-07  MUST  server  tested    1   A message revoked before an offline recipient syncs is never delivered with its content.
IM-REVOKE-08  MUST  server  tested    1   Revoking a group message is told to the group's subscribers.
IM-REVOKE-09  open  server  observed  1   Whether the sender's other sessions are told; whether there is a time limit.

"#]]
    );
    assert_data_eq!(
        printed(&["list", "points", "order*"]),
        str![[r#"
ordering  im     IM-SEND-06     none, per-sender
ordering  stomp  STOMP12-ORDER  none, per-sender

"#]]
    );
    assert!(printed(&["list", "suites"]).contains("stomp/rules"));
    assert_data_eq!(
        refused(&[], &["list", "suites", "nosuch"]),
        str![[r#"
error: nothing is called nosuch

"#]]
    );
}

#[test]
fn coverage_shows_cases_or_the_reason_why_there_is_none() {
    assert_data_eq!(
        printed(&["coverage", "IM-REVOKE-0*", "IM-AUTH-10"]),
        str![[r#"
im
  IM-AUTH-10    open   server later     needs an account whose token expires during the run
  IM-REVOKE-01  MUST   server tested    im/revoke/from-a-new-session, im/revoke/only-that-one, im/revoke/recipient-is-told
  IM-REVOKE-02  MUST   server tested    im/revoke/every-device-is-told, im/revoke/is-it-told, im/revoke/only-that-one, im/revoke/recipient-is-told
  IM-REVOKE-03  MUST   server tested    im/revoke/group-is-told, im/revoke/recipient-is-told
  IM-REVOKE-04  MUST   server tested    im/revoke/claimed-sender (2 rows), im/revoke/members-cannot-revoke-for-others, im/revoke/only-the-sender-revokes (2 rows), im/revoke/others-cannot-withhold
  IM-REVOKE-05  MUST   server tested    im/revoke/invalid-revoke (5 rows), im/revoke/unknown-id (7 rows)
  IM-REVOKE-06  MUST   server tested    im/revoke/twice
  IM-REVOKE-07  MUST   server tested    im/revoke/revoked-before-sync
  IM-REVOKE-08  MUST   server tested    im/revoke/group-is-told
  IM-REVOKE-09  open   server observed  im/revoke/own-other-sessions
  10 requirements: 8 tested, 1 observed, 1 later; decided 31 times


"#]]
    );
    let uncovered = printed(&["coverage", "im", "--uncovered"]);
    assert!(uncovered.contains("IM-AUTH-10") && !uncovered.contains("IM-REVOKE-04"), "{uncovered}");
}

#[test]
fn tags_select() {
    let listed = |args: &[&str]| printed(&[&["run", "--list", "stomp/connect"], args].concat());
    let (all, only, without) = (listed(&[]), listed(&["--tag", "time"]), listed(&["--skip-tag", "time"]));
    let cases = |text: &str| text.lines().filter(|l| l.starts_with("stomp/connect/")).count();
    assert_eq!(cases(&all), cases(&only) + cases(&without));
    assert!(cases(&only) > 0 && cases(&without) > cases(&only));
    assert_data_eq!(
        refused(&[], &["run", "stomp/connect", "--tag", "tim"]),
        str![[r#"
error: no case of the selection has the tag `tim`; there are: time

"#]]
    );
}

// Profiles made by the program.

#[test]
fn probing_writes_what_was_seen_as_a_profile_that_holds() {
    let scratch = Scratch::new();
    let shown = run_in(scratch.path(), &["probe", "--dialect", "stomp"]).exits(0).stdout;
    assert_data_eq!(
        shown,
        str![[r##"
# Written by `stompliance probe` 0.1.0 on [..].
# What a server does is no promise: leave in what it is meant to keep, and take out the rest.
profile: "probed"
title: "What the embedded reference server showed"
points:
  receipts: all                    # stomp/send/who-gets-receipts
  # ordering: per-sender           # 50 pairs kept their order; that proves nothing: pin it if the server promises it
  transactions: true               # stomp/send/whether-transactions-hold
  ack_modes: true                  # stomp/subscribe/whether-acks-count
  beats: true                      # stomp/connect/beats
  subprotocols: true               # stomp/connect/selects-v12
  versions: from-1.0               # stomp/connect/older-version
  redelivery: true                 # stomp/subscribe/whether-it-comes-again
  nack: gone                       # stomp/subscribe/nack
  virtual_hosts: ignored           # stomp/connect/unknown-host
  session_header: true             # stomp/connect/session-header
  partial_beats: true              # stomp/connect/part-of-a-frame
  destinations: exact              # stomp/send/destinations
  unknown_destination: refused     # stomp/subscribe/unknown-destination
  error_body: true                 # stomp/send/refused-with-a-receipt
  bare_disconnect: ends            # stomp/send/bare-goodbye
  goodbye: closes                  # stomp/send/bare-goodbye
  stray_nul: refused               # stomp/frames/stray-nul
  subprotocol_choice: highest      # websocket/handshake/which-sub-protocol
  subprotocol_binds: negotiated    # websocket/handshake/older-sub-protocol
  short_key: refused               # websocket/handshake/short-key
  other_paths: refused             # websocket/handshake/other-path
  close_codes: registered          # websocket/close/codes
  long_frames: refused             # websocket/fragments/announced-too-long
  old_padding: kept                # stomp/versions/v10-padding
  old_acks: up-to                  # stomp/versions/v10-acks

"##]]
    );
    run_in(scratch.path(), &["probe", "--dialect", "stomp", "--out", "own.yaml"]).exits(0);
    let args = ["run", "stomp/connect", "--profile", "./own.yaml", "--in-memory", "--skip-tag", "time"];
    run_in(scratch.path(), &args).exits(0);
    assert_eq!(count(&scratch.run_json(), "fail"), 0);
}

#[test]
fn probing_what_is_not_there_writes_nothing() {
    let scratch = Scratch::new();
    let url = format!("ws://127.0.0.1:{}/ws", closed_port());
    let ended =
        run_in(scratch.path(), &["probe", &url, "--account", "a=u:token", "--out", "own.yaml"]).exits(3);
    assert!(
        ended.stderr.contains("cannot be judged") && ended.stderr.contains("--dialect"),
        "{}",
        ended.stderr
    );
    assert_eq!(scratch.files(), []);
}

#[test]
fn what_fails_can_be_added_to_the_known_failures() {
    let scratch = Scratch::new();
    let profile =
        include_str!("../suites/profiles/reference.yaml").replace("profile: reference", "profile: own");
    scratch.file("own.yaml", &profile);
    let args = ["run", "im/revoke", "--defect", "revoke-by-anyone", "--in-memory", "--profile", "./own.yaml"];
    let first = run_in(scratch.path(), &[&args[..], &["--update-known"]].concat()).exits(1);
    assert!(first.stdout.contains("entries added, with reasons to be found"), "{}", first.stdout);
    run_in(scratch.path(), &args).exits(0);
    assert!(count(&scratch.run_json(), "known") > 1);
    let refused = refused(&[], &["run", "im/revoke", "--profile", "reference", "--update-known"]);
    assert_data_eq!(
        refused,
        str![[r#"
error: --update-known wants a profile that is a file, --profile FILE: what is shipped is not yours

"#]]
    );
}

// Colours.

#[test]
fn colours_are_written_where_they_are_wanted_only() {
    let colours = |args: &[&str], no_color: bool| {
        let scratch = Scratch::new();
        let url = format!("ws://127.0.0.1:{}/ws/im", closed_port());
        let mut all = vec!["run", "im/handshake", "--target", &url, "--account", "a=u:token"];
        all.extend(args);
        let mut command = program(scratch.path(), &all);
        if no_color {
            command.env("NO_COLOR", "1");
        }
        block_on(ended(&mut command, LONG)).exits(3).all().contains('\u{1b}')
    };
    assert!(!colours(&[], false), "a pipe is no terminal");
    assert!(!colours(&["--color", "never"], false));
    assert!(colours(&["--color", "always"], false));
    assert!(!colours(&[], true));
    assert!(colours(&["--color", "always"], true), "the flag is nearer than the environment");
}

/// What a run prints: cases that pass, fail and do not apply, slow ones among them; the same each time, as time is virtual.
fn printed_run(columns: &str, colour: &str, more: &[&str]) -> String {
    let scratch = Scratch::new();
    let mut args =
        vec!["run", "im/revoke", "im/auth/two-*", "sockjs/sessions", "--defect", "notice-has-content"];
    args.extend(["--in-memory", "--seed", "7", "--verbose", "--jobs", "1", "--color", colour]);
    args.extend(more);
    let mut command = program(scratch.path(), &args);
    command.env("COLUMNS", columns);
    block_on(ended(&mut command, LONG)).exits(1).stdout
}

#[test]
fn a_run_reads_well_on_narrow_and_wide_terminals_with_and_without_colours() {
    assert_data_eq!(printed_run("80", "never", &[]), file!["snapshots/run-80.txt"].raw());
    assert_data_eq!(printed_run("140", "never", &[]), file!["snapshots/run-140.txt"].raw());
    assert_data_eq!(printed_run("80", "always", &[]), file!["snapshots/run-80-colour.txt"].raw());
    assert_data_eq!(printed_run("140", "always", &[]), file!["snapshots/run-140-colour.txt"].raw());
    let plain = |text: &str| anstream::adapter::strip_str(text).to_string();
    assert_eq!(plain(&printed_run("80", "always", &[])), printed_run("80", "never", &[]));
}

#[test]
fn a_run_is_told_in_chinese_where_that_is_asked_for() {
    let told = printed_run("80", "never", &["--lang", "zh"]);
    assert_data_eq!(told.clone(), file!["snapshots/run-80-zh.txt"].raw());
    let scratch = Scratch::new();
    let by_locale = |locale: &str| {
        let mut command = program(scratch.path(), &["run", "im/revoke", "--in-memory", "--seed", "7"]);
        command.env("LC_ALL", locale);
        block_on(ended(&mut command, LONG)).exits(0).stdout
    };
    assert!(by_locale("zh_CN.UTF-8").contains("项检查中完成"));
    assert!(by_locale("de_DE.UTF-8").contains(" checks of "), "any other language is English");
}

// Few accounts.

#[test]
fn with_too_few_accounts_the_cases_that_need_more_are_not_applicable_and_one_line_says_how_many_they_need() {
    block_on(async {
        let (server, scratch) = (Reference::start().await, Scratch::new());
        let ended = run_on(&scratch, &on(&server, &["im/handshake", "im/group"], 2, &[])).await.exits(0);
        let report = scratch.run_json();
        assert!(count(&report, "pass") > 0 && count(&report, "n/a") > 0, "{}", ended.stdout);
        let lines = ended.stdout.lines().filter(|l| l.contains("needs 3 accounts, the target has 2")).count();
        assert_eq!(lines, 1, "{}", ended.stdout);
    });
}

#[test]
fn a_run_in_which_nothing_could_be_judged_is_not_green() {
    block_on(async {
        let (server, scratch) = (Reference::start().await, Scratch::new());
        let ended = run_on(&scratch, &on(&server, &["im/group/who-may-post"], 2, &[])).await;
        let report = scratch.run_json();
        let judged = report["cases"]
            .as_array()
            .unwrap()
            .iter()
            .any(|c| c["checks"].as_array().is_some_and(|c| !c.is_empty()));
        assert!(!judged, "{}", ended.stdout);
        ended.exits(3);
    });
}
