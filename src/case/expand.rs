//! From a suite as written to scripts that can be carried out: rows filled in, verbs resolved down to primitives,
//! each check given its clause (LANGUAGE 3, 4 and 6).
//!
//! It relies on a dialect and the catalogue. It never drops what it does not understand: every unknown word is an
//! error with its place.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::catalogue::Catalogue;
use super::diagnostic::{Source, Span};
use super::dialect::{Dialect, SightDef};
use super::model::{self, StepKind};
use super::reader::{Reader, Text};
use super::script::{
    Act, Checks, Deed, GroupNeed, Kind, Level, Member, Param, Pattern, Patterns, Place, Point, Repeat, Road,
    Script, See, Sight, State, Step,
};
use super::transport::Transport;
use super::tree::{Key, Node, Tree};
use super::value::reference;

/// The verbs that the engine has by itself.
pub const PRIMITIVES: [&str; 11] =
    ["open", "frame", "bytes", "wire", "ws", "http", "cut", "become", "settle", "expect", "watch"];

const FORMS: [&str; 5] = ["in-order", "any-order", "exactly", "nothing", "every"];
const WORDS: [&str; 3] = ["opened", "closed", "beat"];
const EVENTS: [&str; 5] = ["frame", "http", "closed", "ws", "malformed"];

/// Expands the cases of a suite, noting what is wrong with them.
pub struct Expander<'a> {
    dialect: &'a Dialect,
    catalogue: &'a Catalogue,
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

    fn place(&self, at: Span, in_dialect: bool) -> Place {
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
        let cast: Vec<Member> = case.cast.iter().map(|role| self.member(role, row)).collect();
        let without = cast.iter().filter(|member| !member.over.has_websocket());
        self.without_websocket = without.map(|member| (member.name.clone(), member.over)).collect();
        let groups = case.groups.iter().map(|group| self.group(case, group)).collect();
        let given = self.steps(&case.given, row, preparing);
        let steps = self.steps(&case.steps, row, deciding);
        let mut script = Script {
            id: format!("{}/{}{suffix}", suite.name.value, case.id.value),
            suite: suite.name.value.clone(),
            dialect: self.dialect.name.clone(),
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

    fn member(&mut self, role: &model::Role, row: &[(&Key, &str, &Node)]) -> Member {
        let state = in_row(&role.state.value, row);
        let mut known: Vec<&str> = self.dialect.states.iter().map(|(key, _)| key.name.as_str()).collect();
        known.extend(["away", "offline"]);
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

    /// Checks that matchers are well formed, as far as that can be told before they are filled in.
    fn matchers<'n>(&mut self, nodes: impl Iterator<Item = &'n Node>) {
        for node in nodes {
            let mut bad = Vec::new();
            node.walk(&mut |node| {
                let Some(entries) = node.map() else { return };
                if let [(key, value)] = entries
                    && key.name == "is"
                    && !has_reference(value)
                    && let Err(why) = super::matcher::Matcher::compile(&node.value(), 0.0)
                {
                    bad.push((key.at, why));
                }
            });
            bad.truncate(1);
            for (at, why) in bad {
                self.reader.error(at, why);
            }
        }
    }

    fn act(&mut self, actor: String, act: &model::Act, clauses: Clauses<'_>) -> Act {
        let in_dialect = clauses.in_dialect;
        let own = act.clause.as_ref().map(|c| self.clause(c, in_dialect));
        let explicit = clauses.forced.map(str::to_owned).or(own);
        let verb = act.verb.name.as_str();
        let of_sight = self.dialect.sight(verb).and_then(|s| s.clause.clone());
        let of_verb = self.dialect.verb(verb).and_then(|v| v.clause.clone());
        let declared = of_sight.or(of_verb).map(|c| self.clause(&c, true));
        let clause = explicit
            .clone()
            .or_else(|| clauses.first.map(str::to_owned).filter(|_| !in_dialect))
            .or(declared)
            .or_else(|| clauses.outer.or(clauses.first).map(str::to_owned))
            .unwrap_or_default();
        let inner = Clauses {
            forced: explicit.as_deref(),
            first: clauses.first,
            outer: Some(&clause),
            in_dialect: true,
        };
        let deed = self.deed(act, inner, in_dialect);
        let bind = act.bind.as_ref().map(|b| b.value.clone());
        Act { actor, verb: verb.to_owned(), bind, clause, deed }
    }

    fn deed(&mut self, act: &model::Act, inner: Clauses<'_>, in_dialect: bool) -> Deed {
        let (verb, arg) = (act.verb.name.as_str(), &act.arg);
        self.matchers_in(arg, in_dialect);
        if let Some(sight) = self.dialect.sight(verb) {
            return Deed::See(self.see(sight, arg, in_dialect));
        }
        match verb {
            "expect" => Deed::See(self.expect(arg, in_dialect)),
            "open" => Deed::Open(self.keyed(
                arg,
                "`open`",
                &["path", "query", "headers", "subprotocols"],
                in_dialect,
            )),
            "frame" => {
                self.frame_shape(arg, in_dialect);
                Deed::Frame(frame_value(arg))
            }
            "bytes" => Deed::Bytes(arg.value()),
            "wire" => {
                let keys = ["batch", "cut", "every", "fragment", "opcode", "eol", "after", "beats"];
                match arg.text() {
                    Some(_) => Deed::Wire(arg.value()),
                    None => Deed::Wire(self.keyed(arg, "`wire`", &keys, in_dialect)),
                }
            }
            "ws" => Deed::Ws(self.keyed(arg, "`ws`", &["ping", "pong", "close", "raw"], in_dialect)),
            "http" => {
                Deed::Http(self.keyed(arg, "`http`", &["method", "path", "headers", "body"], in_dialect))
            }
            "cut" => Deed::Cut(arg.value()),
            "become" => Deed::Become(arg.value()),
            "settle" => match arg.get("gone") {
                Some(id) => Deed::Gone(id.value()),
                None => Deed::Settle(arg.value()),
            },
            "watch" => self.watch(arg, in_dialect),
            _ => self.call(act, inner, in_dialect),
        }
    }

    fn matchers_in(&mut self, arg: &Node, in_dialect: bool) {
        if !in_dialect {
            self.matchers(std::iter::once(arg));
        }
    }

    fn keyed(&mut self, arg: &Node, what: &str, keys: &[&str], in_dialect: bool) -> Value {
        if arg.text().and_then(reference).is_none() {
            self.notes(in_dialect).fields(arg, what, keys);
        }
        arg.value()
    }

    /// Headers are text: a number or nothing there is a slip (LANGUAGE 1).
    fn frame_shape(&mut self, frame: &Node, in_dialect: bool) {
        if frame.map().is_none() {
            return;
        }
        let notes = self.notes(in_dialect);
        notes.fields(frame, "a frame", &["command", "headers", "body", "json", "arrival", "+"]);
        let Some(headers) = frame.get("headers") else { return };
        let header = |entries: &[(Key, Node)], notes: &mut Reader<'_>| {
            for (name, value) in entries {
                match &value.tree {
                    Tree::Map(_) => {}
                    Tree::Null => notes.error_help(
                        value.at,
                        format!("the header `{}` has no value", name.name),
                        "in a flow map an unquoted `0,0` is two entries: write \"0,0\"; for an empty value write \"\"",
                    ),
                    _ => drop(notes.text(value, &format!("the header `{}`", name.name))),
                }
            }
        };
        match &headers.tree {
            Tree::Map(entries) => header(entries, notes),
            Tree::List(items) => {
                for item in items {
                    let entries = notes.entries(item, "a header").to_vec();
                    header(&entries, notes);
                }
            }
            _ => {}
        }
    }

    fn watch(&mut self, arg: &Node, in_dialect: bool) -> Deed {
        let fields = self.notes(in_dialect).fields(arg, "`watch`", &["lasts!", "nothing", "gap"]);
        let lasts = fields.get("lasts").and_then(|n| self.notes(in_dialect).text(n, "a duration"));
        let nothing = fields.get("nothing").and_then(|n| self.event(n, in_dialect));
        let gap = fields.get("gap").and_then(|n| n.get("at-most")).and_then(Node::text).map(str::to_owned);
        if nothing.is_none() && gap.is_none() {
            self.notes(in_dialect).error(arg.at, "`watch` has `nothing` or `gap`");
        }
        Deed::Watch { lasts: lasts.map_or(String::new(), |t| t.value), nothing, gap }
    }

    fn call(&mut self, act: &model::Act, inner: Clauses<'_>, in_dialect: bool) -> Deed {
        let dialect = self.dialect;
        let Some(verb) = dialect.verb(&act.verb.name) else {
            let mut words: Vec<&str> = PRIMITIVES.to_vec();
            words.extend(dialect.verbs.iter().map(|v| v.name.name.as_str()));
            words.extend(dialect.sights.iter().map(|s| s.name.name.as_str()));
            self.notes(in_dialect).unknown("verb", &act.verb.name, act.verb.at, words);
            return Deed::Wire(Value::from("plain"));
        };
        let params = self.params(verb, act, in_dialect);
        if act.bind.is_some() && verb.gives.is_none() {
            let what = format!("`{}` gives nothing that could be bound", verb.name.name);
            self.notes(in_dialect).error(act.verb.at, what);
        }
        if let Some(road) = &verb.road
            && !dialect.roads.iter().any(|r| r.name.name == road.value)
        {
            let roads: Vec<&str> = dialect.roads.iter().map(|r| r.name.name.as_str()).collect();
            self.dialect_reader.unknown("road", &road.value, road.at, roads);
        }
        let does = verb.does.iter().map(|act| self.dialect_act(act, inner)).collect();
        Deed::Call {
            params,
            does,
            gives: verb.gives.as_ref().map(Node::value),
            road: verb.road.as_ref().map(|r| r.value.clone()),
        }
    }

    fn params(&mut self, verb: &super::dialect::Verb, act: &model::Act, in_dialect: bool) -> Vec<Param> {
        let names: Vec<&str> = verb.takes.iter().map(|(key, _)| key.name.as_str()).collect();
        let required: Vec<&str> = verb
            .takes
            .iter()
            .filter(|(_, default)| default.is_none())
            .map(|(key, _)| key.name.as_str())
            .collect();
        let named = match act.arg.map() {
            Some([]) => true,
            Some(entries) => {
                required.len() != 1 || entries.iter().any(|(key, _)| names.contains(&key.name.as_str()))
            }
            None => false,
        };
        let mut given: Vec<(&str, &Node)> = Vec::new();
        match (&act.arg.tree, &required[..]) {
            (Tree::Map(entries), _) if named => {
                for (key, node) in entries {
                    if names.contains(&key.name.as_str()) {
                        self.text_where_due(verb, &key.name, node, in_dialect);
                        given.push((&key.name, node));
                    } else {
                        let what = format!("parameter of `{}`", verb.name.name);
                        self.notes(in_dialect).unknown(&what, &key.name, key.at, names.iter().copied());
                    }
                }
            }
            (Tree::Null, _) => {}
            (_, [only]) => given.push((only, &act.arg)),
            _ => {
                let what = format!("`{}` takes a map of {}", verb.name.name, names.join(", "));
                self.notes(in_dialect).error(act.arg.at, what);
            }
        }
        for name in required {
            if !given.iter().any(|(n, _)| *n == name) {
                let what = format!("`{}` lacks its parameter `{name}`", verb.name.name);
                self.notes(in_dialect).error(act.verb.at, what);
            }
        }
        verb.takes
            .iter()
            .filter_map(|(key, default)| {
                let given = given.iter().find(|(n, _)| *n == key.name).map(|(_, node)| *node);
                let value = given.or(default.as_ref())?.value();
                Some(Param { name: key.name.clone(), value, given: given.is_some(), member: given.is_some() })
            })
            .collect()
    }

    /// A number for a parameter whose default is text is a slip: what it becomes on the wire is text (LANGUAGE 1).
    fn text_where_due(&mut self, verb: &super::dialect::Verb, name: &str, node: &Node, in_dialect: bool) {
        let default = verb.takes.iter().find(|(key, _)| key.name == name).and_then(|(_, node)| node.as_ref());
        let text = default.is_none_or(|d| d.text().is_some_and(|t| t != "$absent"));
        if text && matches!(node.tree, Tree::Int(_) | Tree::Float(_) | Tree::Null) {
            self.notes(in_dialect).text(node, &format!("`{name}`"));
        }
    }

    fn see(&mut self, def: &SightDef, arg: &Node, in_dialect: bool) -> See {
        if arg.text() == Some("nothing") {
            return See::Nothing(self.sight(def, None, in_dialect));
        }
        let Some([(form, value)]) = arg.map() else {
            return See::One(self.sight(def, Some(arg), in_dialect));
        };
        if !FORMS.contains(&form.name.as_str()) {
            return See::One(self.sight(def, Some(arg), in_dialect));
        }
        match form.name.as_str() {
            "nothing" => return See::Nothing(self.sight(def, Some(value), in_dialect)),
            "every" => return See::Every(self.sight(def, Some(value), in_dialect)),
            _ => {}
        }
        let patterns = match (value.list(), value.text().and_then(reference)) {
            (Some(items), _) => {
                Patterns::Each(items.iter().map(|n| self.sight(def, Some(n), in_dialect)).collect())
            }
            (None, Some(_)) => match self.sight(def, None, in_dialect) {
                Pattern::Sight(sight) => Patterns::Of(sight, value.text().unwrap_or_default().to_owned()),
                _ => Patterns::Each(Vec::new()),
            },
            _ => {
                let what = format!("`{}` takes a list, or a reference to one", form.name);
                self.notes(in_dialect).error(value.at, what);
                Patterns::Each(Vec::new())
            }
        };
        listed(&form.name, patterns)
    }

    fn expect(&mut self, arg: &Node, in_dialect: bool) -> See {
        let fallback = Pattern::Opened;
        let Some([(form, value)]) = arg.map() else {
            return See::One(self.event(arg, in_dialect).unwrap_or(fallback));
        };
        match form.name.as_str() {
            "nothing" => See::Nothing(self.event(value, in_dialect).unwrap_or(fallback)),
            "every" => See::Every(self.event(value, in_dialect).unwrap_or(fallback)),
            "one-of" => {
                let entries = self.notes(in_dialect).entries(value, "`one-of`").to_vec();
                let alternatives = entries.iter().map(|(name, events)| {
                    let items = self.notes(in_dialect).items(events, "an alternative").to_vec();
                    let events = items.iter().filter_map(|n| self.event(n, in_dialect)).collect();
                    (name.name.clone(), events)
                });
                See::OneOf(alternatives.collect())
            }
            "in-order" | "any-order" | "exactly" => {
                let items = self.notes(in_dialect).items(value, "a list of events").to_vec();
                let patterns = items.iter().filter_map(|n| self.event(n, in_dialect)).collect();
                listed(&form.name, Patterns::Each(patterns))
            }
            _ => See::One(self.event(arg, in_dialect).unwrap_or(fallback)),
        }
    }

    /// An event: a word, or one key with what it must be like (LANGUAGE 4).
    pub fn event(&mut self, node: &Node, in_dialect: bool) -> Option<Pattern> {
        let dialect = self.dialect;
        let anything = || Value::Object(Map::new());
        if let Some(word) = node.text() {
            return match (word, dialect.sight(word)) {
                ("opened", _) => Some(Pattern::Opened),
                ("closed", _) => Some(Pattern::Closed(anything())),
                ("beat", _) => Some(Pattern::Beat),
                (_, Some(sight)) => Some(self.sight(sight, None, in_dialect)),
                (_, None) => {
                    let mut words: Vec<&str> = WORDS.to_vec();
                    words.extend(dialect.sights.iter().map(|s| s.name.name.as_str()));
                    self.notes(in_dialect).unknown("event", word, node.at, words);
                    None
                }
            };
        }
        let [(key, value)] =
            self.notes(in_dialect).entries(node, "an event").to_vec().try_into().ok().or_else(
                || -> Option<[(Key, Node); 1]> {
                    self.notes(in_dialect).error(node.at, "an event has one key");
                    None
                },
            )?;
        match (key.name.as_str(), dialect.sight(&key.name)) {
            ("frame", _) => {
                self.frame_shape(&value, in_dialect);
                Some(Pattern::Frame(frame_value(&value)))
            }
            ("http", _) => Some(Pattern::Http(value.value())),
            ("closed", _) => Some(Pattern::Closed(value.value())),
            ("ws", _) => Some(Pattern::Ws(value.value())),
            ("malformed", _) => Some(Pattern::Malformed(value.value())),
            (_, Some(sight)) => Some(self.sight(sight, Some(&value), in_dialect)),
            (_, None) => {
                let mut words: Vec<&str> = EVENTS.to_vec();
                words.extend(dialect.sights.iter().map(|s| s.name.name.as_str()));
                self.notes(in_dialect).unknown("event", &key.name, key.at, words);
                None
            }
        }
    }

    fn sight(&mut self, def: &SightDef, it: Option<&Node>, in_dialect: bool) -> Pattern {
        if let (Some(members), Some(Tree::Map(entries))) = (&def.members, it.map(|n| &n.tree)) {
            for (key, _) in entries.iter().filter(|(key, _)| key.name != "is" && key.name != "+") {
                if !members.contains(&key.name) {
                    let what = format!("member of `{}`", def.name.name);
                    let words: Vec<&str> = members.iter().map(String::as_str).chain(FORMS).collect();
                    self.notes(in_dialect).unknown(&what, &key.name, key.at, words);
                }
            }
        }
        let alternatives = def
            .alternatives
            .iter()
            .map(|(name, events)| (name.clone(), events.iter().filter_map(|n| self.event(n, true)).collect()))
            .collect();
        let clause = def.clause.as_ref().map(|c| self.clause(c, true));
        Pattern::Sight(Box::new(Sight {
            name: def.name.name.clone(),
            it: it.map(Node::value),
            alternatives,
            never: def.never.as_ref().and_then(|n| self.event(n, true)),
            members: def.members.clone(),
            unfold: def.unfold.clone(),
            of_case: def.of_case,
            gives: def.gives.as_ref().map(Node::value),
            clause,
        }))
    }
}

fn listed(form: &str, patterns: Patterns) -> See {
    match form {
        "in-order" => See::InOrder(patterns),
        "exactly" => See::Exactly(patterns),
        _ => See::AnyOrder(patterns),
    }
}

/// `frame: ERROR` is short for the command alone.
fn frame_value(node: &Node) -> Value {
    match node.text() {
        Some(text) if reference(text).is_none() => serde_json::json!({ "command": text }),
        _ => node.value(),
    }
}

/// A word that names a column stands for that column's word.
fn in_row(word: &str, row: &[(&Key, &str, &Node)]) -> String {
    let column = word.strip_prefix('$').and_then(|name| row.iter().find(|(key, _, _)| key.name == name));
    column.and_then(|(_, _, node)| node.text()).unwrap_or(word).to_owned()
}

fn has_reference(node: &Node) -> bool {
    let mut found = false;
    node.walk(&mut |node| found |= node.text().is_some_and(|t| t.contains('$')));
    found
}

/// A rule, resolved: what it is about and what must hold.
pub fn rule(expander: &mut Expander<'_>, rule: &model::RuleDef) -> Option<crate::judge::Rule> {
    let requirement = expander.clause(&rule.requirement, false);
    let level = expander.levels.get(&requirement).copied().unwrap_or(Level::Must);
    let of = expander.event(&rule.of, false)?;
    let then = match &rule.then {
        Some(node) => Some(expander.event(node, false)?),
        None => None,
    };
    let must = rule.must.as_ref().map(|node| match node.text() {
        Some("never") => None,
        _ => Some(node.value()),
    });
    Some(crate::judge::Rule {
        id: String::new(),
        title: rule.title.clone().unwrap_or_default(),
        why: rule.why.clone(),
        requirement,
        level,
        place: expander.place(rule.at, false),
        of,
        must,
        unique: rule.unique.as_ref().map(|t| t.value.clone()),
        then,
    })
}
