//! A canary token is found in no output, whatever it is dressed in.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Needs percent-encoding in a query, and escaping in JSON.
const CANARIES: [&str; 4] = [
    "kanarie+/7Qx=Zt\"w91-one",
    "eyJhbGciOiJIUzI1NiJ9.kanarieTwo.s1gn4tur3xyz",
    "kanarie three & more %41",
    "kanarie-four-0123456789abcdef",
];

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_stompliance"))
}

fn accounts() -> String {
    let mut text = String::from("app = \"demo\"\n");
    for (at, token) in CANARIES.iter().enumerate() {
        let quoted = toml::Value::from(*token).to_string();
        let _ = writeln!(text, "[accounts.a{at}]\nuser = \"user_{at}\"\ntoken = {quoted}");
    }
    text + "[groups.g]\nid = \"group_1\"\nmembers = [\"a0\", \"a1\", \"a2\"]\n"
}

/// Every form of every canary in which it must not be found.
fn forms() -> Vec<String> {
    let mut forms = Vec::new();
    for token in CANARIES {
        let percent = |lower: bool| -> String {
            token
                .bytes()
                .map(|b| match b {
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                        char::from(b).to_string()
                    }
                    _ if lower => format!("%{b:02x}"),
                    _ => format!("%{b:02X}"),
                })
                .collect()
        };
        forms.extend([token.to_owned(), percent(false), percent(true)]);
        forms.extend([STANDARD.encode(token), STANDARD_NO_PAD.encode(token), URL_SAFE_NO_PAD.encode(token)]);
        forms.push(serde_json::Value::from(token).to_string().trim_matches('"').to_owned());
        let chars: Vec<char> = token.chars().collect();
        forms.extend(chars.windows(12).map(|w| w.iter().collect::<String>()));
    }
    forms
}

fn files(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push((path.clone(), String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned()));
        }
    }
}

/// Runs against a server with the canaries as tokens; nothing that comes out may hold one.
fn nothing_leaks(name: &str, serve: &[&str], run: &[&str], code: i32) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("secrets").join(name);
    let out = folder.join("out");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&out).unwrap();
    std::fs::write(folder.join("accounts.toml"), accounts()).unwrap();
    let config = folder.join("target.toml");
    let mut server = program()
        .args(["serve", "--port", "0", "--accounts"])
        .arg(folder.join("accounts.toml"))
        .arg("--write-config")
        .arg(&config)
        .args(serve)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let output =
        program().arg("run").args(run).arg("--config").arg(&config).current_dir(&out).output().unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stdout));
    let mut found = vec![
        (PathBuf::from("stdout"), String::from_utf8_lossy(&output.stdout).into_owned()),
        (PathBuf::from("stderr"), String::from_utf8_lossy(&output.stderr).into_owned()),
    ];
    files(&out, &mut found);
    assert!(found.iter().any(|(path, text)| path.ends_with("run.json") && text.contains("«token:")));
    for (path, text) in found {
        for form in forms() {
            assert!(!text.contains(&form), "{name}: {form:?} stands in {}", path.display());
        }
    }
}

#[test]
fn a_correct_server_makes_no_run_tell_a_token() {
    nothing_leaks("correct", &[], &["im/auth", "im/revoke", "im/handshake", "-v"], 0);
}

#[test]
fn a_server_that_echoes_tokens_makes_no_run_tell_one() {
    nothing_leaks("echoed", &["--defect", "token-echoed"], &["im/auth", "-v"], 1);
}
