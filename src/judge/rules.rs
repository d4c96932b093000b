//! Rules: what holds of every frame of a run, in whatever case (docs/language.md 6). Folded as the events come.
//!
//! It relies on patterns. A breach is shown in the case in which it happened, but changes nothing there.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::pattern::{Compiled, Ids, Item, ItemKind, Site, compile};
use super::see::shown;
use super::world::{CASE, World};
use crate::case::event::{By, Event, What};
use crate::case::matcher::Matcher;
use crate::case::rule::Rule;
use crate::case::script::Pattern;
use crate::case::value::{Part, Purpose, eval, parts, select};

/// One breach of a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Breach {
    /// The clause, where it is not the rule's own: what is malformed names the one that it breaks.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub clause: String,
    /// The connection.
    pub on: String,
    /// When, in microseconds.
    pub at: u64,
    /// What was expected.
    pub expected: String,
    /// What came instead.
    pub got: String,
}

/// What a rule came to in one case.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RuleResult {
    /// Events that it was held against.
    pub seen: u64,
    /// Where it was broken.
    pub breaches: Vec<Breach>,
    /// Why it could not be held against something, where that happened: a fault of whoever wrote it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fault: Option<String>,
}

#[derive(Debug, Default)]
struct State {
    result: RuleResult,
    unique: BTreeMap<String, Vec<Value>>,
    /// Connections on which something must come next, and since what.
    pending: BTreeMap<String, String>,
}

/// All rules of a run, over the transcript of one case.
#[derive(Debug)]
pub(super) struct Rules {
    rules: Arc<Vec<Rule>>,
    states: Vec<State>,
    /// Filled in once.
    fixed: Vec<Fixed>,
}

/// What of a rule is the same at any time and for anybody.
#[derive(Debug)]
struct Fixed {
    of: Option<Compiled>,
    must: Option<Matcher>,
}

impl Rules {
    pub(super) fn new(rules: Arc<Vec<Rule>>, world: &mut World) -> Self {
        let states = rules.iter().map(|_| State::default()).collect();
        let site = Site { scope: CASE, me: "", at: 0 };
        let fixed = rules
            .iter()
            .map(|rule| {
                let of = if is_fixed(&rule.of) { compile(&rule.of, world, &site).ok() } else { None };
                let must = rule.must.iter().flatten().find(is_fixed);
                Fixed { of, must: must.and_then(|must| matcher(must, world, &site).ok()) }
            })
            .collect();
        Rules { rules, states, fixed }
    }

    pub(super) fn results(&self) -> Vec<(String, RuleResult)> {
        self.rules.iter().zip(&self.states).map(|(r, s)| (r.id.clone(), s.result.clone())).collect()
    }

    pub(super) fn waits_on(&self, on: &str) -> bool {
        self.states.iter().any(|s| s.pending.contains_key(on))
    }

    pub(super) fn apply(&mut self, event: &Event, came: Option<&Item>, world: &mut World, ids: &Ids) {
        let Some(on) = event.on.as_deref() else { return };
        let made = match &event.what {
            What::Came { .. } | What::Late { .. } => None,
            What::Malformed { clause, what } => Some(Item::malformed(event.at, clause, what)),
            What::Ended { by: By::Target, code, reason } => Item::ended(event.at, By::Target, *code, reason),
            What::Ended { by: By::Us, .. } | What::Dial { .. } => {
                self.states.iter_mut().for_each(|s| drop(s.pending.remove(on)));
                self.states.iter_mut().for_each(|s| drop(s.unique.remove(on)));
                return;
            }
            What::Deadline { run: None, .. } => {
                for state in &mut self.states {
                    if let Some(expected) = state.pending.remove(on) {
                        state.result.seen += 1;
                        let got = "the connection stayed open".to_owned();
                        state.result.breaches.push(Breach {
                            clause: String::new(),
                            on: on.into(),
                            at: event.at,
                            expected,
                            got,
                        });
                    }
                }
                return;
            }
            _ => return,
        };
        let Some(item) = came.or(made.as_ref()) else { return };
        for at in 0..self.rules.len() {
            self.hold(at, item, on, world, ids);
        }
    }

    /// Holds one rule against an item; what cannot be filled in is noted with the rule.
    fn hold(&mut self, at: usize, item: &Item, on: &str, world: &mut World, ids: &Ids) {
        let (rule, fixed, state) = (&self.rules[at], &self.fixed[at], &mut self.states[at]);
        let mut look = Look { rule, item, on, world, ids };
        if let Err(why) = look.next_is_right(state).and_then(|()| look.hold(fixed, state)) {
            state.result.fault.get_or_insert(format!("{}: {why}", rule.place));
        }
    }
}

/// One look of a rule at an item.
struct Look<'l> {
    rule: &'l Rule,
    item: &'l Item,
    on: &'l str,
    world: &'l mut World,
    ids: &'l Ids,
}

impl Look<'_> {
    fn compile(&mut self, pattern: &Pattern) -> Result<Compiled, String> {
        let site = Site { scope: CASE, me: self.on, at: self.item.at };
        compile(pattern, self.world, &site)
    }

    fn breach(&self, state: &mut State, expected: String, got: String) {
        let named = self.item.record.get("clause").and_then(Value::as_str);
        let clause = named.filter(|_| self.item.kind == ItemKind::Malformed).unwrap_or_default().to_owned();
        let (on, at) = (self.on.to_owned(), self.item.at);
        state.result.breaches.push(Breach { clause, on, at, expected, got });
    }

    /// Whether what comes is what had to come next, where something had to.
    fn next_is_right(&mut self, state: &mut State) -> Result<(), String> {
        let (Some(then), Some(expected)) = (&self.rule.then, state.pending.get(self.on).cloned()) else {
            return Ok(());
        };
        let fits = self.compile(then)?.fit(self.item, self.ids, false, self.world, self.on).is_some();
        if fits || self.item.kind == ItemKind::Frame {
            state.pending.remove(self.on);
            state.result.seen += 1;
        }
        if !fits && self.item.kind == ItemKind::Frame {
            self.breach(state, expected, shown(self.item));
        }
        Ok(())
    }

    fn hold(&mut self, fixed: &Fixed, state: &mut State) -> Result<(), String> {
        let never = matches!(self.rule.must, Some(None));
        if never && self.item.kind == ItemKind::Frame {
            // A rule about what never happens is held against every frame.
            state.result.seen += 1;
        }
        if !quickly(&self.rule.of, self.item) {
            return Ok(());
        }
        // Until a version is agreed on, the newest counts: by it an unknown one is refused (STOMP12-VER-05).
        let agreed = self.world.conns.get(self.on).and_then(|conn| conn.version.as_deref());
        if self.rule.version.as_deref().is_some_and(|wanted| agreed.is_some_and(|agreed| agreed != wanted)) {
            return Ok(());
        }
        let filled;
        let of = match &fixed.of {
            Some(of) => of,
            None => {
                filled = self.compile(&self.rule.of)?;
                &filled
            }
        };
        let mut unmarked = self.item.clone();
        unmarked.owner = super::pattern::Owner::Unmarked;
        if of.fit(&unmarked, self.ids, false, self.world, self.on).is_none() {
            return Ok(());
        }
        if !never && self.rule.then.is_none() {
            // What must come next is counted once it is known: if we end the connection first, nothing was judged.
            state.result.seen += 1;
        }
        match &self.rule.must {
            Some(None) => self.breach(state, of.describe_none(), shown(self.item)),
            Some(Some(must)) => self.must(must, fixed.must.as_ref(), state)?,
            None => {}
        }
        self.unique(state);
        if let Some(then) = &self.rule.then {
            let next = format!("{} next, after {}", self.compile(then)?.describe(), shown(self.item));
            state.pending.insert(self.on.to_owned(), next);
        }
        Ok(())
    }

    fn must(&mut self, must: &Value, fixed: Option<&Matcher>, state: &mut State) -> Result<(), String> {
        let record = &self.item.record;
        let checked = match fixed {
            Some(matcher) => matcher.check(Some(record)),
            None => {
                let site = Site { scope: CASE, me: self.on, at: self.item.at };
                matcher(must, self.world, &site)?.check(Some(record))
            }
        };
        if let Err(mismatch) = checked {
            let expected = format!("{} to be {}", mismatch.path, mismatch.expected);
            self.breach(state, expected, format!("{} in {}", mismatch.got, shown(self.item)));
        }
        Ok(())
    }

    fn unique(&self, state: &mut State) {
        let Some(path) = &self.rule.unique else { return };
        let path: Vec<&str> = path.split('.').collect();
        let Some(value) = select(&self.item.record, &path) else { return };
        let seen = state.unique.entry(self.on.to_owned()).or_default();
        let again = seen.contains(&value);
        seen.push(value);
        if again {
            self.breach(
                state,
                format!("{} to be unique on its connection", path.join(".")),
                shown(self.item),
            );
        }
    }
}

/// What must hold, with everything filled in.
fn matcher(must: &Value, world: &mut World, site: &Site<'_>) -> Result<Matcher, String> {
    let now = (world.facts.anchor_ms + site.at / 1000) as f64;
    let filled = eval(must, &mut world.view(site.scope, site.me, site.at), Purpose::Seeing)?;
    Matcher::compile(&filled.unwrap_or(Value::Null), now)
}

/// Whether a pattern is the same at any time and for anybody: no reference in it, and no `near`.
fn is_fixed(pattern: &impl Serialize) -> bool {
    fn fixed(value: &Value) -> bool {
        match value {
            Value::String(text) => {
                parts(text).is_ok_and(|parts| parts.iter().all(|part| matches!(part, Part::Literal(_))))
            }
            Value::Array(items) => items.iter().all(fixed),
            Value::Object(members) => !members.contains_key("near") && members.values().all(fixed),
            _ => true,
        }
    }
    serde_json::to_value(pattern).is_ok_and(|value| fixed(&value))
}

/// Whether an item can be what a rule is about, before anything is filled in.
fn quickly(of: &Pattern, item: &Item) -> bool {
    match of {
        Pattern::Frame(frame) => {
            item.kind == ItemKind::Frame
                && frame
                    .get("command")
                    .is_none_or(|c| !c.is_string() || item.record.get("command") == Some(c))
        }
        Pattern::Malformed(_) => item.kind == ItemKind::Malformed,
        Pattern::Closed(_) => item.kind == ItemKind::Closed,
        Pattern::Sight(_) => item.kind == ItemKind::Frame,
        _ => true,
    }
}
