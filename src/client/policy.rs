//! Which answers a client gives: the right ones, or those of one of its defects.
//!
//! It relies on `decisions.rs` for the questions. It must never hold state: it is copied to whoever asks.

use std::ops::Deref;

use super::decisions::Decisions;
use super::defects;
use super::variants::Variant;
use crate::defect::Unknown;

/// A client that answers every question rightly.
#[derive(Debug)]
struct Correct;

impl Decisions for Correct {}

/// The decisions that a client takes: correct by default.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    decisions: &'static dyn Decisions,
    /// The defect that it has, if it has one.
    pub defect: Option<&'static str>,
    /// The variant that it is, if it is one.
    pub variant: Option<&'static str>,
}

impl Default for Policy {
    fn default() -> Self {
        Policy { decisions: &Correct, defect: None, variant: None }
    }
}

impl Deref for Policy {
    type Target = dyn Decisions;

    fn deref(&self) -> &Self::Target {
        self.decisions
    }
}

impl Policy {
    /// A client with this defect.
    ///
    /// # Errors
    /// The names that come nearest, where there is no such defect.
    pub fn with_defect(name: &str) -> Result<Policy, Unknown> {
        let entry = defects::named(name)?;
        Ok(Policy { decisions: entry.decisions, defect: Some(entry.defect.name), variant: None })
    }

    /// A client that is right in another way.
    pub(super) fn of_variant(variant: &'static Variant) -> Policy {
        Policy { decisions: variant.decisions, defect: None, variant: Some(variant.name) }
    }
}
