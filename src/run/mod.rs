//! x
mod select;
pub use select::glob;
