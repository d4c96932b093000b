//! x
pub mod link;
pub mod stomp;
pub mod case;
