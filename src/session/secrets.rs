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
        self.forms.iter().fold(text.to_owned(), |text, (form, name)| {
            if text.contains(form.as_str()) { text.replace(form.as_str(), name) } else { text }
        })
    }
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
