//! Secrets and their names: what is sent is revealed at the last moment, what came is concealed before anybody sees it.
//!
//! It relies on base64 and percent encoding to find secrets in their usual disguises, and on aho-corasick to look for all
//! of them at once. Everything above the session
//! knows names only: `«token:eve»`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::stomp::{Version, escape};

/// Every secret of a target, in every form in which it may show. Made once per run: there are many, and each text that
/// comes or goes is searched for all of them.
#[derive(Debug)]
pub struct Vault {
    /// The name where the case has none for it, and the value. Without a name it is no secret to other cases.
    secrets: Vec<(Option<String>, String)>,
    /// Forms, longest first, with the number of their secret.
    forms: Vec<(String, usize)>,
    /// Finds all forms at once; none, where they are too much for it.
    finder: Option<AhoCorasick>,
}

impl Vault {
    /// A vault of what is secret to every case, by name (`«token:@eve»`), and of what is so to the cases that name it:
    /// half a token may be an ordinary word. Of two that are the same, the first gives the name.
    pub fn new(always: Vec<(String, String)>, named: Vec<String>) -> Self {
        let always = always.into_iter().map(|(name, value)| (Some(name), value));
        let named = named.into_iter().map(|value| (None, value));
        let secrets: Vec<_> = always.chain(named).filter(|(_, value)| !value.is_empty()).collect();
        let mut forms: BTreeMap<String, usize> = BTreeMap::new();
        for (number, (_, value)) in secrets.iter().enumerate() {
            for form in disguises(value) {
                forms.entry(form).or_insert(number);
            }
        }
        let mut forms: Vec<(String, usize)> = forms.into_iter().collect();
        forms.sort_by_key(|(form, secret)| (std::cmp::Reverse(form.len()), *secret));
        let finder = AhoCorasick::new(forms.iter().map(|(form, _)| form)).ok();
        Vault { secrets, forms, finder }
    }

    /// The forms that are in a text, by number, which is longest first: a secret may be part of another.
    fn find(&self, text: &str) -> BTreeSet<usize> {
        match &self.finder {
            Some(finder) => {
                finder.find_overlapping_iter(text).map(|found| found.pattern().as_usize()).collect()
            }
            None => (0..self.forms.len()).filter(|at| text.contains(&self.forms[*at].0)).collect(),
        }
    }

    /// The number of the secret of this value.
    fn number(&self, value: &str) -> Option<usize> {
        self.secrets.iter().position(|(_, v)| v == value)
    }
}

/// Every form of a secret.
fn disguises(value: &str) -> [String; 10] {
    [
        value.to_owned(),
        percent(value),
        percent_all(value),
        // Hex digits may be of either case (RFC 3986, 2.1).
        lower_hex(&percent(value)),
        lower_hex(&percent_all(value)),
        STANDARD.encode(value),
        STANDARD_NO_PAD.encode(value),
        URL_SAFE_NO_PAD.encode(value),
        json_escaped(value),
        // As it stands in a header of STOMP.
        escape(value, Version::V12),
    ]
}

/// A token under its name, and the broken forms of it that cases ask for.
pub fn of_token(name: &str, token: &str) -> [(String, String); 4] {
    [
        ("", token.to_owned()),
        (".tampered", tampered(token)),
        (".truncated", truncated(token)),
        (".unknown", unknown(token)),
    ]
    .map(|(kind, value)| (format!("«token:{name}{kind}»"), value))
}

/// The secrets as one case knows them: those of its actors by their roles.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// The vault; without one there is nothing to hide.
    vault: Option<Arc<Vault>>,
    /// Names in this case, with the values.
    names: Arc<Vec<(String, String)>>,
    /// The name in this case of a secret of the vault.
    called: Arc<BTreeMap<usize, usize>>,
}

impl Secrets {
    /// The vault's secrets, some of them by these names. Of two names for one secret, the first is shown.
    pub fn new(vault: &Arc<Vault>, names: Vec<(String, String)>) -> Self {
        let mut called = BTreeMap::new();
        for (at, (_, value)) in names.iter().enumerate() {
            if let Some(number) = vault.number(value) {
                called.entry(number).or_insert(at);
            }
        }
        Secrets { vault: Some(vault.clone()), names: Arc::new(names), called: Arc::new(called) }
    }

    /// The name to show in place of a secret, if it is one to this case.
    fn name<'a>(&'a self, vault: &'a Vault, secret: usize) -> Option<&'a str> {
        match self.called.get(&secret) {
            Some(at) => Some(&self.names[*at].0),
            None => vault.secrets[secret].0.as_deref(),
        }
    }

    /// Text with names replaced by what they stand for.
    pub fn reveal(&self, text: &str) -> String {
        if !text.contains('«') {
            return text.to_owned();
        }
        let stored = self.vault.iter().flat_map(|vault| &vault.secrets);
        let stored = stored.filter_map(|(name, value)| Some((name.as_ref()?, value)));
        let named = self.names.iter().map(|(name, value)| (name, value));
        named.chain(stored).fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
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
        let Some(vault) = &self.vault else { return text.to_owned() };
        vault.find(text).into_iter().fold(text.to_owned(), |text, at| {
            let (form, secret) = &vault.forms[at];
            match self.name(vault, *secret) {
                Some(name) if form.len() >= DISTINCT => text.replace(form.as_str(), name),
                Some(name) => replace_words(&text, form, name),
                None => text,
            }
        })
    }

    /// The same for a text that quotes excerpts: of a secret that the end of one cuts, the rest is concealed too.
    pub fn conceal_excerpts(&self, text: &str) -> String {
        let mut text = self.conceal(text);
        let Some(vault) = &self.vault else { return text };
        for (form, secret) in &vault.forms {
            let Some(name) = self.name(vault, *secret) else { continue };
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

    fn known(names: Vec<(String, String)>) -> Secrets {
        Secrets::new(&Arc::new(Vault::new(names.clone(), Vec::new())), names)
    }

    fn token_of_eve(token: &str) -> Secrets {
        known(of_token("eve", token).to_vec())
    }

    #[test]
    fn a_secret_has_its_name_in_the_case_or_that_of_its_account() {
        let [whole, halves @ ..] = of_token("@a", "token-of-the-first");
        let other = ("«token:@b»".to_owned(), "token-of-the-second".to_owned());
        let halves = halves.map(|(_, value)| value).to_vec();
        let vault = Arc::new(Vault::new(vec![whole, other], halves));
        let names =
            [of_token("eve", "token-of-the-first"), of_token("canary", "token-of-the-first")].concat();
        assert_eq!(Secrets::new(&vault, Vec::new()).conceal("token-of-"), "token-of-");
        let secrets = Secrets::new(&vault, names);
        assert_eq!(secrets.conceal("token-of-"), "«token:eve.truncated»");
        let (sent, shown) = ("token-of-the-first token-of-the-second", "«token:eve» «token:@b»");
        assert_eq!(secrets.conceal(sent), shown);
        assert_eq!(secrets.reveal(shown), sent);
        assert_eq!(secrets.reveal("«token:canary»"), "token-of-the-first");
    }

    #[test]
    fn a_secret_within_another_does_not_hide_it() {
        let pair = [("«a»", "0123456789abcdef"), ("«b»", "3456789a")];
        let secrets = known(pair.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec());
        assert_eq!(secrets.conceal("x0123456789abcdef y3456789a"), "x«a» y«b»");
    }

    #[test]
    fn what_is_concealed_is_revealed_in_every_form() {
        let secrets = token_of_eve("ey.AB+/c\"d0123456789");
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
    fn a_secret_is_concealed_as_headers_escape_it() {
        let secrets = token_of_eve("user:a-token-of-many-characters");
        assert_eq!(secrets.conceal("x:user\\ca-token-of-many-characters"), "x:«token:eve»");
    }

    #[test]
    fn a_short_secret_is_no_part_of_a_word() {
        let secrets = known(vec![("«passcode:eve»".to_owned(), "guest".to_owned())]);
        let shown = secrets.conceal("login:guest guests \"guest\" requested guest");
        assert_eq!(shown, "login:«passcode:eve» guests \"«passcode:eve»\" requested «passcode:eve»");
    }

    #[test]
    fn what_an_excerpt_cuts_off_a_secret_is_concealed() {
        let secrets = known(of_token("eve", "ey.0123456789-abcdefghij")[..1].to_vec());
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
        let secrets = token_of_eve("abcdefgh");
        let shown: Vec<String> = ["tampered", "truncated", "unknown"]
            .iter()
            .map(|kind| secrets.reveal(&format!("«token:eve.{kind}»")))
            .collect();
        assert_eq!(shown, ["abcdefAh", "abcd", "bcdefghi"]);
    }
}
