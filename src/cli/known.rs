//! `--update-known`: what failed is written into the profile as known, with reasons that somebody has yet to find.
//!
//! It relies on the profile being a file of the user's own, and adds lines to it without touching any other.

use std::collections::BTreeMap;
use std::path::Path;

use crate::case::coverage::without_row;
use crate::judge::Verdict;
use crate::report::Brief;

/// An entry to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    clause: String,
    case: String,
}

/// Adds an entry for each clause that broke in a case that failed; how many there are.
///
/// # Errors
/// A file that cannot be read or written, or whose list has a form that lines cannot be added to.
pub(super) fn update(path: &Path, briefs: &[Brief]) -> Result<usize, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read {shown}: {e}"))?;
    let entries = entries(briefs);
    if entries.is_empty() {
        return Ok(0);
    }
    let text = added(&text, &entries).map_err(|why| format!("{shown}: {why}"))?;
    std::fs::write(path, text).map_err(|e| format!("cannot write {shown}: {e}"))?;
    Ok(entries.len())
}

/// One entry for a clause and a case; rows that all broke it share one.
fn entries(briefs: &[Brief]) -> Vec<Entry> {
    let mut rows: BTreeMap<&str, usize> = BTreeMap::new();
    let mut broken: BTreeMap<(String, &str), Vec<&str>> = BTreeMap::new();
    for brief in briefs {
        *rows.entry(without_row(&brief.id)).or_default() += 1;
        if matches!(brief.verdict, Verdict::Fail | Verdict::Warn) {
            for clause in &brief.breaks {
                broken.entry((clause.clone(), without_row(&brief.id))).or_default().push(&brief.id);
            }
        }
    }
    let mut entries = Vec::new();
    for ((clause, case), ids) in broken {
        let whole = ids.len() > 1 && rows.get(case) == Some(&ids.len());
        let cases =
            if whole { vec![format!("{case}[*]")] } else { ids.into_iter().map(str::to_owned).collect() };
        entries.extend(cases.into_iter().map(|case| Entry { clause: clause.clone(), case }));
    }
    entries.dedup();
    entries
}

/// The file with these entries behind those of its list.
fn added(text: &str, entries: &[Entry]) -> Result<String, String> {
    let lines: Vec<&str> = text.lines().collect();
    let Some(start) = lines.iter().position(|line| line.starts_with("known:")) else {
        return Ok(format!("{}\nknown:\n{}", text.trim_end(), written(entries, "  ")));
    };
    let rest = lines[start].trim_start_matches("known:");
    let rest = rest.split('#').next().unwrap_or_default().trim();
    if !rest.is_empty() {
        return Err(format!("`known: {rest}` is on one line: write it as a list with a line for each entry"));
    }
    let within = |line: &&&str| line.is_empty() || line.starts_with([' ', '-', '#']);
    let block: Vec<&&str> = lines[start + 1..].iter().take_while(within).collect();
    let used = block.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |at| at + 1);
    let item = block.iter().find(|line| line.trim_start().starts_with("- "));
    let indent = item.map_or("  ", |line| &line[..line.len() - line.trim_start().len()]);
    let (before, after) = lines.split_at(start + 1 + used);
    let mut out = before.join("\n") + "\n" + &written(entries, indent);
    if !after.is_empty() {
        out.push_str(&after.join("\n"));
        out.push('\n');
    }
    Ok(out)
}

fn written(entries: &[Entry], indent: &str) -> String {
    let one = |entry: &Entry| {
        format!(
            "{indent}- clause: {}\n{indent}  case: \"{}\"\n{indent}  reason: \"TODO: why\"\n",
            entry.clause, entry.case
        )
    };
    entries.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_added_where_the_list_ends_and_nothing_else_is_touched() {
        let entries = [Entry { clause: "A-01".into(), case: "x/y[*]".into() }];
        let entry = "- clause: A-01\n  case: \"x/y[*]\"\n  reason: \"TODO: why\"\n";
        let indented = "  - clause: A-01\n    case: \"x/y[*]\"\n    reason: \"TODO: why\"\n";
        for (before, after) in [
            ("profile: p\n", format!("profile: p\nknown:\n{indented}")),
            (
                "profile: p\nknown:   # these\n- clause: B\n  reason: r\n",
                format!("profile: p\nknown:   # these\n- clause: B\n  reason: r\n{entry}"),
            ),
            (
                "known:\n  - { clause: B, reason: r }\n\npoints: {}\n",
                format!("known:\n  - {{ clause: B, reason: r }}\n{indented}\npoints: {{}}\n"),
            ),
            ("known:\n", format!("known:\n{indented}")),
        ] {
            assert_eq!(added(before, &entries), Ok(after), "{before}");
        }
        assert!(added("known: []\n", &entries).is_err());
    }
}
