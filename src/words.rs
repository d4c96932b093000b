//! How near two words are, for the suggestions that errors make; whether a word fits a pattern.
//!
//! It relies on nothing, so that every layer may use it. It never decides what is near enough.

/// How many characters have to be changed, added or removed to make one word of another (Levenshtein).
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// Whether a text matches a pattern in which `*` stands for anything, nothing included.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_the_only_wildcard() {
        for (pattern, text, expected) in [
            ("im/revoke", "im/revoke", true),
            ("im/revoke", "im/revoke/x", false),
            ("im/*", "im/revoke/x", true),
            ("*told*", "im/revoke/recipient-is-told", true),
            ("im/*/x*[a]", "im/y/xz[a]", true),
            ("a*a", "a", false),
            ("im.revoke", "im/revoke", false),
            ("*", "", true),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} on {text}");
        }
    }
}
