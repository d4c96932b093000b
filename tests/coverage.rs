//! Every requirement that binds a server is decided by a case, or says why it is not.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;

use stompliance::case::catalogue::State;
use stompliance::case::coverage::coverage;
use stompliance::case::library::Library;
use stompliance::case::script::Level;

#[test]
fn the_suites_have_no_mistakes() {
    let library = Library::embedded();
    let shown: Vec<String> = library.found.iter().map(|d| d.render(false)).collect();
    assert!(shown.is_empty(), "{}", shown.join("\n\n"));
}

/// What can be decided on a server today, and is said to be, has a case; and nothing is said that is not so.
#[test]
fn what_the_catalogue_says_of_coverage_is_true() {
    let library = Library::embedded();
    let mut wrong = Vec::new();
    for (id, covered) in coverage(&library) {
        let requirement = &library.catalogue[&id];
        let cases: Vec<&String> = covered.cases.keys().chain(&covered.rules).collect();
        println!("{id:<16} {:?} {:<9} {cases:?}", requirement.level, requirement.state.word());
        let right = match requirement.state {
            State::Tested => covered.is_decided(),
            State::Observed => covered.is_decided() || !covered.observing.is_empty(),
            State::Ambiguous | State::Excluded => true,
            // What only a client can break waits for a case that judges one.
            State::Later => {
                !covered.is_decided() && (requirement.binds == "client" || requirement.level == Level::Open)
            }
        };
        if !right {
            wrong.push(format!("{id} is called {}: {cases:?}", requirement.state.word()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_requirement_of_the_dialect_is_decided_or_observed() {
    let library = Library::embedded();
    let table = coverage(&library);
    let mine = library.catalogue.values().filter(|r| r.catalogue == "im");
    let excused = |id: &str| {
        let requirement = &library.catalogue[id];
        requirement.binds == "client" || requirement.level == Level::Open
    };
    let holes: Vec<&str> =
        mine.map(|r| r.id.as_str()).filter(|id| !table[*id].is_decided() && !excused(id)).collect();
    assert!(holes.is_empty(), "decided by no case: {holes:?}");
}

#[test]
fn every_point_is_observed_by_a_case() {
    let library = Library::embedded();
    let observed: BTreeSet<&String> = library.scripts.iter().flat_map(|s| s.points.keys()).collect();
    for dialect in library.dialects.values() {
        for (point, _) in &dialect.points {
            // Needs an account whose token runs out during the run, which no target is asked for yet.
            let is_later = point.name == "expiry";
            // What a driver says of itself (docs/drivers.md), and whether it is started by us.
            let is_told = ["driver", "started"].contains(&&*point.name) || point.name.starts_with("can.");
            if !is_later && !is_told {
                assert!(
                    observed.contains(&point.name),
                    "nobody observes `{}` of {}",
                    point.name,
                    dialect.name
                );
            }
        }
    }
}

#[test]
fn there_are_as_many_cases_as_were_promised() {
    let library = Library::embedded();
    let count = |folder: &str| library.scripts.iter().filter(|s| s.suite.starts_with(folder)).count();
    assert!(count("im/") >= 120, "{}", count("im/"));
    assert!(count("stomp/") >= 250, "{}", count("stomp/"));
    assert!(count("websocket/") >= 100, "{}", count("websocket/"));
    assert!(count("sockjs/") >= 80, "{}", count("sockjs/"));
    assert!(count("client/") >= 500, "{}", count("client/"));
}

#[test]
fn the_engine_knows_no_application() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !["reference", "client"].iter().any(|ours| path.starts_with(root.join(ours))) {
                let text = std::fs::read_to_string(&path).unwrap();
                let hits = text.lines().enumerate().filter(|(_, line)| {
                    line.contains("chat.") || line.contains("queue/messages") || line.contains("IM-")
                });
                found.extend(hits.map(|(at, line)| format!("{}:{}: {line}", path.display(), at + 1)));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}
