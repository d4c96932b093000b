//! Inputs as a suite: what is tried is what anybody can run again.
//!
//! It relies on the scenario language and on what a dialect says about the fuzzer (docs/language.md 8). Whoever behaves is judged; of
//! who does not, it is asked only that she is served or that her connection has ended.

use std::fmt::Write as _;

use super::Scenario;
use super::input::{Input, Layout, Message};
use super::model;
use super::oddity;
use super::yaml::{Filling, bytes, flow, literal, quoted, scalar, spaced, step};
use crate::case::play::Unruly;
use crate::case::tree::Node;

/// The suite's name, of which the ids of its cases are made.
pub const SUITE: &str = "fuzz/found";

/// One file with a case for each of these, which are of one strategy.
pub fn suite(scenarios: &[Scenario]) -> String {
    let Some(first) = scenarios.first() else { return String::new() };
    let dialect = &first.strategy.dialect.name;
    let mut out = format!("suite: {SUITE}\ntitle: What the fuzzer tried\ndialect: {dialect}\ncases:\n");
    for one in scenarios {
        let play = &one.strategy.dialect.play;
        match (&play.sessions, &play.unruly) {
            (Some(sessions), _) if one.strategy.family == super::Family::Sessions => {
                case(
                    &mut out,
                    &one.name(),
                    &sessions.case,
                    None,
                    &model::steps(&one.strategy, sessions, &one.inputs),
                );
            }
            (_, Some(unruly)) => {
                let steps = among_others(unruly, &one.inputs, one.strategy.message);
                case(&mut out, &one.name(), &unruly.case, Some(&unruly.from), &steps);
            }
            _ => {}
        }
    }
    out
}

/// A case: what the dialect says about it, perhaps with somebody more, and its steps.
fn case(out: &mut String, name: &str, frame: &Node, more: Option<&(String, String)>, steps: &[String]) {
    let _ = writeln!(out, "  - id: {name}");
    for (key, value) in frame.map().unwrap_or_default() {
        let (key, nothing) = (key.name.as_str(), |_: &str| None);
        match (key, value.list(), more) {
            ("cast", _, Some((who, state))) => {
                let text = flow(value, &nothing);
                let _ = writeln!(out, "    cast: {}, {who}: {state} }}", text.trim_end_matches(" }"));
            }
            ("given", Some(given), _) => {
                let given: Vec<String> = given.iter().map(|node| step(node, &nothing)).collect();
                listed(out, "given", &given);
            }
            _ => {
                let _ = writeln!(out, "    {key}: {}", flow(value, &nothing));
            }
        }
    }
    listed(out, "steps", steps);
}

fn listed(out: &mut String, key: &str, steps: &[String]) {
    let _ = writeln!(out, "    {key}:");
    for step in steps {
        let _ = writeln!(out, "      - {step}");
    }
}

/// Somebody who sends what she should not, and what the others say to each other in between.
fn among_others(unruly: &Unruly, inputs: &[Input], most: usize) -> Vec<String> {
    let (mut steps, mut sent, mut acted) = (Vec::new(), Vec::new(), false);
    for input in inputs {
        match input {
            Input::Messages { layout, messages } => {
                said(unruly, (layout, most), messages, &mut sent, &mut steps);
            }
            Input::Harmless { nth, text } => {
                let number = steps.len();
                let fillings = |name: &str| match name {
                    "text" => Some(Filling::Text(literal(text))),
                    "nth" => Some(Filling::Text(number.to_string())),
                    _ => None,
                };
                let part = unruly.harmless.get(*nth);
                acted = true;
                steps.extend(part.iter().flat_map(|p| &p.steps).map(|node| step(node, &fillings)));
            }
            Input::Deed { .. } => {}
            _ => {
                if acted {
                    // Where her connection has ended, she has a new one.
                    steps.push(format!("{}: {{ become: {} }}", unruly.from.0, unruly.from.1));
                }
                acted = true;
                misdone(unruly, input, &mut steps);
            }
        }
    }
    let all: Vec<String> = (1..=sent.len()).map(|nth| format!("$m{nth}")).collect();
    let all = |name: &str| (name == "sent").then(|| Filling::Yaml(all.join(", ")));
    steps.extend(unruly.audit.iter().map(|node| step(node, &all)));
    for (at, headers) in sent.iter().enumerate().filter(|(_, headers)| *headers != "{}") {
        let fillings = |name: &str| match name {
            "nth" => Some(Filling::Text((at + 1).to_string())),
            "headers" => Some(Filling::Yaml(headers.clone())),
            _ => None,
        };
        steps.extend(unruly.check.iter().map(|node| step(node, &fillings)));
    }
    steps
}

/// What the others say, in a layout of its own.
fn said(
    unruly: &Unruly,
    (layout, most): (&Layout, usize),
    messages: &[Message],
    sent: &mut Vec<String>,
    steps: &mut Vec<String>,
) {
    let speaker = unruly.send.first().and_then(|step| step.map()?.first()).map(|(key, _)| key.name.clone());
    let longest = messages.iter().map(|message| message.body.len()).max().unwrap_or_default();
    let wire = speaker.zip(layout.wire(messages.len() * unruly.send.len(), longest, most));
    steps.extend(wire.iter().map(|(who, wire)| format!("{who}: {{ wire: {wire} }}")));
    for Message { headers, body } in messages {
        let (name, headers) = (format!("m{}", sent.len() + 1), map(headers));
        let fillings = |placeholder: &str| match placeholder {
            "m" => Some(Filling::Text(name.clone())),
            "body" => Some(Filling::Text(format!("{} $(fresh)", literal(body)))),
            "headers" => Some(Filling::Yaml(headers.clone())),
            _ => None,
        };
        steps.extend(unruly.send.iter().map(|node| step(node, &fillings)));
        sent.push(headers.clone());
    }
    steps.extend(wire.iter().map(|(who, _)| format!("{who}: {{ wire: plain }}")));
}

/// What somebody sends who should not, and whether she is served afterwards; a connection on which something is left unfinished is given
/// up.
fn misdone(unruly: &Unruly, input: &Input, steps: &mut Vec<String>) {
    let from = &unruly.from.0;
    let by = |name: &str| (name == "from").then(|| Filling::Text(from.clone()));
    let mut unfinished = false;
    match input {
        Input::Octets { octets } => {
            // What is for nobody in particular is not for those of other scenarios.
            let own = bytes(octets).replace("/topic/fuzz", "/topic/$(mark)");
            steps.push(format!("{from}: {{ bytes: {own} }}"));
            if oddity::is_unfinished(octets) {
                // Silence is legal while a frame is not whole: it is completed before anything is expected.
                steps.push(format!("{from}: {{ bytes: {} }}", bytes(oddity::TAIL)));
                unfinished = oddity::is_unfinished(&[octets, oddity::TAIL].concat());
            }
        }
        Input::Beneath { octets } => {
            steps.push(format!("{from}: {{ ws: {{ raw: \"{}\" }} }}", spaced(octets)));
            unfinished = oddity::is_unfinished_beneath(octets);
        }
        Input::Body { form, slips } => {
            let Some(form) = unruly.forms.get(*form) else { return };
            let body = super::body::body(form, slips);
            let fillings = |placeholder: &str| match placeholder {
                "to" => Some(Filling::Text(form.to.clone())),
                "body" => Some(Filling::Text(body.clone())),
                _ => by(placeholder),
            };
            steps.extend(unruly.submit.iter().map(|node| step(node, &fillings)));
        }
        Input::Intrusion { nth, text } => {
            let fillings = |placeholder: &str| match placeholder {
                "body" => Some(Filling::Text(format!("{} $(fresh)", literal(text)))),
                _ => by(placeholder),
            };
            steps.extend(unruly.intrusions.get(*nth).map(|node| step(node, &fillings)));
        }
        Input::Messages { .. } | Input::Harmless { .. } | Input::Deed { .. } => {}
    }
    match unfinished {
        true => steps.push(format!("{from}: {{ cut: reset }}")),
        false => steps.extend(unruly.served.iter().map(|node| step(node, &by))),
    }
}

/// Headers as a map.
fn map(headers: &[(String, String)]) -> String {
    let text = |text: &str| scalar(&literal(text));
    let headers: Vec<String> =
        headers.iter().map(|(name, value)| format!("{}: {}", quoted(&literal(name)), text(value))).collect();
    if headers.is_empty() { "{}".into() } else { format!("{{ {} }}", headers.join(", ")) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::case::diagnostic::Source;
    use crate::case::library::Library;
    use crate::fuzz::{Family, Strategy};

    #[test]
    fn whatever_is_tried_is_a_sound_suite() {
        let mut library = Library::embedded();
        let profile = library.profiles["reference"].clone();
        let strategies = Strategy::all(&Family::ALL, &library, &profile);
        let words: Vec<String> = strategies.iter().map(Strategy::word).collect();
        assert!(
            words.iter().any(|w| w == "im-bodies") && words.iter().any(|w| w == "stomp-sessions"),
            "{words:?}"
        );
        for strategy in strategies {
            let mut runner = TestRunner::new(ProptestConfig {
                cases: 60,
                failure_persistence: None,
                ..Default::default()
            });
            let library = std::cell::RefCell::new(&mut library);
            runner
                .run(&strategy.inputs(), |inputs| {
                    let text = suite(&[Scenario { strategy: strategy.clone(), number: 0, inputs }]);
                    let mut library = library.borrow_mut();
                    library.only(&Source::new("fuzz.yaml", &text));
                    let found: Vec<String> = library.found.iter().map(|d| d.render(false)).collect();
                    prop_assert!(library.is_sound(), "{}\n{text}", found.join("\n"));
                    prop_assert_eq!(library.scripts.len(), 1);
                    Ok(())
                })
                .unwrap();
        }
    }
}
