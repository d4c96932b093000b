//! What is written about a run: each report takes the same briefs, in the order in which cases ended, and reads
//! transcripts from the journals where it shows them.
//!
//! It relies on records and journals. Nothing below it prints.

mod collect;
pub mod compare;
pub mod console;
mod failure;
pub mod github;
pub mod html;
pub mod json;
pub mod junit;
mod lang;
pub mod markdown;
mod sentence;
mod standing;
pub mod tap;
mod wire;

pub use collect::{Brief, Broken, Collector, Gathered, RunInfo, Summary};
pub use failure::way;
pub(crate) use html::escaping as page;
pub use lang::Lang;
pub use wire::{excerpt, line, visible};

/// The command that has these flags: what stands behind `--`, or comes where is listened, is a client.
pub(crate) fn verb(flags: &str) -> &'static str {
    let of_client = [" -- ", " --listen "].iter().any(|mark| flags.contains(mark));
    if of_client { "check-client" } else { "run" }
}

/// The command that runs a case again, with the flags that lead to the same target.
fn command(id: &str, flags: &str) -> String {
    format!("stompliance {} {}{flags}", verb(flags), quoted(id))
}

/// The text as one word of a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/:._-,=@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_a_shell_stays_one_word() {
        assert_eq!(quoted("im/revoke/x"), "im/revoke/x");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("x[1]'; rm"), r"'x[1]'\''; rm'");
    }
}
