//! A reader of JSON Schemas, for what the program writes and for what its users write.
#![allow(dead_code, clippy::unwrap_used)]

use serde_json::Value;

/// As much of JSON Schema as ours use; stricter in one way: a member that is not described is a
/// problem, unless `additionalProperties` says that there may be others.
pub(crate) struct Schema(Value);

impl Schema {
    /// The schema in this text.
    pub(crate) fn new(text: &str) -> Self {
        Schema(serde_json::from_str(text).unwrap())
    }

    /// What does not fit, the first ten.
    pub(crate) fn problems(&self, value: &Value) -> Vec<String> {
        let mut found = Vec::new();
        self.check(&self.0, value, "", &mut found);
        found.truncate(10);
        found
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        if schema == &Value::Bool(true) {
            return;
        }
        if let Some(name) = schema["$ref"].as_str() {
            let target = self.0.pointer(name.trim_start_matches('#'));
            return self.check(target.unwrap_or_else(|| panic!("no {name}")), value, at, found);
        }
        let kind = |name: &Value| match name.as_str().unwrap_or_default() {
            "integer" => value.is_u64() || value.is_i64(),
            "number" => value.is_number(),
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
        // Of patterns only a beginning is used.
        let begins = schema["pattern"].as_str().is_none_or(|p| {
            let start = p.trim_start_matches('^').replace('\\', "");
            value.as_str().is_some_and(|text| text.starts_with(&start))
        });
        if !(typed && listed && equal && begins) {
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
        if let Some(parts) = schema["anyOf"].as_array() {
            let fits = |part: &Value| {
                let mut problems = Vec::new();
                self.check(part, value, at, &mut problems);
                problems.is_empty()
            };
            if !parts.iter().any(fits) {
                found.push(format!("{at}: {value} is none of {schema}"));
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
