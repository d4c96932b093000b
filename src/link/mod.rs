//! How octets travel: sockets or memory beneath, TLS where asked for, WebSocket on top, in both roles.
//!
//! It relies on tokio for readiness and on nothing above it. It never reads a clock, never interprets STOMP, and
//! never hides what a peer did: violations of the WebSocket protocol are handed up, not swallowed.

mod chaos;
mod memory;
mod net;
pub mod sockjs;
mod stream;
pub mod tls;
pub mod upgrade;
pub mod ws;

pub use chaos::{Badness, Chaos};
pub use memory::{MemoryConnector, MemoryListener, memory_link};
pub use net::{Connector, DialError, Listener};
pub use stream::Stream;
