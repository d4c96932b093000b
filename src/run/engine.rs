//! A whole run: the target made reachable, the preflight, the runner, and what it cost.
//!
//! It relies on a runtime of its own: over sockets with all cores and the real clock, in memory with one thread and
//! virtual time. It never prints.

use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::calibrate::{Calibration, calibrate};
use super::client::{self, Client};
use super::journal::JournalFolder;
use super::learned::Learned;
use super::plan::Plan;
use super::preflight::{Unfit, preflight};
use super::record::Record;
use super::runner::{RunEvent, Runner, Stop, Stopped, Tell};
use super::world::{Settings, World};
use crate::case::library::Library;
use crate::case::profile::Profile;
use crate::case::script::Script;
use crate::dice::Dice;
use crate::link::tls::{TlsConnector, TlsError};
use crate::link::{Chaos, Connector, Listener, memory_link};
use crate::reference::{Directory, Policy, Server, variants};
use crate::session::Endpoint;
use crate::target::{Account, Group, Secret, Target};

/// What is judged.
#[derive(Debug, Clone)]
pub enum Subject {
    /// The reference server, within this process.
    Embedded {
        /// Its users and groups.
        directory: Directory,
        /// How it decides: rightly, or with a defect.
        policy: Policy,
        /// Over memory in virtual time, or over sockets.
        in_memory: bool,
    },
    /// A server somewhere.
    Remote(Box<Target>),
    /// A client: the harness is its server.
    Client(Client),
}

impl Subject {
    /// What it is said to be: by the profile of this name, else by the one that it names itself, with its own claims.
    ///
    /// # Errors
    /// A profile that there is not or that cannot be read, or a claim that contradicts it.
    pub fn profile(&self, library: &mut Library, name: Option<&str>) -> Result<Profile, String> {
        let own = match self {
            Subject::Remote(target) => target.profile.as_deref(),
            Subject::Embedded { .. } => Some("reference"),
            Subject::Client(Client::Reference { .. }) => Some("reference-client"),
            Subject::Client(Client::Program { .. } | Client::Visitor(_)) => None,
        };
        let profile = match name.or(own) {
            None => Profile::default(),
            Some(name) => library.profile_named(name)?,
        };
        self.claims(profile)
    }

    /// Whether it lives in memory and virtual time.
    pub fn in_memory(&self) -> bool {
        match self {
            Subject::Embedded { in_memory, .. } => *in_memory,
            Subject::Client(client) => client.in_memory(),
            Subject::Remote(_) => false,
        }
    }

    /// A profile with what is known of this server besides.
    ///
    /// # Errors
    /// A claim that contradicts it.
    pub fn claims(&self, mut profile: Profile) -> Result<Profile, String> {
        match self {
            Subject::Remote(target) => target.claims(profile),
            Subject::Embedded { policy, .. } => {
                profile.points.extend(variants::points(*policy));
                Ok(profile)
            }
            Subject::Client(_) => Ok(profile),
        }
    }
}

/// What a run came to, beside its records.
#[derive(Debug, Clone, Default)]
pub struct Cost {
    /// By the clock that decides.
    pub duration: Duration,
    /// Epoch milliseconds at the start.
    pub started_ms: u64,
    /// Milliseconds spent on round trips, graces, windows and patience.
    pub waiting: BTreeMap<&'static str, u64>,
    /// Points that were observed.
    pub observed: BTreeMap<String, serde_json::Value>,
    /// How the target's order was measured, where it was.
    pub calibration: Option<Calibration>,
    /// How often a message overtook another of its sender.
    pub inversions: u64,
    /// Who ended it before its end, if somebody did.
    pub stopped: Option<Stopped>,
}

/// Why a run could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The target cannot be judged.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The embedded server cannot be started, or the runtime.
    #[error("cannot start: {0}")]
    Start(#[from] std::io::Error),
}

/// Epoch milliseconds now.
pub fn epoch_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}

/// The day of a moment in epoch milliseconds, as `2026-11-25` (UTC).
pub fn day(epoch_ms: u64) -> String {
    let at = UNIX_EPOCH + Duration::from_millis(epoch_ms);
    humantime::format_rfc3339_seconds(at).to_string().chars().take(10).collect()
}

/// The fixed beginning of virtual time, so that the same seed gives the same transcripts: 2026-01-01T00:00:00Z.
const VIRTUAL_EPOCH_MS: u64 = 1_767_225_600_000;

/// The embedded server as a target.
pub fn embedded_target(directory: &Directory, address: &str) -> Target {
    // The address is ours: it is always a URL.
    let mut target = match Target::at(&format!("ws://{address}/ws/im")) {
        Ok(target) => target,
        Err(_) => unreachable!("an address of our own is a URL"),
    };
    target.app = Some(directory.app().to_owned());
    target.profile = Some("reference".into());
    let secret = |text: &Option<String>| text.as_deref().map(Secret::new);
    target.accounts = directory
        .users()
        .map(|user| Account {
            label: user.label.clone(),
            user: user.id.clone(),
            token: Some(Secret::new(user.token.clone())),
            expired: secret(&user.expired),
            login: user.passcode.as_ref().map(|_| user.id.clone()),
            passcode: secret(&user.passcode),
        })
        .collect();
    let label = |id: &String| directory.user(id).map_or_else(|| id.clone(), |u| u.label.clone());
    let group = |g: &crate::reference::Group| Group {
        label: g.label.clone(),
        id: g.id.clone(),
        members: g.members.iter().map(label).collect(),
    };
    target.groups = directory.groups().map(group).collect();
    target
}

/// What is to be run, on what, and how.
pub struct Job<'j> {
    /// Everything that was loaded.
    pub library: &'j Library,
    /// The cases.
    pub plan: &'j Plan,
    /// What is judged.
    pub subject: Subject,
    /// What it is said to be.
    pub profile: Profile,
    /// What the user wants.
    pub settings: Settings,
    /// Where journals go.
    pub folder: Option<JournalFolder>,
    /// What is known of the target from runs before.
    pub learned: Arc<Learned>,
}

/// Runs a plan on a subject.
///
/// # Errors
/// A target that cannot be judged or reached by the means given.
pub fn execute(job: Job<'_>, tell: Tell, stop: watch::Receiver<bool>) -> Result<Cost, RunError> {
    let virtual_time = job.subject.in_memory();
    let runtime = if virtual_time {
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?
    } else {
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?
    };
    let cost = runtime.block_on(run(job, tell, stop));
    // What still hangs on a target that never answers must not hold us up.
    runtime.shutdown_timeout(Duration::from_millis(100));
    cost
}

/// Runs a plan to its end, and hands over each record as it is there.
///
/// # Errors
/// As [`execute`].
pub fn each_record(job: Job<'_>, with: impl Fn(Record) + Send + Sync + 'static) -> Result<Cost, RunError> {
    let (_stopper, stop) = watch::channel(false);
    let tell = move |event| {
        if let RunEvent::Finished(record) = event {
            with(*record);
        }
    };
    execute(job, Arc::new(tell), stop)
}

/// Runs a plan to its end; all records, and what it cost.
///
/// # Errors
/// As [`execute`].
pub fn records(job: Job<'_>) -> Result<(Vec<Record>, Cost), RunError> {
    let (sender, records) = mpsc::channel();
    let cost = each_record(job, move |record| drop(sender.send(record)))?;
    Ok((records.try_iter().collect(), cost))
}

async fn run(job: Job<'_>, tell: Tell, stop: watch::Receiver<bool>) -> Result<Cost, RunError> {
    let Job { library, plan, subject, profile, mut settings, folder, learned } = job;
    let mut client = None;
    let (target, connector, server) = match subject {
        Subject::Client(under_test) => {
            if under_test.in_memory() {
                settings.anchor_ms = VIRTUAL_EPOCH_MS;
            }
            let target = match &under_test {
                Client::Visitor(door) => {
                    door.expect(plan);
                    door.target()
                }
                _ => client_target(settings.seed),
            };
            client = Some(under_test);
            let connector = Connector::Tcp { host: target.address.clone(), port: target.port, tls: None };
            (target, connector, None)
        }
        Subject::Remote(target) => {
            let tls =
                target.tls.then(|| TlsConnector::new(target.ca.as_deref(), target.insecure)).transpose()?;
            let connector = Connector::Tcp { host: target.address.clone(), port: target.port, tls };
            (*target, connector, None)
        }
        Subject::Embedded { directory, policy, in_memory: true } => {
            settings.anchor_ms = VIRTUAL_EPOCH_MS;
            let (connector, listener) = memory_link();
            let target = embedded_target(&directory, "memory:0");
            let server = Server::start(Listener::memory(listener), directory, policy, settings.anchor_ms);
            (target, Connector::Memory(connector), Some(server))
        }
        Subject::Embedded { directory, policy, in_memory: false } => {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let address = listener.local_addr()?;
            let target = embedded_target(&directory, &address.to_string());
            let server = Server::start(Listener::tcp(listener), directory, policy, settings.anchor_ms);
            let connector = Connector::Tcp { host: target.address.clone(), port: target.port, tls: None };
            (target, connector, Some(server))
        }
    };
    let connector = match settings.chaos {
        None => connector,
        Some(badness) => Connector::Chaotic(Arc::new(Chaos::new(badness)), Box::new(connector)),
    };
    let headers = target.headers.iter().map(|(name, _)| (name.clone(), format!("«header:{name}»"))).collect();
    let endpoint = Endpoint {
        connector,
        host: target.host.clone(),
        path: target.path.clone(),
        query: target.query.clone(),
        headers,
    };
    let rules = Arc::new(plan.rules.clone());
    let mut world = World::new(target, endpoint, profile, points(library, plan), rules, learned, &settings);
    world.client = client;
    if let Some(client) = &world.client {
        world.observe(&client.points(world.points.keys().cloned()));
    }
    let world = Arc::new(world);
    let stop = Stop { user: stop, deadline: world.target.budget.wall.map(|wall| world.start + wall) };
    if let (Some(model), false) = (plan.cases.first(), settings.no_preflight) {
        let mut stop = stop.clone();
        tokio::select! {
            biased;
            stopped = stop.told() => return Ok(cost(&world, Some(stopped))),
            fit = fit(&world, model, folder.as_ref()) => fit?,
        }
    }
    let unknown = !world.profile.points.contains_key("ordering") && world.learned.calibration().is_none();
    if unknown && !plan.cases.is_empty() && world.client.is_none() {
        let (mut stop, models) = (stop.clone(), models(plan));
        tokio::select! {
            biased;
            stopped = stop.told() => return Ok(cost(&world, Some(stopped))),
            calibration = calibrate(&world, &models, folder.as_ref()) => world.learned.calibrated(calibration),
        }
    }
    let stopped = Runner::new(world.clone(), settings, folder, tell).run(plan, stop).await;
    world.residents.dismiss().await;
    if let Some(server) = server {
        server.shutdown().await;
    }
    Ok(cost(&world, stopped))
}

/// Whether the target can be judged at all.
async fn fit(world: &Arc<World>, model: &Script, folder: Option<&JournalFolder>) -> Result<(), Unfit> {
    match world.client {
        Some(_) => client::preflight(world, model, folder).await,
        None => preflight(world, model, folder).await,
    }
}

/// Clients of the same program that may be judged at a time: so many accounts there are for them.
const CLIENTS: u64 = 64;

/// What clients are told of a server that there is in each case anew: users and their tokens.
fn client_target(seed: u64) -> Target {
    // The address is ours: it is always a URL.
    let Ok(mut target) = Target::at("ws://127.0.0.1:1/") else {
        unreachable!("an address of our own is a URL")
    };
    let mut dice = Dice::new(seed ^ 0x636c_6965_6e74);
    target.app = Some(format!("app_{:04}", dice.roll() % 10_000));
    target.accounts = (1..=CLIENTS)
        .map(|n| Account {
            label: format!("client {n}"),
            user: format!("user_{n:03}"),
            token: Some(Secret::new(format!("token.{:016x}.{:016x}", dice.roll(), dice.roll()))),
            expired: None,
            login: None,
            passcode: None,
        })
        .collect();
    target
}

/// A case of each dialect.
fn models(plan: &Plan) -> Vec<&Script> {
    let mut models: BTreeMap<&str, &Script> = BTreeMap::new();
    for case in &plan.cases {
        models.entry(&case.dialect).or_insert(case);
    }
    models.into_values().collect()
}

/// Points of the dialects that a plan speaks, and the clauses that judge them.
fn points(
    library: &Library,
    plan: &Plan,
) -> (BTreeMap<String, crate::case::script::Point>, Vec<(String, String)>) {
    let mut points = BTreeMap::new();
    let mut clauses = Vec::new();
    let spoken = |name: &str| plan.cases.iter().any(|s| s.dialect == name);
    for dialect in library.dialects.values().filter(|d| spoken(&d.name)) {
        for (key, point) in &dialect.points {
            points.entry(key.name.clone()).or_insert_with(|| point.clone());
            let all = point.clause.iter().chain(&point.also);
            clauses.extend(all.map(|clause| (key.name.clone(), clause.clone())));
        }
    }
    (points, clauses)
}

fn cost(world: &World, stopped: Option<Stopped>) -> Cost {
    let ms =
        |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed) / 1000;
    let waiting = BTreeMap::from([
        ("round_trips_ms", ms(&world.waiting.round_trips)),
        ("grace_ms", ms(&world.waiting.grace)),
        ("windows_ms", ms(&world.waiting.windows)),
        ("patience_ms", ms(&world.waiting.patience)),
    ]);
    Cost {
        duration: world.start.elapsed(),
        started_ms: world.anchor_ms,
        waiting,
        observed: world.observed(),
        calibration: world.learned.calibration(),
        inversions: world.learned.inversions(),
        stopped,
    }
}
