//! `stompliance serve` as a user runs it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::path::Path;
use std::time::Duration;

use common::{Going, LONG, Scratch, block_on, ended, program, run_in};
use futures_util::StreamExt as _;
use serde_json::Value;

/// How long a server may take to end once it is told to.
const SOON: Duration = Duration::from_secs(10);

/// Starts a server in a folder; the server, and the URL that its first line names.
async fn serve(folder: &Path, more: &[&str]) -> (Going, String) {
    let mut going = Going::start(&mut program(folder, &[&["serve", "--port", "0"], more].concat()));
    let line = going.line().await;
    let url = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}")).to_owned();
    (going, url)
}

/// Asserts that it cannot be served like this, and that nothing claims to listen; what is said.
fn refused(folder: &Path, args: &[&str]) -> String {
    let ended = run_in(folder, &[&["serve"], args].concat()).exits(2);
    assert_eq!(ended.stdout, "", "{args:?}");
    ended.stderr
}

#[test]
fn it_says_where_it_listens_and_how_to_run_against_it() {
    block_on(async {
        let scratch = Scratch::new();
        let (mut server, url) = serve(scratch.path(), &["--write-config", "target.toml"]).await;
        let port = url.strip_prefix("ws://127.0.0.1:").and_then(|rest| rest.strip_suffix("/ws/im"));
        assert!(port.is_some_and(|port| port.parse::<u16>().is_ok_and(|p| p > 0)), "{url}");
        assert_eq!(server.line().await, "run against it: stompliance run --config target.toml");
        let mut run = program(scratch.path(), &["run", "im/auth", "--config", "target.toml"]);
        let run = ended(&mut run, LONG).await.exits(0);
        assert!(run.stdout.contains(&url), "{}", run.stdout);
        let summary = &scratch.run_json()["summary"];
        assert!(summary["pass"].as_u64() > Some(50), "{summary}");
        server.signal("TERM").await;
        let (status, rest, stderr) = server.end(SOON).await;
        assert_eq!((status.code(), &*rest, &*stderr), (Some(0), "", ""));
    });
}

#[test]
fn it_ends_cleanly_on_sigterm_and_on_ctrl_c_and_takes_leave_of_whoever_is_connected() {
    for signal in ["TERM", "INT"] {
        block_on(async {
            let scratch = Scratch::new();
            let (server, url) = serve(scratch.path(), &["--defect", "query-token-unchecked"]).await;
            let (mut client, _) = tokio_tungstenite::client_async(
                &url,
                tokio::net::TcpStream::connect(url.trim_start_matches("ws://").trim_end_matches("/ws/im"))
                    .await
                    .unwrap(),
            )
            .await
            .unwrap();
            server.signal(signal).await;
            let last = tokio::time::timeout(SOON, client.next()).await.unwrap().unwrap().unwrap();
            let tokio_tungstenite::tungstenite::Message::Close(Some(close)) = last else {
                panic!("{last:?}")
            };
            assert_eq!(u16::from(close.code), 1001, "it goes away");
            let _ = client.next().await;
            let (status, ..) = server.end(SOON).await;
            assert_eq!(status.code(), Some(0), "{signal}");
        });
    }
}

#[test]
fn accounts_of_ones_own_are_served_and_written() {
    block_on(async {
        let scratch = Scratch::new();
        scratch.file(
            "accounts.toml",
            "app = \"mine\"\n[accounts.zoe]\nuser = \"u-zoe\"\ntoken = \"token-of-zoe\"\n\
             [accounts.yan]\nuser = \"u-yan\"\ntoken = \"token-of-yan\"\n[groups.g]\nid = \"g-1\"\nmembers = [\"zoe\", \"yan\"]\n",
        );
        let flags = ["--accounts", "accounts.toml", "--write-config", "target.toml"];
        let (server, url) = serve(scratch.path(), &flags).await;
        let written: toml::Table =
            std::fs::read_to_string(scratch.path().join("target.toml")).unwrap().parse().unwrap();
        assert_eq!(written["target"]["url"].as_str(), Some(&*url));
        assert_eq!(written["target"]["app"].as_str(), Some("mine"));
        assert_eq!(written["accounts"]["zoe"]["token"].as_str(), Some("token-of-zoe"));
        assert_eq!(written["groups"]["g"]["members"].as_array().unwrap().len(), 2);
        let mut run = program(scratch.path(), &["run", "im/handshake", "--config", "target.toml"]);
        ended(&mut run, LONG).await.exits(0);
        server.signal("TERM").await;
        assert_eq!(server.end(SOON).await.0.code(), Some(0));
    });
}

#[test]
fn defects_are_listed_one_json_object_a_line() {
    let ended = run_in(Scratch::new().path(), &["serve", "--list-defects"]).exits(0);
    let all: Vec<Value> = ended.stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(all.len() >= 20, "{}", all.len());
    for defect in all {
        let whole = defect["name"].is_string() && defect["description"].is_string();
        assert!(whole && !defect["breaks"].as_array().unwrap().is_empty(), "{defect}");
    }
}

#[test]
fn an_unknown_defect_is_told_with_the_nearest() {
    let said = refused(Scratch::new().path(), &["--defect", "revoke-by-anyon"]);
    assert!(
        said.contains("there is no defect `revoke-by-anyon`; the nearest names are revoke-by-anyone"),
        "{said}"
    );
}

#[test]
fn a_port_that_is_taken_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said = refused(Scratch::new().path(), &["--port", &port]);
    assert!(said.starts_with(&format!("error: cannot listen on 127.0.0.1:{port}: ")), "{said}");
}

#[test]
fn a_configuration_that_cannot_be_written_is_told() {
    let said = refused(Scratch::new().path(), &["--write-config", "no/such/folder/target.toml"]);
    assert!(said.starts_with("error: cannot write no/such/folder/target.toml: "), "{said}");
}

#[test]
fn accounts_that_are_missing_or_malformed_are_told_without_their_tokens() {
    let scratch = Scratch::new();
    let rows = [
        ("", "accounts.toml: no app: add `app = \"demo\"`"),
        ("app = \"demo\"\n", "accounts.toml: no accounts"),
        ("app = \"demo\"\n[accounts.a]\nuser = \"u\"\n", "missing field `token`"),
        ("app = \"demo\"\n[accounts.a]\nuser = \"u\"\ntoken = \"s3cret-value\n", "line 4, column"),
        ("app = \"demo\"\n[accounts]\na = \"s3cret-value\"\n", "line 3, column"),
        (
            "app = \"demo\"\n[accounts.a]\nuser = \"u\"\ntoken = \"s3cret-value\"\n[groups.g]\nid = \"g\"\nmembers = [\"b\"]\n",
            "`b`",
        ),
    ];
    for (text, said) in rows {
        scratch.file("accounts.toml", text);
        let stderr = refused(scratch.path(), &["--accounts", "accounts.toml"]);
        assert!(stderr.contains(said) && stderr.contains("accounts.toml"), "{said:?}:\n{stderr}");
        assert!(!stderr.contains("s3cret"), "{stderr}");
    }
    let stderr = refused(scratch.path(), &["--accounts", "no/such.toml"]);
    assert!(stderr.starts_with("error: cannot read no/such.toml: "), "{stderr}");
}
