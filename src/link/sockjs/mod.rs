//! SockJS 0.3.3 framing: `o`, `h`, `a[…]`, `c[…]`, and how frames stand in HTTP responses (`responses.rs`).
//!
//! It relies on serde_json and does no I/O. It never guesses: what is no SockJS frame is an error.

pub mod laws;
mod responses;

use serde_json::Value;

pub use responses::{Fault, Layout, Responses};

/// A frame from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SockFrame {
    /// The session is open (SOCKJS-FR-01).
    Open,
    /// A heart-beat (SOCKJS-FR-02).
    Heartbeat,
    /// Messages, each like one WebSocket message (SOCKJS-FR-03).
    Messages(Vec<String>),
    /// The session is closed: code and reason (SOCKJS-FR-04).
    Close(u16, String),
}

/// Reads a frame from the server.
///
/// # Errors
/// What is wrong with it, and by which clause.
pub fn read(text: &str) -> Result<SockFrame, Fault> {
    let bad = |clause, what: &str| Err(Fault { clause, what: what.to_owned(), text: text.to_owned() });
    let mut chars = text.chars();
    match (chars.next(), chars.as_str()) {
        (Some('o'), "") => Ok(SockFrame::Open),
        (Some('h'), "") => Ok(SockFrame::Heartbeat),
        (Some('a'), json) => match serde_json::from_str::<Vec<String>>(json) {
            Ok(messages) => Ok(SockFrame::Messages(messages)),
            Err(_) => bad("SOCKJS-FR-03", "an `a` frame that is no JSON array of strings"),
        },
        (Some('c'), json) => match serde_json::from_str::<(u16, String)>(json) {
            Ok((code, reason)) => Ok(SockFrame::Close(code, reason)),
            Err(_) => bad("SOCKJS-FR-04", "a `c` frame that is no [code, reason]"),
        },
        _ => bad("SOCKJS-FR-03", "no SockJS frame"),
    }
}

/// A frame to a client that carries messages. Every character that a browser could lose on the way is escaped
/// (SOCKJS-FR-05).
pub fn messages(texts: &[String]) -> String {
    format!("a{}", escape(&Value::from(texts.to_vec()).to_string()))
}

/// A frame to a client that ends the session.
pub fn close(code: u16, reason: &str) -> String {
    format!("c{}", Value::from(vec![Value::from(code), Value::from(reason)]))
}

/// Octets as text: SockJS carries nothing else (SOCKJS-STOMP-01).
pub fn as_text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// What a client sends: a JSON array of strings, or one string (SOCKJS-WS-02). Nothing at all is no message.
///
/// # Errors
/// Where it is neither.
pub fn read_client(text: &str) -> Result<Vec<String>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    match serde_json::from_str::<Value>(text) {
        Ok(Value::String(one)) => Ok(vec![one]),
        Ok(Value::Array(items)) => items
            .into_iter()
            .map(|item| match item {
                Value::String(text) => Ok(text),
                other => Err(format!("an array with {other} in it")),
            })
            .collect(),
        Ok(other) => Err(format!("neither array nor string: {other}")),
        Err(error) => Err(format!("broken JSON: {error}")),
    }
}

/// A message as a client writes it into its array.
pub fn write_message(text: &str) -> String {
    escape(&Value::from(text).to_string())
}

/// What a client sends for these messages.
pub fn write_client(texts: &[String]) -> String {
    escape(&Value::from(texts.to_vec()).to_string())
}

fn escape(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c as u32 {
            0..=0x1f
            | 0x7f..=0x9f
            | 0x200c..=0x200f
            | 0x2028..=0x202f
            | 0x2060..=0x206f
            | 0xfff0..=0xffff => {
                out.push_str(&format!("\\u{:04x}", c as u32));
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_frames_are_read() {
        assert_eq!(read("o"), Ok(SockFrame::Open));
        assert_eq!(read("h"), Ok(SockFrame::Heartbeat));
        assert_eq!(read(r#"a["x\u0000"]"#), Ok(SockFrame::Messages(vec!["x\0".into()])));
        assert_eq!(read(r#"c[3000,"Go away!"]"#), Ok(SockFrame::Close(3000, "Go away!".into())));
        for (bad, clause) in
            [("", 3), ("x", 3), ("a[1]", 3), ("c[1]", 4), ("oo", 3), ("a", 3), ("c[\"1\",\"\"]", 4)]
        {
            let found = read(bad).expect_err(bad);
            assert_eq!(found.clause, format!("SOCKJS-FR-0{clause}"), "{bad}");
        }
    }

    #[test]
    fn what_is_written_is_read_and_dangerous_characters_are_escaped() {
        let text = vec!["\u{2028}\u{feff}\u{200c} 😀 \\ \0".to_owned()];
        let frame = messages(&text);
        assert!(!frame.contains('\u{2028}') && !frame.contains('\0'), "{frame}");
        assert_eq!(read(&frame), Ok(SockFrame::Messages(text.clone())));
        assert_eq!(read_client(&write_client(&text)), Ok(text));
        assert_eq!(read_client(""), Ok(vec![]));
        assert!(read_client("[\"x").is_err() && read_client("{}").is_err());
    }
}
