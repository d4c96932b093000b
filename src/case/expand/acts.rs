//! Acts resolved down to primitives: the verb looked up, its parameters filled in, its clause decided.
//!
//! It relies on the dialect's verbs. It never lets a parameter be left out or misspelt.

use serde_json::Value;

use super::super::dialect::Verb;
use super::super::matcher::Matcher;
use super::super::model;
use super::super::script::{Act, Deed, Param};
use super::super::tree::{Node, Tree};
use super::super::value::reference;
use super::sights::frame_value;
use super::{Clauses, Expander, PRIMITIVES};

impl Expander<'_> {
    /// Checks that matchers are well formed, as far as that can be told before they are filled in.
    pub(super) fn matchers<'n>(&mut self, nodes: impl Iterator<Item = &'n Node>) {
        for node in nodes {
            let mut bad = Vec::new();
            node.walk(&mut |node| {
                let Some(entries) = node.map() else { return };
                if let [(key, value)] = entries
                    && key.name == "is"
                    && !has_reference(value)
                    && let Err(why) = Matcher::compile(&node.value(), 0.0)
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

    pub(super) fn act(&mut self, actor: String, act: &model::Act, clauses: Clauses<'_>) -> Act {
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
                let keys =
                    ["batch", "cut", "every", "fragment", "between", "opcode", "eol", "after", "beats"];
                match arg.text() {
                    Some(_) => Deed::Wire(arg.value()),
                    None => Deed::Wire(self.keyed(arg, "`wire`", &keys, in_dialect)),
                }
            }
            "ws" => Deed::Ws(self.keyed(arg, "`ws`", &["ping", "pong", "close", "raw"], in_dialect)),
            "http" => {
                Deed::Http(self.keyed(arg, "`http`", &["method", "path", "headers", "body"], in_dialect))
            }
            "spawn" => Deed::Spawn(self.keyed(
                arg,
                "`spawn`",
                &["path", "token", "heart_beat", "transport"],
                in_dialect,
            )),
            "answer" => Deed::Answer(self.keyed(
                arg,
                "`answer`",
                &["status", "headers", "body", "held", "sockjs"],
                in_dialect,
            )),
            "do" => Deed::Do(arg.value()),
            "cut" => Deed::Cut(arg.value()),
            "become" => {
                if let Some(clause) = &act.clause {
                    let why = "`become` takes the clauses of the steps that lead to its state: one beside it decides nothing";
                    self.reader.error(clause.at, why);
                }
                Deed::Become(arg.value())
            }
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

    fn params(&mut self, verb: &Verb, act: &model::Act, in_dialect: bool) -> Vec<Param> {
        let names: Vec<&str> = verb.takes.iter().map(|(key, _)| key.name.as_str()).collect();
        let required = verb.required();
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

    /// A number for a parameter whose default is text is a slip: what it becomes on the wire is text (docs/language.md 1).
    fn text_where_due(&mut self, verb: &Verb, name: &str, node: &Node, in_dialect: bool) {
        let default = verb.takes.iter().find(|(key, _)| key.name == name).and_then(|(_, node)| node.as_ref());
        let text = default.is_none_or(|d| d.text().is_some_and(|t| t != "$absent"));
        if text && matches!(node.tree, Tree::Int(_) | Tree::Float(_) | Tree::Null) {
            self.notes(in_dialect).text(node, &format!("`{name}`"));
        }
    }
}

fn has_reference(node: &Node) -> bool {
    let mut found = false;
    node.walk(&mut |node| found |= node.text().is_some_and(|t| t.contains('$')));
    found
}
