//! The harness on trial, in virtual time. `stompliance prove` tries all of it; this is what has its place in every test run.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use stompliance::case::library::Library;
use stompliance::case::script::Side;
use stompliance::defect::Defect;
use stompliance::judge::Verdict;
use stompliance::link::Badness;
use stompliance::prove::{
    Accused, How, false_alarms, flakes, null, on_all_cores, try_defect, try_on, verdicts,
};
use stompliance::reference::{Policy, variants};

const HOW: How = How { seed: 3, over_sockets: false, chaos: None };

#[test]
fn each_defect_of_a_server_is_caught_at_a_clause_that_it_breaks_and_its_reader_told_why() {
    let told = each_is_caught(Side::Server, 250);
    snapbox::assert_data_eq!(told, snapbox::file!["../fixtures/diagnoses.txt"].raw());
}

#[test]
fn each_defect_of_a_client_is_caught_at_a_clause_that_it_breaks_and_its_reader_told_why() {
    let told = each_is_caught(Side::Client, 150);
    snapbox::assert_data_eq!(told, snapbox::file!["../fixtures/client-diagnoses.txt"].raw());
}

/// Tries each defect of this side, of which there are so many at least; what the readers are told.
fn each_is_caught(side: Side, least: usize) -> String {
    let library = Library::embedded();
    let all = Accused::defects(side);
    assert!(all.len() >= least, "{} defects", all.len());
    let tried = on_all_cores(&all, |defect| try_defect(&library, side, defect, 1, HOW).unwrap());
    let missed = tried.iter().filter(|one| !one.is_caught()).map(|one| {
        format!("{} {:?}: broken elsewhere: {:?}", one.defect.name, one.defect.breaks, one.elsewhere)
    });
    assert_eq!(missed.collect::<Vec<_>>(), [""; 0]);
    let told = tried.iter().map(|one| {
        let Defect { name, breaks, description, .. } = one.defect;
        let told = one.diagnosis.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
        format!("{name}: {description} [{}]\n{}\n", breaks.join(", "), unmarked(&told))
    });
    told.collect::<Vec<_>>().join("\n")
}

/// Without what depends on how many cases ran before, and on which accounts were free.
fn unmarked(text: &str) -> String {
    let replaced = [
        ("[cw][a-z0-9]{5}[0-9]{5}z", "MARK"),
        ("message-id:m-[0-9]+", "message-id:m-N"),
        ("session:s-[0-9]+", "session:s-N"),
        ("user_[0-9]{3}", "user_NNN"),
        ("group_(blue|red|green|empty)", "group_X"),
        ("17672[0-9]{8}", "TIME"),
        ("\"m-[0-9]+\"", "\"m-N\""),
        ("[0-9]+ of 1000 in order", "N of 1000 in order"),
        ("MARK-[0-9]{3,}", "MARK-N"),
        ("/[0-9]{3}/[0-9a-f]{16}/websocket", "/SERVER/SESSION/websocket"),
    ];
    replaced.iter().fold(text.to_owned(), |text, (pattern, by)| {
        regex_lite::Regex::new(pattern).unwrap().replace_all(&text, *by).into_owned()
    })
}

#[test]
fn a_server_that_conforms_is_clean_however_it_does_so() {
    let library = Library::embedded();
    let some = ["refuses-by-close", "sync-as-array", "echo-to-self", "receipts-first", "server-given-ids"];
    let variants = some.iter().map(|name| (*name, variants::named(name).unwrap()));
    let servers: Vec<_> = std::iter::once(("correct", Policy::default())).chain(variants).collect();
    let tried =
        on_all_cores(&servers, |(_, policy)| try_on(&library, Accused::Server(*policy), &[], HOW).unwrap());
    for ((name, _), records) in servers.iter().zip(&tried) {
        assert_eq!(false_alarms(records), [""; 0], "{name}");
        let passed = records.iter().filter(|r| r.verdict == Verdict::Pass).count();
        assert!(passed > 750, "{name}: {passed}");
    }
}

#[test]
fn a_client_that_conforms_is_clean_however_it_does_so() {
    let library = Library::embedded();
    let some = ["correct", "crlf", "line-ends-behind-frames", "fragments", "1.2-only"];
    let clients = Accused::conforming(Side::Client);
    let clients: Vec<_> = clients.into_iter().filter(|(name, ..)| some.contains(name)).collect();
    assert_eq!(clients.len(), some.len());
    let tried = on_all_cores(&clients, |(.., client)| try_on(&library, *client, &[], HOW).unwrap());
    for ((name, ..), records) in clients.iter().zip(&tried) {
        assert_eq!(false_alarms(records), [""; 0], "{name}");
        let passed = records.iter().filter(|r| r.verdict == Verdict::Pass).count();
        // Some cases ask for sessions in 1.0 and 1.1.
        assert!(passed > 570, "{name}: {passed}");
    }
}

#[test]
fn a_server_that_is_none_passes_what_is_listed_and_nothing_else() {
    let library = Library::embedded();
    let all: Vec<_> = variants::nulls().iter().collect();
    let tried = on_all_cores(&all, |one| try_on(&library, Accused::Server(one.policy()), &[], HOW).unwrap());
    for (one, records) in all.iter().zip(&tried) {
        let found = null::passed(one.name, records);
        assert!(found.unlisted.is_empty() && found.vanished.is_empty(), "{}: {found:#?}", one.name);
    }
}

#[test]
fn a_bad_network_changes_no_verdict() {
    let library = Library::embedded();
    let patterns = ["im/send", "im/sync", "stomp/frames", "websocket/fragments"].map(str::to_owned);
    let bad = |seed| Some(Badness { seed, longest: Duration::from_millis(300) });
    let networks = [None, bad(1), bad(2), bad(3)];
    let runs = on_all_cores(&networks, |chaos| {
        try_on(&library, Accused::correct(Side::Server), &patterns, How { chaos: *chaos, ..HOW }).unwrap()
    });
    let verdicts: Vec<_> = runs.iter().map(|records| verdicts(records)).collect();
    assert_eq!(flakes(&verdicts), []);
    assert_eq!(false_alarms(&runs[0]), [""; 0]);
}

#[test]
fn defects_have_names_of_their_own_and_break_what_is_in_the_catalogue() {
    let library = Library::embedded();
    let known: BTreeSet<&str> = library.catalogue.keys().map(String::as_str).collect();
    for side in [Side::Server, Side::Client] {
        let all = Accused::defects(side);
        let names: BTreeSet<_> = all.iter().map(|defect| defect.name).collect();
        assert_eq!(names.len(), all.len());
        for defect in all {
            let unknown: Vec<_> = defect.breaks.iter().filter(|clause| !known.contains(**clause)).collect();
            assert!(unknown.is_empty(), "{}: {unknown:?}", defect.name);
            assert!(!defect.breaks.is_empty() && defect.description.ends_with('.'), "{}", defect.name);
            assert!(Accused::with_defect(side, defect.name).is_ok(), "{}", defect.name);
        }
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
