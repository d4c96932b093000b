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
