//! Deeds of several users, and who must receive what by the model of a dialect (docs/language.md 8).
//!
//! It relies on the dialect's data alone. A deed is drawn by its weight, and then one of the ways in which it can be done, so that nothing
//! is drawn that makes no sense. It never predicts what the dialect does not say.

use std::collections::{BTreeMap, BTreeSet};

use super::input::Input;
use super::strategy::Strategy;
use super::yaml::{Filling, literal, step};
use crate::case::play::{Deed, Fact, Part, Sessions, TEXT, fill};

/// Placeholders, and what stands behind them.
type Binding = Vec<(String, String)>;

/// What there is and what holds.
#[derive(Debug)]
struct State<'s> {
    strategy: &'s Strategy,
    facts: BTreeSet<Vec<String>>,
    things: BTreeMap<String, Vec<String>>,
}

/// Of these deeds, one after the other, those that can be done, at most so many.
pub(super) fn doable(strategy: &Strategy, drawn: Vec<Input>, most: usize) -> Vec<Input> {
    let Some(sessions) = &strategy.dialect.play.sessions else { return Vec::new() };
    let (mut state, mut nth, mut out) = (State::new(strategy, sessions), 0, Vec::new());
    let can = |input: &Input| {
        let done = state.does(sessions, input, nth + 1, &mut out);
        nth += usize::from(done);
        done
    };
    drawn.into_iter().filter(can).take(most).collect()
}

/// The steps of a session of this strategy.
pub(super) fn steps(strategy: &Strategy, sessions: &Sessions, inputs: &[Input]) -> Vec<String> {
    let mut state = State::new(strategy, sessions);
    let mut out = Vec::new();
    for (at, input) in inputs.iter().enumerate() {
        state.does(sessions, input, at + 1, &mut out);
    }
    for part in &sessions.audit {
        let ways = state.ways(part, &Vec::new());
        ways.iter().for_each(|binding| told(part, binding, &mut out));
    }
    out
}

impl<'s> State<'s> {
    fn new(strategy: &'s Strategy, sessions: &Sessions) -> Self {
        let things = sessions.things.iter().cloned().collect();
        let mut state = State { strategy, facts: BTreeSet::new(), things };
        for fact in &sessions.begin {
            let kinds = sessions.things.iter().filter(|(kind, _)| fact.words.contains(&format!("<{kind}>")));
            let with = kinds.map(|(kind, _)| (kind.clone(), kind.clone())).collect();
            let part = Part { with, ..Part::default() };
            for binding in state.ways(&part, &Vec::new()) {
                state.becomes(fact, &binding);
            }
        }
        state
    }

    /// Whether this can be done; then it is.
    fn does(&mut self, sessions: &Sessions, input: &Input, nth: usize, out: &mut Vec<String>) -> bool {
        let Input::Deed { deed, choice, text } = input else { return false };
        let Some(deed) = sessions.deeds.get(*deed) else { return false };
        let ways = self.ways(&deed.part, &Vec::new());
        let way = ways.get(usize::from(*choice) % ways.len().max(1));
        way.inspect(|way| self.done(deed, (*way).clone(), text, nth, out)).is_some()
    }

    fn done(&mut self, deed: &Deed, mut binding: Binding, text: &str, nth: usize, out: &mut Vec<String>) {
        let texts = deed.part.with.iter().filter(|(_, kind)| kind == TEXT);
        binding.extend(texts.map(|(name, _)| (name.clone(), literal(text))));
        let made = deed.makes.as_ref().map(|(name, kind)| (kind, format!("{name}{nth}")));
        if let (Some((name, _)), Some((_, thing))) = (&deed.makes, &made) {
            binding.push((name.clone(), thing.clone()));
        }
        told(&deed.part, &binding, out);
        // What follows is decided by what held before.
        let each: Vec<(&Part, Binding)> =
            deed.each.iter().flat_map(|p| self.ways(p, &binding).into_iter().map(move |b| (p, b))).collect();
        each.iter().for_each(|(part, binding)| told(part, binding, out));
        deed.part.then.iter().for_each(|fact| self.becomes(fact, &binding));
        each.iter().for_each(|(part, binding)| part.then.iter().for_each(|fact| self.becomes(fact, binding)));
        if let Some((kind, thing)) = made {
            self.things.entry(kind.clone()).or_default().push(thing);
        }
    }

    /// All that the placeholders of a part can stand for so that what must hold does.
    fn ways(&self, part: &Part, given: &Binding) -> Vec<Binding> {
        let mut ways = if self.strategy.admits(part) { vec![given.clone()] } else { Vec::new() };
        for (name, kind) in part.with.iter().filter(|(_, kind)| kind != TEXT) {
            let things = self.things.get(kind).map_or(&[][..], Vec::as_slice);
            let with = |way: &Binding, thing: &String| {
                let mut way = way.clone();
                way.push((name.clone(), thing.clone()));
                way
            };
            ways = ways.iter().flat_map(|way| things.iter().map(move |thing| with(way, thing))).collect();
        }
        ways.retain(|way| part.when.iter().all(|fact| self.holds(fact, way)));
        ways
    }

    fn holds(&self, fact: &Fact, binding: &Binding) -> bool {
        let words = words(fact, binding);
        let held = match &words[..] {
            [differ, a, b] if differ == "differ" => a != b,
            _ => self.facts.iter().any(|known| like(&words, known)),
        };
        held != fact.not
    }

    fn becomes(&mut self, fact: &Fact, binding: &Binding) {
        let words = words(fact, binding);
        match fact.not {
            true => self.facts.retain(|known| !like(&words, known)),
            false => _ = self.facts.insert(words),
        }
    }
}

fn words(fact: &Fact, binding: &Binding) -> Vec<String> {
    fact.words.iter().map(|word| fill(word, &|name| behind(binding, name))).collect()
}

/// Whether this is one of the facts that these words are about.
fn like(words: &[String], known: &[String]) -> bool {
    words.len() == known.len() && words.iter().zip(known).all(|(word, known)| word == "*" || word == known)
}

fn behind(binding: &Binding, name: &str) -> Option<String> {
    binding.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
}

fn told(part: &Part, binding: &Binding, out: &mut Vec<String>) {
    let fillings = |name: &str| behind(binding, name).map(Filling::Text);
    out.extend(part.steps.iter().map(|node| step(node, &fillings)));
}
