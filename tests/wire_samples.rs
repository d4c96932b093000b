//! The codec on octets that others wrote: `@stomp/stompjs` and RabbitMQ, recorded in `fixtures/wire`.
//!
//! Harness and reference server share the codec and could share a mistake. What must be found in each recording is
//! in its index, which comes from what was sent and an independent reader (`fixtures/wire/README.md`).

#![allow(clippy::expect_used, reason = "a fixture that cannot be read fails its test")]

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use stompliance::stomp::{Decoder, FaultKind, Frame, Item, Limits, Mode, Version};

/// One recording of one direction of a connection.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recording {
    file: String,
    direction: String,
    source: String,
    version: String,
    /// Line ends between and behind the frames.
    eols: usize,
    frames: Vec<Expected>,
}

/// A frame that is in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    command: String,
    headers: Vec<(String, String)>,
    body_hex: String,
    /// Clauses that the writer breaks in it, in the order of the octets.
    #[serde(default)]
    faults: Vec<String>,
}

impl Expected {
    fn frame(&self) -> Frame {
        let octet =
            |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("hex"), 16).expect("hex");
        Frame {
            command: self.command.clone(),
            headers: self.headers.iter().cloned().collect(),
            body: self.body_hex.as_bytes().chunks(2).map(octet).collect(),
        }
    }

    /// What a strict reader stops at: an unescaped colon alone is let pass.
    fn fatal(&self) -> Option<&str> {
        self.faults.iter().map(String::as_str).find(|clause| *clause != FaultKind::RawColon.clause())
    }
}

/// What a reader made of a stream.
#[derive(Debug, Default, PartialEq)]
struct Found {
    frames: Vec<(Frame, Vec<String>)>,
    eols: usize,
    stopped: Option<String>,
    unfinished: Option<String>,
}

fn read<'a>(mode: Mode, version: Version, pieces: impl IntoIterator<Item = &'a [u8]>) -> Found {
    let mut decoder = Decoder::new(mode, Limits::default());
    decoder.set_version(version);
    let mut found = Found::default();
    for piece in pieces {
        decoder.feed(piece);
        while let Some(item) = decoder.next_item() {
            match item {
                Item::Frame(frame, faults) => {
                    found.frames.push((frame, faults.iter().map(|f| f.kind.clause().to_owned()).collect()));
                }
                Item::Eol => found.eols += 1,
                Item::Fault(fault) => found.stopped = Some(fault.kind.clause().to_owned()),
            }
        }
    }
    found.unfinished = decoder.finish().map(|fault| fault.to_string());
    found
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/wire")
}

/// Every recording with its octets.
fn recordings() -> Vec<(Recording, Vec<u8>)> {
    let index = fs::read_to_string(folder().join("index.json")).expect("fixtures/wire/index.json");
    let index: Vec<Recording> = serde_json::from_str(&index).expect("the index is as this test reads it");
    index
        .into_iter()
        .map(|recording| {
            let octets = fs::read(folder().join(&recording.file)).expect(&recording.file);
            (recording, octets)
        })
        .collect()
}

/// Reads a recording as a whole, octet by octet, and cut in two at every octet.
fn read_in_every_way(mode: Mode, recording: &Recording, octets: &[u8]) -> Found {
    let version = Version::parse(&recording.version).expect("a version of STOMP");
    let whole = read(mode, version, [octets]);
    assert_eq!(read(mode, version, octets.chunks(1)), whole, "{}, octet by octet", recording.file);
    for cut in 1..octets.len() {
        let (left, right) = octets.split_at(cut);
        assert_eq!(read(mode, version, [left, right]), whole, "{}, cut at octet {cut}", recording.file);
    }
    whole
}

#[test]
fn a_lenient_reader_finds_every_frame_and_names_every_fault() {
    for (recording, octets) in recordings() {
        let found = read_in_every_way(Mode::Lenient, &recording, &octets);
        let frames = recording.frames.iter().map(|e| (e.frame(), e.faults.clone())).collect();
        let expected = Found { frames, eols: recording.eols, stopped: None, unfinished: None };
        assert_eq!(found, expected, "{}", recording.file);
    }
}

#[test]
fn a_strict_reader_stops_at_the_first_fault() {
    for (recording, octets) in recordings() {
        let found = read_in_every_way(Mode::Strict, &recording, &octets);
        let good: Vec<_> = recording.frames.iter().take_while(|e| e.fatal().is_none()).collect();
        let expected: Vec<_> = good.iter().map(|e| (e.frame(), Vec::new())).collect();
        assert_eq!(found.frames, expected, "{}", recording.file);
        let fatal = recording.frames.get(good.len()).and_then(Expected::fatal);
        assert_eq!(found.stopped.as_deref(), fatal, "{}", recording.file);
        assert_eq!(found.unfinished, None, "{}", recording.file);
        if fatal.is_none() {
            assert_eq!(found.eols, recording.eols, "{}", recording.file);
        }
    }
}

#[test]
fn both_directions_both_sources_and_all_versions_are_recorded() {
    let seen = |wanted: &str| {
        let key = |r: &Recording| format!("{} {} {}", r.source, r.direction, r.version);
        assert!(recordings().iter().any(|(r, _)| key(r).contains(wanted)), "no recording of {wanted}");
    };
    for wanted in ["stompjs", "RabbitMQ", "to-server 1.1", "to-server 1.2"] {
        seen(wanted);
    }
    for version in ["1.0", "1.1", "1.2"] {
        seen(&format!("to-client {version}"));
    }
}
