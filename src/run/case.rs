//! One case from beginning to end: its cast brought on, its steps carried out, the target asked whether it lives, its
//! connections left to linger.
//!
//! It relies on the stage and its acts. It never retries anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::acts::{At, Flow, become_state, close, steps};
use super::client;
use super::host;
use super::stage::Stage;
use super::world::Waiting as Spent;
use crate::case::event::{Phase, What};
use crate::case::script::Side;

/// Something that happens once and is waited for. (Channels that tokio has for this wake their waiters in random order,
/// and the same seed must give the same transcripts.)
#[derive(Debug, Default)]
struct Once {
    happened: AtomicBool,
    changed: Notify,
}

impl Once {
    fn happen(&self) {
        self.happened.store(true, Ordering::Release);
        self.changed.notify_waiters();
    }

    async fn wait(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.happened.load(Ordering::Acquire) {
                return;
            }
            changed.await;
        }
    }
}

/// A case whose connections linger: told to end, it says when it has.
#[derive(Debug, Default)]
pub(super) struct Linger {
    end: Once,
    ended: Once,
}

impl Linger {
    /// One that has ended: of a case that was ended by force.
    pub(super) fn over() -> Self {
        let linger = Linger::default();
        linger.ended.happen();
        linger
    }

    /// Ends it, and waits until its connections are closed.
    pub(super) async fn end(&self) {
        self.end.happen();
        self.ended.wait().await;
    }
}

/// Carries a case out, up to the point at which its accounts are free again.
pub(super) async fn perform(stage: &Arc<Stage>) {
    let script = stage.script.clone();
    if script.judges == Side::Client {
        match host::open(stage).await {
            Ok(host) => drop(stage.host.set(host)),
            Err(why) => stage.log(None, What::Fault { why }),
        }
    }
    let cast = script.cast.iter().flat_map(|member| {
        let names: Vec<String> = match stage.facts.crowds.get(&member.name) {
            Some(count) => (1..=*count).map(|n| format!("{}/{n}", member.name)).collect(),
            None => vec![member.name.clone()],
        };
        names.into_iter().map(|name| (name, member.state.clone()))
    });
    let brought = join_all(
        cast.filter(|(_, state)| script.rank(state) != Some(0))
            .map(|(name, state)| async move { become_state(stage, &name, &state, None, Phase::Cast).await }),
    )
    .await;
    let mut flow = if brought.contains(&Flow::Stop) { Flow::Stop } else { Flow::Go };
    for (part, phase) in [(&script.given, Phase::Given), (&script.steps, Phase::Steps)] {
        if flow == Flow::Go {
            let at = At { up: None, phase, me: "", ask: false, counted: false, lasting: false };
            flow = steps(stage, part, at).await;
        }
    }
    if script.judges == Side::Client {
        client::dismiss(stage).await;
    } else if stage.lock().judge.wants_canary() {
        canary(stage).await;
    }
    await_closes(stage).await;
    stage.log(None, What::Done);
}

/// Asks whether the target lives: by a connection of its own, up to the state in which one can send.
async fn canary(stage: &Arc<Stage>) {
    let Some(state) = stage.script.sending_state().map(str::to_owned) else { return };
    become_state(stage, "canary", &state, None, Phase::Engine).await;
    let up = stage.script.rank(&state).is_some_and(|rank| stage.rank("canary") >= rank);
    let why =
        if up { "a new connection was accepted".to_owned() } else { stage.lock().judge.story("canary") };
    stage.log(Some("canary"), What::Target { up, why });
    close(stage, "canary").await;
}

/// A rule may wait for the end of a connection, after an ERROR: it has its time, unless a target has shown that it
/// does not close at all.
async fn await_closes(stage: &Arc<Stage>) {
    let patience = stage.world.close_patience();
    let deadline = Instant::now() + patience;
    let waiting: Vec<String> = {
        let state = stage.lock();
        let open = state.links.iter().filter(|(_, link)| link.open);
        open.map(|(name, _)| name.clone()).filter(|name| state.judge.rule_waits_on(name)).collect()
    };
    for on in waiting {
        let begun = Instant::now();
        let closed = stage
            .until(deadline, |state| {
                (!state.judge.rule_waits_on(&on) || state.links.get(&on).is_none_or(|l| !l.open))
                    .then_some(())
            })
            .await;
        if closed.is_none() {
            Spent::add(&stage.world.waiting.patience, begun.elapsed());
            stage.world.learned.never_closes();
            let round_trip_us = stage.world.round_trip().as_micros() as u64;
            let patience_ms = patience.as_millis() as u64;
            stage.log(Some(&on), What::Deadline { run: None, patience_ms, round_trip_us });
        }
    }
}

/// Keeps the connections open for a while, so that what comes late is seen; then closes them with the handshake.
pub(super) async fn linger(stage: &Arc<Stage>, linger: &Linger, longest: Option<Duration>) {
    if let Some(longest) = longest {
        stage.lock().lingering = true;
        let _ = timeout(longest, linger.end.wait()).await;
    }
    let open: Vec<String> = {
        let state = stage.lock();
        state.links.iter().filter(|(_, link)| link.open).map(|(name, _)| name.clone()).collect()
    };
    join_all(open.iter().map(|on| close(stage, on))).await;
    linger.ended.happen();
}
