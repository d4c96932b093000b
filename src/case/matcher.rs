//! Matchers (docs/language.md 2.2): what a value must be like, and what it was instead.
//!
//! It relies on values only, without references. It never panics on what a peer sent, and a mismatch always says
//! where, what was expected and what came.

use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a value must be like.
#[derive(Debug, Clone)]
pub enum Matcher {
    /// Equal to this.
    Equal(Value),
    /// An object with at least these members.
    Members(Vec<(String, Matcher)>),
    /// A list of this length, item by item.
    Items(Vec<Matcher>),
    /// Not there at all.
    Absent,
    /// There, whatever it is.
    Present,
    /// Of this JSON type.
    Type(&'static str),
    /// Numbers or texts that never decrease.
    Rising,
    /// Not like this.
    Not(Box<Matcher>),
    /// Text with this in it, or a list with this item.
    Contains(Value),
    /// Text that this expression finds something in.
    Matches(Regex),
    /// A number of at least the first and at most the second.
    Between(f64, f64),
    /// Within so many milliseconds of a point in time (epoch milliseconds).
    Near(f64, f64),
    /// Like one of these.
    OneOf(Vec<Matcher>),
    /// Like all of these.
    AllOf(Vec<Matcher>),
    /// Text (in characters) or a list whose length is like this.
    Length(Box<Matcher>),
    /// A list whose every item is like this. An empty one is.
    Each(Box<Matcher>),
    /// A list of which some item is like this.
    Includes(Box<Matcher>),
    /// A list with so many different items.
    Distinct(usize),
    /// An object with these members and no others.
    Only(Vec<(String, Matcher)>),
    /// Text that is JSON like this.
    Json(Box<Matcher>),
}

/// Milliseconds within which a time counts as near.
const NEAR: f64 = 600_000.0;

const WORDS: [&str; 10] =
    ["text", "number", "integer", "boolean", "list", "object", "null", "present", "rising", "absent"];
const OPERATORS: [&str; 15] = [
    "not", "contains", "matches", "between", "at-least", "at-most", "near", "one-of", "all-of", "length",
    "each", "includes", "distinct", "only", "json",
];

/// Where and why a value is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The path within the value, like `json.content`.
    pub path: String,
    /// What was expected.
    pub expected: String,
    /// What was there.
    pub got: String,
}

/// A part of a value beside what was expected of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// The path within the value, like `json.content`.
    pub path: String,
    /// What was expected.
    pub expected: String,
    /// What was there.
    pub got: String,
    /// Whether it is as expected.
    pub fits: bool,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "expected {}, got {}", self.expected, self.got)
    }
}

impl Matcher {
    /// Reads a pattern. `now` is the present in epoch milliseconds, for `near`.
    ///
    /// # Errors
    /// What is no word or operator, or an operator with the wrong argument.
    pub fn compile(pattern: &Value, now: f64) -> Result<Matcher, String> {
        match pattern {
            Value::Object(members) => match members.get("is") {
                Some(is) if members.len() == 1 => Self::operators(is, now),
                Some(_) => Err("`is` stands alone in its map".into()),
                None => Ok(Matcher::Members(Self::members(members, now)?)),
            },
            Value::Array(items) => Ok(Matcher::Items(Self::all(items, now)?)),
            scalar => Ok(Matcher::Equal(scalar.clone())),
        }
    }

    fn members(members: &serde_json::Map<String, Value>, now: f64) -> Result<Vec<(String, Matcher)>, String> {
        members.iter().map(|(name, m)| Ok((name.clone(), Self::compile(m, now)?))).collect()
    }

    fn all(items: &[Value], now: f64) -> Result<Vec<Matcher>, String> {
        items.iter().map(|item| Self::compile(item, now)).collect()
    }

    fn operators(is: &Value, now: f64) -> Result<Matcher, String> {
        match is {
            Value::String(word) => Self::word(word),
            Value::Object(operators) => {
                let mut all = Vec::new();
                for (name, argument) in operators {
                    all.push(Self::operator(name, argument, now)?);
                }
                match all.len() {
                    0 => Err("`is: {}` says nothing".into()),
                    1 => Ok(all.swap_remove(0)),
                    _ => Ok(Matcher::AllOf(all)),
                }
            }
            other => Err(format!("`is:` takes a word or a map of operators, not {other}")),
        }
    }

    fn word(word: &str) -> Result<Matcher, String> {
        match word {
            "present" => Ok(Matcher::Present),
            "absent" => Ok(Matcher::Absent),
            "rising" => Ok(Matcher::Rising),
            _ => match WORDS.iter().find(|w| **w == word) {
                Some(word) => Ok(Matcher::Type(word)),
                None => Err(unknown("word", word, &WORDS)),
            },
        }
    }

    fn operator(name: &str, argument: &Value, now: f64) -> Result<Matcher, String> {
        let number = |v: &Value| v.as_f64().ok_or_else(|| format!("`{name}:` takes a number, not {v}"));
        let list = || argument.as_array().ok_or_else(|| format!("`{name}:` takes a list, not {argument}"));
        let map = || argument.as_object().ok_or_else(|| format!("`{name}:` takes a map, not {argument}"));
        // After `not` and its kind a bare word or map of operators is common; both read as they do under `is`.
        let inner = || Self::compile_operand(argument, now).map(Box::new);
        Ok(match name {
            "not" => Matcher::Not(inner()?),
            "contains" => Matcher::Contains(argument.clone()),
            "matches" => {
                let text =
                    argument.as_str().ok_or_else(|| format!("`matches:` takes text, not {argument}"))?;
                Matcher::Matches(Regex::new(text).map_err(|e| format!("`matches: {text}`: {e}"))?)
            }
            "between" => match &list()?[..] {
                [low, high] => Matcher::Between(number(low)?, number(high)?),
                _ => return Err("`between:` takes two numbers".into()),
            },
            "at-least" => Matcher::Between(number(argument)?, f64::INFINITY),
            "at-most" => Matcher::Between(f64::NEG_INFINITY, number(argument)?),
            "near" if argument == "now" => Matcher::Near(now, NEAR),
            "near" => Matcher::Near(number(argument)?, NEAR),
            "one-of" => Matcher::OneOf(Self::all(list()?, now)?),
            "all-of" => Matcher::AllOf(Self::all(list()?, now)?),
            "length" => Matcher::Length(inner()?),
            "each" => Matcher::Each(inner()?),
            "includes" => Matcher::Includes(inner()?),
            "distinct" => Matcher::Distinct(number(argument)? as usize),
            "only" => Matcher::Only(Self::members(map()?, now)?),
            "json" => Matcher::Json(inner()?),
            _ => return Err(unknown("operator", name, &OPERATORS)),
        })
    }

    /// An operand may be written as after `is`: a map whose keys are all operators.
    fn compile_operand(argument: &Value, now: f64) -> Result<Matcher, String> {
        match argument.as_object() {
            Some(members)
                if !members.is_empty() && members.keys().all(|k| OPERATORS.contains(&k.as_str())) =>
            {
                Self::operators(argument, now)
            }
            _ => Self::compile(argument, now),
        }
    }

    /// Whether a value is like this.
    ///
    /// # Errors
    /// Where it is not.
    pub fn check(&self, value: Option<&Value>) -> Result<(), Mismatch> {
        self.check_at("", value)
    }

    /// Whether a value is like this, without the reason.
    pub fn holds(&self, value: Option<&Value>) -> bool {
        self.check(value).is_ok()
    }

    /// What was expected of each part of a value beside what is there, whether or not it fits.
    pub fn compare(&self, value: Option<&Value>) -> Vec<Compared> {
        let mut rows = Vec::new();
        self.compare_at("", value, &mut rows);
        rows
    }

    fn compare_at(&self, path: &str, value: Option<&Value>, rows: &mut Vec<Compared>) {
        match (self, value) {
            (Matcher::Members(members), Some(Value::Object(object))) => {
                for (name, matcher) in members {
                    matcher.compare_at(&below(path, name), object.get(name), rows);
                }
            }
            (Matcher::Items(matchers), Some(Value::Array(items))) if matchers.len() == items.len() => {
                for (at, (matcher, item)) in matchers.iter().zip(items).enumerate() {
                    matcher.compare_at(&below(path, &(at + 1).to_string()), Some(item), rows);
                }
            }
            (Matcher::AllOf(all), _) => all.iter().for_each(|m| m.compare_at(path, value, rows)),
            _ => {
                let there =
                    |expected| Compared { path: path.to_owned(), expected, got: show(value), fits: true };
                match (self.check_at(path, value), self.describe()) {
                    (Ok(()), expected) if expected == "anything" => {}
                    (Ok(()), expected) => rows.push(there(expected)),
                    (Err(Mismatch { path, expected, got }), _) => {
                        rows.push(Compared { path, expected, got, fits: false });
                    }
                }
            }
        }
    }

    fn check_at(&self, path: &str, value: Option<&Value>) -> Result<(), Mismatch> {
        let fail = || Err(Mismatch { path: path.into(), expected: self.describe(), got: show(value) });
        let below = |name: &str| below(path, name);
        let when = |held: bool| if held { Ok(()) } else { fail() };
        match (self, value) {
            (Matcher::Absent, None) => Ok(()),
            (Matcher::Not(inner), _) => when(!inner.holds(value)),
            (Matcher::OneOf(all), _) => when(all.iter().any(|m| m.holds(value))),
            (Matcher::AllOf(all), _) => all.iter().try_for_each(|m| m.check_at(path, value)),
            // A matcher for members of something absent may still hold, where it wants them absent.
            (Matcher::Members(members), None) => when(members.iter().all(|(_, m)| m.holds(None))),
            (_, None) => fail(),
            (Matcher::Absent, Some(_)) => fail(),
            (Matcher::Present, Some(_)) => Ok(()),
            (Matcher::Equal(expected), Some(value)) => when(equal(expected, value)),
            (Matcher::Members(members) | Matcher::Only(members), Some(Value::Object(object))) => {
                if let Matcher::Only(_) = self
                    && let Some(extra) = object.keys().find(|k| !members.iter().any(|(n, _)| n == *k))
                {
                    let got = show(object.get(extra));
                    return Err(Mismatch { path: below(extra), expected: "nothing".into(), got });
                }
                members.iter().try_for_each(|(name, m)| m.check_at(&below(name), object.get(name)))
            }
            (Matcher::Items(matchers), Some(Value::Array(items))) if matchers.len() == items.len() => {
                let mut pairs = matchers.iter().zip(items).enumerate();
                pairs.try_for_each(|(i, (m, item))| m.check_at(&below(&(i + 1).to_string()), Some(item)))
            }
            (Matcher::Type(word), Some(value)) => when(is_a(word, value)),
            (Matcher::Rising, Some(Value::Array(items))) => {
                when(items.windows(2).all(|w| not_above(&w[0], &w[1])))
            }
            (Matcher::Contains(part), Some(Value::String(text))) => {
                when(part.as_str().is_some_and(|p| text.contains(p)))
            }
            (Matcher::Contains(part), Some(Value::Array(items))) => {
                when(items.iter().any(|i| equal(part, i)))
            }
            (Matcher::Matches(regex), Some(Value::String(text))) => when(regex.is_match(text)),
            (Matcher::Between(low, high), Some(value)) => {
                when(value.as_f64().is_some_and(|n| *low <= n && n <= *high))
            }
            (Matcher::Near(point, within), Some(value)) => {
                when(value.as_f64().is_some_and(|n| (n - point).abs() <= *within))
            }
            (Matcher::Length(inner), Some(value)) => {
                let length = match value {
                    Value::String(text) => text.chars().count(),
                    Value::Array(items) => items.len(),
                    _ => return fail(),
                };
                inner.check_at(&below("length"), Some(&Value::from(length)))
            }
            (Matcher::Each(inner), Some(Value::Array(items))) => items
                .iter()
                .enumerate()
                .try_for_each(|(i, item)| inner.check_at(&below(&(i + 1).to_string()), Some(item))),
            (Matcher::Includes(inner), Some(Value::Array(items))) => {
                when(items.iter().any(|item| inner.holds(Some(item))))
            }
            (Matcher::Distinct(count), Some(Value::Array(items))) => {
                let (mut seen, mut again): (Vec<&Value>, Option<&Value>) = (Vec::new(), None);
                for item in items {
                    if seen.contains(&item) {
                        again.get_or_insert(item);
                    } else {
                        seen.push(item);
                    }
                }
                let again = again.map_or(String::new(), |item| format!("; {} came again", show(Some(item))));
                let got = format!("{} different of {}{again}", seen.len(), items.len());
                if seen.len() == *count {
                    Ok(())
                } else {
                    Err(Mismatch { path: path.into(), expected: self.describe(), got })
                }
            }
            (Matcher::Json(inner), Some(Value::String(text))) => match super::json::parse(text) {
                Some(json) => inner.check_at(path, Some(&json)),
                None => fail(),
            },
            _ => fail(),
        }
    }

    /// What is expected, in words.
    pub fn describe(&self) -> String {
        let list = |all: &[Matcher], word: &str| {
            all.iter().map(Matcher::describe).collect::<Vec<_>>().join(&format!(" {word} "))
        };
        let object = |members: &[(String, Matcher)], all: bool| {
            let says = |(name, matcher): &(String, Matcher)| match matcher.describe().as_str() {
                "anything" if !all => None,
                like => Some(format!("{name}: {like}")),
            };
            match members.iter().filter_map(says).collect::<Vec<_>>().join(", ").as_str() {
                "" if !all => "anything".to_owned(),
                inner => format!("{{ {inner} }}"),
            }
        };
        match self {
            Matcher::Equal(value) => show(Some(value)),
            Matcher::Members(members) => object(members, false),
            Matcher::Only(members) => format!("only {}", object(members, true)),
            Matcher::Items(items) => {
                format!("[{}]", items.iter().map(Matcher::describe).collect::<Vec<_>>().join(", "))
            }
            Matcher::Absent => "nothing".into(),
            Matcher::Present => "something".into(),
            Matcher::Type(word) => (*word).into(),
            Matcher::Rising => "values that never decrease".into(),
            Matcher::Not(inner) => format!("not {}", inner.describe()),
            Matcher::Contains(part) => format!("something with {} in it", show(Some(part))),
            Matcher::Matches(regex) => format!("text that matches /{regex}/"),
            Matcher::Between(low, high) if high.is_infinite() => format!("at least {low}"),
            Matcher::Between(low, high) if low.is_infinite() => format!("at most {high}"),
            Matcher::Between(low, high) => format!("between {low} and {high}"),
            Matcher::Near(point, within) => format!("within {} s of {point}", within / 1000.0),
            Matcher::OneOf(all) if matches!(all[..], [Matcher::Present, Matcher::Absent]) => {
                "anything".into()
            }
            Matcher::OneOf(all) => list(all, "or"),
            Matcher::AllOf(all) => list(all, "and"),
            Matcher::Length(inner) => format!("a length of {}", inner.describe()),
            Matcher::Each(inner) => format!("each {}", inner.describe()),
            Matcher::Includes(inner) => format!("some {}", inner.describe()),
            Matcher::Distinct(count) => format!("{count} different values"),
            Matcher::Json(inner) => format!("JSON like {}", inner.describe()),
        }
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn unknown(what: &str, word: &str, words: &[&str]) -> String {
    match super::diagnostic::nearest(word, words.iter().copied()) {
        Some(near) => format!("unknown {what} `{word}` under `is`: did you mean `{near}`?"),
        None => format!("unknown {what} `{word}` under `is`"),
    }
}

/// Equality of JSON, numbers by value: 1 and 1.0 are one number.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|w| equal(v, w)))
        }
        _ => a == b,
    }
}

fn is_a(word: &str, value: &Value) -> bool {
    match word {
        "text" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "list" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => false,
    }
}

fn not_above(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64(), a.as_str(), b.as_str()) {
        (Some(a), Some(b), _, _) => a <= b,
        (_, _, Some(a), Some(b)) => a <= b,
        _ => false,
    }
}

/// A value for the reader, long ones cut.
pub fn show(value: Option<&Value>) -> String {
    const MOST: usize = 160;
    match value {
        None => "nothing".into(),
        Some(value) => {
            let text = value.to_string();
            match text.char_indices().nth(MOST) {
                Some((at, _)) => format!("{}… ({} characters)", &text[..at], text.chars().count()),
                None => text,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn result(pattern: Value, value: Option<Value>) -> Result<(), String> {
        Matcher::compile(&pattern, 1_000_000.0).unwrap().check(value.as_ref()).map_err(|m| m.to_string())
    }

    #[test]
    fn each_form_holds_and_breaks() {
        for (pattern, good, bad) in [
            (json!("x"), json!("x"), json!("y")),
            (json!(1), json!(1.0), json!("1")),
            (json!({ "a": 1 }), json!({ "a": 1, "b": 2 }), json!({ "b": 2 })),
            (json!([1, 2]), json!([1, 2]), json!([1, 2, 3])),
            (json!({ "is": "text" }), json!(""), json!(1)),
            (json!({ "is": "integer" }), json!(1), json!(1.5)),
            (json!({ "is": "null" }), json!(null), json!(0)),
            (json!({ "is": "rising" }), json!([1, 1, 2]), json!([2, 1])),
            (json!({ "is": { "not": "x" } }), json!("y"), json!("x")),
            (json!({ "is": { "not": { "contains": "x" } } }), json!("y"), json!("axb")),
            (json!({ "is": { "not": { "is": "rising" } } }), json!([2, 1]), json!([1, 2])),
            (json!({ "is": { "contains": "b" } }), json!("abc"), json!("ac")),
            (json!({ "is": { "matches": "^a+$" } }), json!("aaa"), json!("ab")),
            (json!({ "is": { "between": [1, 2] } }), json!(2), json!(3)),
            (json!({ "is": { "at-least": 1, "at-most": 2 } }), json!(1), json!(0)),
            (json!({ "is": { "near": "now" } }), json!(1_000_500), json!(1)),
            (json!({ "is": { "one-of": ["a", { "is": "null" }] } }), json!(null), json!("b")),
            (
                json!({ "is": { "all-of": [{ "a": 1 }, { "b": 2 }] } }),
                json!({ "a": 1, "b": 2 }),
                json!({ "a": 1 }),
            ),
            (json!({ "is": { "length": 2 } }), json!("ä😀"), json!([1])),
            (json!({ "is": { "length": { "at-least": 2 } } }), json!([1, 2]), json!([1])),
            (json!({ "is": { "each": "a" } }), json!([]), json!(["a", "b"])),
            (json!({ "is": { "includes": "a" } }), json!(["b", "a"]), json!([])),
            (json!({ "is": { "distinct": 2 } }), json!([1, 2, 1]), json!([1])),
            (json!({ "is": { "only": { "a": 1 } } }), json!({ "a": 1 }), json!({ "a": 1, "b": 2 })),
            (json!({ "is": { "json": { "a": 1 } } }), json!("{\"a\":1}"), json!("{")),
            (json!({ "a": { "is": "absent" } }), json!({}), json!({ "a": null })),
            (json!({ "a": { "is": "present" } }), json!({ "a": null }), json!({})),
        ] {
            assert_eq!(result(pattern.clone(), Some(good.clone())), Ok(()), "{pattern} on {good}");
            assert!(result(pattern.clone(), Some(bad.clone())).is_err(), "{pattern} on {bad}");
        }
    }

    #[test]
    fn a_mismatch_says_where_what_and_what_instead() {
        assert_eq!(
            result(json!({ "a": { "b": [1, { "is": "text" }] } }), Some(json!({ "a": { "b": [1, 2] } }))),
            Err("a.b.2: expected text, got 2".into())
        );
        assert_eq!(
            result(json!({ "is": { "distinct": 3 } }), Some(json!([1, 1]))),
            Err("expected 3 different values, got 1 different of 2; 1 came again".into())
        );
        assert_eq!(result(json!("x"), None), Err("expected \"x\", got nothing".into()));
    }

    #[test]
    fn parts_stand_beside_what_was_expected_of_them() {
        let pattern = json!({ "command": "RECEIPT", "headers": { "receipt-id": "7" }, "body": { "is": { "one-of": [{ "is": "present" }, { "is": "absent" }] } } });
        let there = json!({ "command": "RECEIPT", "headers": { "receipt-id": "8", "x": "y" }, "body": "" });
        let rows = Matcher::compile(&pattern, 0.0).unwrap().compare(Some(&there));
        let row = |path: &str, expected: &str, got: &str, fits| Compared {
            path: path.into(),
            expected: expected.into(),
            got: got.into(),
            fits,
        };
        assert_eq!(
            rows,
            [
                row("command", r#""RECEIPT""#, r#""RECEIPT""#, true),
                row("headers.receipt-id", r#""7""#, r#""8""#, false),
            ]
        );
    }

    #[test]
    fn a_wrong_word_is_an_error_with_the_nearest() {
        let error = Matcher::compile(&json!({ "is": { "containz": "x" } }), 0.0).unwrap_err();
        assert_eq!(error, "unknown operator `containz` under `is`: did you mean `contains`?");
        assert!(Matcher::compile(&json!({ "is": "txt" }), 0.0).is_err());
        assert!(Matcher::compile(&json!({ "is": { "matches": "(" } }), 0.0).is_err());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-c]{0,3}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec(("[a-c]", inner), 0..4)
                    .prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_value_matches_itself_and_not_its_negation(value in any_json()) {
            prop_assert_eq!(result(value.clone(), Some(value.clone())), Ok(()));
            let negated = result(json!({ "is": { "not": value.clone() } }), Some(value));
            prop_assert!(negated.is_err());
        }

        #[test]
        fn an_object_with_more_members_still_matches(value in any_json(), extra in any_json()) {
            if let Value::Object(mut members) = value.clone() {
                members.insert("zz".into(), extra);
                prop_assert_eq!(result(value, Some(Value::Object(members))), Ok(()));
            }
        }
    }
}
