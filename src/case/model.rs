//! A suite file as its author wrote it: types with places, nothing resolved yet (docs/language.md 1 and 3).
//!
//! It relies on [`Reader`] and knows neither dialects nor targets. It never accepts a key that it does not know.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::diagnostic::{Source, Span};
use super::reader::{Reader, Text};
use super::script::Side;
use super::tree::{Key, Node};

/// A suite file.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Suite {
    /// The file.
    #[schemars(skip)]
    pub source: Source,
    /// Its name, like `folder/topic`.
    #[schemars(rename = "suite")]
    pub name: Text,
    /// What it is about.
    pub title: String,
    /// The dialect that it speaks.
    pub dialect: Text,
    /// Whom it judges: `server`, unless it says `client`.
    #[schemars(default, with = "Option<String>")]
    pub judges: Side,
    /// Its cases.
    #[schemars(default)]
    pub cases: Vec<Case>,
    /// Its rules.
    #[schemars(default)]
    pub rules: Vec<RuleDef>,
}

/// One case, before its rows are expanded.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Case {
    /// Its id within the suite.
    pub id: Text,
    /// A sentence that is true of a conforming target.
    pub title: String,
    /// Words to select by.
    #[schemars(default)]
    pub tags: Vec<String>,
    /// What it decides.
    pub requirements: Vec<Text>,
    /// The mistake it is meant to catch.
    pub why: Option<String>,
    /// Reference or point, and matcher.
    #[schemars(default, with = "BTreeMap<String, Value>")]
    pub needs: Vec<(Key, Node)>,
    /// Columns of its rows.
    #[schemars(default, with = "BTreeMap<String, Value>")]
    pub each: Vec<Column>,
    /// Names for the length of the case.
    #[schemars(default, rename = "let", with = "BTreeMap<String, Value>")]
    pub lets: Vec<(Key, Node)>,
    /// Who takes part.
    #[schemars(with = "BTreeMap<String, RoleForm>")]
    pub cast: Vec<Role>,
    /// Groups that it needs.
    #[schemars(default, with = "BTreeMap<String, Group>")]
    pub groups: Vec<Group>,
    /// Steps that prepare.
    #[schemars(default)]
    pub given: Vec<Step>,
    /// Steps that decide.
    pub steps: Vec<Step>,
    /// Where it stands.
    #[schemars(skip)]
    pub at: Span,
}

/// A column of `each`.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: Key,
    /// Label and value of each row.
    pub rows: Vec<(String, Node)>,
}

/// Who takes part, and from which state.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Role {
    /// `alice`, `bob/phone`.
    #[schemars(skip)]
    pub name: Key,
    /// The state.
    pub state: Text,
    /// The transport.
    pub over: Option<Text>,
    /// How many.
    pub times: Option<Node>,
}

/// A group that a case needs.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Group {
    /// Its name in the case.
    #[schemars(skip)]
    pub name: Key,
    /// Roles that are members.
    #[schemars(default)]
    pub members: Vec<Text>,
    /// Roles that are not.
    #[schemars(default)]
    pub others: Vec<Text>,
}

/// One step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Where it stands.
    pub at: Span,
    /// What it is.
    pub kind: StepKind,
}

/// The kinds of step.
#[derive(Debug, Clone)]
pub enum StepKind {
    /// Connections do not wait for one another.
    Together(Vec<Step>),
    /// Again and again.
    Repeat(Repeat),
    /// About what is bound; perhaps with a clause.
    Check(Vec<(Key, Node)>, Option<Text>),
    /// A condition for going on.
    Needs(Vec<(Key, Node)>),
    /// Points that are observed.
    Observe(Vec<(Key, Node)>),
    /// An actor's act.
    Act(Key, Act),
}

/// `repeat:`.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Repeat {
    /// How often.
    pub times: Option<Node>,
    /// Over which values.
    pub over: Option<Node>,
    /// How long.
    pub lasts: Option<Text>,
    /// The name of the round.
    #[schemars(rename = "as")]
    pub name: Option<Text>,
    /// The steps.
    pub steps: Vec<Step>,
}

/// One verb with its argument, and perhaps `as` and `clause`.
#[derive(Debug, Clone)]
pub struct Act {
    /// The verb.
    pub verb: Key,
    /// Its argument.
    pub arg: Node,
    /// What is bound.
    pub bind: Option<Text>,
    /// The clause.
    pub clause: Option<Text>,
}

/// A rule over all transcripts.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RuleDef {
    /// Its id within the suite.
    pub id: Text,
    /// What it decides.
    pub requirement: Text,
    /// A sentence that is true of a conforming target.
    pub title: Option<String>,
    /// The mistake it is meant to catch.
    pub why: Option<String>,
    /// The version of STOMP that it is about: on connections that agreed on another one it is not held.
    pub version: Option<Text>,
    /// Which events it is about.
    pub of: Node,
    /// What they must be like, or `never`.
    pub must: Option<Node>,
    /// A path that is unique per connection.
    pub unique: Option<Text>,
    /// What must come next.
    pub then: Option<Node>,
    /// Where it stands.
    #[schemars(skip)]
    pub at: Span,
}

/// A role as it is written: a state, or a map.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "only its schema is wanted")]
enum RoleForm {
    State(String),
    Long(Role),
}

impl JsonSchema for Step {
    fn schema_name() -> Cow<'static, str> {
        "Step".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let steps = generator.subschema_for::<Vec<Step>>();
        let repeat = generator.subschema_for::<Repeat>();
        let act = generator.subschema_for::<Act>();
        json_schema!({
            "description": "One key: an actor with an act, or together, repeat, check, needs, observe.",
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "properties": {
                "together": steps,
                "repeat": repeat,
                "check": { "type": "object" },
                "needs": { "type": "object" },
                "observe": { "type": "object" },
            },
            "additionalProperties": act,
        })
    }
}

impl JsonSchema for Act {
    fn schema_name() -> Cow<'static, str> {
        "Act".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "One verb with its argument, and perhaps `as` and `clause`.",
            "type": "object",
            "minProperties": 1,
            "maxProperties": 3,
            "properties": {
                "as": { "type": "string", "description": "The name that is bound." },
                "clause": { "type": "string", "description": "The clause under which it is decided." },
            },
        })
    }
}

/// Reads a suite file.
pub fn suite(reader: &mut Reader<'_>, node: &Node) -> Option<Suite> {
    let fields =
        reader.fields(node, "a suite", &["suite!", "title!", "dialect!", "judges", "cases", "rules"]);
    let cases = fields.get("cases").map_or(Vec::new(), |n| {
        let items = reader.items(n, "`cases`");
        items.iter().filter_map(|n| case(reader, n)).collect()
    });
    let rules = fields.get("rules").map_or(Vec::new(), |n| {
        let items = reader.items(n, "`rules`");
        items.iter().filter_map(|n| rule(reader, n)).collect()
    });
    let judges = fields.get("judges").and_then(|n| reader.text(n, "`judges`")).map_or(Side::Server, |word| {
        Side::parse(&word.value).unwrap_or_else(|| {
            reader.unknown("side to judge", &word.value, word.at, Side::WORDS);
            Side::Server
        })
    });
    if cases.is_empty() && rules.is_empty() && reader.found.is_empty() {
        reader.error(node.at, "a suite without cases or rules");
    }
    Some(Suite {
        source: reader.source.clone(),
        name: reader.text(fields.get("suite")?, "the name of a suite")?,
        title: reader.text(fields.get("title")?, "a title")?.value,
        dialect: reader.text(fields.get("dialect")?, "a dialect")?,
        judges,
        cases,
        rules,
    })
}

fn kebab(reader: &mut Reader<'_>, id: &Text) {
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if id.value.is_empty() || !id.value.chars().all(fine) {
        reader.error_help(
            id.at,
            format!("the id `{}` is not kebab-case", id.value),
            "small letters, digits, hyphens",
        );
    }
}

fn case(reader: &mut Reader<'_>, node: &Node) -> Option<Case> {
    let keys = [
        "id!",
        "title!",
        "tags",
        "requirements!",
        "why",
        "needs",
        "each",
        "let",
        "cast!",
        "groups",
        "given",
        "steps!",
    ];
    let fields = reader.fields(node, "a case", &keys);
    let list =
        |name: &str, reader: &mut Reader<'_>| fields.get(name).map_or(Vec::new(), |n| steps(reader, n));
    let map = |name: &str, reader: &mut Reader<'_>| {
        fields.get(name).map_or(Vec::new(), |n| reader.entries(n, &format!("`{name}`")).to_vec())
    };
    let (given, steps) = (list("given", reader), list("steps", reader));
    let (needs, lets) = (map("needs", reader), map("let", reader));
    let each = fields.get("each").map_or(Vec::new(), |n| columns(reader, n));
    let cast = fields.get("cast").map_or(Vec::new(), |n| roles(reader, n));
    let groups = fields.get("groups").map_or(Vec::new(), |n| groups(reader, n));
    let requirements = fields.get("requirements").map_or(Vec::new(), |n| reader.texts(n, "a requirement"));
    let tags = fields.get("tags").map_or(Vec::new(), |n| reader.texts(n, "a tag"));
    let why = fields.get("why").and_then(|n| reader.text(n, "`why`")).map(|t| t.value);
    let id = reader.text(fields.get("id")?, "an id")?;
    kebab(reader, &id);
    let title = reader.text(fields.get("title")?, "a title")?.value;
    if requirements.is_empty() && fields.get("requirements").is_some() {
        reader.error(id.at, format!("the case `{}` decides no requirement", id.value));
    }
    let tags = tags.into_iter().map(|t| t.value).collect();
    Some(Case {
        id,
        title,
        tags,
        requirements,
        why,
        needs,
        each,
        lets,
        cast,
        groups,
        given,
        steps,
        at: node.at,
    })
}

fn columns(reader: &mut Reader<'_>, node: &Node) -> Vec<Column> {
    let mut out = Vec::new();
    for (name, rows) in reader.entries(node, "`each`") {
        let rows = if let Some(items) = rows.list() {
            items
                .iter()
                .filter_map(|n| Some((reader.text(n, "a value of `each`")?.value, n.clone())))
                .collect()
        } else {
            let entries = reader.entries(rows, "a column of `each`");
            entries.iter().map(|(label, value)| (label.name.clone(), value.clone())).collect::<Vec<_>>()
        };
        if rows.is_empty() {
            reader.error(name.at, format!("the column `{}` has no rows", name.name));
        }
        out.push(Column { name: name.clone(), rows });
    }
    out
}

fn roles(reader: &mut Reader<'_>, node: &Node) -> Vec<Role> {
    let mut out = Vec::new();
    for (name, value) in reader.entries(node, "`cast`") {
        if value.map().is_some() {
            let fields = reader.fields(value, "a role", &["state!", "over", "times"]);
            let over = fields.get("over").and_then(|n| reader.text(n, "a transport"));
            let times = fields.get("times").cloned();
            if let Some(state) = fields.get("state").and_then(|n| reader.text(n, "a state")) {
                out.push(Role { name: name.clone(), state, over, times });
            }
        } else if let Some(state) = reader.text(value, "a state") {
            out.push(Role { name: name.clone(), state, over: None, times: None });
        }
    }
    out
}

fn groups(reader: &mut Reader<'_>, node: &Node) -> Vec<Group> {
    let mut out = Vec::new();
    for (name, value) in reader.entries(node, "`groups`") {
        let fields = reader.fields(value, "a group", &["members", "others"]);
        let mut roles = |key: &str| fields.get(key).map_or(Vec::new(), |n| reader.texts(n, "a role"));
        let (members, others) = (roles("members"), roles("others"));
        out.push(Group { name: name.clone(), members, others });
    }
    out
}

/// Reads a list of steps.
pub fn steps(reader: &mut Reader<'_>, node: &Node) -> Vec<Step> {
    let items = reader.items(node, "a list of steps");
    items.iter().filter_map(|item| step(reader, item)).collect()
}

fn step(reader: &mut Reader<'_>, node: &Node) -> Option<Step> {
    let entries = reader.entries(node, "a step");
    let (key, value) = match entries {
        [] => {
            if node.map().is_some() {
                reader.error(node.at, "a step has one key, this one has none");
            }
            return None;
        }
        [(key, value)] => (key, value),
        [first, second, ..] => {
            let help = format!(
                "put `{}` in a step of its own, or within `{}: {{ … }}`",
                second.0.name, first.0.name
            );
            reader.error_help(
                second.0.at,
                format!("a step has one key; `{}` is a second", second.0.name),
                help,
            );
            return None;
        }
    };
    let kind = match key.name.as_str() {
        "together" => StepKind::Together(steps(reader, value)),
        "repeat" => StepKind::Repeat(repeat(reader, value)?),
        "check" => {
            let (pairs, clause) = pairs(reader, value, true);
            StepKind::Check(pairs, clause)
        }
        "needs" => StepKind::Needs(pairs(reader, value, false).0),
        "observe" => StepKind::Observe(reader.entries(value, "`observe`").to_vec()),
        _ => StepKind::Act(key.clone(), act(reader, value)?),
    };
    Some(Step { at: key.at, kind })
}

fn pairs(reader: &mut Reader<'_>, node: &Node, with_clause: bool) -> (Vec<(Key, Node)>, Option<Text>) {
    let mut clause = None;
    let mut out = Vec::new();
    for (key, value) in reader.entries(node, "a check") {
        if key.name == "clause" && with_clause {
            clause = reader.text(value, "a clause");
        } else if key.name.starts_with('$') {
            out.push((key.clone(), value.clone()));
        } else {
            let help = format!("write ${}", key.name);
            reader.error_help(key.at, format!("`{}` is no reference", key.name), help);
        }
    }
    (out, clause)
}

fn repeat(reader: &mut Reader<'_>, node: &Node) -> Option<Repeat> {
    let fields = reader.fields(node, "`repeat`", &["times", "over", "lasts", "as", "steps!"]);
    let ways = ["times", "over", "lasts"].iter().filter(|k| fields.get(k).is_some()).count();
    if ways != 1 {
        reader.error(node.at, "`repeat` has one of `times`, `over`, `lasts`");
    }
    Some(Repeat {
        times: fields.get("times").cloned(),
        over: fields.get("over").cloned(),
        lasts: fields.get("lasts").and_then(|n| reader.text(n, "a duration")),
        name: fields.get("as").and_then(|n| reader.text(n, "a name")),
        steps: steps(reader, fields.get("steps")?),
    })
}

/// Reads an act: one verb, and perhaps `as` and `clause`. A bare word is a verb without argument.
pub fn act(reader: &mut Reader<'_>, node: &Node) -> Option<Act> {
    let (mut verb, mut bind, mut clause): (Option<(Key, Node)>, _, _) = (None, None, None);
    for (key, value) in reader.entries(node, "an act") {
        match (key.name.as_str(), &verb) {
            ("as", _) => bind = reader.text(value, "a name"),
            ("clause", _) => clause = reader.text(value, "a clause"),
            (_, None) => verb = Some((key.clone(), value.clone())),
            (other, Some((first, _))) => {
                let what = format!("an act has one verb; after `{}`, `{other}` is a second", first.name);
                reader.error(key.at, what);
            }
        }
    }
    match verb {
        Some((verb, arg)) => Some(Act { verb, arg, bind, clause }),
        None => {
            if node.map().is_some() {
                reader.error(node.at, "an act has a verb");
            }
            None
        }
    }
}

fn rule(reader: &mut Reader<'_>, node: &Node) -> Option<RuleDef> {
    let keys = ["id!", "requirement!", "title", "why", "version", "of!", "must", "unique", "then"];
    let fields = reader.fields(node, "a rule", &keys);
    if !["must", "unique", "then"].iter().any(|k| fields.get(k).is_some()) {
        reader.error(node.at, "a rule has `must`, `unique` or `then`");
    }
    let id = reader.text(fields.get("id")?, "an id")?;
    kebab(reader, &id);
    Some(RuleDef {
        id,
        requirement: reader.text(fields.get("requirement")?, "a requirement")?,
        title: fields.get("title").and_then(|n| reader.text(n, "a title")).map(|t| t.value),
        why: fields.get("why").and_then(|n| reader.text(n, "`why`")).map(|t| t.value),
        version: fields.get("version").and_then(|n| reader.text(n, "a version")),
        of: fields.get("of")?.clone(),
        must: fields.get("must").cloned(),
        unique: fields.get("unique").and_then(|n| reader.text(n, "a path")),
        then: fields.get("then").cloned(),
        at: node.at,
    })
}
