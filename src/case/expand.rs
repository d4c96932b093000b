//! From a suite as written to scripts that can be carried out: rows filled in, verbs resolved down to primitives,
//! each check given its clause (docs/language.md 3, 4 and 6).
//!
//! It relies on a dialect and the catalogue. It never drops what it does not understand: every unknown word is an
//! error with its place.

mod acts;
mod sights;

use std::collections::BTreeMap;

use serde_json::Value;

use super::catalogue::Catalogue;
use super::diagnostic::{Source, Span};
use super::dialect::Dialect;
use super::model::{self, StepKind};
use super::reader::{Reader, Text};
use super::script::{
    Act, Checks, GroupNeed, Kind, LISTENING, Level, Member, Place, Point, Repeat, Road, Script, Side, State,
    Step,
};
use super::transport::Transport;
use super::tree::{Key, Node};
use super::value::reference;

/// The verbs that the engine has by itself.
pub const PRIMITIVES: [&str; 14] = [
    "open", "frame", "bytes", "wire", "ws", "http", "cut", "become", "settle", "expect", "watch", "spawn",
    "answer", "do",
];

/// The forms of seeing.
pub const FORMS: [&str; 5] = ["in-order", "any-order", "exactly", "nothing", "every"];
const WORDS: [&str; 4] = ["opened", "closed", "beat", "exited"];
const EVENTS: [&str; 8] = ["frame", "http", "closed", "ws", "malformed", "request", "told", "exited"];

/// Expands the cases of a suite, noting what is wrong with them.
pub struct Expander<'a> {
    dialect: &'a Dialect,
    pub(super) catalogue: &'a Catalogue,
    /// Notes errors in the suite.
    pub reader: Reader<'a>,
    /// Notes errors in the dialect.
    pub dialect_reader: Reader<'a>,
    next: u32,
    levels: BTreeMap<String, Level>,
    points: BTreeMap<String, Point>,
    /// Who of the cast travels without a WebSocket, and over what.
    without_websocket: Vec<(String, Transport)>,
}

/// Whose clause a check is, where the act names none.
#[derive(Clone, Copy)]
struct Clauses<'c> {
    /// The clause that the caller named: it counts for all that the verb does.
    forced: Option<&'c str>,
    /// The case's first requirement, in steps.
    first: Option<&'c str>,
    /// The clause of the verb or road within which the act stands.
    outer: Option<&'c str>,
    /// Whether the act is written in the dialect.
    in_dialect: bool,
}

impl<'a> Expander<'a> {
    /// For a suite in this dialect.
    pub fn new(source: &'a Source, dialect: &'a Dialect, catalogue: &'a Catalogue) -> Self {
        Expander {
            dialect,
            catalogue,
            reader: Reader::new(source),
            dialect_reader: Reader::new(&dialect.source),
            next: 0,
            levels: BTreeMap::new(),
            points: BTreeMap::new(),
            without_websocket: Vec::new(),
        }
    }

    fn notes(&mut self, in_dialect: bool) -> &mut Reader<'a> {
        if in_dialect { &mut self.dialect_reader } else { &mut self.reader }
    }

    pub(super) fn place(&self, at: Span, in_dialect: bool) -> Place {
        let source = if in_dialect { self.dialect_reader.source } else { self.reader.source };
        Place { file: source.path.to_string(), line: at.line, column: at.column }
    }

    /// The clause, once it has been looked up.
    pub fn clause(&mut self, text: &Text, in_dialect: bool) -> String {
        match self.catalogue.get(&text.value) {
            Some(found) => {
                self.levels.insert(found.id.clone(), found.level);
            }
            None => {
                let ids: Vec<&str> = self.catalogue.keys().map(String::as_str).collect();
                self.notes(in_dialect).unknown("requirement", &text.value, text.at, ids);
            }
        }
        text.value.clone()
    }

    /// All rows of a case.
    pub fn case(&mut self, suite: &model::Suite, case: &model::Case) -> Vec<Script> {
        let mut rows: Vec<Vec<(&Key, &str, &Node)>> = vec![Vec::new()];
        for column in &case.each {
            rows = rows
                .iter()
                .flat_map(|row| {
                    column.rows.iter().map(|(label, value)| {
                        let mut row = row.clone();
                        row.push((&column.name, label, value));
                        row
                    })
                })
                .collect();
        }
        rows.iter().map(|row| self.row(suite, case, row)).collect()
    }

    fn row(&mut self, suite: &model::Suite, case: &model::Case, row: &[(&Key, &str, &Node)]) -> Script {
        (self.next, self.levels, self.points) = (1, BTreeMap::new(), BTreeMap::new());
        let labels: Vec<&str> = row.iter().map(|(_, label, _)| *label).collect();
        let suffix = if labels.is_empty() { String::new() } else { format!("[{}]", labels.join(",")) };
        let requirements: Vec<String> = case.requirements.iter().map(|r| self.clause(r, false)).collect();
        let first = requirements.first().map(String::as_str);
        let mut names: Vec<(String, Value)> = Vec::new();
        for (name, label, value) in row {
            names.push((name.name.clone(), value.value()));
            names.push((format!("{}.label", name.name), Value::from(*label)));
        }
        names.extend(case.lets.iter().map(|(name, value)| (name.name.clone(), value.value())));
        let preparing = Clauses { forced: None, first: None, outer: first, in_dialect: false };
        let deciding = Clauses { forced: None, first, outer: None, in_dialect: false };
        let cast: Vec<Member> = case.cast.iter().map(|role| self.member(role, suite.judges, row)).collect();
        let without = cast.iter().filter(|member| !member.over.has_websocket());
        self.without_websocket = without.map(|member| (member.name.clone(), member.over)).collect();
        let groups = case.groups.iter().map(|group| self.group(case, group)).collect();
        let given = self.steps(&case.given, row, preparing);
        let steps = self.steps(&case.steps, row, deciding);
        let mut script = Script {
            id: format!("{}/{}{suffix}", suite.name.value, case.id.value),
            suite: suite.name.value.clone(),
            dialect: self.dialect.name.clone(),
            judges: suite.judges,
            title: case.title.clone(),
            why: case.why.clone(),
            tags: case.tags.clone(),
            place: self.place(case.at, false),
            needs: case.needs.iter().map(|(key, value)| (key.name.clone(), value.value())).collect(),
            names,
            cast,
            groups,
            states: self.states(),
            given,
            steps,
            roads: self.roads(),
            identity: self.dialect.identity.clone(),
            requirements,
            points: std::mem::take(&mut self.points),
            levels: std::mem::take(&mut self.levels),
            expired: Vec::new(),
        };
        let text = serde_json::to_string(&script).unwrap_or_default();
        let roles = case.cast.iter().map(|role| super::script::role_of(&role.name.name).to_owned());
        script.expired = roles.filter(|role| text.contains(&format!("{role}.token.expired"))).collect();
        script.expired.dedup();
        script
    }

    fn member(&mut self, role: &model::Role, judges: Side, row: &[(&Key, &str, &Node)]) -> Member {
        let state = in_row(&role.state.value, row);
        let mut known: Vec<&str> = self.dialect.states.iter().map(|(key, _)| key.name.as_str()).collect();
        match judges {
            Side::Server => known.extend(["away", "offline"]),
            Side::Client => known.extend(["away", LISTENING]),
        }
        if !known.contains(&state.as_str()) {
            self.reader.unknown("state", &state, role.state.at, known);
        }
        let over = role.over.as_ref().map_or(Transport::default(), |text| {
            let word = in_row(&text.value, row);
            Transport::parse(&word).unwrap_or_else(|| {
                self.reader.unknown("transport", &word, text.at, Transport::WORDS);
                Transport::default()
            })
        });
        Member {
            name: role.name.name.clone(),
            state,
            over,
            times: role.times.as_ref().map(Node::value),
            place: self.place(role.name.at, false),
        }
    }

    fn group(&mut self, case: &model::Case, group: &model::Group) -> GroupNeed {
        let roles: Vec<&str> = case.cast.iter().map(|role| super::script::role_of(&role.name.name)).collect();
        for role in group.members.iter().chain(&group.others) {
            if !roles.contains(&role.value.as_str()) {
                self.reader.unknown("role", &role.value, role.at, roles.iter().copied());
            }
        }
        let values = |roles: &[Text]| roles.iter().map(|r| r.value.clone()).collect();
        GroupNeed {
            name: group.name.name.clone(),
            members: values(&group.members),
            others: values(&group.others),
        }
    }

    fn states(&mut self) -> Vec<State> {
        let dialect = self.dialect;
        let clauses = Clauses { forced: None, first: None, outer: None, in_dialect: true };
        dialect
            .states
            .iter()
            .map(|(name, acts)| {
                let steps = acts.iter().map(|act| self.dialect_act(act, clauses)).collect();
                State { name: name.name.clone(), steps }
            })
            .collect()
    }

    fn roads(&mut self) -> Vec<Road> {
        let dialect = self.dialect;
        dialect
            .roads
            .iter()
            .map(|road| {
                let clause = self.clause(&road.clause, true);
                let clauses = Clauses { forced: Some(&clause), first: None, outer: None, in_dialect: true };
                let listens = road.listens.as_ref().map(|act| self.dialect_act(act, clauses));
                let sends = self.dialect_act(&road.sends, clauses);
                let shows = self.dialect_act(&road.shows, clauses);
                let mentions = |name: &str| {
                    let mut found = false;
                    road.sends.arg.walk(&mut |node| {
                        found |= node.text().and_then(reference).is_some_and(|(n, _)| n == name);
                    });
                    found
                };
                if let Some(state) = &road.receiver
                    && !dialect.states.iter().any(|(key, _)| key.name == state.value)
                {
                    let states: Vec<&str> = dialect.states.iter().map(|(key, _)| key.name.as_str()).collect();
                    self.dialect_reader.unknown("state", &state.value, state.at, states);
                }
                Road {
                    name: road.name.name.clone(),
                    receiver: road.receiver.as_ref().map(|r| r.value.clone()),
                    to_group: mentions("group"),
                    to_subscription: mentions("subscription"),
                    listens,
                    sends,
                    shows,
                    clause,
                }
            })
            .collect()
    }

    fn dialect_act(&mut self, act: &model::Act, clauses: Clauses<'_>) -> Step {
        let id = self.id();
        let act = self.act(String::new(), act, clauses);
        Step { id, place: Place::default(), kind: Kind::Act(act) }
    }

    fn id(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }

    fn steps(
        &mut self,
        steps: &[model::Step],
        row: &[(&Key, &str, &Node)],
        clauses: Clauses<'_>,
    ) -> Vec<Step> {
        steps.iter().flat_map(|step| self.step(step, row, clauses)).collect()
    }

    /// One step; `observe` of several points becomes several.
    fn step(&mut self, step: &model::Step, row: &[(&Key, &str, &Node)], clauses: Clauses<'_>) -> Vec<Step> {
        let place = self.place(step.at, false);
        let pairs = |pairs: &[(Key, Node)]| -> Vec<(String, Value)> {
            pairs.iter().map(|(key, node)| (key.name.clone(), node.value())).collect()
        };
        let id = self.id();
        let kind = match &step.kind {
            StepKind::Together(steps) => Kind::Together(self.steps(steps, row, clauses)),
            StepKind::Repeat(repeat) => Kind::Repeat(Repeat {
                times: repeat.times.as_ref().map(Node::value),
                over: repeat.over.as_ref().map(Node::value),
                lasts: repeat.lasts.as_ref().map(|t| t.value.clone()),
                name: repeat.name.as_ref().map(|t| t.value.clone()),
                steps: self.steps(&repeat.steps, row, clauses),
            }),
            StepKind::Check(checks, clause) => {
                self.matchers(checks.iter().map(|(_, node)| node));
                let clause = clause.as_ref().map(|c| self.clause(c, false));
                let clause = clause.or_else(|| clauses.first.or(clauses.outer).map(str::to_owned));
                Kind::Check(Checks { pairs: pairs(checks), clause: clause.unwrap_or_default() })
            }
            StepKind::Needs(checks) => Kind::Needs(pairs(checks)),
            StepKind::Observe(points) => {
                return points.iter().filter_map(|(point, node)| self.observe(point, node)).collect();
            }
            StepKind::Act(actor, act) => {
                let made = self.act(in_row(&actor.name, row), act, clauses);
                self.possible(&made, act.verb.at);
                Kind::Act(made)
            }
        };
        vec![Step { id, place, kind }]
    }

    /// Notes what an act asks of a transport that cannot do it.
    fn possible(&mut self, act: &Act, at: Span) {
        let found = self.without_websocket.iter().find(|(name, _)| *name == act.actor);
        if let (Some((name, over)), true) = (found, act.needs_websocket()) {
            let what = format!("`{name}` travels over `{}`, which has no WebSocket beneath it", over.word());
            let help = "`ws`, and `wire` with `fragment` or `opcode`, need `websocket` or `sockjs-websocket`";
            self.reader.error_help(at, what, help);
        }
    }

    fn observe(&mut self, point: &Key, node: &Node) -> Option<Step> {
        let dialect = self.dialect;
        let Some(known) = dialect.point(&point.name) else {
            let names: Vec<&str> = dialect.points.iter().map(|(key, _)| key.name.as_str()).collect();
            self.reader.unknown("point", &point.name, point.at, names);
            return None;
        };
        if let Some(clause) = &known.clause {
            self.clause(&Text { value: clause.clone(), at: point.at }, false);
        }
        self.points.insert(point.name.clone(), known.clone());
        let entries = self.reader.entries(node, "an observation");
        let conditions = |entries: &[(Key, Node)]| -> Vec<(String, Value)> {
            entries.iter().map(|(key, node)| (key.name.clone(), node.value())).collect()
        };
        let plain = entries.iter().any(|(key, _)| key.name.starts_with('$'));
        let mut values = Vec::new();
        if plain {
            values.push((Value::Bool(true), conditions(entries)));
        } else {
            for (word, node) in entries {
                if !known.values.contains(&word.name) {
                    let words = known.values.iter().map(String::as_str);
                    self.reader.unknown(
                        "value of this point",
                        &word.name,
                        word.at,
                        words.collect::<Vec<_>>(),
                    );
                }
                let entries = self.reader.entries(node, "a condition");
                values.push((Value::from(word.name.as_str()), conditions(entries)));
            }
        }
        if plain && !known.values.is_empty() {
            let words = known.values.join(", ");
            self.reader.error(point.at, format!("`{}` is no boolean; its values are {words}", point.name));
        }
        let kind = Kind::Observe { point: point.name.clone(), values };
        Some(Step { id: self.id(), place: self.place(point.at, false), kind })
    }
}

/// A word that names a column stands for that column's word.
fn in_row(word: &str, row: &[(&Key, &str, &Node)]) -> String {
    let column = word.strip_prefix('$').and_then(|name| row.iter().find(|(key, _, _)| key.name == name));
    column.and_then(|(_, _, node)| node.text()).unwrap_or(word).to_owned()
}
