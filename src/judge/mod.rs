//! The judge: a fold over the events of a case (docs/language.md 9). Events in, checks out.
//!
//! It relies on the script, the facts and the events, and on nothing else; the runner asks the very same fold whether
//! a wait is over. It never reads a clock, never does I/O, and never sees a secret.

mod client;
mod inbox;
mod outcome;
mod pattern;
mod prepare;
mod rules;
mod see;
mod steps;
mod world;

pub use outcome::{Beside, Check, Outcome, Verdict, apply_known};
pub use prepare::{Prepared, WsAct, length_of};
pub use rules::{Breach, RuleResult};
pub use see::Waiting;
pub use world::{Conn, Facts, Lease, beats};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::case::event::{BarrierKind, Event, Phase, Stdio, Way, What};
use crate::case::rule::Rule;
use crate::case::script::{Deed, Kind, Level, Script, Step};
use crate::case::value::{Purpose, eval};
use outcome::Found;
use pattern::{Ids, Item, ItemKind};
use see::Wait;
use world::World;

/// How long the harness must have been held up for a wait in vain to prove nothing.
pub(crate) const HELD_UP: Duration = Duration::from_secs(1);

/// A step that runs or ran.
#[derive(Debug)]
struct Run {
    step: u32,
    up: Option<u32>,
    phase: Phase,
    on: String,
    /// Where names that it binds go.
    scope: usize,
    /// Where names that its inner steps bind go.
    inner: usize,
    prepared: Prepared,
    value: Option<Value>,
    begun: u64,
    rounds: Vec<usize>,
    members: Vec<u32>,
}

/// What came on a connection, and what is waited for on it.
#[derive(Debug, Default)]
struct Inbox {
    items: Vec<Item>,
    arrivals: usize,
    ended: Option<String>,
    /// When something last came, for gaps.
    data: Vec<u64>,
}

/// The fold.
#[derive(Debug)]
pub struct Judge {
    script: Arc<Script>,
    steps: BTreeMap<u32, Arc<Step>>,
    world: World,
    ids: Ids,
    runs: BTreeMap<u32, Run>,
    inboxes: BTreeMap<String, Inbox>,
    /// Why there is no client any more that could connect.
    gone: Option<String>,
    waits: BTreeMap<u32, (String, Wait)>,
    /// Waits that are not over yet, or not yet turned into checks.
    active: BTreeSet<u32>,
    checks: Vec<Check>,
    checked: BTreeSet<u32>,
    observed: BTreeMap<String, Value>,
    unmet: Option<String>,
    faults: Vec<String>,
    /// Whether the harness itself was held up where that matters.
    held_up: bool,
    target_down: Option<String>,
    done: bool,
    last_act_at: u64,
    /// How many events there were before the present one.
    event: u64,
    events: u64,
    stalls: Vec<(u64, u64)>,
    rules: rules::Rules,
}

impl Judge {
    /// A judge of this case, which also looks after these rules.
    pub fn new(script: Arc<Script>, facts: Arc<Facts>, rules: Arc<Vec<Rule>>) -> Self {
        let mut steps = BTreeMap::new();
        script.walk(&mut |step| {
            steps.insert(step.id, Arc::new(step.clone()));
        });
        let mut world = World::new(&script, facts);
        let rules = rules::Rules::new(rules, &mut world);
        Judge {
            ids: Ids::new(script.identity.clone()),
            steps,
            world,
            runs: BTreeMap::new(),
            inboxes: BTreeMap::new(),
            gone: None,
            waits: BTreeMap::new(),
            active: BTreeSet::new(),
            checks: Vec::new(),
            checked: BTreeSet::new(),
            observed: BTreeMap::new(),
            unmet: None,
            faults: Vec::new(),
            held_up: false,
            target_down: None,
            done: false,
            last_act_at: 0,
            event: 0,
            events: 0,
            stalls: Vec::new(),
            rules,
            script,
        }
    }

    /// Takes the next event.
    pub fn apply(&mut self, event: &Event) {
        let on = event.on.as_deref().unwrap_or_default();
        let at = event.at;
        self.event = self.events;
        self.events += 1;
        let item = match &event.what {
            What::Came { frame } | What::Late { frame } => {
                let arrival = self.inboxes.get(on).map_or(0, |inbox| inbox.arrivals);
                Some(Item::frame(at, arrival, frame, &self.world))
            }
            _ => None,
        };
        self.rules.apply(event, item.as_ref(), &mut self.world, &self.ids);
        match &event.what {
            What::Begin { run, step, up, phase, names } => {
                if let Err(why) = self.begin(*run, *step, *up, *phase, on, names, at) {
                    let place = self.steps.get(step).map(|s| s.place.to_string()).unwrap_or_default();
                    self.faults.push(format!("{place}: {why}"));
                }
            }
            What::End { run } => self.end(*run, at),
            What::Skip { .. } | What::Octets { .. } => {}
            What::Dial { .. } => {
                self.begins_anew(on);
                self.world.conns.insert(on.into(), Conn::default());
            }
            What::Http { way: Way::In, status, request, headers, body } => {
                let headers: serde_json::Map<String, Value> =
                    headers.iter().map(|(n, v)| (n.clone(), Value::from(v.as_str()))).collect();
                let (kind, record) = match request {
                    Some(line) => (ItemKind::Request, client::request(line, headers, body.text())),
                    None => (
                        ItemKind::Http,
                        serde_json::json!({ "status": status, "headers": headers, "body": body.text() }),
                    ),
                };
                self.take(on, Item::other(at, kind, record));
            }
            What::Line { stream: Stdio::Out, text } => {
                self.take(on, Item::other(at, ItemKind::Told, client::told(text)));
            }
            What::Started { .. } => {
                self.gone = None;
                self.begins_anew(on);
            }
            What::Line { .. } => {}
            What::Exited { by, status, how } => self.exited(on, *by, *status, how, at),
            What::Opened { protocol } => {
                self.take(on, Item::other(at, ItemKind::Opened, serde_json::json!({ "protocol": protocol })));
            }
            What::Sent { frame } => self.sent(on, frame, at),
            What::Came { frame } | What::Late { frame } => {
                if let Some(item) = item {
                    self.came(on, frame, item, matches!(event.what, What::Late { .. }));
                }
            }
            What::Beat { way: Way::In } => {
                self.data(on, at);
                self.take(on, Item::other(at, ItemKind::Beat, serde_json::json!({})));
            }
            What::Ws { way: Way::In, kind, text } => {
                let record = serde_json::json!({ kind.as_str(): text });
                self.take(on, Item::other(at, ItemKind::Ws, record));
            }
            What::Malformed { clause, what } => {
                self.take(on, Item::malformed(at, clause, what));
            }
            What::Ended { by, code, reason } => self.ended(on, *by, *code, reason, at),
            What::Deadline { run: Some(run), patience_ms, .. } => {
                self.doubt(*run, at);
                let why = format!("it did not come within {patience_ms} ms");
                self.give_up(*run, &why, false);
            }
            What::Barrier { run, kind, held, clause, why, road, .. } => {
                if !held {
                    self.doubt(*run, at);
                }
                self.barrier(*run, *kind, *held, clause, why, road.as_deref());
            }
            What::Settled { run, held, by } => {
                if !held {
                    self.doubt(*run, at);
                }
                self.settled(*run, *held, by);
            }
            What::Window { run } => self.window(*run, at),
            What::Stall { us } => self.stalls.push((at.saturating_sub(*us), at)),
            What::Target { up, why } => {
                if !up {
                    self.target_down = Some(why.clone());
                }
            }
            What::Unable { why } => self.unmet = Some(why.clone()),
            What::Fault { why } => self.faults.push(why.clone()),
            What::Done => self.done(),
            What::Http { way: Way::Out, .. }
            | What::Beat { way: Way::Out }
            | What::Ws { way: Way::Out, .. }
            | What::Deadline { run: None, .. } => {}
        }
        self.conclude();
    }

    /// A wait was in vain. If the harness itself was held up meanwhile, so may the target have been: nothing is proved.
    fn doubt(&mut self, run: u32, at: u64) {
        let begun = self.runs.get(&run).map_or(0, |run| run.begun);
        let overlaps = |(from, to): &&(u64, u64)| {
            *from <= at && *to >= begun && u128::from(to - from) >= HELD_UP.as_micros()
        };
        if let Some((from, to)) = self.stalls.iter().find(overlaps) {
            let ms = (to - from) / 1000;
            self.held_up(format!("the harness itself was held up for {ms} ms while it waited in vain"));
        }
    }

    fn held_up(&mut self, why: String) {
        self.held_up = true;
        self.faults.push(why);
    }

    /// The case is at its end: what is still waited for did not come.
    fn done(&mut self) {
        self.done = true;
        let open: Vec<u32> = self.active.iter().copied().filter(|id| self.is_decided_at_end(*id)).collect();
        for id in open {
            self.give_up(id, "nothing more is in the log", false);
        }
    }

    fn is_decided_at_end(&self, id: u32) -> bool {
        self.unmet.is_none() && self.runs.get(&id).is_some_and(|r| r.phase != Phase::Engine)
    }

    fn step(&self, run: u32) -> Option<Arc<Step>> {
        self.steps.get(&self.runs.get(&run)?.step).cloned()
    }

    fn give_up(&mut self, run: u32, why: &str, by_close: bool) {
        if let Some((on, wait)) = self.waits.get_mut(&run) {
            let items = self.inboxes.get(on).map_or(&[][..], |i| &i.items);
            wait.give_up(why, items, by_close);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the members of one event")]
    fn barrier(
        &mut self,
        id: u32,
        kind: BarrierKind,
        held: bool,
        clause: &str,
        why: &str,
        road: Option<&str>,
    ) {
        if held {
            if let Some((_, wait)) = self.waits.get_mut(&id) {
                // After a close, or a wait in vain, it counts only if the target lives.
                let doubtful = matches!(kind, BarrierKind::Closed | BarrierKind::Window);
                wait.barrier_held(doubtful);
            }
            return;
        }
        // What was to be known cannot be known: the failure is the road's, and the wait is not judged.
        self.waits.remove(&id);
        self.checked.insert(id);
        let (Some(step), Some(run)) = (self.step(id), self.runs.remove(&id)) else { return };
        let expected = match road {
            None if kind == BarrierKind::Exited => "the client to end once it is told to quit".to_owned(),
            Some(road) => format!("a permitted message by the road `{road}` to arrive"),
            None => "the connection to stay open".to_owned(),
        };
        self.push_check(&run, &step, clause, Found::broken(expected, why));
        if let Some(check) = self.checks.last_mut() {
            check.phase = Phase::Engine;
        }
        self.runs.insert(id, run);
    }

    fn settled(&mut self, id: u32, held: bool, by: &str) {
        let (Some(step), Some(run)) = (self.step(id), self.runs.remove(&id)) else { return };
        if let Kind::Act(act) = &step.kind {
            let clause = act.clause.clone();
            let expected = match &act.deed {
                Deed::Gone(_) => "nothing more on the subscription that was cancelled",
                _ => "everything that was done before to have been carried out",
            };
            let mut got = format!("no {by} showed it");
            let inbox = self.inboxes.get(&run.on);
            if let Some(ended) = inbox.and_then(|i| i.ended.as_ref()) {
                let error = inbox.and_then(|i| {
                    i.items.iter().rev().find(|i| i.record.get("command").is_some_and(|c| c == "ERROR"))
                });
                let error = error.map_or(String::new(), |e| format!("; before that came {}", see::shown(e)));
                got.push_str(&format!(": {ended}{error}"));
            }
            self.push_check(&run, &step, &clause, Found::of(held, expected, got));
        }
        self.runs.insert(id, run);
    }

    fn window(&mut self, id: u32, at: u64) {
        if let Some((_, wait)) = self.waits.get_mut(&id) {
            wait.barrier_held(false);
        }
        let Some(run) = self.runs.get(&id) else { return };
        let Prepared::Watch { gap_us: Some(most), .. } = run.prepared else { return };
        let (begun, on) = (run.begun, run.on.clone());
        let data = self.inboxes.get(&on).map_or(&[][..], |i| &i.data);
        let times: Vec<u64> =
            std::iter::once(begun).chain(data.iter().copied().filter(|t| *t >= begun)).chain([at]).collect();
        let longest = times.windows(2).map(|w| w[1] - w[0]).max().unwrap_or_default();
        let (Some(step), Some(run)) = (self.step(id), self.runs.remove(&id)) else { return };
        if longest > most && self.stalls.iter().any(|(from, to)| *from <= at && *to >= begun) {
            self.held_up("the harness itself was late while it measured a gap".into());
        } else if let Kind::Act(act) = &step.kind {
            let expected = format!("something at least every {} ms", most / 1000);
            let got = format!("a silence of {} ms", longest / 1000);
            self.push_check(&run, &step, &act.clause.clone(), Found::of(longest <= most, expected, got));
        }
        self.runs.insert(id, run);
    }

    /// Turns waits that are over into checks.
    fn conclude(&mut self) {
        let over: Vec<u32> = self
            .active
            .iter()
            .filter(|id| self.waits.get(id).is_none_or(|(_, wait)| wait.over.is_some()))
            .copied()
            .collect();
        for id in over {
            self.active.remove(&id);
            if !self.checked.insert(id) {
                continue;
            }
            let Some(over) = self.waits.get(&id).and_then(|(_, w)| w.over.clone()) else { continue };
            let (Some(step), Some(mut run)) = (self.step(id), self.runs.remove(&id)) else { continue };
            run.value = Some(over.value.clone());
            if let (Kind::Act(act), true) = (&step.kind, run.phase != Phase::Engine) {
                let clause = act.clause.clone();
                self.push_check(&run, &step, &clause, over.found);
            }
            self.runs.insert(id, run);
        }
    }

    /// What a step is to do.
    pub fn prepared(&self, run: u32) -> Option<&Prepared> {
        self.runs.get(&run).map(|r| &r.prepared)
    }

    /// What a seeing waits for, and whether it held once it is over.
    pub fn waiting(&self, run: u32) -> (Waiting, bool) {
        match self.waits.get(&run) {
            Some((_, wait)) => (wait.waiting(), wait.over.as_ref().is_some_and(|o| o.found.held)),
            None => (Waiting::Over, false),
        }
    }

    /// The value of a reference as it is now, in the scope of a step.
    pub fn value(&mut self, run: u32, text: &str, at: u64) -> Option<Value> {
        let (scope, me) = self.runs.get(&run).map(|r| (r.inner, r.on.clone()))?;
        eval(&Value::from(text), &mut self.world.view(scope, &me, at), Purpose::Sending).ok().flatten()
    }

    /// A name bound in the scope within a step: a parameter of the verb that it calls.
    pub fn bound(&self, run: u32, name: &str) -> Option<Value> {
        let run = self.runs.get(&run)?;
        self.world.names(run.inner).iter().find(|(n, _)| n == name)?.1.clone()
    }

    /// What is known of a connection.
    pub fn conn(&self, on: &str) -> Conn {
        self.world.conns.get(on).cloned().unwrap_or_default()
    }

    /// The value of an actor, as names see it.
    pub fn actor(&self, on: &str) -> Option<Value> {
        self.world.actor(on)
    }

    /// Whether the last check broke and a MUST with it: the case ends.
    pub fn is_over(&self) -> bool {
        self.unmet.is_some()
            || !self.faults.is_empty()
            || self.checks.iter().any(|c| !c.held && c.level == Level::Must)
    }

    /// Whether the accounts do not suffice to go on.
    pub fn is_unable(&self) -> bool {
        self.unmet.is_some()
    }

    /// Whether a check was decided by the end of a connection, so that the target must be asked for.
    pub fn wants_canary(&self) -> bool {
        self.checks.iter().any(|c| c.by_close || (!c.held && c.level >= Level::Should))
    }

    /// The place of a marked frame among all that came on a connection.
    pub fn position(&self, on: &str, mark: &str) -> Option<usize> {
        let items = &self.inboxes.get(on)?.items;
        items
            .iter()
            .position(|i| i.record.get("body").and_then(Value::as_str).is_some_and(|b| b.contains(mark)))
    }

    /// Whether a marked message came on a subscription, and whether it came on another.
    pub fn came_on(&self, on: &str, mark: &str, one: &str, other: &str) -> (bool, bool) {
        let items = self.inboxes.get(on).map_or(&[][..], |i| &i.items);
        let came = |id: &str| {
            items.iter().any(|item| {
                let header = item.record.pointer("/headers/subscription").and_then(Value::as_str);
                header == Some(id)
                    && item.record.get("body").and_then(Value::as_str).is_some_and(|b| b.contains(mark))
            })
        };
        (came(one), came(other))
    }

    /// Whether the case looked for something that must not come: then what is late matters.
    pub fn has_negatives(&self) -> bool {
        self.waits.values().any(|(_, wait)| wait.is_negative() && !wait.engine)
    }

    /// Whether anything came on a connection.
    pub fn has_item(&self, on: &str) -> bool {
        self.inboxes.get(on).is_some_and(|inbox| !inbox.items.is_empty())
    }

    /// What a client under test has told so far.
    pub fn told(&self, on: &str) -> Vec<Value> {
        let items = self.inboxes.get(on).map_or(&[][..], |inbox| &inbox.items);
        items.iter().filter(|i| i.kind == ItemKind::Told).map(|i| i.record.clone()).collect()
    }

    /// DISCONNECTs that ask for a receipt and that nobody has looked at: their connections, and the receipts.
    pub fn farewells(&self) -> Vec<(String, String)> {
        let of = |on: &String, item: &Item| {
            let receipt = item.record.get("headers")?.get("receipt")?.as_str()?;
            (item.kind == ItemKind::Frame && item.record["command"] == "DISCONNECT")
                .then(|| (on.clone(), receipt.to_owned()))
        };
        self.inboxes
            .iter()
            .flat_map(|(on, inbox)| inbox.items.iter().filter_map(|item| of(on, item)))
            .collect()
    }

    /// What became of a connection, in a sentence: the answer that was no upgrade, the end, or what did not come.
    pub fn story(&self, on: &str) -> String {
        let Some(inbox) = self.inboxes.get(on) else { return "nothing was tried".into() };
        let http = inbox.items.iter().rev().find(|i| i.kind == ItemKind::Http);
        if let Some(status) =
            http.and_then(|i| i.record.get("status")).and_then(Value::as_u64).filter(|s| *s != 101)
        {
            let body = http.and_then(|i| i.record.get("body")).and_then(Value::as_str).unwrap_or_default();
            let start: String = body.chars().take(120).collect();
            let location =
                http.and_then(|i| i.record.get("headers")?.get("location")?.as_str().map(str::to_owned));
            let to = location.map_or(String::new(), |to| format!(" to {to}"));
            return format!("HTTP {status}{to} instead of an upgrade, body {start:?}");
        }
        let failed = self
            .waits
            .values()
            .filter(|(conn, _)| conn == on)
            .filter_map(|(_, w)| w.over.as_ref())
            .map(|over| &over.found)
            .rfind(|found| !found.held);
        let malformed = inbox.items.iter().find(|i| i.kind == ItemKind::Malformed).map(see::shown);
        let mut story = match (failed, &inbox.ended) {
            (Some(found), _) => format!("expected {}; {}", found.expected, found.got),
            (None, Some(ended)) => ended.clone(),
            (None, None) => "it was silent".to_owned(),
        };
        if let Some(malformed) = malformed {
            story.push_str(&format!("; what came is malformed: {malformed}"));
        }
        story
    }

    /// Whether a rule still waits for something on this connection.
    pub fn rule_waits_on(&self, on: &str) -> bool {
        self.rules.waits_on(on)
    }

    /// What the case came to.
    pub fn outcome(&self) -> Outcome {
        outcome::of(self)
    }
}
