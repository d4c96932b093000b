//! x
pub mod case;
pub mod cli;
pub mod judge;
pub mod link;
pub mod report;
pub mod run;
pub mod session;
pub mod reference;
pub mod stomp;
pub mod target;
