//! Patterns over events: compiled from a case, held against what came.
//!
//! It relies on matchers and on the identity of messages. It never consumes anything itself: it says whether and how
//! something fits.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::world::World;
use crate::case::event::{By, Seen};
use crate::case::matcher::{Compared, Matcher, Mismatch};
use crate::case::script::{Identity, Pattern, Sight};
use crate::case::value::{Env, Purpose, eval, reference, select};

/// Something that came on a connection.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) at: u64,
    /// Its number among the events of the case.
    pub(super) event: u64,
    pub(super) kind: ItemKind,
    /// What patterns are matched against.
    pub(super) record: Value,
    pub(super) owner: Owner,
    /// Parts of it that have been matched: a body may hold several messages.
    pub(super) used: Vec<usize>,
    /// It came on a connection that has been replaced by a new one.
    pub(super) stale: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemKind {
    Opened,
    Closed,
    Beat,
    Frame,
    Http,
    /// A request of the client under test.
    Request,
    /// A line of the client under test.
    Told,
    /// The client under test has exited.
    Exited,
    Ws,
    Malformed,
}

/// Whose message a frame carries, by its mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Case,
    Engine,
    OtherCase,
    Unmarked,
}

impl Item {
    pub(super) fn frame(at: u64, arrival: usize, seen: &Seen, world: &World) -> Self {
        let mut record = seen.record();
        let messages = messages(&record);
        let is_case = |message: &&Value| owner_by_text(&message.to_string(), world) == Owner::Case;
        // A body that holds several messages is the case's if one of them is.
        let owner = match messages.len() {
            2.. if messages.iter().any(is_case) => Owner::Case,
            _ => owner(seen, world),
        };
        record["arrival"] = Value::from(arrival);
        Item { at, event: 0, kind: ItemKind::Frame, record, owner, used: Vec::new(), stale: false }
    }

    pub(super) fn other(at: u64, kind: ItemKind, record: Value) -> Self {
        Item { at, event: 0, kind, record, owner: Owner::Unmarked, used: Vec::new(), stale: false }
    }

    pub(super) fn malformed(at: u64, clause: &str, what: &str) -> Self {
        Item::other(at, ItemKind::Malformed, json!({ "clause": clause, "what": what }))
    }

    pub(super) fn ended(at: u64, by: By, code: Option<u16>, reason: &str) -> Option<Self> {
        // An end that we asked for is one where the target answered our close.
        (by == By::Target || code.is_some())
            // An end without a close frame counts as 1006 (RFC 6455, 7.1.5).
            .then(|| {
                Item::other(at, ItemKind::Closed, json!({ "code": code.unwrap_or(1006), "reason": reason }))
            })
    }
}

/// Whose message a frame carries: what its body says goes before what its headers say, since a subscription's id and
/// a destination are the receiver's.
fn owner(seen: &Seen, world: &World) -> Owner {
    let facts = &world.facts;
    let body = seen.body.text();
    let header = |name: &str, mark: &str| seen.header(name).is_some_and(|v| v.contains(mark));
    let engine = &facts.engine_mark;
    if header("subscription", engine) || header("receipt-id", engine) {
        return Owner::Engine;
    }
    match owner_by_text(body, world) {
        Owner::OtherCase if seen.command != "MESSAGE" => {}
        Owner::Unmarked => {}
        owner => return owner,
    }
    if if seen.command == "MESSAGE" { seen.carries(&facts.mark) } else { seen.mentions(&facts.mark) } {
        Owner::Case
    } else {
        Owner::Unmarked
    }
}

/// Whose a text is, by the mark in it.
fn owner_by_text(text: &str, world: &World) -> Owner {
    let facts = &world.facts;
    if text.contains(&facts.engine_mark) {
        Owner::Engine
    } else if text.contains(&facts.mark) {
        Owner::Case
    } else if text.contains(&facts.run_mark) {
        Owner::OtherCase
    } else {
        Owner::Unmarked
    }
}

/// A pattern with everything filled in.
#[derive(Debug, Clone)]
pub(super) enum Compiled {
    Plain(ItemKind, Matcher),
    Sight(CompiledSight),
}

#[derive(Debug, Clone)]
pub(super) struct CompiledSight {
    pub(super) name: String,
    pub(super) alternatives: Vec<(String, Vec<Compiled>)>,
    pub(super) never: Option<Box<Compiled>>,
    unfold: Vec<String>,
    of_case: bool,
    gives: Option<Value>,
    it: Option<Value>,
}

/// Who compiles: the scope, the actor, the time.
pub(super) struct Site<'s> {
    pub(super) scope: usize,
    pub(super) me: &'s str,
    pub(super) at: u64,
}

/// Names of a sight: `$it`, and whatever the engine knows.
struct SightEnv<'w, E> {
    it: &'w Option<Value>,
    frame: Option<&'w Value>,
    outer: E,
}

impl<E: Env> Env for SightEnv<'_, E> {
    fn lookup(&mut self, name: &str, path: &[&str]) -> Result<Option<Value>, String> {
        match (name, self.it, self.frame) {
            // Without an argument a sight sees anything.
            ("it", None, _) => {
                Ok(Some(json!({ "is": { "one-of": [{ "is": "present" }, { "is": "absent" }] } })))
            }
            ("it", Some(it), _) => Ok(select(it, path)),
            ("frame", _, Some(frame)) => Ok(select(frame, path)),
            _ => self.outer.lookup(name, path),
        }
    }
}

/// Fills in a pattern.
pub(super) fn compile(pattern: &Pattern, world: &mut World, site: &Site<'_>) -> Result<Compiled, String> {
    compile_with(pattern, world, site, None)
}

fn compile_with(
    pattern: &Pattern,
    world: &mut World,
    site: &Site<'_>,
    it: Option<&Option<Value>>,
) -> Result<Compiled, String> {
    let now = (world.facts.anchor_ms + site.at / 1000) as f64;
    let mut plain = |kind: ItemKind, value: &Value| -> Result<Compiled, String> {
        let view = world.view(site.scope, site.me, site.at);
        let filled = match it {
            Some(it) => eval(value, &mut SightEnv { it, frame: None, outer: view }, Purpose::Seeing)?,
            None => {
                let mut view = view;
                eval(value, &mut view, Purpose::Seeing)?
            }
        };
        let filled = filled.unwrap_or_else(|| json!({ "is": "absent" }));
        Ok(Compiled::Plain(kind, Matcher::compile(&headers_as_map(kind, filled), now)?))
    };
    match pattern {
        Pattern::Opened => plain(ItemKind::Opened, &json!({})),
        Pattern::Beat => plain(ItemKind::Beat, &json!({})),
        Pattern::Closed(value) => plain(ItemKind::Closed, value),
        Pattern::Frame(value) => plain(ItemKind::Frame, value),
        Pattern::Http(value) => plain(ItemKind::Http, value),
        Pattern::Request(value) => plain(ItemKind::Request, value),
        Pattern::Told(value) => plain(ItemKind::Told, value),
        Pattern::Exited(value) => plain(ItemKind::Exited, value),
        Pattern::Ws(value) => plain(ItemKind::Ws, value),
        Pattern::Malformed(value) => plain(ItemKind::Malformed, value),
        Pattern::Sight(sight) => {
            let argument = match &sight.it {
                None => None,
                Some(value) => {
                    let view = world.view(site.scope, site.me, site.at);
                    let filled = match it {
                        Some(it) => {
                            eval(value, &mut SightEnv { it, frame: None, outer: view }, Purpose::Seeing)?
                        }
                        None => {
                            let mut view = view;
                            eval(value, &mut view, Purpose::Seeing)?
                        }
                    };
                    Some(filled.ok_or_else(|| format!("the argument of `{}` is absent", sight.name))?)
                }
            };
            compile_sight(sight, argument, world, site)
        }
    }
}

/// Fills in a sight with an argument that is known already.
pub(super) fn compile_sight(
    sight: &Sight,
    argument: Option<Value>,
    world: &mut World,
    site: &Site<'_>,
) -> Result<Compiled, String> {
    let from_record =
        sight.it.as_ref().and_then(Value::as_str).and_then(reference).is_some() || sight.it.is_none();
    let it = argument.map(|value| match (&sight.members, value) {
        // A bound record used as a pattern gives only the members that a pattern may name.
        (Some(members), Value::Object(record)) if from_record => {
            Value::Object(record.into_iter().filter(|(name, _)| members.contains(name)).collect())
        }
        (_, value) => value,
    });
    let mut alternatives = Vec::new();
    for (name, patterns) in &sight.alternatives {
        let compiled: Result<Vec<_>, _> =
            patterns.iter().map(|p| compile_with(p, world, site, Some(&it))).collect();
        alternatives.push((name.clone(), compiled?));
    }
    let never = match &sight.never {
        Some(pattern) => Some(Box::new(compile_with(pattern, world, site, Some(&it))?)),
        None => None,
    };
    Ok(Compiled::Sight(CompiledSight {
        name: sight.name.clone(),
        alternatives,
        never,
        unfold: sight.unfold.clone(),
        of_case: sight.of_case,
        gives: sight.gives.clone(),
        it,
    }))
}

/// A list of headers is looked at as a map: order and repetition matter for sending only.
fn headers_as_map(kind: ItemKind, mut value: Value) -> Value {
    if kind == ItemKind::Frame
        && let Some(Value::Array(items)) = value.get("headers")
    {
        let mut map = serde_json::Map::new();
        for item in items.iter().filter_map(Value::as_object) {
            for (name, header) in item {
                map.entry(name.clone()).or_insert_with(|| header.clone());
            }
        }
        value["headers"] = Value::Object(map);
    }
    value
}

/// Finds sent messages again where the server gives ids of its own.
#[derive(Debug, Default)]
pub(super) struct Ids {
    identity: Option<Identity>,
    /// Linking content → id as sent.
    links: BTreeMap<String, String>,
    /// Id as seen → id as sent.
    learned: BTreeMap<String, String>,
}

impl Ids {
    pub(super) fn new(identity: Option<Identity>) -> Self {
        Ids { identity, ..Ids::default() }
    }

    /// Takes note of a message that was sent.
    pub(super) fn sent(&mut self, json: &Value) {
        let Some(identity) = &self.identity else { return };
        let text = |name: &str| json.get(name).and_then(Value::as_str);
        if let (Some(id), Some(link)) = (text(&identity.sent), text(&identity.link)) {
            self.links.entry(link.to_owned()).or_insert_with(|| id.to_owned());
        }
    }

    /// Learns the server's id of a message that is recognised by its content.
    pub(super) fn came(&mut self, message: &Value) {
        let Some(identity) = &self.identity else { return };
        let text = |name: &str| message.get(name).and_then(Value::as_str);
        if let (Some(seen), Some(sent)) =
            (text(&identity.seen), text(&identity.link).and_then(|l| self.links.get(l)))
            && seen != sent
        {
            self.learned.insert(seen.to_owned(), sent.clone());
        }
    }

    fn is_of_case(&self, message: &Value) -> bool {
        let Some(identity) = &self.identity else { return false };
        [&identity.seen, &identity.sent].iter().any(|name| {
            message.get(name.as_str()).and_then(Value::as_str).is_some_and(|id| self.learned.contains_key(id))
        })
    }

    /// The message with ids as they were sent, so that it is found by them.
    fn as_sent<'m>(&self, message: &'m Value) -> Cow<'m, Value> {
        if self.learned.is_empty() {
            return Cow::Borrowed(message);
        }
        let mut message = message.clone();
        if let Some(identity) = &self.identity {
            for name in [&identity.seen, &identity.sent] {
                if let Some(sent) =
                    message.get(name.as_str()).and_then(Value::as_str).and_then(|id| self.learned.get(id))
                {
                    message[name.as_str()] = Value::from(sent.as_str());
                }
            }
        }
        Cow::Owned(message)
    }
}

/// Whether a record fits that has this message as its JSON: one of several in its body, perhaps.
fn holds_with_json(matcher: &Matcher, record: &Value, json: Option<&Value>) -> bool {
    match matcher {
        Matcher::Members(members) => members.iter().all(|(name, matcher)| match name.as_str() {
            "json" => matcher.holds(json),
            name => matcher.holds(record.get(name)),
        }),
        other => {
            let mut record = record.clone();
            if let Some(json) = json {
                record["json"] = json.clone();
            }
            other.holds(Some(&record))
        }
    }
}

/// The messages in a body: the body itself, the items of a list, or of a list below one of the pointers.
fn units(record: &Value, unfold: &[String]) -> Vec<Option<Value>> {
    let json = record.get("json");
    if unfold.is_empty() {
        return vec![json.cloned()];
    }
    let Some(json) = json else { return vec![None] };
    for pointer in unfold {
        if let Some(Value::Array(items)) = json.pointer(pointer) {
            return items.iter().cloned().map(Some).collect();
        }
    }
    vec![Some(json.clone())]
}

/// What fitted: which part of the item, and what is bound.
pub(super) struct Fit {
    pub(super) unit: usize,
    pub(super) value: Value,
}

impl Compiled {
    /// Whether an unused part of an item fits, in a wait of the engine's own or of the case.
    pub(super) fn fit(
        &self,
        item: &Item,
        ids: &Ids,
        engine: bool,
        world: &mut World,
        me: &str,
    ) -> Option<Fit> {
        if item.stale {
            return None;
        }
        match self {
            Compiled::Plain(kind, matcher) => {
                let mine = item.kind != ItemKind::Frame
                    || engine
                    || matches!(item.owner, Owner::Case | Owner::Unmarked);
                let fits =
                    *kind == item.kind && item.used.is_empty() && mine && matcher.holds(Some(&item.record));
                fits.then(|| Fit { unit: 0, value: item.record.clone() })
            }
            Compiled::Sight(sight) => sight.fit(item, ids, engine, world, me),
        }
    }

    /// Why the last item does not fit, for the reader.
    pub(super) fn mismatch(&self, item: &Item) -> Option<Mismatch> {
        match self {
            Compiled::Plain(kind, matcher) if *kind == item.kind => matcher.check(Some(&item.record)).err(),
            Compiled::Sight(sight) => match &sight.alternatives[..] {
                [(_, patterns)] => patterns.first()?.mismatch(item),
                _ => None,
            },
            Compiled::Plain(..) => None,
        }
    }

    /// The item's parts beside what is expected of them; nothing, where it is of another kind.
    pub(super) fn compare(&self, item: &Item) -> Option<Vec<Compared>> {
        match self {
            Compiled::Plain(kind, matcher) if *kind == item.kind => Some(matcher.compare(Some(&item.record))),
            Compiled::Sight(sight) => match &sight.alternatives[..] {
                [(_, patterns)] => patterns.first()?.compare(item),
                _ => None,
            },
            Compiled::Plain(..) => None,
        }
    }

    /// What is waited for, in words.
    pub(super) fn describe(&self) -> String {
        match self {
            Compiled::Plain(ItemKind::Opened, _) => "the upgrade".into(),
            Compiled::Plain(ItemKind::Beat, _) => "a heart-beat".into(),
            Compiled::Plain(ItemKind::Closed, _) => "the end of the connection".into(),
            Compiled::Plain(kind, matcher) => {
                let what = match kind {
                    ItemKind::Request => "an HTTP request",
                    ItemKind::Told => "something told by the client",
                    ItemKind::Exited => "the end of the client",
                    ItemKind::Frame => "a frame",
                    ItemKind::Http => "an HTTP response",
                    ItemKind::Ws => "a WebSocket frame",
                    _ => return breach(matcher),
                };
                match matcher.describe().as_str() {
                    "anything" => what.to_owned(),
                    like => format!("{what} like {like}"),
                }
            }
            Compiled::Sight(sight) => sight.describe(),
        }
    }

    /// That it does not come, in words.
    pub(super) fn describe_none(&self) -> String {
        match self {
            Compiled::Plain(ItemKind::Closed, matcher) if matcher.describe() == "anything" => {
                "the connection to stay open".into()
            }
            Compiled::Plain(ItemKind::Malformed, _) => format!("no {}", self.describe()),
            _ => format!("nothing like {}", self.describe()),
        }
    }
}

/// Something malformed, by the clause that it breaks.
fn breach(matcher: &Matcher) -> String {
    match matcher {
        Matcher::Members(members) => match &members[..] {
            [(name, Matcher::Equal(Value::String(clause)))] if name == "clause" => {
                format!("breach of {clause} in what the target sends")
            }
            [] => "breach of a format in what the target sends".into(),
            _ => format!("breach like {} in what the target sends", matcher.describe()),
        },
        other => format!("breach like {} in what the target sends", other.describe()),
    }
}

impl CompiledSight {
    /// By its name, and by what it is given or what it stands for.
    fn describe(&self) -> String {
        let stands_for = |(name, patterns): &(String, Vec<Compiled>)| match patterns.last() {
            Some(last) if name.is_empty() || self.alternatives.len() == 1 => last.describe(),
            Some(last) => format!("{name}: {}", last.describe()),
            None => name.clone(),
        };
        match &self.it {
            Some(it) => format!("`{}` of {}", self.name, crate::case::matcher::show(Some(it))),
            None => {
                let all: Vec<_> = self.alternatives.iter().map(stands_for).collect();
                format!("`{}` ({})", self.name, all.join(", or "))
            }
        }
    }

    fn fit(&self, item: &Item, ids: &Ids, engine: bool, world: &mut World, me: &str) -> Option<Fit> {
        let [(_, patterns)] = &self.alternatives[..] else { return None };
        let [Compiled::Plain(kind, matcher)] = &patterns[..] else {
            return patterns.first()?.fit(item, ids, engine, world, me);
        };
        if *kind != item.kind {
            return None;
        }
        let units = units(&item.record, &self.unfold);
        let bundle = units.len() > 1;
        for (unit, message) in units.into_iter().enumerate() {
            let owner = match &message {
                Some(message) if bundle && item.owner != Owner::Unmarked => {
                    owner_by_text(&message.to_string(), world)
                }
                _ => item.owner,
            };
            // The engine's own messages are seen by its own seeings and by no others.
            let hidden = (owner == Owner::Engine) != engine && (self.of_case || !engine);
            let mine = owner == Owner::Case || message.as_ref().is_some_and(|m| ids.is_of_case(m));
            if hidden || item.used.contains(&unit) || (self.of_case && !engine && !mine) {
                continue;
            }
            let as_sent = message.as_ref().map(|m| ids.as_sent(m));
            if holds_with_json(matcher, &item.record, as_sent.as_deref()) {
                let mut bound = item.record.clone();
                if let Some(message) = message {
                    bound["json"] = message;
                }
                return Some(Fit { unit, value: self.given(bound, item, world, me) });
            }
        }
        None
    }

    fn given(&self, record: Value, item: &Item, world: &mut World, me: &str) -> Value {
        let Some(gives) = &self.gives else { return record };
        let arrival = record.get("arrival").cloned();
        let view = world.view(super::world::CASE, me, item.at);
        let mut env = SightEnv { it: &self.it, frame: Some(&record), outer: view };
        let mut value = eval(gives, &mut env, Purpose::Sending).ok().flatten().unwrap_or(Value::Null);
        if let (Some(members), Some(arrival)) = (value.as_object_mut(), arrival) {
            members.entry("arrival").or_insert(arrival);
        }
        value
    }
}

/// Every message in a body, however it is wrapped.
pub(super) fn messages(record: &Value) -> Vec<&Value> {
    match record.get("json") {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(json) => match json.get("messages") {
            Some(Value::Array(items)) => items.iter().collect(),
            _ => vec![json],
        },
        None => Vec::new(),
    }
}
