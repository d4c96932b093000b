//! One seeing while it lasts: the seven forms (docs/language.md 5), advanced item by item.
//!
//! It relies on compiled patterns. It never waits: it says whether it is over, and what it still needs.

use serde_json::{Value, json};

use super::outcome::{Beside, Found};
use super::pattern::{Compiled, CompiledSight, Ids, Item, ItemKind, Owner, Site, compile, compile_sight};
use super::world::World;
use crate::case::script::{Pattern, Patterns, See};
use crate::case::value::{Env, reference};

/// What a seeing is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// Something must come.
    Event,
    /// All that had to come has come; a barrier must show that nothing else does.
    Barrier,
    /// Nothing: it is over.
    Over,
}

/// How a seeing ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Over {
    pub(super) value: Value,
    pub(super) found: Found,
}

#[derive(Debug)]
enum Form {
    One(Compiled),
    InOrder { patterns: Vec<Compiled>, values: Vec<Value> },
    AnyOrder { patterns: Vec<Compiled>, values: Vec<Option<Value>>, exactly: Option<Residue> },
    Nothing(Compiled),
    Every { pattern: Compiled, values: Vec<Value> },
    OneOf(Vec<Alternative>),
}

/// What must not be left over by `exactly`.
#[derive(Debug)]
enum Residue {
    /// Anything that the sight sees.
    Sight(Box<Compiled>),
    /// Any frame that carries the case's mark.
    OfCase,
}

#[derive(Debug)]
struct Alternative {
    name: String,
    patterns: Vec<Compiled>,
    nevers: Vec<Compiled>,
    at: usize,
    taken: Vec<(usize, usize)>,
    last: Value,
    dead: bool,
}

/// A seeing that has begun.
#[derive(Debug)]
pub(super) struct Wait {
    pub(super) engine: bool,
    form: Form,
    nevers: Vec<Compiled>,
    cursor: usize,
    /// When it began.
    since: u64,
    pub(super) over: Option<Over>,
}

/// What a wait looks at.
pub(super) struct Sightline<'s> {
    pub(super) items: &'s mut Vec<Item>,
    pub(super) ids: &'s Ids,
    pub(super) world: &'s mut World,
    pub(super) me: &'s str,
}

impl Wait {
    pub(super) fn new(see: &See, world: &mut World, site: &Site<'_>, engine: bool) -> Result<Self, String> {
        let mut nevers = Vec::new();
        let one = |pattern: &Pattern, world: &mut World| compile(pattern, world, site);
        let form = match see {
            See::One(pattern) => {
                let compiled = one(pattern, world)?;
                match &compiled {
                    Compiled::Sight(sight) if sight.alternatives.len() > 1 => {
                        Form::OneOf(flatten("", sight, &[]))
                    }
                    Compiled::Sight(sight) => {
                        nevers.extend(sight.never.as_deref().cloned());
                        Form::One(compiled)
                    }
                    Compiled::Plain(..) => Form::One(compiled),
                }
            }
            See::InOrder(list) => {
                Form::InOrder { patterns: patterns(list, world, site)?.0, values: Vec::new() }
            }
            See::AnyOrder(list) => {
                let (patterns, _) = patterns(list, world, site)?;
                let values = vec![None; patterns.len()];
                Form::AnyOrder { patterns, values, exactly: None }
            }
            See::Exactly(list) => {
                let (patterns, residue) = patterns(list, world, site)?;
                let values = vec![None; patterns.len()];
                Form::AnyOrder { patterns, values, exactly: Some(residue) }
            }
            See::Nothing(pattern) => Form::Nothing(one(pattern, world)?),
            See::Every(pattern) => Form::Every { pattern: one(pattern, world)?, values: Vec::new() },
            See::OneOf(all) => {
                let mut alternatives = Vec::new();
                for (name, list) in all {
                    let compiled = list.iter().map(|p| one(p, world)).collect::<Result<Vec<_>, _>>()?;
                    match &compiled[..] {
                        [Compiled::Sight(sight), rest @ ..]
                            if sight.alternatives.len() > 1 || sight.never.is_some() =>
                        {
                            alternatives.extend(flatten(name, sight, rest));
                        }
                        _ => alternatives.push(Alternative::new(name, compiled, Vec::new())),
                    }
                }
                Form::OneOf(alternatives)
            }
        };
        Ok(Wait { engine, form, nevers, cursor: 0, since: site.at, over: None })
    }

    /// What it needs now.
    pub(super) fn waiting(&self) -> Waiting {
        if self.over.is_some() {
            return Waiting::Over;
        }
        match &self.form {
            Form::Nothing(_) | Form::Every { .. } => Waiting::Barrier,
            Form::AnyOrder { values, exactly: Some(_), .. } if values.iter().all(Option::is_some) => {
                Waiting::Barrier
            }
            _ => Waiting::Event,
        }
    }

    /// Whether it is one that something late can still break.
    pub(super) fn is_negative(&self) -> bool {
        matches!(&self.form, Form::Nothing(_) | Form::AnyOrder { exactly: Some(_), .. })
    }

    /// Looks at what is new.
    pub(super) fn advance(&mut self, view: &mut Sightline<'_>) {
        if self.cursor == 0 {
            // What has ended has ended, also for who looks at it again.
            view.items.iter_mut().filter(|i| i.kind == ItemKind::Closed).for_each(|i| i.used.clear());
        }
        while self.over.is_none() && self.cursor < view.items.len() {
            let at = self.cursor;
            self.cursor += 1;
            self.look(at, view);
        }
        if self.over.is_none() {
            self.complete(view);
        }
    }

    /// Whether it is about part of this item; where it is, notes what becomes of it.
    fn look(&mut self, at: usize, view: &mut Sightline<'_>) {
        if let Some(never) = self.nevers.iter().find(|n| fits(n, at, self.engine, view).is_some()) {
            let item = &view.items[at];
            let got = format!("{} came: {}", never.describe(), shown(item));
            let rows = self.missing().iter().find_map(|pattern| pattern.compare(item)).unwrap_or_default();
            self.break_off(self.describe(), got, Some(Beside { event: item.event, rows }));
            return;
        }
        let engine = self.engine;
        match &mut self.form {
            Form::One(pattern) => {
                if let Some((unit, value)) = fits(pattern, at, engine, view) {
                    let by_close = view.items[at].kind == ItemKind::Closed;
                    view.items[at].used.push(unit);
                    self.hold(value, by_close);
                }
            }
            Form::InOrder { patterns, values } => {
                while let Some(pattern) = patterns.get(values.len()) {
                    let Some((unit, value)) = fits(pattern, at, engine, view) else { break };
                    view.items[at].used.push(unit);
                    values.push(value);
                }
            }
            Form::AnyOrder { patterns, values, .. } => {
                for (pattern, slot) in
                    patterns.iter().zip(values.iter_mut()).filter(|(_, slot)| slot.is_none())
                {
                    if let Some((unit, value)) = fits(pattern, at, engine, view) {
                        view.items[at].used.push(unit);
                        *slot = Some(value);
                    }
                }
            }
            Form::Nothing(pattern) => {
                if fits(pattern, at, engine, view).is_some() {
                    let (expected, item) = (pattern.describe_none(), &view.items[at]);
                    let beside = Beside { event: item.event, rows: Vec::new() };
                    self.break_off(expected, shown(item), Some(beside));
                }
            }
            Form::Every { pattern, values } => {
                while let Some((unit, value)) = fits(pattern, at, engine, view) {
                    view.items[at].used.push(unit);
                    values.push(value);
                }
            }
            Form::OneOf(alternatives) => {
                for alternative in alternatives.iter_mut().filter(|a| !a.dead) {
                    alternative.look(at, engine, view);
                }
                let done = alternatives.iter().find(|a| !a.dead && a.at == a.patterns.len());
                if let Some(winner) = done {
                    let mut by_close = false;
                    for (item, unit) in &winner.taken {
                        by_close |= view.items[*item].kind == ItemKind::Closed;
                        view.items[*item].used.push(*unit);
                    }
                    let value = winner.value(view.items, at);
                    self.hold(value, by_close);
                } else if alternatives.iter().all(|a| a.dead) {
                    let item = &view.items[at];
                    let beside = Beside { event: item.event, rows: Vec::new() };
                    self.break_off(self.describe(), shown(item), Some(beside));
                }
            }
        }
    }

    /// Ends it where all has come, or where something is left over.
    fn complete(&mut self, view: &mut Sightline<'_>) {
        match &self.form {
            Form::InOrder { patterns, values } if values.len() == patterns.len() => {
                let value = Value::Array(values.clone());
                self.hold(value, false);
            }
            Form::AnyOrder { values, exactly, .. } if values.iter().all(Option::is_some) => {
                let value = Value::Array(values.iter().flatten().cloned().collect());
                match exactly {
                    None => self.hold(value, false),
                    Some(residue) => {
                        let left = (0..view.items.len()).find(|at| residue.is_left(*at, self.engine, view));
                        if let Some(at) = left {
                            let item = &view.items[at];
                            let beside = Beside { event: item.event, rows: Vec::new() };
                            let got = format!("besides them {}", shown(item));
                            self.break_off(self.describe(), got, Some(beside));
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// Its barrier held: nothing more comes.
    pub(super) fn barrier_held(&mut self, by_close: bool) {
        match self.waiting() {
            Waiting::Over => return,
            Waiting::Event => return self.give_up("nothing more came before the barrier", &[], by_close),
            Waiting::Barrier => {}
        }
        let value = match &self.form {
            Form::AnyOrder { values, .. } => Value::Array(values.iter().flatten().cloned().collect()),
            Form::Every { values, .. } => Value::Array(values.clone()),
            _ => json!([]),
        };
        self.hold(value, by_close);
    }

    /// It will not come any more.
    pub(super) fn give_up(&mut self, why: &str, items: &[Item], by_close: bool) {
        if self.over.is_some() {
            return;
        }
        let (instead, beside) = self.instead(items).unzip();
        let got = match instead {
            Some(instead) => format!("{why}; {instead}"),
            None if by_close => why.to_owned(),
            None => format!("{why}, nor did anything else"),
        };
        self.break_off(self.describe(), got, beside);
        if let Some(over) = &mut self.over {
            over.found.by_close = by_close;
        }
    }

    /// Something came after it had held: late, but there. Whether it contradicts.
    pub(super) fn contradicted_by(&self, at: usize, view: &mut Sightline<'_>) -> bool {
        match &self.form {
            Form::Nothing(pattern) => fits(pattern, at, self.engine, view).is_some(),
            Form::AnyOrder { exactly: Some(residue), .. } => residue.is_left(at, self.engine, view),
            _ => false,
        }
    }

    fn hold(&mut self, value: Value, by_close: bool) {
        self.over = Some(Over { value, found: Found::held(by_close) });
    }

    fn break_off(&mut self, expected: String, got: String, beside: Option<Beside>) {
        let found = Found { beside, ..Found::broken(expected, got) };
        self.over = Some(Over { value: Value::Null, found });
    }

    /// What came instead: the last item of the right kind and what is wrong with it, or else the last of any kind.
    fn instead(&self, items: &[Item]) -> Option<(String, Beside)> {
        let unused =
            || items.iter().rev().filter(|i| i.used.is_empty() && !i.stale && i.owner != Owner::Engine);
        let missing = self.missing();
        let near = unused().find_map(|item| {
            let (pattern, why) = missing.iter().find_map(|p| Some((p, p.mismatch(item)?)))?;
            let beside = Beside { event: item.event, rows: pattern.compare(item).unwrap_or_default() };
            Some((format!("the nearest was {} ({why})", shown(item)), beside))
        });
        // That a connection was opened or has ended is said elsewhere.
        let told = |i: &Item| matches!(i.kind, ItemKind::Opened | ItemKind::Http | ItemKind::Closed);
        let tells = |i: &&Item| i.at >= self.since && !told(i);
        let came = |item: &Item| {
            (format!("what came was {}", shown(item)), Beside { event: item.event, rows: Vec::new() })
        };
        near.or_else(|| unused().find(tells).map(came))
    }

    /// What must come next.
    fn missing(&self) -> Vec<&Compiled> {
        match &self.form {
            Form::One(pattern) => vec![pattern],
            Form::InOrder { patterns, values } => patterns.get(values.len()).into_iter().collect(),
            Form::AnyOrder { patterns, values, .. } => {
                let missing = patterns.iter().zip(values).find(|(_, value)| value.is_none());
                missing.map(|(pattern, _)| pattern).into_iter().collect()
            }
            Form::OneOf(all) => all.iter().filter(|a| !a.dead).filter_map(|a| a.patterns.get(a.at)).collect(),
            Form::Nothing(_) | Form::Every { .. } => Vec::new(),
        }
    }

    /// What is expected, in words.
    pub(super) fn describe(&self) -> String {
        match &self.form {
            Form::One(pattern) => pattern.describe(),
            Form::InOrder { patterns, values } => match patterns.get(values.len()) {
                Some(next) => {
                    format!("{} of {} in order: {}", values.len() + 1, patterns.len(), next.describe())
                }
                None => format!("{} in order", patterns.len()),
            },
            Form::AnyOrder { patterns, values, exactly } => {
                let only = if exactly.is_some() { "exactly " } else { "" };
                let missing: Vec<_> = patterns
                    .iter()
                    .zip(values)
                    .filter(|(_, v)| v.is_none())
                    .map(|(p, _)| p.describe())
                    .collect();
                match missing.len() {
                    0 => match &patterns[..] {
                        [] => "nothing".to_owned(),
                        [one] => format!("{only}{} and nothing else", one.describe()),
                        [first, ..] => {
                            format!(
                                "{only}{} things and no others, first {}",
                                patterns.len(),
                                first.describe()
                            )
                        }
                    },
                    n if patterns.len() == 1 => format!("{only}{}", missing[n - 1]),
                    n => format!("{only}{} things; {n} missing, first {}", patterns.len(), missing[0]),
                }
            }
            Form::Nothing(pattern) => pattern.describe_none(),
            Form::Every { pattern, .. } => format!("every {}", pattern.describe()),
            Form::OneOf(all) => {
                let names: Vec<String> = all
                    .iter()
                    .map(|a| match a.patterns.last() {
                        Some(last) if a.name.is_empty() => last.describe(),
                        Some(last) => format!("{} ({})", a.name, last.describe()),
                        None => a.name.clone(),
                    })
                    .collect();
                format!("one of: {}", names.join("; "))
            }
        }
    }
}

impl Residue {
    fn is_left(&self, at: usize, engine: bool, view: &mut Sightline<'_>) -> bool {
        match self {
            Residue::Sight(pattern) => fits(pattern, at, engine, view).is_some(),
            Residue::OfCase => {
                let item = &view.items[at];
                item.kind == ItemKind::Frame
                    && item.owner == Owner::Case
                    && item.used.is_empty()
                    && !item.stale
            }
        }
    }
}

impl Alternative {
    fn new(name: &str, patterns: Vec<Compiled>, nevers: Vec<Compiled>) -> Self {
        Alternative {
            name: name.to_owned(),
            patterns,
            nevers,
            at: 0,
            taken: Vec::new(),
            last: Value::Null,
            dead: false,
        }
    }

    fn look(&mut self, at: usize, engine: bool, view: &mut Sightline<'_>) {
        if self.nevers.iter().any(|n| fits(n, at, engine, view).is_some()) {
            self.dead = true;
            return;
        }
        let Some(pattern) = self.patterns.get(self.at) else { return };
        if let Some((unit, value)) = fits(pattern, at, engine, view) {
            self.taken.push((at, unit));
            self.last = value;
            self.at += 1;
        }
    }

    /// `$how`: its name under `was`, and what it saw.
    fn value(&self, items: &[Item], at: usize) -> Value {
        let mut value = json!({ "was": self.name });
        let kind = match items[at].kind {
            ItemKind::Http => "http",
            ItemKind::Closed => "closed",
            ItemKind::Ws => "ws",
            _ => "frame",
        };
        value[kind] = match self.last.get("frame") {
            Some(frame) => frame.clone(),
            None => self.last.clone(),
        };
        value
    }
}

/// The alternatives of a sight, each followed by what else must come.
fn flatten(name: &str, sight: &CompiledSight, rest: &[Compiled]) -> Vec<Alternative> {
    sight
        .alternatives
        .iter()
        .map(|(inner, patterns)| {
            let name = if name.is_empty() { inner } else { name };
            // A plain sight stays one pattern: it may unfold bodies and look for the case's own.
            let first = if sight.alternatives.len() == 1 {
                vec![Compiled::Sight(sight.clone())]
            } else {
                patterns.clone()
            };
            let patterns = first.into_iter().chain(rest.iter().cloned()).collect();
            Alternative::new(name, patterns, sight.never.as_deref().cloned().into_iter().collect())
        })
        .collect()
}

fn patterns(list: &Patterns, world: &mut World, site: &Site<'_>) -> Result<(Vec<Compiled>, Residue), String> {
    match list {
        Patterns::Each(all) => {
            let compiled = all.iter().map(|p| compile(p, world, site)).collect::<Result<Vec<_>, _>>()?;
            let residue = match all.first() {
                Some(Pattern::Sight(sight)) => {
                    Residue::Sight(Box::new(compile_sight(sight, None, world, site)?))
                }
                _ => Residue::OfCase,
            };
            Ok((compiled, residue))
        }
        Patterns::Of(sight, list) => {
            let (name, path) = reference(list).ok_or_else(|| format!("`{list}` is no reference"))?;
            let found = world.view(site.scope, site.me, site.at).lookup(name, &path)?;
            let Some(Value::Array(items)) = found else { return Err(format!("`{list}` is no list")) };
            let mut compiled = Vec::new();
            for item in flat(items) {
                compiled.push(compile_sight(sight, Some(item), world, site)?);
            }
            Ok((compiled, Residue::Sight(Box::new(compile_sight(sight, None, world, site)?))))
        }
    }
}

fn flat(items: Vec<Value>) -> Vec<Value> {
    items
        .into_iter()
        .flat_map(|item| match item {
            Value::Array(inner) => flat(inner),
            other => vec![other],
        })
        .collect()
}

fn fits(pattern: &Compiled, at: usize, engine: bool, view: &mut Sightline<'_>) -> Option<(usize, Value)> {
    let item = &view.items[at];
    pattern.fit(item, view.ids, engine, view.world, view.me).map(|fit| (fit.unit, fit.value))
}

/// The beginning of a long text, and how long it is.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}… ({} characters)", &text[..at], text.chars().count()),
        None => text.to_owned(),
    }
}

/// An item for the reader.
pub(super) fn shown(item: &Item) -> String {
    let text = |name: &str| item.record.get(name).map(crate::case::value::as_text).unwrap_or_default();
    match item.kind {
        ItemKind::Opened => "the upgrade".into(),
        ItemKind::Beat => "a heart-beat".into(),
        ItemKind::Closed => match item.record.get("code").and_then(Value::as_u64) {
            Some(code) => format!("the end of the connection ({code})"),
            None => format!("the end of the connection ({})", text("reason")),
        },
        ItemKind::Frame => {
            let headers = item.record.get("headers").and_then(Value::as_object);
            let header =
                |(name, value): (&String, &Value)| format!(" {name}:{}", crate::case::value::as_text(value));
            let headers: String = headers.into_iter().flatten().map(header).collect();
            format!("{}{} {}", text("command"), cut(&headers, 240), cut(&text("body"), 160))
                .trim_end()
                .to_owned()
        }
        ItemKind::Http => format!("HTTP {}", text("status")),
        ItemKind::Request => format!("{} {}", text("method"), text("path")),
        ItemKind::Told => cut(&item.record.to_string(), 240),
        ItemKind::Exited => format!("the end of the client, which {}", text("how")),
        ItemKind::Ws => format!("WebSocket {}", item.record),
        ItemKind::Malformed => {
            // Most faults name their clause themselves.
            let (what, clause) = (text("what"), format!("[{}]", text("clause")));
            if what.ends_with(&clause) { what } else { format!("{what} {clause}") }
        }
    }
}
