//! What names stand for while a case is judged: facts of the run, scopes of the case, state of its connections.
//!
//! It relies on the case's facts and on logged events. It never reads a clock: `$now` is the time of the event at
//! which it is asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::case::event::Seen;
use crate::case::profile::Profile;
use crate::case::script::{Script, role_of};
use crate::case::value::{Env, Purpose, eval, select};

/// What a case was given when it began: it stands in the report beside the script.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Facts {
    /// The mark of run and case, in every content that the case sends.
    pub mark: String,
    /// What every mark of this run's cases begins with.
    pub run_mark: String,
    /// What every mark of the engine's own messages begins with.
    pub engine_mark: String,
    /// Epoch milliseconds at which the run's clock began.
    pub anchor_ms: u64,
    /// `$target`.
    pub target: BTreeMap<String, String>,
    /// The profile in force.
    pub profile: Arc<Profile>,
    /// Points as they are known: pinned, observed, or by default.
    pub points: BTreeMap<String, Value>,
    /// Points that are pinned or have a default: an observation is judged against them.
    pub pinned: Arc<BTreeMap<String, Value>>,
    /// Clauses of points that the profile pins: what they say is judged, however open the document leaves it.
    pub pinned_clauses: Arc<Vec<String>>,
    /// Connection or role → the account that was leased for it.
    pub leases: BTreeMap<String, Lease>,
    /// Group name in the case → id.
    pub groups: BTreeMap<String, String>,
    /// Whether the prober's account is a member of every group.
    pub prober_is_member: bool,
    /// Crowd → how many sessions it has.
    pub crowds: BTreeMap<String, u64>,
}

/// An account as a case sees it: names of its secrets, never the secrets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lease {
    /// The label in the target's configuration.
    pub account: String,
    /// The user id.
    pub user: String,
    /// Members that the account has: `token`, `login`, `passcode`, `expired`.
    pub has: Vec<String>,
    /// The login name, which is no secret.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub login: Option<String>,
}

/// What is known of a connection.
#[derive(Debug, Clone, Default)]
pub struct Conn {
    /// Ids of subscriptions that were asked for on it, with their destinations.
    pub subscriptions: Vec<(String, String)>,
    /// The version that CONNECTED says; 1.0 where it says none and nothing later was asked for.
    pub version: Option<String>,
    /// Whether a version was asked for that CONNECTED must name.
    asks_for_later: bool,
    /// The heart-beat that we offered.
    offered: (u64, u64),
    /// Milliseconds between beats towards us, 0 for none.
    pub beats_in: u64,
    /// Milliseconds between beats from us, 0 for none.
    pub beats_out: u64,
}

impl Conn {
    /// Takes note of a frame that we sent.
    pub fn sent(&mut self, frame: &Seen) {
        match frame.command.as_str() {
            // We are the server.
            "CONNECTED" => {
                self.version = frame.header("version").or(Some("1.0")).map(str::to_owned);
                let (cx, cy) = self.offered;
                let (sx, sy) = beats(frame.header("heart-beat"));
                (self.beats_in, self.beats_out) = (agreed(cx, sy), agreed(sx, cy));
            }
            "CONNECT" | "STOMP" => {
                self.offered = beats(frame.header("heart-beat"));
                self.asks_for_later = frame.header("accept-version").is_some_and(|v| v != "1.0");
            }
            "SUBSCRIBE" => {
                // In STOMP 1.0 a subscription needs no id; it is then known by none.
                let destination = frame.header("destination").unwrap_or_default().to_owned();
                self.subscriptions.extend(frame.header("id").map(|id| (id.to_owned(), destination)));
            }
            _ => {}
        }
    }

    /// Takes note of a frame that came.
    pub fn came(&mut self, frame: &Seen) {
        if matches!(frame.command.as_str(), "CONNECT" | "STOMP") {
            self.offered = beats(frame.header("heart-beat"));
        }
        if frame.command == "CONNECTED" {
            // 1.0 knows no `version`; elsewhere one that is missing is a fault (STOMP12-CONND-01), and no excuse.
            let unsaid = (!self.asks_for_later).then_some("1.0");
            self.version = frame.header("version").or(unsaid).map(str::to_owned);
            let (sx, sy) = beats(frame.header("heart-beat"));
            let (cx, cy) = self.offered;
            (self.beats_in, self.beats_out) = (agreed(sx, cy), agreed(cx, sy));
        }
    }
}

/// How often one side beats that can give so often, where the other wants so often (STOMP12-HB-05, HB-06); 0 for never.
fn agreed(give: u64, want: u64) -> u64 {
    if give == 0 || want == 0 { 0 } else { give.max(want) }
}

/// The two numbers of a heart-beat header; a missing one is `0,0` (STOMP12-HB-04).
pub fn beats(header: Option<&str>) -> (u64, u64) {
    let parse = |text: &str| text.trim().parse().unwrap_or(0);
    header.and_then(|h| h.split_once(',')).map_or((0, 0), |(a, b)| (parse(a), parse(b)))
}

/// Names of one stretch of a case.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    parent: Option<usize>,
    names: Vec<(String, Option<Value>)>,
}

impl Scope {
    pub(super) fn names(&self) -> &[(String, Option<Value>)] {
        &self.names
    }
}

/// Everything that a name may stand for.
#[derive(Debug)]
pub(super) struct World {
    pub(super) facts: Arc<Facts>,
    pub(super) conns: BTreeMap<String, Conn>,
    scopes: Vec<Scope>,
    fresh: u64,
}

/// The scope of the case itself.
pub(super) const CASE: usize = 0;

impl World {
    pub(super) fn new(script: &Script, facts: Arc<Facts>) -> Self {
        let mut world = World { facts, conns: BTreeMap::new(), scopes: vec![Scope::default()], fresh: 0 };
        // Columns may use `let` and the other way round: whatever can be computed is, until nothing more can.
        let mut left: Vec<&(String, Value)> = script.names.iter().collect();
        while !left.is_empty() {
            let before = left.len();
            left.retain(|(name, value)| {
                let mut view = View { world: &mut world, scope: CASE, me: "", at: 0 };
                match eval(value, &mut view, Purpose::Seeing) {
                    Ok(value) => {
                        world.bind(CASE, name, value.filter(|v| *v != json!({ "is": "absent" })));
                        false
                    }
                    Err(_) => true,
                }
            });
            if left.len() == before {
                // What cannot be computed is an error where it is used.
                break;
            }
        }
        world
    }

    pub(super) fn scope(&mut self, parent: Option<usize>) -> usize {
        self.scopes.push(Scope { parent, ..Scope::default() });
        self.scopes.len() - 1
    }

    pub(super) fn names(&self, scope: usize) -> &[(String, Option<Value>)] {
        self.scopes[scope].names()
    }

    pub(super) fn bind(&mut self, scope: usize, name: &str, value: Option<Value>) {
        let names = &mut self.scopes[scope].names;
        match names.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = value,
            None => names.push((name.to_owned(), value)),
        }
    }

    pub(super) fn view<'w>(&'w mut self, scope: usize, me: &'w str, at: u64) -> View<'w> {
        View { world: self, scope, me, at }
    }

    /// The account leased for a connection.
    pub(super) fn lease(&self, connection: &str) -> Option<&Lease> {
        self.facts.leases.get(connection).or_else(|| self.facts.leases.get(role_of(connection)))
    }

    /// What a connection's name stands for: its user, and the names of its secrets.
    pub(super) fn actor(&self, connection: &str) -> Option<Value> {
        let (name, lease) = match self.facts.leases.get_key_value(connection) {
            Some(found) => found,
            None => self.facts.leases.get_key_value(role_of(connection))?,
        };
        let mut record = json!({ "user": lease.user });
        for secret in ["token", "passcode"] {
            if lease.has.iter().any(|h| h == secret) {
                record[secret] = Value::from(format!("«{secret}:{name}»"));
            }
        }
        if let Some(login) = &lease.login {
            record["login"] = Value::from(login.as_str());
        }
        if let Some(conn) = self.conns.get(connection) {
            let ids: Vec<&str> = conn.subscriptions.iter().map(|(id, _)| id.as_str()).collect();
            record["subscriptions"] = Value::from(ids);
            record["beats"] = json!({ "in": conn.beats_in, "out": conn.beats_out });
        } else {
            record["subscriptions"] = json!([]);
            record["beats"] = json!({ "in": 0, "out": 0 });
        }
        Some(record)
    }

    fn actor_member(&self, connection: &str, path: &[&str]) -> Option<Value> {
        if let ["token", kind] = path {
            let (name, lease) = match self.facts.leases.get_key_value(connection) {
                Some(found) => found,
                None => self.facts.leases.get_key_value(role_of(connection))?,
            };
            let there = lease.has.iter().any(|h| h == if *kind == "expired" { "expired" } else { "token" });
            return there.then(|| Value::from(format!("«token:{name}.{kind}»")));
        }
        select(&self.actor(connection)?, path)
    }
}

/// The names as seen from one act: its scope, who acts, and when.
pub(super) struct View<'w> {
    world: &'w mut World,
    scope: usize,
    me: &'w str,
    at: u64,
}

impl Env for View<'_> {
    fn lookup(&mut self, name: &str, path: &[&str]) -> Result<Option<Value>, String> {
        let mut scope = Some(self.scope);
        while let Some(at) = scope {
            let names = &self.world.scopes[at].names;
            let dotted = path.first().map(|first| format!("{name}.{first}"));
            let found =
                names.iter().find(|(n, _)| Some(n) == dotted.as_ref()).map(|found| (found, &path[1..]));
            if let Some(((_, value), rest)) =
                found.or_else(|| names.iter().find(|(n, _)| n == name).map(|found| (found, path)))
            {
                return Ok(value.as_ref().and_then(|v| select(v, rest)));
            }
            scope = self.world.scopes[at].parent;
        }
        self.engine(name, path)
    }
}

impl View<'_> {
    fn engine(&mut self, name: &str, path: &[&str]) -> Result<Option<Value>, String> {
        let facts = &self.world.facts;
        Ok(match name {
            "absent" => None,
            "mark" => Some(Value::from(facts.mark.as_str())),
            "fresh" => {
                self.world.fresh += 1;
                Some(Value::from(format!("{}-{}", self.world.facts.mark, self.world.fresh)))
            }
            "now" => Some(Value::from(facts.anchor_ms + self.at / 1000)),
            "fill" => {
                let count = path.first().and_then(|n| n.parse::<usize>().ok());
                let count = count
                    .filter(|n| *n <= 16 << 20)
                    .ok_or("`$fill` takes a number of octets: $(fill.32768)")?;
                Some(Value::from(filler(count)))
            }
            "target" => {
                path.first().and_then(|member| facts.target.get(*member)).map(|v| Value::from(v.as_str()))
            }
            "profile" => {
                let all = json!({ "points": facts.points, "limits": facts.profile.all_limits() });
                select(&all, path)
            }
            "me" => self.world.actor_member(self.me, path),
            _ if self.world.lease(name).is_some() => self.world.actor_member(name, path),
            _ => match (facts.groups.get(name), path) {
                (Some(id), []) => Some(json!({ "id": id })),
                (Some(id), ["id"]) => Some(Value::from(id.as_str())),
                _ => return Err(format!("`${name}` is not bound")),
            },
        })
    }
}

/// Filler text: letters that show where they stand.
fn filler(count: usize) -> String {
    "abcdefghijklmnopqrstuvwxyz".chars().cycle().take(count).collect()
}
