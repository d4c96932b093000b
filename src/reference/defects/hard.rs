//! Defects that are hard to see: they show one time in twenty, in a burst, in a crowd, for some inputs, after a while.

use super::prelude::*;

/// Whether something has more than plain text in it, as few texts of tests have.
fn has_astral(text: &str) -> bool {
    text.chars().any(|c| u32::from(c) > 0xffff)
}

defects! {
    hard: true;

    // ---- now and then

    "one-in-twenty-lost" OneInTwentyLost breaks ["IM-SEND-17", "IM-SEND-01", "IM-GROUP-10", "IM-GROUP-01", "IM-SYNC-02"],
    "Of twenty messages one is lost." {
        fn copies(&self, of: &Delivery<'_>) -> usize { usize::from(of.nth % 20 != 13) }
    }

    "one-in-twenty-doubled" OneInTwentyDoubled breaks ["IM-SEND-17", "IM-SUB-06", "IM-GROUP-10", "IM-GROUP-01"],
    "Of twenty messages one comes twice." {
        fn copies(&self, of: &Delivery<'_>) -> usize { if of.nth % 20 == 13 { 2 } else { 1 } }
    }

    "one-in-twenty-astray" OneInTwentyAstray breaks ["WSSTOMP-16", "IM-SEND-07", "IM-SUB-04", "IM-SEND-17", "STOMP12-MSG-04"],
    "Of twenty messages one is written to another connection." {
        fn shown_on(&self, of: &Delivery<'_>) -> ConnId {
            of.another.filter(|_| of.nth % 20 == 13).unwrap_or(of.meant)
        }
    }

    "one-in-twenty-late" OneInTwentyLate breaks ["IM-SEND-06", "IM-GROUP-03", "STOMP12-ORDER"],
    "Of twenty messages one is overtaken by those behind it." {
        fn delay(&self, act: &Act, nth: u64) -> Duration {
            let late = nth.is_multiple_of(20) && matches!(act, Act::Send(frame) if frame.command == "MESSAGE");
            Duration::from_millis(if late { 2 } else { 0 })
        }
        fn keeps_order(&self) -> bool { false }
    }

    "one-in-twenty-receipts-lost" OneInTwentyReceiptsLost breaks ["STOMP12-RHDR-02"],
    "Of twenty receipts one is not given." {
        fn gives_receipt(&self, command: &str, nth: u64) -> bool { nth % 20 != 13 }
    }

    "one-in-fifty-ids-repeat" OneInFiftyIdsRepeat breaks ["STOMP12-MSG-03", "IM-SEND-05"],
    "Of fifty messages two have the same `message-id`." {
        fn message_id(&self, nth: u64) -> String { format!("m-{}", if nth.is_multiple_of(50) { nth - 1 } else { nth }) }
    }

    // ---- in a burst

    "burst-loses-tail" BurstLosesTail breaks ["IM-SEND-17"],
    "Of a burst what comes behind the sixty-fourth message is lost: the queue of a slow client is full." {
        fn copies(&self, of: &Delivery<'_>) -> usize { usize::from(of.in_row <= 64) }
    }

    "burst-stutters" BurstStutters breaks ["IM-SEND-17"],
    "The fiftieth message of a burst comes twice: a batch is retried." {
        fn copies(&self, of: &Delivery<'_>) -> usize { if of.in_row == 50 { 2 } else { 1 } }
    }

    "burst-reordered" BurstReordered breaks ["IM-SEND-06", "STOMP12-ORDER", "IM-GROUP-03"],
    "In a burst every fifth message is overtaken by the next: two threads write to one connection." {
        fn delay(&self, act: &Act, nth: u64) -> Duration {
            let late = nth.is_multiple_of(5) && matches!(act, Act::Send(frame) if frame.command == "MESSAGE");
            Duration::from_millis(u64::from(late))
        }
        fn keeps_order(&self) -> bool { false }
    }

    "receipt-counter-wraps" ReceiptCounterWraps breaks ["STOMP12-RHDR-02"],
    "Every 256th receipt is not given." {
        fn gives_receipt(&self, command: &str, nth: u64) -> bool { !nth.is_multiple_of(256) }
    }

    "transaction-of-three" TransactionOfThree breaks ["STOMP12-TX-06", "STOMP12-TX-02"],
    "A transaction keeps three frames; what comes behind them is forgotten." {
        fn committed(&self, held: usize) -> usize { held.min(3) }
    }

    "sync-page-of-three" SyncPageOfThree breaks ["IM-SYNC-02"],
    "A sync delivers three messages, and forgets the rest." {
        fn synced(&self, mut stored: Vec<Message>) -> Vec<Message> {
            stored.truncate(3);
            stored
        }
    }

    "sync-page-repeats" SyncPageRepeats breaks ["IM-SYNC-02"],
    "A sync of more than three messages delivers the fourth twice: pages overlap." {
        fn synced(&self, mut stored: Vec<Message>) -> Vec<Message> {
            if let Some(fourth) = stored.get(3).cloned() { stored.insert(4, fourth); }
            stored
        }
    }

    // ---- in a crowd

    "fan-out-of-48" FanOutOf48 breaks ["IM-GROUP-10"],
    "A group's message reaches forty-eight listeners." {
        fn reached(&self, mut listening: Vec<(ConnId, String)>) -> Vec<(ConnId, String)> {
            listening.truncate(48);
            listening
        }
    }

    "crowd-doubles" CrowdDoubles breaks ["IM-GROUP-10"],
    "Among more than forty connections the forty-first listener of a group gets its message twice." {
        fn reached(&self, mut listening: Vec<(ConnId, String)>) -> Vec<(ConnId, String)> {
            listening.extend(listening.get(40).cloned());
            listening
        }
    }

    "session-names-mod-64" SessionNamesMod64 breaks ["STOMP12-CONND-05"],
    "There are two names for sessions, which take turns." {
        fn session_id(&self, nth: u64) -> String { format!("s-{}", nth % 2) }
    }

    // ---- for some inputs

    "long-body-lost" LongBodyLost breaks ["IM-SEND-04", "IM-ERR-06", "STOMP12-SIZE-02"],
    "A message of more than 16 KiB is lost." {
        fn copies(&self, of: &Delivery<'_>) -> usize { usize::from(of.body.len() <= 16 * 1024) }
    }

    "astral-replaced" AstralReplaced breaks ["IM-SEND-04"],
    "A character beyond the BMP becomes a question mark." {
        fn content(&self, sent: String) -> String {
            sent.chars().map(|c| if u32::from(c) > 0xffff { '?' } else { c }).collect()
        }
    }

    "astral-as-two" AstralAsTwo breaks ["IM-SEND-04", "STOMP12-CLEN-06", "STOMP12-CLEN-03", "STOMP12-CLEN-02"],
    "`content-length` counts a character beyond the BMP as two surrogates of three octets each." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            let content_length = match std::str::from_utf8(&frame.body) {
                Ok(text) if has_astral(text) => {
                    let astral = text.chars().filter(|c| u32::from(*c) > 0xffff).count();
                    ContentLength::Exactly(frame.body.len() + 2 * astral)
                }
                _ => ContentLength::Auto,
            };
            stomp::encode_with(frame, &Style { version, content_length, ..Style::default() })
        }
    }

    "combining-composed" CombiningComposed breaks ["IM-SEND-04"],
    "A letter and the accent behind it become one character." {
        fn content(&self, sent: String) -> String { sent.replace("e\u{301}", "\u{e9}").replace("a\u{308}", "\u{e4}") }
    }

    "nul-dropped" NulDropped breaks ["IM-SEND-04"],
    "U+0000 is dropped from the content." {
        fn content(&self, sent: String) -> String { sent.replace('\0', "") }
    }

    "direction-marks-dropped" DirectionMarksDropped breaks ["IM-SEND-04"],
    "Marks of direction are dropped from the content." {
        fn content(&self, sent: String) -> String {
            sent.replace(['\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}'], "")
        }
    }

    "backslash-unescaped-twice" BackslashUnescapedTwice breaks ["STOMP12-ENC-04", "STOMP12-ENC-06", "STOMP12-MSG-07"],
    "Escapes are decoded twice: a backslash before an `n` becomes a line end." {
        fn understood(&self, frame: Frame) -> Frame {
            if frame.command != "SEND" { return frame; }
            super::with_headers(frame, |name, value| Some((name.replace("\\n", "\n").replace("\\c", ":"), value.replace("\\n", "\n").replace("\\c", ":"))))
        }
    }

    "subscription-id-cut-at-colon" SubscriptionIdCutAtColon breaks ["STOMP12-MSG-04", "STOMP12-ENC-02", "IM-SUB-04", "STOMP12-SUB-06"],
    "A subscription id with a colon comes back cut." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            super::with_value(frame, "subscription", |id| id.split(':').next().unwrap_or_default().to_owned())
        }
    }

    "receipt-cut-at-colon" ReceiptCutAtColon breaks ["STOMP12-RCPT-02", "STOMP11-RCPT-01", "STOMP10-RCPT-01", "STOMP12-ENC-02"],
    "A receipt with a colon in its value comes back cut." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            super::with_value(frame, "receipt-id", |id| id.split(':').next().unwrap_or_default().to_owned())
        }
    }

    "bodies-of-nul-emptied" BodiesOfNulEmptied breaks ["STOMP12-BODY-03", "STOMP12-CLEN-02", "STOMP12-CLEN-05", "STOMP11-CLEN-01", "STOMP10-CLEN-01"],
    "A body ends at its first NUL, whatever its length says." {
        fn relayed(&self, content_type: Option<&str>, mut body: Vec<u8>) -> Vec<u8> {
            body.truncate(body.iter().position(|octet| *octet == 0).unwrap_or(body.len()));
            body
        }
    }

    "length-of-64-kib-wraps" LengthOf64KibWraps breaks ["WS-FR-17", "WS-FR-07", "IM-SEND-04", "IM-ERR-06", "STOMP12-SIZE-02"],
    "A frame of 32 KiB and more is written with a length of eight octets in the wrong order." {
        fn octets(&self, frame: &WsFrame) -> Vec<u8> {
            let mut octets = encode_frame(frame);
            if frame.payload.len() >= 32 * 1024 {
                let mut head = vec![octets[0], 127];
                head.extend((frame.payload.len() as u64).to_le_bytes());
                head.extend_from_slice(&frame.payload);
                octets = head;
            }
            octets
        }
    }

    // ---- after a while

    "lost-after-the-thousandth" LostAfterTheThousandth breaks ["IM-SEND-17", "IM-SEND-01", "IM-GROUP-10", "IM-GROUP-01", "IM-SEND-04", "IM-SYNC-02", "IM-SYNC-01"],
    "After the thousandth message of the server every tenth is lost." {
        fn copies(&self, of: &Delivery<'_>) -> usize { usize::from(of.nth <= 1_000 || !of.nth.is_multiple_of(10)) }
    }

    "ids-repeat-after-the-thousandth" IdsRepeatAfterTheThousandth breaks ["STOMP12-MSG-03", "IM-SEND-05"],
    "`message-id` counts to a thousand, and stays there." {
        fn message_id(&self, nth: u64) -> String { format!("m-{}", nth.min(1_000)) }
    }

    "first-after-reconnect-lost" FirstAfterReconnectLost breaks ["IM-SYNC-01", "IM-SYNC-02", "IM-SYNC-09", "IM-SEND-01", "IM-SEND-17", "IM-GROUP-01", "IM-SUB-01", "IM-SUB-05"],
    "The first message after a user has come back is lost." {
        fn copies(&self, of: &Delivery<'_>) -> usize { usize::from(of.visits < 2 || of.of_session > 1) }
    }

    "beats-stop-after-two" BeatsStopAfterTwo breaks ["STOMP12-HB-07", "STOMP12-HB-06", "STOMP12-HB-08", "STOMP11-HB-01"],
    "The server beats twice, and then no more." {
        fn beats(&self, nth: u64) -> bool { nth <= 2 }
    }

    "revoke-after-ten-forgotten" RevokeAfterTenForgotten breaks ["IM-REVOKE-01", "IM-REVOKE-02", "IM-REVOKE-07", "IM-REVOKE-08", "IM-SEND-08"],
    "Only the last three messages of all are remembered, and can be revoked." {
        fn remembers(&self) -> usize { 3 }
    }

    "revoked-at-once-ignored" RevokedAtOnceIgnored breaks ["IM-REVOKE-01", "IM-REVOKE-02", "IM-REVOKE-07", "IM-REVOKE-08"],
    "A message that is revoked in the millisecond in which it was sent is not revoked." {
        fn revokes(&self, age_ms: u64) -> bool { age_ms > 0 }
    }

    "redelivered-twice" RedeliveredTwice breaks ["STOMP12-ACK-03", "STOMP12-SUB-10", "STOMP12-SUB-13", "STOMP12-SUB-11", "STOMP12-HDR-02"],
    "What comes again comes twice." {
        fn copies(&self, of: &Delivery<'_>) -> usize { if of.again { 2 } else { 1 } }
    }

    // ---- under load

    "every-fortieth-send-dropped" EveryFortiethSendDropped breaks ["STOMP12-RCPT-03", "STOMP12-DISC-03", "IM-SEND-17", "STOMP12-CLEN-02"],
    "Every fortieth SEND of a connection is dropped." {
        fn takes_send(&self, nth: u64) -> bool { !nth.is_multiple_of(40) }
    }

    "places-never-freed" PlacesNeverFreed breaks ["STOMP12-LINGER-01", "WSSTOMP-15", "STOMP12-CONN-02", "IM-AUTH-01"],
    "A connection that ends without DISCONNECT keeps its place, and there are three hundred." {
        fn forgets_connection(&self, took_leave: bool) -> bool { took_leave }
        fn shuts_at_once(&self, connections: usize) -> bool { connections > 300 }
    }
}
