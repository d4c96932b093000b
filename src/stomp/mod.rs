//! The STOMP codec: frames to octets and back, without I/O.
//!
//! It relies on nothing but memory, and serves harness, reference server, fuzzer and client checks alike. It never
//! reads a clock or a socket, and never decides what a fault means: it names the fault, its octet and its clause.

mod decode;
mod encode;
mod fault;
mod frame;
mod header;
pub mod laws;

pub use decode::{Decoder, Item, Limits, Mode};
pub use encode::{ContentLength, Style, encode, encode_with};
pub use fault::{Fault, FaultKind};
pub use frame::{CLIENT_COMMANDS, Frame, Headers, SERVER_COMMANDS, Version, may_have_body};
pub use header::{escape, escapes_headers, unescape};
