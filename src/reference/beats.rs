//! Heart-beats of one connection: what was agreed, and when the next thing is due.
//!
//! It relies on being told of every octet in either direction. It must never read a clock: `now` is an argument.

use std::time::Duration;

/// The agreement of one connection and the state of both directions.
#[derive(Debug, Clone, Default)]
pub(super) struct Beats {
    /// What we owe the client.
    pub(super) outgoing: Option<Duration>,
    /// What the client owes us.
    pub(super) incoming: Option<Duration>,
    /// When we last wrote.
    pub(super) written: Duration,
    /// When something last came.
    pub(super) heard: Duration,
    /// How many beats we have sent.
    pub(super) count: u64,
}

/// A `heart-beat` header that is no pair of numbers (STOMP12-HB-01).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl Beats {
    /// Answers the client's `heart-beat` header: the agreement, and the header of CONNECTED. `offered` is the interval in
    /// either direction, in milliseconds, that the server offers to a client that has a use for it.
    pub(super) fn negotiate(header: &str, offered: u32, now: Duration) -> Result<(Beats, String), Malformed> {
        let (client_sends, client_wants) = parse(header)?;
        let server_sends = if client_wants == 0 { 0 } else { offered };
        let server_wants = if client_sends == 0 { 0 } else { offered };
        let beats = Beats {
            outgoing: agreed(server_sends, client_wants),
            incoming: agreed(client_sends, server_wants),
            written: now,
            heard: now,
            count: 0,
        };
        Ok((beats, format!("{server_sends},{server_wants}")))
    }

    /// When we write something at the latest, if `every` is how often for what was agreed.
    pub(super) fn beat_due(&self, every: impl Fn(Duration) -> Duration) -> Option<Duration> {
        self.outgoing.map(|interval| self.written + every(interval))
    }

    /// When the client is given up, if `patience` is what it is given beyond hearing from it.
    pub(super) fn silence_ends(&self, patience: impl Fn(Duration) -> Duration) -> Option<Duration> {
        self.incoming.map(|interval| self.heard + patience(interval))
    }
}

/// None if either side declines, else the larger of the two (STOMP12-HB-05).
fn agreed(sends: u32, wants: u32) -> Option<Duration> {
    (sends != 0 && wants != 0).then(|| Duration::from_millis(u64::from(sends.max(wants))))
}

fn parse(header: &str) -> Result<(u32, u32), Malformed> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|_| digits).ok_or(Malformed)
    };
    let (sends, wants) = header.split_once(',').ok_or(Malformed)?;
    Ok((number(sends)?, number(wants)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_interval_is_agreed_on_and_zero_declines() {
        let ms = |n| Some(Duration::from_millis(n));
        let cases = [
            ("0,0", "0,0", None, None),
            ("0,700", "500,0", ms(700), None),
            ("5000,0", "0,500", None, ms(5_000)),
            ("10,20000", "500,500", ms(20_000), ms(500)),
        ];
        for (header, answer, outgoing, incoming) in cases {
            let (beats, said) = Beats::negotiate(header, 500, Duration::ZERO).expect("well formed");
            assert_eq!(
                (said.as_str(), beats.outgoing, beats.incoming),
                (answer, outgoing, incoming),
                "{header:?}"
            );
        }
    }

    #[test]
    fn what_is_no_pair_of_numbers_is_refused() {
        for header in ["", "1", "abc", "1,2,3", "-1,0", "+1,0", "1, 2", "99999999999999999999,0"] {
            assert_eq!(Beats::negotiate(header, 500, Duration::ZERO).err(), Some(Malformed), "{header}");
        }
    }
}
