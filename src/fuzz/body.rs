//! Bodies that are nearly right: JSON of a dialect with something wrong about it.
//!
//! It relies on the forms of the dialect. A reference in a form stays one, whatever is done around it.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use super::input::text;
use super::yaml::literal;
use crate::case::play::{Form, fill};

/// What is wrong about a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slip {
    /// A member is not there.
    Without(usize),
    /// A member has this value, which is JSON or nearly.
    Has(usize, String),
    /// A member is there twice, the second time with this value.
    Twice(usize, String),
    /// A member of another name, with this value.
    Also(String, String),
    /// This many lists or objects around the value of a member.
    Deep(usize, usize, bool),
    /// Nothing from here on.
    Cut(usize),
    /// Something in between.
    Put(usize, String),
    /// Something in place of the whole.
    Only(String),
    /// Something behind it.
    Behind(String),
}

/// Values that are not what is expected.
fn value() -> BoxedStrategy<String> {
    let odd = [
        "null",
        "true",
        "[]",
        "{}",
        "\"\"",
        "0",
        "-0",
        "-1",
        "1.5",
        "1e400",
        "-1e400",
        "1E-400",
        "9007199254740993",
        "9223372036854775808",
        "-9223372036854775809",
        "00",
        "+1",
        ".5",
        "1.",
        "0x10",
        "NaN",
        "Infinity",
        "undefined",
        "'x'",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\\x41\"",
        "\"\\u12\"",
        "\"\n\"",
        "\"\\",
        "[1,]",
        "[,]",
        "{\"a\":1,}",
        "{a:1}",
        "[1 2]",
        "tru",
        "nul",
    ];
    let numbers = (1usize..400).prop_map(|digits| "9".repeat(digits));
    let texts = text(40).prop_map(|text| Value::from(text).to_string());
    prop_oneof![6 => select(odd.map(str::to_owned).to_vec()), 1 => numbers, 2 => texts].boxed()
}

/// Strategies for slips: none or a few at a time.
pub(super) fn slips() -> BoxedStrategy<Vec<Slip>> {
    let nth = || 0usize..8;
    let names = select(vec![
        "__proto__",
        "constructor",
        "@type",
        "class",
        "fromId",
        "userId",
        "status",
        "id",
        "",
        "$ref",
        "a.b",
        "a[0]",
    ]);
    let slip = prop_oneof![
        2 => nth().prop_map(Slip::Without),
        5 => (nth(), value()).prop_map(|(nth, value)| Slip::Has(nth, value)),
        2 => (nth(), value()).prop_map(|(nth, value)| Slip::Twice(nth, value)),
        2 => (names.prop_map(str::to_owned), value()).prop_map(|(name, value)| Slip::Also(name, value)),
        1 => (nth(), select(vec![1usize, 10, 100, 600, 2000, 10_000]), any::<bool>())
            .prop_map(|(nth, depth, list)| Slip::Deep(nth, depth, list)),
        2 => (0usize..200).prop_map(Slip::Cut),
        2 => ((0usize..200), select(vec!["\u{0}", "\u{feff}", ",", "}", "]", "\"", "\\", "//x\n", "/**/", "\u{b}", "\u{a0}"]))
            .prop_map(|(at, what)| Slip::Put(at, what.to_owned())),
        1 => value().prop_map(Slip::Only),
        1 => select(vec!["x", "{}", ",", "\u{0}", "null", "   ", "\n\n"]).prop_map(|what| Slip::Behind(what.to_owned())),
    ].boxed();
    // With one alone it is known whether it is right.
    prop_oneof![3 => slip.clone().prop_map(|slip| std::vec![slip]), 2 => vec(slip, 0..3)].boxed()
}

/// Where references stand while text is cut: characters that nobody else uses.
const FIRST: u32 = 0xf_0000;

/// A body of this form with these slips, as a text of the language.
pub(super) fn body(form: &Form, slips: &[Slip]) -> String {
    let whom = form.whom.as_ref().map(|(right, wrong)| if is_wrong(form, slips) { wrong } else { right });
    let with = |name: &str| whom.filter(|_| name == "whom").cloned();
    let mut references = Vec::new();
    let mut json = |value: &Value| match value {
        Value::String(text) => quoted(&fill(text, &with), &mut references),
        other => other.to_string(),
    };
    let mut members: Vec<(String, String)> =
        form.json.iter().map(|(name, value)| (name.clone(), json(value))).collect();
    for slip in slips {
        change(&mut members, slip);
    }
    let members: Vec<String> =
        members.iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
    let mut text = format!("{{{}}}", members.join(","));
    for slip in slips {
        disturb(&mut text, slip);
    }
    let reference = |c: char| references.get((c as u32).wrapping_sub(FIRST) as usize);
    text.chars().map(|c| reference(c).cloned().unwrap_or_else(|| literal(&c.to_string()))).collect()
}

/// Whether it is wrong for sure: not where a lenient reader of JSON might see something right in it.
fn is_wrong(form: &Form, slips: &[Slip]) -> bool {
    let need = |nth: usize| {
        let (name, _) = form.json.get(nth % form.json.len().max(1))?;
        form.needs.iter().find(|(needed, _)| needed == name)
    };
    match slips {
        [Slip::Without(nth)] => need(*nth).is_some(),
        [Slip::Deep(nth, ..)] => need(*nth).is_some(),
        [Slip::Has(nth, value)] => match (need(*nth), serde_json::from_str::<Value>(value)) {
            (None, _) | (_, Err(_)) => false,
            // What is empty or blank may count as not being there.
            (Some((_, Some(right))), Ok(Value::String(text))) => {
                !text.trim().is_empty() && !right.iter().any(|r| r.eq_ignore_ascii_case(text.trim()))
            }
            (Some((_, None)), Ok(Value::String(_))) => false,
            (Some(_), Ok(_)) => true,
        },
        // It ends within its object.
        [Slip::Cut(nth)] => *nth > 0 && *nth < 20,
        _ => false,
    }
}

/// Text as JSON in which every reference is one character.
fn quoted(text: &str, references: &mut Vec<String>) -> String {
    let mut hidden = String::new();
    // A whole reference gives the value as text: `toId: $bob.user`.
    let whole = crate::case::value::reference(text).map(|_| format!("$({})", &text[1..]));
    let mut rest = whole.as_deref().unwrap_or(text);
    while let Some((before, after)) = rest.split_once("$(") {
        let Some((name, behind)) = after.split_once(')') else { break };
        hidden.push_str(before);
        hidden.extend(char::from_u32(FIRST + references.len() as u32));
        references.push(format!("$({name})"));
        rest = behind;
    }
    hidden.push_str(rest);
    Value::from(hidden).to_string()
}

fn change(members: &mut Vec<(String, String)>, slip: &Slip) {
    let count = members.len().max(1);
    match slip {
        Slip::Without(nth) if !members.is_empty() => {
            members.remove(nth % count);
        }
        Slip::Has(nth, value) => {
            if let Some(member) = members.get_mut(nth % count) {
                member.1.clone_from(value);
            }
        }
        Slip::Twice(nth, value) => {
            if let Some((name, _)) = members.get(nth % count).cloned() {
                members.push((name, value.clone()));
            }
        }
        Slip::Also(name, value) => members.push((name.clone(), value.clone())),
        Slip::Deep(nth, depth, list) => {
            let (open, close) = if *list { ("[", "]") } else { ("{\"a\":", "}") };
            if let Some(member) = members.get_mut(nth % count) {
                member.1 = format!("{}{}{}", open.repeat(*depth), member.1, close.repeat(*depth));
            }
        }
        _ => {}
    }
}

fn disturb(text: &mut String, slip: &Slip) {
    let place = |nth: usize| {
        let at = nth % (text.chars().count() + 1);
        text.char_indices().nth(at).map_or(text.len(), |(at, _)| at)
    };
    match slip {
        Slip::Cut(nth) => {
            let at = place(*nth);
            text.truncate(at);
        }
        Slip::Put(nth, what) => {
            let at = place(*nth);
            text.insert_str(at, what);
        }
        Slip::Only(what) => text.clone_from(what),
        Slip::Behind(what) => text.push_str(what),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Form {
        let member = |(name, value): (&str, &str)| (name.to_owned(), Value::from(value));
        let json = [("to", "$bob.user"), ("n", "a $(mark)!")].map(member).to_vec();
        let needs = vec![("n".to_owned(), Some(vec!["RIGHT".to_owned()])), ("to".to_owned(), None)];
        Form { to: "/app".into(), json, needs, whom: None }
    }

    #[test]
    fn only_what_nobody_can_take_for_right_is_wrong_for_sure() {
        for (slip, wrong) in [
            (Slip::Without(0), true),
            (Slip::Has(0, "5".into()), true),
            (Slip::Has(0, "\"odd\"".into()), false),
            (Slip::Has(1, "\"odd\"".into()), true),
            (Slip::Has(1, "\" right\"".into()), false),
            (Slip::Has(1, "NaN".into()), false),
            (Slip::Cut(5), true),
            (Slip::Behind(" ".into()), false),
        ] {
            assert_eq!(is_wrong(&form(), std::slice::from_ref(&slip)), wrong, "{slip:?}");
        }
    }

    #[test]
    fn without_a_slip_it_is_right_and_references_survive_any() {
        assert_eq!(body(&form(), &[]), r#"{"to":"$(bob.user)","n":"a $(mark)!"}"#);
        assert_eq!(body(&form(), &[Slip::Cut(9)]), r#"{"to":"$(bob.user)""#);
        assert_eq!(body(&form(), &[Slip::Put(8, "$".into())]), r#"{"to":"$(bob.user)$$","n":"a $(mark)!"}"#);
        assert_eq!(
            body(&form(), &[Slip::Twice(0, "1".into()), Slip::Without(1)]),
            r#"{"to":"$(bob.user)","to":1}"#
        );
        assert_eq!(body(&form(), &[Slip::Deep(0, 2, true), Slip::Without(1)]), r#"{"to":[["$(bob.user)"]]}"#);
    }
}
