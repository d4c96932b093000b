//! What is asked for by HTTP: the upgrade to WebSocket, the SockJS sessions without one, and the pages around them.
//!
//! It relies on hyper's requests, on the hub for who a token is and on `sockjs.rs` for sessions. It must never upgrade
//! what RFC 6455 calls a bad handshake, nor say more about a refusal than its status.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, StatusCode, Version};
use tokio::sync::watch;

use super::connection::{Framing, MESSAGE_LIMIT};
use super::hub::Hub;
use super::pages::{Answer, frames, info, not_allowed, options, plain, taken, whole, with};
use super::policy::Policy;
use super::sockjs::{Order, Receiver, Sessions, Style};
use super::talk::Talk;
use crate::link::ws::accept_key;

const JAVASCRIPT: &str = "application/javascript;charset=UTF-8";

/// What requests are answered with.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) hub: Arc<Hub>,
    pub(super) sessions: Sessions,
    /// Told when the server stops.
    pub(super) stop: watch::Receiver<bool>,
}

/// An upgrade that was granted and is about to happen.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) upgrade: OnUpgrade,
    pub(super) framing: Framing,
    pub(super) user: Option<String>,
}

/// What a path stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place<'p> {
    /// A WebSocket.
    Socket,
    /// A WebSocket beneath SockJS: the id of the session.
    Session(&'p str),
    /// The SockJS greeting.
    Greeting,
    /// What SockJS clients ask first.
    Info,
    /// Frames of a session: how, and the ids of server and session.
    Frames(Style, &'p str, &'p str),
    /// Messages for a session: the ids of server and session.
    Messages(&'p str, &'p str),
    /// Nothing (IM-HS-05).
    Nowhere,
}

fn place<'p>(policy: Policy, path: &'p str, query: &str) -> Place<'p> {
    let Some(rest) = policy.below(path, query) else { return Place::Nowhere };
    let segments: Vec<&str> = rest.split('/').collect();
    match segments[..] {
        [""] | ["", "websocket"] if policy.serves_plain() => Place::Socket,
        _ if !policy.serves_sockjs() => Place::Nowhere,
        ["", "info"] => Place::Info,
        ["", server, session, transport]
            if [server, session].iter().all(|id| policy.accepts_session_id(id)) =>
        {
            match transport {
                "websocket" => Place::Session(session),
                "xhr" => Place::Frames(Style::Polling, server, session),
                "xhr_streaming" => Place::Frames(Style::Streaming, server, session),
                "eventsource" => Place::Frames(Style::EventSource, server, session),
                "xhr_send" => Place::Messages(server, session),
                _ => Place::Nowhere,
            }
        }
        _ if policy.is_greeting(rest) => Place::Greeting,
        _ => Place::Nowhere,
    }
}

/// The methods that a place knows.
fn methods(place: Place<'_>) -> &'static str {
    match place {
        Place::Info => "OPTIONS, GET",
        Place::Frames(Style::Polling | Style::Streaming, ..) | Place::Messages(..) => "OPTIONS, POST",
        Place::Frames(Style::EventSource, ..)
        | Place::Socket
        | Place::Session(_)
        | Place::Greeting
        | Place::Nowhere => "GET",
    }
}

/// Answers a request; where that is an upgrade, tells what to do with the connection.
pub(super) async fn answer(service: &Service, mut request: Request<Incoming>) -> (Answer, Option<Granted>) {
    let hub = &service.hub;
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let place = place(hub.policy, &path, &query);
    let allowed = methods(place);
    let answer = match place {
        Place::Nowhere => plain(StatusCode::NOT_FOUND, "Not Found"),
        _ if !allowed.split(", ").any(|method| request.method() == method) => not_allowed(allowed),
        _ if request.method() == Method::OPTIONS => options(hub, request.headers(), allowed),
        Place::Session(id) if !hub.policy.shares_session_ids() && !service.sessions.claim(id) => {
            plain(StatusCode::CONFLICT, "Conflict")
        }
        Place::Socket | Place::Session(_) => {
            let framing = if place == Place::Socket { Framing::Raw } else { Framing::SockJs };
            match upgrade(hub, &mut request, framing) {
                Ok((answer, granted)) => return (answer, Some(granted)),
                Err(answer) => *answer,
            }
        }
        Place::Greeting => plain(StatusCode::OK, hub.policy.greeting()),
        Place::Info => info(hub, request.headers()),
        Place::Frames(style, server, session) => {
            let key = hub.policy.session_key(server, session);
            receive(service, &request, style, key).await.unwrap_or_else(|refused| *refused)
        }
        Place::Messages(server, session) => {
            let key = hub.policy.session_key(server, session);
            take(service, request, &key).await
        }
    };
    (answer, None)
}

/// Frames of a session, which begins with the first request for it (SOCKJS-FR-01).
async fn receive(
    service: &Service,
    request: &Request<Incoming>,
    style: Style,
    key: String,
) -> Result<Answer, Box<Answer>> {
    let hub = &service.hub;
    let orders = service.sessions.find_or_open(key, &service.stop, || {
        admitted(hub, request).map(|user| Talk::open(Arc::clone(hub), user))
    })?;
    let (receiver, mut flow) = Receiver::new(style, hub.policy);
    // Where the session has just ended, nothing follows.
    let _ = orders.send(Order::Attach(receiver));
    let headers = request.headers();
    Ok(match style {
        Style::Polling => match flow.next().await {
            Some(frame) => frames(Either::Left(Full::new(frame)), JAVASCRIPT, headers),
            None => plain(StatusCode::NOT_FOUND, "Not Found"),
        },
        Style::Streaming => frames(Either::Right(flow), JAVASCRIPT, headers),
        Style::EventSource => frames(Either::Right(flow), hub.policy.event_stream_type(), headers),
    })
}

/// Messages for a session (SOCKJS-XHR-02), if it is there (SOCKJS-SESS-03) and they are JSON (SOCKJS-XHR-03).
async fn take(service: &Service, request: Request<Incoming>, key: &str) -> Answer {
    let policy = service.hub.policy;
    let (head, body) = request.into_parts();
    let Some(orders) = service.sessions.find(key) else {
        if policy.refuses_unknown_session() {
            return plain(StatusCode::NOT_FOUND, "Not Found");
        }
        return taken(policy, &head.headers);
    };
    let octets = match Limited::new(body, MESSAGE_LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return plain(StatusCode::PAYLOAD_TOO_LARGE, "Payload too large."),
    };
    if octets.is_empty() {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "Payload expected.");
    }
    match std::str::from_utf8(&octets).map_err(|_| String::new()).and_then(|text| policy.sock_read(text)) {
        // Where the session has just ended, its receiver is told.
        Ok(texts) => drop(orders.send(Order::Take(texts))),
        Err(_) if policy.refuses_broken_json() => {
            return plain(StatusCode::INTERNAL_SERVER_ERROR, "Broken JSON encoding.");
        }
        Err(_) => {}
    }
    taken(policy, &head.headers)
}

/// Who knocks, if they are let in: the user of the query token (IM-HS-02, IM-HS-03).
fn admitted<B>(hub: &Hub, request: &Request<B>) -> Result<Option<String>, Box<Answer>> {
    let origin = request.headers().get(header::ORIGIN).and_then(|value| value.to_str().ok());
    if !hub.policy.admits_origin(origin) {
        return Err(Box::new(plain(StatusCode::FORBIDDEN, "Forbidden")));
    }
    let token = query_token(request.uri().query().unwrap_or_default());
    let user = token.and_then(|token| hub.user_of_token(&token));
    if !hub.policy.admits_upgrade(user.as_deref()) {
        return Err(Box::new(plain(StatusCode::UNAUTHORIZED, "Unauthorized")));
    }
    Ok(user)
}

/// The opening handshake (RFC 6455, 4.2), and who knocks (IM-HS-02).
fn upgrade<B>(
    hub: &Hub,
    request: &mut Request<B>,
    framing: Framing,
) -> Result<(Answer, Granted), Box<Answer>> {
    let computed = handshake_key(hub, request)?;
    let user = admitted(hub, request)?;
    let headers = request.headers();
    if hub.policy.needs_subprotocol() && !headers.contains_key(header::SEC_WEBSOCKET_PROTOCOL) {
        return Err(Box::new(plain(StatusCode::BAD_REQUEST, "A sub-protocol is needed.")));
    }
    let mut answer = whole(StatusCode::SWITCHING_PROTOCOLS, "");
    answer = with(answer, header::UPGRADE, "websocket");
    answer = with(answer, header::CONNECTION, "Upgrade");
    answer = with(answer, header::SEC_WEBSOCKET_ACCEPT, &hub.policy.accept_key(computed));
    let offered = list(hub, headers, &header::SEC_WEBSOCKET_EXTENSIONS).join(", ");
    if let Some(extensions) = hub.policy.extensions(&offered) {
        answer = with(answer, header::SEC_WEBSOCKET_EXTENSIONS, &extensions);
    }
    let protocols = list(hub, headers, &header::SEC_WEBSOCKET_PROTOCOL);
    if (framing == Framing::Raw || hub.policy.negotiates_beneath_sockjs())
        && let Some(selected) = hub.policy.subprotocol(&protocols)
    {
        answer = with(answer, header::SEC_WEBSOCKET_PROTOCOL, &selected);
    }
    Ok((answer, Granted { upgrade: hyper::upgrade::on(request), framing, user }))
}

/// The accept key of a good handshake, or the answer to a bad one.
fn handshake_key<B>(hub: &Hub, request: &Request<B>) -> Result<String, Box<Answer>> {
    let headers = request.headers();
    let names = |name, wanted: &str| hub.policy.lists(&list(hub, headers, name), wanted);
    let bad = |text| Err(Box::new(plain(hub.policy.bad_handshake(), text)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stands_for_one_place() {
        let cases = [
            ("/ws/im", Place::Socket),
            ("/ws/im/websocket", Place::Socket),
            ("/ws/im/000/abc/websocket", Place::Session("abc")),
            ("/ws/im/", Place::Greeting),
            ("/ws/im/info", Place::Info),
            ("/ws/im//abc/websocket", Place::Nowhere),
            ("/ws/im/a.b/abc/websocket", Place::Nowhere),
            ("/ws/im/000/abc/xhr", Place::Frames(Style::Polling, "000", "abc")),
            ("/ws/im/_/a%20b/xhr_streaming", Place::Frames(Style::Streaming, "_", "a%20b")),
            ("/ws/im/1/abc/eventsource", Place::Frames(Style::EventSource, "1", "abc")),
            ("/ws/im/1/abc/xhr_send", Place::Messages("1", "abc")),
            ("/ws/im/1/abc/jsonp", Place::Nowhere),
            ("/ws/im/1/abc/xhr/", Place::Nowhere),
            ("/ws/im/abc/xhr", Place::Nowhere),
            ("/ws/imx", Place::Nowhere),
            ("/ws", Place::Nowhere),
            ("/", Place::Nowhere),
        ];
        for (path, expected) in cases {
            assert_eq!(place(Policy::default(), path, "token=t"), expected, "{path}");
        }
    }

    #[test]
    fn the_first_token_of_the_query_counts_and_is_decoded() {
        assert_eq!(query_token("x=1&token=a%2Fb&token=c").as_deref(), Some("a/b"));
        assert_eq!(query_token("Token=a"), None);
    }
}
