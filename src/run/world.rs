//! What all cases of a run share: the target, the clock, the profile, what was observed, what was spent waiting.
//!
//! It relies on tokio's clock, the only one that anything decides by. It never changes while a case runs, but for
//! counters and observations.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::client::Client;
use super::learned::Learned;
use super::program::Residents;
use crate::case::profile::Profile;
use crate::case::rule::Rule;
use crate::case::script::Point;
use crate::link::Badness;
use crate::session::Endpoint;
use crate::session::secrets::{Vault, of_token};
use crate::target::Target;

/// What all cases of a run share.
#[derive(Debug)]
pub struct World {
    /// The target.
    pub target: Target,
    /// How it is reached.
    pub endpoint: Endpoint,
    /// Its secrets, to be kept out of everything that is told.
    pub vault: Arc<Vault>,
    /// What it is said to be.
    pub profile: Profile,
    /// The same, as a case is told.
    pub said: Said,
    /// Rules that are folded over all transcripts.
    pub rules: Arc<Vec<Rule>>,
    /// Every point of the dialects in use.
    pub points: BTreeMap<String, Point>,
    /// When the run began.
    pub start: Instant,
    /// Epoch milliseconds at that moment.
    pub anchor_ms: u64,
    /// The run's seed.
    pub seed: u64,
    /// Five characters that tell this run's marks from others'.
    pub tag: String,
    /// The least patience.
    pub floor: Duration,
    /// The client under test, where it is one that is judged.
    pub client: Option<Client>,
    /// Whether each case has a process of its own, though the client can be restarted.
    pub fresh_clients: bool,
    /// Those that wait to be restarted.
    pub(super) residents: Residents,
    /// What was learned of it, in this run or before.
    pub learned: Arc<Learned>,
    observed: Mutex<BTreeMap<String, Value>>,
    /// What was spent waiting.
    pub waiting: Waiting,
}

/// What the target is said to be, as every case is told.
#[derive(Debug)]
pub struct Said {
    /// The profile, but for its known failures: a case must not know them.
    pub profile: Arc<Profile>,
    /// Points that are judged: pinned by the profile, or by default.
    pub pinned: Arc<BTreeMap<String, Value>>,
    /// Clauses of the points that the profile pins.
    pub clauses: Arc<Vec<String>>,
}

impl Said {
    /// Of a profile, the points of the dialects, and the clauses by which they are judged: two dialects may share a
    /// point.
    fn new(profile: &Profile, points: &BTreeMap<String, Point>, clauses: &[(String, String)]) -> Self {
        let pinned = profile.judged(points);
        let claimed = |name: &String| {
            let (point, value) = (points.get(name), profile.points.get(name));
            value.is_some_and(|value| point.is_none_or(|point| point.claims(value)))
        };
        let clauses = clauses.iter().filter(|(name, _)| claimed(name)).map(|(_, clause)| clause.clone());
        Said {
            profile: Arc::new(Profile { known: Vec::new(), ..profile.clone() }),
            pinned: Arc::new(pinned),
            clauses: Arc::new(clauses.collect()),
        }
    }
}

/// Microseconds spent waiting, by what for.
#[derive(Debug, Default)]
pub struct Waiting {
    /// For what came.
    pub round_trips: AtomicU64,
    /// For graces of barriers.
    pub grace: AtomicU64,
    /// For windows of time.
    pub windows: AtomicU64,
    /// For what did not come.
    pub patience: AtomicU64,
}

impl Waiting {
    /// Adds to a counter.
    pub fn add(counter: &AtomicU64, time: Duration) {
        counter.fetch_add(time.as_micros() as u64, Ordering::Relaxed);
    }
}

impl World {
    /// A run's shared part; its clock begins now.
    pub fn new(
        target: Target,
        endpoint: Endpoint,
        profile: Profile,
        (points, clauses): (BTreeMap<String, Point>, Vec<(String, String)>),
        rules: Arc<Vec<Rule>>,
        learned: Arc<Learned>,
        settings: &Settings,
    ) -> Self {
        World {
            vault: Arc::new(vault(&target)),
            said: Said::new(&profile, &points, &clauses),
            target,
            endpoint,
            profile,
            rules,
            points,
            start: Instant::now(),
            anchor_ms: settings.anchor_ms,
            seed: settings.seed,
            tag: tag(settings.seed),
            floor: settings.floor,
            client: None,
            fresh_clients: settings.fresh_clients,
            residents: Residents::default(),
            learned,
            observed: Mutex::new(BTreeMap::new()),
            waiting: Waiting::default(),
        }
    }

    /// Microseconds since the start.
    pub fn now(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    /// Takes note of a round trip.
    pub fn round_trip_seen(&self, time: Duration) {
        self.learned.round_trip_seen(time);
        Waiting::add(&self.waiting.round_trips, time);
    }

    /// The usual round trip.
    pub fn round_trip(&self) -> Duration {
        self.learned.round_trip()
    }

    /// How long something that must come is waited for: a floor, or twenty round trips.
    pub fn patience(&self) -> Duration {
        self.floor.max(self.round_trip() * 20)
    }

    /// How long the end of a connection is waited for after an ERROR: with all patience, until the target has shown
    /// three times that it does not close; unless the profile says so.
    pub fn close_patience(&self) -> Duration {
        let known = |rule: &Rule| {
            rule.then.is_some()
                && self.profile.known.iter().any(|k| k.case.is_none() && k.clause == rule.requirement)
        };
        if self.learned.unclosed() < 3 && !self.rules.iter().any(known) {
            self.patience()
        } else {
            Duration::from_millis(20).max(self.round_trip() * 5)
        }
    }

    /// How long the answer to a close of the engine's own is waited for: nothing is judged by it.
    pub fn parting(&self) -> Duration {
        Duration::from_millis(500).max(self.round_trip() * 5)
    }

    /// How long an account must have been away to be offline (docs/verdicts.md).
    pub fn departure(&self) -> Duration {
        let pinned = self.profile.limits.get("departure").and_then(Value::as_str);
        match pinned.and_then(|text| humantime::parse_duration(text).ok()) {
            Some(pinned) => pinned,
            None => Duration::from_millis(20).max(self.round_trip() * 5 + self.learned.deviation() * 4),
        }
    }

    /// After which time a SockJS session is forgotten that nobody receives from: five seconds, unless the profile says
    /// otherwise.
    pub fn session_timeout(&self) -> Duration {
        let pinned = self.profile.limits.get("sockjs_session").and_then(Value::as_str);
        pinned.and_then(|text| humantime::parse_duration(text).ok()).unwrap_or(Duration::from_secs(6))
    }

    /// Takes note of what a case observed.
    pub fn observe(&self, points: &BTreeMap<String, Value>) {
        let mut all = self.observed.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, value) in points {
            all.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }

    /// What was observed so far.
    pub fn observed(&self) -> BTreeMap<String, Value> {
        self.observed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Points as far as they are known: observed, else pinned, else by default. A claim that the run has shown to be wrong
    /// is judged at its own clause, once: cases that need it to be true have nothing to judge.
    pub fn known(&self) -> BTreeMap<String, Value> {
        let mut all = BTreeMap::clone(&self.said.pinned);
        all.extend(self.observed());
        all
    }

    /// One of them.
    pub fn point(&self, name: &str) -> Option<Value> {
        let observed = self.observed.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        observed.or_else(|| self.said.pinned.get(name).cloned())
    }

    /// Whether the target keeps the order of one sender's messages to one destination: the profile says so, or it was
    /// measured; and nothing in the run has shown otherwise (docs/verdicts.md).
    pub fn keeps_order(&self) -> bool {
        let kept = match self.profile.points.get("ordering") {
            Some(pinned) => pinned == "per-sender",
            None => self.learned.calibration().is_some_and(|c| c.keeps_order),
        };
        kept && self.learned.inversions() == 0
    }

    /// Whether every frame with `receipt` is answered, as far as is known: a claim of the profile that the run has shown
    /// to be wrong is judged at its own clause, and not relied on anywhere else.
    pub fn gives_receipts(&self) -> bool {
        !self.learned.misses_receipts() && self.point("receipts").is_some_and(|v| v == "all")
    }
}

/// The secrets of all accounts, also of those that a case does not use; of the broken forms of a token only the values:
/// a case that uses one names it.
fn vault(target: &Target) -> Vault {
    let (mut always, mut named) = (Vec::new(), Vec::new());
    for account in &target.accounts {
        for (kind, secret) in
            [("token", &account.token), ("expired", &account.expired), ("passcode", &account.passcode)]
        {
            always.extend(
                secret.iter().map(|s| (format!("«{kind}:@{}»", account.label), s.reveal().to_owned())),
            );
        }
        if let Some(token) = &account.token {
            named.extend(of_token("", token.reveal()).into_iter().skip(1).map(|(_, broken)| broken));
        }
    }
    always.extend(target.headers.iter().map(|(name, s)| (format!("«header:{name}»"), s.reveal().to_owned())));
    Vault::new(always, named)
}

/// What a run is told by its user.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The seed of marks, mask keys and order.
    pub seed: u64,
    /// Epoch milliseconds at the start.
    pub anchor_ms: u64,
    /// The least patience.
    pub floor: Duration,
    /// Cases at a time.
    pub jobs: usize,
    /// Whether the first failure ends the run.
    pub fail_fast: bool,
    /// How often every case is run.
    pub repeat: usize,
    /// Whether the run goes on where the preflight fails.
    pub no_preflight: bool,
    /// Whether a client under test is started anew for each case, though it can be restarted.
    pub fresh_clients: bool,
    /// How long connections are kept at most after their case, so that what comes late is seen.
    pub linger: Duration,
    /// A network that delays, cuts and joins what it carries, if there is one in between.
    pub chaos: Option<Badness>,
}

impl Default for Settings {
    /// Patience of 5 s, eight cases at a time, each once, connections kept for 250 ms; the clock begins at the epoch.
    fn default() -> Self {
        Settings {
            seed: 0,
            anchor_ms: 0,
            floor: Duration::from_secs(5),
            jobs: 8,
            fail_fast: false,
            repeat: 1,
            no_preflight: false,
            fresh_clients: false,
            linger: Duration::from_millis(250),
            chaos: None,
        }
    }
}

/// Five characters that depend on the seed.
fn tag(seed: u64) -> String {
    const DIGITS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut dice = crate::dice::Dice::new(seed);
    let roll = dice.roll();
    (0..5).map(|at| char::from(DIGITS[(roll >> (5 * at)) as usize & 31])).collect()
}
