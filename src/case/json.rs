//! JSON as it comes from a target.
//!
//! It relies on serde_json, which refuses what the grammar allows (RFC 8259, 8.2): an escaped half of a surrogate pair.

use serde_json::Value;

/// The value of a text; in place of half a surrogate pair, the replacement character.
pub fn parse(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().or_else(|| serde_json::from_str(&mended(text)?).ok())
}

/// With each half pair replaced; nothing, where there is none.
fn mended(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    let mut half = false;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let taken = match (unit(escape), unit(escape.get(6..).unwrap_or_default())) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                half = true;
                out.push_str("\\ufffd");
                rest = &escape[6..];
                continue;
            }
            (Some(_), _) => 6,
            (None, _) => 1 + escape[1..].chars().next().map_or(0, char::len_utf8),
        };
        out.push_str(&escape[..taken]);
        rest = &escape[taken..];
    }
    out.push_str(rest);
    half.then_some(out)
}

/// The unit of UTF-16 that is escaped at the beginning of a text.
fn unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_pair_is_no_reason_to_understand_nothing() {
        for (text, value) in [
            (r#"{"a":"x\udc00\ud800y"}"#, Some(r#"{"a":"x\ufffd\ufffdy"}"#)),
            (r#"["\ud83d\ude00"]"#, Some(r#"["\ud83d\ude00"]"#)),
            (r#"["\ud83d\ude00 \ud83d"]"#, Some(r#"["\ud83d\ude00 \ufffd"]"#)),
            (r#"["\\ud800"]"#, Some(r#"["\\ud800"]"#)),
            (r#"["\ud8"]"#, None),
            (r#"["\ud800]"#, None),
            ("[\\", None),
            ("\\\u{e9}\\ud800", None),
        ] {
            let value: Option<Value> = value.map(|value| serde_json::from_str(value).unwrap());
            assert_eq!(parse(text), value, "{text}");
        }
    }
}
