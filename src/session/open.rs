//! Opening a connection: the request as the case wants it, and the answer as it came.
//!
//! It relies on `link` for dialling and HTTP. It judges nothing; what it saw goes to the sink.

use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::connection::{Connection, Sink};
use super::secrets::{Secrets, percent};
use super::writer::Dice;
use crate::case::event::{Body, By, Way, What};
use crate::link::upgrade::{self, Answer, HttpError, HttpRequest, HttpResponse};
use crate::link::{Connector, ws};

/// Where a target listens.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// How it is reached.
    pub connector: Connector,
    /// The `Host` header.
    pub host: String,
    /// The path.
    pub path: String,
    /// The query that stands in the target's URL, without `?`.
    pub query: String,
    /// Headers on every handshake.
    pub headers: Vec<(String, String)>,
}

/// What is to be opened.
#[derive(Debug, Clone, Default)]
pub struct OpenRequest {
    /// The path, where it is not the target's.
    pub path: Option<String>,
    /// Name and value, values not yet revealed or encoded.
    pub query: Vec<(String, String)>,
    /// Headers that replace or remove the usual ones.
    pub headers: Vec<(String, Option<String>)>,
    /// Sub-protocols to offer.
    pub subprotocols: Vec<String>,
    /// Whether SockJS is spoken within the WebSocket.
    pub sockjs: bool,
    /// Where mask keys and the handshake's key come from.
    pub seed: u64,
}

impl OpenRequest {
    /// Path and query; secrets still by name.
    fn url(&self, endpoint: &Endpoint, dice: &mut Dice) -> String {
        let path = self.path.as_ref().unwrap_or(&endpoint.path);
        let path = if self.sockjs {
            format!("{}/{:03}/{:016x}/websocket", path.trim_end_matches('/'), dice.roll() % 1000, dice.roll())
        } else {
            path.clone()
        };
        let own = self.query.iter().map(|(name, value)| format!("{}={value}", percent(name)));
        let fixed = (!endpoint.query.is_empty()).then(|| endpoint.query.clone());
        let query: Vec<String> = fixed.into_iter().chain(own).collect();
        if query.is_empty() {
            path
        } else {
            let sign = if path.contains('?') { '&' } else { '?' };
            format!("{path}{sign}{}", query.join("&"))
        }
    }

    /// The URL with secrets revealed and encoded.
    fn revealed(&self, endpoint: &Endpoint, secrets: &Secrets, dice: &mut Dice) -> (String, String) {
        let mut open = self.clone();
        let shown = self.url(endpoint, &mut dice.clone());
        for (_, value) in &mut open.query {
            *value = percent(&secrets.reveal(value));
        }
        if let Some(path) = &mut open.path {
            *path = encode_path(&secrets.reveal(path));
        }
        (shown, open.url(endpoint, dice))
    }
}

/// A path with what no request line may hold percent-encoded, and nothing else changed.
fn encode_path(path: &str) -> String {
    path.chars()
        .map(|c| match c {
            '!'..='~' if !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}' | '#') => {
                c.to_string()
            }
            _ => percent(&c.to_string()),
        })
        .collect()
}

/// Opens a WebSocket. What happens is told to the sink; a connection comes back only if the target upgraded.
pub async fn open(
    endpoint: &Endpoint,
    request: &OpenRequest,
    secrets: &Secrets,
    patience: Duration,
    sink: Sink,
) -> Option<Connection> {
    let mut dice = Dice::new(request.seed);
    let key = ws::key_from(
        [dice.roll().to_be_bytes(), dice.roll().to_be_bytes()].concat().try_into().unwrap_or_default(),
    );
    let (shown, url) = request.revealed(endpoint, secrets, &mut dice);
    sink(What::Dial { url: shown.clone() });
    let mut headers = vec![("Host".to_owned(), endpoint.host.clone())];
    headers.extend(upgrade::upgrade_headers(&key));
    if !request.subprotocols.is_empty() {
        headers.push(("Sec-WebSocket-Protocol".into(), request.subprotocols.join(", ")));
    }
    headers.extend(endpoint.headers.clone());
    for (at, (name, value)) in request.headers.iter().enumerate() {
        // The first line of a name takes the place of the usual one; further ones are further lines.
        if !request.headers[..at].iter().any(|(n, _)| n.eq_ignore_ascii_case(name)) {
            headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        }
        if let Some(value) = value {
            headers.push((name.clone(), value.clone()));
        }
    }
    let lines = |name: &str| -> Vec<String> {
        headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone()).collect()
    };
    let sent_key = lines("sec-websocket-key").into_iter().next();
    let extensions = lines("sec-websocket-extensions").join(",");
    let offered: Vec<String> = lines("sec-websocket-protocol")
        .iter()
        .flat_map(|line| line.split(','))
        .map(|token| token.trim().to_owned())
        .collect();
    let http = HttpRequest { method: "GET".into(), path: url, headers, body: Vec::new() };
    sink(request_event(&http, &shown, secrets));
    let failed = |why: String| sink(What::Ended { by: By::Target, code: None, reason: why });
    let revealed = HttpRequest {
        headers: http.headers.iter().map(|(n, v)| (n.clone(), secrets.reveal(v))).collect(),
        ..http.clone()
    };
    match answer(endpoint, &revealed, secrets, patience).await {
        Err(why) => failed(why),
        Ok(Answer::Refused(mut response, rest)) => {
            // The status is the answer, and it is here: a body that goes on is cut while somebody still waits for it.
            let _ = timeout(patience / 2, rest.read(&mut response)).await;
            sink(response_event(&response, secrets));
            sink(What::Ended { by: By::Target, code: None, reason: format!("HTTP {}", response.status) });
        }
        Ok(Answer::Upgraded(response, stream, early)) => {
            sink(response_event(&response, secrets));
            let faults = upgrade::upgrade_faults(&response, sent_key.as_deref(), &offered, &extensions);
            for (clause, what) in faults {
                sink(What::Malformed { clause: clause.into(), what });
            }
            let protocol = response.header("sec-websocket-protocol").map(str::to_owned);
            if !request.sockjs {
                sink(What::Opened { protocol: protocol.clone() });
            }
            return Some(Connection::start(
                stream,
                early,
                request.sockjs,
                dice.roll(),
                secrets.clone(),
                sink,
            ));
        }
    }
    None
}

/// Sends a plain HTTP request beside any session, and tells what came.
pub async fn http(
    endpoint: &Endpoint,
    request: HttpRequest,
    secrets: &Secrets,
    patience: Duration,
    sink: Sink,
) {
    let shown = request.path.clone();
    let mut request = HttpRequest { path: encode_path(&secrets.reveal(&request.path)), ..request };
    if !request.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("host")) {
        request.headers.insert(0, ("Host".into(), endpoint.host.clone()));
    }
    sink(request_event(&request, &shown, secrets));
    for (_, value) in &mut request.headers {
        *value = secrets.reveal(value);
    }
    match answer(endpoint, &request, secrets, patience).await {
        Ok(Answer::Refused(mut response, rest)) => {
            let _ = timeout(patience, rest.read(&mut response)).await;
            sink(response_event(&response, secrets));
        }
        Ok(Answer::Upgraded(response, _, _)) => sink(response_event(&response, secrets)),
        Err(why) => sink(What::Ended { by: By::Target, code: None, reason: why }),
    }
}

/// Connects and sends a request; why there is no answer, if there is none within the patience.
async fn answer(
    endpoint: &Endpoint,
    request: &HttpRequest,
    secrets: &Secrets,
    patience: Duration,
) -> Result<Answer, String> {
    let until = Instant::now() + patience;
    let late = |what: &str| format!("no {what} within {} ms", patience.as_millis());
    let stream = match timeout_at(until, endpoint.connector.connect()).await {
        Ok(connected) => connected.map_err(|e| e.to_string())?,
        Err(_) => return Err(late("connection")),
    };
    match timeout_at(until, upgrade::request(stream, request)).await {
        Ok(answered) => answered.map_err(|e| no_answer(&e, secrets)),
        Err(_) => Err(late("HTTP answer")),
    }
}

/// Why there is no answer, with the start of what came. Secrets are concealed before it is cut: half of one is one.
fn no_answer(error: &HttpError, secrets: &Secrets) -> String {
    let why = secrets.conceal(&error.to_string());
    match error {
        HttpError::Answer { start, .. } if !start.is_empty() => {
            let shown = secrets.conceal(&String::from_utf8_lossy(start));
            let shown: String = shown.chars().take(40).collect();
            format!("{why}; it began with {shown:?}")
        }
        _ => why,
    }
}

fn request_event(request: &HttpRequest, shown: &str, secrets: &Secrets) -> What {
    let headers = request.headers.iter().map(|(n, v)| (n.clone(), secrets.conceal(v))).collect();
    What::Http {
        way: Way::Out,
        status: None,
        request: Some(format!("{} {shown}", request.method)),
        headers,
        body: Body::from_octets(secrets.conceal(&String::from_utf8_lossy(&request.body)).as_bytes()),
    }
}

fn response_event(response: &HttpResponse, secrets: &Secrets) -> What {
    What::Http {
        way: Way::In,
        status: Some(response.status),
        request: None,
        headers: response.headers.iter().map(|(n, v)| (n.clone(), secrets.conceal(v))).collect(),
        body: Body::from_octets(secrets.conceal(&String::from_utf8_lossy(&response.body)).as_bytes()),
    }
}
