//! Values with references in them (docs/language.md 2.1): `$name.path`, `$(name.path)` within text, `$$`, `+:`.
//!
//! It relies on an environment that knows the names. It never invents a value: what is not bound is an error, and
//! what is absent stays absent.

use serde_json::{Map, Value};

/// What names stand for.
pub trait Env {
    /// The value of a name, `None` where it is bound to nothing (`$absent`).
    ///
    /// # Errors
    /// Where the name is not bound at all.
    fn lookup(&mut self, name: &str, path: &[&str]) -> Result<Option<Value>, String>;
}

/// What becomes of an absent member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It is left out: the value is sent.
    Sending,
    /// It must not be there: the value is a pattern.
    Seeing,
}

/// The reference that a whole text is, if it is one: its name and path.
pub fn reference(text: &str) -> Option<(&str, Vec<&str>)> {
    let rest = text.strip_prefix('$')?;
    let mut parts = rest.split('.');
    let name = parts.next()?;
    let path: Vec<&str> = parts.collect();
    let word = |w: &&str| {
        !w.is_empty() && w.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_' || c == '/')
    };
    let begins = name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
    (begins && word(&name) && path.iter().all(word)).then_some((name, path))
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<'a> {
    /// Literal text.
    Literal(String),
    /// A reference within it.
    Reference(&'a str, Vec<&'a str>),
}

/// Takes text apart into literals and references.
///
/// # Errors
/// A `$(` that is not closed or names nothing.
pub fn parts(text: &str) -> Result<Vec<Part<'_>>, String> {
    if let Some((name, path)) = reference(text) {
        return Ok(vec![Part::Reference(name, path)]);
    }
    let mut out = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        literal.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        if let Some(after) = tail.strip_prefix('$') {
            literal.push('$');
            rest = after;
        } else if let Some(inner) = tail.strip_prefix('(') {
            let end = inner.find(')').ok_or_else(|| format!("`$({inner}` is not closed"))?;
            let mut words = inner[..end].split('.');
            let name = words.next().filter(|n| !n.is_empty()).ok_or("`$()` names nothing")?;
            if !literal.is_empty() {
                out.push(Part::Literal(std::mem::take(&mut literal)));
            }
            out.push(Part::Reference(name, words.collect()));
            rest = &inner[end + 1..];
        } else {
            literal.push('$');
            rest = tail;
        }
    }
    literal.push_str(rest);
    if !literal.is_empty() || out.is_empty() {
        out.push(Part::Literal(literal));
    }
    Ok(out)
}

/// Evaluates a value; `None` is absent.
///
/// # Errors
/// The first reference that is not bound, or `+:` over something that is no map.
pub fn eval(value: &Value, env: &mut dyn Env, purpose: Purpose) -> Result<Option<Value>, String> {
    match value {
        Value::String(text) => eval_text(text, env),
        Value::Array(items) => {
            let mut out = Vec::with_capacity(items.len());
            for item in items {
                out.extend(eval(item, env, purpose)?.or_else(|| stand_in(purpose)));
            }
            Ok(Some(Value::Array(out)))
        }
        Value::Object(members) => eval_map(members, env, purpose).map(|map| Some(Value::Object(map))),
        other => Ok(Some(other.clone())),
    }
}

fn stand_in(purpose: Purpose) -> Option<Value> {
    (purpose == Purpose::Seeing).then(|| serde_json::json!({ "is": "absent" }))
}

fn eval_text(text: &str, env: &mut dyn Env) -> Result<Option<Value>, String> {
    let parts = parts(text)?;
    if let [Part::Reference(name, path)] = &parts[..]
        && reference(text).is_some()
    {
        return env.lookup(name, path);
    }
    let mut out = String::new();
    for part in parts {
        match part {
            Part::Literal(text) => out.push_str(&text),
            Part::Reference(name, path) => match env.lookup(name, &path)? {
                Some(Value::Object(_)) => {
                    return Err(format!(
                        "`{text}`: `${name}` is a map there, which has no place within text"
                    ));
                }
                Some(value) => out.push_str(&as_text(&value)),
                None => return Ok(None),
            },
        }
    }
    Ok(Some(Value::String(out)))
}

fn eval_map(
    members: &Map<String, Value>,
    env: &mut dyn Env,
    purpose: Purpose,
) -> Result<Map<String, Value>, String> {
    let mut out = Map::new();
    for (name, member) in members {
        let value = eval(member, env, purpose)?;
        if name == "+" {
            match value {
                Some(Value::Object(more)) => out.extend(more),
                None | Some(Value::Null) => {}
                Some(other) => return Err(format!("`+:` spreads a map, not {other}")),
            }
        } else if let Some(value) = value.or_else(|| stand_in(purpose)) {
            out.insert(name.clone(), value);
        }
    }
    Ok(out)
}

/// A value as it stands within text.
pub fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What a path leads to. Lists count from 1; a path into a list of records gives the list of that member, nested
/// lists being flattened; `count` is the length of a list.
pub fn select(value: &Value, path: &[&str]) -> Option<Value> {
    let [first, rest @ ..] = path else { return Some(value.clone()) };
    match value {
        Value::Object(members) => {
            // A member may have dots in its name (`sync.repeat`): the longest name that fits wins.
            for taken in (1..=path.len()).rev() {
                if let Some(member) = members.get(&path[..taken].join(".")) {
                    return select(member, &path[taken..]);
                }
            }
            None
        }
        Value::Array(items) => {
            if let Ok(index) = first.parse::<usize>() {
                return select(items.get(index.checked_sub(1)?)?, rest);
            }
            if *first == "count" && rest.is_empty() {
                return Some(Value::from(items.len()));
            }
            let mut out = Vec::new();
            for item in items {
                match (item, select(item, path)) {
                    (Value::Array(_), Some(Value::Array(inner))) => out.extend(inner),
                    (_, Some(found)) => out.push(found),
                    (_, None) => {}
                }
            }
            Some(Value::Array(out))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Names(Value);

    impl Env for Names {
        fn lookup(&mut self, name: &str, path: &[&str]) -> Result<Option<Value>, String> {
            if name == "absent" {
                return Ok(None);
            }
            let value = self.0.get(name).ok_or_else(|| format!("`${name}` is not bound"))?;
            Ok(select(value, path))
        }
    }

    fn sent(value: Value) -> Result<Option<Value>, String> {
        let names = json!({
            "m": { "id": "7", "n": 3 }, "list": [{ "id": "a" }, { "id": "b" }],
            "crowd": [[{ "id": "a" }], [{ "id": "a" }, { "id": "b" }]], "more": { "x": 1 },
        });
        eval(&value, &mut Names(names), Purpose::Sending)
    }

    #[test]
    fn references_keep_their_type_and_text_becomes_text() {
        for (value, expected) in [
            (json!("$m.n"), json!(3)),
            (json!("n is $(m.n)."), json!("n is 3.")),
            (json!("$list.2.id"), json!("b")),
            (json!("$list.id"), json!(["a", "b"])),
            (json!("$list.count"), json!(2)),
            (json!("$crowd.id"), json!(["a", "a", "b"])),
            (json!("costs 5$$ or $5"), json!("costs 5$ or $5")),
            (
                json!({ "a": "$absent", "b": ["$m.id", "$absent"], "+": "$more" }),
                json!({ "b": ["7"], "x": 1 }),
            ),
        ] {
            assert_eq!(sent(value.clone()), Ok(Some(expected)), "{value}");
        }
        assert_eq!(sent(json!("Bearer $(absent)")), Ok(None));
        assert!(sent(json!("$nobody")).is_err() && sent(json!("$(m")).is_err());
    }

    #[test]
    fn an_absent_member_of_a_pattern_must_not_be_there() {
        let seen = eval(&json!({ "a": "$absent" }), &mut Names(json!({})), Purpose::Seeing);
        assert_eq!(seen, Ok(Some(json!({ "a": { "is": "absent" } }))));
    }
}
