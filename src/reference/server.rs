//! The reference server on a network: accepts connections and serves each in a task of its own.
//!
//! It relies on hyper for HTTP, on `http.rs` for the answers and on `connection.rs` for what follows an upgrade. It
//! must never decide anything about the dialect, and runs in any tokio runtime, paused or not.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::connection::Connection;
use super::directory::Directory;
use super::http::{Granted, Service, answer};
use super::hub::{Hub, stopped};
use super::policy::Policy;
use super::sockjs::Sessions;
use crate::link::{Listener, Stream};

/// How long connections have to say good-bye when the server stops.
const STOP_PATIENCE: Duration = Duration::from_secs(3);
/// How long to wait after an accept that failed: for file handles, usually.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// A running server. Dropping it ends all its connections without a word; [`Server::shutdown`] says good-bye.
#[derive(Debug)]
pub struct Server {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves what the listener accepts, in the runtime in which this is called. `anchor_epoch_ms` is the wall time
    /// of now; from here on tokio's clock counts.
    pub fn start(listener: Listener, directory: Directory, policy: Policy, anchor_epoch_ms: u64) -> Server {
        let hub = Arc::new(Hub::new(Arc::new(directory), policy, anchor_epoch_ms));
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(accept(listener, hub, stopped));
        Server { stop, task }
    }

    /// Stops accepting, closes every connection with 1001, and waits until they are gone (3 s at most).
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        // It ends by itself; that it was aborted or panicked changes nothing for who wants it gone.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Accepts until told to stop, and keeps the core's time meanwhile.
async fn accept(listener: Listener, hub: Arc<Hub>, mut stop: watch::Receiver<bool>) {
    let mut tasks = JoinSet::new();
    let clock = Arc::clone(&hub);
    tasks.spawn(async move { clock.keep_time().await });
    let service = Arc::new(Service { hub, sessions: Sessions::default(), stop: stop.clone() });
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            Some(_ended) = tasks.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(stream) => {
                tasks.spawn(serve(Arc::clone(&service), stream, stop.clone()));
            }
            // Nobody is left who could connect; those who have done so are still served.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                stopped(&mut stop).await;
                break;
            }
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
    drop(listener);
    // The clock never ends: it is the one task that is left.
    let farewell = async { while tasks.len() > 1 && tasks.join_next().await.is_some() {} };
    let _ = timeout(STOP_PATIENCE, farewell).await;
}

/// Serves one connection: HTTP, and after an upgrade WebSocket.
async fn serve(service: Arc<Service>, stream: Stream, mut stop: watch::Receiver<bool>) {
    let granted: Mutex<Option<Granted>> = Mutex::new(None);
    let answers = service_fn(async |request| {
        let (answer, upgrade) = answer(&service, request).await;
        if upgrade.is_some() {
            *granted.lock().unwrap_or_else(PoisonError::into_inner) = upgrade;
        }
        Ok::<_, std::convert::Infallible>(answer)
    });
    let http = http1::Builder::new()
        .auto_date_header(false)
        .title_case_headers(true)
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), answers)
        .with_upgrades();
    let mut http = std::pin::pin!(http);
    let served = tokio::select! {
        biased;
        served = http.as_mut() => served,
        () = stopped(&mut stop) => {
            http.as_mut().graceful_shutdown();
            http.await
        }
    };
    let granted = granted.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let (Ok(()), Some(granted)) = (served, granted) {
        upgraded(Arc::clone(&service.hub), granted, stop).await;
    }
}

/// Takes the connection over from hyper, with what it has read too far.
async fn upgraded(hub: Arc<Hub>, granted: Granted, stop: watch::Receiver<bool>) {
    let Ok(upgraded) = granted.upgrade.await else { return };
    let Ok(parts) = upgraded.downcast::<TokioIo<Stream>>() else { return };
    let connection = Connection::new(hub, granted.user, granted.framing);
    connection.run(parts.io.into_inner(), &parts.read_buf, stop).await;
}
