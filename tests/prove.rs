//! The harness on trial, in virtual time. `stompliance prove` tries all of it; this is what has its place in every test run.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::process::Command;

use stompliance::case::library::Library;
use stompliance::judge::Verdict;
use stompliance::prove::{How, false_alarms, flakes, null, on_all_cores, try_defect, try_server};
use stompliance::reference::{Defect, Policy, defects, variants};

const HOW: How = How { seed: 3, over_sockets: false, chaos: None };

#[test]
fn each_defect_that_always_shows_is_caught_at_a_clause_that_it_breaks() {
    let library = Library::embedded();
    let all: Vec<&'static Defect> = defects::all().filter(|defect| !defect.hard).collect();
    assert!(all.len() >= 200, "{} defects", all.len());
    let missed: Vec<String> = on_all_cores(&all, |defect| try_defect(&library, defect, 1, HOW).unwrap())
        .into_iter()
        .filter(|one| one.times_caught() == 0)
        .map(|one| {
            format!("{} {:?}: broken elsewhere: {:?}", one.defect.name, one.defect.breaks, one.elsewhere)
        })
        .collect();
    assert!(missed.is_empty(), "{} of {} missed:\n{}", missed.len(), all.len(), missed.join("\n"));
}

#[test]
fn defects_that_show_only_sometimes_are_caught_by_a_whole_run() {
    let library = Library::embedded();
    let some = ["one-in-twenty-lost", "burst-loses-tail", "fan-out-of-48", "first-after-reconnect-lost"];
    let some: Vec<&'static Defect> = some.iter().map(|name| defects::named(name).unwrap()).collect();
    for one in on_all_cores(&some, |defect| try_defect(&library, defect, 1, HOW).unwrap()) {
        assert_eq!(one.times_caught(), 1, "{}: {:?}", one.defect.name, one.elsewhere);
    }
}

#[test]
fn a_server_that_conforms_is_clean_however_it_does_so() {
    let library = Library::embedded();
    let some = ["refuses-by-close", "sync-as-array", "echo-to-self", "receipts-first", "server-given-ids"];
    let variants = some.iter().map(|name| (*name, variants::named(name).unwrap()));
    let servers: Vec<_> = std::iter::once(("correct", Policy::default())).chain(variants).collect();
    let tried = on_all_cores(&servers, |(_, policy)| try_server(&library, *policy, &[], HOW).unwrap());
    for ((name, _), records) in servers.iter().zip(&tried) {
        assert_eq!(false_alarms(records), [""; 0], "{name}");
        let passed = records.iter().filter(|r| r.verdict == Verdict::Pass).count();
        assert!(passed > 750, "{name}: {passed}");
    }
}

#[test]
fn a_server_that_is_none_passes_what_is_listed_and_nothing_else() {
    let library = Library::embedded();
    let all: Vec<_> = variants::nulls().iter().collect();
    let tried = on_all_cores(&all, |one| try_server(&library, one.policy(), &[], HOW).unwrap());
    for (one, records) in all.iter().zip(&tried) {
        let found = null::passed(one.name, records);
        assert!(found.unlisted.is_empty() && found.vanished.is_empty(), "{}: {found:#?}", one.name);
    }
}

#[test]
fn a_bad_network_changes_no_verdict() {
    let library = Library::embedded();
    let patterns = ["im/send", "im/sync", "stomp/frames", "websocket/fragments"].map(str::to_owned);
    let networks = [None, Some(1), Some(2), Some(3)];
    let runs = on_all_cores(&networks, |chaos| {
        try_server(&library, Policy::default(), &patterns, How { chaos: *chaos, ..HOW }).unwrap()
    });
    assert_eq!(flakes(&runs), []);
    assert_eq!(false_alarms(&runs[0]), [""; 0]);
}

#[test]
fn what_a_defect_breaks_is_in_the_catalogue() {
    let library = Library::embedded();
    let known: BTreeSet<&str> = library.catalogue.keys().map(String::as_str).collect();
    for defect in defects::all() {
        let unknown: Vec<_> = defect.breaks.iter().filter(|clause| !known.contains(**clause)).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", defect.name);
    }
}

#[test]
fn the_command_tells_what_was_caught_and_ends_with_1_where_something_is_not() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("prove");
    let prove = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_stompliance"))
            .args(["--color", "never", "prove", "--json"])
            .arg(folder.join("prove.json"))
            .arg("--html")
            .arg(folder.join("prove.html"))
            .args(arguments)
            .output()
            .unwrap()
    };
    let output = prove(&["--defect", "content-trimmed", "--defect", "one-in-twenty-lost"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("caught    content-trimmed  IM-SEND-04 in "), "{text}");
    assert!(text.contains("caught    one-in-twenty-lost (1 of 1 runs)  "), "{text}");
    assert!(text.contains("2 of 2 defects are caught at a clause that they break"), "{text}");
    let page = std::fs::read_to_string(folder.join("prove.html")).unwrap();
    assert!(page.contains("content-trimmed") && page.contains("All is as it must be."));
    let matrix: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("prove.json")).unwrap()).unwrap();
    assert_eq!(matrix["defects"][0]["outcome"], "caught");

    let output = prove(&["--defect", "content-trimed"]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("there is no defect `content-trimed`") && error.contains("content-trimmed"),
        "{error}"
    );
}
