//! Annotations as GitHub's runner reads them from the output of a step: at the line of the suite that broke.
//!
//! It relies on briefs. What a target said cannot begin a command of its own: line ends are escaped, as the runner asks.

use super::collect::Brief;
use super::wire::visible;
use crate::judge::Verdict;

/// One line for each case that did not simply pass and counts against the target, or for which there is no verdict.
pub fn annotations(briefs: &[Brief]) -> Vec<String> {
    briefs.iter().filter_map(annotation).collect()
}

fn annotation(brief: &Brief) -> Option<String> {
    let kind = match brief.verdict {
        Verdict::Fail | Verdict::Fixed | Verdict::Error => "error",
        Verdict::Warn => "warning",
        _ => return None,
    };
    let place = match &brief.broken {
        Some(broken) if !broken.place.file.is_empty() => &broken.place,
        _ => &brief.place,
    };
    let title = match &brief.clause {
        Some((clause, _)) => format!("{clause}: {}", brief.id),
        None => format!("{}: {}", brief.verdict.word(), brief.id),
    };
    let text = match &brief.broken {
        Some(broken) => {
            let (expected, got) = (visible(&broken.expected), visible(&broken.got));
            format!("{}\nexpected {expected}\ncame {got}", brief.title)
        }
        None => format!("{}\n{}", brief.title, visible(&brief.reason)),
    };
    Some(format!(
        "::{kind} file={},line={},col={},title={}::{}",
        property(&place.file),
        place.line,
        place.column,
        property(&title),
        data(&text)
    ))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_the_command_that_it_is_in() {
        assert_eq!(property("a:b,c%\r\n::error::x"), "a%3Ab%2Cc%25%0D%0A%3A%3Aerror%3A%3Ax");
    }
}
