//! Judging a run again from its log alone: checks and verdicts in the file are looked at only to compare.
//!
//! It relies on the judge, which is the same fold as in the run. It never asks a target anything.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::case::event::Event;
use crate::case::profile::Profile;
use crate::case::rule::Rule;
use crate::case::script::Script;
use crate::judge::{Check, Facts, Judge, Outcome, Verdict, apply_known};
use crate::run::RuleRecord;
use crate::run::journal::lengthen;

/// What a run came to when judged again.
#[derive(Debug)]
pub struct Rejudged {
    /// Its cases and rules.
    pub cases: Vec<RejudgedCase>,
    /// How many checks were made.
    pub checks: usize,
}

/// What a case or rule came to when judged again.
#[derive(Debug)]
pub struct RejudgedCase {
    /// Its id.
    pub id: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// Its checks.
    pub checks: Vec<Check>,
    /// Where the file says something else.
    pub differences: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct File {
    schema: u32,
    started: String,
    profile: Profile,
    cases: Vec<FileCase>,
}

#[derive(Debug, Deserialize)]
struct FileCase {
    id: String,
    verdict: Option<Verdict>,
    checks: Option<Vec<Check>>,
    case: Option<Arc<Script>>,
    facts: Option<Arc<Facts>>,
    rule: Option<FileRule>,
    #[serde(default)]
    transcript: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct FileRule {
    rule: Rule,
}

/// Judges a `run.json` again.
///
/// # Errors
/// A file that cannot be read, is no `run.json` of a known version, or lacks a body.
pub fn rejudge(path: &Path) -> Result<Rejudged, String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    let file: File = serde_json::from_str(&text).map_err(|e| format!("this is no run.json: {e}"))?;
    if !(1..=super::SCHEMA).contains(&file.schema) {
        return Err(format!(
            "its form is version {}, this program reads version {}",
            file.schema,
            super::SCHEMA
        ));
    }
    let bodies = PathBuf::from(format!("{}.bodies", path.display()));
    let rules: Vec<Rule> =
        file.cases.iter().filter_map(|c| c.rule.as_ref().map(|r| r.rule.clone())).collect();
    let rules = Arc::new(rules);
    let mut seen: BTreeMap<String, RuleRecord> =
        rules.iter().map(|r| (r.id.clone(), RuleRecord::new(r.clone()))).collect();
    let today: String = file.started.chars().take(10).collect();
    let mut out = Vec::new();
    for case in file.cases.iter().filter(|c| c.rule.is_none()) {
        let Some(outcome) = judge(case, &rules, &bodies)? else {
            // A case that was not carried out has no log to be judged by.
            continue;
        };
        for (id, result) in &outcome.rules {
            if let Some(rule) = seen.get_mut(id) {
                rule.add(&case.id, result);
            }
        }
        let (verdict, _) =
            apply_known(&case.id, outcome.verdict, &outcome.reason, &outcome.checks, &file.profile, &today);
        out.push(compared(case, verdict, outcome.checks));
    }
    for case in file.cases.iter().filter(|c| c.rule.is_some()) {
        let Some(rule) = seen.remove(&case.id) else { continue };
        let record = rule.record();
        let (verdict, _) =
            apply_known(&case.id, record.verdict, &record.reason, &record.checks, &file.profile, &today);
        out.push(compared(case, verdict, record.checks));
    }
    let checks = out.iter().map(|c| c.checks.len()).sum();
    Ok(Rejudged { cases: out, checks })
}

fn judge(case: &FileCase, rules: &Arc<Vec<Rule>>, bodies: &Path) -> Result<Option<Outcome>, String> {
    let (Some(script), Some(facts)) = (&case.case, &case.facts) else { return Ok(None) };
    let mut judge = Judge::new(script.clone(), facts.clone(), rules.clone());
    for (at, value) in case.transcript.iter().enumerate() {
        let event: Event = serde_json::from_value(value.clone())
            .map_err(|e| format!("{}: event {at} of its transcript: {e}", case.id))?;
        let event = lengthen(event, bodies).map_err(|e| format!("{}: a body: {e}", case.id))?;
        judge.apply(&event);
    }
    Ok(Some(judge.outcome()))
}

fn compared(case: &FileCase, verdict: Verdict, checks: Vec<Check>) -> RejudgedCase {
    let mut differences = Vec::new();
    if let Some(said) = case.verdict
        && said != verdict
    {
        differences.push(format!("the file says `{}`, the log gives `{}`", said.word(), verdict.word()));
    }
    if let Some(said) = &case.checks {
        let shape = |checks: &[Check]| -> Vec<(String, bool, u32)> {
            checks.iter().map(|c| (c.clause.clone(), c.held, c.step)).collect()
        };
        if shape(said) != shape(&checks) {
            differences.push(format!(
                "the file has {} checks, the log gives {}, and they differ",
                said.len(),
                checks.len()
            ));
        }
    }
    RejudgedCase { id: case.id.clone(), verdict, checks, differences }
}
