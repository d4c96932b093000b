//! Our heart-beats on a connection, however it travels: how often, and when the next is due.
//!
//! It relies on being told of whatever is said. It sends nothing itself.

use std::time::Duration;

use tokio::time::Instant;

/// The heart-beats that we owe.
#[derive(Debug)]
pub(super) struct Pulse {
    every: Option<Duration>,
    silent: bool,
    /// When the next is due.
    pub(super) due: Instant,
}

impl Pulse {
    /// None are owed yet.
    pub(super) fn none() -> Self {
        Pulse { every: None, silent: false, due: Instant::now() }
    }

    /// They are owed from now on.
    pub(super) fn begin(&mut self, every: Duration) {
        self.every = Some(every);
        self.said_something();
    }

    /// They are left out, or taken up again.
    pub(super) fn silence(&mut self, silent: bool) {
        self.silent = silent;
    }

    /// Whatever is said counts as one (STOMP12-HB-11).
    pub(super) fn said_something(&mut self) {
        if let Some(every) = self.every {
            self.due = Instant::now() + every;
        }
    }

    /// Whether one is to be sent when it is due.
    pub(super) fn beats(&self) -> bool {
        self.every.is_some() && !self.silent
    }
}
