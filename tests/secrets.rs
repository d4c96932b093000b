//! A canary token is found in no output, whatever it is dressed in and however little of it is left.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use common::{Ended, Going, LONG, Scratch, block_on, ended, program};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Tokens that need percent-encoding in a query and escaping in JSON, one like a JWT, one with blanks, a plain one, one that headers of
/// STOMP escape.
const CANARIES: [&str; 5] = [
    "kanarie+/7Qx=Zt\"w91-one",
    "eyJhbGciOiJIUzI1NiJ9.kanarieTwo.s1gn4tur3xyz",
    "kanarie three & more %41",
    "kanarie-four-0123456789abcdef",
    "kanarie:fifth:0123456789abcdef",
];

/// Characters of a canary that may not stand anywhere in a row: half a token is a secret as well.
const PIECE: usize = 12;

/// The accounts, in the form that `serve` and `run` share.
fn accounts() -> String {
    let mut text = String::new();
    for (at, token) in CANARIES.iter().enumerate() {
        let quoted = toml::Value::from(*token).to_string();
        let _ = writeln!(text, "[accounts.a{at}]\nuser = \"user_{at}\"\ntoken = {quoted}");
    }
    text + "[groups.g]\nid = \"group_1\"\nmembers = [\"a0\", \"a1\", \"a2\"]\n"
}

/// Percent-encoded as in a query.
fn percent(token: &str, lower: bool) -> String {
    token
        .bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(b).to_string(),
            _ if lower => format!("%{b:02x}"),
            _ => format!("%{b:02X}"),
        })
        .collect()
}

/// Every guise of a token.
fn guises(token: &str) -> Vec<String> {
    let mut guises = vec![token.to_owned(), percent(token, false), percent(token, true)];
    for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
        guises.push(engine.encode(token));
    }
    guises.push(token.replace(':', "\\c"));
    guises.push(serde_json::Value::from(token).to_string().trim_matches('"').to_owned());
    guises
}

/// Where in these octets a piece of any guise of any canary stands.
fn leak(octets: &[u8]) -> Option<usize> {
    // All guises are ASCII: a character is an octet.
    let guises: Vec<String> = CANARIES.iter().flat_map(|token| guises(token)).collect();
    let pieces: HashSet<&[u8]> = guises.iter().flat_map(|guise| guise.as_bytes().windows(PIECE)).collect();
    // Reports are megabytes: two octets tell most places from a piece, without looking it up.
    let key = |piece: &[u8]| usize::from(piece[0]) << 8 | usize::from(piece[1]);
    let mut begins = vec![false; 1 << 16];
    pieces.iter().for_each(|piece| begins[key(piece)] = true);
    octets.windows(PIECE).position(|piece| begins[key(piece)] && pieces.contains(piece))
}

/// Asserts that no piece of a canary stands in what a run printed and wrote; `inputs` are files of its own.
fn keeps_quiet(name: &str, scratch: &Scratch, ended: &Ended, inputs: &[&str]) {
    let streams = [("stdout", &ended.stdout), ("stderr", &ended.stderr)];
    let mut found: Vec<(PathBuf, Vec<u8>)> =
        streams.map(|(stream, text)| (PathBuf::from(stream), text.clone().into_bytes())).into();
    let written = scratch.files().into_iter();
    found.extend(written.filter(|(path, _)| !inputs.iter().any(|input| path.ends_with(input))));
    for (path, octets) in found {
        if let Some(at) = leak(&octets) {
            let around = String::from_utf8_lossy(&octets[at..octets.len().min(at + 60)]);
            panic!("{name}: a piece of a token stands in {}: {around}", path.display());
        }
    }
}

/// Flags for every report that there is, and every line on the terminal.
const EVERYTHING: [&str; 6] = ["-v", "--github", "--tap", "report.tap", "--markdown", "summary.md"];

/// Runs against a server with the canaries as tokens; nothing that comes out may hold one.
fn nothing_leaks(name: &str, serve: &[&str], run: &[&str], code: i32) {
    block_on(async {
        let scratch = Scratch::new();
        scratch.file("accounts.toml", &format!("app = \"demo\"\n{}", accounts()));
        let flags = ["serve", "--port", "0", "--accounts", "accounts.toml", "--write-config", "target.toml"];
        let mut server = Going::start(&mut program(scratch.path(), &[&flags, serve].concat()));
        assert!(server.line().await.starts_with("listening on "));
        let args = [&["run", "--config", "target.toml"], &EVERYTHING[..], run].concat();
        let ended = ended(&mut program(scratch.path(), &args), LONG).await.exits(code);
        server.signal("TERM").await;
        let (status, rest, stderr) = server.end(LONG).await;
        assert!(status.success());
        let json = "reports/latest/run.json";
        let compare = ["compare", json, json, "--html", "compare.html", "--markdown", "compare.md"];
        let compared = common::ended(&mut program(scratch.path(), &compare), LONG).await.exits(0);
        assert_eq!(leak(compared.all().as_bytes()), None, "{name}: what `compare` prints");
        let names = scratch.files().iter().any(|(path, octets)| {
            path.ends_with("run.json") && String::from_utf8_lossy(octets).contains("«token:")
        });
        assert!(names, "{name}: tokens were used, and are there by their names");
        keeps_quiet(name, &scratch, &ended, &["accounts.toml", "target.toml"]);
        assert_eq!(leak((rest + &stderr).as_bytes()), None, "{name}: what the server prints");
    });
}

#[test]
fn a_correct_server_makes_no_run_tell_a_token() {
    nothing_leaks("correct", &[], &["im/auth", "im/revoke", "im/handshake"], 0);
}

#[test]
fn a_server_that_echoes_tokens_makes_no_run_tell_one() {
    nothing_leaks("echoed", &["--defect", "token-echoed"], &["im/auth"], 1);
}

/// What a server that knows the canaries says to every request.
#[derive(Debug, Clone, Copy)]
enum Says {
    /// What it was sent.
    Echo,
    /// HTTP with every guise of every canary in headers and body.
    Guises,
    /// Every guise, and no HTTP at all.
    Raw,
    /// An answer whose body is longer than what is kept within `run.json`.
    Long,
}

async fn say(mut stream: TcpStream, says: Says) -> std::io::Result<()> {
    let mut request = vec![0; 8192];
    let count = stream.read(&mut request).await?;
    let all: Vec<String> = CANARIES.iter().flat_map(|token| guises(token)).collect();
    let answer = match says {
        Says::Echo => request[..count].to_vec(),
        Says::Guises => {
            let headers: String = all.iter().map(|guise| format!("X-Token: {guise}\r\n")).collect();
            format!("HTTP/1.1 404 Not Found\r\n{headers}Connection: close\r\n\r\n{}", all.join(" "))
                .into_bytes()
        }
        Says::Raw => all.join(" ").into_bytes(),
        Says::Long => {
            let body = all.join("\n").repeat(20);
            format!("HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n{body}").into_bytes()
        }
    };
    stream.write_all(&answer).await?;
    stream.shutdown().await
}

#[test]
fn a_server_that_cannot_be_judged_makes_no_run_tell_a_token() {
    block_on(async {
        for says in [Says::Echo, Says::Guises, Says::Raw, Says::Long] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(say(stream, says));
                }
            });
            for more in [&[][..], &["--no-preflight"]] {
                let scratch = Scratch::new();
                let target = format!("[target]\nurl = \"ws://{address}/ws/im\"\n{}", accounts());
                scratch.file("target.toml", &target);
                let args = ["run", "im/handshake/upgrade", "--config", "target.toml", "--timeout", "300ms"];
                let args = [&args[..], &EVERYTHING, more].concat();
                let ended = ended(&mut program(scratch.path(), &args), LONG).await;
                assert!(matches!(ended.code, Some(1 | 3)), "{says:?} {more:?}: {ended:?}");
                keeps_quiet(&format!("{says:?} {more:?}"), &scratch, &ended, &["target.toml"]);
            }
        }
    });
}

#[test]
fn a_configuration_that_is_malformed_is_told_without_a_token() {
    for (at, token) in CANARIES.iter().enumerate() {
        let quoted = toml::Value::from(*token).to_string();
        for account in [
            format!("[accounts.a]\nuser = \"u\"\ntokn = {quoted}"),
            format!("[accounts.a]\nuser = \"u\"\ntoken = {quoted} and more"),
            format!("[accounts.a]\nuser = \"u\"\ntoken = [{quoted}]"),
            format!("[accounts.a]\nuser = \"u\"\ntoken = {token}"),
            format!("[accounts.a]\nuser = \"u\"\n{token}"),
            format!("[accounts]\na = {quoted}"),
            format!("accounts = {quoted}"),
        ] {
            let scratch = Scratch::new();
            scratch.file("target.toml", &format!("{account}\n[target]\nurl = \"ws://127.0.0.1:9/ws/im\"\n"));
            let command = &mut program(scratch.path(), &["run", "im/auth", "--config", "target.toml"]);
            let ended = block_on(ended(command, LONG)).exits(2);
            assert!(ended.stderr.contains("target.toml is no configuration"), "{}", ended.stderr);
            keeps_quiet(&format!("canary {at}"), &scratch, &ended, &["target.toml"]);
        }
    }
}
