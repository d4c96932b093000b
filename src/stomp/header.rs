//! Escaping of header names and values (STOMP 1.2, "Value Encoding").

use super::frame::Version;

/// Whether headers of a frame with this command are escaped: all but CONNECT and CONNECTED, for the sake of 1.0
/// (STOMP12-ENC-03); STOMP counts as CONNECT (STOMP12-CONN-04). Nothing is escaped in 1.0.
pub fn escapes_headers(command: &str, version: Version) -> bool {
    version != Version::V10 && !matches!(command, "CONNECT" | "CONNECTED" | "STOMP")
}

/// Writes a header name or value with the escapes of this version (STOMP12-ENC-06).
pub fn escape(text: &str, version: Version) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match (c, version) {
            (_, Version::V10) => out.push(c),
            ('\n', _) => out.push_str("\\n"),
            (':', _) => out.push_str("\\c"),
            ('\\', _) => out.push_str("\\\\"),
            ('\r', Version::V12) => out.push_str("\\r"),
            _ => out.push(c),
        }
    }
    out
}

/// Reads a header name or value (STOMP12-ENC-04).
///
/// # Errors
/// The offset of a backslash that begins no escape of this version (STOMP12-ENC-05), and the text with such
/// sequences left as they are.
pub fn unescape(text: &str, version: Version) -> Result<String, (usize, String)> {
    if version == Version::V10 || !text.contains('\\') {
        return Ok(text.to_owned());
    }
    let mut out = String::with_capacity(text.len());
    let mut bad = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match (chars.clone().next().map(|(_, next)| next), version) {
            (Some('n'), _) => out.push('\n'),
            (Some('c'), _) => out.push(':'),
            (Some('\\'), _) => out.push('\\'),
            (Some('r'), Version::V12) => out.push('\r'),
            _ => {
                bad.get_or_insert(at);
                out.push('\\');
                continue;
            }
        }
        chars.next();
    }
    match bad {
        None => Ok(out),
        Some(at) => Err((at, out)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_escape_is_decoded_once_and_in_one_pass() {
        for (wire, text) in
            [("a\\cb", "a:b"), ("\\n\\r\\\\", "\n\r\\"), ("\\\\n", "\\n"), ("", ""), ("日本", "日本")]
        {
            assert_eq!(unescape(wire, Version::V12).as_deref(), Ok(text), "{wire}");
            assert_eq!(escape(text, Version::V12), wire, "{text}");
        }
    }

    #[test]
    fn an_undefined_escape_is_found_where_it_stands() {
        assert_eq!(unescape("ab\\tc", Version::V12), Err((2, "ab\\tc".into())));
        assert_eq!(unescape("ab\\", Version::V12), Err((2, "ab\\".into())));
        assert_eq!(unescape("\\r", Version::V11), Err((0, "\\r".into())), "1.1 does not know it");
    }

    #[test]
    fn version_1_0_has_no_escapes() {
        assert_eq!(unescape("a\\nb", Version::V10).as_deref(), Ok("a\\nb"));
        assert_eq!(escape("a:b\\", Version::V10), "a:b\\");
    }
}
