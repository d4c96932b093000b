//! A bad network: what a connection carries is delayed, cut and joined anew, differently on each connection, and the same
//! for the same seed.
//!
//! It relies on tokio's clock. It never loses, alters or reorders octets of one connection: that would be no TCP.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep_until};

use super::memory::pair;
use super::stream::Stream;
use crate::dice::Dice;

/// Octets that are taken at once, at most.
const MOST: usize = 16 * 1024;
/// Octets that are on their way in one direction, at most.
const WINDOW: usize = 4 * MOST;

/// How bad a network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Badness {
    /// The seed of all that it does.
    pub seed: u64,
    /// The longest that it holds octets back, to the millisecond.
    pub longest: Duration,
}

/// Puts connections behind a bad network.
#[derive(Debug)]
pub struct Chaos {
    badness: Badness,
    connections: AtomicU64,
}

impl Chaos {
    /// A network that is as bad as this.
    pub fn new(badness: Badness) -> Chaos {
        Chaos { badness, connections: AtomicU64::new(0) }
    }

    /// The same connection, behind it.
    pub(super) fn wrap(&self, stream: Stream) -> Stream {
        let nth = self.connections.fetch_add(1, Ordering::Relaxed);
        let (near, far) = pair();
        let Badness { seed, longest } = self.badness;
        let mut dice = Dice::new(seed ^ (nth + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (up, down) = (Lane::new(dice.roll(), longest), Lane::new(dice.roll(), longest));
        tokio::spawn(carry(far, stream, up, down));
        near
    }
}

/// What the network does next.
struct Weather {
    dice: Dice,
    longest: Duration,
}

impl Weather {
    /// How many octets are taken at once: few, some or many.
    fn piece(&mut self) -> usize {
        let roll = self.dice.roll();
        let most = [3, 40, 700, MOST][roll as usize % 4];
        1 + (roll >> 8) as usize % most
    }

    /// How long they are held back: mostly not at all.
    fn delay(&mut self) -> Duration {
        let roll = self.dice.roll();
        let longest = (self.longest.as_millis() as u64).max(1);
        Duration::from_millis(if roll.is_multiple_of(4) { (roll >> 8) % longest } else { 0 })
    }
}

/// What is on its way in one direction, first come first.
struct Lane {
    weather: Weather,
    /// Pieces, with the time when each arrives: none before the one ahead of it.
    pieces: VecDeque<(Instant, Vec<u8>)>,
    /// Whether more may come.
    open: bool,
    /// Whether the other end still takes anything.
    taken: bool,
}

impl Lane {
    fn new(seed: u64, longest: Duration) -> Lane {
        let weather = Weather { dice: Dice::new(seed), longest };
        Lane { weather, pieces: VecDeque::new(), open: true, taken: true }
    }

    /// Whether it goes on: more may come, or something is on its way.
    fn goes_on(&self) -> bool {
        self.taken && (self.open || !self.pieces.is_empty())
    }

    fn reads(&self) -> bool {
        self.open && self.taken && self.pieces.iter().map(|(_, piece)| piece.len()).sum::<usize>() < WINDOW
    }

    fn take(&mut self, octets: &[u8]) {
        let soonest = self.pieces.back().map_or_else(Instant::now, |(due, _)| *due);
        let due = soonest.max(Instant::now() + self.weather.delay());
        self.pieces.push_back((due, octets.to_vec()));
    }

    /// When the next piece arrives; long from now, if there is none.
    fn due(&self) -> Instant {
        self.pieces.front().map_or_else(|| Instant::now() + Duration::from_secs(3600), |(due, _)| *due)
    }

    /// Lets the next piece arrive, and the end behind the last one.
    async fn arrive(&mut self, at: &mut Stream) {
        if let Some((_, octets)) = self.pieces.pop_front() {
            self.taken = at.write_all(&octets).await.is_ok();
        }
        self.end(at).await;
    }

    /// Nothing more comes from the one side.
    async fn close(&mut self, at: &mut Stream) {
        self.open = false;
        self.end(at).await;
    }

    /// Tells the other side that nothing more comes, once all has come; it may be gone already.
    async fn end(&mut self, at: &mut Stream) {
        if !self.open && self.pieces.is_empty() {
            let _ = at.shutdown().await;
        }
    }
}

/// Carries octets both ways until both are at their end; a reset on one side is one on the other.
async fn carry(mut near: Stream, mut far: Stream, mut up: Lane, mut down: Lane) {
    let (mut sent, mut received) = (vec![0; MOST], vec![0; MOST]);
    while up.goes_on() || down.goes_on() {
        let (up_piece, down_piece) = (up.weather.piece(), down.weather.piece());
        tokio::select! {
            biased;
            read = near.read(&mut sent[..up_piece]), if up.reads() => match read {
                Ok(0) => up.close(&mut far).await,
                Ok(count) => up.take(&sent[..count]),
                Err(_) => return far.reset(),
            },
            read = far.read(&mut received[..down_piece]), if down.reads() => match read {
                Ok(0) => down.close(&mut near).await,
                Ok(count) => down.take(&received[..count]),
                Err(_) => return near.reset(),
            },
            () = sleep_until(up.due()), if !up.pieces.is_empty() => up.arrive(&mut far).await,
            () = sleep_until(down.due()), if !down.pieces.is_empty() => down.arrive(&mut near).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_octets_arrive_in_order_and_the_same_seed_takes_the_same_time() {
        let mut times = Vec::new();
        for seed in [7, 7, 8] {
            let begun = Instant::now();
            let (far, mut server) = pair();
            let mut client = Chaos::new(Badness { seed, longest: Duration::from_millis(30) }).wrap(far);
            let sent: Vec<u8> = (0..20_000_u32).map(|n| n as u8).collect();
            let octets = sent.clone();
            let writer = tokio::spawn(async move {
                client.write_all(&octets).await.expect("the other end reads");
                client.shutdown().await.expect("the end");
                client
            });
            let mut seen = Vec::new();
            server.read_to_end(&mut seen).await.expect("no reset");
            assert!(seen == sent);
            // What is held back holds up nothing but what is behind it: delays do not add up.
            assert!(begun.elapsed() < Duration::from_millis(100), "{:?}", begun.elapsed());
            drop(writer.await.expect("no panic"));
            times.push(begun.elapsed());
        }
        assert!(times[0] == times[1] && times[0] != times[2], "{times:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reset_goes_through() {
        let (far, mut server) = pair();
        let mut client = Chaos::new(Badness { seed: 1, longest: Duration::from_millis(30) }).wrap(far);
        client.reset();
        let read = server.read(&mut [0; 8]).await;
        assert_eq!(read.map_err(|e| e.kind()), Err(std::io::ErrorKind::ConnectionReset));
    }
}
