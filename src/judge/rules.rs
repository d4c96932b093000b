//! Rules: what holds of every frame of a run, in whatever case (LANGUAGE 6). Folded as the events come.
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
use crate::case::script::{Level, Pattern, Place};
use crate::case::value::{Part, Purpose, eval, parts, select};

/// A rule, resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// `stomp/rules/error-then-close`.
    pub id: String,
    /// A sentence that is true of a conforming target.
    pub title: String,
    /// The mistake it is meant to catch.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<String>,
    /// What it decides.
    pub requirement: String,
    /// How binding that is.
    pub level: Level,
    /// Where it is written.
    pub place: Place,
    /// Which events it is about.
    pub of: Pattern,
    /// What they must be like; `Some(None)` is never.
    #[serde(skip_serializing_if = "Option::is_none", default, with = "must")]
    pub must: Option<Option<Value>>,
    /// A path that is unique per connection.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unique: Option<String>,
    /// What must come next on that connection.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub then: Option<Pattern>,
}

/// `never` and a matcher, in one member of JSON.
mod must {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::Value;

    pub(super) fn serialize<S: Serializer>(must: &Option<Option<Value>>, s: S) -> Result<S::Ok, S::Error> {
        match must {
            Some(Some(matcher)) => matcher.serialize(s),
            _ => "never".serialize(s),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Option<Value>>, D::Error> {
        let value = Value::deserialize(d)?;
        Ok(Some((value != "never").then_some(value)))
    }
}

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
    /// What a rule is about, and what must hold, where neither depends on anything but the rule: filled in once.
    fixed: Vec<(Option<Compiled>, Option<Matcher>)>,
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
                (of, must.and_then(|must| matcher(must, world, &site).ok()))
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

    fn hold(&mut self, at: usize, item: &Item, on: &str, world: &mut World, ids: &Ids) {
        let (rule, state) = (&self.rules[at], &mut self.states[at]);
        let site = Site { scope: CASE, me: on, at: item.at };
        let named =
            item.record.get("clause").and_then(Value::as_str).filter(|_| item.kind == ItemKind::Malformed);
        let clause = named.unwrap_or_default().to_owned();
        let breach = |state: &mut State, expected: String, got: String| {
            let clause = clause.clone();
            state.result.breaches.push(Breach { clause, on: on.to_owned(), at: item.at, expected, got });
        };
        if let (Some(then), Some(expected)) = (&rule.then, state.pending.get(on).cloned()) {
            let fits =
                compile(then, world, &site).is_ok_and(|p| p.fit(item, ids, false, world, on).is_some());
            if fits {
                state.pending.remove(on);
                state.result.seen += 1;
            } else if item.kind == ItemKind::Frame {
                state.pending.remove(on);
                state.result.seen += 1;
                breach(state, expected, shown(item));
            }
        }
        if matches!(rule.must, Some(None)) && item.kind == ItemKind::Frame {
            // A rule about what never happens is held against every frame.
            state.result.seen += 1;
        }
        if !quickly(&rule.of, item) {
            return;
        }
        let (fixed_of, fixed_must) = &self.fixed[at];
        let filled;
        let of = match fixed_of {
            Some(of) => of,
            None => match compile(&rule.of, world, &site) {
                Ok(of) => {
                    filled = of;
                    &filled
                }
                Err(_) => return,
            },
        };
        let mut unmarked = item.clone();
        unmarked.owner = super::pattern::Owner::Unmarked;
        if of.fit(&unmarked, ids, false, world, on).is_none() {
            return;
        }
        if !matches!(rule.must, Some(None)) && rule.then.is_none() {
            // What must come next is counted once it is known: if we end the connection first, nothing was judged.
            state.result.seen += 1;
        }
        match &rule.must {
            Some(None) => breach(state, format!("never {}", of.describe()), shown(item)),
            Some(Some(must)) => {
                let checked = match fixed_must {
                    Some(matcher) => Ok(matcher.check(Some(&item.record))),
                    None => matcher(must, world, &site).map(|m| m.check(Some(&item.record))),
                };
                if let Ok(Err(mismatch)) = checked {
                    let expected = format!("{} to be {}", mismatch.path, mismatch.expected);
                    breach(state, expected, format!("{} in {}", mismatch.got, shown(item)));
                }
            }
            None => {}
        }
        if let Some(path) = &rule.unique {
            let path: Vec<&str> = path.split('.').collect();
            if let Some(value) = select(&item.record, &path) {
                let seen = state.unique.entry(on.to_owned()).or_default();
                let again = seen.contains(&value);
                seen.push(value);
                if again {
                    breach(state, format!("{} to be unique on its connection", path.join(".")), shown(item));
                }
            }
        }
        if let Some(then) = &rule.then
            && let Ok(then) = compile(then, world, &site)
        {
            state.pending.insert(on.to_owned(), format!("{} next, after {}", then.describe(), shown(item)));
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
