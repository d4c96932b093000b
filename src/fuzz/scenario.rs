//! Inputs as a suite of one case: what is tried is what anybody can run again.
//!
//! It relies on the scenario language (docs/language.md) and on the dialect `stomp` alone. Bob listens; Alice sends what is valid and
//! must arrive; each of Eve's connections sends something unruly. At the end a new pair of messages shows that nobody else was harmed.

use std::fmt::Write as _;

use super::input::{Deed, Input, TOPICS, USERS};

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
    if inputs.iter().any(|input| matches!(input, Input::Deed { .. })) {
        return session(out, name, inputs);
    }
    let unruly =
        inputs.iter().filter(|input| matches!(input, Input::Octets { .. } | Input::Beneath { .. })).count();
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
            Input::Deed { .. } => {}
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

/// What the model knows of a user.
#[derive(Debug, Clone, Default)]
struct User {
    here: bool,
    /// The name of the subscription to each destination.
    subscribed: [Option<String>; TOPICS],
}

/// Deeds of several users, step by step: whoever must receive a message does so before anything else is done, so that nothing depends on
/// who is quicker; what nobody must receive is looked for at the end.
fn session(out: &mut String, name: &str, inputs: &[Input]) {
    let mut users = vec![User { here: true, ..User::default() }; USERS.len()];
    let mut steps = Vec::new();
    for (at, input) in inputs.iter().enumerate() {
        if let Input::Deed { who, deed } = input {
            done(&mut users, *who, deed, at + 1, &mut steps);
        }
    }
    let present = |(user, who): (&User, &&str)| user.here.then(|| (*who).to_owned());
    let here: Vec<String> = users.iter().zip(&USERS).filter_map(present).collect();
    // Somebody has to be told something, or nothing would be judged.
    let _ = writeln!(out, "  - id: {name}");
    let topics: Vec<String> = (1..=TOPICS).map(|n| format!("t{n}: /topic/$(fresh)")).collect();
    let cast: Vec<String> =
        USERS.iter().map(|who| format!("{who}: connected")).chain(["dora: connected".into()]).collect();
    for line in [
        "title: Who is subscribed when a message is sent receives it once, and nobody else does".to_owned(),
        "requirements: [ STOMP12-SUB-02 ]".to_owned(),
        format!("let: {{ d: /topic/$(fresh), {} }}", topics.join(", ")),
        format!("cast: {{ {} }}", cast.join(", ")),
        "given:".to_owned(),
        "  - dora: { subscribe: { destination: $d } }".to_owned(),
        "steps:".to_owned(),
    ] {
        let _ = writeln!(out, "    {line}");
    }
    steps.push("dora: { send: { to: $d }, as: last }".into());
    steps.push("dora: { receive: { exactly: [ $last ] } }".into());
    steps.extend(here.iter().map(|who| format!("{who}: {{ receive: nothing }}")));
    for step in steps {
        let _ = writeln!(out, "      - {step}");
    }
}

/// What a deed comes to, by the model.
fn done(users: &mut [User], who: usize, deed: &Deed, nth: usize, steps: &mut Vec<String>) {
    let (name, user) = (USERS[who], &mut users[who]);
    match deed {
        Deed::Return if !user.here => {
            user.here = true;
            steps.push(format!("{name}: {{ become: connected }}"));
        }
        _ if !user.here => {}
        Deed::Subscribe(topic) if user.subscribed[*topic].is_none() => {
            user.subscribed[*topic] = Some(format!("s{nth}"));
            // Clients count their subscriptions: the same ids in every session.
            let n = topic + 1;
            steps.push(format!("{name}: {{ subscribe: {{ destination: $t{n}, id: sub-{n} }}, as: s{nth} }}"));
        }
        Deed::Unsubscribe(topic) => {
            if let Some(subscription) = user.subscribed[*topic].take() {
                steps.push(format!("{name}: {{ unsubscribe: {{ id: ${subscription}.id }} }}"));
            }
        }
        Deed::Send(topic, text) => {
            let body = quoted_with(text, " $(fresh)");
            steps.push(format!("{name}: {{ send: {{ to: $t{}, body: {body} }}, as: m{nth} }}", topic + 1));
            let before = steps.len();
            let listening = |(user, _): &(&User, &&str)| user.here && user.subscribed[*topic].is_some();
            let receive = |(_, name): (&User, &&str)| format!("{name}: {{ receive: $m{nth} }}");
            steps.extend(users.iter().zip(&USERS).filter(listening).map(receive));
            if steps.len() == before {
                // Nobody shows that it has been worked off, and whoever subscribes next might still receive it.
                steps.push(format!("{name}: {{ settle: destination }}"));
            }
        }
        Deed::Leave | Deed::Vanish => {
            *user = User::default();
            let how = if *deed == Deed::Leave { "become: away" } else { "cut: reset" };
            steps.push(format!("{name}: {{ {how} }}"));
        }
        Deed::Subscribe(_) | Deed::Return => {}
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
