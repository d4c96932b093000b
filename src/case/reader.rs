//! Reading a tree into types, collecting every error instead of stopping at the first.
//!
//! It relies on [`Node`] and its positions. It never coerces: where text is due, a number is an error.

use schemars::JsonSchema;

use super::diagnostic::{Diagnostic, Source, Span};
use super::tree::{Key, Node, Tree};

/// Text with its place.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(transparent)]
pub struct Text {
    /// The text.
    pub value: String,
    /// Where it stands.
    #[schemars(skip)]
    pub at: Span,
}

/// Reads one file, collecting what is wrong with it.
#[derive(Debug)]
pub struct Reader<'a> {
    /// The file.
    pub source: &'a Source,
    /// What was found so far.
    pub found: Vec<Diagnostic>,
}

/// The entries of a map whose keys have been checked.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'n> {
    node: &'n Node,
}

impl<'n> Fields<'n> {
    /// The entry of this name.
    pub fn get(&self, name: &str) -> Option<&'n Node> {
        self.node.get(name)
    }
}

impl<'a> Reader<'a> {
    /// A reader of this file.
    pub fn new(source: &'a Source) -> Self {
        Reader { source, found: Vec::new() }
    }

    /// Notes an error.
    pub fn error(&mut self, at: Span, what: impl Into<String>) {
        self.found.push(Diagnostic::error(self.source, at, what));
    }

    /// Notes an error with its remedy.
    pub fn error_help(&mut self, at: Span, what: impl Into<String>, help: impl Into<String>) {
        self.found.push(Diagnostic::error(self.source, at, what).help(help));
    }

    /// Notes an unknown word with the nearest known one.
    pub fn unknown<'w>(
        &mut self,
        what: &str,
        word: &str,
        at: Span,
        words: impl IntoIterator<Item = &'w str> + Clone,
    ) {
        let found = Diagnostic::error(self.source, at, format!("unknown {what} `{word}`"));
        let mut near = found.nearest(word, words.clone());
        if near.help.is_none() {
            let all: Vec<&str> = words.into_iter().collect();
            if !all.is_empty() && all.len() <= 24 {
                near = near.help(format!("one of: {}", all.join(", ")));
            }
        }
        self.found.push(near);
    }

    /// Text, where text is due.
    pub fn text(&mut self, node: &Node, what: &str) -> Option<Text> {
        match &node.tree {
            Tree::Text(text) => Some(Text { value: text.clone(), at: node.at }),
            Tree::Int(_) | Tree::Float(_) | Tree::Bool(_) => {
                let written =
                    self.source.text.get(node.at.start..node.at.start + node.at.len).unwrap_or("1.2");
                let (kind, help) = (node.kind(), format!("quote it: \"{}\"", written.trim()));
                self.error_help(node.at, format!("{what} is text, not {kind}"), help);
                None
            }
            Tree::Null => {
                self.error_help(node.at, format!("{what} is text, not nothing"), "write \"\" for empty text");
                None
            }
            _ => {
                self.error(node.at, format!("{what} is text, not {}", node.kind()));
                None
            }
        }
    }

    /// A list of texts.
    pub fn texts(&mut self, node: &Node, what: &str) -> Vec<Text> {
        match node.list() {
            Some(items) => items.iter().filter_map(|item| self.text(item, what)).collect(),
            None => {
                self.error(node.at, format!("{what} is a list, not {}", node.kind()));
                Vec::new()
            }
        }
    }

    /// The entries of a map.
    pub fn entries<'n>(&mut self, node: &'n Node, what: &str) -> &'n [(Key, Node)] {
        match node.map() {
            Some(entries) => entries,
            None => {
                self.error(node.at, format!("{what} is a map, not {}", node.kind()));
                &[]
            }
        }
    }

    /// The items of a list.
    pub fn items<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match node.list() {
            Some(items) => items,
            None => {
                self.error(node.at, format!("{what} is a list, not {}", node.kind()));
                &[]
            }
        }
    }

    /// A map with these keys and no others; those marked `!` must be there.
    pub fn fields<'n>(&mut self, node: &'n Node, what: &str, keys: &[&str]) -> Fields<'n> {
        let names: Vec<&str> = keys.iter().map(|k| k.trim_end_matches('!')).collect();
        for (key, _) in self.entries(node, what) {
            if !names.contains(&key.name.as_str()) {
                self.unknown(&format!("key of {what}"), &key.name, key.at, names.iter().copied());
            }
        }
        for key in keys {
            if let Some(name) = key.strip_suffix('!')
                && node.map().is_some()
                && node.get(name).is_none()
            {
                self.error(node.at, format!("{what} lacks `{name}:`"));
            }
        }
        Fields { node }
    }
}
