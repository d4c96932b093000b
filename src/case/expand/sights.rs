//! What is waited for, resolved: the forms of seeing, events, and the dialect's sights.
//!
//! It relies on the dialect's sights. A header that is no text is an error here, before anything is sent.

use serde_json::{Map, Value};

use super::super::dialect::SightDef;
use super::super::reader::Reader;
use super::super::script::{Pattern, Patterns, See, Sight};
use super::super::tree::{Key, Node, Tree};
use super::super::value::reference;
use super::{EVENTS, Expander, FORMS, WORDS};

impl Expander<'_> {
    pub(super) fn see(&mut self, def: &SightDef, arg: &Node, in_dialect: bool) -> See {
        if arg.text() == Some("nothing") {
            return See::Nothing(self.sight(def, None, in_dialect));
        }
        let Some([(form, value)]) = arg.map() else {
            return See::One(self.sight(def, Some(arg), in_dialect));
        };
        if !FORMS.contains(&form.name.as_str()) {
            return See::One(self.sight(def, Some(arg), in_dialect));
        }
        match form.name.as_str() {
            "nothing" => return See::Nothing(self.sight(def, Some(value), in_dialect)),
            "every" => return See::Every(self.sight(def, Some(value), in_dialect)),
            _ => {}
        }
        let patterns = match (value.list(), value.text().and_then(reference)) {
            (Some(items), _) => {
                Patterns::Each(items.iter().map(|n| self.sight(def, Some(n), in_dialect)).collect())
            }
            (None, Some(_)) => match self.sight(def, None, in_dialect) {
                Pattern::Sight(sight) => Patterns::Of(sight, value.text().unwrap_or_default().to_owned()),
                _ => Patterns::Each(Vec::new()),
            },
            _ => {
                let what = format!("`{}` takes a list, or a reference to one", form.name);
                self.notes(in_dialect).error(value.at, what);
                Patterns::Each(Vec::new())
            }
        };
        listed(&form.name, patterns)
    }

    pub(super) fn expect(&mut self, arg: &Node, in_dialect: bool) -> See {
        let fallback = Pattern::Opened;
        let Some([(form, value)]) = arg.map() else {
            return See::One(self.event(arg, in_dialect).unwrap_or(fallback));
        };
        match form.name.as_str() {
            "nothing" => See::Nothing(self.event(value, in_dialect).unwrap_or(fallback)),
            "every" => See::Every(self.event(value, in_dialect).unwrap_or(fallback)),
            "one-of" => {
                let entries = self.notes(in_dialect).entries(value, "`one-of`").to_vec();
                let alternatives = entries.iter().map(|(name, events)| {
                    let items = self.notes(in_dialect).items(events, "an alternative").to_vec();
                    let events = items.iter().filter_map(|n| self.event(n, in_dialect)).collect();
                    (name.name.clone(), events)
                });
                See::OneOf(alternatives.collect())
            }
            "in-order" | "any-order" | "exactly" => {
                let items = self.notes(in_dialect).items(value, "a list of events").to_vec();
                let patterns = items.iter().filter_map(|n| self.event(n, in_dialect)).collect();
                listed(&form.name, Patterns::Each(patterns))
            }
            _ => See::One(self.event(arg, in_dialect).unwrap_or(fallback)),
        }
    }

    /// An event: a word, or one key with what it must be like (docs/language.md 4).
    pub fn event(&mut self, node: &Node, in_dialect: bool) -> Option<Pattern> {
        let dialect = self.dialect;
        let anything = || Value::Object(Map::new());
        if let Some(word) = node.text() {
            return match (word, dialect.sight(word)) {
                ("opened", _) => Some(Pattern::Opened),
                ("closed", _) => Some(Pattern::Closed(anything())),
                ("beat", _) => Some(Pattern::Beat),
                ("exited", _) => Some(Pattern::Exited(anything())),
                (_, Some(sight)) => Some(self.sight(sight, None, in_dialect)),
                (_, None) => {
                    let mut words: Vec<&str> = WORDS.to_vec();
                    words.extend(dialect.sights.iter().map(|s| s.name.name.as_str()));
                    self.notes(in_dialect).unknown("event", word, node.at, words);
                    None
                }
            };
        }
        let [(key, value)] =
            self.notes(in_dialect).entries(node, "an event").to_vec().try_into().ok().or_else(
                || -> Option<[(Key, Node); 1]> {
                    self.notes(in_dialect).error(node.at, "an event has one key");
                    None
                },
            )?;
        match (key.name.as_str(), dialect.sight(&key.name)) {
            ("frame", _) => {
                self.frame_shape(&value, in_dialect);
                Some(Pattern::Frame(frame_value(&value)))
            }
            ("http", _) => Some(Pattern::Http(value.value())),
            ("request", _) => Some(Pattern::Request(value.value())),
            ("told", _) => Some(Pattern::Told(value.value())),
            ("exited", _) => Some(Pattern::Exited(value.value())),
            ("closed", _) => Some(Pattern::Closed(value.value())),
            ("ws", _) => Some(Pattern::Ws(value.value())),
            ("malformed", _) => Some(Pattern::Malformed(value.value())),
            (_, Some(sight)) => Some(self.sight(sight, Some(&value), in_dialect)),
            (_, None) => {
                let mut words: Vec<&str> = EVENTS.to_vec();
                words.extend(dialect.sights.iter().map(|s| s.name.name.as_str()));
                self.notes(in_dialect).unknown("event", &key.name, key.at, words);
                None
            }
        }
    }

    fn sight(&mut self, def: &SightDef, it: Option<&Node>, in_dialect: bool) -> Pattern {
        if let (Some(members), Some(Tree::Map(entries))) = (&def.members, it.map(|n| &n.tree)) {
            for (key, _) in entries.iter().filter(|(key, _)| key.name != "is" && key.name != "+") {
                if !members.contains(&key.name) {
                    let what = format!("member of `{}`", def.name.name);
                    let words: Vec<&str> = members.iter().map(String::as_str).chain(FORMS).collect();
                    self.notes(in_dialect).unknown(&what, &key.name, key.at, words);
                }
            }
        }
        let alternatives = def
            .alternatives
            .iter()
            .map(|(name, events)| (name.clone(), events.iter().filter_map(|n| self.event(n, true)).collect()))
            .collect();
        let clause = def.clause.as_ref().map(|c| self.clause(c, true));
        Pattern::Sight(Box::new(Sight {
            name: def.name.name.clone(),
            it: it.map(Node::value),
            alternatives,
            never: def.never.as_ref().and_then(|n| self.event(n, true)),
            members: def.members.clone(),
            unfold: def.unfold.clone(),
            of_case: def.of_case,
            gives: def.gives.as_ref().map(Node::value),
            clause,
        }))
    }

    /// Headers are text: a number or nothing there is a slip (docs/language.md 1).
    pub(super) fn frame_shape(&mut self, frame: &Node, in_dialect: bool) {
        if frame.map().is_none() {
            return;
        }
        let notes = self.notes(in_dialect);
        notes.fields(frame, "a frame", &["command", "headers", "body", "json", "arrival", "+"]);
        let Some(headers) = frame.get("headers") else { return };
        let header = |entries: &[(Key, Node)], notes: &mut Reader<'_>| {
            for (name, value) in entries {
                match &value.tree {
                    Tree::Map(_) => {}
                    Tree::Null => notes.error_help(
                        value.at,
                        format!("the header `{}` has no value", name.name),
                        "in a flow map an unquoted `0,0` is two entries: write \"0,0\"; for an empty value write \"\"",
                    ),
                    _ => drop(notes.text(value, &format!("the header `{}`", name.name))),
                }
            }
        };
        match &headers.tree {
            Tree::Map(entries) => header(entries, notes),
            Tree::List(items) => {
                for item in items {
                    let entries = notes.entries(item, "a header").to_vec();
                    header(&entries, notes);
                }
            }
            Tree::Text(text) if reference(text).is_some() => {}
            _ => notes.error_help(
                headers.at,
                "`headers` are a map or a list".to_owned(),
                "write { name: value }, or the name of something that is one: $headers",
            ),
        }
    }
}

fn listed(form: &str, patterns: Patterns) -> See {
    match form {
        "in-order" => See::InOrder(patterns),
        "exactly" => See::Exactly(patterns),
        _ => See::AnyOrder(patterns),
    }
}

/// `frame: ERROR` is short for the command alone.
pub(super) fn frame_value(node: &Node) -> Value {
    match node.text() {
        Some(text) if reference(text).is_none() => serde_json::json!({ "command": text }),
        _ => node.value(),
    }
}
