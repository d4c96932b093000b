//! The JSON Schema of suite files, generated from the types that they are read into, for completion in editors.
//!
//! It relies on schemars, and on draft 7, which is what the usual YAML language server reads. By itself it knows no more
//! than the types; with a dialect also its verbs, sights, states and points, and the ids of the catalogue. It is for
//! writing: what a file means is `lint`'s to check.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::catalogue::Catalogue;
use super::dialect::{Dialect, SightDef, Verb};
use super::expand::{FORMS, PRIMITIVES};
use super::model::Suite;
use super::script::{LISTENING, Point};
use super::transport::Transport;

/// The JSON Schema of suite files.
pub fn suite() -> String {
    let schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<Suite>();
    // A schema is JSON: writing it cannot fail.
    serde_json::to_string_pretty(&schema).unwrap_or_default()
}

/// The JSON Schema of suite files in a dialect: its words complete in an editor, others are marked.
pub fn of_dialect(dialect: &Dialect, catalogue: &Catalogue) -> String {
    let mut schema: Value = serde_json::from_str(&suite()).unwrap_or_default();
    let requirement = json!({
        "description": "The id of a requirement.",
        "enum": catalogue.keys().collect::<Vec<_>>(),
        "markdownEnumDescriptions": catalogue.values().map(|r| r.text.as_str()).collect::<Vec<_>>(),
    });
    let id = json!({ "$ref": "#/definitions/Requirement" });
    let state = json!({ "$ref": "#/definitions/State" });
    let definitions = &mut schema["definitions"];
    definitions["Requirement"] = requirement;
    definitions["State"] =
        word_or_column(states(dialect), "A state of the dialect, or a column that holds one.");
    definitions["Case"]["properties"]["requirements"]["items"] = id.clone();
    definitions["Case"]["properties"]["needs"]["properties"] = needs(dialect);
    definitions["Step"]["properties"]["needs"] =
        json!({ "type": "object", "properties": needs(dialect), "additionalProperties": true });
    definitions["Step"]["properties"]["observe"] =
        json!({ "type": "object", "properties": observations(dialect), "additionalProperties": false });
    definitions["RuleDef"]["properties"]["requirement"] = id.clone();
    definitions["RoleForm"]["anyOf"][0] = state.clone();
    definitions["Role"]["properties"]["state"] = state;
    definitions["Role"]["properties"]["over"] =
        word_or_column(Transport::WORDS.to_vec(), "A transport, or a column that holds one.");
    let act = &mut definitions["Act"];
    act["additionalProperties"] = false.into();
    act["properties"]["clause"] = id;
    for (name, verb) in acts(dialect) {
        act["properties"][name] = verb;
    }
    schema["title"] = format!("Suite in the dialect {}", dialect.name).into();
    schema["properties"]["dialect"] = json!({ "description": dialect.title, "const": dialect.name });
    serde_json::to_string_pretty(&schema).unwrap_or_default()
}

fn word_or_column(words: Vec<&str>, what: &str) -> Value {
    json!({ "description": what, "anyOf": [{ "enum": words }, { "type": "string", "pattern": r"^\$" }] })
}

fn states(dialect: &Dialect) -> Vec<&str> {
    let own = dialect.states.iter().map(|(key, _)| key.name.as_str());
    own.chain(["away", "offline", LISTENING]).collect()
}

/// Every act: the engine's, the dialect's verbs, its sights.
fn acts(dialect: &Dialect) -> Vec<(String, Value)> {
    let primitives =
        PRIMITIVES.iter().map(|name| ((*name).to_owned(), json!({ "description": "The engine's own." })));
    let verbs = dialect.verbs.iter().map(|v| (v.name.name.clone(), of_verb(v)));
    let sights = dialect.sights.iter().map(|s| (s.name.name.clone(), of_sight(s)));
    primitives.chain(verbs).chain(sights).collect()
}

/// What a verb takes; a verb with one required parameter takes it bare as well, so that nothing else is ruled out.
fn of_verb(verb: &Verb) -> Value {
    let required = verb.required();
    let what = match &required[..] {
        [] => "Needs no parameter.".to_owned(),
        all => format!("Needs {}.", all.join(", ")),
    };
    let gives = if verb.gives.is_some() { " Gives what `as` binds." } else { "" };
    let params = verb.takes.iter().map(|(key, default)| {
        let schema = match default {
            Some(node) => json!({ "description": format!("Without it {}.", node.value()) }),
            None => json!({ "description": "Required." }),
        };
        (key.name.clone(), schema)
    });
    json!({
        "description": format!("{what}{gives}"),
        "properties": Map::from_iter(params),
        "additionalProperties": true,
    })
}

fn of_sight(sight: &SightDef) -> Value {
    let what = |form: &str| match form {
        "nothing" => "Nothing like it comes.",
        "exactly" => "These come, and nothing else.",
        "in-order" => "These come, in this order.",
        "any-order" => "These come, in any order.",
        _ => "All that come.",
    };
    let forms = FORMS.iter().map(|form| ((*form).to_owned(), json!({ "description": what(form) })));
    let members = sight
        .members
        .iter()
        .flatten()
        .map(|name| (name.clone(), json!({ "description": "A member to match." })));
    json!({
        "description": "A sight: what it is like, or one of the forms.",
        "properties": Map::from_iter(forms.chain(members)),
        "additionalProperties": true,
    })
}

fn needs(dialect: &Dialect) -> Value {
    let value = |point: &Point| match point.values.is_empty() {
        true => json!({ "description": described(point), "enum": [true, false] }),
        false => json!({
            "description": described(point),
            "anyOf": [{ "enum": point.values }, { "type": "array", "items": { "enum": point.values } }, { "type": "object" }],
        }),
    };
    dialect.points.iter().map(|(key, point)| (key.name.clone(), value(point))).collect::<Map<_, _>>().into()
}

fn observations(dialect: &Dialect) -> Value {
    let value = |point: &Point| {
        let words = point.values.iter().map(|word| (word.clone(), json!({ "type": "object" })));
        match point.values.is_empty() {
            true => json!({ "description": described(point), "type": "object" }),
            false => json!({
                "description": described(point),
                "type": "object",
                "properties": Map::from_iter(words),
                "additionalProperties": false,
            }),
        }
    };
    dialect.points.iter().map(|(key, point)| (key.name.clone(), value(point))).collect::<Map<_, _>>().into()
}

fn described(point: &Point) -> String {
    let default = point.default.as_ref().map_or(String::new(), |d| format!("Default {d}. "));
    format!("{default}{}", point.clause.as_ref().map_or(String::new(), |c| format!("Judged by {c}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_is_current() {
        let committed = include_str!("../../docs/suite.schema.json");
        assert_eq!(committed.trim_end(), suite(), "run: stompliance schema > docs/suite.schema.json");
    }
}
