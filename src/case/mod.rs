//! x
pub mod catalogue;
pub mod diagnostic;
pub mod dialect;
pub mod event;
pub mod expand;
pub mod library;
pub mod lint;
pub mod matcher;
pub mod model;
pub mod profile;
pub mod reader;
pub mod schema;
pub mod script;
pub mod tree;
pub mod value;
