//! The three readers, each asked for the first frame of a unit.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use iridium_stomp::{StompCodec, StompItem};
use stompliance::stomp::{Decoder, FaultKind, Item, Limits, Mode};
use tokio_util::codec::Decoder as _;

use crate::peers::assert_success;

/// What a reader says of a unit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Read {
    /// Line ends before the frame (STOMP12-FRAME-05).
    pub(crate) eols: usize,
    pub(crate) said: Said,
}

/// What a reader says of a frame.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Said {
    Frame {
        command: String,
        /// In the order of the wire; of stompjs, which keeps none and one of each name only, in that of the names.
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// It is no frame; by what, is known of ours.
    Refused(Option<FaultKind>),
    /// More octets are needed.
    Waits,
}

/// Our strict reader, and how many octets it has taken.
pub(crate) fn ours(unit: &[u8]) -> (Read, usize) {
    let mut decoder = Decoder::new(Mode::Strict, Limits::default());
    decoder.feed(unit);
    let mut eols = 0;
    let said = loop {
        match decoder.next_item() {
            Some(Item::Eol) => eols += 1,
            Some(Item::Frame(frame, _)) => {
                let headers = frame.headers.iter().map(|(name, value)| (name.into(), value.into())).collect();
                break Said::Frame { command: frame.command, headers, body: frame.body };
            }
            Some(Item::Fault(fault)) => break Said::Refused(Some(fault.kind)),
            None => break Said::Waits,
        }
    };
    (Read { eols, said }, unit.len() - decoder.pending().len())
}

/// The codec of `iridium-stomp`, with our limit on a frame.
pub(crate) fn iridium(unit: &[u8]) -> Read {
    let mut codec = StompCodec::with_max_frame_size(Limits::default().frame);
    let mut octets = BytesMut::from(unit);
    let mut eols = 0;
    let said = loop {
        match codec.decode(&mut octets) {
            Ok(Some(StompItem::Heartbeat)) => eols += 1,
            Ok(Some(StompItem::Frame(frame))) => {
                break Said::Frame { command: frame.command, headers: frame.headers, body: frame.body };
            }
            Ok(None) => break Said::Waits,
            Err(_) => break Said::Refused(None),
        }
    };
    Read { eols, said }
}

/// What `parse.mjs` answers.
#[derive(serde::Deserialize)]
struct Answer {
    eols: usize,
    frame: Option<AnswerFrame>,
}

#[derive(serde::Deserialize)]
struct AnswerFrame {
    command: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// The reader of `@stomp/stompjs`, of all units at once.
pub(crate) fn stompjs(folder: &Path, units: &[Vec<u8>]) -> Vec<Read> {
    let mut command = Command::new("node");
    command.arg(folder.join("parse.mjs")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("node starts");
    let mut stdin = child.stdin.take().expect("its input");
    let lines: String = units.iter().map(|unit| STANDARD.encode(unit) + "\n").collect();
    // Beside reading: neither side waits for the other with a full pipe.
    let writing = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("node ends");
    assert_success("parse.mjs", &output);
    writing.join().expect("no panic").expect("every unit is taken");
    let text = String::from_utf8(output.stdout).expect("its answers");
    let answers: Vec<Read> = text.lines().map(answer).collect();
    assert_eq!(answers.len(), units.len(), "an answer to each unit");
    answers
}

fn answer(line: &str) -> Read {
    let Answer { eols, frame } = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    let said = frame.map_or(Said::Waits, |AnswerFrame { command, mut headers, body }| {
        headers.sort();
        Said::Frame { command, headers, body: STANDARD.decode(body).expect("base64") }
    });
    Read { eols, said }
}
