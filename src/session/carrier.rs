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
            beat: None,
            silent: false,
            next_beat: Instant::now(),
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
    beat: Option<Duration>,
    silent: bool,
    next_beat: Instant,
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
            let beats = self.beat.is_some() && !self.silent && self.ending.is_none();
            let (beat_at, latest) = (self.next_beat, self.ending.map(|(at, _)| at));
            tokio::select! {
                biased;
                order = inbox.recv(), if open => match order {
                    Some(order) => self.obey(order),
                    // Its holder is gone: nothing will be asked of it any more.
                    None => {
                        open = false;
                        self.end("nobody needs it any more");
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
                if let Some(interval) = self.beat {
                    self.next_beat = Instant::now() + interval;
                }
            }
            Order::BeatEvery(interval) => {
                self.beat = Some(interval);
                self.next_beat = Instant::now() + interval;
            }
            Order::Silence(silent) => self.silent = silent,
            Order::Close(_) => self.end("its request was given up"),
            Order::Cut { .. } => self.end("its request was cut off"),
        }
    }

    /// Ends the session, once what was said before has left.
    fn end(&mut self, how: &'static str) {
        self.ear.closing = true;
        self.ending.get_or_insert((Instant::now() + CLOSE_GRACE, how));
    }

    fn say(&mut self, lines: &[u8]) {
        self.waiting.extend(as_text(lines).lines().map(str::to_owned));
    }

    fn send_beat(&mut self) {
        let octets = self.writer.beat();
        self.say(&octets);
        (self.ear.sink)(What::Beat { way: Way::Out });
        if let Some(interval) = self.beat {
            self.next_beat = Instant::now() + interval;
        }
    }

    /// Takes what came; says so if it ends the session.
    fn hear(&mut self, heard: Result<Heard, String>) -> Option<End> {
        match heard {
            Err(why) => return Some((self.ear.by(), None, why)),
            Ok(Heard::Began) => return self.ear.count(1, 0),
            Ok(Heard::Octets(octets)) => {
                self.responses.feed(&octets);
                if let Some(end) = self.ear.count(0, octets.len()) {
                    return Some(end);
                }
            }
            Ok(Heard::Over) => {
                self.empty += 1;
                self.responses.end();
            }
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
        let why = || (By::Us, None, format!("{MOST_EMPTY} responses without a frame"));
        (self.empty > MOST_EMPTY).then(why)
    }
}
