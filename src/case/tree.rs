//! YAML as a tree that keeps its positions.
//!
//! It relies on serde-saphyr, which is known here and nowhere else, and raises the errors that YAML's traps deserve
//! (docs/language.md 1). It never guesses a type: what is written as a number stays one.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::Spanned;

use super::diagnostic::{Diagnostic, Source, Span};

/// A value with its place in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub tree: Tree,
    /// Where it stands.
    pub at: Span,
}

/// A value as YAML 1.2 reads it.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// `null`, `~`, or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file.
    Map(Vec<(Key, Node)>),
}

/// A key with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// The key.
    pub name: String,
    /// Where it stands.
    pub at: Span,
}

/// Any value.
impl schemars::JsonSchema for Node {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Value".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        true.into()
    }
}

impl Node {
    /// The text, where it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.tree {
            Tree::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The entries, where it is a map.
    pub fn map(&self) -> Option<&[(Key, Node)]> {
        match &self.tree {
            Tree::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items, where it is a list.
    pub fn list(&self) -> Option<&[Node]> {
        match &self.tree {
            Tree::List(items) => Some(items),
            _ => None,
        }
    }

    /// The member of this name, where it is a map.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.map()?.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    /// What it is, in words.
    pub fn kind(&self) -> &'static str {
        match self.tree {
            Tree::Null => "nothing",
            Tree::Bool(_) => "a boolean",
            Tree::Int(_) | Tree::Float(_) => "a number",
            Tree::Text(_) => "text",
            Tree::List(_) => "a list",
            Tree::Map(_) => "a map",
        }
    }

    /// The same without positions.
    pub fn value(&self) -> Value {
        match &self.tree {
            Tree::Null => Value::Null,
            Tree::Bool(b) => Value::Bool(*b),
            Tree::Int(i) => Value::from(*i),
            Tree::Float(f) => Value::from(*f),
            Tree::Text(text) => Value::String(text.clone()),
            Tree::List(items) => Value::Array(items.iter().map(Node::value).collect()),
            Tree::Map(entries) => {
                Value::Object(entries.iter().map(|(key, node)| (key.name.clone(), node.value())).collect())
            }
        }
    }

    /// Every node, this one first.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Node)) {
        visit(self);
        match &self.tree {
            Tree::List(items) => items.iter().for_each(|item| item.walk(visit)),
            Tree::Map(entries) => entries.iter().for_each(|(_, node)| node.walk(visit)),
            _ => {}
        }
    }
}

/// Reads a file.
///
/// # Errors
/// Everything that is wrong with it as YAML: the first error of syntax, or else every trap that was stepped into.
pub fn load(source: &Source) -> Result<Node, Vec<Diagnostic>> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    };
    let raw: Spanned<Raw> = match serde_saphyr::from_str_with_options(&source.text, options) {
        Ok(raw) => raw,
        Err(error) => return Err(vec![syntax(source, &error)]),
    };
    let node = convert(raw);
    let mut found = Vec::new();
    node.walk(&mut |node| found.extend(trap(source, node)));
    if found.is_empty() { Ok(node) } else { Err(found) }
}

fn syntax(source: &Source, error: &serde_saphyr::Error) -> Diagnostic {
    let at = error.location().map_or(Span::default(), |l| {
        let (line, column) = (l.line() as u32, l.column() as u32);
        Span { line, column, start: source.offset(line, column), len: 1 }
    });
    let text = error.to_string();
    let what =
        text.lines().next().unwrap_or_default().trim_end_matches(|c: char| c == '.' || c.is_whitespace());
    // The library repeats the position that the snippet shows.
    let what = what.split(" at line ").next().unwrap_or(what).trim_start_matches("error: ");
    let found = Diagnostic::error(source, at, format!("this is no valid YAML: {what}"));
    match source.text[at.start..].chars().next() {
        Some('%' | '@' | '*' | '&' | '!' | '`') => found.help("quote text that begins with this character"),
        Some('{') => found.help("a reference is written $name, or $(name) within text, never ${name}"),
        _ => found,
    }
}

/// What YAML reads otherwise than its writer may think (docs/language.md 1).
fn trap(source: &Source, node: &Node) -> Option<Diagnostic> {
    let written = source.text.get(node.at.start..node.at.start + node.at.len).unwrap_or_default().trim();
    match &node.tree {
        Tree::Text(text)
            if matches!(text.to_ascii_lowercase().as_str(), "yes" | "no" | "on" | "off")
                && !written.starts_with(['"', '\'', '|', '>']) =>
        {
            let what = format!("`{text}` is text in YAML 1.2 and a boolean in 1.1");
            Some(Diagnostic::error(source, node.at, what).help(format!("write true or false, or \"{text}\"")))
        }
        Tree::Float(_) if written.trim_start_matches(['+', '-']).bytes().all(|b| b.is_ascii_digit()) => Some(
            Diagnostic::error(source, node.at, "an integer beyond 64 bits").help("quote it if text is meant"),
        ),
        Tree::Map(entries) => entries.iter().find(|(key, _)| key.name.is_empty()).map(|(key, _)| {
            Diagnostic::error(source, key.at, "a map with an empty key").help("quote it if text is meant")
        }),
        _ => None,
    }
}

/// What serde-saphyr gives.
enum Raw {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

fn convert(raw: Spanned<Raw>) -> Node {
    let at = place(&raw.referenced);
    let tree = match raw.value {
        Raw::Null => Tree::Null,
        Raw::Bool(b) => Tree::Bool(b),
        Raw::Int(i) => Tree::Int(i),
        Raw::Float(f) => Tree::Float(f),
        Raw::Text(text) => Tree::Text(text),
        Raw::List(items) => Tree::List(items.into_iter().map(convert).collect()),
        Raw::Map(entries) => Tree::Map(
            entries
                .into_iter()
                .map(|(key, node)| {
                    let at = place(&key.referenced);
                    (Key { name: key.value, at }, convert(node))
                })
                .collect(),
        ),
    };
    Node { tree, at }
}

fn place(location: &serde_saphyr::Location) -> Span {
    let span = location.span();
    Span {
        line: location.line() as u32,
        column: location.column() as u32,
        start: span.byte_offset().unwrap_or_default() as usize,
        len: span.byte_len().unwrap_or_default() as usize,
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        // Beyond i64 it is no integer of ours; the trap for such numbers reads the text.
        Ok(i64::try_from(value).map_or(Raw::Float(value as f64), Raw::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Float(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> Vec<String> {
        match load(&Source::new("t.yaml", text)) {
            Ok(node) => panic!("no error in {node:?}"),
            Err(found) => {
                found.into_iter().map(|d| format!("{}:{} {}", d.at.line, d.at.column, d.what)).collect()
            }
        }
    }

    #[test]
    fn values_keep_their_types_and_places() {
        let text = "a: [1, 1.5, true, ~, 007, 1_000, 1:20, 2026-11-23, \"no\", '1']\nb:\n  c: x\n";
        let node = load(&Source::new("t.yaml", text)).unwrap();
        let json = node.value().to_string();
        assert_eq!(
            json,
            r#"{"a":[1,1.5,true,null,"007","1_000","1:20","2026-11-23","no","1"],"b":{"c":"x"}}"#
        );
        let c = node.get("b").and_then(|b| b.get("c")).unwrap();
        assert_eq!((c.at.line, c.at.column, &text[c.at.start..c.at.start + c.at.len]), (3, 6, "x"));
    }

    #[test]
    fn every_trap_is_an_error_and_all_are_told() {
        assert_eq!(
            errors("a: no\nb: [On, off]\n"),
            [
                "1:4 `no` is text in YAML 1.2 and a boolean in 1.1",
                "2:5 `On` is text in YAML 1.2 and a boolean in 1.1",
                "2:9 `off` is text in YAML 1.2 and a boolean in 1.1",
            ]
        );
        assert_eq!(errors("a: 123456789012345678901234567890\n"), ["1:4 an integer beyond 64 bits"]);
        assert!(errors("a: .inf\n")[0].starts_with("1:4 "));
    }

    #[test]
    fn broken_yaml_is_told_with_its_place() {
        for (text, place) in [("a: 1\na: 2\n", "2:1"), ("a: { b: ${x} }\n", "1:10"), ("a: [1\n", "1:4")] {
            let found = errors(text);
            assert!(found[0].starts_with(place), "{text:?}: {found:?}");
        }
    }
}
