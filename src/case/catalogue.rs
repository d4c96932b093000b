//! The catalogue of requirements: what each clause says, how binding it is, whom it binds.
//!
//! It relies on files whose first key is `requirements`. It never judges; it only tells levels and texts.

use std::collections::BTreeMap;

use super::reader::Reader;
use super::script::Level;
use super::tree::Node;

/// One statement of a specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Its id, stable for ever.
    pub id: String,
    /// How binding it is.
    pub level: Level,
    /// Whom it binds: `server`, `client` or `both`.
    pub binds: String,
    /// Where it comes from: `doc`, `stomp`, `inferred`, `open`, `spec`.
    pub source: String,
    /// The section of the source.
    pub section: String,
    /// What it says, in our words.
    pub text: String,
    /// `tested`, `observed`, `later` or `excluded`.
    pub state: String,
    /// Why it is not tested.
    pub reason: Option<String>,
    /// The catalogue that it stands in.
    pub catalogue: String,
}

/// All requirements, by id.
pub type Catalogue = BTreeMap<String, Requirement>;

/// Reads a file of requirements.
pub fn requirements(reader: &mut Reader<'_>, node: &Node) -> Vec<Requirement> {
    let fields = reader.fields(node, "a catalogue", &["requirements!", "title!", "items!"]);
    let name =
        fields.get("requirements").and_then(|n| reader.text(n, "a name")).map_or(String::new(), |t| t.value);
    let Some(items) = fields.get("items") else { return Vec::new() };
    reader.items(items, "`items`").iter().filter_map(|item| requirement(reader, item, &name)).collect()
}

fn requirement(reader: &mut Reader<'_>, node: &Node, catalogue: &str) -> Option<Requirement> {
    let keys = ["id!", "level!", "binds!", "source!", "section", "text!", "state!", "reason"];
    let fields = reader.fields(node, "a requirement", &keys);
    let mut word = |key: &str, allowed: &[&str]| {
        let text = reader.text(fields.get(key)?, key)?;
        if !allowed.is_empty() && !allowed.contains(&text.value.as_str()) {
            reader.unknown(key, &text.value, text.at, allowed.iter().copied());
        }
        Some(text.value)
    };
    let level = match word("level", &["MUST", "SHOULD", "MAY", "OPEN"])?.as_str() {
        "MUST" => Level::Must,
        "SHOULD" => Level::Should,
        "MAY" => Level::May,
        _ => Level::Open,
    };
    let state = word("state", &["tested", "observed", "later", "excluded"])?;
    let found = Requirement {
        id: word("id", &[])?,
        level,
        binds: word("binds", &["server", "client", "both"])?,
        source: word("source", &["doc", "stomp", "inferred", "open", "spec"])?,
        section: word("section", &[]).unwrap_or_default(),
        text: word("text", &[])?,
        reason: word("reason", &[]),
        state,
        catalogue: catalogue.to_owned(),
    };
    if found.reason.is_none() && matches!(found.state.as_str(), "later" | "excluded") {
        reader.error(node.at, format!("{} is {} without a reason", found.id, found.state));
    }
    Some(found)
}
