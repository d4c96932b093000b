//! What a STOMP frame is, once read: command, headers in their order, body.

/// A version of the protocol. The rules of escaping and line ends differ between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Version {
    /// STOMP 1.0: no escapes, no heart-beats.
    V10,
    /// STOMP 1.1: escapes `\n`, `\c`, `\\`.
    V11,
    /// STOMP 1.2: escapes `\r` as well; lines may end in CR LF.
    #[default]
    V12,
}

impl Version {
    /// The text used in `accept-version` and `version`.
    pub fn as_str(self) -> &'static str {
        match self {
            Version::V10 => "1.0",
            Version::V11 => "1.1",
            Version::V12 => "1.2",
        }
    }

    /// The version that a header value names, if it is one of the three.
    pub fn parse(text: &str) -> Option<Version> {
        match text {
            "1.0" => Some(Version::V10),
            "1.1" => Some(Version::V11),
            "1.2" => Some(Version::V12),
            _ => None,
        }
    }
}

/// The commands that a client may send (STOMP 1.2, "Client Frames").
pub const CLIENT_COMMANDS: [&str; 11] = [
    "CONNECT",
    "STOMP",
    "SEND",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "ACK",
    "NACK",
    "BEGIN",
    "COMMIT",
    "ABORT",
    "DISCONNECT",
];

/// The commands that a server may send (STOMP 1.2, "Server Frames").
pub const SERVER_COMMANDS: [&str; 4] = ["CONNECTED", "MESSAGE", "RECEIPT", "ERROR"];

/// Whether a frame of this command may have a body: SEND, MESSAGE and ERROR only (STOMP12-BODY-02).
pub fn may_have_body(command: &str) -> bool {
    matches!(command, "SEND" | "MESSAGE" | "ERROR")
}

/// Headers in the order of the wire, repeated ones included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// No headers.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value that counts: of repeated headers the first (STOMP12-REP-02).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Whether a header of this name is there.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Appends a header behind the others.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// All headers, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Removes every header of this name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| n != name);
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(items: T) -> Self {
        Headers(items.into_iter().map(|(n, v)| (n.into(), v.into())).collect())
    }
}

/// One frame: a command, headers, and a body of octets (empty where there is none).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// The command, as written: unknown ones are kept.
    pub command: String,
    /// The headers, decoded.
    pub headers: Headers,
    /// The body, without the NUL that ends the frame.
    pub body: Vec<u8>,
}

impl Frame {
    /// A frame without headers or body.
    pub fn new(command: impl Into<String>) -> Self {
        Frame { command: command.into(), ..Frame::default() }
    }

    /// The same frame with one more header.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// The same frame with this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }
}
