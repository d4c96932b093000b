//! The reference client: a client of the dialect as it should be, with defects that can be switched on one at a time.
//!
//! It relies on the codec and on the link, like any client, and shares nothing else with the harness that judges it. It must
//! never be told what a test expects: its environment and its lines (docs/drivers.md) are all that it knows.
//!
//! A message's way through it is the list of files: `shell.rs` carries octets, `socket.rs` turns them into messages,
//! `session.rs` those into frames, and the [`Core`] into what the user is told, by `inbox.rs`, in the words of
//! `contract.rs`. Each asks the [`Policy`] wherever a requirement hangs on the answer.

mod contract;
mod core;
pub mod decisions;
pub mod defects;
mod inbox;
mod policy;
mod session;
mod shell;
mod socket;
pub mod variants;

pub use self::core::{Core, Effect, Input};
pub use contract::{Environment, PREFIX};
pub use policy::Policy;
pub use shell::{drive, live};
