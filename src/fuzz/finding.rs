//! What was found, as a file that `run` takes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::Scenario;
use super::scenario;
use super::trial::Failure;
use crate::report::visible;

/// The file of scenarios that have failed: they are tried first the next time.
const REGRESSIONS: &str = "regressions.txt";

/// Something that breaks a target.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The seed.
    pub seed: u64,
    /// The number of the scenario in which it was found.
    pub number: u64,
    /// The smallest scenario that shows it.
    pub scenario: Scenario,
    /// What it broke.
    pub failure: Failure,
    /// Whether it broke again, alone and on a fresh server.
    pub reproduced: bool,
    /// Scenarios that it took to make it so small.
    pub runs: usize,
    /// The kinds of failure that have come to this.
    pub kinds: BTreeSet<String>,
}

impl Finding {
    /// As it was found, before it was tried again.
    pub(super) fn new(seed: u64, scenario: &Scenario, failure: Failure) -> Self {
        let kinds = BTreeSet::from([failure.kind()]);
        let (scenario, number) = (scenario.clone(), scenario.number);
        Finding { seed, number, scenario, failure, reproduced: false, runs: 0, kinds }
    }

    /// Whether a failure of this kind is this finding.
    pub(super) fn includes(&self, kind: &str) -> bool {
        self.kinds.contains(kind)
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.scenario.name()
    }

    /// The name of its file; a scenario may show several things.
    fn file(&self) -> String {
        let clause = match &*self.failure.clause {
            "" => "down".to_owned(),
            clause => clause.to_ascii_lowercase(),
        };
        format!("{}-{clause}.yaml", self.name())
    }

    /// The suite, with what is to be known about it before.
    pub fn text(&self, flags: &str) -> String {
        let mut out = String::new();
        let mut say = |text: &str| {
            let _ = writeln!(out, "# {}", visible(text));
        };
        say(&format!(
            "Found by `stompliance fuzz --strategy {} --seed {}`, scenario {}.",
            self.scenario.strategy.family.word(),
            self.seed,
            self.number
        ));
        if !self.failure.clause.is_empty() {
            say(&format!("clause    {}", self.failure.clause));
        }
        say(&format!("expected  {}", self.failure.expected));
        say(&format!("came      {}", self.failure.got));
        say(&match self.reproduced {
            true => format!("again     stompliance run {}{flags}", self.file()),
            false => "It did not break again when it was tried alone: it may be a race, or the state that others left.".to_owned(),
        });
        out + &scenario::suite(std::slice::from_ref(&self.scenario))
    }

    /// Writes it into a folder, and notes where to look the next time; the path.
    ///
    /// # Errors
    /// What the system says of the files.
    pub fn write(&self, folder: &Path, flags: &str) -> std::io::Result<PathBuf> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join(self.file());
        std::fs::write(&path, self.text(flags))?;
        let regressions = folder.join(REGRESSIONS);
        let mut known = std::fs::read_to_string(&regressions).unwrap_or_default();
        let line = format!("{} {} {}", self.seed, self.scenario.strategy.word(), self.number);
        if !known.lines().any(|known| known == line) {
            known.push_str(&line);
            known.push('\n');
            std::fs::write(&regressions, known)?;
        }
        Ok(path)
    }
}

/// What failed before with this seed, by the notes in a folder: strategies and numbers.
pub fn before(folder: &Path, seed: u64) -> Vec<(String, u64)> {
    let text = std::fs::read_to_string(folder.join(REGRESSIONS)).unwrap_or_default();
    let line = |line: &str| {
        let mut words = line.split(' ');
        let (of, word, number) = (words.next()?, words.next()?, words.next()?);
        Some((of.parse::<u64>().ok()?, word.to_owned(), number.parse::<u64>().ok()?))
    };
    let known = text.lines().filter_map(line).filter(|(of, _, _)| *of == seed);
    known.map(|(_, word, number)| (word, number)).collect()
}
