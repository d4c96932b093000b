//! Answers to plain HTTP requests: texts, the pages of SockJS, and the headers that let browsers read them.
//!
//! It relies on hyper's types. It must never look at who asks: that is for `http.rs`.

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use super::hub::Hub;
use super::policy::Policy;
use super::sockjs::Flow;

const TEXT: &str = "text/plain;charset=UTF-8";
const NOT_CACHED: &str = "no-store, no-cache, no-transform, must-revalidate, max-age=0";
/// A year, as SockJS asks for the answer to OPTIONS (SOCKJS-INFO-02).
const A_YEAR: &str = "31536000";
/// Far enough: what it is said of does not change.
const LATER: &str = "Fri, 31 Dec 2100 00:00:00 GMT";

/// A response: its body is at hand, or still to come.
pub(super) type Answer = Response<Either<Full<Bytes>, Flow>>;

/// A body that is at hand.
pub(super) fn whole(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Either::Left(Full::new(body.into())));
    *answer.status_mut() = status;
    answer
}

/// A text.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Answer {
    with(whole(status, text), header::CONTENT_TYPE, TEXT)
}

/// A method that is of no use there (SOCKJS-WS-01).
pub(super) fn not_allowed(methods: &str) -> Answer {
    with(whole(StatusCode::METHOD_NOT_ALLOWED, ""), header::ALLOW, methods)
}

/// `GET /ws/im/info` (SOCKJS-INFO-01).
pub(super) fn info(hub: &Hub, headers: &HeaderMap) -> Answer {
    let body = whole(StatusCode::OK, hub.policy.info(hub.entropy()));
    let page = with(body, header::CONTENT_TYPE, "application/json;charset=UTF-8");
    if hub.policy.info_may_be_kept() {
        return shared(with(page, header::CACHE_CONTROL, "public, max-age=3600"), headers);
    }
    fresh(page, headers)
}

/// What a browser asks before a page may ask anything (SOCKJS-INFO-02, SOCKJS-XHR-04).
pub(super) fn options(hub: &Hub, headers: &HeaderMap, methods: &str) -> Answer {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    if !hub.policy.answers_options(origin) {
        return plain(StatusCode::FORBIDDEN, "Forbidden");
    }
    let mut answer = whole(StatusCode::NO_CONTENT, "");
    answer = with(answer, header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    answer = with(answer, header::ACCESS_CONTROL_MAX_AGE, A_YEAR);
    answer = with(answer, header::CACHE_CONTROL, &format!("public, max-age={A_YEAR}"));
    answer = with(answer, header::EXPIRES, LATER);
    let asked = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).filter(|asked| !asked.is_empty());
    if let Some(allowed) = hub.policy.allowed_headers(asked) {
        answer.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed.clone());
    }
    shared(answer, headers)
}

/// The answer to a request that brought messages (SOCKJS-XHR-02).
pub(super) fn taken(policy: Policy, headers: &HeaderMap) -> Answer {
    fresh(plain(policy.taken(), ""), headers)
}

/// The answer to a request that receives frames, of which the last or the first are still to come.
pub(super) fn frames(body: Either<Full<Bytes>, Flow>, kind: &str, headers: &HeaderMap) -> Answer {
    fresh(with(Response::new(body), header::CONTENT_TYPE, kind), headers)
}

/// An answer that is not kept, for pages of any origin.
fn fresh(answer: Answer, headers: &HeaderMap) -> Answer {
    shared(with(answer, header::CACHE_CONTROL, NOT_CACHED), headers)
}

/// Lets pages of any origin read an answer, those of none that could be named (`null`) included.
fn shared(mut answer: Answer, headers: &HeaderMap) -> Answer {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return with(answer, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    };
    answer.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    answer = with(answer, header::VARY, "Origin");
    with(answer, header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true")
}

/// An answer with one header more.
pub(super) fn with(mut answer: Answer, name: HeaderName, value: &str) -> Answer {
    // What is no header value is ours to get right; the client then sees the answer without it.
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
    answer
}
