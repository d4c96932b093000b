//! The opening handshake from the client's side (RFC 6455, 4.1), and plain HTTP beside it.
//!
//! It relies on hyper for HTTP and judges nothing: status, headers and body are handed up as they came. It never
//! drops octets that followed the answer in the same packet.

use std::fmt;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;

use super::stream::{Heard, Stream};
use super::ws::accept_key;

/// Octets of a response body that are kept.
const BODY_LIMIT: usize = 256 * 1024;

/// A request: method, target as it stands on the request line, headers in order, body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Headers, in order.
    pub headers: Vec<(String, String)>,
    /// The body, empty where there is none.
    pub body: Vec<u8>,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// Headers, in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, cut at 256 KiB.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// The first header of this (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// Why there was no HTTP answer.
#[derive(Debug)]
pub enum HttpError {
    /// The request cannot be written as asked for.
    Request(String),
    /// The answer was no HTTP, or the connection ended before it.
    Answer {
        /// What hyper says.
        why: String,
        /// The first octets that came. They may hold anything, secrets of ours that are echoed included.
        start: Vec<u8>,
    },
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HttpError::Request(why) => write!(f, "the request cannot be sent: {why}"),
            HttpError::Answer { why, start } => {
                write!(f, "no HTTP answer: {why}")?;
                match start[..] {
                    // A TLS record: an alert, or a handshake.
                    [0x15 | 0x16, 3, ..] => f.write_str("; what came is TLS: try wss://"),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// The headers of an upgrade request, besides `Host` and what the caller adds.
pub fn upgrade_headers(key: &str) -> Vec<(String, String)> {
    [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Version", "13"),
    ]
    .map(|(n, v)| (n.to_owned(), v.to_owned()))
    .into()
}

/// What is wrong with a 101 answer to a request with this key, these sub-protocols and these extensions, by clause.
pub fn upgrade_faults(
    response: &HttpResponse,
    key: Option<&str>,
    offered: &[String],
    extensions: &str,
) -> Vec<(&'static str, String)> {
    let mut faults = Vec::new();
    let token = |name: &str, wanted: &str| {
        let all: Vec<&str> =
            response.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect();
        all.iter().flat_map(|v| v.split(',')).any(|t| t.trim().eq_ignore_ascii_case(wanted))
    };
    if !token("upgrade", "websocket") {
        faults.push(("WS-HS-08", format!("Upgrade is {}", shown(response.header("upgrade")))));
    }
    if !token("connection", "upgrade") {
        faults.push(("WS-HS-08", format!("Connection is {}", shown(response.header("connection")))));
    }
    if let Some(key) = key {
        let (expected, got) = (accept_key(key), response.header("sec-websocket-accept"));
        if got != Some(&expected) {
            faults.push(("WS-HS-08", format!("Sec-WebSocket-Accept is {}, not {expected:?}", shown(got))));
        }
    }
    if let Some(chosen) = response.header("sec-websocket-protocol")
        && !offered.iter().any(|o| o == chosen)
    {
        faults.push(("WS-HS-09", format!("sub-protocol {chosen:?} was not offered")));
    }
    if let Some(chosen) = response.header("sec-websocket-extensions") {
        let names = |list: &str| -> Vec<String> {
            list.split(',').filter_map(|one| Some(one.split(';').next()?.trim().to_owned())).collect()
        };
        let offered = names(extensions);
        for name in names(chosen).into_iter().filter(|name| !offered.contains(name)) {
            faults.push(("WS-HS-15", format!("extension {name:?} was not offered")));
        }
    }
    faults
}

/// A header's value for a message.
fn shown(value: Option<&str>) -> String {
    value.map_or_else(|| "missing".to_owned(), |value| format!("{value:?}"))
}

/// An answer to a request: a connection that was upgraded, with octets that followed the answer, or a response.
pub enum Answer {
    /// Status 101.
    Upgraded(HttpResponse, Stream, Vec<u8>),
    /// Any other status; the body is still to be read.
    Refused(HttpResponse, Rest),
}

/// Sends a request over a new connection and takes its answer.
///
/// # Errors
/// A request that HTTP cannot carry, or an answer that is none.
pub async fn request(stream: Stream, request: &HttpRequest) -> Result<Answer, HttpError> {
    let built = build(request)?;
    let heard = stream.heard();
    let (mut sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .preserve_header_case(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|e| no_http(&e, &heard))?;
    // The connection drives itself beside us; it ends with the sender, or hands the stream over when upgraded.
    tokio::spawn(connection.with_upgrades());
    let mut response = sender.send_request(built).await.map_err(|e| no_http(&e, &heard))?;
    let lost = |why: String| HttpError::Answer { why, start: Vec::new() };
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(n, v)| (n.as_str().to_owned(), String::from_utf8_lossy(v.as_bytes()).into_owned()))
        .collect();
    if status == 101 {
        let upgraded = hyper::upgrade::on(&mut response).await.map_err(|e| lost(describe(&e)))?;
        let parts = upgraded
            .downcast::<TokioIo<Stream>>()
            .map_err(|_| lost("the connection was not handed over".into()))?;
        let head = HttpResponse { status, headers, body: Vec::new() };
        return Ok(Answer::Upgraded(head, parts.io.into_inner(), parts.read_buf.to_vec()));
    }
    Ok(Answer::Refused(HttpResponse { status, headers, body: Vec::new() }, Rest(response.into_body())))
}

/// The body of a response, still to come.
#[derive(Debug)]
pub struct Rest(Incoming);

impl Rest {
    /// The next octets of the body; none at its end.
    ///
    /// # Errors
    /// Why it breaks off.
    pub async fn next(&mut self) -> Result<Option<Bytes>, String> {
        loop {
            match self.0.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(describe(&error)),
                Some(Ok(frame)) => {
                    if let Ok(octets) = frame.into_data() {
                        return Ok(Some(octets));
                    }
                }
            }
        }
    }

    /// Reads on into the response's body, to its end or to the limit. The body is evidence, not a condition: one that
    /// breaks off, or for which the caller waits no longer, leaves what came so far.
    pub async fn read(mut self, into: &mut HttpResponse) {
        while into.body.len() < BODY_LIMIT
            && let Ok(Some(octets)) = self.next().await
        {
            let room = BODY_LIMIT - into.body.len();
            into.body.extend_from_slice(&octets[..octets.len().min(room)]);
        }
    }
}

/// An answer that is no HTTP, with how it began.
fn no_http(error: &hyper::Error, heard: &Heard) -> HttpError {
    HttpError::Answer { why: describe(error), start: heard.octets() }
}

fn build(request: &HttpRequest) -> Result<Request<Full<Bytes>>, HttpError> {
    let bad = |why: String| HttpError::Request(why);
    let method = Method::from_bytes(request.method.as_bytes()).map_err(|e| bad(format!("method: {e}")))?;
    let uri: Uri = request.path.parse().map_err(|e| bad(format!("path {:?}: {e}", request.path)))?;
    let mut built = Request::new(Full::new(Bytes::from(request.body.clone())));
    *built.method_mut() = method;
    *built.uri_mut() = uri;
    for (name, value) in &request.headers {
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|e| bad(format!("header {name:?}: {e}")))?;
        let value =
            HeaderValue::from_bytes(value.as_bytes()).map_err(|e| bad(format!("header {name}: {e}")))?;
        built.headers_mut().append(name, value);
    }
    Ok(built)
}

/// An error with its causes, in one line.
fn describe(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(headers: &[(&str, &str)]) -> HttpResponse {
        let headers = headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        HttpResponse { status: 101, headers, body: Vec::new() }
    }

    #[test]
    fn a_correct_answer_has_no_faults_whatever_its_case() {
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        let good = answer(&[
            ("upgrade", "WebSocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ]);
        assert_eq!(upgrade_faults(&good, Some(key), &["v12.stomp".into()], ""), []);
    }

    #[test]
    fn each_fault_names_its_clause() {
        let bad = answer(&[
            ("upgrade", "h2c"),
            ("sec-websocket-accept", "x"),
            ("sec-websocket-protocol", "stomp"),
            ("sec-websocket-extensions", "permessage-deflate"),
        ]);
        let clauses: Vec<_> =
            upgrade_faults(&bad, Some("k"), &[], "x-other").into_iter().map(|(c, _)| c).collect();
        assert_eq!(clauses, ["WS-HS-08", "WS-HS-08", "WS-HS-08", "WS-HS-09", "WS-HS-15"]);
    }
}
