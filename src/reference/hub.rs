//! Where connections meet the core: events in under one lock, effects out to the connections' tasks.
//!
//! It relies on tokio's clock and channels. It must never wait while it holds the lock, and the order in which the
//! core decides is the order in which each connection is told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::core::Core;
use super::directory::Directory;
use super::event::{Act, ConnId, Event};
use super::policy::Policy;

/// The core, its clock, and the ways to its connections.
#[derive(Debug)]
pub(super) struct Hub {
    pub(super) policy: Policy,
    state: Mutex<State>,
    /// Time zero of the core.
    start: Instant,
    /// Told when the core wants to be woken earlier than it said before.
    earlier: Notify,
    entropy: AtomicU32,
}

#[derive(Debug)]
struct State {
    core: Core,
    outlets: BTreeMap<ConnId, UnboundedSender<Act>>,
    conns: u64,
    /// When the clock will tick.
    armed: Option<Duration>,
}

impl Hub {
    pub(super) fn new(directory: Arc<Directory>, policy: Policy, anchor_epoch_ms: u64) -> Hub {
        let core = Core::new(directory, policy, anchor_epoch_ms);
        Hub {
            policy,
            state: Mutex::new(State { core, outlets: BTreeMap::new(), conns: 0, armed: None }),
            start: Instant::now(),
            earlier: Notify::new(),
            entropy: AtomicU32::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the core as consistent as it was between two effects.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whom a query token names.
    pub(super) fn user_of_token(&self, token: &str) -> Option<String> {
        self.lock().core.user_of_token(token)
    }

    /// A new connection, and the way on which it will be told what to do.
    pub(super) fn open(&self, user: Option<String>) -> (ConnId, UnboundedReceiver<Act>) {
        let (outlet, acts) = unbounded_channel();
        let conn = {
            let mut state = self.lock();
            state.conns += 1;
            let conn = ConnId(state.conns);
            state.outlets.insert(conn, outlet);
            conn
        };
        self.apply(Event::Opened { conn, user });
        (conn, acts)
    }

    /// Forgets a connection; what it was told before stays in its channel.
    pub(super) fn close(&self, conn: ConnId) {
        self.apply(Event::Closed { conn });
        self.lock().outlets.remove(&conn);
    }

    /// Lets the core decide, and hands its effects to the connections.
    pub(super) fn apply(&self, event: Event) {
        let now = self.start.elapsed();
        let mut state = self.lock();
        for effect in state.core.apply(now, event) {
            if let Some(outlet) = state.outlets.get(&effect.to) {
                // A connection whose task has ended no longer wants to know.
                let _ = outlet.send(effect.act);
            }
        }
        let next = state.core.next_wake();
        if next.is_some_and(|next| state.armed.is_none_or(|armed| next < armed)) {
            state.armed = next;
            self.earlier.notify_one();
        }
    }

    /// Tells the core the time whenever it asked for that; never returns.
    pub(super) async fn keep_time(&self) {
        loop {
            let armed = {
                let mut state = self.lock();
                state.armed = state.core.next_wake();
                state.armed
            };
            tokio::select! {
                biased;
                () = self.earlier.notified() => {}
                () = until(armed.map(|at| self.start + at)) => self.apply(Event::Tick),
            }
        }
    }

    /// A number for SockJS, another one each time (SOCKJS-INFO-01), and the same in each run.
    pub(super) fn entropy(&self) -> u32 {
        let count = self.entropy.fetch_add(1, Ordering::Relaxed);
        count.wrapping_add(1).wrapping_mul(0x9e37_79b9)
    }
}

/// Waits for a time, or for ever.
pub(super) async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Waits until the server is told to stop, or is gone.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
