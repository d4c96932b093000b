//! Our decoder against two that are not ours, `@stomp/stompjs` in Node and the crate `iridium-stomp`, on the same octets.
//!
//! A *unit* is the octets from where a frame begins to the end of its stream. Of each it is asked what the first frame in
//! it is. Where two readers differ, a class says so in advance, by the octets of the unit alone (`differential/classes.rs`);
//! what differs otherwise fails the test, and so does a class that nothing falls into. docs/codec.md has the table.

#![allow(clippy::expect_used, reason = "what goes wrong around the peers fails the test with these words")]
#![allow(clippy::print_stdout, reason = "how often each class was met is told to who asks by --nocapture")]

#[path = "differential/classes.rs"]
mod classes;
#[path = "differential/grammar.rs"]
mod grammar;
#[path = "common/peers.rs"]
mod peers;
#[path = "differential/readers.rs"]
mod readers;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use stompliance::case::library::Library;
use stompliance::case::profile::Profile;
use stompliance::fuzz::{Family, Input, Strategy};

use classes::{IRIDIUM, STOMPJS};
use grammar::Sketch;
use peers::{root, skip, succeeds};
use readers::{Read, Said, iridium, ours, stompjs};

/// Inputs that are made, besides the corpus.
const MADE: usize = 6_000;
/// Differences that are shown where there are more.
const SHOWN: usize = 5;

/// Frames, valid and nearly so, and octets with pieces of frames: always the same.
fn made() -> Vec<Vec<u8>> {
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[12; 32]));
    let families = [Family::Frames, Family::Bytes];
    let strategies = Strategy::all(&families, &Library::embedded(), &Profile::default());
    let strategies: Vec<_> = [0, 0, 1].iter().filter_map(|&nth| strategies[nth].input()).collect();
    let one =
        |nth: usize| strategies[nth % strategies.len()].new_tree(&mut runner).expect("an input").current();
    (0..MADE).map(one).map(Input::octets).collect()
}

fn corpus() -> Vec<Vec<u8>> {
    let folder = root().join("fixtures/corpus/stomp");
    let files = fs::read_dir(folder).expect("the corpus of the codec");
    files.map(|entry| fs::read(entry.expect("an input").path()).expect("an input")).collect()
}

/// Every unit of every input, each once.
fn units() -> BTreeSet<Vec<u8>> {
    let mut units = BTreeSet::new();
    for stream in corpus().into_iter().chain(made()) {
        let mut start = 0;
        loop {
            let unit = &stream[start..];
            let (reading, taken) = ours(unit);
            units.insert(unit.to_vec());
            match reading.said {
                Said::Frame { .. } if start + taken < stream.len() => start += taken,
                _ => break,
            }
        }
    }
    units
}

/// How often each class was met, or what was met that is in none.
#[derive(Default)]
struct Met {
    classes: BTreeMap<&'static str, usize>,
    unexplained: Vec<String>,
    alike: usize,
}

impl Met {
    fn note(
        &mut self,
        unit: &[u8],
        mine: &Read,
        theirs: &Read,
        explained: Result<Vec<&'static str>, String>,
    ) {
        match explained {
            Ok(classes) if classes.is_empty() => self.alike += 1,
            Ok(classes) => classes.into_iter().for_each(|class| *self.classes.entry(class).or_default() += 1),
            Err(why) => {
                let unit = unit.escape_ascii().to_string();
                self.unexplained
                    .push(format!("{why}\n  unit   {unit:.400}\n  ours   {mine:?}\n  theirs {theirs:?}"));
            }
        }
    }

    /// Fails where a difference is in no class, or nothing in a class.
    fn judge(&self, peer: &str, classes: &[&'static str]) {
        println!("{peer}: {} units are read alike", self.alike);
        self.classes.iter().for_each(|(class, count)| println!("{count:6}  {class}"));
        let shown = self.unexplained.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("\n");
        assert!(
            self.unexplained.is_empty(),
            "{} differences are in no class:\n{shown}",
            self.unexplained.len()
        );
        for class in classes {
            assert!(self.classes.contains_key(class), "nothing falls into {class:?}: is it still true?");
        }
        assert!(self.alike > MADE / 3, "{} units read alike prove little", self.alike);
    }
}

#[test]
fn what_we_refuse_is_refused_by_the_grammar_and_nothing_else_is() {
    let (mut refused, mut read) = (0, 0);
    for unit in units() {
        let (reading, _) = ours(&unit);
        let broken = Sketch::of(&unit).broken();
        match reading.said {
            Said::Refused(Some(kind)) => {
                assert!(broken.contains(&kind), "{kind:?}, not {broken:?}: {}", unit.escape_ascii());
                refused += 1;
            }
            said => {
                assert!(broken.is_empty(), "{broken:?}, but {said:?}: {}", unit.escape_ascii());
                read += 1;
            }
        }
    }
    assert!(refused > 500 && read > 500, "{refused} units were refused, {read} were not");
}

#[test]
fn iridium_stomp_reads_what_we_read() {
    let mut met = Met::default();
    for unit in units() {
        let (mine, theirs) = (ours(&unit).0, iridium(&unit));
        let explained = classes::of_iridium(&unit, &mine, &theirs);
        met.note(&unit, &mine, &theirs, explained);
    }
    met.judge("iridium-stomp", &IRIDIUM);
}

#[test]
fn stompjs_reads_what_we_read() {
    let folder = root().join("tests/interop/node");
    if !folder.join("node_modules/@stomp/stompjs").exists() {
        return skip("the reader of stompjs", "tests/interop/node/node_modules is not installed");
    }
    if !succeeds(Command::new("node").arg("--version")) {
        return skip("the reader of stompjs", "there is no `node`");
    }
    let units: Vec<Vec<u8>> = units().into_iter().collect();
    let mut met = Met::default();
    for (unit, theirs) in units.iter().zip(stompjs(&folder, &units)) {
        let (mine, _) = ours(unit);
        let explained = classes::of_stompjs(unit, &mine, &theirs);
        met.note(unit, &mine, &theirs, explained);
    }
    met.judge("@stomp/stompjs", &STOMPJS);
}

#[test]
fn every_class_stands_in_the_document() {
    let document = fs::read_to_string(root().join("docs/codec.md")).expect("docs/codec.md");
    for class in STOMPJS.iter().chain(&IRIDIUM) {
        assert!(document.contains(&format!("| {class} |")), "docs/codec.md does not explain {class:?}");
    }
    let rows =
        document.lines().filter(|line| line.starts_with("| stompjs: ") || line.starts_with("| iridium: "));
    assert_eq!(rows.count(), STOMPJS.len() + IRIDIUM.len(), "docs/codec.md explains what is no class");
}
