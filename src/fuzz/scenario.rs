//! Inputs as a suite of one case: what is tried is what anybody can run again.
//!
//! It relies on the scenario language (docs/language.md) and on the dialect `stomp` alone. Bob listens; Alice sends what is valid and
//! must arrive; each of Eve's connections sends something unruly. At the end a new pair of messages shows that nobody else was harmed.

use std::fmt::Write as _;

use super::input::Input;

/// The suite's name, of which the ids of its cases are made.
pub const SUITE: &str = "fuzz/found";

/// One file with a case for each of these.
pub fn suite(cases: &[(String, &[Input])]) -> String {
    let mut out = format!("suite: {SUITE}\ntitle: What the fuzzer tried\ndialect: stomp\ncases:\n");
    for (name, inputs) in cases {
        case(&mut out, name, inputs);
    }
    out
}

fn case(out: &mut String, name: &str, inputs: &[Input]) {
    let unruly = inputs.iter().filter(|input| !matches!(input, Input::Message { .. })).count();
    let eves: String = (1..=unruly).map(|n| format!(", eve/{n}: connected")).collect();
    let mut line = |depth: usize, text: &str| {
        let _ = writeln!(out, "{}{text}", "  ".repeat(depth));
    };
    line(1, &format!("- id: {name}"));
    line(2, "title: Whatever one client sends, what others send each other arrives as it was sent");
    line(2, "requirements: [ STOMP12-SUB-02 ]");
    line(2, "let: { d: /topic/$(fresh) }");
    line(2, &format!("cast: {{ alice: connected, bob: connected{eves} }}"));
    line(2, "given:");
    line(3, "- bob: { subscribe: { destination: $d } }");
    line(2, "steps:");
    let (mut eve, mut sent) = (0, Vec::new());
    for input in inputs {
        match input {
            Input::Message { headers, body } => {
                let nth = sent.len() + 1;
                let with: Vec<String> = headers
                    .iter()
                    .map(|(name, value)| format!("{}: {}", quoted(name), quoted(value)))
                    .collect();
                let body = quoted_with(body, " $(fresh)");
                line(
                    3,
                    &format!(
                        "- alice: {{ send: {{ to: $d, body: {body}, headers: {{ {} }} }}, as: m{nth} }}",
                        with.join(", ")
                    ),
                );
                sent.push(with);
            }
            Input::Octets { octets } => {
                eve += 1;
                line(3, &format!("- eve/{eve}: {{ bytes: {} }}", bytes(octets)));
                // Silence is legal while a frame is not whole: it is completed before anything is expected.
                line(3, &format!("- eve/{eve}: {{ bytes: \"\\n\\n\\0\\n\" }}"));
                line(3, &format!("- eve/{eve}: {{ heard: {{}} }}"));
            }
            Input::Beneath { octets } => {
                eve += 1;
                line(3, &format!("- eve/{eve}: {{ ws: {{ raw: \"{}\" }} }}", spaced(octets)));
            }
        }
    }
    line(3, "- alice: { send: { to: $d }, as: last }");
    let all: Vec<String> = (1..=sent.len()).map(|nth| format!("$m{nth}")).chain(["$last".into()]).collect();
    line(3, &format!("- bob: {{ receive: {{ exactly: [ {} ] }}, as: seen }}", all.join(", ")));
    for (at, with) in sent.iter().enumerate().filter(|(_, with)| !with.is_empty()) {
        line(
            3,
            &format!(
                "- check: {{ $seen.{}.headers: {{ {} }}, clause: STOMP12-MSG-04 }}",
                at + 1,
                with.join(", ")
            ),
        );
    }
}

/// Octets for `bytes:`, as text where that can be read.
fn bytes(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) if text.chars().filter(|c| c.is_control()).count() * 4 <= text.chars().count() + 16 => {
            quoted(text)
        }
        _ => format!("{{ hex: \"{}\" }}", spaced(octets)),
    }
}

fn spaced(octets: &[u8]) -> String {
    octets.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ")
}

/// Text in double quotes, in which nothing is a reference.
fn quoted(text: &str) -> String {
    quoted_with(text, "")
}

fn quoted_with(text: &str, behind: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '$' => out.push_str("$$"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // YAML 1.2, 5.1: what is not printable is escaped.
            c if c.is_control() => {
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c if c as u32 & 0xfffe == 0xfffe => {
                let _ = write!(out, "\\U{:08x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push_str(behind);
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::case::diagnostic::Source;
    use crate::case::library::Library;
    use crate::fuzz::Family;

    #[test]
    fn whatever_is_tried_is_a_sound_suite() {
        let mut library = Library::embedded();
        let all = Family::ALL.map(|s| s.inputs().boxed());
        let any = proptest::strategy::Union::new(all);
        let mut runner =
            proptest::test_runner::TestRunner::new(ProptestConfig { cases: 200, ..Default::default() });
        let library = std::cell::RefCell::new(&mut library);
        runner
            .run(&any, |inputs| {
                let text = suite(&[("x".to_owned(), &inputs)]);
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
