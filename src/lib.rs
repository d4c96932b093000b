//! x
pub mod stomp;
