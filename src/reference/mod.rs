//! The reference server: the dialect as it should be, with defects that can be switched on one at a time.
//!
//! It relies on the codec and on the link, like any server, and shares nothing else with the harness that judges it.
//! It must never be told what a test expects: `Core` is all there is to it, and `Policy` all that can be changed.
//!
//! A message's way through it is the list of files: [`Server`] accepts (`server.rs`), `http.rs` answers or upgrades,
//! `connection.rs` (WebSocket) or `sockjs.rs` (HTTP) carry octets, `talk.rs` turns them into frames, `hub.rs` hands
//! those to the [`Core`] and carries out its effects. In the core `frames.rs` and `connect.rs` obey, asking the [`Policy`] wherever a requirement hangs on the answer;
//! `broker.rs` and `im.rs` deliver.

mod beats;
mod broker;
mod connect;
mod connection;
mod core;
pub mod decisions;
pub mod defects;
mod directory;
mod event;
mod frames;
mod http;
mod hub;
mod im;
mod message;
mod pages;
mod policy;
mod refusal;
mod roads;
mod server;
mod session;
mod sockjs;
mod talk;
#[cfg(test)]
mod tests;
pub mod variants;

pub use self::core::Core;
pub use directory::{Directory, DirectoryError, Group, Standing, User};
pub use event::{Act, ConnId, Effect, Event};
pub use message::{ChatType, Message, Status};
pub use policy::{Peculiarity, Policy};
pub use server::Server;
pub use session::AckMode;
