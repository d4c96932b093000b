//! A profile: what a target is said to be (docs/language.md 9): pinned points, limits, known failures.
//!
//! It relies on dialects for the names of points. A claim is never taken on trust: it is judged at its clause.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::diagnostic::Span;
use super::reader::Reader;
use super::script::Place;
use super::script::Point;
use super::tree::{Node, Tree};
use crate::words::glob;

/// What a target is said to be.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// What it describes.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub title: String,
    /// The dialects that it speaks: their suites run where none is selected. All, where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub dialects: Vec<String>,
    /// Pinned points.
    pub points: BTreeMap<String, Value>,
    /// Limits: numbers (octets, sessions) or durations.
    pub limits: BTreeMap<String, Value>,
    /// Failures that are known.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub known: Vec<Known>,
}

/// A failure that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Only failures of this clause.
    pub clause: String,
    /// Only in these cases.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub case: Option<String>,
    /// Why it is so.
    pub reason: String,
    /// Where to read more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub link: Option<String>,
    /// The day after which it counts as a failure again, `2027-06-30`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<String>,
    /// Whether it happens only sometimes: holding is then no reason to call it fixed.
    #[serde(default)]
    pub sometimes: bool,
    /// Where it is written.
    #[serde(skip)]
    pub place: Place,
}

impl Known {
    /// Whether it is about this case or rule.
    pub fn is_for(&self, id: &str) -> bool {
        self.case.as_ref().is_none_or(|pattern| glob(pattern, id))
    }
}

/// The limits that there are (docs/targets.md).
pub const LIMITS: [&str; 6] = ["frame", "ws_message", "fanout", "idle", "departure", "sockjs_session"];

/// The limits that hold unless a profile says otherwise (PROTOCOL, "Points").
pub fn default_limits() -> BTreeMap<String, Value> {
    [
        ("frame", Value::from(65_536)),
        ("ws_message", Value::from(16_000)),
        ("fanout", Value::from(50)),
        ("idle", Value::from("1s")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

impl Profile {
    /// Points as they are judged: as they are pinned here, else by default.
    pub fn judged<'p>(
        &self,
        points: impl IntoIterator<Item = (&'p String, &'p Point)>,
    ) -> BTreeMap<String, Value> {
        let defaults =
            points.into_iter().filter_map(|(name, point)| Some((name.clone(), point.default.clone()?)));
        let mut all: BTreeMap<String, Value> = defaults.collect();
        all.extend(self.points.clone());
        all
    }

    /// A limit: the profile's, or else the default.
    pub fn limit(&self, name: &str) -> Option<Value> {
        self.limits.get(name).cloned().or_else(|| default_limits().remove(name))
    }

    /// All limits in force.
    pub fn all_limits(&self) -> BTreeMap<String, Value> {
        let mut all = default_limits();
        all.extend(self.limits.clone());
        all
    }
}

/// Reads a profile file.
pub fn profile(reader: &mut Reader<'_>, node: &Node) -> Option<Profile> {
    let keys = ["profile!", "title", "dialect", "points", "limits", "known"];
    let fields = reader.fields(node, "a profile", &keys);
    let mut values = |key: &str| -> BTreeMap<String, Value> {
        let entries = fields.get(key).map_or(&[][..], |n| reader.entries(n, &format!("`{key}`")));
        entries.iter().map(|(name, value)| (name.name.clone(), value.value())).collect()
    };
    let (points, limits) = (values("points"), values("limits"));
    let known = fields.get("known").map_or(Vec::new(), |n| {
        let items = reader.items(n, "`known`");
        items.iter().filter_map(|item| known(reader, item)).collect()
    });
    let dialects = match fields.get("dialect") {
        Some(node) if node.list().is_some() => reader.texts(node, "a dialect"),
        Some(node) => reader.text(node, "a dialect").into_iter().collect(),
        None => Vec::new(),
    };
    Some(Profile {
        dialects: dialects.into_iter().map(|t| t.value).collect(),
        name: reader.text(fields.get("profile")?, "the name of a profile")?.value,
        title: fields.get("title").and_then(|n| reader.text(n, "a title")).map_or(String::new(), |t| t.value),
        points,
        limits,
        known,
    })
}

fn known(reader: &mut Reader<'_>, node: &Node) -> Option<Known> {
    let keys = ["clause!", "case", "reason!", "link", "until", "sometimes"];
    let fields = reader.fields(node, "a known failure", &keys);
    let mut text = |key: &str| fields.get(key).and_then(|n| reader.text(n, key)).map(|t| t.value);
    let (case, link, until) = (text("case"), text("link"), text("until"));
    let (clause, reason) = (text("clause")?, text("reason")?);
    if let Some(until) = &until
        && humantime::parse_rfc3339_weak(&format!("{until} 00:00:00")).is_err()
    {
        reader.error_help(node.at, format!("`until: {until}` is no date"), "write it as 2027-06-30");
    }
    let sometimes = match fields.get("sometimes").map(|n| &n.tree) {
        None => false,
        Some(Tree::Bool(sometimes)) => *sometimes,
        Some(_) => {
            reader.error(node.at, "`sometimes` is true or false");
            false
        }
    };
    let place = Place { file: reader.source.path.to_string(), line: node.at.line, column: node.at.column };
    Some(Known { clause, case, reason, link, until, sometimes, place })
}

/// Whether a profile is named by its file, and not by the name of a shipped one.
pub fn is_profile_file(name: &str) -> bool {
    name.contains('/') || name.ends_with(".yaml") || name.ends_with(".yml")
}

/// Where in a profile file a point stands, for messages about it.
pub fn point_place(node: &Node, point: &str) -> Option<Span> {
    let points = node.get("points")?.map()?;
    points.iter().find(|(key, _)| key.name == point).map(|(key, _)| key.at)
}
