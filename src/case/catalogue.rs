//! The catalogue of requirements: what each clause says, how binding it is, whom it binds.
//!
//! It relies on files whose first key is `requirements`. It never judges; it only tells levels and texts.

use std::collections::BTreeMap;

use super::reader::Reader;
use super::script::Level;
use super::tree::Node;

/// How a requirement is covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Cases or rules decide it.
    Tested,
    /// A point records what a target does; nothing is judged unless a profile pins it.
    Observed,
    /// The text can be read in several ways, none of which is failed.
    Ambiguous,
    /// It will be decided once something else is there.
    Later,
    /// It cannot be decided from outside.
    Excluded,
}

impl State {
    /// All of them.
    pub const ALL: [State; 5] =
        [State::Tested, State::Observed, State::Ambiguous, State::Later, State::Excluded];

    /// The word in the catalogue.
    pub fn word(self) -> &'static str {
        match self {
            State::Tested => "tested",
            State::Observed => "observed",
            State::Ambiguous => "ambiguous",
            State::Later => "later",
            State::Excluded => "excluded",
        }
    }
}

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
    /// How it is covered.
    pub state: State,
    /// Why it is not tested.
    pub reason: Option<String>,
    /// What it may mean, where that is ambiguous.
    pub readings: Vec<String>,
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
    let keys = ["id!", "level!", "binds!", "source!", "section", "text!", "state!", "reason", "readings"];
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
    let state = word("state", &State::ALL.map(State::word))?;
    let state = State::ALL.into_iter().find(|s| s.word() == state)?;
    let mut found = Requirement {
        id: word("id", &[])?,
        level,
        binds: word("binds", &["server", "client", "both"])?,
        source: word("source", &["doc", "stomp", "inferred", "open", "spec"])?,
        section: word("section", &[]).unwrap_or_default(),
        text: word("text", &[])?,
        reason: word("reason", &[]),
        readings: Vec::new(),
        state,
        catalogue: catalogue.to_owned(),
    };
    if let Some(readings) = fields.get("readings") {
        found.readings = reader.texts(readings, "a reading").into_iter().map(|t| t.value).collect();
    }
    if found.reason.is_none() && matches!(found.state, State::Later | State::Excluded) {
        reader.error(node.at, format!("{} is {} without a reason", found.id, found.state.word()));
    }
    if (found.state == State::Ambiguous) != (found.readings.len() > 1) {
        reader.error(
            node.at,
            format!("{}: `ambiguous` has two `readings` or more, and nothing else has", found.id),
        );
    }
    Some(found)
}
