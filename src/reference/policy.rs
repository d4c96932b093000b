//! Which answers a server gives: the right ones, or those of one of its defects, variants or caricatures.
//!
//! It relies on `decisions.rs` for the questions. It must never hold state: it is copied to whoever asks.

use std::ops::Deref;

use super::decisions::Decisions;
use super::defects;
use crate::defect::Unknown;

/// A server that answers every question rightly.
#[derive(Debug)]
struct Correct;

impl Decisions for Correct {}

/// What makes a server another one than the correct one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peculiarity {
    /// It is wrong in one way.
    Defect(&'static str),
    /// It uses a freedom that the specification gives.
    Variant(&'static str),
    /// It does nothing that a server is for.
    Null(&'static str),
}

impl Peculiarity {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Peculiarity::Defect(name) | Peculiarity::Variant(name) | Peculiarity::Null(name) => name,
        }
    }

    /// What kind of peculiarity it is, in a word.
    pub fn kind(self) -> &'static str {
        match self {
            Peculiarity::Defect(_) => "defect",
            Peculiarity::Variant(_) => "variant",
            Peculiarity::Null(_) => "null",
        }
    }
}

/// The decisions that a server takes: correct by default.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    decisions: &'static dyn Decisions,
    peculiarity: Option<Peculiarity>,
}

impl Default for Policy {
    fn default() -> Self {
        Policy { decisions: &Correct, peculiarity: None }
    }
}

impl Deref for Policy {
    type Target = dyn Decisions;

    fn deref(&self) -> &Self::Target {
        self.decisions
    }
}

impl Policy {
    /// A server with this defect.
    ///
    /// # Errors
    /// The names that come nearest, where there is no such defect.
    pub fn with_defect(name: &str) -> Result<Policy, Unknown> {
        let entry = defects::named(name)?;
        Ok(Policy::of(Peculiarity::Defect(entry.defect.name), entry.decisions))
    }

    /// These decisions, and what is peculiar about them.
    pub(super) fn of(peculiarity: Peculiarity, decisions: &'static dyn Decisions) -> Policy {
        Policy { decisions, peculiarity: Some(peculiarity) }
    }

    /// What makes it another server than the correct one.
    pub fn peculiarity(&self) -> Option<Peculiarity> {
        self.peculiarity
    }
}
