//! What is asked for by HTTP: the upgrade to WebSocket, and the SockJS pages around it.
//!
//! It relies on hyper's requests and on the hub for who a token is. It must never upgrade what RFC 6455 calls a bad
//! handshake, nor say more about a refusal than its status.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode, Version};

use super::connection::Framing;
use super::hub::Hub;
use crate::link::ws::accept_key;

/// Where the service is.
const BASE: &str = "/ws/im";
const TEXT: &str = "text/plain;charset=UTF-8";
const NOT_CACHED: &str = "no-store, no-cache, no-transform, must-revalidate, max-age=0";
/// A year, as SockJS asks for the answer to OPTIONS (SOCKJS-INFO-02).
const A_YEAR: &str = "31536000";

/// A response whose body is at hand.
pub(super) type Answer = Response<Full<Bytes>>;

/// An upgrade that was granted and is about to happen.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) upgrade: OnUpgrade,
    pub(super) framing: Framing,
    pub(super) user: Option<String>,
}

/// What a path stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A WebSocket.
    Socket(Framing),
    /// The SockJS greeting.
    Greeting,
    /// What SockJS clients ask first.
    Info,
    /// Nothing (IM-HS-05).
    Nowhere,
}

fn place(path: &str) -> Place {
    let Some(rest) = path.strip_prefix(BASE) else { return Place::Nowhere };
    let segments: Vec<&str> = rest.split('/').collect();
    match segments[..] {
        [""] | ["", "websocket"] => Place::Socket(Framing::Raw),
        ["", ""] => Place::Greeting,
        ["", "info"] => Place::Info,
        // SOCKJS-SESS-01: ids are not empty and have no dots.
        ["", server, session, "websocket"]
            if [server, session].iter().all(|id| !id.is_empty() && !id.contains('.')) =>
        {
            Place::Socket(Framing::SockJs)
        }
        _ => Place::Nowhere,
    }
}

/// Answers a request; where that is an upgrade, tells what to do with the connection.
pub(super) fn answer<B>(hub: &Hub, request: &mut Request<B>) -> (Answer, Option<Granted>) {
    let refused = |answer| (answer, None);
    match (place(request.uri().path()), request.method()) {
        (Place::Nowhere, _) => refused(plain(StatusCode::NOT_FOUND, "Not Found")),
        (Place::Socket(framing), &Method::GET) => match upgrade(hub, request, framing) {
            Ok((answer, granted)) => (answer, Some(granted)),
            Err(answer) => refused(*answer),
        },
        (Place::Greeting, &Method::GET) => refused(plain(StatusCode::OK, "Welcome to SockJS!\n")),
        (Place::Info, &Method::GET) => refused(info(hub, request.headers())),
        (Place::Info, &Method::OPTIONS) => refused(options(request.headers())),
        (place, _) => {
            let allowed = if place == Place::Info { "OPTIONS, GET" } else { "GET" };
            refused(with(plain(StatusCode::METHOD_NOT_ALLOWED, ""), header::ALLOW, allowed))
        }
    }
}

/// The opening handshake (RFC 6455, 4.2), and who knocks (IM-HS-02).
fn upgrade<B>(
    hub: &Hub,
    request: &mut Request<B>,
    framing: Framing,
) -> Result<(Answer, Granted), Box<Answer>> {
    let computed = handshake_key(hub, request)?;
    let headers = request.headers();
    let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
    if !hub.policy.admits_origin(origin) {
        return Err(Box::new(plain(StatusCode::FORBIDDEN, "Forbidden")));
    }
    let token = query_token(request.uri().query().unwrap_or_default());
    let user = token.and_then(|token| hub.user_of_token(&token));
    if !hub.policy.admits_upgrade(user.as_deref()) {
        return Err(Box::new(plain(StatusCode::UNAUTHORIZED, "Unauthorized")));
    }
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    answer = with(answer, header::UPGRADE, "websocket");
    answer = with(answer, header::CONNECTION, "Upgrade");
    answer = with(answer, header::SEC_WEBSOCKET_ACCEPT, &hub.policy.accept_key(computed));
    let offered = list(hub, headers, &header::SEC_WEBSOCKET_EXTENSIONS).join(", ");
    if let Some(extensions) = hub.policy.extensions(&offered) {
        answer = with(answer, header::SEC_WEBSOCKET_EXTENSIONS, &extensions);
    }
    // SOCKJS-STOMP-02: on SockJS transports no sub-protocol is negotiated.
    if framing == Framing::Raw
        && let Some(selected) = hub.policy.subprotocol(&list(hub, headers, &header::SEC_WEBSOCKET_PROTOCOL))
    {
        answer = with(answer, header::SEC_WEBSOCKET_PROTOCOL, &selected);
    }
    Ok((answer, Granted { upgrade: hyper::upgrade::on(request), framing, user }))
}

/// The accept key of a good handshake, or the answer to a bad one.
fn handshake_key<B>(hub: &Hub, request: &Request<B>) -> Result<String, Box<Answer>> {
    let headers = request.headers();
    let names = |name, wanted: &str| hub.policy.lists(&list(hub, headers, name), wanted);
    let bad = |text| Err(Box::new(plain(StatusCode::BAD_REQUEST, text)));
    if request.version() != Version::HTTP_11 || !names(&header::UPGRADE, "websocket") {
        return bad("Can \"Upgrade\" only to \"WebSocket\".");
    }
    if !names(&header::CONNECTION, "upgrade") {
        return bad("\"Connection\" must be \"upgrade\".");
    }
    let version = headers.get(header::SEC_WEBSOCKET_VERSION).and_then(|version| version.to_str().ok());
    if !hub.policy.speaks_websocket(version) {
        let mut answer = plain(StatusCode::UPGRADE_REQUIRED, "WebSocket version 13 is spoken here.");
        answer = with(answer, header::UPGRADE, "websocket");
        if hub.policy.names_websocket_version() {
            answer = with(answer, header::SEC_WEBSOCKET_VERSION, "13");
        }
        return Err(Box::new(answer));
    }
    match headers.get(header::SEC_WEBSOCKET_KEY).and_then(|key| key.to_str().ok()) {
        Some(key) if STANDARD.decode(key).is_ok_and(|octets| octets.len() == 16) => Ok(accept_key(key)),
        key if !hub.policy.needs_key() => Ok(accept_key(key.unwrap_or_default())),
        _ => bad("\"Sec-WebSocket-Key\" must be sixteen octets in base64."),
    }
}

/// The `token` of a query, decoded; of several the first.
fn query_token(query: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "token").map(|(_, value)| value.into_owned())
}

/// The members of a list header, over all its lines (WS-HS-14).
fn list(hub: &Hub, headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let most = if hub.policy.joins_lines() { usize::MAX } else { 1 };
    let lines = headers.get_all(name).iter().take(most).filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(|token| token.trim().to_owned()).collect()
}

/// `GET /ws/im/info` (SOCKJS-INFO-01).
fn info(hub: &Hub, headers: &HeaderMap) -> Answer {
    let body = format!(
        "{{\"websocket\":true,\"cookie_needed\":false,\"origins\":[\"*:*\"],\"entropy\":{}}}",
        hub.entropy()
    );
    let mut answer = Response::new(Full::from(body));
    answer = with(answer, header::CONTENT_TYPE, "application/json;charset=UTF-8");
    answer = with(answer, header::CACHE_CONTROL, NOT_CACHED);
    shared(answer, headers)
}

/// `OPTIONS /ws/im/info` (SOCKJS-INFO-02).
fn options(headers: &HeaderMap) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer = with(answer, header::ACCESS_CONTROL_ALLOW_METHODS, "OPTIONS, GET");
    answer = with(answer, header::ACCESS_CONTROL_MAX_AGE, A_YEAR);
    answer = with(answer, header::CACHE_CONTROL, &format!("public, max-age={A_YEAR}"));
    if let Some(asked) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        answer.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    shared(answer, headers)
}

/// Lets pages of any origin read an answer; `null` is none that could be named.
fn shared(mut answer: Answer, headers: &HeaderMap) -> Answer {
    let any = HeaderValue::from_static("*");
    let origin = headers.get(header::ORIGIN).filter(|origin| *origin != "null").unwrap_or(&any).clone();
    answer.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    with(answer, header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true")
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = Response::new(Full::from(text));
    *answer.status_mut() = status;
    with(answer, header::CONTENT_TYPE, TEXT)
}

fn with(mut answer: Answer, name: HeaderName, value: &str) -> Answer {
    // What is no header value is ours to get right; the client then sees the answer without it.
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stands_for_one_place() {
        let cases = [
            ("/ws/im", Place::Socket(Framing::Raw)),
            ("/ws/im/websocket", Place::Socket(Framing::Raw)),
            ("/ws/im/000/abc/websocket", Place::Socket(Framing::SockJs)),
            ("/ws/im/", Place::Greeting),
            ("/ws/im/info", Place::Info),
            ("/ws/im//abc/websocket", Place::Nowhere),
            ("/ws/im/a.b/abc/websocket", Place::Nowhere),
            ("/ws/im/000/abc/xhr", Place::Nowhere),
            ("/ws/imx", Place::Nowhere),
            ("/ws", Place::Nowhere),
            ("/", Place::Nowhere),
        ];
        for (path, expected) in cases {
            assert_eq!(place(path), expected, "{path}");
        }
    }

    #[test]
    fn the_first_token_of_the_query_counts_and_is_decoded() {
        assert_eq!(query_token("x=1&token=a%2Fb&token=c").as_deref(), Some("a/b"));
        assert_eq!(query_token("Token=a"), None);
    }
}
