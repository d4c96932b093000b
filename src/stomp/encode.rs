//! Writing frames: well formed by default, otherwise in the way that is asked for.

use super::frame::{Frame, Version, may_have_body};
use super::header::{escape, escapes_headers};

/// What is written as `content-length`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContentLength {
    /// The number of octets where there is a body and the frame does not name one itself.
    #[default]
    Auto,
    /// Only what the frame's own headers say.
    AsGiven,
    /// This number, true or not, in place of what the headers say.
    Exactly(usize),
}

/// How a frame is laid out. The default is the plain, correct way; everything else is either a freedom that the
/// specification gives (`eol`, `after`) or a fault committed on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Style {
    /// Whose escapes are used.
    pub version: Version,
    /// End lines with CR LF (STOMP12-FRAME-02).
    pub crlf: bool,
    /// Escape headers; `false` breaks STOMP12-ENC-02.
    pub escape: bool,
    /// What `content-length` says.
    pub content_length: ContentLength,
    /// End the frame with NUL; `false` breaks STOMP12-FRAME-04.
    pub nul: bool,
    /// Octets behind the NUL: line ends are legal (STOMP12-FRAME-05).
    pub after: Vec<u8>,
}

impl Default for Style {
    fn default() -> Self {
        Style {
            version: Version::V12,
            crlf: false,
            escape: true,
            content_length: ContentLength::Auto,
            nul: true,
            after: Vec::new(),
        }
    }
}

/// The octets of a well-formed frame.
pub fn encode(frame: &Frame, version: Version) -> Vec<u8> {
    encode_with(frame, &Style { version, ..Style::default() })
}

/// The octets of a frame in the given style.
pub fn encode_with(frame: &Frame, style: &Style) -> Vec<u8> {
    let eol: &[u8] = if style.crlf { b"\r\n" } else { b"\n" };
    let escaped = style.escape && escapes_headers(&frame.command, style.version);
    let write = |text: &str| if escaped { escape(text, style.version) } else { text.to_owned() };
    let mut out = Vec::with_capacity(64 + frame.body.len());
    let line = |name: &str, value: &str, out: &mut Vec<u8>| {
        out.extend_from_slice(write(name).as_bytes());
        out.push(b':');
        out.extend_from_slice(write(value).as_bytes());
        out.extend_from_slice(eol);
    };
    out.extend_from_slice(frame.command.as_bytes());
    out.extend_from_slice(eol);
    for (name, value) in frame.headers.iter() {
        if name == "content-length" && matches!(style.content_length, ContentLength::Exactly(_)) {
            continue;
        }
        line(name, value, &mut out);
    }
    match style.content_length {
        ContentLength::Auto
            if !frame.body.is_empty()
                && may_have_body(&frame.command)
                && !frame.headers.has("content-length") =>
        {
            line("content-length", &frame.body.len().to_string(), &mut out);
        }
        ContentLength::Exactly(n) => line("content-length", &n.to_string(), &mut out),
        _ => {}
    }
    out.extend_from_slice(eol);
    out.extend_from_slice(&frame.body);
    if style.nul {
        out.push(0);
    }
    out.extend_from_slice(&style.after);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_gets_its_length_in_octets() {
        let octets = encode(&Frame::new("SEND").with("destination", "/a:b").body("ä"), Version::V12);
        assert_eq!(octets, "SEND\ndestination:/a\\cb\ncontent-length:2\n\nä\0".as_bytes());
    }

    #[test]
    fn connect_is_never_escaped() {
        let octets = encode(&Frame::new("CONNECT").with("host", "a:1\\c"), Version::V12);
        assert_eq!(octets, b"CONNECT\nhost:a:1\\c\n\n\0");
    }

    #[test]
    fn faults_are_written_when_asked_for() {
        let style = Style {
            crlf: true,
            escape: false,
            content_length: ContentLength::Exactly(1),
            nul: false,
            after: b"\n".to_vec(),
            ..Style::default()
        };
        let octets = encode_with(&Frame::new("SEND").with("x", "a:b").body("xyz"), &style);
        assert_eq!(octets, b"SEND\r\nx:a:b\r\ncontent-length:1\r\n\r\nxyz\n");
    }
}
