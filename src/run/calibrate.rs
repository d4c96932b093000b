//! Calibration: whether the target keeps the order of one sender's messages to one destination, measured once per run
//! where the profile does not say (docs/verdicts.md).
//!
//! It relies on roads. It judges nothing: it only decides which barrier is needed, and an inversion that is seen later in
//! the run overrides it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, timeout};

use super::acts::{become_state, close};
use super::journal::JournalFolder;
use super::road::{Way, arrival, look, send};
use super::runner::engine_stage;
use super::settle::listen;
use super::stage::Stage;
use super::world::World;
use crate::case::event::Phase;
use crate::case::script::{Road, Script};

/// Pairs that are sent on each kind of way.
const PAIRS: usize = 50;
/// What a calibration may take at most; beyond it the target counts as one that reorders.
const LIMIT: Duration = Duration::from_secs(10);

/// What was measured, of each dialect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Calibration {
    /// Whether every pair to one destination kept its order: then one witness is enough.
    pub keeps_order: bool,
    /// By dialect and ways.
    pub measured: Vec<Measured>,
}

/// Pairs of messages, one right behind the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Measured {
    /// The dialect.
    pub dialect: String,
    /// The road.
    pub road: String,
    /// Whether the two of a pair went to different destinations of the receiver.
    pub across: bool,
    /// Pairs that arrived.
    pub pairs: usize,
    /// Pairs of which the second came first.
    pub inverted: usize,
}

/// Measures with two accounts, one that sends and one that hears; what cannot be measured counts as not kept.
pub(super) async fn calibrate(
    world: &Arc<World>,
    models: &[&Script],
    folder: Option<&JournalFolder>,
) -> Calibration {
    let mut measured = Vec::new();
    for model in models {
        if let Ok(found) = timeout(LIMIT, of_dialect(world, model, folder)).await {
            measured.extend(found);
        }
    }
    let within = || measured.iter().filter(|m| !m.across);
    let whole = models.iter().all(|model| within().any(|m| m.dialect == model.dialect));
    let keeps_order = whole && within().all(|m| m.inverted == 0 && m.pairs == PAIRS);
    Calibration { keeps_order, measured }
}

async fn of_dialect(world: &Arc<World>, model: &Script, folder: Option<&JournalFolder>) -> Vec<Measured> {
    if world.target.accounts.len() < 2 {
        return Vec::new();
    }
    let seats = BTreeMap::from([("sender".to_owned(), 0), ("receiver".to_owned(), 1)]);
    let stage = engine_stage(world, model, &format!("calibration-{}", model.dialect), seats, folder);
    let found = on_stage(&stage).await.unwrap_or_default();
    for on in ["sender", "receiver"] {
        close(&stage, on).await;
    }
    stage.close_journal();
    found
}

async fn on_stage(stage: &Arc<Stage>) -> Option<Vec<Measured>> {
    let state = stage.script.sending_state()?.to_owned();
    become_state(stage, "sender", &state, None, Phase::Engine).await;
    let road =
        stage.script.roads.iter().find(|r| !r.to_group && (r.receiver.is_some() || r.listens.is_some()))?;
    let state = road.receiver.clone().unwrap_or(state);
    become_state(stage, "receiver", &state, None, Phase::Engine).await;
    if !["sender", "receiver"].iter().all(|on| stage.is_open(on)) {
        return None;
    }
    let first = way(stage, road).await?;
    let mut found = vec![measure(stage, &first, &first, false).await?];
    if road.to_subscription {
        let second = way(stage, road).await?;
        found.push(measure(stage, &first, &second, true).await?);
    }
    Some(found)
}

/// The road to the receiver, by a new subscription where it leads to one.
async fn way<'s>(stage: &'s Arc<Stage>, road: &'s Road) -> Option<Way<'s>> {
    let subscription = match road.to_subscription {
        true => Some(listen(stage, road, "receiver", "sender").await?),
        false => None,
    };
    Some(Way { road, to: "receiver".into(), group: None, subscription })
}

async fn measure(stage: &Arc<Stage>, one: &Way<'_>, other: &Way<'_>, across: bool) -> Option<Measured> {
    let (dialect, road) = (stage.script.dialect.clone(), one.road.name.clone());
    let mut measured = Measured { dialect, road, across, pairs: 0, inverted: 0 };
    for _ in 0..PAIRS {
        let marks = [stage.engine_mark(), stage.engine_mark()];
        let runs = [look(stage, one, &marks[0]), look(stage, other, &marks[1])];
        let begun = Instant::now();
        if !(send(stage, one, "sender", &marks[0]).await && send(stage, other, "sender", &marks[1]).await) {
            return None;
        }
        let deadline = begun + stage.world.patience();
        for run in runs {
            arrival(stage, run, begun, deadline).await?;
        }
        let at = |mark: &str| stage.lock().judge.position("receiver", mark);
        measured.pairs += 1;
        measured.inverted += usize::from(at(&marks[0]) > at(&marks[1]));
    }
    Some(measured)
}
