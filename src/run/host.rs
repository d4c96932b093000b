//! The server that a client under test meets: a port of its own for each case, whose connections are called by their
//! number, `server/1`, `server/2`.
//!
//! It relies on `session` for the requests. It answers nothing by itself: a connection waits until the case has looked
//! at it, or is over.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

use super::client::Client;
use super::stage::Stage;
use crate::case::event::{Body, By, Way, What};
use crate::case::script::LISTENING;
use crate::case::transport::Transport;
use crate::link::{Connector, Listener, memory_link};
use crate::session::{Asked, Connection, receive};

/// Connections after which a client that never stops is given up.
const MOST_CONNECTIONS: u32 = 1000;
/// The name of who listens, where no case says so.
const SERVER: &str = "server";

/// Where a client is to connect.
#[derive(Debug)]
pub(super) struct Host {
    /// Host and port.
    pub(super) address: String,
    /// How a client within this process comes here.
    pub(super) connector: Connector,
    /// Whom connections are called by.
    role: String,
    /// How many there have been.
    count: AtomicU32,
    /// Requests that wait for their answer, by the name of their connection.
    asked: Mutex<BTreeMap<String, Asked>>,
    /// Takes connections, where the case has a port of its own.
    task: Option<AbortHandle>,
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Host {
    /// How many connections there have been.
    pub(super) fn connections(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// The name of the next connection.
    fn next_name(&self) -> String {
        format!("{}/{}", self.role, self.count.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Takes the request of a connection that came by itself.
    pub(super) fn welcome(&self, stage: &Stage, request: Asked) {
        self.take(stage, &self.next_name(), request);
    }

    /// Lets a request wait for its answer.
    fn take(&self, stage: &Stage, on: &str, request: Asked) {
        let event = request_event(stage, &request);
        self.requests().insert(on.to_owned(), request);
        stage.log(Some(on), event);
    }

    fn requests(&self) -> MutexGuard<'_, BTreeMap<String, Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens the port of a case, or a network in memory for a client that lives in it. Clients that come by themselves come to their door.
///
/// # Errors
/// What the system says.
pub(super) async fn open(stage: &Arc<Stage>) -> Result<Host, String> {
    let (listener, connector, address) = match &stage.world.client {
        Some(Client::Visitor(door)) => (None, tcp(door.address()), door.address().to_string()),
        Some(client) if client.in_memory() => memory(),
        _ => port().await?,
    };
    let listens = stage.script.cast.iter().find(|member| member.state == LISTENING);
    let role = listens.map_or(SERVER, |member| &member.name).to_owned();
    let task = listener.map(|listener| tokio::spawn(listen(listener, Arc::downgrade(stage))).abort_handle());
    Ok(Host { address, connector, role, count: AtomicU32::new(0), asked: Mutex::default(), task })
}

/// Where a case listens, if it does; how a client within this process comes there; the address that others use.
type Place = (Option<Listener>, Connector, String);

/// A network in memory. Its address leads nowhere, but looks as others do.
fn memory() -> Place {
    let (connector, listener) = memory_link();
    (Some(Listener::memory(listener)), Connector::Memory(connector), "127.0.0.1:1".to_owned())
}

fn tcp(address: SocketAddr) -> Connector {
    Connector::Tcp { host: address.ip().to_string(), port: address.port(), tls: None }
}

async fn port() -> Result<Place, String> {
    let listener =
        TcpListener::bind("127.0.0.1:0").await.map_err(|e| format!("no port to listen on: {e}"))?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    Ok((Some(Listener::tcp(listener)), tcp(address), address.to_string()))
}

/// Takes connections as they come, and gives them their numbers.
async fn listen(listener: Listener, stage: Weak<Stage>) {
    // They end with this task.
    let mut guests = JoinSet::new();
    let mut last = String::new();
    for _ in 0..MOST_CONNECTIONS {
        let Ok(stream) = listener.accept().await else { return };
        while guests.try_join_next().is_some() {}
        let Some(on) = stage.upgrade().and_then(|stage| Some(stage.host.get()?.next_name())) else { return };
        last.clone_from(&on);
        let stage = stage.clone();
        guests.spawn(async move {
            let hand_over = |request: Asked| {
                let Some(stage) = stage.upgrade() else { return };
                if let Some(host) = stage.host.get() {
                    host.take(&stage, &on, request);
                }
            };
            receive(stream, hand_over).await;
        });
    }
    drop(listener);
    if let Some(stage) = stage.upgrade() {
        let reason =
            format!("it never stopped connecting: {MOST_CONNECTIONS} connections, and no more are taken");
        stage.log(Some(&last), What::Ended { by: By::Us, code: None, reason });
    }
    while guests.join_next().await.is_some() {}
}

fn request_event(stage: &Stage, asked: &Asked) -> What {
    let request = &asked.request;
    let conceal = |text: &str| stage.secrets.conceal(text);
    What::Http {
        way: Way::In,
        status: None,
        request: Some(format!("{} {}", request.method, conceal(&request.path))),
        headers: request.headers.iter().map(|(name, value)| (name.clone(), conceal(value))).collect(),
        body: Body::from_octets(conceal(&String::from_utf8_lossy(&request.body)).as_bytes()),
    }
}

/// Ends a connection without an answer to the request that waits on it; whether there was one.
pub(super) fn leave_unanswered(stage: &Stage, on: &str) -> bool {
    let waiting = stage.host.get().and_then(|host| host.requests().remove(on)).is_some();
    if waiting {
        let reason = "its request is left unanswered".to_owned();
        stage.log(Some(on), What::Ended { by: By::Us, code: None, reason });
    }
    waiting
}

/// Answers the request that waits on a connection, by a status, headers and a body; at once, or held for what is sent next. What an
/// upgraded connection carries is said as well.
pub(super) async fn answer(
    stage: &Arc<Stage>,
    run: u32,
    on: &str,
    (status, headers, body): (u16, &[(String, Option<String>)], &str),
    (held, over): (bool, Transport),
) {
    let waiting = stage.host.get().and_then(|host| host.requests().remove(on));
    let Some(asked) = waiting else {
        let why = "no request waits for an answer".to_owned();
        stage.log(Some(on), What::Skip { run, why });
        return;
    };
    let headers = asked.headers(status, headers);
    let protocol = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-protocol"));
    let protocol = protocol.map(|(_, value)| value.clone());
    let shown = Body::from_octets(body.as_bytes());
    let event = What::Http {
        way: Way::Out,
        status: Some(status),
        request: None,
        headers: headers.clone(),
        body: shown,
    };
    stage.log(Some(on), event);
    match asked.answer(status, &headers, body, held).await {
        Ok(Some(taken)) => {
            stage.log(Some(on), What::Opened { protocol });
            let (secrets, patience) = (stage.secrets.clone(), stage.world.patience());
            let connection = Connection::serve(taken, over, secrets, patience, stage.sink(on));
            stage.lock().links.entry(on.to_owned()).or_default().connection = Some(connection);
        }
        Ok(None) => {
            let reason = format!("answered with HTTP {status}");
            stage.log(Some(on), What::Ended { by: By::Us, code: None, reason });
        }
        Err(why) => {
            let reason = stage.secrets.conceal(&why);
            stage.log(Some(on), What::Ended { by: By::Target, code: None, reason });
        }
    }
}
