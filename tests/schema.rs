//! The JSON Schema of suites in a dialect: what is shipped fits it, and slips do not.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "common/schema.rs"]
mod schema;

use schema::Schema;
use serde_json::{Value, json};
use stompliance::case::diagnostic::Source;
use stompliance::case::library::{EMBEDDED, Library};
use stompliance::case::schema::of_dialect;
use stompliance::case::tree::load;

fn of(dialect: &str) -> Schema {
    let library = Library::embedded();
    Schema::new(&of_dialect(&library.dialects[dialect], &library.catalogue))
}

#[test]
fn every_shipped_suite_fits_the_schema_of_its_dialect() {
    let library = Library::embedded();
    let schemas: Vec<(String, Schema)> =
        library.dialects.keys().map(|name| (name.clone(), of(name))).collect();
    let mut fitting = 0;
    for (path, text) in EMBEDDED {
        let value = load(&Source::new(path, text)).unwrap().value();
        let Some(dialect) = value.get("suite").and(value["dialect"].as_str()) else { continue };
        let (_, schema) = schemas.iter().find(|(name, _)| name == dialect).unwrap();
        let problems = schema.problems(&value);
        assert!(problems.is_empty(), "{path}:\n{}", problems.join("\n"));
        fitting += 1;
    }
    assert!(fitting > 10, "{fitting}");
}

/// A suite of one case with this in place of something right.
fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut suite = json!({
        "suite": "own/one", "title": "One", "dialect": "im",
        "cases": [{
            "id": "one", "title": "One", "requirements": ["IM-SEND-01"], "needs": { "sockjs": true },
            "cast": { "alice": "online", "bob": { "state": "$row", "over": "websocket" } },
            "steps": [{ "alice": { "send": { "to": "$bob" }, "as": "m" } }, { "observe": { "sockjs": { "$m.id": "x" } } }],
        }],
    });
    change(&mut suite["cases"][0]);
    suite
}

type Slip = fn(&mut Value);

#[test]
fn slips_do_not_fit() {
    let schema = of("im");
    assert_eq!(schema.problems(&with(|_| ())), Vec::<String>::new());
    let slips: [(&str, Slip); 7] = [
        ("requirement", |case| case["requirements"][0] = "IM-SEND-99".into()),
        ("state", |case| case["cast"]["alice"] = "onlin".into()),
        ("transport", |case| case["cast"]["bob"]["over"] = "carrier-pigeon".into()),
        ("verb", |case| case["steps"][0]["alice"] = json!({ "sendd": {} })),
        ("point", |case| case["steps"][1]["observe"] = json!({ "sokjs": {} })),
        ("value of a point", |case| case["needs"]["sockjs"] = "yes".into()),
        ("key", |case| case["requirement"] = "IM-SEND-01".into()),
    ];
    for (what, slip) in slips {
        assert_ne!(schema.problems(&with(slip)), Vec::<String>::new(), "{what}");
    }
}

/// Every line that docs/drivers.md shows fits the schema of lines, and slips do not.
#[test]
fn the_lines_of_the_drivers_contract_fit_their_schema() {
    let text = std::fs::read_to_string("docs/driver.schema.json").unwrap();
    let whole: Value = serde_json::from_str(&text).unwrap();
    let one = |name: &str| {
        let mut schema = whole["$defs"][name].clone();
        schema["$defs"] = whole["$defs"].clone();
        Schema::new(&schema.to_string())
    };
    let schemas = [("hello", one("hello")), ("do", one("command")), ("event", one("event"))];
    let page = std::fs::read_to_string("docs/drivers.md").unwrap();
    let mut seen = 0;
    for piece in page.split(['`', '\n']).filter(|piece| piece.starts_with("{\"")) {
        let Ok(line) = serde_json::from_str::<Value>(&piece.replace("{…}", "{}")) else {
            panic!("{piece}")
        };
        let (_, schema) = schemas.iter().find(|(member, _)| line.get(member).is_some()).unwrap();
        assert_eq!(schema.problems(&line), Vec::<String>::new(), "{piece}");
        seen += 1;
    }
    assert!(seen >= 15, "{seen}");
    assert!(!schemas[1].1.problems(&json!({ "do": "dance" })).is_empty());
    assert!(!schemas[0].1.problems(&json!({ "hello": 2 })).is_empty());
    assert!(!schemas[2].1.problems(&json!({ "event": "closed", "code": "1000" })).is_empty());
}
