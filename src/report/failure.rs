//! What there is to say of a case that did not simply pass: the same fields in every report, each laid out in its way.
//!
//! It relies on briefs and on the catalogue. It shortens nothing and escapes nothing: that is for who writes it down.

use super::collect::{Brief, Broken};
use crate::case::catalogue::Catalogue;

/// Names and values, those without a value left out. With a catalogue the clause is followed by its text.
pub(super) fn fields(brief: &Brief, catalogue: Option<&Catalogue>) -> Vec<(&'static str, String)> {
    let mut fields = match (&brief.clause, &brief.broken) {
        (Some((clause, level)), Some(broken)) => {
            let text = catalogue.and_then(|all| all.get(clause)).map_or("", |r| r.text.as_str());
            let premise = "a premise of the case broke; what the case itself is about was not judged";
            vec![
                ("clause", format!("{clause} ({}) {text}", level.word()).trim_end().to_owned()),
                ("expected", broken.expected.clone()),
                ("came", broken.got.clone()),
                ("where", place(broken)),
                ("note", if brief.breaks_a_premise() { premise.to_owned() } else { String::new() }),
            ]
        }
        _ => vec![("reason", brief.reason.clone()), ("where", brief.place.to_string())],
    };
    fields.push(("catches", brief.why.clone().unwrap_or_default()));
    fields.retain(|(_, value)| !value.is_empty());
    fields
}

/// Where it broke: in which line, on which connection.
fn place(broken: &Broken) -> String {
    if broken.on.is_empty() {
        broken.place.to_string()
    } else {
        format!("{}, on {}", broken.place, broken.on)
    }
}

/// What was expected and what came, without the ids and numbers in it: what has one cause comes to the same.
pub fn way(expected: &str, got: &str) -> String {
    let text = without_secrets(&format!("{expected}\n{got}"));
    let mut out = String::with_capacity(text.len());
    let within = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    for word in text.split_inclusive(|c: char| !within(c)) {
        let bare = word.trim_end_matches(|c: char| !within(c));
        let (name, rest) = word.split_at(bare.len());
        out.push_str(if name.contains(|c: char| c.is_ascii_digit()) { "#" } else { name });
        out.push_str(rest);
    }
    out
}

/// Names of secrets differ by who has them.
fn without_secrets(text: &str) -> String {
    let mut parts = text.split('«');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| format!("{out}«»{}", part.split_once('»').map_or(part, |(_, rest)| rest)))
}
