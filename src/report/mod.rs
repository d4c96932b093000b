//! What is written about a run: each report takes the same briefs, in the order in which cases ended, and reads
//! transcripts from the journals where it shows them.
//!
//! It relies on records and journals. Nothing below it prints.

mod collect;
pub mod console;
pub mod html;
pub mod json;
pub mod junit;
mod wire;

pub use collect::{Brief, Collector, Gathered, RunInfo, Summary};
pub use wire::{excerpt, line, visible};
