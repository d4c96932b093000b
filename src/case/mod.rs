//! The scenario language: suites, dialects, profiles and requirements as their authors wrote them, expanded into scripts
//! that can be carried out; and the events that a script leaves behind.
//!
//! It relies on serde-saphyr for YAML with positions, and on no target: everything in it can be checked without a
//! connection. It must never guess what an author meant: an unknown word is an error with its place and the nearest
//! known one, and no case of a file with errors is handed out.

pub mod catalogue;
pub mod coverage;
pub mod diagnostic;
pub mod dialect;
pub mod duration;
pub mod event;
pub mod expand;
pub mod json;
pub mod library;
pub mod lint;
pub mod matcher;
pub mod model;
pub mod play;
pub mod profile;
pub mod reader;
pub mod rule;
pub mod schema;
pub mod script;
pub mod transport;
pub mod tree;
pub mod value;
