//! The watchdog: a thread by the real clock that ends what never comes to rest. In virtual time a peer that never stops
//! writing lets the clock stand still, and no deadline of a case ever passes.
//!
//! It relies on nothing that it watches. It decides nothing about a target: what it ends is the harness' own fault.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

type Deed = Box<dyn FnOnce() + Send>;

/// A thread that does what it was told when its time has come.
#[derive(Debug)]
pub(super) struct Watchdog {
    /// Gone with the watchdog, which ends the thread.
    sender: mpsc::Sender<(Instant, Deed)>,
}

impl Watchdog {
    /// Starts one; it ends when dropped.
    pub(super) fn start() -> Self {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || look_after(&receiver));
        Watchdog { sender }
    }

    /// Does something after so much real time, unless the watchdog has been dropped.
    pub(super) fn watch(&self, limit: Duration, deed: impl FnOnce() + Send + 'static) {
        let _ = self.sender.send((Instant::now() + limit, Box::new(deed)));
    }
}

fn look_after(receiver: &mpsc::Receiver<(Instant, Deed)>) {
    let mut due: Vec<(Instant, Deed)> = Vec::new();
    loop {
        let next = due.iter().map(|(at, _)| *at).min();
        let wait = next.map_or(Duration::from_secs(3600), |at| at.saturating_duration_since(Instant::now()));
        match receiver.recv_timeout(wait) {
            Ok(new) => due.push(new),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
        let now = Instant::now();
        let (over, rest) = due.into_iter().partition(|(at, _)| *at <= now);
        due = rest;
        for (_, deed) in Vec::from_iter::<Vec<_>>(over) {
            deed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_rests_is_ended_though_virtual_time_stands_still() {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let ended = runtime.block_on(async {
            let watchdog = Watchdog::start();
            let task = tokio::spawn(async {
                loop {
                    tokio::task::yield_now().await;
                }
            });
            let handle = task.abort_handle();
            watchdog.watch(Duration::from_millis(30), move || handle.abort());
            task.await
        });
        assert!(ended.unwrap_err().is_cancelled());
    }
}
