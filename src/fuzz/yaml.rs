//! Writing YAML: text in quotes where it needs them, and pieces of a dialect with their placeholders filled in.
//!
//! It relies on the tree that dialects are read into. What stands behind a placeholder is never looked at again: chance must not write
//! references or placeholders of its own.

use std::fmt::Write as _;

use crate::case::play::fill;
use crate::case::tree::{Node, Tree};

/// What stands behind a placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filling {
    /// Text, in which references count.
    Text(String),
    /// YAML as it is; nothing at all, where it is empty.
    Yaml(String),
}

/// What stands behind which placeholder.
pub(super) type Fillings<'f> = &'f dyn Fn(&str) -> Option<Filling>;

/// A piece of a dialect on one line.
pub(super) fn flow(node: &Node, fillings: Fillings<'_>) -> String {
    match &node.tree {
        Tree::Null => "null".into(),
        Tree::Bool(b) => b.to_string(),
        Tree::Int(i) => i.to_string(),
        Tree::Float(f) => f.to_string(),
        Tree::Text(text) => filled(text, fillings),
        Tree::List(items) => {
            let items = items.iter().map(|item| flow(item, fillings)).filter(|item| !item.is_empty());
            bracketed("[", items.collect(), "]")
        }
        Tree::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| entry(&key.name, value, fillings));
            bracketed("{", entries.collect(), "}")
        }
    }
}

fn entry(key: &str, value: &Node, fillings: Fillings<'_>) -> String {
    format!("{}: {}", filled(key, fillings), flow(value, fillings))
}

fn bracketed(open: &str, items: Vec<String>, close: &str) -> String {
    if items.is_empty() { format!("{open}{close}") } else { format!("{open} {} {close}", items.join(", ")) }
}

/// A step in a list of steps: a map of one entry, without its braces.
pub(super) fn step(node: &Node, fillings: Fillings<'_>) -> String {
    match node.map() {
        Some([(key, value)]) => entry(&key.name, value, fillings),
        _ => flow(node, fillings),
    }
}

fn filled(text: &str, fillings: Fillings<'_>) -> String {
    let whole = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).and_then(fillings);
    if let Some(Filling::Yaml(yaml)) = whole {
        return yaml;
    }
    scalar(&fill(text, &|name| match fillings(name)? {
        Filling::Text(text) | Filling::Yaml(text) => Some(text),
    }))
}

/// Text, in quotes unless it is nothing else to anybody who reads YAML.
pub(super) fn scalar(text: &str) -> String {
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '$' || c == '/');
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./$() ".contains(c);
    let word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let taken = word.contains(&text.to_ascii_lowercase().as_str());
    match first && text.chars().all(plain) && !text.ends_with(' ') && !taken {
        true => text.to_owned(),
        false => quoted(text),
    }
}

/// Text in which nothing is a reference.
pub(super) fn literal(text: &str) -> String {
    text.replace('$', "$$")
}

/// Text in double quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
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
    out.push('"');
    out
}

/// Octets for `bytes:`, as text where that can be read.
pub(super) fn bytes(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) if text.chars().filter(|c| c.is_control()).count() * 4 <= text.chars().count() + 16 => {
            quoted(&literal(text))
        }
        _ => format!("{{ hex: \"{}\" }}", spaced(octets)),
    }
}

/// Octets in hexadecimal.
pub(super) fn spaced(octets: &[u8]) -> String {
    octets.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::case::diagnostic::Source;
    use crate::case::tree::load;

    fn read(text: &str) -> Node {
        load(&Source::new("t.yaml", text)).unwrap()
    }

    #[test]
    fn what_stands_behind_a_placeholder_is_not_looked_at_again() {
        let node =
            read("<me>: { send: { to: $<m>, body: <text> $(fresh), seen: [ <sent>, 1, true ], h: <h> } }");
        let fillings = |name: &str| match name {
            "text" => Some(Filling::Text("<me> \"$$".into())),
            "h" => Some(Filling::Yaml("{ a: b }".into())),
            "sent" => Some(Filling::Yaml(String::new())),
            _ => Some(Filling::Text(name.into())),
        };
        let said = r#"me: { send: { to: $m, body: "<me> \"$$ $(fresh)", seen: [ 1, true ], h: { a: b } } }"#;
        assert_eq!(step(&node, &fillings), said);
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_it_was_written(text in any::<String>()) {
            let node = read(&format!("a: {}\nb: [ {} ]\n", scalar(&text), scalar(&text)));
            prop_assert_eq!(node.get("a").and_then(Node::text), Some(&*text));
            prop_assert_eq!(node.get("b").and_then(Node::list).and_then(|l| l[0].text()), Some(&*text));
        }
    }
}
