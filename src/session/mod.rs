//! A connection as an actor has it: opened, written to in any layout, read and decoded into events.
//!
//! It relies on `link` and `stomp`, and hands everything to a sink as events. It never judges, never waits for
//! anything in particular, and never lets a secret into an event.

mod carrier;
mod connection;
mod ear;
mod guest;
mod open;
mod pulse;
pub mod secrets;
mod writer;

pub use connection::{Connection, Sink};
pub use guest::{Asked, receive};
pub use open::{Endpoint, OpenRequest, http, open};
pub use writer::Writer;
