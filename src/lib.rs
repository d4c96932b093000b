//! x
pub mod link;
pub mod stomp;
