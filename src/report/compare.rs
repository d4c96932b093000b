//! Several runs beside one another: of several targets, or of one target over time. Requirements by run, and what
//! changed for the cases between the first run and the last.
//!
//! It relies on what reports are made of. It judges nothing: it puts verdicts side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;

use colored::Colorize as _;
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use super::collect::{Gathered, RunInfo};
use super::lang::{Lang, Text};
use super::sentence::sentence;
use super::standing;
use super::wire::visible;
use crate::case::library::Library;
use crate::judge::Verdict;

/// Characters of a reason on the terminal.
const REASON: usize = 240;
const NAME: &str = "compare.html";
const TEMPLATE: &str = include_str!("compare.html");

/// What became of a case from the first run to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It fails, or has no verdict any more, and did not in the first run.
    Worse,
    /// It failed or had no verdict, and now has a better one.
    Mended,
    /// It was not there, or was not applicable, and is judged now.
    Covered,
    /// It was judged, and is not there now, or not applicable.
    Uncovered,
    /// Another verdict that is neither better nor worse.
    Other,
    /// The same.
    Same,
}

impl Change {
    /// All that are told, the gravest first.
    pub const TOLD: [Change; 5] =
        [Change::Worse, Change::Mended, Change::Covered, Change::Uncovered, Change::Other];

    /// As a heading.
    pub fn title(self) -> &'static str {
        match self {
            Change::Worse => "Worse",
            Change::Mended => "Mended",
            Change::Covered => "Newly judged",
            Change::Uncovered => "No longer judged",
            Change::Other => "Otherwise",
            Change::Same => "The same",
        }
    }

    fn between(first: Option<Verdict>, last: Option<Verdict>) -> Change {
        let judged = |v: Option<Verdict>| v.filter(|v| *v != Verdict::NotApplicable);
        match (judged(first), judged(last)) {
            (None, None) => Change::Same,
            (None, Some(verdict)) if grade(verdict) > 1 => Change::Worse,
            (None, Some(_)) => Change::Covered,
            (Some(_), None) => Change::Uncovered,
            (Some(a), Some(b)) if a == b => Change::Same,
            (Some(a), Some(b)) if grade(b) > grade(a) => Change::Worse,
            (Some(a), Some(b)) if grade(b) < grade(a) => Change::Mended,
            _ => Change::Other,
        }
    }
}

/// How bad a verdict is: what passes, what breaks a SHOULD, what fails or came to no verdict.
fn grade(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Pass | Verdict::Observed | Verdict::Known | Verdict::Fixed | Verdict::NotApplicable => 0,
        Verdict::Warn => 1,
        Verdict::Fail | Verdict::Error => 2,
    }
}

/// A run.
#[derive(Debug, Clone, Serialize)]
pub struct Column {
    /// What tells it from the others: its target, or its file where the targets are the same.
    pub name: String,
    /// The file.
    pub file: String,
    /// The target.
    pub target: String,
    /// When it was started.
    pub started: String,
    /// The profile.
    pub profile: String,
    /// The version of the program.
    pub stompliance: String,
    /// What it says of the target.
    pub sentence: Text,
    /// How many cases came to which verdict.
    pub counts: Vec<(&'static str, usize)>,
}

/// A requirement in all runs.
#[derive(Debug, Clone, Serialize)]
pub struct RequirementRow {
    /// Its id.
    pub id: String,
    /// MUST or SHOULD.
    pub level: &'static str,
    /// What it says.
    pub text: String,
    /// Its state in each run.
    pub states: Vec<&'static str>,
    /// Whether they are not all the same.
    pub differs: bool,
}

/// A case in all runs.
#[derive(Debug, Clone, Serialize)]
pub struct CaseRow {
    /// Its id.
    pub id: String,
    /// Its verdict in each run; of several rounds the worst.
    pub verdicts: Vec<&'static str>,
    /// Why it came to the last one.
    pub reason: String,
    /// What became of it.
    pub change: Change,
}

/// Runs beside one another.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The runs.
    pub columns: Vec<Column>,
    /// Whether each is of another target.
    pub by_target: bool,
    /// Requirements that one of them covers.
    pub requirements: Vec<RequirementRow>,
    /// Cases that are in one of them.
    pub cases: Vec<CaseRow>,
}

impl Comparison {
    /// Of runs with the names of their files.
    ///
    /// # Errors
    /// A record that cannot be read.
    pub fn new(runs: &[(String, RunInfo, Gathered)], library: &Library) -> io::Result<Self> {
        let targets: BTreeSet<&str> = runs.iter().map(|(_, info, _)| info.target.as_str()).collect();
        let by_target = targets.len() == runs.len();
        let columns = runs.iter().map(|(file, info, gathered)| Column {
            name: if by_target { info.target.clone() } else { file.clone() },
            file: file.clone(),
            target: info.target.clone(),
            started: info.started.clone(),
            profile: if info.profile.name.is_empty() { "none".into() } else { info.profile.name.clone() },
            stompliance: info.stompliance.clone(),
            sentence: Text::say(|lang| sentence(info, &gathered.briefs, lang).1),
            counts: Verdict::ALL
                .iter()
                .map(|v| (v.word(), gathered.summary.of(*v)))
                .filter(|(_, count)| *count > 0)
                .collect(),
        });
        Ok(Comparison {
            columns: columns.collect(),
            by_target,
            requirements: requirements(runs, library)?,
            cases: cases(runs),
        })
    }

    /// Cases to which this happened.
    pub fn with(&self, change: Change) -> impl Iterator<Item = &CaseRow> {
        self.cases.iter().filter(move |case| case.change == change)
    }

    /// What changed from the first run to the last, in a line.
    pub fn line(&self, lang: Lang) -> String {
        let told = Change::TOLD.iter().chain(&[Change::Same]);
        let counted = told
            .map(|change| (change, self.with(*change).count()))
            .filter(|(change, count)| *count > 0 || matches!(change, Change::Worse | Change::Same));
        let parts: Vec<_> =
            counted.map(|(change, n)| format!("{n} {}", lang.word(change.title()).to_lowercase())).collect();
        parts.join(", ")
    }

    /// What it comes to: of several targets, how many requirements tell them apart.
    pub fn headline(&self, lang: Lang) -> String {
        if !self.by_target {
            return self.line(lang);
        }
        let differing = self.requirements.iter().filter(|row| row.differs).count();
        let (all, targets) = (self.requirements.len(), self.columns.len());
        lang.pick(
            format!("{targets} targets: {differing} of {all} requirements stand differently"),
            format!("{targets} 个被测对象:{all} 条要求中有 {differing} 条状态不同"),
        )
    }

    /// For the terminal.
    pub fn text(&self, lang: Lang) -> String {
        let mut out = String::new();
        for (nth, column) in self.columns.iter().enumerate() {
            let _ = writeln!(out, "{} {}", format!("[{}]", nth + 1).bold(), visible(&column.name).bold());
            let _ = writeln!(out, "    {}", visible(column.sentence.of(lang)));
        }
        let differing: Vec<&RequirementRow> = self.requirements.iter().filter(|row| row.differs).collect();
        if !differing.is_empty() {
            let _ = writeln!(out, "\n{}", lang.word("Requirements that stand differently").bold());
        }
        let heads: Vec<String> = (1..=self.columns.len()).map(|nth| format!("[{nth}]")).collect();
        let widths: Vec<usize> = (0..heads.len())
            .map(|at| differing.iter().map(|r| lang.word(r.states[at]).width()).max().unwrap_or(0).max(3))
            .collect();
        let name = differing.iter().map(|row| row.id.len()).max().unwrap_or(0);
        let row = |cells: &mut dyn Iterator<Item = (&str, colored::ColoredString)>| -> String {
            cells
                .zip(&widths)
                .map(|((plain, shown), width)| format!("  {shown}{}", " ".repeat(width - plain.width())))
                .collect()
        };
        if !differing.is_empty() {
            let cells = row(&mut heads.iter().map(|head| (head.as_str(), head.as_str().dimmed())));
            let _ = writeln!(out, "  {}{}", " ".repeat(name), cells.trim_end());
        }
        for one in differing {
            let cells = row(&mut one.states.iter().map(|s| (lang.word(s), coloured(s, lang))));
            let _ = writeln!(out, "  {:<name$}{}", one.id, cells.trim_end());
        }
        for change in Change::TOLD {
            let rows: Vec<&CaseRow> = self.with(change).collect();
            if rows.is_empty() {
                continue;
            }
            let _ = writeln!(
                out,
                "\n{} {}",
                lang.word(change.title()).bold(),
                format!("({})", rows.len()).dimmed()
            );
            for case in rows {
                let verdicts: Vec<String> =
                    case.verdicts.iter().map(|word| coloured(word, lang).to_string()).collect();
                let _ = writeln!(out, "  {}  {}", verdicts.join(" → "), case.id);
                if change == Change::Worse && !case.reason.is_empty() {
                    let reason: String = visible(&case.reason).chars().take(REASON).collect();
                    let _ = writeln!(out, "      {}", reason.dimmed());
                }
            }
        }
        if self.by_target {
            let _ = writeln!(out, "\n{}", self.headline(lang).bold());
        }
        let line = format!("{} {}", self.line(lang), lang.word("(from the first to the last)"));
        let line =
            if self.with(Change::Worse).next().is_some() { line.red().bold() } else { line.green().bold() };
        let _ = writeln!(out, "\n{line}");
        out
    }

    /// In Markdown.
    pub fn markdown(&self, lang: Lang) -> String {
        use super::markdown::{code, prose};
        let (run, says) = (lang.word("Run"), lang.word("Says"));
        let mut out = format!("## {}\n\n| | {run} | {says} |\n|---|---|---|\n", self.headline(lang));
        for (nth, column) in self.columns.iter().enumerate() {
            let _ = writeln!(
                out,
                "| {} | {} | {} |",
                nth + 1,
                code(&column.name),
                prose(column.sentence.of(lang))
            );
        }
        for change in Change::TOLD {
            let rows: Vec<&CaseRow> = self.with(change).collect();
            if rows.is_empty() {
                continue;
            }
            let _ = writeln!(out, "\n### {} ({})\n", lang.word(change.title()), rows.len());
            for case in rows {
                let words: Vec<&str> = case.verdicts.iter().map(|word| lang.word(word)).collect();
                let _ = writeln!(out, "- {}: {}", code(&case.id), words.join(" → "));
            }
        }
        let heads: String = (1..=self.columns.len()).map(|nth| format!(" {nth} |")).collect();
        let (title, head) = (lang.word("Requirements that stand differently"), lang.word("Requirement"));
        let _ = writeln!(out, "\n### {title}\n\n| {head} |{heads}");
        let _ = writeln!(out, "|---|{}", "---|".repeat(self.columns.len()));
        for row in self.requirements.iter().filter(|row| row.differs) {
            let states: String = row.states.iter().map(|state| format!(" {} |", lang.word(state))).collect();
            let _ = writeln!(out, "| {} ({}) |{states}", code(&row.id), row.level);
        }
        out
    }

    /// As a page of its own.
    ///
    /// # Errors
    /// The template cannot be filled in: a fault of this program.
    pub fn html(&self, lang: Lang) -> Result<String, minijinja::Error> {
        let mut environment = super::html::escaping();
        environment.add_template(NAME, TEMPLATE)?;
        let changes: Vec<(&str, Vec<&CaseRow>)> = Change::TOLD
            .iter()
            .map(|change| (change.title(), self.with(*change).collect::<Vec<_>>()))
            .filter(|(_, rows)| !rows.is_empty())
            .collect();
        environment.get_template(NAME)?.render(context! {
            c => Value::from(Serde(self)),
            changes => Value::from(Serde(&changes)),
            lang => lang.code(),
            title => self.headline(lang),
            headline => Value::from(Serde(&Text::say(|lang| self.headline(lang)))),
            line => Value::from(Serde(&Text::say(|lang| self.line(lang)))),
            worse => self.with(Change::Worse).count(),
        })
    }
}

fn coloured(word: &'static str, lang: Lang) -> colored::ColoredString {
    let said = lang.word(word);
    match word {
        "pass" | "conforming" => said.green(),
        "fail" | "violated" | "error" | "fixed" => said.red(),
        "warn" | "known" => said.yellow(),
        _ => said.dimmed(),
    }
}

/// Every requirement that a run covers, and how it stands in each of them.
fn requirements(runs: &[(String, RunInfo, Gathered)], library: &Library) -> io::Result<Vec<RequirementRow>> {
    let mut rows: BTreeMap<String, RequirementRow> = BTreeMap::new();
    for (at, (_, _, gathered)) in runs.iter().enumerate() {
        for one in standing::groups(&gathered.briefs, library)?.into_iter().flat_map(|group| group.rows) {
            let row = rows.entry(one.id.clone()).or_insert_with(|| RequirementRow {
                id: one.id.clone(),
                level: one.level.word(),
                text: one.text.clone(),
                states: vec!["not covered"; runs.len()],
                differs: false,
            });
            row.states[at] = one.state;
        }
    }
    for row in rows.values_mut() {
        row.differs = row.states.iter().any(|state| *state != row.states[0]);
    }
    Ok(rows.into_values().collect())
}

/// Every case of the runs; of several rounds of one the worst counts.
fn cases(runs: &[(String, RunInfo, Gathered)]) -> Vec<CaseRow> {
    let mut all: BTreeMap<&str, Vec<Option<(Verdict, &str)>>> = BTreeMap::new();
    for (at, (_, _, gathered)) in runs.iter().enumerate() {
        for brief in &gathered.briefs {
            let seen = &mut all.entry(&brief.id).or_insert_with(|| vec![None; runs.len()])[at];
            if seen.is_none_or(|(verdict, _)| grade(brief.verdict) > grade(verdict)) {
                *seen = Some((brief.verdict, &brief.reason));
            }
        }
    }
    let row = |(id, seen): (&str, Vec<Option<(Verdict, &str)>>)| {
        let verdict = |one: &Option<(Verdict, &str)>| one.map(|(verdict, _)| verdict);
        let (first, last) = (seen.first().unwrap_or(&None), seen.last().unwrap_or(&None));
        CaseRow {
            id: id.to_owned(),
            change: Change::between(verdict(first), verdict(last)),
            reason: last.map_or(String::new(), |(_, reason)| reason.to_owned()),
            verdicts: seen.iter().map(|one| verdict(one).map_or("–", Verdict::word)).collect(),
        }
    };
    all.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_for_the_better_the_worse_or_neither() {
        use Verdict::{Error, Fail, Known, NotApplicable, Pass, Warn};
        for (first, last, change) in [
            (Some(Pass), Some(Fail), Change::Worse),
            (Some(Pass), Some(Error), Change::Worse),
            (Some(Pass), Some(Warn), Change::Worse),
            (Some(Known), Some(Fail), Change::Worse),
            (None, Some(Fail), Change::Worse),
            (Some(Fail), Some(Pass), Change::Mended),
            (Some(Fail), Some(Known), Change::Mended),
            (Some(Fail), Some(Error), Change::Other),
            (Some(Known), Some(Pass), Change::Other),
            (None, Some(Pass), Change::Covered),
            (Some(NotApplicable), Some(Pass), Change::Covered),
            (Some(Pass), Some(NotApplicable), Change::Uncovered),
            (Some(Fail), None, Change::Uncovered),
            (Some(NotApplicable), None, Change::Same),
            (Some(Fail), Some(Fail), Change::Same),
        ] {
            assert_eq!(Change::between(first, last), change, "{first:?} {last:?}");
        }
    }
}
