//! Selecting cases by patterns.
//!
//! It relies on ids only. A pattern never matches by accident: without a wildcard it names a case, a suite, a folder of
//! suites or a requirement as a whole.

use crate::case::coverage::without_row;
use crate::case::diagnostic::nearest;
use crate::words::glob;

/// Whether a pattern selects a case: by its id (with or without its row), its suite, a folder of suites, or one of
/// its requirements.
pub fn selects(pattern: &str, id: &str, suite: &str, requirements: &[String]) -> bool {
    let folder = suite.split('/').next().unwrap_or(suite);
    [id, without_row(id), suite, folder].iter().any(|name| glob(pattern, name))
        || requirements.iter().any(|r| glob(pattern, r))
}

/// The names nearest to a pattern that selects nothing.
pub fn suggest<'a>(pattern: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let bare = pattern.trim_matches('*');
    let mut all: Vec<&str> = names.collect();
    all.sort_unstable();
    all.dedup();
    let mut found: Vec<&str> =
        all.iter().copied().filter(|n| !bare.is_empty() && n.contains(bare)).take(5).collect();
    if found.is_empty() {
        found.extend(nearest(bare, all.iter().copied()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_selected_by_id_suite_folder_or_requirement() {
        let requirements = ["STOMP12-SEND-01".to_owned()];
        for pattern in
            ["im", "im/send", "im/send/x", "im/send/x[a]", "STOMP12-SEND-*", "STOMP12-SEND-01", "*"]
        {
            assert!(selects(pattern, "im/send/x[a]", "im/send", &requirements), "{pattern}");
        }
        assert!(!selects("im/sen", "im/send/x[a]", "im/send", &requirements));
    }

    #[test]
    fn the_nearest_names_are_suggested() {
        assert_eq!(suggest("revok", ["im/send", "im/revoke"].into_iter()), ["im/revoke"]);
        assert_eq!(suggest("im/revike", ["im/send", "im/revoke"].into_iter()), ["im/revoke"]);
    }
}
