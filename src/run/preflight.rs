//! The preflight: one connection per account before anything else, so that a target that cannot be judged ends the run
//! in seconds and not after every case has failed.
//!
//! It relies on the dialect's states. It judges nothing; it says what was in the way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::acts::{become_state, close};
use super::journal::JournalFolder;
use super::runner::engine_stage;
use super::world::World;
use crate::case::event::Phase;
use crate::case::script::Script;

/// What an account may take beyond twice the patience, on a machine that is busy.
const SLACK: Duration = Duration::from_secs(5);

/// Why a target cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub struct Unfit {
    url: String,
    /// Account label and what was in the way.
    failed: Vec<(String, String)>,
    /// How many accounts there are; none, where a client is judged.
    all: usize,
}

impl Unfit {
    /// Of a client, as one would type it, and what was in the way.
    pub(super) fn client(shown: &str, why: String) -> Self {
        Unfit { url: format!("the client `{shown}`"), failed: vec![(String::new(), why)], all: 0 }
    }

    fn text(&self) -> String {
        if let (0, Some((_, why))) = (self.all, self.failed.first()) {
            return format!("{} cannot be judged: {why}", self.url);
        }
        let (label, why) = self.failed.first().cloned().unwrap_or_default();
        let who = match (self.failed.len(), self.all) {
            (n, all) if n == all => format!("no account of {all} was let in"),
            (1, _) => format!("the account `{label}` was not let in"),
            (n, all) => format!("{n} of {all} accounts were not let in"),
        };
        format!("{} cannot be judged: {who}\n  {label}: {why}", self.url)
    }
}

/// Lets every account connect once.
///
/// # Errors
/// What was in the way of the first that could not.
pub async fn preflight(
    world: &Arc<World>,
    model: &Script,
    folder: Option<&JournalFolder>,
) -> Result<(), Unfit> {
    let labels: Vec<String> = world.target.accounts.iter().map(|a| a.label.clone()).collect();
    let seats: BTreeMap<String, usize> = labels.iter().cloned().zip(0..).collect();
    let stage = engine_stage(world, model, "preflight", seats, folder);
    let Some(state) = stage.script.sending_state().map(str::to_owned) else { return Ok(()) };
    let wanted = stage.script.rank(&state).unwrap_or(0);
    let attempts = labels.iter().map(|label| {
        let (stage, state) = (&stage, &state);
        async move {
            // A state may take several waits, each with its own patience; all of them together have this one.
            let limit = world.patience() * 2 + SLACK;
            let _ = timeout(limit, become_state(stage, label, state, None, Phase::Engine)).await;
            let reached = stage.rank(label) >= wanted;
            if !reached {
                // The run ends here and takes the connection with it: nothing is waited for.
                return Some((label.clone(), stage.lock().judge.story(label)));
            }
            close(stage, label).await;
            None
        }
    });
    let failed: Vec<(String, String)> = join_all(attempts).await.into_iter().flatten().collect();
    stage.close_journal();
    if failed.is_empty() {
        return Ok(());
    }
    Err(Unfit { url: world.target.url.clone(), failed, all: labels.len() })
}
