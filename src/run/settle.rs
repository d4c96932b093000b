//! Settling: proof that what was done before has been worked off (docs/verdicts.md). Neither SUBSCRIBE nor UNSUBSCRIBE has an
//! acknowledgement, so that only a RECEIPT, or a message that went the same way, can show it.
//!
//! It relies on roads. It never waits for a fixed time, and never probes from an account to itself.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::road::{Way, arrival, listener, look, prober, run_engine_step, send, witnesses};
use super::stage::{How, Stage};
use super::world::Waiting as Spent;
use crate::case::event::What;
use crate::case::script::Road;
use crate::judge::Waiting;
use crate::stomp::{Frame, encode};

/// Between the first two probes (docs/verdicts.md). Each further one waits twice as long as the one before it, so that a server
/// that is slow is not flooded.
const PROBE_AFTER: Duration = Duration::from_millis(20);
/// Between two probes at most.
const PROBE_AT_MOST: Duration = Duration::from_secs(1);

/// When the next probe is due.
#[derive(Debug)]
struct Pace(Duration);

impl Pace {
    fn new() -> Self {
        Pace(PROBE_AFTER)
    }

    fn next(&mut self, deadline: Instant) -> Instant {
        let due = (Instant::now() + self.0).min(deadline);
        self.0 = (self.0 * 2).min(PROBE_AT_MOST);
        due
    }
}

/// What an actor did last has been worked off.
pub(super) async fn settle(stage: &Arc<Stage>, run: u32, on: &str, road: &str) {
    let settled = |by: &str, held: bool| note(stage, run, on, by, held);
    if is_skipped(stage, run, on) {
        return;
    }
    if let Some(came) = receipt(stage, on).await {
        return settled("receipt", came);
    }
    let Some(road) = stage.script.roads.iter().find(|r| r.name == road) else {
        stage.log(Some(on), What::Fault { why: format!("`{road}` is no road of the dialect") });
        return;
    };
    let subscribes = stage.lock().links.get(on).is_some_and(|l| l.last == "SUBSCRIBE");
    let held = if subscribes { hears(stage, on, road, run).await } else { is_heard(stage, on).await };
    match held {
        Some(false) if subscribes => match elsewhere(stage, on) {
            Some(other) => {
                settled(&format!("probe (they came on {other}, another session of the same user)"), false)
            }
            None => settled("probe", false),
        },
        Some(held) => settled("probe", held),
        None => {
            let why =
                format!("nobody can show that what {on} did has been worked off: it takes one more account");
            stage.log(Some(on), What::Unable { why });
        }
    }
}

/// Another connection of the same account on which the engine's messages came.
fn elsewhere(stage: &Stage, on: &str) -> Option<String> {
    let account = stage.account(on)?.to_owned();
    let others: Vec<String> = stage.lock().links.keys().filter(|name| *name != on).cloned().collect();
    let same = others.into_iter().filter(|name| stage.account(name) == Some(&account));
    let mut heard = same.filter(|name| stage.lock().judge.position(name, &stage.facts.engine_mark).is_some());
    heard.next()
}

/// Notes whether things have settled, and how that was shown.
fn note(stage: &Stage, run: u32, on: &str, by: &str, held: bool) {
    if held {
        stage.has_settled(on);
    }
    stage.log(Some(on), What::Settled { run, by: by.into(), held });
}

/// On a connection that has ended there is nothing to settle.
fn is_skipped(stage: &Stage, run: u32, on: &str) -> bool {
    let ended = !stage.is_open(on);
    if ended {
        stage.log(Some(on), What::Skip { run, why: "the connection has ended".into() });
    }
    ended
}

/// The RECEIPT that the engine asked for on the act before, if it did: whether it came before the connection ended. Where
/// it merely does not come, something else has to show what is to be known.
async fn receipt(stage: &Arc<Stage>, on: &str) -> Option<bool> {
    let id = stage.lock().asked.remove(on)?;
    let begun = Instant::now();
    let came = stage
        .until(begun + stage.world.patience(), |state| {
            let open = state.links.get(on).is_some_and(|l| l.open);
            (state.receipts.contains(&id) || !open).then(|| state.receipts.contains(&id))
        })
        .await;
    match came {
        Some(true) => stage.round_trip(begun.elapsed()),
        Some(false) => {}
        None => {
            Spent::add(&stage.world.waiting.patience, begun.elapsed());
            stage.world.learned.receipt_missed();
        }
    }
    came
}

/// Probes by this road until one comes through: the subscription lives.
async fn hears(stage: &Arc<Stage>, on: &str, road: &Road, run: u32) -> Option<bool> {
    let group = group_of(stage, run);
    let subscription = stage.lock().links.get(on).and_then(|l| l.live.last().cloned());
    let way = Way { road, to: on.to_owned(), group, subscription };
    let from = prober(stage, &way).await?;
    Some(comes_through(stage, &way, &from).await)
}

/// Probes on a way until one comes through; a probe on another subscription of the same connection says nothing of this
/// one. It does not where the connection ends, or patience does.
async fn comes_through(stage: &Arc<Stage>, way: &Way<'_>, from: &str) -> bool {
    let begun = Instant::now();
    let deadline = begun + stage.world.patience();
    let id = way.subscription.as_ref().map_or("", |(id, _)| id.as_str());
    let mut looking: Vec<(u32, String)> = Vec::new();
    let mut pace = Pace::new();
    loop {
        let mark = stage.engine_mark();
        let run = look(stage, way, &mark);
        if !send(stage, way, from, &mark).await {
            return false;
        }
        looking.push((run, mark));
        let came = stage
            .until(pace.next(deadline), |state| {
                let came = looking.iter().any(|(run, mark)| {
                    state.judge.waiting(*run) == (Waiting::Over, true)
                        && (id.is_empty() || state.judge.came_on(&way.to, mark, id, "").0)
                });
                let open = state.links.get(&way.to).is_some_and(|l| l.open);
                (came || !open).then_some(came)
            })
            .await;
        match came {
            Some(came) => {
                stage.round_trip(begun.elapsed());
                return came;
            }
            None if Instant::now() >= deadline => {
                Spent::add(&stage.world.waiting.patience, begun.elapsed());
                return false;
            }
            None => {}
        }
    }
}

/// The group that the verb around a settling step is about.
fn group_of(stage: &Stage, run: u32) -> Option<Value> {
    let at = stage.world.now();
    stage.lock().judge.value(run, "$group", at).filter(|g| g.get("id").is_some())
}

/// A sender's frames have been worked off: the prober hears her, twice in sequence.
pub(super) async fn is_heard(stage: &Arc<Stage>, on: &str) -> Option<bool> {
    let way = ear(stage, on).await?;
    Some(witnesses(stage, &way, on, 2, &mut Vec::new()).await.is_ok())
}

/// A connection of another account that can hear this one, by a road that anybody may use.
async fn ear<'s>(stage: &'s Arc<Stage>, on: &str) -> Option<Way<'s>> {
    let own = stage.account(on).map(str::to_owned);
    if let Some(road) = stage.script.roads.iter().find(|r| r.receiver.is_some() && !r.to_group) {
        let to = listener(stage, on, road.receiver.as_deref()?).await?;
        return Some(Way { road, to, group: None, subscription: None });
    }
    // A road to a subscription: the prober makes one of its own.
    let road = stage.script.roads.iter().find(|r| r.to_subscription)?;
    let towards = Way { road, to: on.to_owned(), group: None, subscription: None };
    let from = prober(stage, &towards).await?;
    if stage.account(&from).map(str::to_owned) == own {
        return None;
    }
    let subscription = match own_ear(stage, &from) {
        Some(found) => found,
        None => listen(stage, road, &from, on).await?,
    };
    Some(Way { road, to: from, group: None, subscription: Some(subscription) })
}

/// The subscription that the engine made on a connection to hear others: id and destination.
fn own_ear(stage: &Stage, from: &str) -> Option<(String, String)> {
    let state = stage.lock();
    let mut live = state.links.get(from)?.live.iter();
    live.find(|(id, _)| id.starts_with(&stage.facts.engine_mark)).cloned()
}

/// Makes that subscription as the road says, and waits until messages come through.
pub(super) async fn listen(
    stage: &Arc<Stage>,
    road: &Road,
    from: &str,
    on: &str,
) -> Option<(String, String)> {
    let mark = stage.engine_mark();
    run_engine_step(
        stage,
        road.listens.as_ref()?,
        from,
        Map::from_iter([("mark".to_owned(), Value::from(mark.as_str()))]),
    )
    .await;
    let subscription =
        stage.lock().links.get(from)?.live.iter().find(|(id, _)| id.contains(&mark)).cloned()?;
    let way = Way { road, to: from.to_owned(), group: None, subscription: Some(subscription.clone()) };
    // The one that is to be settled is the only other connection that can be counted on.
    comes_through(stage, &way, on).await;
    Some(subscription)
}

fn subscribe(stage: &Arc<Stage>, on: &str, id: &str, destination: &str) {
    let frame = Frame::new("SUBSCRIBE").with("id", id).with("destination", destination);
    let version =
        stage.lock().links.get(on).and_then(|l| l.connection.as_ref()).map(|c| c.version).unwrap_or_default();
    stage.transmit(on, &encode(&frame, version), How::Plainly);
}

/// A subscription is gone: its RECEIPT, or else a control, a second subscription to the same destination that stays.
pub(super) async fn gone(stage: &Arc<Stage>, run: u32, on: &str, id: &str) {
    let settled = |by: &str, held: bool| note(stage, run, on, by, held);
    if is_skipped(stage, run, on) {
        return;
    }
    if let Some(came) = receipt(stage, on).await {
        return settled("receipt", came);
    }
    let destination =
        stage.lock().judge.conn(on).subscriptions.iter().rev().find(|(i, _)| i == id).map(|(_, d)| d.clone());
    let Some(destination) = destination else {
        // Nothing of this id was ever subscribed: there is nothing that could still come.
        return settled("end", true);
    };
    let control = stage.engine_mark();
    let Some(way) = road_to(stage, on, &control, &destination) else {
        stage.log(
            Some(on),
            What::Fault { why: format!("no road leads to {destination}, so that its end could be seen") },
        );
        return;
    };
    let Some(from) = prober(stage, &way).await else {
        let why = format!("nobody can show that the subscription {id} is gone: it takes one more account");
        stage.log(Some(on), What::Unable { why });
        return;
    };
    subscribe(stage, on, &control, &destination);
    let deadline = Instant::now() + stage.world.patience();
    let mut pace = Pace::new();
    while Instant::now() < deadline {
        let mark = stage.engine_mark();
        let looking = look(stage, &way, &mark);
        let begun = Instant::now();
        send(stage, &way, &from, &mark).await;
        let until = pace.next(deadline).max(begun + stage.world.round_trip() * 3);
        let Some(took) = arrival(stage, looking, begun, until).await else { continue };
        let grace = Duration::from_millis(1).max(took * 3);
        Spent::add(&stage.world.waiting.grace, grace);
        tokio::time::sleep(grace).await;
        let (on_control, on_cancelled) = stage.lock().judge.came_on(on, &mark, &control, id);
        if on_control && !on_cancelled {
            return settled("control", true);
        }
    }
    settled("control", false);
}

/// The road by which a probe reaches this subscription to this destination.
fn road_to<'s>(stage: &'s Stage, on: &str, id: &str, destination: &str) -> Option<Way<'s>> {
    if let Some(road) = stage.script.roads.iter().find(|r| r.to_subscription) {
        let subscription = Some((id.to_owned(), destination.to_owned()));
        return Some(Way { road, to: on.to_owned(), group: None, subscription });
    }
    let group = stage.facts.groups.values().find(|id| destination.ends_with(&format!("/{id}")));
    let road = stage.script.roads.iter().find(|r| r.to_group == group.is_some())?;
    let group = group.map(|id| serde_json::json!({ "id": id }));
    Some(Way { road, to: on.to_owned(), group, subscription: None })
}
