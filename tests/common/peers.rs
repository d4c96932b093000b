//! What tests with programs that are not ours share: Node, Python, servers, a browser.

#![allow(dead_code, reason = "no test needs all of it")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A new folder for what a test writes.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder for this test");
    folder
}

/// Says loudly, past the test harness' capture, that a test did nothing; or fails where it has to run.
pub(crate) fn skip(test: &str, missing: &str) {
    assert!(
        std::env::var("STOMPLIANCE_INTEROP").as_deref() != Ok("required"),
        "{test} is required here, but {missing}"
    );
    let _ = writeln!(std::io::stderr(), "\nSKIPPED {test}: {missing}. See tests/interop/README.md.");
}

/// Whether a command can be run at all and succeeds.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).output().is_ok_and(|output| output.status.success())
}

pub(crate) fn assert_success(what: &str, output: &Output) {
    assert!(
        output.status.success(),
        "{what} ended with {}\n--- its output\n{}\n--- its errors\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
