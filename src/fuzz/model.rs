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

/// A part, and what its placeholders stand for.
type Said<'s> = (&'s Part, Binding);

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
    let (mut state, mut nth) = (State::new(strategy, sessions), 0);
    let can = |input: &Input| {
        let done = state.does(sessions, input, nth + 1).is_some();
        nth += usize::from(done);
        done
    };
    drawn.into_iter().filter(can).take(most).collect()
}

/// The steps of a session of this strategy.
pub(super) fn steps(strategy: &Strategy, sessions: &Sessions, inputs: &[Input]) -> Vec<String> {
    let mut state = State::new(strategy, sessions);
    let mut said: Vec<Said<'_>> = Vec::new();
    for (at, input) in inputs.iter().enumerate() {
        said.extend(state.does(sessions, input, at + 1).into_iter().flatten());
    }
    for part in &sessions.audit {
        said.extend(state.ways(part, &Vec::new()).into_iter().map(|binding| (part, binding)));
    }
    said.iter().flat_map(|(part, binding)| told(part, binding)).collect()
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

    /// Does this, if it can be done: what is said of it.
    fn does<'p>(&mut self, sessions: &'p Sessions, input: &Input, nth: usize) -> Option<Vec<Said<'p>>> {
        let Input::Deed { deed, choice, text } = input else { return None };
        let deed = sessions.deeds.get(*deed)?;
        let ways = self.ways(&deed.part, &Vec::new());
        let way = ways.get(usize::from(*choice) % ways.len().max(1))?;
        Some(self.done(deed, way.clone(), text, nth))
    }

    fn done<'p>(&mut self, deed: &'p Deed, mut binding: Binding, text: &str, nth: usize) -> Vec<Said<'p>> {
        let texts = deed.part.with.iter().filter(|(_, kind)| kind == TEXT);
        binding.extend(texts.map(|(name, _)| (name.clone(), literal(text))));
        let made = deed.makes.as_ref().map(|(name, kind)| (kind, format!("{name}{nth}")));
        if let (Some((name, _)), Some((_, thing))) = (&deed.makes, &made) {
            binding.push((name.clone(), thing.clone()));
        }
        // What follows is decided by what held before.
        let each = deed.each.iter().flat_map(|p| self.ways(p, &binding).into_iter().map(move |b| (p, b)));
        let each: Vec<Said<'p>> = each.collect();
        let said: Vec<Said<'p>> = std::iter::once((&deed.part, binding)).chain(each).collect();
        for (part, binding) in &said {
            part.then.iter().for_each(|fact| self.becomes(fact, binding));
        }
        if let Some((kind, thing)) = made {
            self.things.entry(kind.clone()).or_default().push(thing);
        }
        said
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

fn told(part: &Part, binding: &Binding) -> Vec<String> {
    let fillings = |name: &str| behind(binding, name).map(Filling::Text);
    part.steps.iter().map(|node| step(node, &fillings)).collect()
}
