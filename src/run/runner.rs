//! The runner: cases started as accounts become free, events told as they happen, everything brought to an end.
//!
//! It relies on the plan and on the stage. It starts nothing that it does not end, and loses no result already gained.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use super::case::{Linger, linger, perform};
use super::client::Client;
use super::engine::day;
use super::journal::{Journal, JournalFolder};
use super::known::Ledger;
use super::plan::{Plan, Seating, connections, idles, leaves_sessions, seat, unmet, why_unseatable};
use super::record::{Record, RuleRecord};
use super::stage::Stage;
use super::watchdog::Watchdog;
use super::world::{Settings, World};
use crate::case::event::What;
use crate::case::script::{Script, Side};
use crate::dice::Dice;
use crate::judge::{Facts, Lease, Outcome, Verdict, apply_known};
use crate::session::secrets::{Secrets, of_token};

/// What a run tells while it goes on.
#[derive(Debug)]
pub enum RunEvent {
    /// It begins: so many cases and rules.
    Started {
        /// Cases and rules.
        total: usize,
    },
    /// A case begins.
    Began {
        /// Its id.
        id: String,
    },
    /// A case or rule has its verdict.
    Finished(Box<Record>),
}

/// Who ended a run before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// The user.
    ByUser,
    /// The budget's wall time.
    ByBudget,
}

/// What may end a run before its end.
#[derive(Debug, Clone)]
pub struct Stop {
    /// The user's word.
    pub user: watch::Receiver<bool>,
    /// When the budget is spent.
    pub deadline: Option<Instant>,
}

impl Stop {
    /// Waits for the word to stop.
    pub async fn told(&mut self) -> Stopped {
        let user = async {
            if self.user.wait_for(|stop| *stop).await.is_err() {
                // Whoever could have said so is gone.
                std::future::pending::<()>().await;
            }
        };
        let deadline = async {
            match self.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = user => Stopped::ByUser,
            () = deadline => Stopped::ByBudget,
        }
    }
}

/// Where a run tells what happens.
pub type Tell = Arc<dyn Fn(RunEvent) + Send + Sync>;

/// An account between cases.
#[derive(Debug, Default)]
struct Slot {
    busy: bool,
    /// When its last connection was closed, or its last session will have been forgotten.
    closed: Option<Instant>,
    used: u64,
    linger: Option<Arc<Linger>>,
}

enum Message {
    /// The steps of a case are done; its accounts may be leased again.
    Free(usize, Arc<Linger>),
    /// Nothing more will come of it.
    Done(usize, Duration),
}

/// The tasks of a run, and who looks after them.
struct Tasks {
    set: JoinSet<()>,
    watchdog: Watchdog,
    sender: mpsc::UnboundedSender<Message>,
}

impl Tasks {
    /// Has a case ended by force where it goes on beyond all reason: so long by the real clock that every wait in it must
    /// have run out.
    fn watch(&self, task: AbortHandle, stage: &Arc<Stage>, number: usize, floor: Duration) {
        let limit = Duration::from_secs(300) + floor * 24;
        let sender = self.sender.clone();
        let stage = Arc::downgrade(stage);
        self.watchdog.watch(limit, move || {
            let Some(stage) = stage.upgrade().filter(|_| !task.is_finished()) else { return };
            task.abort();
            let why =
                format!("the case was ended after {} s: something in it never came to rest", limit.as_secs());
            stage.log(None, What::Fault { why });
            let _ = sender.send(Message::Free(number, Arc::new(Linger::over())));
            let _ = sender.send(Message::Done(number, limit));
        });
    }
}

struct Running {
    stage: Arc<Stage>,
    seating: Seating,
    begun: Instant,
    round: usize,
    /// Whether it has no part in the number of jobs.
    idles: bool,
    /// Whether it is run once more, since the harness was held up the first time.
    again: bool,
    freed: bool,
}

/// Runs a plan.
pub struct Runner {
    world: Arc<World>,
    settings: Settings,
    folder: Option<JournalFolder>,
    tell: Tell,
    slots: Vec<Slot>,
    running: BTreeMap<usize, Running>,
    started: usize,
    uses: u64,
    /// What there is of cases that the harness was held up in, until they are run once more.
    held_up: Vec<Record>,
    rules: BTreeMap<String, RuleRecord>,
    ledger: Ledger,
    failed: bool,
}

impl Runner {
    /// A runner on this world.
    pub fn new(world: Arc<World>, settings: Settings, folder: Option<JournalFolder>, tell: Tell) -> Self {
        let slots = world.target.accounts.iter().map(|_| Slot::default()).collect();
        let rules = world.rules.iter().map(|r| (r.id.clone(), RuleRecord::new(r.clone()))).collect();
        Runner {
            world,
            settings,
            folder,
            tell,
            slots,
            running: BTreeMap::new(),
            started: 0,
            uses: 0,
            held_up: Vec::new(),
            rules,
            ledger: Ledger::default(),
            failed: false,
        }
    }

    /// Runs all, until done or told to stop; whether it was told.
    pub async fn run(mut self, plan: &Plan, stop: Stop) -> Option<Stopped> {
        let total = (plan.cases.len() * self.settings.repeat) + plan.rules.len();
        (self.tell)(RunEvent::Started { total });
        self.ledger = Ledger::new(&plan.left_out);
        let (sender, mut messages) = mpsc::unbounded_channel();
        let mut tasks = Tasks { set: JoinSet::new(), watchdog: Watchdog::start(), sender };
        let stopped = self.run_cases(plan, stop, &mut tasks, &mut messages).await;
        tasks.set.abort_all();
        while tasks.set.join_next().await.is_some() {}
        for (_, running) in std::mem::take(&mut self.running) {
            let took = running.begun.elapsed();
            self.finish(running, took);
        }
        for record in std::mem::take(&mut self.held_up) {
            self.judged(record);
        }
        for (_, rule) in std::mem::take(&mut self.rules) {
            self.finished(rule.record());
        }
        if stopped.is_none() && !self.halted() {
            for record in self.ledger.fixed(&self.world.profile, &self.today()) {
                (self.tell)(RunEvent::Finished(Box::new(record)));
            }
        }
        stopped
    }

    /// Every case of every round; those that observe before the others, since what they see feeds `needs`.
    async fn run_cases(
        &mut self,
        plan: &Plan,
        mut stop: Stop,
        tasks: &mut Tasks,
        messages: &mut mpsc::UnboundedReceiver<Message>,
    ) -> Option<Stopped> {
        let (observing, others) = plan.cases.split_at(plan.observing);
        for round in 1..=self.settings.repeat {
            // What one case observes may be what another needs that observes.
            let mut waiting = observing.to_vec();
            for (stage, last) in [(&[][..], false), (&[][..], true), (others, true)] {
                waiting.extend_from_slice(stage);
                let mut pending = self.fitting(&mut waiting, round, last);
                loop {
                    if self.halted() {
                        pending.clear();
                    }
                    self.start(&mut pending, round, tasks);
                    if pending.is_empty() && !self.busy() {
                        break;
                    }
                    if let Some(stopped) = self.next(messages, &mut stop).await {
                        return Some(stopped);
                    }
                }
            }
        }
        // What lingers has its time.
        let stopped = self.drain(messages, &mut stop).await;
        if stopped.is_some() {
            return stopped;
        }
        while let Some(record) = self.held_up.pop() {
            self.again(record, tasks);
            let stopped = self.drain(messages, &mut stop).await;
            if stopped.is_some() {
                return stopped;
            }
        }
        None
    }

    /// Waits until nothing runs.
    async fn drain(
        &mut self,
        messages: &mut mpsc::UnboundedReceiver<Message>,
        stop: &mut Stop,
    ) -> Option<Stopped> {
        while !self.running.is_empty() {
            if let Some(stopped) = self.next(messages, stop).await {
                return Some(stopped);
            }
        }
        None
    }

    /// A case that was not judged since the harness was held up, mostly by its other cases: now it has it to itself. That
    /// is no retry of what the target did, of which nothing is known yet.
    fn again(&mut self, record: Record, tasks: &mut Tasks) {
        let all: Vec<usize> = (0..self.slots.len()).collect();
        let seated = record.case.clone().and_then(|script| Some((seat(&script, &self.world, &all)?, script)));
        match seated {
            Some((seating, script)) => self.launch(script, seating, record.round, true, tasks),
            None => self.judged(record),
        }
    }

    /// Takes the next message, or the word to stop.
    async fn next(
        &mut self,
        messages: &mut mpsc::UnboundedReceiver<Message>,
        stop: &mut Stop,
    ) -> Option<Stopped> {
        tokio::select! {
            biased;
            stopped = stop.told() => Some(stopped),
            message = messages.recv() => {
                self.take(message);
                None
            }
        }
    }

    /// Whether nothing more is started, since something failed and that is all that was asked. What runs, runs on.
    fn halted(&self) -> bool {
        self.settings.fail_fast && self.failed
    }

    fn busy(&self) -> bool {
        self.running.values().any(|r| !r.freed)
    }

    fn take(&mut self, message: Option<Message>) {
        match message {
            Some(Message::Free(number, linger)) => self.free(number, &linger),
            Some(Message::Done(number, took)) => {
                if let Some(running) = self.running.remove(&number) {
                    self.finish(running, took);
                }
            }
            None => {}
        }
    }

    /// The cases whose needs are met; the others go on waiting, or get their verdict where it is the last time.
    fn fitting(&mut self, waiting: &mut Vec<Arc<Script>>, round: usize, last: bool) -> Vec<Arc<Script>> {
        let mut fitting = Vec::with_capacity(waiting.len());
        for script in std::mem::take(waiting) {
            match unmet(&script, &self.world).or_else(|| why_unseatable(&script, &self.world)) {
                None => fitting.push(script),
                Some(why) if last => self.not_applicable(&script, why, round),
                Some(_) => waiting.push(script),
            }
        }
        fitting
    }

    /// How many cases are at work.
    fn working(&self) -> usize {
        self.running.values().filter(|r| !r.freed && !r.idles).count()
    }

    /// How many cases merely wait for time.
    fn idling(&self) -> usize {
        self.running.values().filter(|r| !r.freed && r.idles).count()
    }

    /// Starts whatever can be started now.
    fn start(&mut self, pending: &mut Vec<Arc<Script>>, round: usize, tasks: &mut Tasks) {
        let mut at = 0;
        while at < pending.len() {
            let script = pending[at].clone();
            // What only waits for time costs nothing; in the plan it stands before the rest, so that nothing of it follows.
            if self.working() >= self.settings.jobs && !idles(&script) {
                return;
            }
            // But each client under test is a process, and takes memory.
            if idles(&script) && script.judges == Side::Client && self.idling() >= 2 * self.settings.jobs {
                at += 1;
                continue;
            }
            let mut free: Vec<usize> = (0..self.slots.len()).filter(|s| !self.slots[*s].busy).collect();
            // The longest unused first: it is the coldest, and lingers no more.
            free.sort_by_key(|s| (self.slots[*s].used, *s));
            match seat(&script, &self.world, &free).filter(|seating| self.affords(&script, seating)) {
                Some(seating) => {
                    pending.remove(at);
                    self.launch(script, seating, round, false, tasks);
                }
                None => at += 1,
            }
        }
    }

    /// Whether the budget allows for its connections beside those of the cases that still have some.
    fn affords(&self, script: &Script, seating: &Seating) -> bool {
        let Some(budget) = self.world.target.budget.connections else { return true };
        let open: usize = self.running.values().map(|r| connections(&r.stage.script, &r.seating)).sum();
        open + connections(script, seating) <= budget
    }

    fn launch(
        &mut self,
        script: Arc<Script>,
        seating: Seating,
        round: usize,
        again: bool,
        tasks: &mut Tasks,
    ) {
        self.started += 1;
        let number = self.started;
        (self.tell)(RunEvent::Began { id: script.id.clone() });
        let (facts, secrets) = facts(&self.world, &seating, number);
        let journal = Journal::new(self.folder.as_ref(), &format!("{number:05}"));
        let seed = Dice::new(self.world.seed.wrapping_add(number as u64)).roll();
        let stage = Stage::new(self.world.clone(), script, facts, secrets, journal, seed);
        let mut lingering = Vec::new();
        let mut cold_at: Option<Instant> = None;
        for account in seating.accounts() {
            let slot = &mut self.slots[account];
            slot.busy = true;
            self.uses += 1;
            slot.used = self.uses;
            lingering.extend(slot.linger.take());
            cold_at = cold_at.max(slot.closed);
        }
        let offline = stage.script.cast.iter().any(|m| m.state == "offline");
        let (departure, longest) = (self.world.departure(), self.settings.linger);
        let (task_stage, sender) = (stage.clone(), tasks.sender.clone());
        let begun = Instant::now();
        let task = tasks.set.spawn(async move {
            for linger in lingering {
                linger.end().await;
                cold_at = cold_at.max(Some(Instant::now()));
            }
            if let (true, Some(closed)) = (offline, cold_at) {
                tokio::time::sleep_until(closed + departure).await;
            }
            let begun = Instant::now();
            perform(&task_stage).await;
            let took = begun.elapsed();
            let shared = Arc::new(Linger::default());
            let lingers = task_stage.lock().judge.has_negatives();
            if lingers {
                let _ = sender.send(Message::Free(number, shared.clone()));
            }
            linger(&task_stage, &shared, lingers.then_some(longest)).await;
            if !lingers {
                let _ = sender.send(Message::Free(number, shared));
            }
            let _ = sender.send(Message::Done(number, took));
        });
        if !matches!(self.world.client, Some(Client::Visitor(_))) {
            // Nobody knows how long somebody takes who comes by himself.
            tasks.watch(task, &stage, number, self.settings.floor);
        }
        let idles = idles(&stage.script);
        self.running.insert(number, Running { stage, seating, begun, round, idles, again, freed: false });
    }

    fn free(&mut self, number: usize, linger: &Arc<Linger>) {
        let Some(running) = self.running.get_mut(&number) else { return };
        running.freed = true;
        let outcome = running.stage.lock().judge.outcome();
        self.world.observe(&outcome.observed);
        self.failed |= outcome.verdict == Verdict::Fail;
        let after = if leaves_sessions(&running.stage.script) {
            self.world.session_timeout()
        } else {
            Duration::ZERO
        };
        for account in running.seating.accounts() {
            let slot = &mut self.slots[account];
            slot.busy = false;
            slot.closed = slot.closed.max(Some(Instant::now() + after));
            slot.linger = Some(linger.clone());
        }
    }

    /// Makes the record of a case that has come to its end, or was stopped.
    fn finish(&mut self, running: Running, took: Duration) {
        let Running { stage, round, again, .. } = running;
        let outcome = stage.lock().judge.outcome();
        let written = stage.close_journal();
        let script = stage.script.clone();
        let held_up = outcome.held_up && !again;
        let mut record = record(&script, outcome, round, took);
        record.facts = Some(stage.facts.clone());
        record.journal = written.path;
        if let Some(why) = written.failed {
            record.verdict = Verdict::Error;
            record.reason = format!("its journal could not be written: {why}");
        }
        if held_up {
            self.held_up.push(record);
        } else {
            self.judged(record);
        }
    }

    /// Adds what the rules saw in a case to what they saw before, and tells its record.
    fn judged(&mut self, record: Record) {
        for (id, result) in &record.rules {
            if let Some(rule) = self.rules.get_mut(id) {
                rule.add(&record.id, result);
            }
        }
        self.finished(record);
    }

    /// Tells a record, with what the profile makes of its verdict.
    fn finished(&mut self, mut record: Record) {
        self.ledger.enter(&record);
        let (profile, today) = (&self.world.profile, self.today());
        (record.verdict, record.reason) =
            apply_known(&record.id, record.verdict, &record.reason, &record.checks, profile, &today);
        (self.tell)(RunEvent::Finished(Box::new(record)));
    }

    fn not_applicable(&mut self, script: &Arc<Script>, why: String, round: usize) {
        let outcome = Outcome {
            verdict: Verdict::NotApplicable,
            reason: why,
            clause: None,
            checks: Vec::new(),
            observed: BTreeMap::new(),
            not_judged: script.requirements.clone(),
            rules: Vec::new(),
            held_up: false,
        };
        let record = record(script, outcome, round, Duration::ZERO);
        self.ledger.enter(&record);
        (self.tell)(RunEvent::Finished(Box::new(record)));
    }

    fn today(&self) -> String {
        day(self.world.anchor_ms)
    }
}

fn record(script: &Arc<Script>, outcome: Outcome, round: usize, took: Duration) -> Record {
    Record {
        id: script.id.clone(),
        title: script.title.clone(),
        suite: script.suite.clone(),
        requirements: script.requirements.clone(),
        verdict: outcome.verdict,
        reason: outcome.reason,
        clause: outcome.clause,
        round,
        checks: outcome.checks,
        observed: outcome.observed,
        not_judged: outcome.not_judged,
        duration_ms: took.as_millis() as u64,
        place: script.place.clone(),
        why: script.why.clone(),
        rule: None,
        case: Some(script.clone()),
        facts: None,
        rules: outcome.rules,
        journal: None,
    }
}

/// Where the engine does something of its own before the first case: no case, but its dialect and these accounts.
pub(super) fn engine_stage(
    world: &Arc<World>,
    model: &Script,
    id: &str,
    seats: BTreeMap<String, usize>,
    folder: Option<&JournalFolder>,
) -> Arc<Stage> {
    let script = Script { id: id.to_owned(), ..model.without_steps() };
    let (facts, secrets) = facts(world, &Seating { seats, ..Seating::default() }, 0);
    Stage::new(world.clone(), Arc::new(script), facts, secrets, Journal::new(folder, id), world.seed)
}

/// What a case is given: marks, leases by name, and the secrets behind the names.
fn facts(world: &World, seating: &Seating, number: usize) -> (Arc<Facts>, Secrets) {
    let target = &world.target;
    let mut names = Vec::new();
    let mut leases = BTreeMap::new();
    let mut seats: Vec<(String, usize)> = seating.seats.iter().map(|(n, at)| (n.clone(), *at)).collect();
    let spare = seats.iter().find(|(name, _)| name == "prober").or(seats.first()).cloned();
    seats.extend(spare.map(|(_, at)| ("canary".to_owned(), at)));
    for (name, at) in &seats {
        let account = &target.accounts[*at];
        let mut has = Vec::new();
        if let Some(token) = &account.token {
            has.push("token".to_owned());
            names.extend(of_token(name, token.reveal()));
        }
        if let Some(expired) = &account.expired {
            has.push("expired".to_owned());
            names.push((format!("«token:{name}.expired»"), expired.reveal().to_owned()));
        }
        if let Some(passcode) = &account.passcode {
            has.push("passcode".to_owned());
            names.push((format!("«passcode:{name}»"), passcode.reveal().to_owned()));
        }
        let lease = Lease {
            account: account.label.clone(),
            user: account.user.clone(),
            has,
            login: account.login.clone(),
        };
        leases.insert(name.clone(), lease);
    }
    let groups =
        seating.groups.iter().map(|(name, at)| (name.clone(), target.groups[*at].id.clone())).collect();
    let run_mark = format!("c{}", world.tag);
    let facts = Facts {
        mark: format!("{run_mark}{number:05}z"),
        engine_mark: format!("w{}", world.tag),
        run_mark,
        anchor_ms: world.anchor_ms,
        target: target.facts(),
        profile: world.said.profile.clone(),
        points: world.known(),
        pinned: world.said.pinned.clone(),
        pinned_clauses: world.said.clauses.clone(),
        leases,
        groups,
        crowds: seating.crowds.clone(),
        prober_is_member: seating.prober_is_member,
    };
    (Arc::new(facts), Secrets::new(&world.vault, names))
}
