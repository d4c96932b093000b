//! Defects of the session: its beginning and end, its heart-beats, and what follows when it is lost.

use super::prelude::*;

defects! {
    hard: false;

    "subscribes-at-once" SubscribesAtOnce breaks ["IM-CLIENT-03"],
    "It subscribes without waiting for CONNECTED." {
        fn waits_for_connected(&self) -> bool { false }
    }

    "same-subscription-id" SameSubscriptionId breaks ["STOMP12-SUB-06"],
    "All subscriptions have the same id." {
        fn subscription_id(&self, nth: u64) -> String { "sub-0".to_owned() }
    }

    "never-beats" NeverBeats breaks ["STOMP12-HB-05", "STOMP12-HB-06", "STOMP12-HB-07", "STOMP12-HB-02", "STOMP12-HB-09"],
    "It offers heart-beats and sends none." {
        fn agreed(&self, gives: u64, wants: u64) -> Option<u64> { None }
    }

    "beats-that-nobody-wants" BeatsThatNobodyWants breaks ["STOMP12-HB-05", "STOMP12-HB-06", "STOMP12-HB-02", "STOMP12-HB-03", "STOMP12-HB-04"],
    "It beats where the server wants none." {
        fn agreed(&self, gives: u64, wants: u64) -> Option<u64> { (gives > 0).then(|| gives.max(wants)) }
    }

    "beats-too-slowly" BeatsTooSlowly breaks ["STOMP12-HB-05", "STOMP12-HB-06", "STOMP12-HB-07", "STOMP12-HB-09"],
    "It beats at a quarter of the rate that was agreed on." {
        fn agreed(&self, gives: u64, wants: u64) -> Option<u64> { (gives > 0 && wants > 0).then(|| gives.max(wants) * 8) }
        fn patience(&self, interval: u64) -> Option<Duration> { Some(Duration::from_millis(interval)) }
    }

    "beats-in-words" BeatsInWords breaks ["STOMP12-HB-08", "STOMP12-FRAME-12", "STOMP12-FRAME-01"],
    "A beat is a frame of its own kind." {
        fn beat(&self) -> &'static [u8] { b"BEAT\n\n\0" }
    }

    "beats-by-default" BeatsByDefault breaks ["STOMP12-HB-04"],
    "A CONNECTED without `heart-beat` is taken for one that wants beats." {
        fn missing_heart_beat(&self) -> &'static str { "1000,200" }
    }

    "impatient" Impatient breaks ["STOMP12-HB-09", "STOMP12-HB-10", "STOMP12-HB-07"],
    "The server is taken for dead after half of its interval." {
        fn patience(&self, interval: u64) -> Option<Duration> { Some(Duration::from_millis(interval / 2)) }
    }

    "beats-are-no-life" BeatsAreNoLife breaks ["STOMP12-HB-11"],
    "Only frames are a sign of life." {
        fn counts_as_life(&self, octets: &[u8]) -> bool { octets.iter().any(|octet| !octet.is_ascii_whitespace()) }
    }

    "only-beats-are-life" OnlyBeatsAreLife breaks ["STOMP12-HB-11"],
    "Only beats are a sign of life." {
        fn counts_as_life(&self, octets: &[u8]) -> bool { octets.iter().all(u8::is_ascii_whitespace) }
    }

    "long-intervals-overflow" LongIntervalsOverflow breaks ["STOMP12-HB-09"],
    "A very long interval overflows, so that the server is taken for dead at once." {
        fn patience(&self, interval: u64) -> Option<Duration> {
            Some(Duration::from_millis(i32::try_from(interval.saturating_mul(2)).unwrap_or(0) as u64))
        }
    }

    "waits-for-ever" WaitsForEver breaks ["IM-CLIENT-11"],
    "A server that has fallen silent is waited for." {
        fn patience(&self, interval: u64) -> Option<Duration> { None }
    }

    "goes-on-after-error" GoesOnAfterError breaks ["IM-CLIENT-08"],
    "After ERROR it says CONNECT once more, on the same connection." {
        fn ends_at_error(&self) -> bool { false }
    }

    "any-receipt-is-farewell" AnyReceiptIsFarewell breaks ["STOMP12-DISC-01"],
    "Any RECEIPT ends the wait for that of DISCONNECT." {
        fn is_farewell(&self, id: &str, own: &str) -> bool { true }
    }

    "farewell-not-awaited" FarewellNotAwaited breaks ["STOMP12-DISC-01"],
    "The RECEIPT of DISCONNECT is not waited for." {
        fn waits_for_farewell(&self) -> Duration { Duration::ZERO }
    }

    "farewell-awaited-for-ever" FarewellAwaitedForEver breaks ["IM-CLIENT-11", "STOMP12-DISC-01", "DRIVER-09", "IM-CLIENT-07"],
    "Without the RECEIPT of DISCONNECT it never ends." {
        fn waits_for_farewell(&self) -> Duration { Duration::from_secs(1_000_000) }
    }

    "comes-back-at-once" ComesBackAtOnce breaks ["IM-CLIENT-09"],
    "It comes back without waiting." {
        fn delay(&self, failed: u32, chance: f64) -> Duration { Duration::from_millis(20) }
    }

    "every-session-is-stable" EverySessionIsStable breaks ["IM-CLIENT-09"],
    "Each session that begins makes the next wait short again." {
        fn is_stable(&self, lasted: Duration) -> bool { true }
        fn delay(&self, failed: u32, chance: f64) -> Duration { Duration::from_millis(100 << failed.min(8)) }
    }

    "never-comes-back" NeverComesBack breaks ["IM-CLIENT-09", "IM-CLIENT-04"],
    "A connection that was lost is lost for good." {
        fn comes_back(&self, why: Why) -> bool { false }
    }

    "comes-back-unauthorized" ComesBackUnauthorized breaks ["IM-CLIENT-10"],
    "A token that was refused is tried again and again." {
        fn comes_back(&self, why: Why) -> bool { why != Why::Left }
        fn delay(&self, failed: u32, chance: f64) -> Duration { Duration::from_millis(500) }
    }

    "comes-back-after-leaving" ComesBackAfterLeaving breaks ["IM-CLIENT-09", "DRIVER-10", "IM-CLIENT-12"],
    "It comes back though its user has left." {
        fn comes_back(&self, why: Why) -> bool { why != Why::Unauthorized }
    }

    "dies-with-its-connection" DiesWithItsConnection breaks ["IM-CLIENT-09"],
    "The end of a connection ends the program." {
        fn survives(&self, trouble: Trouble) -> bool { trouble != Trouble::ConnectionLost }
    }

    "not-subscribed-again" NotSubscribedAgain breaks ["IM-CLIENT-04", "IM-CLIENT-09"],
    "When it has come back it subscribes to nothing." {
        fn subscribes_again(&self, destination: &str) -> bool { false }
    }

    "groups-not-subscribed-again" GroupsNotSubscribedAgain breaks ["IM-CLIENT-09"],
    "When it has come back it subscribes to its own queue only." {
        fn subscribes_again(&self, destination: &str) -> bool { !destination.starts_with("/topic/") }
    }

    "left-groups-again" LeftGroupsAgain breaks ["IM-CLIENT-09"],
    "When it has come back it subscribes to groups that its user has left." {
        fn forgets_subscription(&self) -> bool { false }
    }

    "never-syncs" NeverSyncs breaks ["IM-CLIENT-09"],
    "When it has come back it does not ask for what it has missed." {
        fn syncs(&self, visit: u32) -> bool { false }
    }

    "sends-twice" SendsTwice breaks ["IM-CLIENT-05"],
    "What the user asked for is done twice." {
        fn forgets_what_is_done(&self) -> bool { false }
    }
}
