//! The judge: a fold over the events of a case (LANGUAGE 11). Events in, checks out.
//!
//! It relies on the script, the facts and the events, and on nothing else; the runner asks the very same fold whether
//! a wait is over. It never reads a clock, never does I/O, and never sees a secret.

mod outcome;
mod pattern;
mod prepare;
mod rules;
mod see;
mod world;

pub use outcome::{Check, Outcome, Verdict, apply_known};
pub use prepare::{Layout, Prepared, WsAct, is_duration, length_of};
pub use rules::{Breach, Rule, RuleResult};
pub use see::Waiting;
pub use world::{Conn, Facts, Lease, beats};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::case::event::{By, Event, Phase, Seen, Way, What};
use crate::case::matcher::Matcher;
use crate::case::script::{Act, Deed, Kind, Level, Place, Script, Step};
use crate::case::value::{Env, Purpose, eval, reference};
use pattern::{Ids, Item, ItemKind, Site};
use see::{Sightline, Wait};
use world::{CASE, World};

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
    waits: BTreeMap<u32, (String, Wait)>,
    /// Waits that are not over yet, or not yet turned into checks.
    active: BTreeSet<u32>,
    checks: Vec<Check>,
    checked: BTreeSet<u32>,
    observed: BTreeMap<String, Value>,
    unmet: Option<String>,
    faults: Vec<String>,
    target_down: Option<String>,
    done: bool,
    last_act_at: u64,
    stalls: Vec<(u64, u64)>,
    rules: rules::Rules,
}

impl Judge {
    /// A judge of this case, which also looks after these rules.
    pub fn new(script: Arc<Script>, facts: Facts, rules: Arc<Vec<Rule>>) -> Self {
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
            waits: BTreeMap::new(),
            active: BTreeSet::new(),
            checks: Vec::new(),
            checked: BTreeSet::new(),
            observed: BTreeMap::new(),
            unmet: None,
            faults: Vec::new(),
            target_down: None,
            done: false,
            last_act_at: 0,
            stalls: Vec::new(),
            rules,
            script,
        }
    }

    /// Takes the next event.
    pub fn apply(&mut self, event: &Event) {
        let on = event.on.as_deref().unwrap_or_default();
        let at = event.at;
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
                let inbox = self.inboxes.entry(on.into()).or_default();
                inbox.items.iter_mut().for_each(|item| item.stale = true);
                inbox.ended = None;
                self.world.conns.insert(on.into(), Conn::default());
            }
            What::Http { way: Way::In, status, headers, body, .. } => {
                let headers: serde_json::Map<String, Value> =
                    headers.iter().map(|(n, v)| (n.clone(), Value::from(v.as_str()))).collect();
                let record = serde_json::json!({ "status": status, "headers": headers, "body": body.text() });
                self.take(on, Item::other(at, ItemKind::Http, record));
            }
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
                let why = format!("it did not come within {patience_ms} ms");
                self.give_up(*run, &why, false);
            }
            What::Barrier { run, kind, held, clause, why, road, .. } => {
                self.barrier(*run, *kind, *held, clause, why, road.as_deref());
            }
            What::Settled { run, held, by } => self.settled(*run, *held, by),
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

    #[allow(clippy::too_many_arguments, reason = "the members of one event")]
    fn begin(
        &mut self,
        id: u32,
        step_id: u32,
        up: Option<u32>,
        phase: Phase,
        on: &str,
        names: &serde_json::Map<String, Value>,
        at: u64,
    ) -> Result<(), String> {
        let step = self.steps.get(&step_id).cloned().ok_or("no such step")?;
        let outer = match (up.and_then(|up| self.runs.get(&up)), phase) {
            (Some(parent), _) => parent.inner,
            (None, Phase::Given | Phase::Steps) => CASE,
            (None, _) => self.world.scope(None),
        };
        let mut scope = outer;
        let parent_step = up.and_then(|up| self.runs.get(&up)).map(|p| p.step);
        let is_round = parent_step == Some(step_id) && matches!(step.kind, Kind::Repeat(_));
        let is_member = parent_step == Some(step_id) && !is_round;
        if !names.is_empty() || is_round {
            scope = self.world.scope(is_round.then_some(outer));
            for (name, value) in names {
                self.world.bind(scope, name, Some(value.clone()));
            }
        }
        let mut run = Run {
            step: step_id,
            up,
            phase,
            on: on.to_owned(),
            scope: if is_round { outer } else { scope },
            inner: scope,
            prepared: Prepared::Nothing,
            value: None,
            begun: at,
            rounds: Vec::new(),
            members: Vec::new(),
        };
        if let Some(parent) = up.and_then(|up| self.runs.get_mut(&up)) {
            if is_round {
                parent.rounds.push(scope);
            } else if is_member {
                parent.members.push(id);
            }
        }
        let crowd = self.world.facts.crowds.contains_key(on);
        if phase != Phase::Engine && matches!(step.kind, Kind::Act(_)) {
            self.last_act_at = at;
        }
        let prepared =
            if is_round || crowd { Ok(Prepared::Nothing) } else { self.prepare(id, &step, &mut run, at) };
        let failed = prepared.as_ref().err().cloned();
        run.prepared = prepared.unwrap_or_else(Prepared::Failed);
        self.runs.insert(id, run);
        match failed {
            Some(why) => Err(why),
            None => Ok(()),
        }
    }

    /// Computes what a step is to do, by the names as they are now.
    fn prepare(&mut self, id: u32, step: &Step, run: &mut Run, at: u64) -> Result<Prepared, String> {
        let (scope, me) = (run.inner, run.on.clone());
        match &step.kind {
            Kind::Together(_) => Ok(Prepared::Nothing),
            Kind::Repeat(repeat) => prepare::repeat(repeat, &mut self.world.view(scope, &me, at)),
            Kind::Check(checks) => {
                let (held, expected, got) = self.hold(&checks.pairs, scope, &me, at);
                self.push_check(run, step, &checks.clause, held, expected, got, false);
                Ok(Prepared::Nothing)
            }
            Kind::Needs(pairs) => {
                let (held, expected, got) = self.hold(pairs, scope, &me, at);
                if !held {
                    self.unmet = Some(format!("the case goes on only with {expected}; it was {got}"));
                }
                Ok(Prepared::Nothing)
            }
            Kind::Observe { point, values } => {
                self.observe(run, step, point, values, at);
                Ok(Prepared::Nothing)
            }
            Kind::Act(act) => self.prepare_act(id, act, run, at),
        }
    }

    fn prepare_act(&mut self, id: u32, act: &Act, run: &mut Run, at: u64) -> Result<Prepared, String> {
        let (scope, me) = (run.inner, run.on.clone());
        match &act.deed {
            Deed::Call { params, .. } => {
                let inner = self.world.scope(None);
                for param in params {
                    let from = if param.given { scope } else { inner };
                    let value = eval(&param.value, &mut self.world.view(from, &me, at), Purpose::Sending)
                        .map_err(|why| format!("`{}`: {why}", param.name))?;
                    let value = match value {
                        // A record stands for its member of the parameter's name.
                        Some(Value::Object(record)) if param.member && record.contains_key(&param.name) => {
                            record.get(&param.name).cloned()
                        }
                        other => other,
                    };
                    self.world.bind(inner, &param.name, value);
                }
                run.inner = inner;
                Ok(Prepared::Nothing)
            }
            Deed::See(see) => {
                let site = Site { scope, me: &me, at };
                let wait = Wait::new(see, &mut self.world, &site, run.phase == Phase::Engine)?;
                self.watch(id, &me, wait);
                Ok(Prepared::Nothing)
            }
            Deed::Watch { lasts, nothing, gap } => {
                let mut view = self.world.view(scope, &me, at);
                let lasts = prepare::duration(lasts, &mut view)?;
                let gap = gap.as_ref().map(|gap| prepare::duration(gap, &mut view)).transpose()?;
                if let Some(pattern) = nothing {
                    let site = Site { scope, me: &me, at };
                    let see = crate::case::script::See::Nothing(pattern.clone());
                    let wait = Wait::new(&see, &mut self.world, &site, false)?;
                    self.watch(id, &me, wait);
                }
                Ok(Prepared::Watch { lasts_us: lasts, gap_us: gap })
            }
            deed => {
                let prepared = prepare::deed(deed, &mut self.world.view(scope, &me, at))?;
                if let Prepared::Frame(frame) = &prepared {
                    run.value = Some(Seen::new(frame, &str::to_owned).record());
                }
                Ok(prepared)
            }
        }
    }

    fn watch(&mut self, id: u32, on: &str, mut wait: Wait) {
        let inbox = self.inboxes.entry(on.to_owned()).or_default();
        let mut view = Sightline { items: &mut inbox.items, ids: &self.ids, world: &mut self.world, me: on };
        wait.advance(&mut view);
        if wait.waiting() == Waiting::Event
            && let Some(why) = &inbox.ended
        {
            wait.give_up(why, &inbox.items, true);
        }
        self.waits.insert(id, (on.to_owned(), wait));
        self.active.insert(id);
    }

    /// Whether all conditions hold; if not, the first that does not.
    fn hold(&mut self, pairs: &[(String, Value)], scope: usize, me: &str, at: u64) -> (bool, String, String) {
        for (name, pattern) in pairs {
            let now = (self.world.facts.anchor_ms + at / 1000) as f64;
            let mut view = self.world.view(scope, me, at);
            let value = match reference(name) {
                Some((name, path)) => view.lookup(name, &path),
                None => Err(format!("`{name}` is no reference")),
            };
            let compiled = eval(pattern, &mut view, Purpose::Seeing).and_then(|filled| {
                Matcher::compile(&filled.unwrap_or_else(|| serde_json::json!({"is": "absent"})), now)
            });
            match (value, compiled) {
                (Ok(value), Ok(matcher)) => {
                    if let Err(mismatch) = matcher.check(value.as_ref()) {
                        let path = if mismatch.path.is_empty() {
                            String::new()
                        } else {
                            format!(".{}", mismatch.path)
                        };
                        return (false, format!("{name}{path} to be {}", mismatch.expected), mismatch.got);
                    }
                }
                (Err(why), _) | (_, Err(why)) => return (false, format!("{name} to be known"), why),
            }
        }
        (true, String::new(), String::new())
    }

    fn observe(
        &mut self,
        run: &Run,
        step: &Step,
        point: &str,
        values: &[(Value, Vec<(String, Value)>)],
        at: u64,
    ) {
        let me = run.on.clone();
        let mut seen = None;
        for (value, pairs) in values {
            if self.hold(pairs, run.inner, &me, at).0 {
                seen = Some(value.clone());
                break;
            }
        }
        let boolean = matches!(values, [(Value::Bool(true), _)]);
        let Some(seen) = seen.or_else(|| boolean.then_some(Value::Bool(false))) else { return };
        self.observed.insert(point.to_owned(), seen.clone());
        let pinned = self.world.facts.pinned.get(point).cloned();
        let clause = self.script.points.get(point).and_then(|p| p.clause.clone());
        if let (Some(pinned), Some(clause)) = (pinned, clause) {
            let expected = format!("the point `{point}` to be {pinned}, as the profile says");
            let (held, got) = (pinned == seen, format!("it is {seen}"));
            self.push_check(run, step, &clause, held, expected, got, false);
            if let Some(check) = self.checks.last_mut() {
                // What a profile pins is judged, however open the document leaves it.
                check.level =
                    check.level.max(Level::Should).max(if held { check.level } else { Level::Must });
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one row of the report")]
    fn push_check(
        &mut self,
        run: &Run,
        step: &Step,
        clause: &str,
        held: bool,
        expected: String,
        got: String,
        by_close: bool,
    ) {
        let pinned = self.world.facts.pinned_clauses.iter().any(|c| c == clause);
        let level = if pinned { Level::Must } else { self.script.level(clause) };
        self.checks.push(Check {
            clause: clause.to_owned(),
            level,
            held,
            step: step.id,
            place: self.place_of(run, step),
            on: run.on.clone(),
            phase: run.phase,
            expected,
            got,
            by_close,
            late_us: None,
        });
    }

    /// Where a step is written in the suite: for one within a verb, where the verb is used.
    fn place_of(&self, run: &Run, step: &Step) -> Place {
        if step.place != Place::default() {
            return step.place.clone();
        }
        let mut up = run.up;
        while let Some(parent) = up.and_then(|up| self.runs.get(&up)) {
            if let Some(step) = self.steps.get(&parent.step)
                && step.place != Place::default()
            {
                return step.place.clone();
            }
            up = parent.up;
        }
        let member = self.script.cast.iter().find(|m| m.name == run.on);
        member.map_or_else(|| self.script.place.clone(), |m| m.place.clone())
    }

    fn end(&mut self, id: u32, at: u64) {
        let Some(step) = self.step(id) else { return };
        let Some(run) = self.runs.get(&id) else { return };
        let (scope, inner, me) = (run.scope, run.inner, run.on.clone());
        let is_member = run.up.and_then(|up| self.runs.get(&up)).is_some_and(|p| p.step == run.step);
        match &step.kind {
            Kind::Repeat(repeat) if !is_member => {
                if repeat.lasts.is_some() {
                    // It ends, without fault, also in the middle of a wait.
                    let within: Vec<u32> =
                        self.active.iter().copied().filter(|w| self.is_within(*w, id)).collect();
                    self.active.retain(|w| !within.contains(w));
                }
                let Some(run) = self.runs.get(&id) else { return };
                let rounds = run.rounds.clone();
                self.gather(&rounds, scope, repeat.name.as_deref());
            }
            Kind::Act(act) => {
                let mut value = run.value.clone();
                if !run.members.is_empty() || self.world.facts.crowds.contains_key(&me) {
                    let members = run.members.iter().filter_map(|m| self.runs.get(m)?.value.clone());
                    value = Some(Value::Array(members.collect()));
                } else if let Deed::Call { gives: Some(gives), .. } = &act.deed {
                    match eval(gives, &mut self.world.view(inner, &me, at), Purpose::Sending) {
                        Ok(given) => value = given,
                        Err(why) if act.bind.is_some() => self.faults.push(format!("{}: {why}", step.place)),
                        Err(_) => {}
                    }
                }
                if let Some(run) = self.runs.get_mut(&id) {
                    run.value.clone_from(&value);
                }
                if let (Some(name), false) = (&act.bind, is_member) {
                    self.world.bind(scope, name, value);
                }
            }
            _ => {}
        }
    }

    /// Whether an instance runs within another.
    fn is_within(&self, inner: u32, outer: u32) -> bool {
        let mut up = Some(inner);
        while let Some(id) = up {
            if id == outer {
                return true;
            }
            up = self.runs.get(&id).and_then(|r| r.up);
        }
        false
    }

    /// After a repeat, names bound in its rounds are lists.
    fn gather(&mut self, rounds: &[usize], scope: usize, round: Option<&str>) {
        let mut lists: Vec<(String, Vec<Value>)> = Vec::new();
        for inner in rounds {
            for (name, value) in self.world.names(*inner).to_vec() {
                if Some(name.as_str()) == round {
                    continue;
                }
                match lists.iter_mut().find(|(n, _)| *n == name) {
                    Some((_, list)) => list.extend(value),
                    None => lists.push((name, value.into_iter().collect())),
                }
            }
        }
        for (name, list) in lists {
            self.world.bind(scope, &name, Some(Value::Array(list)));
        }
        if let Some(name) = round {
            self.world.bind(scope, name, Some(Value::from(rounds.len())));
        }
    }

    fn data(&mut self, on: &str, at: u64) {
        self.inboxes.entry(on.to_owned()).or_default().data.push(at);
    }

    fn sent(&mut self, on: &str, frame: &Seen, at: u64) {
        if !frame.mentions(&self.world.facts.engine_mark) {
            self.last_act_at = at;
        }
        self.world.conns.entry(on.to_owned()).or_default().sent(frame);
        if let Some(json) = frame.record().get("json") {
            self.ids.sent(json);
        }
    }

    fn came(&mut self, on: &str, frame: &Seen, item: Item, late: bool) {
        let at = item.at;
        self.data(on, at);
        self.world.conns.entry(on.to_owned()).or_default().came(frame);
        for message in pattern::messages(&item.record) {
            self.ids.came(&message);
        }
        self.inboxes.entry(on.to_owned()).or_default().arrivals += 1;
        if late {
            self.late(on, item, at);
        } else {
            self.take(on, item);
        }
    }

    fn take(&mut self, on: &str, item: Item) {
        let inbox = self.inboxes.entry(on.to_owned()).or_default();
        inbox.items.push(item);
        let mut view = Sightline { items: &mut inbox.items, ids: &self.ids, world: &mut self.world, me: on };
        for id in &self.active {
            if let Some((conn, wait)) = self.waits.get_mut(id)
                && conn == on
                && wait.over.is_none()
            {
                wait.advance(&mut view);
            }
        }
    }

    /// Something that came while the connection lingered: evidence against the last negative on it, if nothing was
    /// done in the case after that.
    fn late(&mut self, on: &str, item: Item, at: u64) {
        let inbox = self.inboxes.entry(on.to_owned()).or_default();
        inbox.items.push(item);
        let index = inbox.items.len() - 1;
        let mut view = Sightline { items: &mut inbox.items, ids: &self.ids, world: &mut self.world, me: on };
        for (run, (conn, wait)) in &self.waits {
            let begun = self.runs.get(run).map_or(0, |r| r.begun);
            let held = wait.over.as_ref().is_some_and(|o| o.held);
            if conn != on || !held || !wait.is_negative() || begun < self.last_act_at {
                continue;
            }
            if wait.contradicted_by(index, &mut view) {
                let got = format!("late, {}", see::shown(&view.items[index]));
                let step = self.runs.get(run).map(|r| r.step);
                for check in self.checks.iter_mut().filter(|c| Some(c.step) == step && c.on == on && c.held) {
                    check.held = false;
                    check.expected = wait.describe();
                    check.got.clone_from(&got);
                    check.late_us = Some(at.saturating_sub(begun));
                }
            }
        }
    }

    fn ended(&mut self, on: &str, by: By, code: Option<u16>, reason: &str, at: u64) {
        if let Some(item) = Item::ended(at, by, code, reason) {
            self.take(on, item);
        }
        let why = match (by, code) {
            (By::Target, Some(code)) => format!("the target closed the connection ({code} {reason})"),
            (By::Target, None) => format!("the target ended the connection ({reason})"),
            (By::Us, _) => "the connection had been closed by us".to_owned(),
        };
        let inbox = self.inboxes.entry(on.to_owned()).or_default();
        inbox.ended =
            Some(why.trim_end_matches([' ', ')']).to_owned() + if why.ends_with(')') { ")" } else { "" });
        for id in &self.active {
            if let Some((conn, wait)) = self.waits.get_mut(id)
                && conn == on
                && wait.waiting() == Waiting::Event
            {
                wait.give_up(&why, &inbox.items, true);
            }
        }
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
        kind: crate::case::event::BarrierKind,
        held: bool,
        clause: &str,
        why: &str,
        road: Option<&str>,
    ) {
        if held {
            if let Some((_, wait)) = self.waits.get_mut(&id) {
                wait.barrier_held(kind == crate::case::event::BarrierKind::Closed);
            }
            return;
        }
        // What was to be known cannot be known: the failure is the road's, and the wait is not judged.
        self.waits.remove(&id);
        self.checked.insert(id);
        let (Some(step), Some(run)) = (self.step(id), self.runs.remove(&id)) else { return };
        let expected = match road {
            Some(road) => format!("a permitted message by the road `{road}` to arrive"),
            None => "the connection to stay open".to_owned(),
        };
        self.push_check(&run, &step, clause, false, expected, why.to_owned(), false);
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
                _ => "what was done to have been worked off",
            };
            let got = format!("no {by} showed it");
            self.push_check(&run, &step, &clause, held, expected.into(), got, false);
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
            self.faults.push("the harness itself was late while it measured a gap".into());
        } else if let Kind::Act(act) = &step.kind {
            let expected = format!("something at least every {} ms", most / 1000);
            let got = format!("a silence of {} ms", longest / 1000);
            self.push_check(&run, &step, &act.clause.clone(), longest <= most, expected, got, false);
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
                self.push_check(&run, &step, &clause, over.held, over.expected, over.got, over.by_close);
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
            Some((_, wait)) => (wait.waiting(), wait.over.as_ref().is_some_and(|o| o.held)),
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

    /// What became of a connection, in a sentence: the answer that was no upgrade, the end, or what did not come.
    pub fn story(&self, on: &str) -> String {
        let Some(inbox) = self.inboxes.get(on) else { return "nothing was tried".into() };
        let http = inbox.items.iter().rev().find(|i| i.kind == ItemKind::Http);
        if let Some(status) =
            http.and_then(|i| i.record.get("status")).and_then(Value::as_u64).filter(|s| *s != 101)
        {
            let body = http.and_then(|i| i.record.get("body")).and_then(Value::as_str).unwrap_or_default();
            let start: String = body.chars().take(120).collect();
            return format!("HTTP {status} instead of an upgrade, body {start:?}");
        }
        let failed = self
            .waits
            .values()
            .filter(|(conn, _)| conn == on)
            .filter_map(|(_, w)| w.over.as_ref())
            .rfind(|o| !o.held);
        let malformed = inbox.items.iter().find(|i| i.kind == ItemKind::Malformed).map(see::shown);
        let mut story = match (failed, &inbox.ended) {
            (Some(over), _) => format!("expected {}; {}", over.expected, over.got),
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
