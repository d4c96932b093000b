//! The server that a client under test meets: a port of its own for each case, whose connections are called by their
//! number, `server/1`, `server/2`.
//!
//! It relies on `session` for the requests. It answers nothing by itself: a connection waits until the case has looked
//! at it, or is over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

use super::client::Client;
use super::stage::Stage;
use crate::case::event::{Body, By, Way, What};
use crate::case::script::LISTENING;
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
    /// Requests that wait for their answer, by the name of their connection.
    asked: Arc<Mutex<BTreeMap<String, Asked>>>,
    task: AbortHandle,
}

impl Drop for Host {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Opens the port of a case, or a network in memory for a client that lives in it.
///
/// # Errors
/// What the system says.
pub(super) async fn open(stage: &Arc<Stage>) -> Result<Host, String> {
    let in_memory = stage.world.client.as_ref().is_some_and(Client::in_memory);
    let (listener, connector, address) = if in_memory { memory() } else { port().await? };
    let listens = stage.script.cast.iter().find(|member| member.state == LISTENING);
    let role = listens.map_or(SERVER, |member| &member.name).to_owned();
    let asked: Arc<Mutex<BTreeMap<String, Asked>>> = Arc::default();
    let task = tokio::spawn(listen(listener, Arc::downgrade(stage), role, asked.clone()));
    Ok(Host { address, connector, asked, task: task.abort_handle() })
}

/// A network in memory. Its address leads nowhere, but looks as others do.
fn memory() -> (Listener, Connector, String) {
    let (connector, listener) = memory_link();
    (Listener::memory(listener), Connector::Memory(connector), "127.0.0.1:1".to_owned())
}

async fn port() -> Result<(Listener, Connector, String), String> {
    let listener =
        TcpListener::bind("127.0.0.1:0").await.map_err(|e| format!("no port to listen on: {e}"))?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    let connector = Connector::Tcp { host: address.ip().to_string(), port: address.port(), tls: None };
    Ok((Listener::tcp(listener), connector, address.to_string()))
}

/// Takes connections as they come, and gives them their numbers.
async fn listen(
    listener: Listener,
    stage: Weak<Stage>,
    role: String,
    asked: Arc<Mutex<BTreeMap<String, Asked>>>,
) {
    // They end with this task.
    let mut guests = JoinSet::new();
    let mut count = 0;
    while count < MOST_CONNECTIONS {
        let Ok(stream) = listener.accept().await else { return };
        while guests.try_join_next().is_some() {}
        count += 1;
        let on = format!("{role}/{count}");
        let (stage, asked) = (stage.clone(), asked.clone());
        guests.spawn(async move {
            let hand_over = |request: Asked| {
                let Some(stage) = stage.upgrade() else { return };
                let event = request_event(&stage, &request);
                asked.lock().unwrap_or_else(PoisonError::into_inner).insert(on.clone(), request);
                stage.log(Some(&on), event);
            };
            receive(stream, hand_over).await;
        });
    }
    drop(listener);
    if let Some(stage) = stage.upgrade() {
        let reason =
            format!("it never stopped connecting: {MOST_CONNECTIONS} connections, and no more are taken");
        stage.log(Some(&format!("{role}/{count}")), What::Ended { by: By::Us, code: None, reason });
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

/// Answers the request that waits on a connection, by a status, headers and a body; at once, or with what is sent next.
pub(super) async fn answer(
    stage: &Arc<Stage>,
    run: u32,
    on: &str,
    (status, headers, body): (u16, &[(String, Option<String>)], &str),
    held: bool,
) {
    let waiting = stage
        .host
        .get()
        .and_then(|host| host.asked.lock().unwrap_or_else(PoisonError::into_inner).remove(on));
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
            let connection = Connection::serve(taken, secrets, patience, stage.sink(on));
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
