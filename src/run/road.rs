//! Roads: sending a marked message of the engine's own from one connection to another, and seeing it arrive.
//!
//! It relies on the dialect's roads, carried out as steps of the engine. It never sends from an account to itself.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::acts::{At, become_state, step};
use super::stage::Stage;
use crate::case::event::Phase;
use crate::case::script::{Act, Deed, Kind, Road, Step, role_of};
use crate::judge::Waiting;

/// A road with its two ends.
#[derive(Debug, Clone)]
pub(super) struct Way<'s> {
    pub(super) road: &'s Road,
    /// The connection that receives.
    pub(super) to: String,
    /// The group, on a road to one.
    pub(super) group: Option<Value>,
    /// The receiver's subscription, on a road to one: id and destination.
    pub(super) subscription: Option<(String, String)>,
}

impl Way<'_> {
    fn names(&self, stage: &Stage, mark: &str) -> Map<String, Value> {
        let mut names = Map::new();
        let receiver = stage.lock().judge.actor(&self.to).unwrap_or_else(|| json!({}));
        names.insert("receiver".into(), receiver);
        names.insert("mark".into(), Value::from(mark));
        names.insert("group".into(), self.group.clone().unwrap_or(Value::Null));
        if let Some((id, destination)) = &self.subscription {
            names.insert("subscription".into(), json!({ "id": id, "destination": destination }));
        }
        names
    }
}

/// Sends a marked message; whether the sender could.
pub(super) async fn send(stage: &Arc<Stage>, way: &Way<'_>, from: &str, mark: &str) -> bool {
    if !stage.is_open(from) {
        return false;
    }
    // The names of the road stand in a scope of their own, within which its act is carried out.
    let names = way.names(stage, mark);
    run_engine_step(stage, &way.road.sends, from, names).await;
    stage.is_open(from)
}

/// Carries out a step of the dialect for the engine, with these names.
pub(super) async fn run_engine_step(stage: &Arc<Stage>, sends: &Step, on: &str, names: Map<String, Value>) {
    let run = stage.begin(sends.id, None, Phase::Engine, on, names);
    let at = At { up: Some(run), phase: Phase::Engine, me: on, ask: false, counted: true, lasting: false };
    // A verb was begun with the names of the road in its scope; a primitive is carried out within that scope.
    match &sends.kind {
        Kind::Act(Act { deed: Deed::Call { does, .. }, .. }) => {
            for inner in does {
                step(stage, inner, at).await;
            }
        }
        _ => drop(step(stage, sends, at).await),
    }
    stage.end(run, on);
}

/// Begins to look out for a marked message; gives the instance of the seeing.
pub(super) fn look(stage: &Arc<Stage>, way: &Way<'_>, mark: &str) -> u32 {
    stage.begin(way.road.shows.id, None, Phase::Engine, &way.to, way.names(stage, mark))
}

/// Waits for a marked message until a deadline; whether it came, and after how long.
pub(super) async fn arrival(
    stage: &Arc<Stage>,
    run: u32,
    begun: Instant,
    deadline: Instant,
) -> Option<Duration> {
    let held = stage
        .until(deadline, |state| {
            let (waiting, held) = state.judge.waiting(run);
            (waiting == Waiting::Over).then_some(held)
        })
        .await;
    let took = begun.elapsed();
    (held == Some(true)).then(|| {
        stage.round_trip(took);
        took
    })
}

/// A witness to a group, which reaches everybody in it.
#[derive(Debug)]
pub(super) struct Shared {
    /// The count of acts when it was sent.
    acts: u64,
    mark: String,
    sent_at: Instant,
    /// The receivers that it serves.
    served: BTreeSet<String>,
}

/// One that serves this receiver as well: the same sender sent it after all that was done, and after what was to come
/// before it.
fn shared(stage: &Stage, way: &Way<'_>, from: &str, after: Option<Instant>) -> Option<String> {
    let key = shared_key(way, from)?;
    let mut state = stage.lock();
    let acts = state.acts;
    let shared = state.shared.get_mut(&key)?;
    let fits = shared.acts == acts && after.is_none_or(|after| shared.sent_at >= after);
    (fits && shared.served.insert(way.to.clone())).then(|| shared.mark.clone())
}

fn share(stage: &Stage, way: &Way<'_>, from: &str, mark: &str) {
    if let Some(key) = shared_key(way, from) {
        let mut state = stage.lock();
        let (acts, served) = (state.acts, [way.to.clone()].into());
        state.shared.insert(key, Shared { acts, mark: mark.to_owned(), sent_at: Instant::now(), served });
    }
}

fn shared_key(way: &Way<'_>, from: &str) -> Option<String> {
    Some(format!("{from} {} {}", way.road.name, way.group.as_ref()?))
}

/// One witness: sent, and seen to arrive; of two the second is sent `after` the first has arrived. The time it took, or
/// why it did not arrive.
async fn witness(
    stage: &Arc<Stage>,
    way: &Way<'_>,
    from: &str,
    marks: &mut Vec<String>,
    after: Option<Instant>,
) -> Result<Duration, String> {
    let begun = Instant::now();
    let (mark, run) = match shared(stage, way, from, after) {
        Some(mark) => {
            let run = look(stage, way, &mark);
            (mark, run)
        }
        None => {
            let mark = stage.engine_mark();
            share(stage, way, from, &mark);
            let run = look(stage, way, &mark);
            if !send(stage, way, from, &mark).await {
                return Err(format!("{from} could not send it"));
            }
            (mark, run)
        }
    };
    marks.push(mark);
    let patience = stage.world.patience();
    match arrival(stage, run, begun, begun + patience).await {
        Some(took) => Ok(took),
        None if !stage.is_open(&way.to) => Err(format!("the connection of {} ended", way.to)),
        None => {
            super::world::Waiting::add(&stage.world.waiting.patience, patience);
            Err(format!(
                "a message from {from} to {} did not arrive within {} ms",
                way.to,
                patience.as_millis()
            ))
        }
    }
}

/// So many witnesses in sequence; the longest time that one took, or why one did not arrive.
pub(super) async fn witnesses(
    stage: &Arc<Stage>,
    way: &Way<'_>,
    from: &str,
    count: usize,
    marks: &mut Vec<String>,
) -> Result<Duration, String> {
    let (mut longest, mut after) = (Duration::ZERO, None);
    for _ in 0..count {
        longest = longest.max(witness(stage, way, from, marks, after).await?);
        after = Some(Instant::now());
    }
    Ok(longest)
}

/// A connection of another account than the receiver's that may send by this road: the prober, brought to a state in
/// which it can; else one of the cast that can already. Nobody of the cast is changed for it.
pub(super) async fn prober(stage: &Arc<Stage>, way: &Way<'_>) -> Option<String> {
    let receiver = stage.account(&way.to).map(str::to_owned);
    let suits = |on: &str| stage.account(on).map(str::to_owned) != receiver && may(stage, on, way);
    let wanted = stage.script.rank(stage.script.sending_state()?)?;
    if stage.account("prober").is_some() && suits("prober") {
        // Several may want it at once; it is raised by one of them.
        let _raising = stage.raising.lock().await;
        if stage.rank("prober") < wanted {
            become_state(stage, "prober", stage.script.sending_state()?, None, Phase::Engine).await;
        }
        if stage.rank("prober") >= wanted {
            return Some("prober".into());
        }
    }
    let cast = stage.script.cast.iter().filter(|m| m.times.is_none()).map(|m| m.name.clone());
    cast.filter(|on| suits(on)).find(|on| stage.rank(on) >= wanted && stage.can_speak(on))
}

/// A connection of another account than this one's that is, or may be brought, in a state to receive.
pub(super) async fn listener(stage: &Arc<Stage>, from: &str, state: &str) -> Option<String> {
    let own = stage.account(from).map(str::to_owned);
    let wanted = stage.script.rank(state)?;
    if stage.account("prober").is_some() && stage.account("prober").map(str::to_owned) != own {
        let _raising = stage.raising.lock().await;
        if stage.rank("prober") < wanted {
            become_state(stage, "prober", state, None, Phase::Engine).await;
        }
        if stage.rank("prober") >= wanted {
            return Some("prober".into());
        }
    }
    let cast = stage.script.cast.iter().filter(|m| m.times.is_none()).map(|m| m.name.clone());
    let mut others = cast.filter(|on| stage.account(on).map(str::to_owned) != own);
    others.find(|on| stage.rank(on) >= wanted && stage.is_open(on))
}

/// Whether a role may send by a road: to a group only its members.
pub(super) fn may(stage: &Stage, on: &str, way: &Way<'_>) -> bool {
    let Some(id) = way.group.as_ref().and_then(|g| g.get("id")).and_then(Value::as_str) else { return true };
    let named = stage.facts.groups.iter().find(|(_, group)| *group == id).map(|(name, _)| name);
    let need = stage.script.groups.iter().find(|g| Some(&g.name) == named);
    need.is_none_or(|need| {
        let role = role_of(on);
        need.members.iter().any(|m| m == role) || (role == "prober" && stage.facts.prober_is_member)
    })
}
