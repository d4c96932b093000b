//! x
mod acts;
mod barrier;
pub mod journal;
mod road;
mod select;
mod settle;
mod stage;
pub mod world;
pub use select::{glob, selects, suggest};
