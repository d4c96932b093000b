//! Opening a connection: the request as the case wants it, and the answer as it came.
//!
//! It relies on `link` for dialling and HTTP, and on `carrier.rs` where there is no WebSocket. It judges nothing; what it saw goes to the sink.

use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::carrier::{Carrier, entrance};
use super::connection::{Connection, Sink};
use super::secrets::{Secrets, percent};
use crate::case::event::{Body, By, Way, What};
use crate::case::transport::Transport;
use crate::dice::Dice;
use crate::link::upgrade::{self, Answer, HttpError, HttpRequest, HttpResponse, Rest};
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
    /// How the connection travels.
    pub over: Transport,
    /// Where mask keys and the handshake's key come from.
    pub seed: u64,
}

/// A path, and the query behind it.
#[derive(Debug, Clone)]
pub(super) struct Url {
    path: String,
    /// The last part of a session's path, with its slash.
    last: &'static str,
    /// With its sign, empty where there is none.
    query: String,
}

impl Url {
    /// All of it.
    fn whole(&self) -> String {
        self.at(self.last)
    }

    /// The same with another last part.
    pub(super) fn at(&self, last: &str) -> String {
        format!("{}{last}{}", self.path, self.query)
    }
}

impl OpenRequest {
    /// Path and query; secrets still by name.
    fn url(&self, endpoint: &Endpoint, dice: &mut Dice) -> Url {
        let path = self.path.as_ref().unwrap_or(&endpoint.path);
        let last = entrance(self.over);
        let path = match (self.over.is_sockjs(), path.strip_suffix(last)) {
            (false, _) => path.clone(),
            // The case has chosen the session.
            (true, Some(session)) if self.path.is_some() => session.to_owned(),
            (true, _) => {
                format!("{}/{:03}/{:016x}", path.trim_end_matches('/'), dice.roll() % 1000, dice.roll())
            }
        };
        let own = self.query.iter().map(|(name, value)| format!("{}={value}", percent(name)));
        let fixed = (!endpoint.query.is_empty()).then(|| endpoint.query.clone());
        let query: Vec<String> = fixed.into_iter().chain(own).collect();
        let query = if query.is_empty() {
            String::new()
        } else {
            let sign = if path.contains('?') { '&' } else { '?' };
            format!("{sign}{}", query.join("&"))
        };
        Url { path, last, query }
    }

    /// The URL as it is shown, and with secrets revealed and encoded.
    fn revealed(&self, endpoint: &Endpoint, secrets: &Secrets, dice: &mut Dice) -> (Url, Url) {
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

    /// The headers of a request: what every request has, these, and what the case makes of them.
    fn headers(&self, endpoint: &Endpoint, own: Vec<(String, String)>) -> Vec<(String, String)> {
        let mut headers = vec![("Host".to_owned(), endpoint.host.clone())];
        headers.extend(own);
        headers.extend(endpoint.headers.clone());
        for (at, (name, value)) in self.headers.iter().enumerate() {
            // The first line of a name takes the place of the usual one; further ones are further lines.
            if !self.headers[..at].iter().any(|(n, _)| n.eq_ignore_ascii_case(name)) {
                headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
            }
            if let Some(value) = value {
                headers.push((name.clone(), value.clone()));
            }
        }
        headers
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

/// Opens a connection. What happens is told to the sink; a connection comes back only if the target let us in.
pub async fn open(
    endpoint: &Endpoint,
    request: &OpenRequest,
    secrets: &Secrets,
    patience: Duration,
    sink: Sink,
) -> Option<Connection> {
    if request.over.has_websocket() {
        upgraded(endpoint, request, secrets, patience, sink).await
    } else {
        carried(endpoint, request, secrets, patience, sink).await
    }
}

/// A connection in a WebSocket.
async fn upgraded(
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
    let mut own = upgrade::upgrade_headers(&key);
    if !request.subprotocols.is_empty() {
        own.push(("Sec-WebSocket-Protocol".into(), request.subprotocols.join(", ")));
    }
    let headers = request.headers(endpoint, own);
    let lines = |name: &str| -> Vec<String> {
        headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone()).collect()
    };
    let sent_key = lines("sec-websocket-key").into_iter().next();
    let extensions = lines("sec-websocket-extensions").join(",");
    let protocols = lines("sec-websocket-protocol").join(",");
    let offered: Vec<String> = protocols.split(',').map(|token| token.trim().to_owned()).collect();
    let http = HttpRequest { method: "GET".into(), path: url.whole(), headers, body: Vec::new() };
    let (response, stream, early) =
        match knock(endpoint, http, &shown.whole(), secrets, patience, &sink).await? {
            Answer::Upgraded(response, stream, early) => (response, stream, early),
            Answer::Refused(response, rest) => {
                refused(response, rest, secrets, patience, &sink).await;
                return None;
            }
        };
    sink(response_event(&response, secrets));
    for (clause, what) in upgrade::upgrade_faults(&response, sent_key.as_deref(), &offered, &extensions) {
        sink(What::Malformed { clause: clause.into(), what });
    }
    if !request.over.is_sockjs() {
        sink(What::Opened { protocol: response.header("sec-websocket-protocol").map(str::to_owned) });
    }
    Some(Connection::start(stream, early, request.over, dice.roll(), secrets.clone(), patience, sink))
}

/// A session of SockJS without a WebSocket: its first request is logged, the later ones are not.
async fn carried(
    endpoint: &Endpoint,
    request: &OpenRequest,
    secrets: &Secrets,
    patience: Duration,
    sink: Sink,
) -> Option<Connection> {
    let (shown, url) = request.revealed(endpoint, secrets, &mut Dice::new(request.seed));
    let headers = request.headers(endpoint, Vec::new());
    let carrier = Carrier { endpoint: endpoint.clone(), secrets: secrets.clone(), url, headers, patience };
    let http = carrier.receiving(request.over);
    match knock(endpoint, http, &shown.whole(), secrets, patience, &sink).await? {
        Answer::Refused(response, rest) if response.status == 200 => {
            sink(response_event(&response, secrets));
            Some(Connection::carried(carrier, request.over, rest, sink))
        }
        Answer::Refused(response, rest) => {
            refused(response, rest, secrets, patience, &sink).await;
            None
        }
        Answer::Upgraded(response, ..) => {
            sink(response_event(&response, secrets));
            sink(What::Ended { by: By::Us, code: None, reason: "an upgrade that was not asked for".into() });
            None
        }
    }
}

/// Sends the request that opens a connection, and takes its answer. Headers are revealed as they are sent.
async fn knock(
    endpoint: &Endpoint,
    http: HttpRequest,
    shown: &str,
    secrets: &Secrets,
    patience: Duration,
    sink: &Sink,
) -> Option<Answer> {
    sink(What::Dial { url: shown.to_owned() });
    sink(request_event(&http, shown, secrets));
    match answer(endpoint, http, secrets, Some(patience)).await {
        Ok(answer) => Some(answer),
        Err(why) => {
            sink(What::Ended { by: By::Target, code: None, reason: why });
            None
        }
    }
}

/// A target that does not let us in.
async fn refused(mut response: HttpResponse, rest: Rest, secrets: &Secrets, patience: Duration, sink: &Sink) {
    // The status is the answer, and it is here: a body that goes on is cut while somebody still waits for it.
    let _ = timeout(patience / 2, rest.read(&mut response)).await;
    sink(response_event(&response, secrets));
    sink(What::Ended { by: By::Target, code: None, reason: format!("HTTP {}", response.status) });
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
    request.body = secrets.reveal_octets(&request.body);
    match answer(endpoint, request, secrets, Some(patience)).await {
        Ok(Answer::Refused(mut response, rest)) => {
            let _ = timeout(patience, rest.read(&mut response)).await;
            sink(response_event(&response, secrets));
        }
        Ok(Answer::Upgraded(response, _, _)) => sink(response_event(&response, secrets)),
        Err(why) => sink(What::Ended { by: By::Target, code: None, reason: why }),
    }
}

/// Connects and sends a request, the secrets in its headers revealed; why there is no answer, if there is none within
/// the patience. Without one it may take as long as it likes.
pub(super) async fn answer(
    endpoint: &Endpoint,
    mut request: HttpRequest,
    secrets: &Secrets,
    patience: Option<Duration>,
) -> Result<Answer, String> {
    for (_, value) in &mut request.headers {
        *value = secrets.reveal(value);
    }
    let until = patience.map(|patience| (Instant::now() + patience, patience));
    let stream =
        within(until, "connection", endpoint.connector.connect()).await?.map_err(|e| e.to_string())?;
    let answered = within(until, "HTTP answer", upgrade::request(stream, &request)).await?;
    answered.map_err(|e| no_answer(&e, secrets))
}

/// Waits until a time at most, which is so long from when it was first waited.
async fn within<T>(
    until: Option<(Instant, Duration)>,
    what: &str,
    waited: impl Future<Output = T>,
) -> Result<T, String> {
    match until {
        None => Ok(waited.await),
        Some((at, patience)) => {
            timeout_at(at, waited).await.map_err(|_| format!("no {what} within {} ms", patience.as_millis()))
        }
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
