//! Steps as they begin and end: what each is to do by the names as they are now, and what it leaves behind.
//!
//! It relies on the fold's state. What cannot be prepared is a fault of the case, never of the target.

use super::outcome::Found;
use super::pattern::Site;
use super::see::{Sightline, Wait};
use super::world::CASE;
use super::{Check, Judge, Prepared, Run, Waiting, prepare};
use crate::case::duration::duration;
use crate::case::event::{Phase, Seen};
use crate::case::matcher::Matcher;
use crate::case::script::{Act, Deed, Kind, Level, Place, Step};
use crate::case::value::{Env, Purpose, eval, reference};
use serde_json::Value;

impl Judge {
    #[allow(clippy::too_many_arguments, reason = "the members of one event")]
    pub(super) fn begin(
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
                self.push_check(run, step, &checks.clause, Found::of(held, expected, got));
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
                let lasts = duration(lasts, &mut view)?;
                let gap = gap.as_ref().map(|gap| duration(gap, &mut view)).transpose()?;
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
                    run.value = Some(Seen::new(frame, &[], &str::to_owned).record());
                }
                Ok(prepared)
            }
        }
    }

    pub(super) fn watch(&mut self, id: u32, on: &str, mut wait: Wait) {
        let cannot_come = self.cannot_come(on).filter(|_| !self.is_lasting(id)).cloned();
        let inbox = self.inboxes.entry(on.to_owned()).or_default();
        let mut view = Sightline { items: &mut inbox.items, ids: &self.ids, world: &mut self.world, me: on };
        wait.advance(&mut view);
        let ended = inbox.ended.as_ref().or(cannot_come.as_ref().filter(|_| inbox.items.is_empty()));
        if wait.waiting() == Waiting::Event
            && let Some(why) = ended
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
        let known = self.script.points.get(point);
        let claims = |value: &Value| known.is_some_and(|p| p.claims(value));
        let pinned = self.world.facts.pinned.get(point).filter(|value| claims(value)).cloned();
        let clause = known.and_then(|p| p.clause.clone());
        if let (Some(pinned), Some(clause)) = (pinned, clause) {
            let expected = format!("the point `{point}` to be {pinned}, as the profile says");
            let held = pinned == seen;
            let mut got = format!("it is {seen}");
            if let Some((_, pairs)) = values.iter().find(|(value, _)| *value == pinned).filter(|_| !held)
                && let (false, expected, instead) = self.hold(pairs, run.inner, &me, at)
            {
                got = format!("it is {seen}: {pinned} takes {expected}; it was {instead}");
            }
            self.push_check(run, step, &clause, Found::of(held, expected, got));
            if let Some(check) = self.checks.last_mut() {
                // What a profile pins is judged, however open the document leaves it.
                check.level =
                    check.level.max(Level::Should).max(if held { check.level } else { Level::Must });
            }
        }
    }

    pub(super) fn push_check(&mut self, run: &Run, step: &Step, clause: &str, found: Found) {
        let pinned = self.world.facts.pinned_clauses.iter().any(|c| c == clause);
        let level = if pinned { Level::Must } else { self.script.level(clause) };
        self.checks.push(Check {
            clause: clause.to_owned(),
            level,
            held: found.held,
            step: step.id,
            place: self.place_of(run, step),
            on: run.on.clone(),
            phase: run.phase,
            expected: found.expected,
            got: found.got,
            event: Some(self.event),
            beside: found.beside,
            by_close: found.by_close,
            late_us: None,
        });
    }

    /// Where a step is written in the suite: for one within a verb, where the verb is used.
    pub(super) fn place_of(&self, run: &Run, step: &Step) -> Place {
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

    pub(super) fn end(&mut self, id: u32, at: u64) {
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
                        // Where something in it broke there may be nothing to give, and that is no fault of the case.
                        Err(why) if act.bind.is_some() && !self.is_over() => {
                            self.faults.push(format!("{}: {why}", step.place));
                        }
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

    /// Whether an instance runs within a `repeat: lasts`, which ends it.
    pub(super) fn is_lasting(&self, id: u32) -> bool {
        let mut up = self.runs.get(&id).and_then(|run| run.up);
        while let Some(run) = up.and_then(|id| self.runs.get(&id)) {
            let step = self.steps.get(&run.step);
            if step.is_some_and(|step| matches!(&step.kind, Kind::Repeat(repeat) if repeat.lasts.is_some())) {
                return true;
            }
            up = run.up;
        }
        false
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
}
