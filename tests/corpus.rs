//! What holds of our readers, on every input that `cargo fuzz` has kept (`fixtures/corpus`) and on others made at random.
//!
//! What is asserted stands beside each reader, in its `laws`; docs/codec.md says how a corpus is made.

#![allow(clippy::expect_used, reason = "a corpus that cannot be read fails its test")]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use stompliance::case::library::Library;
use stompliance::case::profile::Profile;
use stompliance::fuzz::{self, Family};
use stompliance::link::{sockjs, ws};
use stompliance::stomp;

/// Fewer are no corpus.
const FEWEST: usize = 50;

/// The inputs of a target, each with its file.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/corpus").join(target);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("a folder of inputs")
        .map(|entry| entry.expect("an input").path())
        .collect();
    files.sort();
    assert!(files.len() >= FEWEST, "{} inputs are left in {}", files.len(), folder.display());
    files.into_iter().map(|file| (file.clone(), fs::read(file).expect("an input"))).collect()
}

/// Says which input it was, where a law does not hold.
fn replay(target: &str, hold: fn(&[u8])) {
    for (file, octets) in corpus(target) {
        let held = std::panic::catch_unwind(|| hold(&octets));
        assert!(held.is_ok(), "a law does not hold on {}", file.display());
    }
}

#[test]
fn the_laws_of_the_codec_hold_on_its_corpus() {
    replay("stomp", stomp::laws::hold);
}

#[test]
fn the_laws_of_websocket_hold_on_its_corpus() {
    replay("websocket", ws::laws::hold);
}

#[test]
fn the_laws_of_sockjs_hold_on_its_corpus() {
    replay("sockjs", sockjs::laws::hold);
}

/// Inputs that every reader must take: its own, and those of the others.
fn inputs() -> impl Strategy<Value = Vec<u8>> {
    let families = [Family::Frames, Family::Bytes, Family::Websocket];
    let strategies = fuzz::Strategy::all(&families, &Library::embedded(), &Profile::default());
    proptest::strategy::Union::new(strategies.iter().filter_map(fuzz::Strategy::input))
        .prop_map(fuzz::Input::octets)
        // The laws read each octet by itself, many times: what is long shows no more than what is short.
        .prop_map(|octets| octets.into_iter().take(400).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold_on_what_the_fuzzer_makes(octets in inputs()) {
        stomp::laws::hold(&octets);
        ws::laws::hold(&octets);
        sockjs::laws::hold(&octets);
    }
}
