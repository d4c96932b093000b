//! A secret: a value that shows itself only where it is asked to.
//!
//! It relies on files, the environment or a command for where it comes from. It never appears in an error.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;

/// A token, a passcode.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// A secret of this value.
    pub fn new(value: impl Into<String>) -> Self {
        Secret(value.into())
    }

    /// The value.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Where a secret is to be taken from.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "a secret is a text, { env = NAME }, { file = PATH } or { command = [PROGRAM, …], timeout = TIME }"
)]
pub(super) enum SecretSource {
    Value(String),
    Env { env: String },
    File { file: String },
    Command { command: Vec<String>, timeout: Option<String> },
}

/// Why a secret could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment lacks it.
    #[error("the environment variable {0} is not set")]
    Env(String),
    /// The file cannot be read.
    #[error("the file {path}: {source}")]
    File {
        /// The path.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The command failed.
    #[error("the command `{command}` {why}")]
    Command {
        /// The command, without its arguments.
        command: String,
        /// How it failed.
        why: String,
    },
    /// There was nothing.
    #[error("{0} is empty")]
    Empty(String),
}

impl SecretSource {
    /// Takes the secret; relative paths start in `folder`.
    pub(super) fn take(&self, folder: &Path) -> Result<Secret, SecretError> {
        let (text, what) = match self {
            SecretSource::Value(value) => (value.clone(), "the value".to_owned()),
            SecretSource::Env { env } => {
                let value = std::env::var(env).map_err(|_| SecretError::Env(env.clone()))?;
                (value, format!("the environment variable {env}"))
            }
            SecretSource::File { file } => {
                let path = folder.join(file);
                let shown = path.display().to_string();
                let text = std::fs::read_to_string(&path)
                    .map_err(|source| SecretError::File { path: shown.clone(), source })?;
                (text, format!("the file {shown}"))
            }
            SecretSource::Command { command, timeout } => {
                (run(command, timeout.as_deref(), folder)?, format!("the output of `{}`", command.join(" ")))
            }
        };
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() { Err(SecretError::Empty(what)) } else { Ok(Secret::new(text)) }
    }
}

/// The first line that a command prints, if it ends well and in time.
fn run(command: &[String], limit: Option<&str>, folder: &Path) -> Result<String, SecretError> {
    let name = command.first().cloned().unwrap_or_default();
    let failed = |why: String| SecretError::Command { command: name.clone(), why };
    let limit = match limit {
        None => Duration::from_secs(10),
        Some(text) => humantime::parse_duration(text)
            .map_err(|e| failed(format!("has the time limit {text:?}: {e}")))?,
    };
    let [program, arguments @ ..] = command else { return Err(failed("is empty".into())) };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| failed(format!("could not be run: {e}")))?;
    let output = runtime.block_on(async {
        let child = tokio::process::Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .output();
        tokio::time::timeout(limit, child).await
    });
    match output {
        Err(_) => Err(failed(format!("did not end within {limit:?}"))),
        Ok(Err(error)) => Err(failed(format!("could not be run: {error}"))),
        Ok(Ok(output)) if !output.status.success() => Err(failed(format!("failed: {}", output.status))),
        Ok(Ok(output)) => String::from_utf8(output.stdout)
            .map(|text| text.lines().next().unwrap_or_default().to_owned())
            .map_err(|_| failed("printed something that is no UTF-8".into())),
    }
}

/// Keys whose values are no secrets, whatever is wrong with them.
const OPEN_KEYS: [&str; 14] = [
    "url",
    "profile",
    "app",
    "host",
    "vhost",
    "sockjs",
    "ca",
    "insecure",
    "connections",
    "wall",
    "user",
    "login",
    "id",
    "members",
];

/// What the TOML parser says of a file that may hold secrets, without the values that may be some: its snippets show
/// whole lines, and it quotes texts where it wanted something else.
pub fn masked(error: &str) -> String {
    let lines = error.trim_end().lines().map(|line| match line.split_once(" | ") {
        Some((number, code)) if number.trim().parse::<u32>().is_ok() => {
            format!("{number} | {}", masked_code(code))
        }
        _ => masked_text(line),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A line of a file: only what stands before `=`, unless its key is an open one.
fn masked_code(code: &str) -> String {
    if code.trim_start().starts_with('[') && code.trim_end().ends_with(']') && !code.contains(['"', '\'']) {
        return code.to_owned();
    }
    let (key, value) = code.split_once('=').unwrap_or(("", code));
    if OPEN_KEYS.contains(&key.trim()) {
        return code.to_owned();
    }
    let hide = |text: &str| text.chars().map(|c| if c.is_whitespace() { c } else { '*' }).collect::<String>();
    // A token that stands there by mistake may have a `=` of its own.
    let bare = |c: char| c.is_ascii_alphanumeric() || "-_. ".contains(c);
    if key.len() <= 24
        && key.chars().all(bare)
        && !key.is_empty()
        && !value.trim_matches('=').trim().is_empty()
    {
        format!("{key}={}", hide(value))
    } else {
        hide(code)
    }
}

/// A message: without the text that came where something else was expected.
fn masked_text(line: &str) -> String {
    match (line.find("string \""), line.rfind("\", expected")) {
        (Some(from), Some(to)) if from + 8 <= to => format!("{}…{}", &line[..from + 8], &line[to..]),
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str], timeout: &str) -> Result<Secret, SecretError> {
        let command = words.iter().map(|w| (*w).to_owned()).collect();
        SecretSource::Command { command, timeout: Some(timeout.into()) }.take(Path::new("."))
    }

    #[test]
    fn what_the_parser_shows_of_a_file_holds_no_secret() {
        let shown = "TOML parse error at line 6, column 1\n  |\n6 | tokn = \"s3cret\"\n  | ^^^^\nunknown field `tokn`\n";
        let hidden =
            "TOML parse error at line 6, column 1\n  |\n6 | tokn = ********\n  | ^^^^\nunknown field `tokn`";
        assert_eq!(masked(shown), hidden);
        for (shown, hidden) in [
            ("7 | url = 5", "7 | url = 5"),
            ("7 | [accounts.alice]", "7 | [accounts.alice]"),
            ("12 | s3cret more", "12 | ****** ****"),
            ("12 | s3+cret=more", "12 | ************"),
            ("12 | s3cret==", "12 | ********"),
            ("invalid type: string \"s3cret\", expected a map", "invalid type: string \"…\", expected a map"),
        ] {
            assert_eq!(masked(shown), hidden);
        }
    }

    #[test]
    fn a_command_gives_its_first_line_or_a_reason() {
        assert_eq!(command(&["printf", "tok\nmore"], "5s").unwrap().reveal(), "tok");
        for (words, why) in [
            (&["false"][..], "the command `false` failed: exit status: 1"),
            (&["sleep", "10"], "the command `sleep` did not end within 50ms"),
        ] {
            assert_eq!(command(words, "50ms").unwrap_err().to_string(), why);
        }
        let missing = command(&["no-such-program"], "1s").unwrap_err().to_string();
        assert!(missing.starts_with("the command `no-such-program` could not be run"), "{missing}");
    }

    #[test]
    fn what_is_missing_or_empty_is_said_without_the_secret() {
        let file = SecretSource::File { file: "no/such/file".into() }.take(Path::new("/x")).unwrap_err();
        assert!(file.to_string().starts_with("the file /x/no/such/file: "), "{file}");
        let env = SecretSource::Env { env: "STOMPLIANCE_NO_SUCH".into() }.take(Path::new(".")).unwrap_err();
        assert_eq!(env.to_string(), "the environment variable STOMPLIANCE_NO_SUCH is not set");
        assert!(SecretSource::Value("\n".into()).take(Path::new(".")).is_err());
    }
}
