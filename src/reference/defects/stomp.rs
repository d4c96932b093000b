//! Defects of the STOMP broker.

use super::prelude::*;

defects! {
    hard: false;

    "receipt-missing" ReceiptMissing breaks ["STOMP12-RHDR-02"],
    "A receipt is given for DISCONNECT only." {
        fn gives_receipt(&self, command: &str, nth: u64) -> bool { command == "DISCONNECT" }
    }

    "receipt-at-once" ReceiptAtOnce breaks ["STOMP12-RCPT-01"],
    "A receipt is given before the frame is processed, and for one that is refused." {
        fn gives_receipt_at_once(&self) -> bool { true }
    }

    "last-destination-counts" LastDestinationCounts breaks ["STOMP12-REP-02", "STOMP11-REP-01"],
    "Of repeated destinations the last one counts." {
        fn destination<'f>(&self, frame: &'f Frame) -> Option<&'f str> {
            frame.headers.iter().filter(|(name, _)| *name == "destination").last().map(|(_, value)| value)
        }
    }

    "few-user-headers" FewUserHeaders breaks ["STOMP12-MSG-07", "STOMP12-SEND-06"],
    "Of many headers of the user's own the first sixteen are kept." {
        fn most_user_headers(&self) -> usize { 16 }
    }

    "charset-stripped" CharsetStripped breaks ["STOMP12-CTYPE-05", "STOMP12-CTYPE-06"],
    "`content-type` loses its parameters on its way." {
        fn content_type<'a>(&self, sent: &'a str) -> &'a str { sent.split(';').next().unwrap_or(sent) }
    }

    "text-taken-for-latin-1" TextTakenForLatin1 breaks ["STOMP12-CTYPE-04"],
    "Text without a charset is taken for Latin-1, and made UTF-8." {
        fn relayed(&self, content_type: Option<&str>, body: Vec<u8>) -> Vec<u8> {
            match content_type {
                Some(kind) if kind.starts_with("text/") && !kind.contains("charset") => {
                    body.into_iter().map(char::from).collect::<String>().into_bytes()
                }
                _ => body,
            }
        }
    }

    "headers-lost-at-return" HeadersLostAtReturn breaks ["STOMP12-HDR-02"],
    "A message that comes again has lost its headers." {
        fn keeps_headers(&self) -> bool { false }
    }

    "id-always-needed" IdAlwaysNeeded breaks ["STOMP10-SUB-01"],
    "SUBSCRIBE needs an id in 1.0 as well." {
        fn needs_subscription_id(&self, version: Version) -> bool { true }
    }

    "destination-cancels-nothing" DestinationCancelsNothing breaks ["STOMP10-UNSUB-01"],
    "UNSUBSCRIBE needs an id in 1.0 as well." {
        fn cancels_by_destination(&self, version: Version) -> bool { false }
    }

    "cancels-all-without-id" CancelsAllWithoutId breaks ["STOMP12-UNSUB-01"],
    "An UNSUBSCRIBE that names nothing ends all subscriptions of the connection." {
        fn cancels_all(&self) -> bool { true }
    }

    "client-ack-by-default" ClientAckByDefault breaks ["STOMP12-SUB-07", "STOMP12-SUB-08"],
    "A SUBSCRIBE without `ack` has to acknowledge." {
        fn default_ack(&self) -> AckMode { AckMode::Client }
    }

    "acks-by-id-alone" AcksByIdAlone breaks ["STOMP11-ACK-01", "STOMP11-NACK-01", "STOMP10-ACK-01"],
    "ACK and NACK need the `id` of 1.2 in every version." {
        fn acknowledges_by(&self, version: Version) -> Version { Version::V12 }
    }

    "nameless-ack-counts" NamelessAckCounts breaks ["STOMP12-ACK-01", "STOMP12-NACK-01"],
    "An ACK or NACK that names no message settles the last one." {
        fn guesses_message(&self) -> bool { true }
    }

    "individual-nack-cumulates" IndividualNackCumulates breaks ["STOMP12-NACK-03"],
    "A NACK is about the earlier messages in every mode." {
        fn refuses_earlier(&self, mode: AckMode, version: Version) -> bool { true }
    }

    "no-subscription-header" NoSubscriptionHeader breaks ["STOMP12-MSG-04", "IM-SUB-04"],
    "MESSAGE does not say which subscription it is for." {
        fn names_subscription(&self) -> bool { false }
    }

    "message-id-repeated" MessageIdRepeated breaks ["STOMP12-MSG-03", "IM-SEND-05"],
    "All messages have the same `message-id`." {
        fn message_id(&self, nth: u64) -> String { "m-1".to_owned() }
    }

    "transaction-ignored" TransactionIgnored breaks ["STOMP12-TX-02", "STOMP12-TX-04", "STOMP12-TX-06"],
    "What is sent in a transaction is delivered at once." {
        fn holds_until_commit(&self) -> bool { false }
    }

    "individual-ack-cumulates" IndividualAckCumulates breaks ["STOMP12-SUB-13", "STOMP12-ACK-03"],
    "An ACK settles the earlier messages in every mode." {
        fn settles_earlier(&self, mode: AckMode, version: Version) -> bool { true }
    }

    "unsubscribe-ignored" UnsubscribeIgnored breaks ["IM-SUB-05", "IM-GROUP-05", "STOMP12-UNSUB-03"],
    "A subscription goes on after UNSUBSCRIBE." {
        fn ends_subscription(&self) -> bool { false }
    }

    "no-beats" NoBeats breaks ["STOMP12-HB-06", "STOMP12-HB-07"],
    "The server agrees to heart-beats and sends none." {
        fn beats(&self, nth: u64) -> bool { false }
    }

    "beats-by-ping" BeatsByPing breaks ["STOMP12-HB-08", "STOMP12-HB-07"],
    "The server sends WebSocket pings in place of heart-beats." {
        fn beats_by_ping(&self) -> bool { true }
    }

    "beats-too-slow" BeatsTooSlow breaks ["STOMP12-HB-06", "STOMP12-HB-07"],
    "The server beats a quarter as often as was agreed." {
        fn beat_every(&self, agreed: Duration) -> Duration { agreed * 4 }
    }

    "no-margin" NoMargin breaks ["STOMP12-HB-10"],
    "A client is dropped as soon as its beat is due." {
        fn patience(&self, interval: Duration) -> Duration { interval }
    }

    "impatient" Impatient breaks ["STOMP12-HB-09", "STOMP12-HB-05", "STOMP12-HB-10"],
    "A client is dropped after half of the interval that was agreed." {
        fn patience(&self, interval: Duration) -> Duration { interval / 2 }
    }

    "send-anywhere" SendAnywhere breaks ["STOMP12-SEND-01", "STOMP12-HDR-01"],
    "A SEND without a destination goes to a default one." {
        fn destination<'f>(&self, frame: &'f Frame) -> Option<&'f str> {
            frame.header("destination").or(Some("/topic/default"))
        }
    }

    "subscribe-anywhere" SubscribeAnywhere breaks ["STOMP12-SUB-01", "STOMP12-HDR-01", "IM-SUB-09"],
    "A SUBSCRIBE without a destination is one to the user's own messages." {
        fn subscribed<'f>(&self, frame: &'f Frame) -> Option<&'f str> {
            frame.header("destination").or(Some("/user/queue/messages"))
        }
    }

    "subscription-id-not-needed" SubscriptionIdNotNeeded breaks ["STOMP12-SUB-05", "STOMP11-SUB-01", "IM-SUB-09", "STOMP12-HDR-01"],
    "A SUBSCRIBE without an id is accepted in every version." {
        fn needs_subscription_id(&self, version: Version) -> bool { false }
    }

    "unsubscribes-everywhere" UnsubscribesEverywhere breaks ["STOMP12-SUB-06", "IM-SUB-05", "STOMP12-UNSUB-03", "WSSTOMP-16", "IM-GROUP-05"],
    "Subscription ids are looked up without their connection: UNSUBSCRIBE ends all of that id." {
        fn unsubscribes_everywhere(&self) -> bool { true }
    }

    "nothing-refused" NothingRefused breaks ["STOMP12-SEND-07", "STOMP12-HDR-01", "STOMP12-TX-05", "STOMP12-TX-01"],
    "A frame that cannot be obeyed is passed over, and its receipt given." {
        fn refuses(&self, frame: &Frame, message: &str) -> bool {
            matches!(frame.command.as_str(), "CONNECT" | "STOMP") || message == "Not connected"
        }
    }

    "nameless-transaction" NamelessTransaction breaks ["STOMP12-TX-01"],
    "A BEGIN without a name is accepted." {
        fn refuses(&self, frame: &Frame, message: &str) -> bool { frame.command != "BEGIN" || message != "Missing header" }
    }

    "unknown-transaction-committed" UnknownTransactionCommitted breaks ["STOMP12-TX-05", "STOMP12-SEND-07"],
    "A COMMIT of a transaction that was never begun is accepted." {
        fn refuses(&self, frame: &Frame, message: &str) -> bool { frame.command != "COMMIT" }
    }

    "client-ack-settles-one" ClientAckSettlesOne breaks ["STOMP12-SUB-11"],
    "An ACK settles one message in every mode." {
        fn settles_earlier(&self, mode: AckMode, version: Version) -> bool { false }
    }

    "ack-not-in-transaction" AckNotInTransaction breaks ["STOMP12-ACK-02"],
    "An ACK counts at once, whatever its transaction." {
        fn holds_acks(&self) -> bool { false }
    }

    "half-a-transaction" HalfATransaction breaks ["STOMP12-TX-06", "STOMP12-TX-02", "STOMP10-TX-01", "STOMP11-TX-01", "STOMP12-SEND-03"],
    "Of what was sent in a transaction all but the last takes effect." {
        fn committed(&self, held: usize) -> usize { held.saturating_sub(1) }
    }

    "message-without-destination" MessageWithoutDestination breaks ["STOMP12-MSG-01", "IM-SUB-04", "STOMP10-MSG-01", "STOMP11-MSG-01"],
    "MESSAGE does not say where it was sent to." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            super::without(frame, "MESSAGE", "destination")
        }
    }

    "destination-resolved" DestinationResolved breaks ["STOMP12-MSG-02", "IM-SUB-04"],
    "MESSAGE names the queue that a destination stands for within the server." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            super::with_value(frame, "destination", |name| format!("/queue/resolved{}", name.replace('/', "-")))
        }
    }

    "message-without-ack" MessageWithoutAck breaks ["STOMP12-MSG-05", "STOMP12-ACK-03"],
    "MESSAGE does not say by which id it is acknowledged." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            super::without(frame, "MESSAGE", "ack")
        }
    }

    "user-headers-lost" UserHeadersLost breaks ["STOMP12-MSG-07", "STOMP12-SEND-06", "STOMP11-SEND-01"],
    "Headers of the user's own are not passed on." {
        fn most_user_headers(&self) -> usize { 0 }
    }

    "receipt-value-changed" ReceiptValueChanged breaks ["STOMP12-RCPT-02", "STOMP11-RCPT-01", "STOMP10-RCPT-01"],
    "The value of a receipt comes back in small letters." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            super::with_value(frame, "receipt-id", str::to_lowercase)
        }
    }

    "connection-not-forgotten" ConnectionNotForgotten breaks ["WSSTOMP-15", "IM-SYNC-01", "STOMP12-ACK-03", "STOMP12-LINGER-01"],
    "A connection that ends without DISCONNECT keeps its subscriptions." {
        fn forgets_connection(&self, took_leave: bool) -> bool { took_leave }
    }

    "subscriptions-kept-by-user" SubscriptionsKeptByUser breaks ["WSSTOMP-15"],
    "Subscriptions are kept by user, and outlive their connection: what they hear is shown on the user's newest." {
        fn forgets_connection(&self, took_leave: bool) -> bool { took_leave }
        fn shown_on(&self, of: &Delivery<'_>) -> ConnId { of.newest.unwrap_or(of.meant) }
    }

    "subscription-ids-shared" SubscriptionIdsShared breaks ["WSSTOMP-16", "STOMP12-SUB-06"],
    "Where two connections use the same subscription id, the newer one is shown what both hear." {
        fn shown_on(&self, of: &Delivery<'_>) -> ConnId { of.namesake.unwrap_or(of.meant) }
    }

    "first-message-lost" FirstMessageLost breaks ["STOMP12-SUB-02", "IM-SEND-01", "IM-GROUP-01", "IM-SUB-01"],
    "The first message on each connection is lost." {
        fn copies(&self, of: &Delivery<'_>) -> usize { usize::from(of.of_session > 1) }
    }

    "twenty-places" TwentyPlaces breaks ["STOMP12-LINGER-01"],
    "A connection that ends without DISCONNECT keeps its place, and there are twenty." {
        fn forgets_connection(&self, took_leave: bool) -> bool { took_leave }
        fn shuts_at_once(&self, connections: usize) -> bool { connections > 20 }
    }

    "disconnect-ignored" DisconnectIgnored breaks ["STOMP12-DISC-03", "STOMP12-RHDR-02"],
    "DISCONNECT is neither answered nor obeyed." {
        fn answers(&self, frame: &Frame) -> Answer {
            if frame.command == "DISCONNECT" { Answer::Nothing } else { Answer::Obey }
        }
    }

    "others-taken-along" OthersTakenAlong breaks ["IM-SUB-07", "WSSTOMP-15", "IM-SUB-01"],
    "The end of one connection ends the subscriptions of its user's others." {
        fn takes_others_along(&self) -> bool { true }
    }

    "individual-message-without-ack" IndividualMessageWithoutAck breaks ["STOMP12-MSG-05"],
    "In mode client-individual MESSAGE does not say by which id it is acknowledged." {
        fn names_ack(&self, mode: AckMode) -> bool { mode != AckMode::Individual }
    }

    "message-without-id" MessageWithoutId breaks ["STOMP12-HDR-01", "STOMP12-MSG-03", "IM-SEND-05", "STOMP10-MSG-01", "STOMP11-MSG-01"],
    "MESSAGE has no `message-id`." {
        fn said(&self, frame: Frame, version: Version) -> Frame { super::without(frame, "MESSAGE", "message-id") }
    }

    "receipt-without-id" ReceiptWithoutId breaks ["STOMP12-RCPT-02", "STOMP12-RHDR-02"],
    "RECEIPT does not say which receipt it is." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            super::without(frame, "RECEIPT", "receipt-id")
        }
    }

    "auto-comes-again" AutoComesAgain breaks ["STOMP12-SUB-08", "STOMP12-SUB-07"],
    "What was delivered in mode auto comes again once its receiver is gone." {
        fn awaits_ack(&self, mode: AckMode) -> bool { true }
    }

    "everything-in-transaction" EverythingInTransaction breaks ["STOMP12-SEND-03", "STOMP12-TX-02"],
    "As long as a transaction is open every SEND is part of it." {
        fn transaction_of<'n>(&self, named: Option<&'n str>, open: Option<&'n str>) -> Option<&'n str> { named.or(open) }
    }

    "abort-commits" AbortCommits breaks ["STOMP12-TX-06"],
    "ABORT does what COMMIT does." {
        fn aborts(&self) -> bool { false }
    }

    "end-commits" EndCommits breaks ["STOMP12-TX-04"],
    "What is open when a connection ends is committed." {
        fn commits_at_end(&self) -> bool { true }
    }
}
