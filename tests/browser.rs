//! The reports in a real browser: Chromium, driven by Playwright, with axe looking at them.
//!
//! What is needed (`tests/interop/README.md` says how to install it) may be missing on a developer's machine: the test is
//! then skipped, with a line on stderr. With `STOMPLIANCE_INTEROP=required`, as CI sets it, that is a failure.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "common/peers.rs"]
mod peers;

use peers::{assert_success, root, scratch, skip, succeeds};
use serde_json::{Value, json};

const STOMPLIANCE: &str = env!("CARGO_BIN_EXE_stompliance");
/// Checks that the script makes: one that checks nothing proves nothing.
const CHECKS: usize = 47;

fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from("/usr/bin/chromium"))).filter(|path| path.exists())
}

fn run(folder: &Path, name: &str, args: &[&str]) {
    let path = |kind: &str| folder.join(format!("{name}.{kind}"));
    let mut command = Command::new(STOMPLIANCE);
    command.arg("run").args(args).args(["--in-memory", "--seed", "7", "--lang", "en"]);
    for kind in ["json", "html"] {
        command.arg(format!("--{kind}")).arg(path(kind));
    }
    let output = command.arg("--junit").arg(path("xml")).current_dir(root()).output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
}

fn stompliance(args: &[&str]) {
    let output = Command::new(STOMPLIANCE).args(args).current_dir(root()).output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A run as if a hostile server had been judged: markup and scripts in all that a target or a suite says, a body of a
/// mebibyte, octets that are no text.
fn hostile(folder: &Path) {
    const EVIL: &str =
        "</script></pre><script>window.hit = 1</script><img src=x onerror=\"window.hit=1\">\u{202e}\0\r'\"&";
    let text = fs::read_to_string(folder.join("small.json")).unwrap();
    let mut run: Value = serde_json::from_str(&text).unwrap();
    let place = |value: &mut Value, text: &str| *value = Value::from(text);
    for case in run["cases"].as_array_mut().unwrap() {
        place(&mut case["title"], EVIL);
        place(&mut case["reason"], EVIL);
        for check in case["checks"].as_array_mut().unwrap() {
            place(&mut check["got"], EVIL);
            place(&mut check["expected"], EVIL);
            check["beside"] = json!({ "event": 3, "rows": [{ "path": EVIL, "expected": EVIL, "got": EVIL, "fits": false }] });
        }
        for (at, event) in case["transcript"].as_array_mut().unwrap().iter_mut().enumerate() {
            if event["event"] == "came" {
                let body = match at % 3 {
                    0 => json!({ "text": EVIL }),
                    1 => json!({ "text": format!("{EVIL}{}", "x".repeat(1 << 20)) }),
                    _ => json!({ "hex": "ff00fe" }),
                };
                event["frame"]["body"] = body;
                event["frame"]["headers"] = json!([[EVIL, EVIL]]);
            }
        }
    }
    let path = folder.join("hostile.json");
    fs::write(&path, run.to_string()).unwrap();
    stompliance(&["report", path.to_str().unwrap(), "--html", folder.join("hostile.html").to_str().unwrap()]);
}

#[test]
fn reports_work_in_a_browser() {
    let tests = root().join("tests/browser");
    if !tests.join("node_modules/playwright-core").exists() {
        return skip("the reports in a browser", "tests/browser/node_modules is not installed");
    }
    if !succeeds(Command::new("node").arg("--version")) {
        return skip("the reports in a browser", "there is no `node`");
    }
    let Some(chromium) = chromium() else {
        return skip("the reports in a browser", "there is no Chromium at $CHROMIUM or /usr/bin/chromium");
    };
    let folder = scratch("browser");
    run(&folder, "good", &[]);
    run(&folder, "bad", &["--defect", "headers-not-escaped"]);
    run(&folder, "small", &["im/revoke", "--defect", "notice-has-content"]);
    hostile(&folder);
    let path = |name: &str| folder.join(name).display().to_string();
    stompliance(&["compare", &path("good.json"), &path("bad.json"), "--html", &path("compare.html")]);
    let mut command = Command::new("node");
    command.arg(tests.join("check.mjs")).arg(&folder).arg(&chromium);
    let output = command.output().unwrap();
    assert_success("the script that opens reports in Chromium", &output);
    let made = String::from_utf8_lossy(&output.stdout).lines().filter(|line| line.starts_with("ok ")).count();
    assert_eq!(made, CHECKS, "{}", String::from_utf8_lossy(&output.stdout));
}
