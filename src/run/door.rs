//! Where clients come that cannot be started, a phone or a page in a browser: one address for all cases, which come one after
//! the other, and a page at `/` that shows which is next.
//!
//! It relies on `session` for the requests. It answers none but those for its page: a client waits until a case wants it.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex as AsyncMutex, mpsc};

use super::plan::Plan;
use super::runner::RunEvent;
use crate::link::Listener;
use crate::session::{Asked, receive};
use crate::target::{Account, Secret, Target};

/// Clients that wait at a time; more are sent away.
const MOST_WAITING: usize = 1000;

/// How long it is waited where no client can be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The address that clients come to.
#[derive(Debug)]
pub struct Door {
    address: SocketAddr,
    /// Who is let in.
    target: Target,
    waiting: AsyncMutex<mpsc::Receiver<Asked>>,
    progress: Arc<Mutex<Progress>>,
    /// Whether nobody wants its page any more.
    dismissed: (Mutex<bool>, Condvar),
}

/// How far a run has come.
#[derive(Debug, Default)]
struct Progress {
    /// What each case is about, by its id.
    titles: BTreeMap<String, String>,
    total: usize,
    /// The case that waits for a client, or has one.
    now: Option<String>,
    /// Whether it waits.
    waits: bool,
    /// Cases and rules that are over: id, verdict, reason.
    done: Vec<(String, &'static str, String)>,
    over: bool,
}

impl Door {
    /// Opens it, for one user of one application.
    ///
    /// # Errors
    /// What the system says of the address.
    pub fn open(address: &str, user: &str, token: Secret, app: &str) -> io::Result<Door> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let mut target = Target::at(&format!("ws://{address}/ws/im")).map_err(io::Error::other)?;
        target.app = Some(app.to_owned());
        target.accounts = vec![Account {
            label: "client".to_owned(),
            user: user.to_owned(),
            token: Some(token),
            expired: None,
            login: None,
            passcode: None,
        }];
        let (sender, waiting) = mpsc::channel(MOST_WAITING);
        let progress = Arc::default();
        let told = Arc::clone(&progress);
        // The page outlives the run, and with it the runtime of the run.
        std::thread::Builder::new().name("door".to_owned()).spawn(move || keep(listener, &sender, &told))?;
        let waiting = AsyncMutex::new(waiting);
        Ok(Door { address, target, waiting, progress, dismissed: Default::default() })
    }

    /// Host and port.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where clients are to connect.
    pub fn url(&self) -> String {
        format!("ws://{}/ws/im", self.address)
    }

    /// Where its page is.
    pub fn page(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// What clients are told of the server.
    pub(super) fn target(&self) -> Target {
        self.target.clone()
    }

    /// The next request of a client that still waits.
    pub(super) async fn next(&self) -> Asked {
        loop {
            match self.waiting.lock().await.recv().await {
                Some(asked) if asked.is_there() => {
                    self.state().waits = false;
                    return asked;
                }
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Says which cases there will be.
    pub(super) fn expect(&self, plan: &Plan) {
        let mut state = self.state();
        let cases = plan.cases.iter().map(|case| (case.id.clone(), case.title.clone()));
        state.titles = cases.collect();
    }

    /// A case waits for its client.
    pub(super) fn waits(&self) {
        self.state().waits = true;
    }

    /// Notes what happens to the run.
    pub fn note(&self, event: &RunEvent) {
        let mut state = self.state();
        match event {
            RunEvent::Started { total } => state.total = *total,
            RunEvent::Began { id } => state.now = Some(id.clone()),
            RunEvent::Finished(record) => {
                state.done.push((record.id.clone(), record.verdict.word(), record.reason.clone()));
                if state.now.as_ref() == Some(&record.id) {
                    state.now = None;
                }
            }
        }
    }

    /// Whether a run has begun.
    pub fn has_begun(&self) -> bool {
        self.state().total > 0
    }

    /// The run is over: its page stays until it is dismissed.
    pub fn stay(&self) {
        {
            let mut state = self.state();
            (state.over, state.now) = (true, None);
        }
        let dismissed = self.dismissed.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.dismissed.1.wait_while(dismissed, |dismissed| !*dismissed));
    }

    /// Nobody wants its page any more.
    pub fn dismiss(&self) {
        *self.dismissed.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.dismissed.1.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, Progress> {
        lock(&self.progress)
    }
}

fn lock(progress: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes connections for as long as the process lives.
fn keep(listener: std::net::TcpListener, waiting: &mpsc::Sender<Asked>, progress: &Arc<Mutex<Progress>>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let Ok(listener) = TcpListener::from_std(listener) else { return };
        let listener = Listener::tcp(listener);
        loop {
            let Ok(stream) = listener.accept().await else {
                // What the system cannot give now, as it does where too many files are open, it may give later.
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let (waiting, progress) = (waiting.clone(), progress.clone());
            tokio::spawn(receive(stream, move |asked| sort(asked, &waiting, &progress)));
        }
    });
}

/// Answers a browser that asks for the page; lets all others wait for a case.
fn sort(asked: Asked, waiting: &mpsc::Sender<Asked>, progress: &Mutex<Progress>) {
    let request = &asked.request;
    let upgrades = request.headers.iter().any(|(name, _)| name == "upgrade");
    let path = request.path.split('?').next().unwrap_or_default();
    let page = match (&*request.method, path, upgrades) {
        ("GET", "/", false) => ("text/html; charset=utf-8", PAGE.to_owned()),
        ("GET", "/progress.json", false) => ("application/json", lock(progress).json().to_string()),
        _ => {
            // One too many is turned away, as its request is dropped.
            let _ = waiting.try_send(asked);
            return;
        }
    };
    let (kind, text) = page;
    let headers = [("Content-Type", kind), ("Cache-Control", "no-store"), ("Connection", "close")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    tokio::spawn(async move { asked.answer(200, &headers, &text, false).await });
}

const PAGE: &str = include_str!("door.html");

impl Progress {
    fn json(&self) -> Value {
        let title = |id: &String| self.titles.get(id).cloned().unwrap_or_default();
        let now = self.now.as_ref().map(|id| json!({ "id": id, "title": title(id), "waits": self.waits }));
        let done: Vec<Value> = self
            .done
            .iter()
            .map(|(id, verdict, reason)| {
                json!({ "id": id, "title": title(id), "verdict": verdict, "reason": reason })
            })
            .collect();
        json!({ "total": self.total, "now": now, "done": done, "over": self.over })
    }
}
