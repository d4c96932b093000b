//! What is wrong with a case beyond its form: names that nothing binds, requirements that nothing decides, negatives
//! without a positive twin, contents that cannot be told apart.
//!
//! It relies on the case as written, for places, and on its scripts, for what verbs come down to. It never runs
//! anything.

use std::collections::BTreeSet;

use super::dialect::Dialect;
use super::library::is_name;
use super::model::{Act, Case, Step, StepKind};
use super::reader::Reader;
use super::script::{Act as Done, Deed, Kind, LISTENING, Patterns, Script, See, Side};
use super::tree::Node;
use super::value::{Part, parts};

/// Names that the engine binds.
const ENGINE: [&str; 8] = ["me", "target", "profile", "now", "absent", "mark", "fresh", "fill"];

/// Looks at a case.
pub fn case(reader: &mut Reader<'_>, case: &Case, dialect: &Dialect, rows: &[Script]) {
    let before = reader.found.len();
    References::new(case).check(reader, case);
    if reader.found.len() > before {
        return;
    }
    let Some(script) = rows.first() else { return };
    decided(reader, case, script);
    positive(reader, case, script, dialect);
    contents(reader, case, dialect);
}

/// Names bound at one point of a case.
struct References {
    bound: BTreeSet<String>,
    /// Roles whose connections are called by their number.
    listening: BTreeSet<String>,
}

impl References {
    fn new(case: &Case) -> Self {
        let mut bound: BTreeSet<String> = ENGINE.iter().map(|n| (*n).to_owned()).collect();
        let mut listening = BTreeSet::new();
        for role in &case.cast {
            bound.insert(role.name.name.clone());
            if role.state.value == LISTENING {
                listening.insert(role.name.name.clone());
            }
            bound.insert(super::script::role_of(&role.name.name).to_owned());
        }
        bound.extend(case.groups.iter().map(|g| g.name.name.clone()));
        bound.extend(case.each.iter().map(|c| c.name.name.clone()));
        References { bound, listening }
    }

    fn check(&mut self, reader: &mut Reader<'_>, case: &Case) {
        for (name, _) in &case.lets {
            self.bind(reader, &name.name, name.at);
        }
        for column in &case.each {
            column.rows.iter().for_each(|(_, value)| self.node(reader, value));
        }
        case.lets.iter().for_each(|(_, value)| self.node(reader, value));
        for (key, value) in &case.needs {
            if key.name.starts_with('$') {
                self.text(reader, &key.name, key.at);
            }
            self.node(reader, value);
        }
        case.cast.iter().filter_map(|r| r.times.as_ref()).for_each(|times| self.node(reader, times));
        self.steps(reader, &case.given);
        self.steps(reader, &case.steps);
    }

    fn bind(&mut self, reader: &mut Reader<'_>, name: &str, at: super::diagnostic::Span) {
        if !is_name(name) {
            reader
                .error(at, format!("`{name}` is no name: letters, digits, hyphens, beginning with a letter"));
        }
        self.bound.insert(name.to_owned());
    }

    fn steps(&mut self, reader: &mut Reader<'_>, steps: &[Step]) {
        for step in steps {
            match &step.kind {
                StepKind::Together(inner) => self.steps(reader, inner),
                StepKind::Repeat(repeat) => {
                    repeat.times.iter().chain(&repeat.over).for_each(|node| self.node(reader, node));
                    if let Some(lasts) = &repeat.lasts {
                        self.duration(reader, &lasts.value, lasts.at);
                    }
                    if let Some(name) = &repeat.name {
                        self.bind(reader, &name.value, name.at);
                    }
                    self.steps(reader, &repeat.steps);
                }
                StepKind::Check(pairs, _) | StepKind::Needs(pairs) => {
                    for (key, value) in pairs {
                        self.text(reader, &key.name, key.at);
                        self.node(reader, value);
                    }
                }
                StepKind::Observe(points) => {
                    for (_, node) in points {
                        node.walk(&mut |node| {
                            for (key, _) in node.map().unwrap_or_default() {
                                if key.name.starts_with('$') {
                                    self.text(reader, &key.name, key.at);
                                }
                            }
                        });
                        self.node(reader, node);
                    }
                }
                StepKind::Act(actor, act) => {
                    let name = actor.name.strip_prefix('$').unwrap_or(&actor.name);
                    if !(self.bound.contains(name) || self.is_numbered(name)) || ENGINE.contains(&name) {
                        let roles = self.bound.iter().map(String::as_str).filter(|n| !ENGINE.contains(n));
                        reader.unknown("actor", name, actor.at, roles.collect::<Vec<_>>());
                    }
                    self.act(reader, act);
                }
            }
        }
    }

    /// Whether it is a connection of somebody who listens: `server/1`, `server/next`.
    fn is_numbered(&self, name: &str) -> bool {
        name.split_once('/').is_some_and(|(role, number)| {
            self.listening.contains(role) && (number == "next" || number.parse::<u32>().is_ok_and(|n| n > 0))
        })
    }

    fn act(&mut self, reader: &mut Reader<'_>, act: &Act) {
        if act.verb.name == "watch"
            && let Some(lasts) = act.arg.get("lasts")
            && let Some(text) = lasts.text()
        {
            self.duration(reader, text, lasts.at);
        } else {
            self.node(reader, &act.arg);
        }
        if let Some(name) = &act.bind {
            self.bind(reader, &name.value, name.at);
        }
    }

    fn duration(&self, reader: &mut Reader<'_>, text: &str, at: super::diagnostic::Span) {
        if !super::duration::is_duration(text) {
            reader.error_help(at, format!("`{text}` is no duration"), "20ms, 2s, 5m, or 5 x $alice.beats.in");
        }
    }

    fn node(&self, reader: &mut Reader<'_>, node: &Node) {
        let mut texts = Vec::new();
        node.walk(&mut |node| {
            if let Some(text) = node.text() {
                texts.push((text, node.at));
            }
        });
        for (text, at) in texts {
            self.text(reader, text, at);
        }
    }

    fn text(&self, reader: &mut Reader<'_>, text: &str, at: super::diagnostic::Span) {
        match parts(text) {
            Err(why) => reader.error_help(at, why, "write $$ for a dollar"),
            Ok(parts) => {
                for part in parts {
                    if let Part::Reference(name, _) = part
                        && !self.bound.contains(name)
                    {
                        let words = self.bound.iter().map(String::as_str).collect::<Vec<_>>();
                        reader.unknown("name", name, at, words);
                    }
                }
            }
        }
    }
}

/// Clauses that the steps of a case can decide.
pub fn clauses_of(script: &Script) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for step in script.given.iter().chain(&script.steps) {
        step.walk(&mut |step| match &step.kind {
            Kind::Check(checks) => drop(found.insert(checks.clause.clone())),
            Kind::Observe { point, .. } => {
                found.extend(script.points.get(point).and_then(|p| p.clause.clone()));
            }
            Kind::Act(Done {
                deed: Deed::See(_) | Deed::Watch { .. } | Deed::Settle(_) | Deed::Gone(_),
                clause,
                ..
            }) => {
                found.insert(clause.clone());
            }
            Kind::Act(Done { deed: Deed::Become(_), .. }) => {
                for state in &script.states {
                    state.steps.iter().for_each(|s| {
                        s.walk(&mut |s| {
                            if let Kind::Act(act) = &s.kind {
                                found.insert(act.clause.clone());
                            }
                        })
                    });
                }
            }
            _ => {}
        });
    }
    found
}

fn decided(reader: &mut Reader<'_>, case: &Case, script: &Script) {
    let decided = clauses_of(script);
    for requirement in &case.requirements {
        if !decided.contains(&requirement.value) {
            let what = format!("no step of `{}` decides {}", case.id.value, requirement.value);
            let help = format!(
                "give the step that does `clause: {}`, or leave the requirement out",
                requirement.value
            );
            reader.error_help(requirement.at, what, help);
        }
    }
}

fn sees(steps: &[super::script::Step], visit: &mut dyn FnMut(&Done, &See)) {
    for step in steps {
        step.walk(&mut |step| {
            if let Kind::Act(act) = &step.kind
                && let Deed::See(see) = &act.deed
            {
                visit(act, see);
            }
        });
    }
}

fn positive(reader: &mut Reader<'_>, case: &Case, script: &Script, dialect: &Dialect) {
    let ready = script.sending_state().and_then(|state| script.rank(state)).unwrap_or(usize::MAX);
    let brought =
        script.cast.iter().any(|m| script.rank(&m.state).is_some_and(|rank| rank >= ready && rank > 0));
    let mut positive = brought || !case.given.is_empty();
    let mut negative = false;
    sees(&script.steps, &mut |_, see| match see {
        See::Nothing(_) | See::Every(_) => negative = true,
        See::Exactly(Patterns::Each(all)) if all.is_empty() => negative = true,
        _ => positive = true,
    });
    if negative && !positive {
        let state = script.sending_state().unwrap_or("a state");
        let help = format!("bring somebody to `{state}`, or let something be received first");
        reader.error_help(
            case.id.at,
            format!("`{}` has only negatives: a dead target would pass", case.id.value),
            help,
        );
    }
    // A road that leads to whoever is in a state serves any receiver; without one it takes a subscription. What a client does is
    // known by its end.
    if script.judges == Side::Client || dialect.roads.iter().any(|road| road.receiver.is_some()) {
        return;
    }
    let mut subscribed: BTreeSet<String> = BTreeSet::new();
    let all: Vec<&Step> = case.given.iter().chain(&case.steps).collect();
    walk_steps(&all, &mut |actor, act, last| {
        if subscribes(dialect, act) {
            subscribed.insert(actor.to_owned());
        }
        let form = act.arg.map().and_then(|m| m.first()).map(|(k, _)| k.name.as_str());
        let bare = act.arg.text() == Some("nothing");
        let barrier = bare || matches!(form, Some("nothing" | "every" | "exactly"));
        let is_sight = act.verb.name == "expect" || dialect.sight(&act.verb.name).is_some();
        if is_sight && barrier && !subscribed.contains(actor) && !last {
            let what = format!(
                "no barrier can serve this: `{actor}` is subscribed to nothing, and acts again later"
            );
            reader.error_help(
                act.verb.at,
                what,
                "let it be the last act of that connection, or subscribe it first",
            );
        }
    });
}

/// Visits acts in order, saying for each whether it is the last of its actor.
fn walk_steps(steps: &[&Step], visit: &mut dyn FnMut(&str, &Act, bool)) {
    let mut acts: Vec<(&str, &Act)> = Vec::new();
    fn collect<'s>(steps: &[&'s Step], acts: &mut Vec<(&'s str, &'s Act)>) {
        for step in steps {
            match &step.kind {
                StepKind::Act(actor, act) => acts.push((&actor.name, act)),
                StepKind::Together(inner) => collect(&inner.iter().collect::<Vec<_>>(), acts),
                StepKind::Repeat(repeat) => collect(&repeat.steps.iter().collect::<Vec<_>>(), acts),
                _ => {}
            }
        }
    }
    collect(steps, &mut acts);
    for (at, (actor, act)) in acts.iter().enumerate() {
        let last = !acts[at + 1..].iter().any(|(other, _)| other == actor);
        visit(actor, act, last);
    }
}

/// Whether an act sends SUBSCRIBE, by itself or within its verb.
fn subscribes(dialect: &Dialect, act: &Act) -> bool {
    let within = dialect.verb(&act.verb.name);
    mentions(&act.arg, "SUBSCRIBE")
        || within.is_some_and(|v| v.does.iter().any(|act| subscribes(dialect, act)))
}

fn mentions(node: &Node, word: &str) -> bool {
    let mut found = false;
    node.walk(&mut |node| found |= node.text().is_some_and(|t| t.contains(word)));
    found
}

/// Contents that a case writes itself carry a mark, and no two of them are equal.
fn contents(reader: &mut Reader<'_>, case: &Case, dialect: &Dialect) {
    let mut seen: Vec<(String, String)> = Vec::new();
    let marked =
        |text: &str| text.contains("mark)") || text.contains("fresh)") || text == "$mark" || text == "$fresh";
    let lets: BTreeSet<&str> = case
        .lets
        .iter()
        .filter(|(_, value)| value.text().is_some_and(marked))
        .map(|(name, _)| name.name.as_str())
        .collect();
    let steps: Vec<&Step> = case.given.iter().chain(&case.steps).collect();
    walk_steps(&steps, &mut |actor, act, _| {
        let is_send = dialect.verb(&act.verb.name).is_some_and(|v| v.road.is_some());
        if !is_send {
            return;
        }
        for member in ["content", "body"] {
            let Some((text, at)) = act.arg.get(member).and_then(|n| n.text().map(|t| (t, n.at))) else {
                continue;
            };
            let refers = text.contains('$');
            if !refers {
                let found =
                    super::diagnostic::Diagnostic::warning(reader.source, at, "this text carries no mark");
                reader.found.push(
                    found.help("add $(mark): without it the message cannot be told from other people's"),
                );
            }
            let fixed = refers
                && !text.contains("fresh")
                && parts(text).is_ok_and(|parts| {
                    parts.iter().all(|p| match p {
                        Part::Literal(_) => true,
                        Part::Reference(name, _) => *name == "mark" || lets.contains(name),
                    })
                });
            if fixed && seen.iter().any(|(t, a)| t == text && a == actor) {
                let what = "two sends of this case have equal content".to_owned();
                reader.error_help(at, what, "give them different words, or use $(fresh)");
            }
            if fixed {
                seen.push((text.to_owned(), actor.to_owned()));
            }
        }
    });
}
