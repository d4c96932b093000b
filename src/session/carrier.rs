//! A session of SockJS without a WebSocket: one request after the other receives, and beside them others send.
//!
//! It relies on `link` for HTTP and for how frames stand in responses. One request sends at a time, so that messages
//! keep their order; what waits meanwhile leaves in one array. It does nothing else by itself but beat as negotiated.

use std::pin::Pin;
use std::time::Duration;

use futures_util::future::OptionFuture;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::connection::{CLOSE_GRACE, Order};
use super::ear::{Ear, End};
use super::open::{Endpoint, Url, answer};
use super::pulse::Pulse;
use super::secrets::Secrets;
use super::writer::Writer;
use crate::case::event::{By, Way, What};
use crate::case::transport::Transport;
use crate::link::sockjs::{Layout, Responses, as_text};
use crate::link::upgrade::{Answer, HttpRequest, Rest};

/// Where a session's requests go.
#[derive(Clone)]
pub(super) struct Carrier {
    pub(super) endpoint: Endpoint,
    pub(super) secrets: Secrets,
    /// Secrets revealed.
    pub(super) url: Url,
    /// Secrets by name.
    pub(super) headers: Vec<(String, String)>,
    /// How long an answer is waited for; frames are waited for without an end.
    pub(super) patience: Duration,
}

/// The last part of the path from which a transport receives.
pub(super) fn entrance(over: Transport) -> &'static str {
    match over {
        Transport::Websocket => "",
        Transport::SockjsWebsocket => "/websocket",
        Transport::XhrPolling => "/xhr",
        Transport::XhrStreaming => "/xhr_streaming",
        Transport::Eventsource => "/eventsource",
    }
}

/// The method of the requests that receive.
fn method(over: Transport) -> &'static str {
    match over {
        Transport::XhrPolling | Transport::XhrStreaming => "POST",
        Transport::Eventsource | Transport::Websocket | Transport::SockjsWebsocket => "GET",
    }
}

fn layout(over: Transport) -> Layout {
    match over {
        Transport::XhrStreaming => Layout::Streaming,
        Transport::Eventsource => Layout::Events,
        Transport::XhrPolling | Transport::Websocket | Transport::SockjsWebsocket => Layout::Polling,
    }
}

/// Responses without a frame after which a target is given up: it could go on so for ever.
const MOST_EMPTY: usize = 20;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// How far the request that receives has come.
enum Receiving {
    /// It was sent.
    Asked(Boxed<Result<Rest, String>>),
    /// Its response has begun.
    Answered(Rest),
}

/// What a request that receives has come to.
enum Heard {
    Began,
    Octets(bytes::Bytes),
    Over,
}

impl Receiving {
    /// The next thing that comes. Dropping this loses nothing.
    async fn next(&mut self) -> Result<Heard, String> {
        match self {
            Receiving::Asked(asked) => {
                *self = Receiving::Answered(asked.await?);
                Ok(Heard::Began)
            }
            Receiving::Answered(rest) => Ok(rest.next().await?.map_or(Heard::Over, Heard::Octets)),
        }
    }
}

impl Carrier {
    /// A request that receives.
    pub(super) fn receiving(&self, over: Transport) -> HttpRequest {
        let path = self.url.at(entrance(over));
        HttpRequest { method: method(over).into(), path, headers: self.headers.clone(), body: Vec::new() }
    }

    /// A request that sends these messages, each a JSON string.
    fn sending(&self, messages: &[String]) -> HttpRequest {
        let mut headers = self.headers.clone();
        if !headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("content-type")) {
            headers.push(("Content-Type".into(), "text/plain".into()));
        }
        let body = format!("[{}]", messages.join(",")).into_bytes();
        HttpRequest { method: "POST".into(), path: self.url.at("/xhr_send"), headers, body }
    }

    /// Asks for frames, for as long as it takes.
    fn receive(&self, over: Transport) -> Receiving {
        let (this, request) = (self.clone(), self.receiving(over));
        Receiving::Asked(Box::pin(async move {
            // A poll is answered when there is something to say.
            match answer(&this.endpoint, request, &this.secrets, None).await? {
                Answer::Refused(response, rest) if response.status == 200 => Ok(rest),
                Answer::Refused(response, _) | Answer::Upgraded(response, ..) => {
                    Err(format!("HTTP {} where frames are due", response.status))
                }
            }
        }))
    }

    /// Sends messages.
    fn send(&self, messages: &[String]) -> Boxed<Result<(), String>> {
        let (this, request) = (self.clone(), self.sending(messages));
        Box::pin(async move {
            match answer(&this.endpoint, request, &this.secrets, Some(this.patience)).await? {
                Answer::Refused(response, _) if matches!(response.status, 200 | 204) => Ok(()),
                Answer::Refused(response, _) | Answer::Upgraded(response, ..) => {
                    Err(format!("HTTP {} to messages of ours", response.status))
                }
            }
        })
    }

    /// Serves the session to its end; its first response has begun.
    pub(super) async fn run(
        self,
        over: Transport,
        first: Rest,
        ear: Ear,
        mut inbox: mpsc::UnboundedReceiver<Order>,
    ) {
        let mut pump = Pump {
            carrier: self,
            over,
            ear,
            responses: Responses::new(layout(over)),
            writer: Writer::new(over, 0),
            waiting: Vec::new(),
            sending: None,
            ending: None,
            empty: 0,
            asked: 0,
            taken_leave: None,
            pulse: Pulse::none(),
        };
        let (by, code, reason) = pump.pump(first, &mut inbox).await;
        let reason = pump.ear.secrets.conceal(&reason);
        (pump.ear.sink)(What::Ended { by, code, reason });
    }
}

/// The task.
struct Pump {
    carrier: Carrier,
    over: Transport,
    ear: Ear,
    responses: Responses,
    writer: Writer,
    /// Messages that wait for the request before them to be answered.
    waiting: Vec<String>,
    sending: Option<Boxed<Result<(), String>>>,
    /// How we end the session, and when at the latest: once what was said has left.
    ending: Option<(Instant, &'static str)>,
    /// Responses in a row in which no frame came.
    empty: usize,
    /// How many requests have received, and how many when we last took leave.
    asked: usize,
    taken_leave: Option<usize>,
    pulse: Pulse,
}

impl Pump {
    async fn pump(&mut self, first: Rest, inbox: &mut mpsc::UnboundedReceiver<Order>) -> End {
        let mut receiving = Receiving::Answered(first);
        let mut open = true;
        loop {
            if self.sending.is_none() && !self.waiting.is_empty() {
                self.sending = Some(self.carrier.send(&std::mem::take(&mut self.waiting)));
            }
            if let (Some((_, how)), None) = (self.ending, &self.sending) {
                if self.taken_leave == Some(self.asked) {
                    return (By::Us, None, how.to_owned());
                }
                // An empty array goes there and back: by then the request that is given up has come to the target, which
                // notices that it is gone, and what the target had said before has come to us.
                self.taken_leave = Some(self.asked);
                self.sending = Some(self.carrier.send(&[]));
            }
            let beats = self.pulse.beats() && self.ending.is_none();
            let (beat_at, latest) = (self.pulse.due, self.ending.map(|(at, _)| at));
            tokio::select! {
                biased;
                order = inbox.recv(), if open => match order {
                    Some(order) => self.obey(order),
                    // Its holder is gone: nothing will be asked of it any more.
                    None => {
                        open = false;
                        self.end("nobody needs it any more", CLOSE_GRACE);
                    }
                },
                heard = receiving.next() => {
                    let over = matches!(heard, Ok(Heard::Over));
                    if let Some(end) = self.hear(heard) {
                        return end;
                    }
                    if over {
                        self.asked += 1;
                        receiving = self.carrier.receive(self.over);
                    }
                }
                Some(sent) = OptionFuture::from(self.sending.as_mut()) => {
                    self.sending = None;
                    if let Err(why) = sent {
                        return (self.ear.by(), None, why);
                    }
                }
                () = tokio::time::sleep_until(beat_at), if beats => self.send_beat(),
                () = tokio::time::sleep_until(latest.unwrap_or(beat_at)), if latest.is_some() => {
                    let how = self.ending.map_or("", |(_, how)| how);
                    return (By::Us, None, format!("{how}; what was sent before was not answered"));
                }
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Octets(lines) => {
                self.say(&lines);
                self.pulse.said_something();
            }
            Order::BeatEvery(interval) => self.pulse.begin(interval),
            Order::Silence(silent) => self.pulse.silence(silent),
            // A session of SockJS is a server's, who says itself which version was agreed on.
            Order::Version(_) => {}
            Order::Close { patience, .. } => self.end("its request was given up", patience),
            Order::Cut { .. } => self.end("its request was cut off", CLOSE_GRACE),
        }
    }

    /// Ends the session, once what was said before has left.
    fn end(&mut self, how: &'static str, patience: Duration) {
        self.ear.closing = true;
        self.ending.get_or_insert((Instant::now() + patience, how));
    }

    fn say(&mut self, lines: &[u8]) {
        self.waiting.extend(as_text(lines).lines().map(str::to_owned));
    }

    fn send_beat(&mut self) {
        let octets = self.writer.beat();
        self.say(&octets);
        (self.ear.sink)(What::Beat { way: Way::Out });
        self.pulse.said_something();
    }

    /// Takes what came; says so if it ends the session.
    fn hear(&mut self, heard: Result<Heard, String>) -> Option<End> {
        match heard {
            Err(why) => return Some((self.ear.by(), None, why)),
            Ok(Heard::Began) => {
                self.empty += 1;
                return self.ear.count(1, 0);
            }
            Ok(Heard::Octets(octets)) => {
                self.responses.feed(&octets);
                if let Some(end) = self.ear.count(0, octets.len()) {
                    return Some(end);
                }
            }
            Ok(Heard::Over) => self.responses.end(),
        }
        while let Some(found) = self.responses.next_frame() {
            let end = match found {
                Ok(frame) => {
                    self.empty = 0;
                    self.ear.count(1, 0).or_else(|| self.ear.sock_frame(&frame))
                }
                Err(fault) => {
                    self.ear.refused(&fault);
                    None
                }
            };
            if end.is_some() {
                self.ear.unfinished();
                return end;
            }
        }
        let why = || (By::Us, None, format!("more than {MOST_EMPTY} responses without a frame"));
        (self.empty > MOST_EMPTY).then(why)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::link::{Connector, MemoryListener, Stream, memory_link};
    use crate::session::{Connection, OpenRequest, Sink, open};

    /// Reads one request: its first line and its body.
    async fn request(stream: &mut Stream) -> (String, String) {
        let mut text = String::new();
        loop {
            let mut buffer = [0; 1024];
            let count = stream.read(&mut buffer).await.unwrap();
            assert!(count > 0, "cut off: {text}");
            text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            if body.len() == length.map_or(0, |length| length.parse().unwrap()) {
                return (head.lines().next().unwrap_or_default().to_owned(), body.to_owned());
            }
        }
    }

    /// A server by hand: answers each request with a status and a body, or never; notes what it was sent.
    async fn serve(
        listener: MemoryListener,
        sent: Arc<Mutex<Vec<String>>>,
        mut answer: impl FnMut(usize, &str) -> Option<(u16, String)>,
    ) {
        let mut held = Vec::new();
        let mut polls = 0;
        while let Ok(mut stream) = listener.accept().await {
            let (line, body) = request(&mut stream).await;
            match line.contains("/xhr_send") {
                true => sent.lock().unwrap().push(body),
                false => polls += 1,
            }
            match answer(polls, &line) {
                Some((status, body)) => {
                    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", body.len());
                    stream.write_all((head + &body).as_bytes()).await.unwrap();
                }
                None => held.push(stream),
            }
        }
    }

    struct Session {
        connection: Option<Connection>,
        told: Arc<Mutex<Vec<What>>>,
        sent: Arc<Mutex<Vec<String>>>,
    }

    impl Session {
        async fn open(answer: impl FnMut(usize, &str) -> Option<(u16, String)> + Send + 'static) -> Session {
            let (connector, listener) = memory_link();
            let (told, sent) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
            tokio::spawn(serve(listener, sent.clone(), answer));
            let endpoint = Endpoint {
                connector: Connector::Memory(connector),
                host: "h".into(),
                path: "/ws".into(),
                query: String::new(),
                headers: Vec::new(),
            };
            let request = OpenRequest { over: Transport::XhrPolling, ..OpenRequest::default() };
            let log = told.clone();
            let sink: Sink = Arc::new(move |what| log.lock().unwrap().push(what));
            let patience = Duration::from_secs(5);
            let connection = open(&endpoint, &request, &Secrets::default(), patience, sink).await;
            Session { connection, told, sent }
        }

        /// How it ended, once it has.
        async fn ended(&self) -> (By, String) {
            loop {
                if let Some(What::Ended { by, reason, .. }) = self.told.lock().unwrap().last() {
                    return (*by, reason.clone());
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }

    fn opened(polls: usize, line: &str) -> Option<(u16, String)> {
        match (line.contains("/xhr_send"), polls) {
            (true, _) => Some((204, String::new())),
            (_, 1) => Some((200, "o\n".into())),
            _ => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn messages_keep_their_order_and_wait_for_one_another() {
        let mut session = Session::open(opened).await;
        let connection = session.connection.as_mut().unwrap();
        for text in ["1", "2", "3"] {
            let octets = connection.writer.octets(text.as_bytes().to_vec(), false);
            connection.send(octets);
            if text == "1" {
                tokio::task::yield_now().await;
            }
        }
        connection.close(1000, CLOSE_GRACE);
        let (by, _) = session.ended().await;
        let sent = session.sent.lock().unwrap().clone();
        assert_eq!(by, By::Us);
        assert_eq!(sent.concat().replace("][", ","), "[\"1\",\"2\",\"3\",]", "and leave is taken: {sent:?}");
        assert_eq!(sent.last().map(String::as_str), Some("[]"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_the_target_no_longer_knows_has_ended() {
        let gone = |polls: usize, line: &str| opened(polls, line).or(Some((404, "Not Found".into())));
        let (by, reason) = Session::open(gone).await.ended().await;
        assert_eq!((by, &*reason), (By::Target, "HTTP 404 where frames are due"));
        let refuses = |polls: usize, line: &str| match line.contains("/xhr_send") {
            true => Some((500, "no".to_owned())),
            false => opened(polls, line),
        };
        let session = Session::open(refuses).await;
        session.connection.as_ref().unwrap().send(b"\"x\"\n".to_vec());
        assert_eq!(session.ended().await, (By::Target, "HTTP 500 to messages of ours".into()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_target_that_answers_polls_with_nothing_is_given_up() {
        let empty = |polls: usize, line: &str| opened(polls, line).or(Some((200, String::new())));
        let session = Session::open(empty).await;
        let (by, reason) = session.ended().await;
        assert_eq!((by, &*reason), (By::Us, "more than 20 responses without a frame"));
        let told = session.told.lock().unwrap();
        let faults = told
            .iter()
            .filter(|what| matches!(what, What::Malformed { clause, .. } if clause == "SOCKJS-XHR-01"));
        assert_eq!(faults.count(), 21);
    }
}
