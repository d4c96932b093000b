//! SockJS over plain HTTP, in memory and in virtual time, with requests written by hand.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use super::shell::{connect, in_memory, token};
use super::*;
use crate::link::{MemoryConnector, Stream};

const ALICE: &str = "user_001";
const LONG: Duration = Duration::from_secs(60);

/// A request that was sent, and what has come of its answer.
struct Asked {
    stream: Stream,
    text: String,
}

impl Asked {
    async fn new(connector: &MemoryConnector, head: &str, body: &str) -> Asked {
        let mut stream = connector.connect().expect("it listens");
        let (head, more) = head.split_once('\n').unwrap_or((head, ""));
        let length = body.len();
        let more = if more.is_empty() { String::new() } else { format!("{more}\r\n") };
        let request = format!(
            "{head} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{more}Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.expect("open");
        Asked { stream, text: String::new() }
    }

    /// Reads until a text has come.
    async fn until(&mut self, text: &str) {
        while !self.text.contains(text) {
            let mut buffer = [0; 4096];
            let count = timeout(LONG, self.stream.read(&mut buffer)).await;
            let count = count.unwrap_or_else(|_| panic!("no {text:?} in {:?}", self.text)).unwrap_or(0);
            assert!(count > 0, "no {text:?} in {:?}", self.text);
            self.text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    }

    /// Reads to the end: status, head and body, its chunks put together.
    async fn whole(mut self) -> (u16, String, String) {
        let rest = timeout(LONG, self.stream.read_to_string(&mut self.text)).await;
        rest.expect("it ends").expect("text");
        let (head, body) = self.text.split_once("\r\n\r\n").expect("a head");
        let status = head.get(9..12).and_then(|digits| digits.parse().ok()).expect("a status");
        let body =
            if head.contains("Transfer-Encoding: chunked") { dechunked(body) } else { body.to_owned() };
        (status, head.to_owned(), body)
    }
}

fn dechunked(mut body: &str) -> String {
    let mut out = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a size");
        out.push_str(&rest[..size]);
        body = &rest[size + 2..];
    }
    out
}

/// Clients of one server, by whole exchanges.
struct Web {
    _server: crate::reference::Server,
    connector: MemoryConnector,
}

impl Web {
    fn new(policy: Policy) -> Web {
        let (server, connector) = in_memory(policy);
        Web { _server: server, connector }
    }

    async fn begin(&self, method: &str, path: &str) -> Asked {
        let head = format!("{method} /ws/im{path}?token={}", token(ALICE));
        Asked::new(&self.connector, &head, "").await
    }

    async fn ask(&self, method: &str, path: &str) -> (u16, String, String) {
        self.begin(method, path).await.whole().await
    }

    /// The body that a poll is answered with.
    async fn poll(&self, path: &str) -> String {
        let (status, _, body) = self.ask("POST", &format!("{path}/xhr")).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn send(&self, path: &str, body: &str) -> (u16, String, String) {
        let head = format!("POST /ws/im{path}/xhr_send");
        Asked::new(&self.connector, &head, body).await.whole().await
    }

    /// Sends STOMP.
    async fn say(&self, path: &str, frames: &[&str]) {
        assert_eq!(self.send(path, &json!(frames).to_string()).await.0, 204);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_by_polling_speaks_stomp() {
    let web = Web::new(Policy::default());
    assert_eq!(web.poll("/000/a").await, "o\n");
    web.say("/000/a", &[&connect(ALICE)[..20], &connect(ALICE)[20..]]).await;
    assert!(web.poll("/999/a").await.starts_with("a[\"CONNECTED\\nversion:1.2\\n"), "whatever the server id");
    web.say("/000/a", &["DISCONNECT\nreceipt:r\n\n\0"]).await;
    assert_eq!(web.poll("/000/a").await, "a[\"RECEIPT\\nreceipt-id:r\\n\\n\\u0000\"]\n");
    for _ in 0..2 {
        assert_eq!(web.poll("/000/a").await, "c[1000,\"\"]\n");
    }
    assert_eq!(web.send("/000/a", "[\"\\n\"]").await.0, 204, "it is still known");
}

#[tokio::test(start_paused = true)]
async fn a_poll_waits_for_what_comes_and_a_second_one_is_turned_away() {
    let web = Web::new(Policy::default());
    assert_eq!(web.poll("/0/a").await, "o\n");
    let waiting = web.begin("POST", "/0/a/xhr").await;
    let (second, ()) = tokio::join!(web.poll("/0/a"), async { tokio::task::yield_now().await });
    assert_eq!(second, "c[2010,\"Another connection still open\"]\n");
    web.say("/0/a", &["FOO\n\n\0"]).await;
    assert!(waiting.whole().await.2.starts_with("a[\"ERROR\\nmessage:"));
    assert!(web.poll("/0/a").await.starts_with("c[1002,\""));
}

#[tokio::test(start_paused = true)]
async fn a_streaming_response_has_a_prelude_and_ends_at_its_limit_without_a_loss() {
    let web = Web::new(Policy::default());
    for (transport, prelude, open) in [
        ("xhr_streaming", "h".repeat(2048) + "\n", "o\n"),
        ("eventsource", "\r\n".to_owned(), "data: o\r\n\r\n"),
    ] {
        let method = if transport == "eventsource" { "GET" } else { "POST" };
        let base = format!("/0/{transport}");
        let path = format!("{base}/{transport}");
        let first = web.begin(method, &path).await;
        let subscribe = "SUBSCRIBE\nid:s\ndestination:/topic/t\n\n\0";
        let mut frames = vec![connect(ALICE), subscribe.to_owned()];
        let body = "100% ".repeat(12_000);
        frames.extend((0..5).map(|_| format!("SEND\ndestination:/topic/t\n\n{body}\0")));
        let mut first = first;
        first.until(open.trim_end()).await;
        let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
        for frame in &frames {
            web.say(&base, &[frame]).await;
        }
        let (status, _, mut all) = first.whole().await;
        assert_eq!(status, 200);
        assert!(all.starts_with(&format!("{prelude}{open}")), "{}", &all[..60]);
        web.say(&base, &["DISCONNECT\n\n\0"]).await;
        while !all.contains("c[1000,\"\"]") {
            let (_, _, next) = web.ask(method, &path).await;
            assert!(next.starts_with(&prelude), "{}", &next[..60]);
            all += &next;
        }
        let percent = if transport == "eventsource" { "100%25 " } else { "100% " };
        assert!(all.matches(&prelude).count() > 1, "{transport}: more than one response");
        assert_eq!(all.matches(percent).count(), 5 * 12_000, "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_heart_beat_answers_a_poll_that_waits_too_long_and_who_does_not_poll_is_forgotten() {
    let web = Web::new(Policy::default());
    assert_eq!(web.poll("/0/a").await, "o\n");
    let begun = Instant::now();
    assert_eq!(web.poll("/0/a").await, "h\n");
    assert_eq!(begun.elapsed().as_secs(), 25);
    tokio::time::sleep(Duration::from_millis(1_900)).await;
    assert_eq!(web.send("/0/a", "[]").await.0, 204);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(web.send("/0/a", "[]").await.0, 404);
    assert_eq!(web.poll("/0/a").await, "o\n", "the id can be used again");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_cut_off_ends_its_session() {
    let web = Web::new(Policy::default());
    for transport in ["xhr", "xhr_streaming"] {
        let base = format!("/0/{transport}");
        assert_eq!(web.poll(&base).await, "o\n");
        web.say(&base, &[&connect(ALICE)]).await;
        assert!(web.poll(&base).await.contains("CONNECTED"));
        let waiting = web.begin("POST", &format!("{base}/{transport}")).await;
        assert!(web.poll(&base).await.starts_with("c[2010,"), "the first is there");
        drop(waiting);
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(web.poll(&base).await, "c[1002,\"Connection interrupted\"]\n");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_message_is_refused_and_the_session_goes_on() {
    let web = Web::new(Policy::default());
    assert_eq!(web.send("/0/a", "[\"x\"]").await.0, 404);
    assert_eq!(web.poll("/0/a").await, "o\n");
    for (body, status, text) in [
        ("[\"x", 500, "Broken JSON encoding."),
        ("", 500, "Payload expected."),
        ("[1]", 500, "Broken JSON encoding."),
        ("[]", 204, ""),
    ] {
        let (got, _, said) = web.send("/0/a", body).await;
        assert_eq!((got, &*said), (status, text), "{body}");
    }
    let long = format!("[\"{}\"]", "x".repeat((1 << 20) + 1_000));
    assert_eq!(web.send("/0/a", &long).await.0, 413);
    web.say("/0/a", &[&connect(ALICE)]).await;
    assert!(web.poll("/0/a").await.contains("CONNECTED"));
}

#[tokio::test(start_paused = true)]
async fn who_has_no_valid_query_token_gets_no_session() {
    let web = Web::new(Policy::default());
    for transport in ["POST /ws/im/0/a/xhr", "POST /ws/im/0/a/xhr_streaming", "GET /ws/im/0/a/eventsource"] {
        for query in ["", "?token=x"] {
            let asked = Asked::new(&web.connector, &format!("{transport}{query}"), "").await;
            assert_eq!(asked.whole().await.0, 401, "{transport}{query}");
        }
    }
    assert_eq!(web.send("/0/a", "[]").await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn browsers_may_read_answers_and_keep_none() {
    let web = Web::new(Policy::default());
    let origin = "Origin: http://x";
    let head = format!("POST /ws/im/0/a/xhr?token={}\n{origin}", token(ALICE));
    let (_, frames, _) = Asked::new(&web.connector, &head, "").await.whole().await;
    let head = format!("POST /ws/im/0/a/xhr_send\n{origin}\r\nContent-Type: T");
    let (_, taken, _) = Asked::new(&web.connector, &head, "[]").await.whole().await;
    for (head, kind) in
        [(&frames, "application/javascript;charset=UTF-8"), (&taken, "text/plain;charset=UTF-8")]
    {
        for wanted in [
            &format!("Content-Type: {kind}"),
            "Cache-Control: no-store, no-cache, no-transform, must-revalidate, max-age=0",
            "Access-Control-Allow-Origin: http://x",
            "Access-Control-Allow-Credentials: true",
        ] {
            assert!(head.contains(wanted), "{wanted} in {head}");
        }
        assert!(!head.contains("Set-Cookie"));
    }
    let head = format!("OPTIONS /ws/im/0/a/xhr_send\n{origin}\r\nAccess-Control-Request-Headers: a, b");
    let (status, head, _) = Asked::new(&web.connector, &head, "").await.whole().await;
    assert_eq!(status, 204);
    assert!(head.contains("Access-Control-Allow-Headers: a, b") && head.contains("OPTIONS, POST"), "{head}");
    let (status, head, _) = web.ask("GET", "/0/a/xhr").await;
    assert!(
        status == 405 && head.contains("Allow: OPTIONS, POST") && !head.contains("Content-Type"),
        "{head}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_says_so_to_every_receiver() {
    let (server, connector) = in_memory(Policy::default());
    let path = format!("POST /ws/im/0/a/xhr_streaming?token={}", token(ALICE));
    let mut asked = Asked::new(&connector, &path, "").await;
    asked.until("o\n\r\n").await;
    let begun = Instant::now();
    let ((), (_, _, body)) = tokio::join!(server.shutdown(), asked.whole());
    assert!(body.ends_with("c[1001,\"The server is stopping\"]\n"));
    assert!(begun.elapsed() < Duration::from_secs(1));
}
