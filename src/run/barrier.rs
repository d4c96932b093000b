//! Barriers: how it is known that nothing more comes, without waiting for a time (docs/verdicts.md, docs/language.md 7). The first
//! kind that serves is taken; its kind, its grace and its outcome are logged for the judge.
//!
//! It relies on roads and on settling. It never takes silence for an answer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::acts::{self, become_state, close};
use super::client::{self, Client};
use super::road::{Way, may, prober, witnesses};
use super::settle::is_heard;
use super::stage::{Deeded, Stage};
use super::world::Waiting as Spent;
use crate::case::event::{BarrierKind, By, Phase, What};
use crate::case::script::{Act, Road, See, Side, role_of};
use crate::judge::Waiting;

/// The grace after two witnesses by the connection that acted, and by another (docs/verdicts.md).
const GRACE: Duration = Duration::from_millis(1);
const GRACE_BY_ANOTHER: Duration = Duration::from_millis(25);

/// How long a client that cannot be asked to quit is listened to before it is held to have nothing more to say.
const QUIET: Duration = Duration::from_secs(1);

/// What a barrier came to.
struct Outcome {
    kind: BarrierKind,
    road: Option<String>,
    witnesses: Vec<String>,
    grace: Duration,
    /// Why it was lost, and the clause of that.
    lost: Option<(String, String)>,
}

impl Outcome {
    fn held(kind: BarrierKind) -> Self {
        Outcome { kind, road: None, witnesses: Vec::new(), grace: Duration::ZERO, lost: None }
    }
}

/// Serves a seeing that has all that had to come, and must know that nothing else does.
pub(super) async fn serve(stage: &Arc<Stage>, run: u32, on: &str, act: &Act, see: &See) {
    let outcome = choose(stage, run, on, act, see).await;
    if stage.lock().judge.waiting(run).0 == Waiting::Over || stage.lock().judge.is_unable() {
        // It was broken meanwhile: no barrier is needed any more.
        return;
    }
    {
        let mut state = stage.lock();
        let now = state.acts;
        state.links.entry(on.to_owned()).or_default().barrier = now;
    }
    let (clause, why) = outcome.lost.clone().unwrap_or_default();
    stage.log(
        Some(on),
        What::Barrier {
            run,
            kind: outcome.kind,
            road: outcome.road,
            witnesses: outcome.witnesses,
            grace_us: outcome.grace.as_micros() as u64,
            held: outcome.lost.is_none(),
            clause,
            why,
        },
    );
}

async fn choose(stage: &Arc<Stage>, run: u32, on: &str, act: &Act, see: &See) -> Outcome {
    if stage.script.judges == Side::Client {
        return exited(stage, on, act).await;
    }
    if !stage.is_open(on) {
        return closed(stage, on);
    }
    // What feeds an observation must not be changed by raising the receiver to another state.
    let feeds = act.bind.as_ref().is_some_and(|name| stage.observed_names.contains(name));
    let ways = ways(stage, on, !feeds && !matches!(see, See::Every(_))).await;
    if ways.is_empty() {
        return ended(stage, on).await;
    }
    let since = stage.lock().links.get(on).map_or(0, |l| l.barrier);
    let deeds: Vec<Deeded> =
        stage.lock().deeds.iter().filter(|d| d.at > since && d.matters()).cloned().collect();
    let mut total = Outcome::held(BarrierKind::Witness);
    // Whoever acted by a road witnesses it; what has no road must have been worked off before somebody else does.
    let actors: BTreeSet<String> = deeds.iter().map(|d| d.on.clone()).collect();
    let mut by_another = actors.is_empty();
    for actor in &actors {
        let mine: Vec<&Deeded> = deeds.iter().filter(|d| d.on == *actor).collect();
        let own = stage.account(actor) == stage.account(on);
        if own || mine.iter().any(|d| d.road.is_none()) || !stage.can_speak(actor) {
            by_another = true;
            if stage.can_send(actor) && mine.iter().any(|d| !d.settled) {
                is_heard(stage, actor).await;
            }
        }
        if own || !stage.can_speak(actor) {
            continue;
        }
        match by_actor(stage, actor, &mine, &ways, &mut total).await {
            Ok(served) => by_another |= !served,
            Err(lost) => {
                total.lost = Some(lost);
                break;
            }
        }
        if stage.lock().judge.waiting(run).0 == Waiting::Over {
            return total;
        }
    }
    if by_another && total.lost.is_none() {
        total.kind = BarrierKind::ByAnother;
        total.lost = another(stage, on, &ways, &mut total).await.err();
    }
    if !stage.is_open(on) && total.lost.is_some() {
        // The receiver was thrown out in the middle of it: that decides as well.
        return closed(stage, on);
    }
    if feeds && total.lost.take().is_some() {
        // An observation proves nothing: what came while the witness was waited for is what there is to see.
        total.kind = BarrierKind::Window;
    }
    total
}

/// A client has nothing more to say once it has quit, and what it had said has been read.
async fn exited(stage: &Arc<Stage>, on: &str, act: &Act) -> Outcome {
    if matches!(stage.world.client, Some(Client::Visitor(_))) {
        // It cannot be asked to quit.
        tokio::time::sleep(QUIET).await;
        Spent::add(&stage.world.waiting.windows, QUIET);
        return Outcome::held(BarrierKind::Window);
    }
    let mut outcome = Outcome::held(BarrierKind::Exited);
    let clients: Vec<String> = stage.lock().processes.keys().cloned().collect();
    for client in &clients {
        if stage.is_open(client) && !client::quit(stage, client).await {
            let why = format!("it was still there after {} ms", stage.world.patience().as_millis());
            outcome.lost = Some((act.clause.clone(), why));
        }
    }
    if !clients.iter().any(|client| client == on) {
        acts::ended(stage, on).await;
    }
    outcome
}

/// The connection has ended: nothing more can come on it. If it did nothing to deserve it, that is a failure of its own.
fn closed(stage: &Stage, on: &str) -> Outcome {
    let state = stage.lock();
    let link = state.links.get(on);
    let by_target = link.and_then(|l| l.ended) == Some(By::Target);
    let acted = link.is_some_and(|l| l.acted > l.barrier || l.acted > 0) || link.is_none();
    let mut outcome = Outcome::held(if by_target { BarrierKind::Closed } else { BarrierKind::Ended });
    if by_target && !acted {
        let clause = stage
            .script
            .states
            .iter()
            .flat_map(|s| &s.steps)
            .find_map(|s| match &s.kind {
                crate::case::script::Kind::Act(act) => Some(act.clause.clone()),
                _ => None,
            })
            .unwrap_or_default();
        outcome.lost =
            Some((clause, format!("the target ended the connection of {on}, which had done nothing")));
    }
    outcome
}

/// The roads that lead to a receiver as it is; where there is none, and it may be raised to a state that a road asks
/// for, that road.
async fn ways<'s>(stage: &'s Arc<Stage>, on: &str, raise: bool) -> Vec<Way<'s>> {
    let rank = stage.rank(on);
    let personal = |road: &'s Road| Way { road, to: on.to_owned(), group: None, subscription: None };
    let mut found = Vec::new();
    for road in &stage.script.roads {
        if road.to_subscription {
            let live = stage.live(on);
            let mut seen = BTreeSet::new();
            for subscription in live.into_iter().filter(|(id, _)| seen.insert(id.clone())) {
                found.push(Way { subscription: Some(subscription), ..personal(road) });
            }
        } else if road.to_group {
            found.extend(group_ways(stage, road, on));
        } else if road
            .receiver
            .as_ref()
            .and_then(|r| stage.script.rank(r))
            .is_none_or(|wanted| rank >= wanted)
        {
            found.push(personal(road));
        }
    }
    let first = stage.script.roads.iter().find(|r| r.receiver.is_some() && !r.to_group);
    if let (true, true, Some(road)) = (found.is_empty(), raise, first) {
        let state = road.receiver.as_deref().unwrap_or_default();
        become_state(stage, on, state, None, Phase::Engine).await;
        if stage.script.rank(state).is_some_and(|wanted| stage.rank(on) >= wanted) {
            found.push(personal(road));
        }
    }
    found
}

/// Groups that a receiver has joined.
fn group_ways<'s>(stage: &Stage, road: &'s Road, on: &str) -> Vec<Way<'s>> {
    let live = stage.live(on);
    let need_members = |name: &str| {
        let need = stage.script.groups.iter().find(|g| g.name == name);
        need.is_none_or(|need| need.members.iter().any(|m| m == role_of(on)))
    };
    stage
        .facts
        .groups
        .iter()
        .filter(|(name, id)| need_members(name) && live.iter().any(|(_, d)| d.ends_with(&format!("/{id}"))))
        .map(|(_, id)| {
            let group = Some(serde_json::json!({ "id": id }));
            Way { road, to: on.to_owned(), group, subscription: None }
        })
        .collect()
}

/// Witnesses by the connection that acted, on the roads that it took. Whether there was such a road.
async fn by_actor(
    stage: &Arc<Stage>,
    actor: &str,
    deeds: &[&Deeded],
    ways: &[Way<'_>],
    total: &mut Outcome,
) -> Result<bool, (String, String)> {
    let taken = |way: &Way<'_>, deed: &Deeded| {
        deed.road.as_deref() == Some(way.road.name.as_str()) && same_group(way, deed)
    };
    // A deed whose own road does not lead to the receiver is witnessed by any road that does.
    let roads: Vec<&Deeded> = deeds.iter().copied().filter(|d| d.road.is_some()).collect();
    if roads.is_empty() {
        return Ok(false);
    }
    let mut chosen: Vec<&Way<'_>> = ways.iter().filter(|w| roads.iter().any(|d| taken(w, d))).collect();
    if chosen.is_empty() {
        chosen.extend(ways.first());
    }
    let mut served = true;
    for way in chosen {
        if !may(stage, actor, way) {
            served = false;
            continue;
        }
        total.road = Some(way.road.name.clone());
        // What comes on one subscription says little of another to the same destination, cancelled but perhaps alive.
        let shadowed = stage.has_cancelled(way);
        let count = if stage.world.keeps_order() && !shadowed { 1 } else { 2 };
        let longest = match witnesses(stage, way, actor, count, &mut total.witnesses).await {
            Ok(longest) => longest,
            // The sender was refused meanwhile: somebody else must do it.
            Err(_) if !stage.can_speak(actor) => return Ok(false),
            Err(why) => return Err((way.road.clause.clone(), why)),
        };
        if count == 2 {
            total.kind = BarrierKind::Witnesses;
            let least = if shadowed { GRACE_BY_ANOTHER } else { GRACE };
            grace(stage, least.max(longest * 3), total).await;
        }
    }
    Ok(served)
}

fn same_group(way: &Way<'_>, deed: &Deeded) -> bool {
    let id = |group: &Option<Value>| group.as_ref().and_then(|g| g.get("id")).cloned();
    way.group.is_none() || id(&way.group) == id(&deed.group)
}

/// Two witnesses one after the other, by anybody who may, and the longer grace.
async fn another(
    stage: &Arc<Stage>,
    on: &str,
    ways: &[Way<'_>],
    total: &mut Outcome,
) -> Result<(), (String, String)> {
    let mut longest = Duration::ZERO;
    let mut any = false;
    for way in ways {
        let Some(from) = prober(stage, way).await else { continue };
        any = true;
        total.road = Some(way.road.name.clone());
        let took = witnesses(stage, way, &from, 2, &mut total.witnesses).await;
        longest = longest.max(took.map_err(|why| (way.road.clause.clone(), why))?);
    }
    if !any {
        let why = format!("nobody can be a witness to {on}: it takes one more account");
        stage.log(Some(on), What::Unable { why });
        return Ok(());
    }
    grace(stage, GRACE_BY_ANOTHER.max(longest * 3), total).await;
    Ok(())
}

/// What is late has this long to come: a time that docs/verdicts.md names.
async fn grace(stage: &Stage, time: Duration, total: &mut Outcome) {
    total.grace = total.grace.max(time);
    Spent::add(&stage.world.waiting.grace, time);
    tokio::time::sleep(time).await;
}

/// It is the receiver's last act: we close, and read to the end. What was done must have been worked off before.
async fn ended(stage: &Arc<Stage>, on: &str) -> Outcome {
    let mut outcome = Outcome::held(BarrierKind::Ended);
    let since = stage.lock().links.get(on).map_or(0, |l| l.barrier);
    let actors: BTreeSet<String> = {
        let state = stage.lock();
        state.deeds.iter().filter(|d| d.at > since).map(|d| d.on.clone()).collect()
    };
    let twin = twin(stage, on);
    for actor in actors.iter().filter(|a| *a != on) {
        if !stage.can_speak(actor) {
            continue;
        }
        // Where order is not kept, closing may discard what is queued: a second connection of that user shows it.
        let heard = match &twin {
            Some(twin) => {
                let mut held = true;
                for way in ways(stage, twin, false).await.iter().filter(|w| may(stage, actor, w)).take(1) {
                    held &= witnesses(stage, way, actor, 2, &mut outcome.witnesses).await.is_ok();
                }
                held
            }
            None => is_heard(stage, actor).await.unwrap_or(true),
        };
        if !heard && stage.is_open(actor) {
            let clause = stage.script.roads.first().map(|r| r.clause.clone()).unwrap_or_default();
            outcome.lost = Some((clause, format!("a message of {actor} did not arrive")));
            return outcome;
        }
    }
    if twin.is_some() || !actors.is_empty() {
        let time = GRACE.max(stage.lock().round_trip * 3);
        grace(stage, time, &mut outcome).await;
    }
    close(stage, on).await;
    outcome
}

/// Another open connection of the same user.
fn twin(stage: &Stage, on: &str) -> Option<String> {
    let state = stage.lock();
    let own = role_of(on);
    state
        .links
        .iter()
        .find(|(name, link)| *name != on && link.open && role_of(name) == own)
        .map(|(name, _)| name.clone())
}
