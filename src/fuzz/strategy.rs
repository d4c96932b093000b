//! Which inputs are made: a family of them in a dialect.
//!
//! It relies on the section `fuzz` of the dialect, and leaves out what the profile does not promise. It names no application.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, any};
use proptest::prop_oneof;
use proptest::sample::select;
use proptest::strategy::{Just, Strategy as _, Union};
use serde_json::Value;

use super::body::slips;
use super::input::{
    Input, Layout, layout_of_frames, layout_of_messages, nearly_valid, octets, text, valid, websocket_frame,
};
use super::list::list;
use super::model;
use crate::case::dialect::Dialect;
use crate::case::library::Library;
use crate::case::play::Part;
use crate::case::profile::Profile;

/// A family of things to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Family {
    /// Valid messages, which must arrive as they were sent, among frames that are nearly valid.
    Frames,
    /// Octets as they come.
    Bytes,
    /// WebSocket frames, well formed and otherwise.
    Websocket,
    /// Bodies of the dialect that are nearly right, and what must reach nobody.
    Bodies,
    /// Several users who come, subscribe, send, revoke, leave and come back, against a model of who must receive what.
    Sessions,
}

impl Family {
    /// All of them.
    pub const ALL: [Family; 5] =
        [Family::Frames, Family::Bytes, Family::Websocket, Family::Bodies, Family::Sessions];

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Family::Frames => "frames",
            Family::Bytes => "bytes",
            Family::Websocket => "websocket",
            Family::Bodies => "bodies",
            Family::Sessions => "sessions",
        }
    }
}

/// Inputs in one scenario, unless [`Strategy::up_to`] says otherwise.
const MOST: usize = 24;
/// Octets that every server takes in a WebSocket message: as many as Tomcat does where nobody says otherwise.
const LEAST_MESSAGE: usize = 8192;
/// Deeds in one session.
const LONGEST: usize = 40;
/// How many are drawn for each that is done: many cannot be, as things stand.
const DRAWN: usize = 5;
/// What the weight of a deed is multiplied by in one session. Where some are never done and others often, what lies deep is reached sooner
/// than by a little of everything ("swarm testing": Groce and others, ISSTA 2012).
const SWARM: [u32; 4] = [0, 1, 1, 4];

/// A family in a dialect.
#[derive(Debug, Clone)]
pub struct Strategy {
    /// The family.
    pub family: Family,
    /// The dialect.
    pub dialect: Arc<Dialect>,
    /// Points, as the profile pins them or by default, and its limits as `limits.NAME`.
    points: BTreeMap<String, Value>,
    /// Deeds that they admit, and what they weigh.
    deeds: Vec<(usize, u32)>,
    /// Harmless things that they admit.
    harmless: Vec<usize>,
    /// Clauses that the profile says it breaks.
    known: BTreeSet<String>,
    /// Octets that a WebSocket message may have.
    pub(super) message: usize,
    /// The most inputs in a scenario.
    most: usize,
}

impl Strategy {
    /// These families in all dialects of a profile that have them; of a target without a profile, in `stomp` alone.
    pub fn all(families: &[Family], library: &Library, profile: &Profile) -> Vec<Self> {
        let stomp = ["stomp".to_owned()];
        let names = if profile.dialects.is_empty() { &stomp[..] } else { &profile.dialects[..] };
        let dialects: Vec<_> = names.iter().filter_map(|name| library.dialects.get(name)).collect();
        let both = families.iter().flat_map(|family| dialects.iter().map(move |dialect| (*family, *dialect)));
        both.filter_map(|(family, dialect)| Strategy::new(family, dialect, profile)).collect()
    }

    /// With so many inputs in a scenario at most, but for sessions: more where it is dear to begin one, fewer where inputs are limited.
    pub fn up_to(self, most: usize) -> Self {
        Strategy { most: most.max(1), ..self }
    }

    fn new(family: Family, dialect: &Arc<Dialect>, profile: &Profile) -> Option<Self> {
        let mut points = profile.judged(dialect.points.iter().map(|(key, point)| (&key.name, point)));
        points
            .extend(profile.all_limits().into_iter().map(|(name, value)| (format!("limits.{name}"), value)));
        let deeds = dialect.play.sessions.iter().flat_map(|s| &s.deeds).enumerate();
        let deeds = deeds.filter(|(_, deed)| admits(&points, &deed.part));
        let deeds: Vec<(usize, u32)> = deeds.map(|(at, deed)| (at, deed.weight)).collect();
        let harmless = dialect.play.unruly.iter().flat_map(|unruly| &unruly.harmless).enumerate();
        let harmless = harmless.filter(|(_, part)| admits(&points, part)).map(|(at, _)| at).collect();
        let unruly = dialect.play.unruly.as_ref();
        let there = match family {
            Family::Frames | Family::Bytes | Family::Websocket => unruly.is_some(),
            Family::Bodies => {
                unruly.is_some_and(|unruly| !unruly.forms.is_empty() || !unruly.intrusions.is_empty())
            }
            Family::Sessions => !deeds.is_empty(),
        };
        let pinned = profile.limits.get("ws_message").and_then(Value::as_u64);
        let message = pinned.and_then(|octets| usize::try_from(octets).ok()).unwrap_or(LEAST_MESSAGE);
        let known = profile.known.iter().map(|known| known.clause.clone()).collect();
        let dialect = dialect.clone();
        there.then(|| Strategy { family, dialect, points, deeds, harmless, known, message, most: MOST })
    }

    /// Its name, which scenarios begin with.
    pub fn word(&self) -> String {
        format!("{}-{}", self.dialect.name, self.family.word())
    }

    /// Whether what the profile says of the target admits this.
    pub(super) fn admits(&self, part: &Part) -> bool {
        admits(&self.points, part)
    }

    /// Makes what one scenario tries.
    pub fn inputs(&self) -> BoxedStrategy<Vec<Input>> {
        match self.input() {
            Some(input) => list(input, self.most).boxed(),
            None => self.deeds(),
        }
    }

    /// Makes one input; nothing for sessions, where one depends on those before.
    pub fn input(&self) -> Option<BoxedStrategy<Input>> {
        Some(match self.family {
            Family::Frames => self.frame(),
            Family::Bytes => octets().prop_map(|octets| Input::Octets { octets }).boxed(),
            Family::Websocket => self.beneath(),
            Family::Bodies => self.body(),
            Family::Sessions => return None,
        })
    }

    fn frame(&self) -> BoxedStrategy<Input> {
        let (valid, nearly) = (self.valid(layout_of_frames()), nearly_valid());
        let mut all = std::vec![(10, valid.boxed()), (10, nearly.boxed())];
        if !self.harmless.is_empty() {
            let harmless = (select(self.harmless.clone()), text(8));
            let harmless = harmless.prop_map(|(nth, text)| Input::Harmless { nth, text });
            all.push((1, harmless.boxed()));
        }
        Union::new_weighted(all).boxed()
    }

    fn beneath(&self) -> BoxedStrategy<Input> {
        let beneath = vec(websocket_frame(), 1..4);
        let beneath = beneath.prop_map(|frames| Input::Beneath { octets: frames.concat() });
        prop_oneof![2 => self.valid(layout_of_messages()), 3 => beneath].boxed()
    }

    fn body(&self) -> BoxedStrategy<Input> {
        let unruly = self.dialect.play.unruly.as_ref();
        let (forms, intrusions) = unruly.map_or((0, 0), |u| (u.forms.len(), u.intrusions.len()));
        let plain = self.valid(Just(Layout::Plain).boxed());
        let body = (0..forms.max(1), slips()).prop_map(|(form, slips)| Input::Body { form, slips });
        let intrusion =
            (0..intrusions.max(1), text(8)).prop_map(|(nth, text)| Input::Intrusion { nth, text });
        match (forms, intrusions) {
            (0, _) => prop_oneof![1 => plain, 2 => intrusion].boxed(),
            (_, 0) => prop_oneof![1 => plain, 6 => body].boxed(),
            _ => prop_oneof![1 => plain, 5 => body, 1 => intrusion].boxed(),
        }
    }

    /// Valid messages, with headers where somebody looks at them, and in no layout that the target is known not to understand: what is
    /// known would hide all else.
    fn valid(&self, layout: BoxedStrategy<Layout>) -> BoxedStrategy<Input> {
        let headers = self.dialect.play.unruly.as_ref().is_some_and(|unruly| !unruly.check.is_empty());
        let known = self.known.clone();
        let plain = move |layout: Layout| match layout.clause() {
            Some(clause) if known.contains(clause) => Layout::Plain,
            _ => layout,
        };
        valid(headers, layout.prop_map(plain).boxed()).boxed()
    }

    /// Deeds that can be done one after the other.
    fn deeds(&self) -> BoxedStrategy<Vec<Input>> {
        let (strategy, deeds) = (self.clone(), self.deeds.clone());
        let drawn = move |swarm: Vec<u32>| {
            let often = |times: &[u32]| -> Vec<(u32, Just<usize>)> {
                let weights =
                    deeds.iter().zip(times).map(|((at, weight), times)| (weight * times, Just(*at)));
                weights.filter(|(weight, _)| *weight > 0).collect()
            };
            let some = often(&swarm);
            let deed = if some.is_empty() { often(&std::vec![1; swarm.len()]) } else { some };
            let deed = (Union::new_weighted(deed), any::<u16>(), text(12));
            list(deed.prop_map(|(deed, choice, text)| Input::Deed { deed, choice, text }), DRAWN * LONGEST)
        };
        // What the weights are is nothing to make smaller.
        let swarm = vec(select(SWARM.to_vec()), self.deeds.len()).no_shrink();
        swarm.prop_flat_map(drawn).prop_map(move |drawn| model::doable(&strategy, drawn, LONGEST)).boxed()
    }
}

/// Whether the points that something needs have these values.
fn admits(points: &BTreeMap<String, Value>, part: &Part) -> bool {
    part.needs.iter().all(|(name, wanted)| points.get(name) == Some(wanted))
}
