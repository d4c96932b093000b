//! Carrying cases out: planned and seated on accounts, acted on connections, settled, and brought to their end by
//! barriers; every event logged and judged as it comes.
//!
//! It relies on the judge for what a wait is for and whether it is over, and on tokio's clock, so that a whole run can
//! take place in virtual time. It must never decide whether something held, never take silence for an answer, never
//! retry what the target did, and never print.

mod acts;
mod barrier;
mod calibrate;
mod case;
mod client;
mod door;
mod engine;
mod host;
pub mod journal;
mod known;
mod learned;
mod order;
mod plan;
mod preflight;
mod process;
mod program;
mod record;
mod road;
mod runner;
mod select;
mod settle;
mod stage;
mod watchdog;
mod world;

pub use calibrate::{Calibration, Measured};
pub use client::Client;
pub use door::Door;
pub use engine::{
    Cost, Job, RunError, Subject, day, each_record, embedded_target, epoch_ms, execute, records,
};
pub use learned::Learned;
pub use plan::{NothingSelected, Plan, deciding_steps};
pub use preflight::{Unfit, preflight};
pub use record::{Record, RuleRecord};
pub use runner::{RunEvent, Runner, Stop, Stopped, Tell};
pub use select::{selects, suggest};
pub use world::{Settings, Waiting, World};
