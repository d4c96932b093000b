//! What is wrong with a file, for the person who wrote it: what, where, and what to do.
//!
//! It relies on annotate-snippets for the picture. It never stops at the first error: whoever finds errors collects
//! them.

use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::{Deserialize, Serialize};

use crate::words::distance;

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its path, as shown.
    pub path: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
}

impl Source {
    /// The place of one character.
    pub fn span(&self, line: u32, column: u32) -> Span {
        Span { line, column, start: self.offset(line, column), len: 1 }
    }

    /// A file of this path and text.
    pub fn new(path: &str, text: &str) -> Self {
        Source { path: path.into(), text: text.into() }
    }

    /// The octet at which a line and column stand.
    pub(super) fn offset(&self, line: u32, column: u32) -> usize {
        let before: usize =
            self.text.split_inclusive('\n').take((line as usize).saturating_sub(1)).map(str::len).sum();
        let within = self.text[before..]
            .chars()
            .take((column as usize).saturating_sub(1))
            .map(char::len_utf8)
            .sum::<usize>();
        (before + within).min(self.text.len())
    }
}

/// A place in a file. Lines and columns count from 1, octets from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Span {
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
    /// The octet at which it begins.
    #[serde(skip)]
    pub start: usize,
    /// How many octets it covers.
    #[serde(skip)]
    pub len: usize,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It should be mended, but nothing is wrong with the run.
    Warning,
    /// The file cannot be used.
    Error,
}

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    pub source: Source,
    /// The place.
    pub at: Span,
    /// What is wrong.
    pub what: String,
    /// What to do, where that can be said.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error.
    pub fn error(source: &Source, at: Span, what: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Error, source: source.clone(), at, what: what.into(), help: None }
    }

    /// A warning.
    pub fn warning(source: &Source, at: Span, what: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(source, at, what) }
    }

    /// The same with a remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with the nearest of the words that would be right, if one is near.
    #[must_use]
    pub fn nearest<'a>(self, word: &str, words: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(word, words) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None => self,
        }
    }

    /// The picture: message, file, line, column, snippet, help.
    pub fn render(&self, colour: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        // A span ends with its line: a caret under a whole block says nothing.
        let start = self.at.start.min(self.source.text.len());
        let line = self.source.text[start..].find('\n').unwrap_or(self.source.text.len() - start);
        let end = start + self.at.len.min(line).max(usize::from(start < self.source.text.len() && line > 0));
        let snippet = Snippet::source(&*self.source.text)
            .path(&*self.source.path)
            .annotation(AnnotationKind::Primary.span(start..end));
        let mut groups = vec![level.primary_title(self.what.as_str()).element(snippet)];
        if let Some(help) = &self.help {
            groups.push(Group::with_title(Level::HELP.secondary_title(help.as_str())));
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&groups)
    }
}

/// The word of a list that is nearest to another, if it is near enough to be a slip of the fingers.
pub fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (word.chars().count() / 3).max(1) + 1;
    words
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= most || (word.len() > 3 && (candidate.contains(word) || word.contains(candidate)))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        assert_eq!(nearest("recieve", ["send", "receive", "revoke"]), Some("receive"));
        assert_eq!(nearest("STOMP12-VER-5", ["STOMP12-VER-05", "STOMP12-TX-02"]), Some("STOMP12-VER-05"));
        assert_eq!(nearest("banana", ["send", "receive"]), None);
    }

    #[test]
    fn a_picture_shows_message_place_snippet_and_help() {
        let source = Source::new("a.yaml", "suite: x\ntitel: y\n");
        let at = Span { line: 2, column: 1, start: 9, len: 5 };
        let shown =
            Diagnostic::error(&source, at, "unknown key `titel`").nearest("titel", ["title"]).render(false);
        assert_eq!(
            shown,
            "error: unknown key `titel`\n --> a.yaml:2:1\n  |\n2 | titel: y\n  | ^^^^^\n  |\nhelp: did you mean `title`?"
        );
    }
}
