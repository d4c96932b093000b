//! Readers of reports, as small as the tests need them: well-formed XML, and the part of JSON Schema that ours uses.
//!
//! They rely on nothing but the reports being of the simple form that we write. They never mend anything.

use serde_json::Value;
use stompliance::report::json::RUN_SCHEMA;

/// How many elements of this name there are.
pub(crate) fn count(elements: &[String], name: &str) -> usize {
    elements.iter().filter(|e| *e == name).count()
}

/// The names of all elements of a well-formed document of elements, attributes and text; or what is wrong with it.
pub(crate) fn well_formed(xml: &str) -> Result<Vec<String>, String> {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if let Some(c) = xml.chars().find(|c| !allowed(*c)) {
        return Err(format!("{c:?} is no character of XML"));
    }
    let mut rest =
        xml.strip_prefix(r#"<?xml version="1.0" encoding="UTF-8"?>"#).ok_or("no declaration")?.trim();
    let (mut open, mut all) = (Vec::new(), Vec::new());
    while let Some((text, tag)) = rest.split_once('<') {
        plain(text)?;
        // No value holds a `>`: it is written as `&gt;`.
        let (tag, after) = tag.split_once('>').ok_or("a tag without an end")?;
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            let begun = open.pop();
            if begun.as_deref() != Some(name) {
                return Err(format!("</{name}> ends {begun:?}"));
            }
            continue;
        }
        let inner = tag.strip_suffix('/').unwrap_or(tag);
        let (name, mut attributes) = inner.split_once(' ').unwrap_or((inner, ""));
        while let Some((key, value)) = attributes.split_once("=\"") {
            let (value, after) = value.split_once('"').ok_or("a value without an end")?;
            if !key.trim().chars().all(|c| c.is_ascii_lowercase()) {
                return Err(format!("an attribute of the name {key:?}"));
            }
            plain(value)?;
            attributes = after;
        }
        if !attributes.trim().is_empty() {
            return Err(format!("{attributes:?} is no attribute"));
        }
        all.push(name.to_owned());
        if !tag.ends_with('/') {
            open.push(name.to_owned());
        }
    }
    if open.is_empty() && rest.is_empty() {
        Ok(all)
    } else {
        Err(format!("{open:?} are open, {rest:?} is left"))
    }
}

fn plain(text: &str) -> Result<(), String> {
    let entity = |part: &str| ["amp;", "lt;", "gt;", "quot;"].iter().any(|e| part.starts_with(e));
    match text.split('&').skip(1).find(|part| !entity(part)) {
        Some(part) => Err(format!("&{part} is no entity")),
        None if text.contains(['<', '>']) => Err(format!("{text:?} is no text")),
        None => Ok(()),
    }
}

/// As much of JSON Schema as `docs/run.schema.json` uses; stricter in one way: a member that is not described is a
/// problem, unless `additionalProperties` says that there may be others.
pub(crate) struct Schema(Value);

impl Schema {
    /// The schema of `run.json`.
    pub(crate) fn of_run() -> Self {
        Schema(serde_json::from_str(RUN_SCHEMA).unwrap())
    }

    /// What does not fit, the first ten.
    pub(crate) fn problems(&self, value: &Value) -> Vec<String> {
        let mut found = Vec::new();
        self.check(&self.0, value, "", &mut found);
        found.truncate(10);
        found
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        if let Some(name) = schema["$ref"].as_str() {
            let target = self.0.pointer(name.trim_start_matches('#'));
            return self.check(target.unwrap_or_else(|| panic!("no {name}")), value, at, found);
        }
        let kind = |name: &Value| match name.as_str().unwrap_or_default() {
            "integer" => value.is_u64() || value.is_i64(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "object" => value.is_object(),
            "array" => value.is_array(),
            "null" => value.is_null(),
            other => panic!("the type {other}"),
        };
        let typed = match &schema["type"] {
            Value::Null => true,
            Value::Array(names) => names.iter().any(kind),
            name => kind(name),
        };
        let listed = schema["enum"].as_array().is_none_or(|all| all.contains(value));
        let equal = schema.get("const").is_none_or(|one| one == value);
        if !(typed && listed && equal) {
            found.push(format!("{at}: {value} is not {schema}"));
            return;
        }
        self.compound(schema, value, at, found);
        self.members(schema, value, at, found);
        for (n, item) in value.as_array().into_iter().flatten().enumerate() {
            let items = schema["items"].as_array().map_or(schema.get("items"), |list| list.get(n));
            if let Some(items) = items {
                self.check(items, item, &format!("{at}/{n}"), found);
            }
        }
    }

    fn fits(&self, schema: &Value, value: &Value) -> bool {
        let mut found = Vec::new();
        let members = schema["properties"].as_object().into_iter().flatten();
        for (name, schema) in members {
            self.check(schema, &value[name], "", &mut found);
        }
        found.is_empty()
    }

    fn compound(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        for part in schema["allOf"].as_array().into_iter().flatten() {
            match part.get("if") {
                Some(condition) if !self.fits(condition, value) => {}
                Some(_) => self.check(&part["then"], value, at, found),
                None => self.check(part, value, at, found),
            }
        }
        if let Some(parts) = schema["oneOf"].as_array() {
            let fitting = parts.iter().filter(|part| {
                let mut problems = Vec::new();
                self.check(part, value, at, &mut problems);
                problems.is_empty()
            });
            if fitting.count() != 1 {
                found.push(format!("{at}: {value} is not exactly one of {schema}"));
            }
        }
    }

    fn members(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        let Some(members) = value.as_object() else { return };
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                found.push(format!("{at}: `{name}` is missing"));
            }
        }
        for (name, value) in members {
            let at = format!("{at}/{name}");
            match (schema["properties"].get(name), schema.get("additionalProperties")) {
                (Some(schema), _) => self.check(schema, value, &at, found),
                (None, Some(Value::Bool(true))) => {}
                (None, Some(other @ Value::Object(_))) => self.check(other, value, &at, found),
                (None, None) if schema.get("properties").is_none() => {}
                (None, _) => found.push(format!("{at} is not described")),
            }
        }
    }
}
