//! A dialect: what makes STOMP into an application, as data (docs/language.md 8).
//!
//! It relies on [`Reader`]. The engine knows STOMP only: every name of an application comes from here.

use serde_json::Value;

use super::diagnostic::{Source, Span};
use super::expand::PRIMITIVES;
use super::model::{Act, act};
use super::play::{Play, play};
use super::reader::{Reader, Text};
use super::script::{Identity, Point};
use super::tree::{Key, Node};

/// A dialect file.
#[derive(Debug, Clone)]
pub struct Dialect {
    /// The file.
    pub source: Source,
    /// Its name.
    pub name: String,
    /// What it is.
    pub title: String,
    /// States and what is done to reach each from the one before.
    pub states: Vec<(Key, Vec<Act>)>,
    /// Verbs.
    pub verbs: Vec<Verb>,
    /// Sights.
    pub sights: Vec<SightDef>,
    /// Roads.
    pub roads: Vec<RoadDef>,
    /// How a sent message is found again.
    pub identity: Option<Identity>,
    /// Points.
    pub points: Vec<(Key, Point)>,
    /// What the fuzzer does in it.
    pub play: Play,
}

/// A verb of the dialect.
#[derive(Debug, Clone)]
pub struct Verb {
    /// Its name.
    pub name: Key,
    /// Parameters; `None` is required.
    pub takes: Vec<(Key, Option<Node>)>,
    /// What it does.
    pub does: Vec<Act>,
    /// What it gives.
    pub gives: Option<Node>,
    /// The road that proves what became of it.
    pub road: Option<Text>,
    /// Its clause.
    pub clause: Option<Text>,
}

/// A sight of the dialect.
#[derive(Debug, Clone)]
pub struct SightDef {
    /// Its name.
    pub name: Key,
    /// Alternatives; a plain sight has one, without a name.
    pub alternatives: Vec<(String, Vec<Node>)>,
    /// What ends the wait, broken.
    pub never: Option<Node>,
    /// What a pattern may name.
    pub members: Option<Vec<String>>,
    /// Where messages are found in a body.
    pub unfold: Vec<String>,
    /// Only what belongs to the case.
    pub of_case: bool,
    /// What it gives.
    pub gives: Option<Node>,
    /// Its clause.
    pub clause: Option<Text>,
}

/// A road of the dialect.
#[derive(Debug, Clone)]
pub struct RoadDef {
    /// Its name.
    pub name: Key,
    /// The state of a receiver.
    pub receiver: Option<Text>,
    /// How somebody subscribes so that the road leads to her, where it leads to a subscription.
    pub listens: Option<Act>,
    /// What a sender does.
    pub sends: Act,
    /// What a receiver sees.
    pub shows: Act,
    /// Its clause.
    pub clause: Text,
    /// Where it stands.
    pub at: Span,
}

impl Verb {
    /// The parameters that have no default.
    pub fn required(&self) -> Vec<&str> {
        self.takes.iter().filter(|(_, default)| default.is_none()).map(|(key, _)| key.name.as_str()).collect()
    }
}

impl Dialect {
    /// The verb of this name.
    pub fn verb(&self, name: &str) -> Option<&Verb> {
        self.verbs.iter().find(|v| v.name.name == name)
    }

    /// The sight of this name.
    pub fn sight(&self, name: &str) -> Option<&SightDef> {
        self.sights.iter().find(|s| s.name.name == name)
    }

    /// The point of this name.
    pub fn point(&self, name: &str) -> Option<&Point> {
        self.points.iter().find(|(key, _)| key.name == name).map(|(_, point)| point)
    }
}

/// Reads a dialect file.
pub fn dialect(reader: &mut Reader<'_>, node: &Node) -> Option<Dialect> {
    let keys = ["dialect!", "title!", "states!", "verbs", "sights", "roads", "identity", "points", "fuzz"];
    let fields = reader.fields(node, "a dialect", &keys);
    let mut states = Vec::new();
    for (name, value) in section(reader, fields.get("states"), "`states`") {
        states.push((name.clone(), acts(reader, value)));
    }
    let verbs = section(reader, fields.get("verbs"), "`verbs`");
    let sights = section(reader, fields.get("sights"), "`sights`");
    one_meaning(reader, verbs, sights);
    let verbs = verbs.iter().map(|(name, value)| verb(reader, name, value)).collect();
    let sights = sights.iter().map(|(name, value)| sight(reader, name, value)).collect();
    let roads = section(reader, fields.get("roads"), "`roads`");
    let roads = roads.iter().filter_map(|(name, value)| road(reader, name, value)).collect();
    let points = section(reader, fields.get("points"), "`points`");
    let points = points.iter().map(|(name, value)| (name.clone(), point(reader, value))).collect();
    let identity = fields.get("identity").and_then(|n| {
        let f = reader.fields(n, "`identity`", &["sent!", "seen!", "link!"]);
        let mut text = |key: &str| f.get(key).and_then(|n| reader.text(n, "a member")).map(|t| t.value);
        Some(Identity { sent: text("sent")?, seen: text("seen")?, link: text("link")? })
    });
    let play = fields.get("fuzz").map_or(Play::default(), |n| play(reader, n));
    Some(Dialect {
        source: reader.source.clone(),
        name: reader.text(fields.get("dialect")?, "the name of a dialect")?.value,
        title: reader.text(fields.get("title")?, "a title")?.value,
        states,
        verbs,
        sights,
        roads,
        identity,
        points,
        play,
    })
}

/// Notes names that stand for two things: an act is written by its name alone.
fn one_meaning(reader: &mut Reader<'_>, verbs: &[(Key, Node)], sights: &[(Key, Node)]) {
    for (name, _) in sights.iter().filter(|(s, _)| verbs.iter().any(|(v, _)| v.name == s.name)) {
        reader.error_help(name.at, format!("`{}` is a verb as well", name.name), "rename one of the two");
    }
    for (name, _) in verbs.iter().chain(sights).filter(|(name, _)| PRIMITIVES.contains(&name.name.as_str())) {
        reader.error_help(name.at, format!("`{}` is a verb of the engine", name.name), "rename it");
    }
}

fn section<'n>(reader: &mut Reader<'_>, node: Option<&'n Node>, what: &str) -> &'n [(Key, Node)] {
    node.map_or(&[], |n| reader.entries(n, what))
}

fn acts(reader: &mut Reader<'_>, node: &Node) -> Vec<Act> {
    let items = reader.items(node, "a list of acts");
    items.iter().filter_map(|item| act(reader, item)).collect()
}

fn verb(reader: &mut Reader<'_>, name: &Key, node: &Node) -> Verb {
    let fields = reader.fields(node, "a verb", &["takes", "does!", "gives", "road", "clause"]);
    let takes = section(reader, fields.get("takes"), "`takes`")
        .iter()
        .map(|(name, value)| (name.clone(), (value.text() != Some("required")).then(|| value.clone())))
        .collect();
    Verb {
        name: name.clone(),
        takes,
        does: fields.get("does").map_or(Vec::new(), |n| acts(reader, n)),
        gives: fields.get("gives").cloned(),
        road: fields.get("road").and_then(|n| reader.text(n, "a road")),
        clause: fields.get("clause").and_then(|n| reader.text(n, "a clause")),
    }
}

fn sight(reader: &mut Reader<'_>, name: &Key, node: &Node) -> SightDef {
    let keys = ["event", "one-of", "never", "members", "unfold", "of", "gives", "clause"];
    let fields = reader.fields(node, "a sight", &keys);
    let mut alternatives = Vec::new();
    match (fields.get("event"), fields.get("one-of")) {
        (Some(event), None) => alternatives.push((String::new(), vec![event.clone()])),
        (None, Some(node)) => {
            for (name, events) in reader.entries(node, "`one-of`") {
                let events = reader.items(events, "an alternative").to_vec();
                alternatives.push((name.name.clone(), events));
            }
        }
        _ => reader.error(node.at, "a sight has either `event` or `one-of`"),
    }
    let of = fields.get("of").and_then(|n| reader.text(n, "`of`"));
    if let Some(of) = of.as_ref().filter(|of| of.value != "case") {
        reader.unknown("kind of belonging", &of.value, of.at, ["case"]);
    }
    let texts = |key: &str, reader: &mut Reader<'_>| {
        fields.get(key).map(|n| reader.texts(n, "a word").into_iter().map(|t| t.value).collect::<Vec<_>>())
    };
    SightDef {
        name: name.clone(),
        alternatives,
        never: fields.get("never").cloned(),
        members: texts("members", reader),
        unfold: texts("unfold", reader).unwrap_or_default(),
        of_case: of.is_some(),
        gives: fields.get("gives").cloned(),
        clause: fields.get("clause").and_then(|n| reader.text(n, "a clause")),
    }
}

fn road(reader: &mut Reader<'_>, name: &Key, node: &Node) -> Option<RoadDef> {
    let fields = reader.fields(node, "a road", &["receiver", "listens", "sends!", "shows!", "clause!"]);
    Some(RoadDef {
        name: name.clone(),
        receiver: fields.get("receiver").and_then(|n| reader.text(n, "a state")),
        listens: fields.get("listens").and_then(|n| act(reader, n)),
        sends: act(reader, fields.get("sends")?)?,
        shows: act(reader, fields.get("shows")?)?,
        clause: reader.text(fields.get("clause")?, "a clause")?,
        at: node.at,
    })
}

fn point(reader: &mut Reader<'_>, node: &Node) -> Point {
    let fields = reader.fields(node, "a point", &["values!", "default", "open", "clause"]);
    let values = match fields.get("values") {
        Some(node) if node.text() == Some("bool") => Vec::new(),
        Some(node) => reader.texts(node, "a value of a point").into_iter().map(|t| t.value).collect(),
        None => Vec::new(),
    };
    let default = fields.get("default").map(Node::value);
    // One clause, or a list: the first judges the point, the others are judged where it is pinned.
    let clauses = match fields.get("clause") {
        Some(node) if node.list().is_some() => reader.texts(node, "a clause"),
        Some(node) => reader.text(node, "a clause").into_iter().collect(),
        None => Vec::new(),
    };
    let mut clauses = clauses.into_iter().map(|t| t.value);
    let open = fields.get("open").and_then(|n| reader.text(n, "a value of this point")).map(|t| t.value);
    let point = Point { values, default, open, clause: clauses.next(), also: clauses.collect() };
    if let (Some(open), Some(node)) = (&point.open, fields.get("open"))
        && !point.values.contains(open)
    {
        reader.error(node.at, format!("{open} is no value of this point"));
    }
    if let (Some(default), Some(node)) = (&point.default, fields.get("default"))
        && !point.admits(default)
    {
        reader.error(node.at, format!("{default} is no value of this point"));
    }
    point
}

impl Point {
    /// Whether pinning this value claims something that can be judged.
    pub fn claims(&self, value: &Value) -> bool {
        self.open.as_deref() != value.as_str() || self.open.is_none()
    }

    /// Whether it may have this value.
    pub fn admits(&self, value: &Value) -> bool {
        match value {
            Value::Bool(_) => self.values.is_empty(),
            Value::String(word) => self.values.contains(word),
            _ => false,
        }
    }
}
