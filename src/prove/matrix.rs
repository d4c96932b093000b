//! What proving came to: servers that must be clean, defects and where they were caught, requirements that none breaks.
//!
//! It relies on trials that are over. It never decides anything but whether all of it is as it must be.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::{Conviction, null::Passed};
use crate::case::catalogue::State;
use crate::case::coverage::without_row;
use crate::case::library::Library;
use crate::case::script::{Level, Side};
use crate::defect::Defect;
use crate::words::glob;

const PAGE: &str = include_str!("matrix.html");

/// A server that must be clean.
#[derive(Debug, Clone, Serialize)]
pub struct Clean {
    /// `correct`, or the name of a variant.
    pub name: String,
    /// What it does, in one sentence.
    pub description: String,
    /// How many cases and rules were run.
    pub tried: usize,
    /// What did not pass, and why: false alarms.
    pub alarms: Vec<String>,
}

/// A server that is none, and what it passes.
#[derive(Debug, Clone, Serialize)]
pub struct NullRow {
    /// Its name.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub description: &'static str,
    /// How many cases and rules it passes.
    pub passes: usize,
    /// Those that the committed list does not have.
    pub unlisted: BTreeSet<String>,
    /// Those that only the list has.
    pub vanished: BTreeSet<String>,
}

impl NullRow {
    /// Of what it passes.
    pub fn new(null: &'static crate::reference::variants::Null, passed: Passed) -> NullRow {
        let Passed { passed, unlisted, vanished } = passed;
        NullRow { name: null.name, description: null.description, passes: passed.len(), unlisted, vanished }
    }
}

/// A case whose verdict was not the same in all repetitions.
#[derive(Debug, Clone, Serialize)]
pub struct FlakeRow {
    /// The server: `correct`, or the name of a defect.
    pub server: String,
    /// The case.
    pub case: String,
    /// How often which verdict was reached.
    pub verdicts: BTreeMap<&'static str, usize>,
}

/// A requirement, and the defects that were caught at it.
#[derive(Debug, Clone, Serialize)]
pub struct Requirement {
    /// Its id.
    pub id: String,
    /// MUST or SHOULD.
    pub level: &'static str,
    /// The defects that break it and were caught at it.
    pub caught: BTreeSet<&'static str>,
    /// Those that break it and were caught elsewhere, or not at all.
    pub uncaught: BTreeSet<&'static str>,
}

/// All of it. What was not asked for is empty.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Matrix {
    /// Who was put on trial.
    pub side: Side,
    /// The version of this program.
    pub stompliance: &'static str,
    /// The seed of everything.
    pub seed: u64,
    /// Servers that must be clean.
    pub clean: Vec<Clean>,
    /// Defects, in memory.
    pub defects: Vec<Conviction>,
    /// Some of them over sockets.
    pub over_sockets: Vec<Conviction>,
    /// Servers that are none.
    pub nulls: Vec<NullRow>,
    /// How often everything was repeated.
    pub repeated: usize,
    /// What differed.
    pub flakes: Vec<FlakeRow>,
    /// Requirements that can be tested on a server.
    pub requirements: Vec<Requirement>,
    /// Cases and rules that no defect that was tried breaks, nor any real server of the shipped profiles.
    pub idle: BTreeSet<String>,
    /// Seconds that all of it took.
    pub took_s: u64,
}

impl Matrix {
    /// Fills in what follows from the defects: requirements and idle cases.
    pub fn conclude(&mut self, library: &Library) {
        self.requirements = requirements(library, self.side, &self.defects);
        self.idle = idle(library, self.side, &self.defects);
    }

    /// Everything that is not as it must be, in words.
    pub fn complaints(&self) -> Vec<String> {
        let mut all = Vec::new();
        for clean in &self.clean {
            all.extend(clean.alarms.iter().map(|alarm| format!("false alarm on `{}`: {alarm}", clean.name)));
        }
        for row in self.defects.iter().chain(&self.over_sockets).filter(|row| !row.is_caught()) {
            let broke: Vec<_> = row.elsewhere.keys().cloned().collect();
            let elsewhere =
                if broke.is_empty() { String::new() } else { format!("; elsewhere: {}", broke.join(", ")) };
            let Defect { name, breaks, .. } = row.defect;
            let (caught, runs, breaks) = (row.caught, row.runs, breaks.join(", "));
            all.push(format!("`{name}` was caught in {caught} of {runs} runs at {breaks}{elsewhere}"));
        }
        for null in &self.nulls {
            all.extend(
                null.unlisted
                    .iter()
                    .map(|case| format!("`{}` passes {case}, which is not listed", null.name)),
            );
            all.extend(
                null.vanished
                    .iter()
                    .map(|case| format!("`{}` no longer passes {case}, which is listed", null.name)),
            );
        }
        for flake in &self.flakes {
            let verdicts: Vec<_> =
                flake.verdicts.iter().map(|(word, times)| format!("{word} {times} times")).collect();
            all.push(format!("flake on `{}`: {} is {}", flake.server, flake.case, verdicts.join(", ")));
        }
        all
    }

    /// MUSTs that no defect was caught at.
    pub fn unbroken(&self) -> Vec<String> {
        let bare = |r: &&Requirement| r.level == "MUST" && r.caught.is_empty();
        self.requirements.iter().filter(bare).map(|r| r.id.clone()).collect()
    }

    /// As part of a document, in Markdown: what it came to, and where each defect was caught.
    pub fn markdown(&self) -> String {
        let caught = self.defects.iter().filter(|row| row.is_caught()).count();
        let hard = self.defects.iter().filter(|row| row.defect.hard).count();
        let clean = self.clean.iter().filter(|c| c.alarms.is_empty()).count();
        let musts: Vec<_> = self.requirements.iter().filter(|r| r.level == "MUST").collect();
        let (bare, side) = (self.unbroken(), self.side.word());
        let mut out = format!(
            "- {clean} of {} {side}s that conform are clean.\n\
             - {caught} of {} defects are caught at a clause that they break; {hard} of them show only sometimes.\n\
             - {} of {} testable MUSTs have a defect that is caught at them.\n",
            self.clean.len(),
            self.defects.len(),
            musts.len() - bare.len(),
            musts.len(),
        );
        let listed = |names: Vec<String>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        out += &format!("- MUSTs without one: {}.\n", listed(bare));
        out += &format!(
            "- Cases and rules that nothing here fails: {}.\n",
            listed(self.idle.iter().cloned().collect())
        );
        for null in &self.nulls {
            out += &format!(
                "- `{}` passes {} cases and rules, all of them listed. {}\n",
                null.name, null.passes, null.description
            );
        }
        out += &format!("\n| defect | what the {side} does | caught at |\n|---|---|---|\n");
        for row in &self.defects {
            let at: Vec<_> = row.at.keys().cloned().collect();
            let Defect { name, description, hard, .. } = row.defect;
            let name = if *hard { format!("`{name}` (hard)") } else { format!("`{name}`") };
            out += &format!("| {name} | {} | {} |\n", description.replace('|', "\\|"), listed(at));
        }
        out
    }

    /// As a page of its own.
    ///
    /// # Errors
    /// The template cannot be filled in: a fault of this program.
    pub fn html(&self) -> Result<String, minijinja::Error> {
        let mut environment = crate::report::page();
        environment.add_template("matrix.html", PAGE)?;
        let page = environment.get_template("matrix.html")?;
        // Owned, as the template's values must be; a matrix of texts and numbers always has this form.
        let all = Serde(serde_json::to_value(self).unwrap_or_default());
        page.render(context! { m => all, complaints => self.complaints(), unbroken => self.unbroken() })
    }
}

fn requirements(library: &Library, side: Side, rows: &[Conviction]) -> Vec<Requirement> {
    let judged = |id: &str| {
        library.scripts.iter().any(|s| s.judges == side && s.requirements.iter().any(|r| r == id))
            || library.rules.iter().any(|rule| rule.judges == side && rule.requirement == id)
    };
    let testable = |r: &&crate::case::catalogue::Requirement| {
        r.state == State::Tested && judged(&r.id) && matches!(r.level, Level::Must | Level::Should)
    };
    let of = |id: &str| {
        let (mut caught, mut uncaught) = (BTreeSet::new(), BTreeSet::new());
        for row in rows.iter().filter(|row| row.defect.breaks.contains(&id)) {
            let place = if row.at.contains_key(id) { &mut caught } else { &mut uncaught };
            place.insert(row.defect.name);
        }
        (caught, uncaught)
    };
    let row = |r: &crate::case::catalogue::Requirement| {
        let (caught, uncaught) = of(&r.id);
        let level = if r.level == Level::Must { "MUST" } else { "SHOULD" };
        Requirement { id: r.id.clone(), level, caught, uncaught }
    };
    library.catalogue.values().filter(testable).map(row).collect()
}

/// Cases that can fail, and that nobody fails.
fn idle(library: &Library, side: Side, rows: &[Conviction]) -> BTreeSet<String> {
    let broken: BTreeSet<&str> = rows
        .iter()
        .flat_map(|row| row.at.values().chain(row.elsewhere.values()))
        .flatten()
        .map(|id| without_row(id))
        .collect();
    let known: Vec<&str> = library
        .profiles
        .values()
        .flat_map(|p| &p.known)
        .filter_map(|known| known.case.as_deref())
        .map(without_row)
        .collect();
    let fails = |id: &str| broken.contains(id) || known.iter().any(|pattern| glob(pattern, id));
    let cases = library
        .scripts
        .iter()
        .filter(|s| s.judges == side && s.points.is_empty())
        .map(|s| without_row(&s.id).to_owned());
    let rules = library.rules.iter().filter(|rule| rule.judges == side).map(|rule| rule.id.clone());
    cases.chain(rules).filter(|id| !fails(id)).collect()
}
