//! A case as expanded: rows filled in, verbs down to primitives, each check with its clause and its place.
//!
//! It relies on nothing but serde: it stands in `run.json`, and with the events it is all that the judge needs. It
//! never refers to a suite or dialect file except to say where something was written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::transport::Transport;

/// How binding a clause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// The text leaves it open: observed, never failed.
    Open,
    /// Permitted.
    May,
    /// Recommended: a breach is a warning.
    Should,
    /// Required: a breach is a failure.
    Must,
}

/// Which side of a connection a case or rule judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// A server: the harness is its clients.
    #[default]
    Server,
    /// A client: the harness is its server.
    Client,
}

impl Side {
    /// The words of `judges:`.
    pub const WORDS: [&'static str; 2] = ["server", "client"];

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Side::Server => "server",
            Side::Client => "client",
        }
    }

    /// The side of this name.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "server" => Some(Side::Server),
            "client" => Some(Side::Client),
            _ => None,
        }
    }

    /// Whether it is the one that is judged unless a suite says otherwise.
    pub(crate) fn is_server(&self) -> bool {
        *self == Side::Server
    }
}

/// A place in a suite or dialect file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.file.is_empty() {
            return Ok(());
        }
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A case, ready to be carried out and to be judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Script {
    /// `im/revoke/recipient-is-told`, with the row in brackets.
    pub id: String,
    /// The suite.
    pub suite: String,
    /// The dialect.
    pub dialect: String,
    /// Whom it judges.
    #[serde(skip_serializing_if = "Side::is_server", default)]
    pub judges: Side,
    /// A sentence that is true of a conforming target.
    pub title: String,
    /// The mistake it is meant to catch.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<String>,
    /// Words to select by.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tags: Vec<String>,
    /// What it decides; the first is the default clause.
    pub requirements: Vec<String>,
    /// Where it is written.
    pub place: Place,
    /// What must hold of profile and target for it to make sense.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub needs: Vec<(String, Value)>,
    /// Names for the length of the case: columns of its row, then `let`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub names: Vec<(String, Value)>,
    /// Who takes part.
    pub cast: Vec<Member>,
    /// Roles of which it needs an expired token.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub expired: Vec<String>,
    /// Groups of the target that it needs.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub groups: Vec<GroupNeed>,
    /// The dialect's states, each reached from the one before.
    pub states: Vec<State>,
    /// Steps that prepare.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub given: Vec<Step>,
    /// Steps that decide.
    pub steps: Vec<Step>,
    /// The dialect's roads.
    pub roads: Vec<Road>,
    /// How a sent message is found again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub identity: Option<Identity>,
    /// The points that it observes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub points: BTreeMap<String, Point>,
    /// The level of every clause that a check of it may decide.
    pub levels: BTreeMap<String, Level>,
}

/// One connection of the cast, or a crowd of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// `alice`, `bob/phone`, `crowd`.
    pub name: String,
    /// The state that it is brought to: `away`, `offline`, or one of the dialect's.
    pub state: String,
    /// The transport.
    pub over: Transport,
    /// How many sessions, for a crowd: a number, or a reference to one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub times: Option<Value>,
    /// Where it is written.
    pub place: Place,
}

impl Member {
    /// The account's role: the name up to the slash.
    pub fn role(&self) -> &str {
        role_of(&self.name)
    }
}

/// The role to which a connection belongs: `bob/phone` is bob's.
pub fn role_of(connection: &str) -> &str {
    connection.split('/').next().unwrap_or(connection)
}

/// The state of whoever waits for connections: the engine's, where a client is judged. Its connections are called by
/// their number, `server/1`, or `server/next`.
pub const LISTENING: &str = "listening";

/// What stands for the number of a connection that nobody has looked at yet.
const NEXT: &str = "next";

/// A group that a case needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupNeed {
    /// Its name in the case.
    pub name: String,
    /// Roles that are members.
    pub members: Vec<String>,
    /// Roles that are not.
    pub others: Vec<String>,
}

/// A state of the dialect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Its name.
    pub name: String,
    /// What an actor does to reach it from the state before.
    pub steps: Vec<Step>,
}

/// How a marked message is sent and seen, so that its arrival proves something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Road {
    /// Its name.
    pub name: String,
    /// The state that a receiver must be in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub receiver: Option<String>,
    /// How somebody subscribes so that it leads to her.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub listens: Option<Step>,
    /// What the sender does.
    pub sends: Step,
    /// What the receiver sees.
    pub shows: Step,
    /// The clause that a lost message breaks.
    pub clause: String,
    /// Whether it leads to a group.
    pub to_group: bool,
    /// Whether it leads to whatever the receiver is subscribed to.
    pub to_subscription: bool,
}

/// Members of a message by which it is found again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The member that holds the sender's id.
    pub sent: String,
    /// The member that holds the id as seen.
    pub seen: String,
    /// The member that links the two where the server gives ids of its own.
    pub link: String,
}

/// What a dialect leaves open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The values it may have; none for a boolean.
    pub values: Vec<String>,
    /// The value that counts unless a profile pins another.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub default: Option<Value>,
    /// The value that claims nothing: pinned to it, nothing is judged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub open: Option<String>,
    /// The clause by which a pinned value is judged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub clause: Option<String>,
    /// Further clauses that are judged where the point is pinned.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub also: Vec<String>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its number in the script.
    pub id: u32,
    /// Where it is written.
    pub place: Place,
    /// What it is.
    #[serde(flatten)]
    pub kind: Kind,
}

/// The kinds of step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Steps whose connections do not wait for one another.
    Together(Vec<Step>),
    /// Steps done again and again.
    Repeat(Repeat),
    /// About what is bound.
    Check(Checks),
    /// A condition for going on.
    Needs(Vec<(String, Value)>),
    /// An open point, and for each of its values what would show it.
    Observe {
        /// The point.
        point: String,
        /// Value and condition.
        values: Vec<(Value, Vec<(String, Value)>)>,
    },
    /// What an actor does or sees.
    Act(Act),
}

/// Steps done again and again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Repeat {
    /// How often: a number or a reference.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub times: Option<Value>,
    /// Over these values.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub over: Option<Value>,
    /// For so long.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lasts: Option<String>,
    /// The name of the round.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// The steps.
    pub steps: Vec<Step>,
}

/// Conditions on what is bound, decided under one clause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checks {
    /// Reference and matcher.
    pub pairs: Vec<(String, Value)>,
    /// The clause.
    pub clause: String,
}

/// What an actor does or sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Act {
    /// Who: a connection of the cast; empty within a verb, where it is whoever uses the verb.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub actor: String,
    /// The verb, as written.
    pub verb: String,
    /// The name that is bound.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none", default)]
    pub bind: Option<String>,
    /// The clause under which a check of it is decided.
    pub clause: String,
    /// What it comes down to.
    #[serde(rename = "do")]
    pub deed: Deed,
}

/// What an act comes down to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// A verb of the dialect.
    Call {
        /// Parameter and value, those of the caller first evaluated.
        params: Vec<Param>,
        /// What it does.
        does: Vec<Step>,
        /// What it gives.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        gives: Option<Value>,
        /// The road that proves what became of it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        road: Option<String>,
    },
    /// A seeing.
    See(See),
    /// The upgrade.
    Open(Value),
    /// A well-formed frame.
    Frame(Value),
    /// Octets as they are.
    Bytes(Value),
    /// How the connection lays out what it sends.
    Wire(Value),
    /// A WebSocket control frame, or octets beneath.
    Ws(Value),
    /// An HTTP request beside a session.
    Http(Value),
    /// The client under test is started.
    Spawn(Value),
    /// The answer to a request of the client under test.
    Answer(Value),
    /// A command for the client under test.
    Do(Value),
    /// The end of TCP without a close frame: `reset` or `eof`.
    Cut(Value),
    /// A state to be in.
    Become(Value),
    /// What was done before has been worked off, by this road.
    Settle(Value),
    /// A subscription is gone.
    Gone(Value),
    /// A window of time.
    Watch {
        /// How long.
        lasts: String,
        /// What must not come in it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        nothing: Option<Pattern>,
        /// The longest silence.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        gap: Option<String>,
    },
}

/// A parameter of a verb.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// Whether the value is the caller's, in whose scope it is evaluated.
    pub given: bool,
    /// Whether a record given for it stands for its member of this name.
    pub member: bool,
}

/// A seeing: which of the seven forms, and of what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum See {
    /// It came or comes.
    One(Pattern),
    /// They come, in this order.
    InOrder(Patterns),
    /// They come.
    AnyOrder(Patterns),
    /// They come, and nothing else of this case.
    Exactly(Patterns),
    /// Nothing like it is there or comes.
    Nothing(Pattern),
    /// Whatever is there or comes until the barrier.
    Every(Pattern),
    /// One alternative happens, in order.
    OneOf(Vec<(String, Vec<Pattern>)>),
}

/// Several patterns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Patterns {
    /// One by one.
    Each(Vec<Pattern>),
    /// One sight, for every item of a list that a reference names.
    Of(Box<Sight>, String),
}

/// An event to be seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pattern {
    /// The upgrade succeeded.
    Opened,
    /// The target ended the connection.
    Closed(Value),
    /// A heart-beat.
    Beat,
    /// A frame.
    Frame(Value),
    /// An HTTP response.
    Http(Value),
    /// An HTTP request of the client under test: with it a connection begins.
    Request(Value),
    /// A line of the client under test.
    Told(Value),
    /// The client under test has exited.
    Exited(Value),
    /// A WebSocket control frame.
    Ws(Value),
    /// Something that the strict reader refuses.
    Malformed(Value),
    /// A sight of the dialect.
    Sight(Box<Sight>),
}

/// A sight of the dialect, with its argument.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sight {
    /// Its name.
    pub name: String,
    /// The argument.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub it: Option<Value>,
    /// The alternatives; a plain sight has one, without a name.
    pub alternatives: Vec<(String, Vec<Pattern>)>,
    /// What ends the wait at once, broken.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub never: Option<Pattern>,
    /// What a pattern may name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub members: Option<Vec<String>>,
    /// Where in a body several messages are found.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub unfold: Vec<String>,
    /// Only what belongs to the case counts.
    pub of_case: bool,
    /// What `as:` binds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub gives: Option<Value>,
    /// Its clause.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub clause: Option<String>,
}

impl Level {
    /// The word of the specifications.
    pub fn word(self) -> &'static str {
        match self {
            Level::Must => "MUST",
            Level::Should => "SHOULD",
            Level::May => "MAY",
            Level::Open => "open",
        }
    }
}

impl Script {
    /// Every step, with those within it.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Step)) {
        let roads = self.roads.iter().flat_map(|r| r.listens.iter().chain([&r.sends, &r.shows]));
        let states = self.states.iter().flat_map(|s| &s.steps);
        for step in states.chain(&self.given).chain(&self.steps).chain(roads) {
            step.walk(visit);
        }
    }

    /// The same dialect without a case: for what the engine does by itself.
    pub fn without_steps(&self) -> Script {
        Script {
            cast: Vec::new(),
            groups: Vec::new(),
            given: Vec::new(),
            steps: Vec::new(),
            names: Vec::new(),
            ..self.clone()
        }
    }

    /// The rank of a state: `away`, `offline` and `listening` are 0, the dialect's count from 1.
    pub fn rank(&self, state: &str) -> Option<usize> {
        match state {
            "away" | "offline" | LISTENING => Some(0),
            _ => self.states.iter().position(|s| s.name == state).map(|at| at + 1),
        }
    }

    /// The state in which one can send: the one before the first road's `receiver`, or the last (docs/language.md 8).
    pub fn sending_state(&self) -> Option<&str> {
        let receiver = self.roads.iter().find_map(|road| road.receiver.as_deref());
        let rank = receiver.and_then(|state| self.rank(state));
        let at = rank.map_or(self.states.len(), |rank| rank - 1).checked_sub(1)?;
        self.states.get(at).map(|state| state.name.as_str())
    }

    /// The level of a clause.
    pub fn level(&self, clause: &str) -> Level {
        self.levels.get(clause).copied().unwrap_or(Level::Must)
    }
}

impl Act {
    /// Whether it, or something within it, waits for a connection to come.
    pub fn takes_connection(&self) -> bool {
        fn is_request(pattern: &Pattern) -> bool {
            match pattern {
                Pattern::Request(_) => true,
                Pattern::Sight(sight) => sight.alternatives.iter().any(|(_, all)| all.iter().any(is_request)),
                _ => false,
            }
        }
        match &self.deed {
            Deed::See(See::One(pattern)) => is_request(pattern),
            Deed::See(See::OneOf(all)) => all.iter().any(|(_, patterns)| patterns.iter().any(is_request)),
            Deed::Call { does, .. } => {
                does.iter().any(|step| matches!(&step.kind, Kind::Act(act) if act.takes_connection()))
            }
            _ => false,
        }
    }

    /// The role whose next connection it is about, where it names none by its number.
    pub fn next_of(&self) -> Option<&str> {
        self.actor.strip_suffix(NEXT)?.strip_suffix('/')
    }

    /// Whether it, or something within it, is about WebSocket frames.
    pub fn needs_websocket(&self) -> bool {
        match &self.deed {
            Deed::Ws(_) => true,
            Deed::Wire(layout) => ["fragment", "opcode"].iter().any(|key| layout.get(key).is_some()),
            Deed::Call { does, .. } => {
                does.iter().any(|step| matches!(&step.kind, Kind::Act(act) if act.needs_websocket()))
            }
            _ => false,
        }
    }
}

impl Step {
    /// This step and those within it.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Step)) {
        visit(self);
        let inner: &[Step] = match &self.kind {
            Kind::Together(steps) => steps,
            Kind::Repeat(repeat) => &repeat.steps,
            Kind::Act(Act { deed: Deed::Call { does, .. }, .. }) => does,
            _ => &[],
        };
        inner.iter().for_each(|step| step.walk(visit));
    }
}

/// What may stand between two fragments of a WebSocket message (RFC 6455, 5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    /// A ping.
    Ping,
    /// A pong.
    Pong,
    /// A fragment without octets.
    Empty,
}

/// How a connection lays out what it sends (docs/language.md 4, `wire`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    /// Frames in a WebSocket message.
    pub batch: Option<usize>,
    /// Octets at which a frame is cut into messages.
    pub cut: Vec<usize>,
    /// Octets in a message.
    pub every: Option<usize>,
    /// Octets in a WebSocket fragment.
    pub fragment: Option<usize>,
    /// What is put between two of them.
    pub between: Option<Between>,
    /// Binary messages instead of text.
    pub binary: bool,
    /// Lines end with CR LF.
    pub crlf: bool,
    /// What is written behind each frame.
    pub after: String,
    /// Whether heart-beats are sent as negotiated.
    pub silent: bool,
}
