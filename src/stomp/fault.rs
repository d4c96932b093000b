//! What can be wrong with a frame, where, and by which clause.

use std::fmt;

/// A departure from the grammar of STOMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// A backslash followed by something that is no escape, or by the end of the line.
    UndefinedEscape,
    /// A header line without a colon.
    NoColon,
    /// A header line that begins with its colon.
    EmptyName,
    /// A colon in a header value that was not escaped.
    RawColon,
    /// A carriage return that no line feed follows.
    StrayCr,
    /// Octets in command or headers that are not UTF-8.
    NotUtf8,
    /// A NUL where a frame should begin.
    StrayNul,
    /// An empty or blank command line.
    NoCommand,
    /// A NUL before the blank line, which every frame has.
    NoBlankLine,
    /// A body on a frame that may have none.
    BodyForbidden,
    /// A `content-length` that is no number of octets.
    LengthMalformed,
    /// The octet after `content-length` octets of body is not NUL.
    LengthWrong,
    /// More headers, a longer line or a longer body than the limits allow.
    TooLarge,
    /// The stream ended within a frame.
    Truncated,
}

impl FaultKind {
    /// The clause that is broken.
    pub fn clause(self) -> &'static str {
        match self {
            FaultKind::UndefinedEscape => "STOMP12-ENC-05",
            FaultKind::NoColon | FaultKind::EmptyName => "STOMP12-FRAME-08",
            FaultKind::RawColon => "STOMP12-ENC-02",
            FaultKind::StrayCr => "STOMP12-FRAME-02",
            FaultKind::NotUtf8 => "STOMP12-ENC-01",
            FaultKind::StrayNul | FaultKind::NoCommand | FaultKind::NoBlankLine => "STOMP12-FRAME-01",
            FaultKind::BodyForbidden => "STOMP12-BODY-02",
            FaultKind::LengthMalformed => "STOMP12-CLEN-07",
            FaultKind::LengthWrong => "STOMP12-CLEN-03",
            FaultKind::TooLarge => "STOMP12-SIZE-01",
            FaultKind::Truncated => "STOMP12-FRAME-04",
        }
    }
}

/// One fault: what, and at which octet of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind of fault it is.
    pub kind: FaultKind,
    /// The octet of the stream, counted from 0 at its beginning.
    pub at: u64,
    /// The octets around it, in words for the reader: what was found there.
    pub found: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            FaultKind::UndefinedEscape => "undefined escape",
            FaultKind::NoColon => "header line without a colon",
            FaultKind::EmptyName => "header without a name",
            FaultKind::RawColon => "unescaped colon in a header value",
            FaultKind::StrayCr => "carriage return without a line feed",
            FaultKind::NotUtf8 => "command or header that is not UTF-8",
            FaultKind::StrayNul => "NUL where a frame should begin",
            FaultKind::NoCommand => "empty command line",
            FaultKind::NoBlankLine => "NUL before the blank line",
            FaultKind::BodyForbidden => "body on a frame that may have none",
            FaultKind::LengthMalformed => "content-length that is no number of octets",
            FaultKind::LengthWrong => "no NUL after content-length octets",
            FaultKind::TooLarge => "frame beyond the limit",
            FaultKind::Truncated => "stream ended within a frame",
        };
        write!(f, "{what} at octet {}: {} [{}]", self.at, self.found, self.kind.clause())
    }
}
