//! A bad network: what a connection carries is delayed, cut and joined anew, differently on each connection, and the same
//! for the same seed.
//!
//! It relies on tokio's clock. It never loses, alters or reorders octets of one connection: that would be no TCP.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep_until};

use super::memory::pair;
use super::stream::Stream;
use crate::dice::Dice;

/// The longest that octets are delayed, in milliseconds.
const LONGEST: u64 = 30;
/// Octets that are taken at once, at most.
const MOST: usize = 16 * 1024;

/// Puts connections behind a bad network.
#[derive(Debug)]
pub struct Chaos {
    seed: u64,
    connections: AtomicU64,
}

impl Chaos {
    /// A network that is bad in the way of this seed.
    pub fn new(seed: u64) -> Chaos {
        Chaos { seed, connections: AtomicU64::new(0) }
    }

    /// The same connection, behind it.
    pub(super) fn wrap(&self, stream: Stream) -> Stream {
        let nth = self.connections.fetch_add(1, Ordering::Relaxed);
        let (near, far) = pair();
        let mut dice = Dice::new(self.seed ^ (nth + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (up, down) = (Lane::new(dice.roll()), Lane::new(dice.roll()));
        tokio::spawn(carry(far, stream, up, down));
        near
    }
}

/// What the network does next.
struct Weather(Dice);

impl Weather {
    /// How many octets are taken at once: few, some or many.
    fn piece(&mut self) -> usize {
        let roll = self.0.roll();
        let most = [3, 40, 700, MOST][roll as usize % 4];
        1 + (roll >> 8) as usize % most
    }

    /// How long they are held back: mostly not at all.
    fn delay(&mut self) -> Duration {
        let roll = self.0.roll();
        Duration::from_millis(if roll.is_multiple_of(4) { (roll >> 8) % LONGEST } else { 0 })
    }
}

/// What is on its way in one direction.
struct Lane {
    weather: Weather,
    octets: Vec<u8>,
    /// When it arrives.
    due: Instant,
    /// Whether more may come.
    open: bool,
}

impl Lane {
    fn new(seed: u64) -> Lane {
        Lane { weather: Weather(Dice::new(seed)), octets: Vec::new(), due: Instant::now(), open: true }
    }

    fn reads(&self) -> bool {
        self.open && self.octets.is_empty()
    }

    fn take(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
        self.due = Instant::now() + self.weather.delay();
    }

    /// Lets what is on its way arrive; whether somebody was there.
    async fn arrive(&mut self, at: &mut Stream) -> bool {
        let octets = std::mem::take(&mut self.octets);
        at.write_all(&octets).await.is_ok()
    }

    /// Nothing more comes from the one side: the other is told, and may be gone already.
    async fn close(&mut self, at: &mut Stream) {
        self.open = false;
        let _ = at.shutdown().await;
    }
}

/// Carries octets both ways until both are at their end; a reset on one side is one on the other.
async fn carry(mut near: Stream, mut far: Stream, mut up: Lane, mut down: Lane) {
    let (mut sent, mut received) = (vec![0; MOST], vec![0; MOST]);
    while up.open || down.open {
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
            () = sleep_until(up.due), if !up.octets.is_empty() => {
                if !up.arrive(&mut far).await {
                    up.open = false;
                }
            }
            () = sleep_until(down.due), if !down.octets.is_empty() => {
                if !down.arrive(&mut near).await {
                    down.open = false;
                }
            }
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
            let mut client = Chaos::new(seed).wrap(far);
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
            drop(writer.await.expect("no panic"));
            times.push(begun.elapsed());
        }
        assert!(times[0] == times[1] && times[0] != times[2], "{times:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reset_goes_through() {
        let (far, mut server) = pair();
        let mut client = Chaos::new(1).wrap(far);
        client.reset();
        let read = server.read(&mut [0; 8]).await;
        assert_eq!(read.map_err(|e| e.kind()), Err(std::io::ErrorKind::ConnectionReset));
    }
}
