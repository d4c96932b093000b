//! One connection, whatever carries it.
//!
//! It relies on TCP, TLS or the network in memory, and keeps the first octets read, so that an answer that is no
//! HTTP can be shown. It never buffers and never closes by itself.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

use super::memory::End;

/// How many of the first octets are kept for error messages.
const HEAD: usize = 256;

/// A connection over TCP, TLS or memory.
#[derive(Debug)]
pub struct Stream {
    inner: Inner,
    head: Vec<u8>,
}

#[derive(Debug)]
enum Inner {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Memory(End),
}

impl Stream {
    /// Over a socket.
    pub fn tcp(socket: TcpStream) -> Self {
        // Small frames must not wait for one another; a socket that refuses the option works all the same.
        let _ = socket.set_nodelay(true);
        Stream { inner: Inner::Tcp(socket), head: Vec::new() }
    }

    /// Over TLS.
    pub fn tls(socket: TlsStream<TcpStream>) -> Self {
        Stream { inner: Inner::Tls(Box::new(socket)), head: Vec::new() }
    }

    pub(super) fn memory(end: End) -> Self {
        Stream { inner: Inner::Memory(end), head: Vec::new() }
    }

    /// The first octets that the peer sent.
    pub fn head(&self) -> &[u8] {
        &self.head
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
        let before = buf.filled().len();
        let polled = match &mut this.inner {
            Inner::Tcp(socket) => Pin::new(socket).poll_read(cx, buf),
            Inner::Tls(socket) => Pin::new(socket).poll_read(cx, buf),
            Inner::Memory(end) => end.poll_read(cx, buf),
        };
        if this.head.len() < HEAD {
            let new = &buf.filled()[before..];
            this.head.extend_from_slice(&new[..new.len().min(HEAD - this.head.len())]);
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
