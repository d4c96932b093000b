//! x
pub mod case;
pub mod judge;
pub mod link;
pub mod run;
pub mod stomp;
