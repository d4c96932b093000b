//! Servers that are none: what they pass, held against a list of what each truly does.
//!
//! It relies on `fixtures/nulls.txt`. A case that passes there and is not listed decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::case::coverage::without_row;
use crate::judge::Verdict;
use crate::run::Record;

/// What each truly does: a name, and below it, indented, cases and rules without their rows.
const LISTED: &str = include_str!("../../fixtures/nulls.txt");

/// What a server that is none passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// Cases and rules that passed, without their rows.
    pub passed: BTreeSet<String>,
    /// Those of them that are not listed.
    pub unlisted: BTreeSet<String>,
    /// Those that are listed and did not pass.
    pub vanished: BTreeSet<String>,
}

/// What passed on the server of this name.
pub fn passed(name: &str, records: &[Record]) -> Passed {
    let held = records.iter().filter(|r| r.verdict == Verdict::Pass);
    let passed: BTreeSet<String> = held.map(|r| without_row(&r.id).to_owned()).collect();
    let listed = listed(LISTED).remove(name).unwrap_or_default();
    Passed {
        unlisted: passed.difference(&listed).cloned().collect(),
        vanished: listed.difference(&passed).cloned().collect(),
        passed,
    }
}

fn listed(text: &str) -> BTreeMap<&str, BTreeSet<String>> {
    let mut lists: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut name = "";
    for line in text.lines().map(|line| line.split('#').next().unwrap_or_default().trim_end()) {
        match line.strip_prefix("  ") {
            Some(case) => {
                lists.entry(name).or_default().insert(case.to_owned());
            }
            None if !line.is_empty() => name = line,
            None => {}
        }
    }
    lists
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::variants;

    #[test]
    fn the_list_names_servers_that_there_are() {
        let lists = listed(LISTED);
        let names: BTreeSet<_> = variants::nulls().iter().map(|null| null.name).collect();
        assert_eq!(lists.keys().copied().collect::<BTreeSet<_>>(), names);
    }

    #[test]
    fn comments_are_no_cases() {
        let lists = listed("# about\nsilent\n  a/b/c  # it does\n\necho\n  d/e/f\n");
        assert_eq!(lists["silent"], BTreeSet::from(["a/b/c".to_owned()]));
        assert_eq!(lists["echo"], BTreeSet::from(["d/e/f".to_owned()]));
    }
}
