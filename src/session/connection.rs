//! A connection that is open: one task reads, decodes and writes; whoever holds it hands over octets.
//!
//! It relies on the lenient readers of WebSocket and STOMP (`ear.rs`), so that a violation is an event and not an end.
//! It answers pings and closes as RFC 6455 asks, beats as negotiated, and does nothing else by itself. Where there is
//! no WebSocket, `carrier.rs` has the task.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::carrier::Carrier;
use super::ear::{Ear, End, MOST_OCTETS};
use super::pulse::Pulse;
use super::secrets::Secrets;
use super::writer::Writer;
use crate::case::event::{By, Way, What};
use crate::case::transport::Transport;
use crate::link::Stream;
use crate::link::upgrade::Rest;
use crate::link::ws::{Assembler, FrameReader, Message, Role, Violation, opcode};
use crate::stomp::Version;

/// Where events go.
pub type Sink = Arc<dyn Fn(What) + Send + Sync>;

/// How long the end of TCP is waited for after the closing handshake.
pub(super) const CLOSE_GRACE: Duration = Duration::from_millis(500);

/// What its holder asks of a connection's task.
#[derive(Debug)]
pub(super) enum Order {
    /// Write these.
    Octets(Vec<u8>),
    /// Send a heart-beat at least this often.
    BeatEvery(Duration),
    /// Keep silent, whatever was negotiated.
    Silence(bool),
    /// Read what comes as this version has it.
    Version(Version),
    /// Write these, which begin the closing handshake: what ends now is ended by us. The answer is waited for so long.
    Close { octets: Vec<u8>, patience: Duration },
    /// End TCP, by a reset or an end of stream.
    Cut { reset: bool },
}

/// A stream that was upgraded, to be taken over.
#[derive(Debug)]
pub struct Taken {
    /// The stream.
    pub stream: Stream,
    /// What had been read too far.
    pub early: Vec<u8>,
    /// What is to leave with what is written next.
    pub held: Vec<u8>,
}

/// A connection that is open, or was.
#[derive(Debug)]
pub struct Connection {
    /// Lays out what is sent.
    pub writer: Writer,
    /// The version that was negotiated.
    pub version: Version,
    orders: mpsc::UnboundedSender<Order>,
}

impl Connection {
    /// Takes over a stream that has been upgraded; `early` are octets that followed the answer.
    pub fn start(
        stream: Stream,
        early: Vec<u8>,
        over: Transport,
        seed: u64,
        secrets: Secrets,
        patience: Duration,
        sink: Sink,
    ) -> Self {
        let writers = (Writer::new(over, seed), Writer::new(over, seed ^ 0x5bd1_e995));
        Connection::pumped(
            Taken { stream, early, held: Vec::new() },
            Role::Client,
            writers,
            Ear::new(secrets, sink),
            patience,
        )
    }

    /// Takes over a stream that a client under test has had upgraded: we are its server.
    pub fn serve(taken: Taken, over: Transport, secrets: Secrets, patience: Duration, sink: Sink) -> Self {
        let writers = (Writer::of_server(over), Writer::of_server(over));
        Connection::pumped(taken, Role::Server, writers, Ear::new(secrets, sink), patience)
    }

    /// Starts the task of a WebSocket: one writer is its holder's, the other its own.
    fn pumped(
        Taken { stream, early, held }: Taken,
        role: Role,
        (writer, own): (Writer, Writer),
        ear: Ear,
        patience: Duration,
    ) -> Self {
        let (orders, inbox) = mpsc::unbounded_channel();
        let pump = Pump {
            stream,
            out: Vec::new(),
            held,
            role,
            frames: FrameReader::new(role, MOST_OCTETS),
            assembler: Assembler::new(MOST_OCTETS),
            writer: own,
            ear,
            pulse: Pulse::none(),
            patience,
            give_up: None,
            left: None,
        };
        tokio::spawn(pump.run(inbox, early));
        Connection { writer, version: Version::V12, orders }
    }

    /// Takes over a session of SockJS without a WebSocket, whose first response has begun.
    pub(super) fn carried(carrier: Carrier, over: Transport, first: Rest, sink: Sink) -> Self {
        let (orders, inbox) = mpsc::unbounded_channel();
        let ear = Ear::new(carrier.secrets.clone(), sink);
        tokio::spawn(carrier.run(over, first, ear, inbox));
        Connection { writer: Writer::new(over, 0), version: Version::V12, orders }
    }

    /// Hands over octets to be written.
    pub fn send(&self, octets: Vec<u8>) {
        if !octets.is_empty() {
            let _ = self.orders.send(Order::Octets(octets));
        }
    }

    /// Begins the closing handshake, or ends the session where there is none; the answer is waited for so long.
    pub fn close(&mut self, code: u16, patience: Duration) {
        let _ = self.orders.send(Order::Close { octets: self.writer.close(code), patience });
    }

    /// Ends TCP without a close frame.
    pub fn cut(&self, reset: bool) {
        let _ = self.orders.send(Order::Cut { reset });
    }

    /// Sends heart-beats as negotiated from now on.
    pub fn beat_every(&self, interval: Duration) {
        let _ = self.orders.send(Order::BeatEvery(interval));
    }

    /// Speaks and reads the version that was agreed on.
    pub fn agreed(&mut self, version: Version) {
        self.version = version;
        let _ = self.orders.send(Order::Version(version));
    }

    /// Leaves heart-beats out, or takes them up again.
    pub fn set_silent(&self, silent: bool) {
        let _ = self.orders.send(Order::Silence(silent));
    }

    /// Whether its task has ended.
    pub fn is_gone(&self) -> bool {
        self.orders.is_closed()
    }
}

/// The task.
struct Pump {
    stream: Stream,
    out: Vec<u8>,
    /// What leaves with what is written next.
    held: Vec<u8>,
    /// Which side is ours.
    role: Role,
    frames: FrameReader,
    assembler: Assembler,
    writer: Writer,
    ear: Ear,
    pulse: Pulse,
    /// How long what must come is waited for.
    patience: Duration,
    /// When the target's close is waited for no longer.
    give_up: Option<Instant>,
    /// How SockJS has ended the session.
    left: Option<End>,
}

enum Io {
    Wrote(usize),
    Read(usize),
    Ended(String),
}

impl Pump {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Order>, early: Vec<u8>) {
        let end = match self.take(&early) {
            Some(end) => end,
            None => self.pump(&mut inbox).await,
        };
        let (by, code, reason) = end;
        let reason = self.ear.secrets.conceal(&reason);
        (self.ear.sink)(What::Ended { by, code, reason });
        // What was to be written still leaves, and the peer's end is waited for, but not for long.
        inbox.close();
        let _ = timeout(CLOSE_GRACE, async {
            let out = std::mem::take(&mut self.out);
            let _ = self.stream.write_all(&out).await;
            let _ = self.stream.flush().await;
            let _ = self.stream.shutdown().await;
        })
        .await;
    }

    async fn pump(&mut self, inbox: &mut mpsc::UnboundedReceiver<Order>) -> End {
        let mut buffer = vec![0_u8; 64 * 1024];
        let mut open = true;
        loop {
            let beat_at = self.pulse.due;
            let beats = self.pulse.beats() && !self.ear.closing;
            let give_up = self.give_up;
            tokio::select! {
                biased;
                order = inbox.recv(), if open => match order {
                    Some(order) => {
                        if let Some(end) = self.obey(order).await {
                            return end;
                        }
                    }
                    // Its holder is gone: nothing will be asked of it any more.
                    None => {
                        open = false;
                        if !self.ear.closing {
                            let octets = self.writer.close(1000);
                            self.begin_closing(octets, CLOSE_GRACE);
                        }
                    }
                },
                io = io(&mut self.stream, &self.out, &mut buffer) => match io {
                    Io::Wrote(count) => { self.out.drain(..count); }
                    Io::Read(count) => {
                        if let Some(end) = self.take(&buffer[..count]) {
                            return end;
                        }
                    }
                    Io::Ended(how) => {
                        return self.left.take().unwrap_or((self.ear.by(), None, how));
                    }
                },
                () = tokio::time::sleep_until(beat_at), if beats => self.send_beat(),
                () = tokio::time::sleep_until(give_up.unwrap_or(beat_at)), if give_up.is_some() => {
                    return self.given_up();
                }
            }
        }
    }

    async fn obey(&mut self, order: Order) -> Option<End> {
        self.out.append(&mut self.held);
        match order {
            Order::Octets(octets) => {
                self.out.extend(octets);
                self.pulse.said_something();
            }
            Order::BeatEvery(interval) => self.pulse.begin(interval),
            Order::Silence(silent) => self.pulse.silence(silent),
            Order::Version(version) => self.ear.set_version(version),
            Order::Close { octets, patience } => self.begin_closing(octets, patience),
            Order::Cut { reset } => {
                // What was said before must have left: a cut is no licence to lose it.
                let out = std::mem::take(&mut self.out);
                let _ = timeout(CLOSE_GRACE, async {
                    let _ = self.stream.write_all(&out).await;
                    let _ = self.stream.flush().await;
                })
                .await;
                if reset {
                    self.stream.reset();
                }
                let how = if reset { "reset by us" } else { "ended by us without a close frame" };
                return Some((By::Us, None, how.to_owned()));
            }
        }
        None
    }

    fn begin_closing(&mut self, octets: Vec<u8>, patience: Duration) {
        self.out.extend(octets);
        self.ear.closing = true;
        self.give_up = Some(Instant::now() + patience);
    }

    /// SockJS has ended the session: the WebSocket must be closed as well (SOCKJS-WS-06), and is waited for.
    fn leave(&mut self, end: End) -> Option<End> {
        if end.1.is_none() {
            return Some(end);
        }
        self.left = Some(end);
        self.give_up.get_or_insert(Instant::now() + self.patience);
        None
    }

    fn given_up(&mut self) -> End {
        if let Some(end) = self.left.take() {
            self.ear.malformed("SOCKJS-WS-06", "the WebSocket was not closed after the frame `c`");
            return end;
        }
        (By::Us, None, "the target did not answer our close".to_owned())
    }

    fn send_beat(&mut self) {
        let octets = self.writer.beat();
        self.out.extend(octets);
        (self.ear.sink)(What::Beat { way: Way::Out });
        self.pulse.said_something();
    }

    /// Takes octets that came; says so if they end the connection.
    fn take(&mut self, octets: &[u8]) -> Option<End> {
        self.frames.feed(octets);
        let mut count = 0;
        loop {
            match self.frames.next_frame() {
                None => break,
                Some(Err(violation)) => {
                    self.malformed(&violation);
                    return Some((By::Us, None, "what came cannot be read".into()));
                }
                Some(Ok((frame, violations))) => {
                    violations.iter().for_each(|v| self.malformed(v));
                    count += 1;
                    match self.assembler.push(frame) {
                        Ok(None) => {}
                        Ok(Some(message)) => {
                            if let Some(end) = self.message(message) {
                                return Some(end);
                            }
                        }
                        Err(violation) => self.malformed(&violation),
                    }
                }
            }
        }
        self.ear.count(count, octets.len())
    }

    fn malformed(&self, violation: &Violation) {
        let clause = match (self.role, violation.clause) {
            // That frames are masked is the client's duty; what a server makes of one that is not is its own.
            (Role::Server, "WS-FR-02") => "WS-FR-01",
            (_, clause) => clause,
        };
        self.ear.malformed(clause, &violation.what);
    }

    fn message(&mut self, message: Message) -> Option<End> {
        match message {
            Message::Text(text) if self.writer.over().is_sockjs() && self.role == Role::Server => {
                self.ear.sock_strings(&text);
            }
            Message::Text(text) if self.writer.over().is_sockjs() => {
                let end = self.ear.sock_frame(&text)?;
                return self.leave(end);
            }
            Message::Text(text) => self.ear.stomp(text.as_bytes()),
            Message::Binary(octets) => self.ear.stomp(&octets),
            Message::Ping(payload) => {
                let octets = self.writer.control(opcode::PONG, payload.clone());
                self.out.extend(octets);
                self.ws("ping", &String::from_utf8_lossy(&payload));
            }
            Message::Pong(payload) => self.ws("pong", &String::from_utf8_lossy(&payload)),
            Message::Close(code, reason) => {
                self.ear.unfinished();
                self.behind_close();
                // A close frame without a code counts as 1005 (RFC 6455, 7.1.5).
                let shown = Some(code.unwrap_or(1005));
                if self.ear.closing {
                    return Some((By::Us, shown, reason));
                }
                let payload = code.map_or(Vec::new(), |code| code.to_be_bytes().to_vec());
                let octets = self.writer.control(opcode::CLOSE, payload);
                self.out.extend(octets);
                return Some(self.left.take().unwrap_or((By::Target, shown, reason)));
            }
        }
        None
    }

    /// Data that came along behind a close frame.
    fn behind_close(&mut self) {
        while let Some(Ok((frame, _))) = self.frames.next_frame() {
            if !frame.is_control() {
                let what = format!("a data frame of {} octets behind a close frame", frame.payload.len());
                return self.malformed(&Violation::new("WS-CL-02", 1002, what));
            }
        }
    }

    fn ws(&self, kind: &str, text: &str) {
        let text = self.ear.secrets.conceal(text);
        (self.ear.sink)(What::Ws { way: Way::In, kind: kind.into(), text });
    }
}

/// Writes what is to be written, or else reads.
async fn io(stream: &mut Stream, out: &[u8], buffer: &mut [u8]) -> Io {
    poll_fn(|cx| {
        if out.is_empty() {
            if let Poll::Ready(Err(error)) = Pin::new(&mut *stream).poll_flush(cx) {
                return Poll::Ready(Io::Ended(error.to_string()));
            }
        } else if let Poll::Ready(written) = Pin::new(&mut *stream).poll_write(cx, out) {
            return Poll::Ready(match written {
                Ok(count) => Io::Wrote(count),
                // What the peer said before it went is still there to be read.
                Err(_) => Io::Wrote(out.len()),
            });
        }
        let mut into = ReadBuf::new(buffer);
        match Pin::new(&mut *stream).poll_read(cx, &mut into) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Io::Ended(error.to_string())),
            Poll::Ready(Ok(())) if into.filled().is_empty() => {
                Poll::Ready(Io::Ended("the end of the stream, without a close frame".into()))
            }
            Poll::Ready(Ok(())) => Poll::Ready(Io::Read(into.filled().len())),
        }
    })
    .await
}
