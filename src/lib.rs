//! A conformance harness for applications that speak STOMP 1.2 over WebSocket.
//!
//! Cases are data (YAML, below `suites/`), and so is what makes STOMP into an application: its *dialect*. A run carries
//! cases out on a server with several users at once, logs every frame, and folds the log into checks, each of which
//! names the clause that it decides. That nothing came is proved by a message that had to come after it, not by
//! waiting.
//!
//! The program `stompliance` is this library with [`cli::main`] in front.
//!
//! # Layout
//!
//! From the octets up; `reference` stands beside and uses `stomp` and `link` only.
//!
//! | module | the question that it answers |
//! |---|---|
//! | [`stomp`] | Which frames are in these octets, and what is wrong with them? |
//! | [`link`] | How do octets travel: WebSocket in both roles, SockJS, TLS, sockets or memory? |
//! | [`target`] | What is judged, and who may log in there? |
//! | [`case`] | What does a suite, a dialect, a profile say, and what is wrong with it? |
//! | [`session`] | How is one connection opened, written to and read, without showing a secret? |
//! | [`judge`] | What do these events prove? |
//! | [`run`] | In which order, on which accounts, and how is it known that nothing more comes? |
//! | [`report`] | How is it told: on the terminal, as `run.json`, JUnit, HTML? |
//! | [`mod@reference`] | What does a correct server do, and what can be switched wrong in it? |
//! | [`fuzz`] | What breaks that no suite thought of? |
//! | [`conformance`] | Which case is which test, when the suites run under `cargo test`? |
//! | [`cli`] | What did the user ask for, and how does the process end? |
//!
//! `ARCHITECTURE.md` has the map with the invariants between the modules and the list of what is not there.
//!
//! # A run from Rust
//!
//! Load a [`case::library::Library`], select with [`run::Plan::new`], name a [`run::Subject`], and [`run::execute`];
//! what happens is told as [`run::RunEvent`]s, which a [`report::Collector`] gathers. To judge a log again without a
//! target, give its events to [`judge::Judge::apply`], or a whole file to [`report::json::rejudge`].

#![forbid(unsafe_code)]

pub mod case;
pub mod cli;
pub mod client;
pub mod conformance;
pub mod defect;
mod dice;
pub mod fuzz;
pub mod judge;
pub mod link;
pub mod prove;
pub mod reference;
pub mod report;
pub mod run;
pub mod session;
pub mod stomp;
pub mod target;
mod words;
