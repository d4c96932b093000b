//! A client under test at the door: its request taken, and answered as the case wants it.
//!
//! It relies on hyper for HTTP. It judges nothing, and never answers by itself: what a client asked for waits until
//! somebody has looked at it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use super::connection::Taken;
use crate::link::Stream;
use crate::link::upgrade::HttpRequest;
use crate::link::ws::accept_key;

/// The sub-protocol that is selected where it is offered (WSSTOMP-01).
const PROTOCOL: &str = "v12.stomp";
/// Octets of a request's body that are kept.
const BODY_LIMIT: usize = 1 << 20;

/// What is written on a stream, where it is held back.
type Held = Arc<Mutex<Option<Vec<u8>>>>;

/// A stream whose octets can be held back until it is handed over.
struct Cork {
    stream: Stream,
    held: Held,
}

impl AsyncRead for Cork {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Cork {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(held) = &mut *lock(&self.held) {
            held.extend_from_slice(octets);
            return Poll::Ready(Ok(octets.len()));
        }
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What becomes of a stream that is about to be upgraded, and who wants it.
type Granted = (OnUpgrade, oneshot::Sender<Taken>);

/// A request that waits for its answer.
#[derive(Debug)]
pub struct Asked {
    /// Method, path and query, headers in order with their names in small letters, body.
    pub request: HttpRequest,
    reply: oneshot::Sender<Response<Full<Bytes>>>,
    upgraded: oneshot::Receiver<Taken>,
    held: Held,
}

/// Speaks HTTP on a stream, and hands over its one request. Ends when the stream is answered or gone.
pub async fn receive(stream: Stream, hand_over: impl Fn(Asked)) {
    // What follows the answer, where that is an upgrade.
    let granted: Mutex<Option<Granted>> = Mutex::default();
    let held = Held::default();
    let answers = service_fn(async |mut request: Request<Incoming>| {
        let upgrade = hyper::upgrade::on(&mut request);
        let (reply, replied) = oneshot::channel();
        let (taken, upgraded) = oneshot::channel();
        hand_over(Asked { request: read(request).await, reply, upgraded, held: held.clone() });
        let Ok(answer) = replied.await else {
            // Nobody looks at it any more.
            return Err("the case is over");
        };
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            *lock(&granted) = Some((upgrade, taken));
        }
        Ok(answer)
    });
    // What is to be closed says so itself: hyper would add it to `Connection` of a 101 as well.
    let served = http1::Builder::new()
        .auto_date_header(false)
        .title_case_headers(true)
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(Cork { stream, held: held.clone() }), answers)
        .with_upgrades()
        .await;
    let granted = lock(&granted).take();
    if let (Ok(()), Some((upgrade, taken))) = (served, granted)
        && let Ok(upgraded) = upgrade.await
        && let Ok(parts) = upgraded.downcast::<TokioIo<Cork>>()
    {
        let (stream, early) = (parts.io.into_inner().stream, parts.read_buf.to_vec());
        let _ = taken.send(Taken { stream, early, held: lock(&held).take().unwrap_or_default() });
    }
}

async fn read(request: Request<Incoming>) -> HttpRequest {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_LIMIT).collect().await.map(|body| body.to_bytes().to_vec());
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    HttpRequest {
        method: head.method.as_str().to_owned(),
        path: head.uri.path_and_query().map_or_else(|| head.uri.to_string(), ToString::to_string),
        headers: head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
        // One that breaks off or is too long is none.
        body: body.unwrap_or_default(),
    }
}

impl Asked {
    /// Whether who asked still waits.
    pub fn is_there(&self) -> bool {
        !self.reply.is_closed()
    }

    /// The headers of an answer with this status: of 101 those that RFC 6455, 4.2.2 asks for and a sub-protocol that was offered, with
    /// these beside or in place of them; one without a value is left out.
    pub fn headers(&self, status: u16, own: &[(String, Option<String>)]) -> Vec<(String, String)> {
        let key = self.request.headers.iter().find(|(name, _)| name == "sec-websocket-key");
        let accept = key.map_or_else(String::new, |(_, key)| accept_key(key));
        let usual: &[(&str, &str)] = match status {
            101 => &[("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", &accept)],
            _ => &[("Connection", "close")],
        };
        let is_named = |name: &str| own.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        // Of what it offers the version that is spoken, or else the first: most libraries take no session without one.
        let offered = self.request.headers.iter().filter(|(name, _)| name == "sec-websocket-protocol");
        let offered: Vec<&str> = offered.flat_map(|(_, list)| list.split(',')).map(str::trim).collect();
        let selected =
            offered.iter().find(|name| **name == PROTOCOL).or(offered.first()).filter(|_| status == 101);
        let usual = usual.iter().copied().chain(selected.map(|name| ("Sec-WebSocket-Protocol", *name)));
        let kept = usual.filter(|(name, _)| !is_named(name));
        let kept = kept.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let own = own.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
        kept.chain(own).collect()
    }

    /// Answers it; the stream, where it was upgraded. An answer that is held is written by who takes the stream over.
    ///
    /// # Errors
    /// What HTTP cannot carry, or a client that was gone before.
    pub async fn answer(
        self,
        status: u16,
        headers: &[(String, String)],
        body: &str,
        held: bool,
    ) -> Result<Option<Taken>, String> {
        if held {
            *lock(&self.held) = Some(Vec::new());
        }
        let mut answer = Response::new(Full::new(Bytes::from(body.to_owned())));
        *answer.status_mut() = StatusCode::from_u16(status).map_err(|e| format!("status {status}: {e}"))?;
        for (name, value) in headers {
            let bad = |e: &dyn std::fmt::Display| format!("header {name:?}: {e}");
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|e| bad(&e))?;
            answer.headers_mut().append(key, HeaderValue::from_bytes(value.as_bytes()).map_err(|e| bad(&e))?);
        }
        self.reply.send(answer).map_err(|_| "the client was gone before the answer".to_owned())?;
        match status {
            101 => {
                self.upgraded.await.map(Some).map_err(|_| "the client was gone before the upgrade".to_owned())
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::link::memory_link;

    /// What a client reads that asks, where it is answered by this status.
    async fn answered(status: u16, held: bool) -> (String, Option<Taken>) {
        let (connector, listener) = memory_link();
        let mut client = connector.connect().expect("there is a listener");
        let guest = listener.accept().await.expect("there is a client");
        let asking = "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        client.write_all(asking.as_bytes()).await.expect("it is connected");
        let (sender, receiver) = oneshot::channel();
        let sender = Mutex::new(Some(sender));
        tokio::spawn(receive(guest, move |asked| {
            let _ = lock(&sender).take().expect("it asks once").send(asked);
        }));
        let asked = receiver.await.expect("it has asked");
        let headers = asked.headers(status, &[("Sec-WebSocket-Accept".to_owned(), None)]);
        let taken = asked.answer(status, &headers, "", held).await.expect("it is answered");
        let mut octets = vec![0; 1024];
        let read = if held { 0 } else { client.read(&mut octets).await.expect("it is connected") };
        (String::from_utf8_lossy(&octets[..read]).into_owned(), taken)
    }

    #[tokio::test]
    async fn an_answer_goes_out_as_it_is_given() {
        let (upgraded, _) = answered(101, false).await;
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        assert_eq!(upgraded, head);
        let (refused, _) = answered(503, false).await;
        let head = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(refused, head);
    }

    #[tokio::test]
    async fn an_answer_that_is_held_is_left_to_who_takes_over() {
        let (nothing, taken) = answered(101, true).await;
        assert_eq!(nothing, "");
        assert!(taken.expect("it was upgraded").held.starts_with(b"HTTP/1.1 101 "));
    }
}
