//! The watchdog: a thread by the real clock that ends what never comes to rest. In virtual time a peer that never stops
//! writing lets the clock stand still, and no deadline of a case ever passes.
//!
//! It relies on nothing that it watches. It decides nothing about a target: what it ends is the harness' own fault.

use std::collections::BTreeMap;
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

    /// Does something after so much real time, unless the watchdog has been dropped. It is kept until then: it should
    /// not hold on to what would be gone by then.
    pub(super) fn watch(&self, limit: Duration, deed: impl FnOnce() + Send + 'static) {
        let _ = self.sender.send((Instant::now() + limit, Box::new(deed)));
    }
}

fn look_after(receiver: &mpsc::Receiver<(Instant, Deed)>) {
    let mut due: BTreeMap<Instant, Vec<Deed>> = BTreeMap::new();
    loop {
        let wait = due.keys().next().map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()));
        match receiver.recv_timeout(wait) {
            Ok((at, deed)) => due.entry(at).or_default().push(deed),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
        while let Some(first) = due.first_entry().filter(|first| *first.key() <= Instant::now()) {
            first.remove().into_iter().for_each(|deed| deed());
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
