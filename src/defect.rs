//! What can be switched wrong in the server and the client that this program plays: what a catalogue of defects is made of.
//!
//! A defect is another answer to one question of a trait `Decisions` (`reference/decisions.rs`, `client/decisions.rs`). Each
//! must list the clauses at which a suite is to catch it.

use serde::Serialize;

use crate::words::distance;

/// A server or client that is wrong in one way.
#[derive(Debug, Serialize)]
pub struct Defect {
    /// The name by which it is switched on.
    pub name: &'static str,
    /// The clauses that it breaks: being caught at any of them is being caught at the right one.
    pub breaks: &'static [&'static str],
    /// What the server or client does, in one sentence.
    pub description: &'static str,
    /// Whether it shows only sometimes, in a crowd, or for some inputs.
    pub hard: bool,
}

/// A defect, with the answers that it gives.
#[derive(Debug)]
pub(crate) struct Entry<D: ?Sized + 'static> {
    pub(crate) defect: Defect,
    pub(crate) decisions: &'static D,
}

/// The entry of this name.
///
/// # Errors
/// The names that come nearest, where there is no such defect.
pub(crate) fn find<D: ?Sized>(
    mut entries: impl Iterator<Item = &'static Entry<D>> + Clone,
    name: &str,
) -> Result<&'static Entry<D>, Unknown> {
    let names = entries.clone().map(|entry| entry.defect.name);
    entries.find(|entry| entry.defect.name == name).ok_or_else(|| Unknown::among("defect", name, names))
}

/// There is nothing of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} `{name}`; the nearest names are {}", nearest.join(", "))]
pub struct Unknown {
    /// Of what there is none.
    pub what: &'static str,
    /// The name that was asked for.
    pub name: String,
    /// The names that come nearest to it, best first.
    pub nearest: Vec<&'static str>,
}

impl Unknown {
    /// With the three names that are nearest to a mistyped one.
    pub(crate) fn among(
        what: &'static str,
        name: &str,
        names: impl Iterator<Item = &'static str>,
    ) -> Unknown {
        let mut names: Vec<_> = names.map(|known| (distance(name, known), known)).collect();
        names.sort_unstable();
        Unknown {
            what,
            name: name.to_owned(),
            nearest: names.into_iter().take(3).map(|(_, name)| name).collect(),
        }
    }
}

/// Writes a catalogue: for each entry a type that answers one question of the `Decisions` in scope differently, and its description.
macro_rules! defects {
    (hard: $hard:literal;
     $($name:literal $type:ident breaks $breaks:expr, $description:literal { $($answer:item)+ })+) => {
        $(
            #[derive(Debug)]
            struct $type;

            #[allow(unused_variables, reason = "a wrong answer seldom looks at the question")]
            impl Decisions for $type { $($answer)+ }
        )+

        pub(super) static CATALOGUE: &[$crate::defect::Entry<dyn Decisions>] = &[
            $($crate::defect::Entry {
                defect: $crate::defect::Defect {
                    name: $name, breaks: &$breaks, description: $description, hard: $hard,
                },
                decisions: &$type,
            }),+
        ];
    };
}

pub(crate) use defects;
