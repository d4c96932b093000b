//! Secrets and their names: what is sent is revealed at the last moment, what came is concealed before anybody sees it.
//!
//! It relies on base64 and percent encoding to find secrets in their usual disguises. Everything above the session
//! knows names only: `«token:eve»`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// The secrets of one case.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// Name and value.
    names: Vec<(String, String)>,
    /// Every form in which a secret may show, longest first, with its name.
    forms: Vec<(String, String)>,
}

impl Secrets {
    /// Adds a secret under a name, `«token:eve»`.
    pub fn add(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        self.names.push((name.to_owned(), value.to_owned()));
        let mut forms = vec![value.to_owned(), percent(value), percent_all(value)];
        // Hex digits may be of either case (RFC 3986, 2.1).
        forms.extend([lower_hex(&percent(value)), lower_hex(&percent_all(value))]);
        forms.extend([STANDARD.encode(value), STANDARD_NO_PAD.encode(value), URL_SAFE_NO_PAD.encode(value)]);
        forms.push(json_escaped(value));
        for form in forms {
            if !self.forms.iter().any(|(f, _)| *f == form) {
                self.forms.push((form, name.to_owned()));
            }
        }
        self.forms.sort_by_key(|(form, _)| std::cmp::Reverse(form.len()));
    }

    /// Adds a token under a name, with the broken forms that cases ask for.
    pub fn add_token(&mut self, name: &str, token: &str) {
        for (kind, value) in [
            ("", token.to_owned()),
            (".tampered", tampered(token)),
            (".truncated", truncated(token)),
            (".unknown", unknown(token)),
        ] {
            self.add(&format!("«token:{name}{kind}»"), &value);
        }
    }

    /// Text with names replaced by what they stand for.
    pub fn reveal(&self, text: &str) -> String {
        if !text.contains('«') {
            return text.to_owned();
        }
        self.names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    /// Octets with names replaced by what they stand for.
    pub fn reveal_octets(&self, octets: &[u8]) -> Vec<u8> {
        match std::str::from_utf8(octets) {
            Ok(text) => self.reveal(text).into_bytes(),
            Err(_) => octets.to_vec(),
        }
    }

    /// Text with every secret replaced by its name.
    pub fn conceal(&self, text: &str) -> String {
        self.forms.iter().fold(text.to_owned(), |text, (form, name)| match text.contains(form.as_str()) {
            false => text,
            true if form.len() >= DISTINCT => text.replace(form.as_str(), name),
            true => replace_words(&text, form, name),
        })
    }

    /// The same for a text that quotes excerpts: of a secret that the end of one cuts, the rest is concealed too.
    pub fn conceal_excerpts(&self, text: &str) -> String {
        let mut text = self.conceal(text);
        for (form, name) in &self.forms {
            let ends: Vec<usize> =
                text.char_indices().filter(|(_, c)| EDGES.contains(c)).map(|(at, _)| at).collect();
            for at in ends.into_iter().rev() {
                let behind = at + text[at..].chars().next().map_or(0, char::len_utf8);
                let piece = format!("{}…»", name.trim_end_matches('»'));
                if let Some(len) = pieces(form).find(|k| text[behind..].starts_with(&form[*k..])) {
                    text.replace_range(behind..behind + form.len() - len, &piece);
                }
                if let Some(len) = pieces(form).rev().find(|k| text[..at].ends_with(&form[..*k])) {
                    text.replace_range(at - len..at, &piece);
                }
            }
        }
        text
    }
}

/// A secret that is shorter than this may be part of an ordinary word: it is concealed as a word of its own only.
const DISTINCT: usize = 8;

/// Where an excerpt begins or ends.
const EDGES: [char; 3] = ['"', '`', '…'];

/// Where a secret may be cut so that a piece of it is still worth concealing.
fn pieces(form: &str) -> impl DoubleEndedIterator<Item = usize> {
    (4..form.len()).filter(|at| form.is_char_boundary(*at) && form.len() - at >= 4)
}

/// Replaces a word where neither letter nor digit stands beside it.
fn replace_words(text: &str, word: &str, by: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in text.match_indices(word) {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        if [before, after].iter().flatten().all(|c| !c.is_alphanumeric()) {
            out.push_str(&text[from..at]);
            out.push_str(by);
            from = at + word.len();
        }
    }
    out.push_str(&text[from..]);
    out
}

/// Percent-encoded as in a query: everything but letters, digits and `-._~`.
pub fn percent(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}

fn percent_all(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

/// The same percent-encoding with its hex digits in lower case.
fn lower_hex(encoded: &str) -> String {
    let mut parts = encoded.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    // Every part after a `%` begins with two ASCII digits.
    parts.fold(first, |out, part| format!("{out}%{}{}", part[..2].to_ascii_lowercase(), &part[2..]))
}

fn json_escaped(text: &str) -> String {
    serde_json::Value::from(text).to_string().trim_matches('"').to_owned()
}

/// One character changed, well inside: the last one of a base64 text may hold unused bits.
fn tampered(token: &str) -> String {
    let mut chars: Vec<char> = token.chars().collect();
    let at = chars.len() * 3 / 4;
    if let Some(c) = chars.get_mut(at) {
        *c = if *c == 'A' { 'B' } else { 'A' };
    }
    chars.into_iter().collect()
}

fn truncated(token: &str) -> String {
    let keep = token.chars().count() / 2;
    token.chars().take(keep).collect()
}

/// Of the same shape, but nobody's: every letter and digit is another one.
fn unknown(token: &str) -> String {
    token
        .chars()
        .map(|c| match c {
            'a'..='y' | 'A'..='Y' | '0'..='8' => char::from(c as u8 + 1),
            'z' => 'a',
            'Z' => 'A',
            '9' => '0',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_concealed_is_revealed_in_every_form() {
        let mut secrets = Secrets::default();
        secrets.add_token("eve", "ey.AB+/c\"d0123456789");
        let sent = secrets.reveal("Bearer «token:eve»");
        assert_eq!(sent, "Bearer ey.AB+/c\"d0123456789");
        assert_eq!(secrets.conceal(&sent), "Bearer «token:eve»");
        let token = "ey.AB+/c\"d0123456789";
        for form in [
            percent(token),
            lower_hex(&percent(token)),
            percent_all(token),
            STANDARD.encode(token),
            URL_SAFE_NO_PAD.encode(token),
            json_escaped(token),
        ] {
            assert_eq!(secrets.conceal(&format!("<{form}>")), "<«token:eve»>");
        }
    }

    #[test]
    fn a_short_secret_is_no_part_of_a_word() {
        let mut secrets = Secrets::default();
        secrets.add("«passcode:eve»", "guest");
        let shown = secrets.conceal("login:guest guests \"guest\" requested guest");
        assert_eq!(shown, "login:«passcode:eve» guests \"«passcode:eve»\" requested «passcode:eve»");
    }

    #[test]
    fn what_an_excerpt_cuts_off_a_secret_is_concealed() {
        let mut secrets = Secrets::default();
        secrets.add("«token:eve»", "ey.0123456789-abcdefghij");
        for (quoted, shown) in [
            ("no colon: \"x ey.012345…\" [A]", "no colon: \"x «token:eve…»…\" [A]"),
            ("it began with \"defghij x\"", "it began with \"«token:eve…» x\""),
            ("cut: \"ey.0\"", "cut: \"«token:eve…»\""),
            ("whole: \"ey.0123456789-abcdefghij\"", "whole: \"«token:eve»\""),
            ("none: \"hello\"…", "none: \"hello\"…"),
        ] {
            assert_eq!(secrets.conceal_excerpts(quoted), shown);
        }
    }

    #[test]
    fn broken_tokens_differ_from_the_true_one() {
        let mut secrets = Secrets::default();
        secrets.add_token("eve", "abcdefgh");
        let shown: Vec<String> = ["tampered", "truncated", "unknown"]
            .iter()
            .map(|kind| secrets.reveal(&format!("«token:eve.{kind}»")))
            .collect();
        assert_eq!(shown, ["abcdefAh", "abcd", "bcdefghi"]);
    }
}
