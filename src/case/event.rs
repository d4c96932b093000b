//! What happens in a case, as it is logged and judged (docs/language.md 9).
//!
//! It relies on nothing but serde: an event is a line of the journal and an entry of `transcript[]`. It never holds
//! a secret: frames are redacted before they become events.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::json::parse;
use crate::stomp;

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Microseconds since the start of the run, by the clock that decides.
    pub at: u64,
    /// The connection that it concerns: `alice`, `bob/phone`, `crowd/7`, `prober`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub on: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// Which part of a case an instance belongs to; it decides whose clause a failure is (docs/language.md 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Bringing the cast to their states.
    Cast,
    /// Preparing.
    Given,
    /// Deciding.
    Steps,
    /// The engine's own: barriers, settling, probes.
    Engine,
}

/// Which way something went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// From us to the target.
    Out,
    /// From the target to us.
    In,
}

/// One of the standard streams of the client under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stdio {
    /// What it is told.
    In,
    /// What it tells.
    Out,
    /// What it says besides.
    Err,
}

/// Who ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// The target.
    Target,
    /// The harness.
    Us,
}

/// How it was known that nothing more comes (docs/verdicts.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BarrierKind {
    /// The target ended the connection.
    Closed,
    /// One marked message from the connection that acted, where order is kept.
    Witness,
    /// Two of them, one after the other, and a grace.
    Witnesses,
    /// Two by another connection, and a longer grace.
    ByAnother,
    /// We closed, and read to the end.
    Ended,
    /// A window of time, for clauses about time.
    Window,
    /// The client under test was told to quit, and has exited.
    Exited,
}

impl BarrierKind {
    /// The word in the log.
    pub fn word(self) -> &'static str {
        match self {
            BarrierKind::Closed => "closed",
            BarrierKind::Witness => "witness",
            BarrierKind::Witnesses => "witnesses",
            BarrierKind::ByAnother => "by-another",
            BarrierKind::Ended => "ended",
            BarrierKind::Window => "window",
            BarrierKind::Exited => "exited",
        }
    }
}

/// The kinds of event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// A step begins. Its values are computed now, by the judge.
    Begin {
        /// The instance: a step may run many times.
        run: u32,
        /// The step of the expanded case.
        step: u32,
        /// The instance within which it runs.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        up: Option<u32>,
        /// The part of the case.
        phase: Phase,
        /// Names that the engine binds for it: the round of a repeat, the receiver of a witness.
        #[serde(skip_serializing_if = "Map::is_empty", default)]
        names: Map<String, Value>,
    },
    /// A step ends.
    End {
        /// The instance.
        run: u32,
    },
    /// A step was not carried out.
    Skip {
        /// The instance.
        run: u32,
        /// Why.
        why: String,
    },
    /// A connection is being opened.
    Dial {
        /// Path and query, redacted.
        url: String,
    },
    /// An HTTP request or response.
    Http {
        /// Which way.
        way: Way,
        /// The status of a response.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        status: Option<u16>,
        /// Method and path of a request.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        request: Option<String>,
        /// Headers, in order.
        headers: Vec<(String, String)>,
        /// The body.
        body: Body,
    },
    /// The upgrade succeeded.
    Opened {
        /// The sub-protocol that the target chose.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        protocol: Option<String>,
    },
    /// A frame was sent.
    Sent {
        /// The frame.
        frame: Seen,
    },
    /// A frame came.
    Came {
        /// The frame.
        frame: Seen,
    },
    /// A frame came on a connection that lingers after its case.
    Late {
        /// The frame.
        frame: Seen,
    },
    /// Octets that are no frame were sent: `bytes`, `ws: raw`.
    Octets {
        /// Which way.
        way: Way,
        /// The octets.
        octets: Body,
    },
    /// A heart-beat: an EOL between frames.
    Beat {
        /// Which way.
        way: Way,
    },
    /// A WebSocket control frame.
    Ws {
        /// Which way.
        way: Way,
        /// `ping`, `pong`, `close`.
        kind: String,
        /// Its payload, or the close code and reason.
        text: String,
    },
    /// Something that the strict reader refuses.
    Malformed {
        /// The clause that it breaks.
        clause: String,
        /// What it is.
        what: String,
    },
    /// The client under test was started.
    Started {
        /// How.
        command: String,
        /// Whether it was restarted, in the process that had run for another case (docs/drivers.md).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        again: bool,
    },
    /// A line on one of its standard streams.
    Line {
        /// Which.
        stream: Stdio,
        /// The line, without its end.
        text: String,
    },
    /// It has exited, and nothing more is in its streams.
    Exited {
        /// Who ended it.
        by: By,
        /// Its exit status, where it has one.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        status: Option<i32>,
        /// How it ended, in words.
        how: String,
    },
    /// The connection has ended.
    Ended {
        /// Who ended it.
        by: By,
        /// The close code, where there was one.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        code: Option<u16>,
        /// The reason, or how it ended without a close frame.
        reason: String,
    },
    /// A wait ran out of patience.
    Deadline {
        /// The instance, or none where the engine waited at the end of a case for what a rule wants.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        run: Option<u32>,
        /// The patience.
        patience_ms: u64,
        /// The round trip it came from.
        round_trip_us: u64,
    },
    /// A barrier was tried.
    Barrier {
        /// The instance that it serves.
        run: u32,
        /// Its kind.
        kind: BarrierKind,
        /// The road that the witnesses took.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        road: Option<String>,
        /// Contents of the witnesses.
        witnesses: Vec<String>,
        /// The grace after the last.
        grace_us: u64,
        /// Whether it held; a lost one is a failure of the road.
        held: bool,
        /// The clause of the road, or of the cast, that a lost one breaks.
        clause: String,
        /// What was lost.
        #[serde(skip_serializing_if = "String::is_empty", default)]
        why: String,
    },
    /// What was done before has been worked off, or was not.
    Settled {
        /// The instance.
        run: u32,
        /// `receipt`, `probe`, `control`, `end`.
        by: String,
        /// Whether it came about.
        held: bool,
    },
    /// A window of time has passed.
    Window {
        /// The instance.
        run: u32,
    },
    /// The harness itself was late.
    Stall {
        /// By so much.
        us: u64,
    },
    /// The canary's answer.
    Target {
        /// Whether the target is up.
        up: bool,
        /// What was seen.
        why: String,
    },
    /// The target's accounts do not suffice to go on: what was judged so far stands.
    Unable {
        /// What it would take.
        why: String,
    },
    /// The harness is at fault, or the case was given up.
    Fault {
        /// Why there is no verdict.
        why: String,
    },
    /// The case was carried out to its end.
    Done,
}

/// A body, in the form that keeps it whole and readable.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// UTF-8 text.
    Text(String),
    /// Octets in hexadecimal.
    Hex(String),
    /// Text kept in a file beside the report, named by its hash.
    TextFile(String, usize),
    /// Nothing.
    #[default]
    Empty,
}

impl Body {
    /// The body that these octets are.
    pub fn from_octets(octets: &[u8]) -> Self {
        match std::str::from_utf8(octets) {
            Ok("") => Body::Empty,
            Ok(text) => Body::Text(text.to_owned()),
            Err(_) => Body::Hex(octets.iter().map(|b| format!("{b:02x}")).collect()),
        }
    }

    /// The text, where it is text: octets that are not are shown in hexadecimal.
    pub fn text(&self) -> &str {
        match self {
            Body::Text(text) | Body::Hex(text) => text,
            Body::TextFile(..) | Body::Empty => "",
        }
    }
}

/// A frame as it was seen, redacted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// The command.
    pub command: String,
    /// Headers in order, repeated ones included.
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(default)]
    pub body: Body,
    /// Its octets on the wire, where a plain writing of the above would give others: CR LF, escapes that need not be or are
    /// missing. Of long frames, and of those that are no UTF-8, they are not kept.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub wire: Option<Body>,
}

/// Octets of a frame beyond which they are not kept beside what was read from them.
const MOST_WIRE: usize = 4096;

impl Seen {
    /// A frame as seen, with the octets that it was read from; `redact` replaces secrets by their names.
    pub fn new(frame: &stomp::Frame, octets: &[u8], redact: &dyn Fn(&str) -> String) -> Self {
        let plain = stomp::Style { content_length: stomp::ContentLength::AsGiven, ..stomp::Style::default() };
        let kept = (1..=MOST_WIRE).contains(&octets.len()) && stomp::encode_with(frame, &plain) != octets;
        // Secrets are concealed in text: octets that are none might hold one, in hexadecimal.
        let text = std::str::from_utf8(octets).ok().filter(|_| kept);
        let wire = text.map(|text| Body::Text(redact(text)));
        let body = match Body::from_octets(&frame.body) {
            Body::Text(text) => Body::Text(redact(&text)),
            other => other,
        };
        let headers = frame.headers.iter().map(|(n, v)| (redact(n), redact(v))).collect();
        Seen { command: redact(&frame.command), headers, body, wire }
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Whether this text stands anywhere in it.
    pub fn mentions(&self, text: &str) -> bool {
        self.body.text().contains(text) || self.headers.iter().any(|(_, v)| v.contains(text))
    }

    /// The same, leaving out the headers that the receiver chose or the server made: by them anybody's message would
    /// look like one's own.
    pub fn carries(&self, text: &str) -> bool {
        const OTHERS: [&str; 3] = ["subscription", "message-id", "ack"];
        let own = self.headers.iter().filter(|(n, _)| !OTHERS.contains(&n.as_str()));
        self.body.text().contains(text) || own.into_iter().any(|(_, v)| v.contains(text))
    }

    /// What patterns are matched against and names are bound to.
    pub fn record(&self) -> Value {
        let mut headers = Map::new();
        for (name, value) in &self.headers {
            // Of repeated headers the first counts (STOMP12-REP-02).
            headers.entry(name.clone()).or_insert_with(|| Value::from(value.as_str()));
        }
        let mut record = json!({ "command": self.command, "headers": headers, "body": self.body.text() });
        if let (Some(members), Some(json)) = (record.as_object_mut(), parse(self.body.text())) {
            members.insert("json".into(), json);
        }
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_of_json_and_back() {
        let frame = Seen {
            command: "MESSAGE".into(),
            headers: vec![("a".into(), "1".into()), ("a".into(), "2".into())],
            body: Body::from_octets(b"{\"x\":1}\n"),
            wire: None,
        };
        assert_eq!(frame.record()["headers"]["a"], "1");
        assert_eq!(frame.record()["json"]["x"], 1);
        let event = Event { at: 7, on: Some("alice".into()), what: What::Came { frame } };
        let line = serde_json::to_string(&event).unwrap();
        assert_eq!(
            line,
            r#"{"at":7,"on":"alice","event":"came","frame":{"command":"MESSAGE","headers":[["a","1"],["a","2"]],"body":{"text":"{\"x\":1}\n"}}}"#
        );
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
    }

    #[test]
    fn octets_are_kept_where_a_plain_writing_would_give_others() {
        let frame = stomp::Frame::new("MESSAGE").with("a", "x:y").body("hi");
        let redact = |text: &str| text.replace("hi", "«it»");
        assert_eq!(Seen::new(&frame, b"MESSAGE\na:x\\cy\n\nhi\0", &redact).wire, None);
        let seen = Seen::new(&frame, b"MESSAGE\r\na:x:y\r\n\r\nhi\0", &redact);
        assert_eq!(seen.wire, Some(Body::Text("MESSAGE\r\na:x:y\r\n\r\n«it»\0".into())));
        assert_eq!(
            Seen::new(&frame, b"MESSAGE\r\na:hi\xff\r\n\r\n\0", &redact).wire,
            None,
            "no secret in hexadecimal"
        );
    }
}
