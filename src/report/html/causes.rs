//! Failures by their cause: the clause that broke, and under it the ways in which it broke.
//!
//! It relies on briefs. What differs only by ids and numbers is one way.

use std::collections::BTreeMap;

use crate::judge::Verdict;
use crate::report::collect::Brief;
use crate::report::failure::way;

/// Cases that broke at the same clause, or that have no verdict for the same reason.
#[derive(Debug, PartialEq)]
pub(super) struct Cause {
    pub(super) verdict: Verdict,
    pub(super) clause: Option<String>,
    pub(super) count: usize,
    /// Cases that broke in the same way, those that are about the clause first.
    pub(super) ways: Vec<Vec<usize>>,
}

/// The causes of these cases, the most frequent first.
pub(super) fn of(briefs: &[Brief], chosen: Vec<usize>) -> Vec<Cause> {
    let mut by_clause: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for at in chosen {
        let clause = briefs[at].clause.as_ref().map(|(id, _)| id.as_str());
        by_clause.entry(clause).or_default().push(at);
    }
    let mut causes: Vec<Cause> = by_clause
        .into_iter()
        .map(|(clause, cases)| Cause {
            verdict: briefs[cases[0]].verdict,
            clause: clause.map(str::to_owned),
            count: cases.len(),
            ways: ways(briefs, cases),
        })
        .collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.count));
    causes
}

fn ways(briefs: &[Brief], mut cases: Vec<usize>) -> Vec<Vec<usize>> {
    // What breaks a premise of one case is best shown by another that is about it.
    cases.sort_by_key(|at| briefs[*at].breaks_a_premise());
    let mut ways: Vec<(String, Vec<usize>)> = Vec::new();
    for at in cases {
        let way = of_brief(&briefs[at]);
        match ways.iter_mut().find(|(known, _)| *known == way) {
            Some((_, same)) => same.push(at),
            None => ways.push((way, vec![at])),
        }
    }
    ways.into_iter().map(|(_, cases)| cases).collect()
}

/// The way in which a case broke.
fn of_brief(brief: &Brief) -> String {
    match &brief.broken {
        Some(broken) => way(&broken.expected, &broken.got),
        None => way("", &brief.reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::script::{Level, Place};
    use crate::report::collect::Broken;

    fn brief(clause: &str, got: &str, premise: bool) -> Brief {
        let reason = if premise { "X-01 (a premise of the case): …" } else { "" };
        Brief {
            id: "a/b".into(),
            title: String::new(),
            suite: "a".into(),
            requirements: Vec::new(),
            verdict: Verdict::Fail,
            reason: reason.into(),
            clause: Some((clause.into(), Level::Must)),
            broken: Some(Broken {
                expected: "RECEIPT".into(),
                got: got.into(),
                on: "alice".into(),
                place: Place::default(),
                beside: None,
            }),
            breaks: Default::default(),
            why: None,
            place: Place::default(),
            duration_ms: 1,
            round: 1,
            record: Default::default(),
            journal: None,
        }
    }

    #[test]
    fn what_differs_by_ids_is_one_way_and_the_clauses_own_case_stands_first() {
        let briefs = [
            brief("A-01", "what came was MESSAGE id:cx100z-1", true),
            brief("B-01", "nothing", false),
            brief("A-01", "what came was MESSAGE id:cx200z-7", false),
            brief("A-01", "the end of the connection", false),
        ];
        let causes = of(&briefs, vec![0, 1, 2, 3]);
        assert_eq!(causes.len(), 2);
        assert_eq!((causes[0].clause.as_deref(), causes[0].count), (Some("A-01"), 3));
        assert_eq!(causes[0].ways, [vec![2, 0], vec![3]]);
    }
}
