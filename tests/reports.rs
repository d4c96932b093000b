//! The three reports of a run: complete, agreeing with one another, and safe whatever a target or a suite says.
//!
//! It relies on the built binary, and on readers of its own beside it. It never looks into what a case was about.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "reports/reading.rs"]
mod reading;
#[path = "common/schema.rs"]
mod schema;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use reading::{count, well_formed};
use schema::Schema;
use serde_json::{Value, json};
use stompliance::case::library::Library;
use stompliance::case::matcher::Compared;
use stompliance::case::profile::Profile;
use stompliance::case::script::{Level, Place};
use stompliance::judge::{Beside, Verdict};
use stompliance::report::{Brief, Broken, Lang, RunInfo, Summary, github, html, junit, markdown, tap};

/// What the issue asks for at the head of `run.json`, and in each of its cases.
const HEAD: [&str; 12] = [
    "schema",
    "stompliance",
    "target",
    "started",
    "duration_ms",
    "waiting",
    "expected",
    "made",
    "summary",
    "profile",
    "calibration",
    "cases",
];
const CASE: [&str; 11] = [
    "id",
    "title",
    "suite",
    "requirements",
    "verdict",
    "reason",
    "clause",
    "checks",
    "observed",
    "duration_ms",
    "transcript",
];
const VERDICTS: [&str; 8] = ["pass", "fail", "warn", "observed", "n/a", "known", "fixed", "error"];

struct Reports {
    code: Option<i32>,
    json: Value,
    html: String,
    junit: String,
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reports").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn run(name: &str, more: &[&str]) -> Reports {
    let folder = folder(name);
    let path = |file: &str| folder.join(file);
    let output = Command::new(env!("CARGO_BIN_EXE_stompliance"))
        .args(["run", "im/revoke", "--in-memory", "--seed", "7"])
        .args(more)
        .arg("--json")
        .arg(path("run.json"))
        .arg("--html")
        .arg(path("report.html"))
        .arg("--junit")
        .arg(path("junit.xml"))
        .output()
        .unwrap();
    let text = |file: &str| {
        let read = std::fs::read_to_string(path(file));
        read.unwrap_or_else(|e| panic!("{file}: {e}; {}", String::from_utf8_lossy(&output.stderr)))
    };
    Reports {
        code: output.status.code(),
        json: serde_json::from_str(&text("run.json")).unwrap(),
        html: text("report.html"),
        junit: text("junit.xml"),
    }
}

fn head(text: &str, summary: Summary) -> RunInfo {
    RunInfo {
        schema: 1,
        stompliance: text.into(),
        target: text.into(),
        started: text.into(),
        duration_ms: 1,
        seed: 1,
        rerun: String::new(),
        in_memory: false,
        interrupted: false,
        waiting: BTreeMap::new(),
        expected: 1,
        made: 0,
        summary,
        profile: Profile::default(),
        observed: BTreeMap::new(),
        calibration: None,
    }
}

fn cases(json: &Value) -> &Vec<Value> {
    json["cases"].as_array().unwrap()
}

#[test]
fn a_run_that_conforms_is_told_in_all_three() {
    let reports = run("conforms", &[]);
    assert_eq!(reports.code, Some(0));
    complete(&reports.json);
    let problems = Schema::new(stompliance::report::json::RUN_SCHEMA).problems(&reports.json);
    assert!(problems.is_empty(), "docs/run.schema.json and run.json differ:\n{}", problems.join("\n"));
    let elements = well_formed(&reports.junit).unwrap();
    assert_eq!(count(&elements, "testcase"), cases(&reports.json).len());
    assert_eq!(count(&elements, "failure") + count(&elements, "error"), 0);
    for case in cases(&reports.json) {
        let id = case["id"].as_str().unwrap();
        assert!(reports.junit.contains(&format!("name=\"{id}\"")), "{id} in junit.xml");
        assert!(
            reports.html.contains(&format!("<code>{}</code>", id.replace('/', "&#x2f;"))),
            "{id} in the HTML"
        );
    }
    assert!(reports.html.contains(">Conforms in all that was judged: "));
    assert!(!reports.html.contains("<article"), "what passed has no card");
    only_our_script(&reports.html);
}

#[test]
fn a_failure_stands_in_all_three_with_its_clause() {
    let reports = run("defect", &["--defect", "notice-has-content"]);
    assert_eq!(reports.code, Some(1));
    complete(&reports.json);
    let problems = Schema::new(stompliance::report::json::RUN_SCHEMA).problems(&reports.json);
    assert!(problems.is_empty(), "docs/run.schema.json and run.json differ:\n{}", problems.join("\n"));
    let failed: Vec<&Value> = cases(&reports.json).iter().filter(|c| c["verdict"] == "fail").collect();
    assert!(failed.iter().any(|c| c["id"] == "im/revoke/recipient-is-told"));
    assert!(failed.iter().all(|c| c["clause"] == "IM-REVOKE-03"), "{failed:?}");
    let elements = well_formed(&reports.junit).unwrap();
    assert_eq!(count(&elements, "failure"), failed.len());
    assert!(reports.junit.contains(r#"type="IM-REVOKE-03""#));
    assert!(reports.junit.contains("clause    IM-REVOKE-03 (MUST)"));
    assert_eq!(reports.html.matches("<article").count(), failed.len());
    assert!(reports.html.contains(", at IM-REVOKE-03.<") && reports.html.contains(",涉及 IM-REVOKE-03。<"));
    assert!(reports.html.contains("The notice does not repeat the revoked content."), "the clause's text");
    let command = "stompliance run im&#x2f;revoke&#x2f;recipient-is-told --defect notice-has-content --in-memory --seed 7";
    assert!(reports.html.contains(command), "how to run it again");
    assert!(reports.html.contains(r#"<span class="state violated"><span lang="en">violated</span>"#));
    only_our_script(&reports.html);
}

#[test]
fn nothing_that_was_said_is_taken_for_markup() {
    let evil = "</pre><script>alert(1)</script>\"'&<img src=x onerror=y>\0\u{1b}[31m\u{fffe}]]>\u{202e}";
    let folder = folder("evil");
    let write = |name: &str, value: &Value| {
        std::fs::write(folder.join(name), format!("{value}\n")).unwrap();
        folder.join(name)
    };
    let frame = json!({ "command": evil, "headers": [[evil, evil]], "body": { "text": evil } });
    let journal = write("evil.jsonl", &json!({ "at": 1, "on": evil, "event": "came", "frame": frame }));
    let record = write("evil.json", &json!({ "checks": [], "observed": { evil: evil } }));
    let place = Place { file: evil.into(), line: 1, column: 1 };
    let mut summary = Summary::default();
    let briefs: Vec<Brief> = Verdict::ALL
        .into_iter()
        .map(|verdict| {
            summary.add(verdict);
            Brief {
                id: evil.into(),
                title: evil.into(),
                suite: evil.into(),
                requirements: vec![evil.into()],
                verdict,
                reason: evil.into(),
                clause: Some((evil.into(), Level::Must)),
                broken: Some(Broken {
                    expected: evil.into(),
                    got: evil.into(),
                    on: evil.into(),
                    place: place.clone(),
                    beside: Some(Beside {
                        event: 0,
                        rows: vec![Compared {
                            path: evil.into(),
                            expected: evil.into(),
                            got: evil.into(),
                            fits: false,
                        }],
                    }),
                }),
                breaks: Default::default(),
                why: Some(evil.into()),
                place: place.clone(),
                duration_ms: 1,
                round: 2,
                record: record.clone(),
                journal: Some(journal.clone()),
            }
        })
        .collect();
    let mut info = head(evil, summary);
    info.profile =
        Profile { name: evil.into(), points: [(evil.to_owned(), evil.into())].into(), ..info.profile };
    info.observed = [(evil.to_owned(), evil.into())].into();
    info.interrupted = true;
    html::write(&folder.join("report.html"), &info, &briefs, &Library::embedded(), Lang::En).unwrap();
    junit::write(&folder.join("junit.xml"), &info, &briefs).unwrap();
    let html = std::fs::read_to_string(folder.join("report.html")).unwrap();
    only_our_script(&html);
    for raw in ["<img", "\0", "\u{1b}", "\u{fffe}"] {
        assert!(!html.contains(raw), "{raw:?} in the HTML");
    }
    assert_eq!(html.matches("<article").count(), 6, "all but what passed and what did not apply");
    assert!(
        html.contains("&lt;img src=x onerror=y&gt;<i class=ctl>NUL</i>\\u{1b}[31m\\u{fffe}"),
        "it is shown as what it is"
    );
    let junit = std::fs::read_to_string(folder.join("junit.xml")).unwrap();
    let elements = well_formed(&junit).unwrap();
    let counts = ["testcase", "failure", "error", "skipped", "system-out"].map(|name| count(&elements, name));
    assert_eq!(counts, [8, 2, 1, 2, 2]);
    assert!(junit.contains("␀\\u{1b}[31m\\u{fffe}"));
    tap::write(&folder.join("report.tap"), &info, &briefs).unwrap();
    let tap = std::fs::read_to_string(folder.join("report.tap")).unwrap();
    let points = |start: &str| tap.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!((points("ok "), points("not ok ")), (4, 4), "{tap}");
    assert_eq!((tap.matches(" # TODO ").count(), tap.matches(" # SKIP ").count()), (1, 1), "{tap}");
    assert!(tap.lines().all(|line| line.chars().all(|c| !c.is_control())), "{tap}");
    markdown::write(&folder.join("summary.md"), &info, &briefs, &Library::embedded().catalogue, Lang::En)
        .unwrap();
    let markdown = std::fs::read_to_string(folder.join("summary.md")).unwrap();
    for (at, _) in markdown.match_indices("<img") {
        let line = markdown[..at].rsplit('\n').next().unwrap_or_default();
        assert!(line.ends_with('\\') || line.matches('`').count() % 2 == 1, "outside of code: {line}");
    }
    let annotations = github::annotations(&briefs);
    assert_eq!(annotations.len(), 4, "fail, fixed, error, warn");
    assert!(annotations.iter().all(|line| !line.contains('\n') && line.starts_with("::")), "{annotations:?}");
}

#[test]
fn reports_of_a_run_that_is_over_are_those_of_the_run() {
    let folder = folder("again");
    let path = |file: &str| folder.join(file).display().to_string();
    let stompliance = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_stompliance")).args(arguments).output().unwrap()
    };
    let mut shown = Vec::new();
    let flags = ["--html", "--junit", "--tap", "--markdown"];
    for (nth, command) in [
        vec!["run", "im/revoke", "--in-memory", "--seed", "7", "--defect", "notice-has-content", "--json"],
        vec!["report"],
    ]
    .iter()
    .enumerate()
    {
        let files: Vec<String> = flags.iter().map(|flag| path(&format!("{nth}{flag}"))).collect();
        let run = path("run.json");
        let mut arguments = command.clone();
        arguments.extend([run.as_str(), "--github"]);
        arguments.extend(flags.iter().zip(&files).flat_map(|(flag, file)| [*flag, file.as_str()]));
        let output = stompliance(&arguments);
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let annotations: Vec<String> = text
            .lines()
            .filter(|line| line.starts_with("::error file=suites/im/revoke.yaml,line="))
            .map(str::to_owned)
            .collect();
        let files: Vec<String> = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
        shown.push((annotations, files));
    }
    assert!(!shown[0].0.is_empty() && shown[0].1.iter().all(|text| text.len() > 500));
    assert!(shown[0] == shown[1], "what `report` makes differs from what `run` made");
    let output = stompliance(&["--color", "never", "report", &path("run.json")]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("fail im/revoke/recipient-is-told") && text.contains(" passed, "), "{text}");
    let whole = std::fs::read_to_string(path("run.json")).unwrap();
    for (name, text, why) in [
        ("cut", &whole[..whole.len() / 2], "it is cut off"),
        ("newer", r#"{"schema":9,"cases":[]}"#, "its form is version 9, this program reads up to version 1"),
        ("foreign", r#"{"name":"x","cases":[{"id":1}]}"#, "it is no run.json: there is no `schema`"),
        ("text", "hello", "it is no run.json"),
        ("empty", "", "it is cut off"),
    ] {
        let file = path(&format!("{name}.json"));
        std::fs::write(&file, text).unwrap();
        let html = path(&format!("{name}.html"));
        let output = stompliance(&["report", &file, "--html", &html]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{name}: {error}");
        assert!(error.contains(why) && error.contains(&file), "{name}: {error}");
        assert!(!Path::new(&html).exists(), "{name}: no report is made of what is none");
    }
}

/// `fixtures/run-1.json` was written by an older program, without what has been added to the form since; it is never written
/// anew.
#[test]
fn a_run_of_an_older_program_is_still_read() {
    let folder = folder("older");
    let html = folder.join("report.html").display().to_string();
    let stompliance = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_stompliance")).args(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text + &String::from_utf8_lossy(&output.stderr))
    };
    let (code, said) = stompliance(&["report", "fixtures/run-1.json"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("29 passed, 2 failed"), "{said}");
    stompliance(&["report", "fixtures/run-1.json", "--html", &html]);
    assert!(std::fs::read_to_string(&html).unwrap().contains("IM-AUTH-09"));
    let (code, said) = stompliance(&["judge", "fixtures/run-1.json"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_report_without_a_journal_says_so() {
    let folder = folder("missing");
    std::fs::write(folder.join("record.json"), "{}").unwrap();
    let brief = Brief {
        id: "a/b".into(),
        title: "T".into(),
        suite: "a".into(),
        requirements: Vec::new(),
        verdict: Verdict::Error,
        reason: "the target is down".into(),
        clause: None,
        broken: None,
        breaks: Default::default(),
        why: None,
        place: Place::default(),
        duration_ms: 0,
        round: 1,
        record: folder.join("record.json"),
        journal: Some(folder.join("gone.jsonl")),
    };
    let mut summary = Summary::default();
    summary.add(Verdict::Error);
    let info = head("t", summary);
    html::write(&folder.join("report.html"), &info, &[brief], &Library::embedded(), Lang::En).unwrap();
    let html = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(html.contains(">No verdict: 1 case could not be judged, and none failed.<"));
    assert!(html.contains(">The transcript could not be read<"));
}

/// Whether everything is there that the issue asks for.
#[test]
fn runs_beside_one_another_tell_what_got_worse() {
    let folder = folder("compare");
    let path = |file: &str| folder.join(file).display().to_string();
    let stompliance = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_stompliance"))
            .args(["--color", "never"])
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let quiet = [path("report.html"), path("junit.xml")];
    for (name, more) in [
        ("right.json", &["im/revoke"][..]),
        ("wrong.json", &["im/revoke", "--defect", "notice-has-content"][..]),
        ("less.json", &["im/revoke/is-it-told"][..]),
    ] {
        let file = path(name);
        let mut arguments = vec![
            "run",
            "--in-memory",
            "--seed",
            "7",
            "--json",
            &file,
            "--html",
            &quiet[0],
            "--junit",
            &quiet[1],
        ];
        arguments.extend(more);
        stompliance(&arguments);
    }
    let [right, wrong, less] = ["right.json", "wrong.json", "less.json"].map(path);
    let (html, markdown) = (path("compare.html"), path("compare.md"));
    let (code, text, _) = stompliance(&["compare", &right, &wrong, "--html", &html, "--markdown", &markdown]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("\n  IM-REVOKE-03  conforming  violated\n"), "{text}");
    assert!(text.contains("  pass → fail  im/revoke/recipient-is-told\n"), "{text}");
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.contains(r#"<td class="nowrap conforming"><span lang="en">conforming</span><span lang="zh-Hans">符合</span></td><td class="nowrap violated">"#));
    only_our_script(&page);
    let summary = std::fs::read_to_string(&markdown).unwrap();
    assert!(summary.contains("| `IM-REVOKE-03` (MUST) | conforming | violated |"), "{summary}");
    let (code, text, _) = stompliance(&["compare", &wrong, &right]);
    assert!(code == Some(0) && text.contains("  fail → pass  im/revoke/recipient-is-told\n"), "{text}");
    let (code, text, _) = stompliance(&["compare", &right, &right, &right]);
    assert!(
        code == Some(0)
            && text.contains("\n0 worse, ")
            && text.contains(" the same (from the first to the last)"),
        "{text}"
    );
    let (code, text, _) = stompliance(&["compare", &right, &less]);
    assert!(code == Some(0) && text.contains("\nNo longer judged ("), "{text}");
    assert_eq!(stompliance(&["compare", &right, &less, "--strict"]).0, Some(1));
    let (code, _, error) = stompliance(&["compare", &right, "nowhere.json"]);
    assert!(code == Some(2) && error.contains("nowhere.json"), "{error}");
}

fn complete(json: &Value) {
    for member in HEAD {
        assert!(json.get(member).is_some(), "run.json lacks `{member}`");
    }
    let summary = json["summary"].as_object().unwrap();
    assert_eq!(summary.keys().map(String::as_str).collect::<Vec<_>>(), VERDICTS);
    let total: u64 = summary.values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(total, cases(json).len() as u64);
    for case in cases(json) {
        for member in CASE {
            assert!(case.get(member).is_some(), "{} lacks `{member}`", case["id"]);
        }
        assert!(VERDICTS.contains(&case["verdict"].as_str().unwrap()));
        let carried_out = case.get("facts").is_some();
        assert_eq!(case["transcript"].as_array().unwrap().is_empty(), !carried_out, "{}", case["id"]);
        for event in case["transcript"].as_array().unwrap() {
            assert!(event["at"].is_u64() && event["event"].is_string(), "{event}");
        }
    }
}

/// The page has one script, its own, besides data that nothing runs; and nothing that reaches out.
fn only_our_script(html: &str) {
    let data = html.matches(r#"<script type="application/json" id=""#).count();
    assert_eq!(html.matches("<script").count(), data + 1);
    assert_eq!(html.matches("</script").count(), data + 1);
    for attribute in ["src=\"", "href=\"http", "href=\"//", "url(", "@import", "onerror=\""] {
        assert!(!html.contains(attribute), "{attribute} in the HTML");
    }
}
