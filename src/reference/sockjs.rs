//! SockJS sessions over plain HTTP: a task for each, which speaks to whatever request receives from it at the time.
//!
//! It relies on `talk.rs` for STOMP and on `http.rs` for requests. It must never serve two receivers at once, nor lose
//! a message between two of them.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::connection::{MOST_UNSENT, SOCKJS_HEARTBEAT};
use super::hub::{stopped, until};
use super::policy::Policy;
use super::talk::{Say, Talk};
use crate::link::sockjs;

/// How a session's frames are written to a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// One frame to a response (SOCKJS-XHR-01).
    Polling,
    /// Frame after frame, behind a prelude (SOCKJS-STR-01).
    Streaming,
    /// As events of an event stream (SOCKJS-ES-01).
    EventSource,
}

impl Style {
    fn prelude(self, policy: Policy) -> Option<String> {
        match self {
            Style::Polling => None,
            Style::Streaming => {
                Some("h".repeat(policy.streaming_prelude()) + "\n").filter(|line| line.len() > 1)
            }
            Style::EventSource => Some("\r\n".to_owned()),
        }
    }

    fn frame(self, policy: Policy, frame: &str) -> String {
        match self {
            Style::Polling | Style::Streaming => format!("{frame}{}", policy.frame_end()),
            // Clients take an event for a URI that is to be decoded.
            Style::EventSource => format!("data: {}\r\n\r\n", frame.replace('%', "%25")),
        }
    }

    fn limit(self, policy: Policy) -> usize {
        match self {
            Style::Polling => 1,
            Style::Streaming | Style::EventSource => policy.streaming_limit(),
        }
    }
}

/// A request that waits for frames.
#[derive(Debug)]
pub(super) struct Receiver {
    out: mpsc::Sender<Bytes>,
    style: Style,
    /// Octets until its response is ended.
    left: usize,
}

impl Receiver {
    /// A receiver, and what it receives.
    pub(super) fn new(style: Style, policy: Policy) -> (Receiver, Flow) {
        // Room for prelude and one frame: a client that reads slowly holds up the rest.
        let (out, flow) = mpsc::channel(2);
        let prelude = style.prelude(policy);
        let receiver = Receiver { out, style, left: style.limit(policy) };
        if let Some(prelude) = prelude {
            // There is room.
            let _ = receiver.out.try_send(Bytes::from(prelude));
        }
        (receiver, Flow(flow))
    }
}

/// What a receiver receives: the body of a response.
#[derive(Debug)]
pub(super) struct Flow(mpsc::Receiver<Bytes>);

impl Flow {
    /// The next octets; none at the end.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        self.0.recv().await
    }
}

impl Body for Flow {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(cx).map(|octets| octets.map(|octets| Ok(Frame::data(octets))))
    }
}

/// What a request asks of a session.
#[derive(Debug)]
pub(super) enum Order {
    /// Take these messages.
    Take(Vec<String>),
    /// Speak to this receiver.
    Attach(Receiver),
}

/// The way to a session.
pub(super) type Orders = mpsc::UnboundedSender<Order>;

/// The sessions of a server, for as long as it is there.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    by_key: BTreeMap<String, Orders>,
    /// Ids of sessions over WebSocket, where each may be used once.
    claimed: BTreeSet<String>,
    tasks: JoinSet<()>,
}

impl Sessions {
    /// A session that is there.
    pub(super) fn find(&self, key: &str) -> Option<Orders> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.by_key.get(key).filter(|orders| !orders.is_closed()).cloned()
    }

    /// Takes an id for a session over WebSocket; whether nobody had it before.
    pub(super) fn claim(&self, id: &str) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.claimed.insert(id.to_owned())
    }

    /// A session that is there, or a new one, if whoever asks is let in.
    pub(super) fn find_or_open<E>(
        &self,
        key: String,
        stop: &watch::Receiver<bool>,
        admit: impl FnOnce() -> Result<Talk, E>,
    ) -> Result<Orders, E> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(orders) = known.by_key.get(&key).filter(|orders| !orders.is_closed()) {
            return Ok(orders.clone());
        }
        let talk = admit()?;
        known.by_key.retain(|_, orders| !orders.is_closed());
        while known.tasks.try_join_next().is_some() {}
        let (orders, inbox) = mpsc::unbounded_channel();
        known.tasks.spawn(Session::new(talk).run(inbox, stop.clone()));
        known.by_key.insert(key, orders.clone());
        Ok(orders)
    }
}

/// One session.
#[derive(Debug)]
struct Session {
    talk: Talk,
    policy: Policy,
    receiver: Option<Receiver>,
    /// Whether `o` is still to be said.
    new: bool,
    /// Messages that nobody has received yet, and their octets.
    waiting: Vec<String>,
    octets: usize,
    /// Whether `h` is due.
    beats: bool,
    /// With which code and reason it was closed.
    closed: Option<(u16, String)>,
    /// When it is given up, while nobody receives.
    expires: Option<Instant>,
    /// When `h` is said next, while somebody does.
    heartbeat: Option<Instant>,
}

impl Session {
    fn new(talk: Talk) -> Session {
        let policy = talk.hub.policy;
        Session {
            policy,
            talk,
            receiver: None,
            new: policy.greets_session(),
            waiting: Vec::new(),
            octets: 0,
            beats: false,
            closed: None,
            expires: Some(Instant::now() + policy.lonely_for()),
            heartbeat: None,
        }
    }

    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Order>, mut stop: watch::Receiver<bool>) {
        while self.lives() {
            let open = self.closed.is_none();
            tokio::select! {
                biased;
                ready = ready(self.receiver.as_ref(), self.has_something()) => match ready {
                    true => self.speak(),
                    false => self.interrupted(),
                },
                Some(order) = inbox.recv() => self.obey(order),
                say = self.talk.next(), if open => self.say(say),
                () = until(self.expires) => break,
                () = until(self.heartbeat), if open => (self.heartbeat, self.beats) = (None, true),
                () = stopped(&mut stop), if open => self.close(1001, "The server is stopping"),
            }
        }
        self.talk.close();
    }

    fn lives(&self) -> bool {
        let forgotten = self.closed.is_some() && self.receiver.is_none() && !self.policy.remembers_close();
        !forgotten && self.octets <= MOST_UNSENT
    }

    // ---- in

    fn obey(&mut self, order: Order) {
        match order {
            Order::Take(texts) => texts.iter().for_each(|text| self.take(text)),
            Order::Attach(receiver) => self.attach(receiver),
        }
    }

    fn take(&mut self, text: &str) {
        if self.closed.is_some() || text.is_empty() {
            return;
        }
        self.talk.alive(text.as_bytes());
        for say in self.talk.hear(text.as_bytes()) {
            self.say(say);
        }
    }

    fn attach(&mut self, receiver: Receiver) {
        if self.receiver.is_some() && self.policy.admits_one_receiver() {
            let frame = self.policy.sock_close(2010, "Another connection still open").unwrap_or_default();
            // There is room in a new receiver.
            let _ = receiver.out.try_send(receiver.style.frame(self.policy, &frame).into());
            return;
        }
        self.receiver = Some(receiver);
        self.expires = None;
        self.heartbeat = Some(Instant::now() + SOCKJS_HEARTBEAT);
    }

    // ---- out

    fn say(&mut self, say: Say) {
        match say {
            Say::Stomp(octets) => {
                self.octets += octets.len();
                self.waiting.push(sockjs::as_text(&octets));
            }
            // There is no WebSocket here that could be pinged.
            Say::Ping => {}
            Say::Close(code, reason) => self.close(code, &reason),
        }
    }

    /// Ends the session; what waits is still received, and then why it ended (SOCKJS-SESS-06).
    fn close(&mut self, code: u16, reason: &str) {
        self.talk.close();
        self.closed = Some((code, reason.to_owned()));
        self.beats = false;
    }

    fn has_something(&self) -> bool {
        self.new || self.beats || !self.waiting.is_empty() || self.closed.is_some()
    }

    /// The next frame, and whether the response ends with it.
    fn next_frame(&mut self) -> (String, bool) {
        if std::mem::take(&mut self.new) {
            return ("o".to_owned(), false);
        }
        if !self.waiting.is_empty() {
            self.octets = 0;
            return (self.policy.sock_messages(&std::mem::take(&mut self.waiting)), false);
        }
        match &self.closed {
            Some((code, reason)) => (self.policy.sock_close(*code, reason).unwrap_or_default(), true),
            None => ("h".to_owned(), false),
        }
    }

    /// Hands the next frame to the receiver, which has room for it.
    fn speak(&mut self) {
        let (frame, last) = self.next_frame();
        self.beats = false;
        self.heartbeat = Some(Instant::now() + SOCKJS_HEARTBEAT);
        let Some(receiver) = &mut self.receiver else { return };
        let octets = Bytes::from(receiver.style.frame(self.policy, &frame));
        receiver.left = receiver.left.saturating_sub(octets.len());
        let done = last || receiver.left == 0;
        let _ = receiver.out.try_send(octets);
        if done {
            self.detach();
        }
    }

    fn detach(&mut self) {
        self.receiver = None;
        self.heartbeat = None;
        self.expires = Some(Instant::now() + self.policy.lonely_for());
    }

    /// The receiver went away in the middle of it: nobody knows what it still got (SOCKJS-ABORT-01).
    fn interrupted(&mut self) {
        self.detach();
        if self.closed.is_none() && self.policy.ends_when_interrupted() {
            self.waiting.clear();
            self.octets = 0;
            self.close(1002, "Connection interrupted");
        }
    }
}

/// Waits until there is something for a receiver that it has room for, or until it is gone.
async fn ready(receiver: Option<&Receiver>, something: bool) -> bool {
    match receiver {
        None => std::future::pending().await,
        Some(receiver) if something => receiver.out.reserve().await.is_ok(),
        Some(receiver) => {
            receiver.out.closed().await;
            false
        }
    }
}
