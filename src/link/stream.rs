//! One connection, whatever carries it.
//!
//! It relies on TCP, TLS or the network in memory, and keeps the first octets read, so that an answer that is no
//! HTTP can be shown. It never buffers and never closes by itself.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::coop::poll_proceed;
use tokio_rustls::TlsStream;

use super::memory::End;

/// How many of the first octets are kept for error messages: enough that a secret in them is whole.
const HEAD: usize = 4096;

/// Octets that cost a task one unit of its budget: with tokio's 128 it yields after some 64 KiB.
const UNIT: usize = 512;

/// A connection over TCP, TLS or memory.
///
/// Reading costs by the octet: a peer that never stops sending would otherwise keep every worker busy, and with it
/// the clock from those who wait.
#[derive(Debug)]
pub struct Stream {
    inner: Inner,
    /// Octets read for which the task has not been charged yet.
    owed: usize,
    heard: Heard,
    /// How many octets `heard` holds, so that its lock is left alone once it has enough.
    kept: usize,
}

/// The first octets that a peer sent, also while the stream is in other hands.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    /// What came so far.
    pub(super) fn octets(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps what is still wanted of these; how many octets there are now.
    fn keep(&self, new: &[u8]) -> usize {
        let mut octets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = HEAD - octets.len();
        octets.extend_from_slice(&new[..new.len().min(room)]);
        octets.len()
    }
}

#[derive(Debug)]
enum Inner {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Memory(End),
}

impl Stream {
    fn new(inner: Inner) -> Self {
        Stream { inner, owed: 0, heard: Heard::default(), kept: 0 }
    }

    /// Over a socket.
    pub fn tcp(socket: TcpStream) -> Self {
        // Small frames must not wait for one another; a socket that refuses the option works all the same.
        let _ = socket.set_nodelay(true);
        Stream::new(Inner::Tcp(socket))
    }

    /// Over TLS.
    pub fn tls(socket: TlsStream<TcpStream>) -> Self {
        Stream::new(Inner::Tls(Box::new(socket)))
    }

    pub(super) fn memory(end: End) -> Self {
        Stream::new(Inner::Memory(end))
    }

    /// The first octets that the peer sends, as far as they have come by the time of asking.
    pub(super) fn heard(&self) -> Heard {
        self.heard.clone()
    }

    /// Ends the connection without a word: the peer sees a reset, not an end of stream.
    pub fn reset(&mut self) {
        match &mut self.inner {
            // With a linger of zero the drop of the socket sends RST.
            Inner::Tcp(socket) => drop(socket.set_zero_linger()),
            Inner::Tls(socket) => drop(socket.get_ref().0.set_zero_linger()),
            Inner::Memory(end) => end.reset(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.owed >= UNIT {
            ready!(poll_proceed(cx)).made_progress();
            this.owed -= UNIT;
        }
        let before = buf.filled().len();
        let polled = match &mut this.inner {
            Inner::Tcp(socket) => Pin::new(socket).poll_read(cx, buf),
            Inner::Tls(socket) => Pin::new(socket).poll_read(cx, buf),
            Inner::Memory(end) => end.poll_read(cx, buf),
        };
        this.owed += buf.filled().len() - before;
        if this.kept < HEAD {
            this.kept = this.heard.keep(&buf.filled()[before..]);
        }
        polled
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().inner {
            Inner::Tcp(socket) => Pin::new(socket).poll_write(cx, octets),
            Inner::Tls(socket) => Pin::new(socket).poll_write(cx, octets),
            Inner::Memory(end) => end.poll_write(cx, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().inner {
            Inner::Tcp(socket) => Pin::new(socket).poll_flush(cx),
            Inner::Tls(socket) => Pin::new(socket).poll_flush(cx),
            Inner::Memory(_) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().inner {
            Inner::Tcp(socket) => Pin::new(socket).poll_shutdown(cx),
            Inner::Tls(socket) => Pin::new(socket).poll_shutdown(cx),
            Inner::Memory(end) => {
                end.shutdown();
                Poll::Ready(Ok(()))
            }
        }
    }
}
