//! A network in memory: connections that carry the same octets as sockets do, for runs in virtual time.
//!
//! It relies on wakers alone, so that it works in any runtime and keeps the order of events a matter of the program.
//! It never drops octets, and can end as sockets end: in order, or by a reset.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::ReadBuf;
use tokio::sync::{Mutex as AsyncMutex, mpsc};

use super::stream::Stream;

/// Octets that may lie in a direction before a writer has to wait, as in a socket's buffers.
const CAPACITY: usize = 256 * 1024;

/// One direction of a connection.
#[derive(Debug, Default)]
struct Pipe {
    octets: VecDeque<u8>,
    ended: bool,
    reset: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }
}

fn lock(pipe: &Mutex<Pipe>) -> MutexGuard<'_, Pipe> {
    pipe.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One end of a connection in memory.
#[derive(Debug)]
pub(super) struct End {
    inbound: Arc<Mutex<Pipe>>,
    outbound: Arc<Mutex<Pipe>>,
}

impl End {
    fn pair() -> (End, End) {
        let (a, b) = (Arc::new(Mutex::new(Pipe::default())), Arc::new(Mutex::new(Pipe::default())));
        (End { inbound: a.clone(), outbound: b.clone() }, End { inbound: b, outbound: a })
    }

    /// Ends both directions at once; the other end reads and writes an error from now on.
    pub(super) fn reset(&mut self) {
        for pipe in [&self.inbound, &self.outbound] {
            let mut pipe = lock(pipe);
            pipe.reset = true;
            pipe.octets.clear();
            pipe.wake();
        }
    }

    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut pipe = lock(&self.inbound);
        if pipe.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if pipe.octets.is_empty() {
            if pipe.ended {
                return Poll::Ready(Ok(()));
            }
            pipe.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let (front, _) = pipe.octets.as_slices();
        let count = front.len().min(buf.remaining());
        buf.put_slice(&front[..count]);
        pipe.octets.drain(..count);
        if let Some(writer) = pipe.writer.take() {
            writer.wake();
        }
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let mut pipe = lock(&self.outbound);
        if pipe.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if pipe.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = CAPACITY.saturating_sub(pipe.octets.len());
        if room == 0 {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = room.min(octets.len());
        pipe.octets.extend(&octets[..count]);
        if let Some(reader) = pipe.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(count))
    }

    pub(super) fn shutdown(&mut self) {
        let mut pipe = lock(&self.outbound);
        pipe.ended = true;
        pipe.wake();
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.shutdown();
        // Like a closed socket: what the other end still writes meets an error.
        let mut pipe = lock(&self.inbound);
        pipe.ended = true;
        pipe.wake();
    }
}

/// Both ends of a connection in memory.
pub(super) fn pair() -> (Stream, Stream) {
    let (one, other) = End::pair();
    (Stream::memory(one), Stream::memory(other))
}

/// Where connections in memory are opened.
#[derive(Debug, Clone)]
pub struct MemoryConnector(mpsc::UnboundedSender<End>);

/// Where connections in memory arrive.
#[derive(Debug)]
pub struct MemoryListener(AsyncMutex<mpsc::UnboundedReceiver<End>>);

/// A network of one listener and any number of connectors.
pub fn memory_link() -> (MemoryConnector, MemoryListener) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (MemoryConnector(sender), MemoryListener(AsyncMutex::new(receiver)))
}

impl MemoryConnector {
    /// Opens a connection.
    ///
    /// # Errors
    /// Connection refused, where the listener is gone.
    pub fn connect(&self) -> io::Result<Stream> {
        let (ours, theirs) = End::pair();
        self.0.send(theirs).map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
        Ok(Stream::memory(ours))
    }
}

impl MemoryListener {
    /// The next connection.
    ///
    /// # Errors
    /// Where every connector is gone.
    pub async fn accept(&self) -> io::Result<Stream> {
        let end = self.0.lock().await.recv().await;
        end.map(Stream::memory).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn pair() -> (Stream, Stream) {
        let (connector, listener) = memory_link();
        let client = connector.connect().unwrap();
        (client, listener.accept().await.unwrap())
    }

    #[tokio::test]
    async fn octets_written_before_the_end_are_read() {
        let (mut a, mut b) = pair().await;
        a.write_all(b"hello").await.unwrap();
        drop(a);
        let mut text = String::new();
        b.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello");
        assert!(b.write_all(b"x").await.is_err());
    }

    #[tokio::test]
    async fn a_reset_is_an_error_on_the_other_side() {
        let (mut a, mut b) = pair().await;
        a.write_all(b"lost").await.unwrap();
        a.reset();
        let mut buffer = [0; 8];
        assert_eq!(b.read(&mut buffer).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn a_writer_waits_for_a_slow_reader() {
        let (mut a, mut b) = pair().await;
        let sent = vec![7_u8; CAPACITY * 3];
        let expected = sent.len();
        let writer = tokio::spawn(async move { a.write_all(&sent).await });
        let mut seen = Vec::new();
        b.read_to_end(&mut seen).await.unwrap();
        writer.await.unwrap().unwrap();
        assert_eq!(seen.len(), expected);
    }
}
