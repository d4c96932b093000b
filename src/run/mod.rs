//! x
mod acts;
mod barrier;
mod case;
mod engine;
pub mod journal;
mod plan;
mod preflight;
mod record;
mod road;
mod runner;
mod select;
mod settle;
mod stage;
mod world;

pub use engine::{Cost, RunError, Subject, embedded_target, epoch_ms, execute};
pub use plan::{NothingSelected, Plan, accounts_needed, deciding_steps};
pub use preflight::{Unfit, preflight};
pub use record::{Record, RuleRecord};
pub use runner::{RunEvent, Runner, Tell};
pub use select::{glob, selects, suggest};
pub use world::{Settings, Waiting, World};
