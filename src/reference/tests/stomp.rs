//! STOMP 1.2 and the plain broker: receipts, errors, acknowledgements, transactions, queues.

use super::*;

const ALICE: &str = "user_001";
const BOB: &str = "user_002";

fn subscribe(destination: &str, ack: &str) -> Frame {
    Frame::new("SUBSCRIBE").with("id", "s").with("destination", destination).with("ack", ack)
}

fn acks(frames: &[Frame]) -> Vec<String> {
    frames.iter().filter_map(|frame| frame.header("ack").map(str::to_owned)).collect()
}

#[test]
fn every_frame_but_connect_gets_its_receipt() {
    let mut world = World::new();
    let alice = world.connected(ALICE);
    world.frame(alice, subscribe("/queue/q", "client"));
    world.send(alice, "/queue/q", "x");
    let ack = acks(&world.take(alice)).remove(0);
    for frame in [
        Frame::new("SEND").with("destination", "/topic/t"),
        Frame::new("BEGIN").with("transaction", "t"),
        Frame::new("COMMIT").with("transaction", "t"),
        Frame::new("BEGIN").with("transaction", "t"),
        Frame::new("ABORT").with("transaction", "t"),
        Frame::new("NACK").with("id", ack),
        Frame::new("UNSUBSCRIBE").with("id", "s"),
        Frame::new("DISCONNECT"),
    ] {
        let receipt = format!("r: {} \\", frame.command);
        world.frame(alice, frame.with("receipt", &receipt));
        assert_eq!(world.take(alice), [Frame::new("RECEIPT").with("receipt-id", &receipt)]);
    }
}

#[test]
fn disconnect_ends_the_session_in_order() {
    let mut world = World::new();
    for frame in [Frame::new("DISCONNECT"), Frame::new("DISCONNECT").with("receipt", "bye")] {
        let alice = world.connected(ALICE);
        world.frame(alice, frame);
        assert_eq!(world.closed(alice), Some(1000));
    }
}

#[test]
fn what_cannot_be_obeyed_is_an_error_with_the_receipt_id_and_the_end() {
    let frames = [
        Frame::new("SEND"),
        Frame::new("SEND").with("Destination", "/topic/a"),
        Frame::new("SEND").with("destination", "/topic/a").with("transaction", "unknown"),
        Frame::new("SUBSCRIBE").with("destination", "/topic/a"),
        Frame::new("SUBSCRIBE").with("id", "s"),
        subscribe("/topic/a", "sometimes"),
        Frame::new("UNSUBSCRIBE"),
        Frame::new("UNSUBSCRIBE").with("id", "unknown"),
        Frame::new("ACK"),
        Frame::new("ACK").with("id", "unknown"),
        Frame::new("NACK").with("id", "unknown"),
        Frame::new("BEGIN"),
        Frame::new("COMMIT"),
        Frame::new("COMMIT").with("transaction", "unknown"),
        Frame::new("ABORT").with("transaction", "unknown"),
        Frame::new("send").with("destination", "/topic/a"),
        Frame::new("MESSAGE"),
    ];
    for frame in frames {
        let mut world = World::new();
        let alice = world.connected(ALICE);
        world.frame(alice, frame.clone().with("receipt", "r"));
        assert_eq!(world.closed(alice), Some(1002), "{frame:?}");
        let seen = world.take(alice);
        assert_eq!(seen.len(), 1, "{frame:?}: no RECEIPT");
        let headers = ["message", "content-type", "receipt-id"].map(|name| seen[0].header(name).is_some());
        assert_eq!((seen[0].command.as_str(), headers), ("ERROR", [true; 3]), "{frame:?}");
        assert!(!seen[0].body.is_empty());
    }
}

#[test]
fn a_subscription_id_and_a_transaction_name_are_used_once() {
    let mut world = World::new();
    let alice = world.connected(ALICE);
    world.subscribe(alice, "s", "/topic/a");
    world.subscribe(alice, "s", "/topic/b");
    world.assert_refused(alice, "SUBSCRIBE twice");
    let bob = world.connected(BOB);
    world.frame(bob, Frame::new("BEGIN").with("transaction", "t"));
    world.frame(bob, Frame::new("BEGIN").with("transaction", "t"));
    world.assert_refused(bob, "BEGIN twice");
}

#[test]
fn a_topic_reaches_all_its_subscribers_with_the_users_headers() {
    let mut world = World::new();
    let (alice, bob) = (world.connected(ALICE), world.connected(BOB));
    world.subscribe(bob, "1", "/topic/a");
    world.subscribe(bob, "2", "/topic/a");
    world.subscribe(bob, "3", "/topic/A");
    let send = Frame::new("SEND")
        .with("destination", "/topic/a")
        .with("destination", "/topic/A")
        .with("message-id", "forged")
        .with("receipt", "r")
        .with("k:", " v ")
        .with("k:", "second")
        .body("x");
    world.frame(alice, send);
    let seen = world.take(bob);
    let expected = ["1", "2"].map(|id| {
        Frame::new("MESSAGE")
            .with("subscription", id)
            .with("message-id", format!("m-{id}"))
            .with("destination", "/topic/a")
            .with("k:", " v ")
            .body("x")
    });
    assert_eq!(seen, expected);
}

#[test]
fn after_unsubscribe_nothing_comes_and_others_are_untouched() {
    let mut world = World::new();
    let alice = world.connected(ALICE);
    world.subscribe(alice, "1", "/topic/a");
    world.subscribe(alice, "2", "/topic/a");
    world.frame(alice, Frame::new("UNSUBSCRIBE").with("id", "1"));
    world.send(alice, "/topic/a", "x");
    assert_eq!(world.take(alice)[0].header("subscription"), Some("2"));
    world.assert_silent(alice, "one only");
}

#[test]
fn a_queue_keeps_what_nobody_takes_and_then_takes_turns() {
    let mut world = World::new();
    let (alice, bob) = (world.connected(ALICE), world.connected(BOB));
    for body in ["1", "2"] {
        world.send(alice, "/queue/q", body);
    }
    world.frame(bob, subscribe("/queue/q", "auto"));
    assert_eq!(world.bodies(bob), ["1", "2"]);
    world.frame(alice, subscribe("/queue/q", "auto"));
    for body in ["3", "4", "5", "6"] {
        world.send(bob, "/queue/q", body);
    }
    assert_eq!((world.bodies(alice).len(), world.bodies(bob).len()), (2, 2));
}

#[test]
fn what_was_not_acknowledged_comes_again_in_order() {
    for (mode, again) in [("client", vec![]), ("client-individual", vec!["1", "2"]), ("auto", vec![])] {
        let mut world = World::new();
        let (alice, bob) = (world.connected(ALICE), world.connected(BOB));
        world.frame(bob, subscribe("/queue/q", mode));
        for body in ["1", "2", "3"] {
            world.send(alice, "/queue/q", body);
        }
        if let Some(last) = acks(&world.take(bob)).pop() {
            world.frame(bob, Frame::new("ACK").with("id", last));
        }
        world.apply(Event::Closed { conn: bob });
        world.frame(alice, subscribe("/queue/q", "auto"));
        let seen = world.take(alice);
        assert!(seen.iter().all(|frame| frame.header("redelivered") == Some("true")));
        assert_eq!(
            seen.iter().map(|frame| String::from_utf8_lossy(&frame.body)).collect::<Vec<_>>(),
            again,
            "{mode}"
        );
    }
}

#[test]
fn a_lost_consumer_with_two_subscriptions_does_not_serve_itself() {
    let mut world = World::new();
    let (alice, bob) = (world.connected(ALICE), world.connected(BOB));
    for id in ["a", "b"] {
        world.frame(
            bob,
            Frame::new("SUBSCRIBE").with("id", id).with("destination", "/queue/q").with("ack", "client"),
        );
    }
    for body in ["1", "2", "3"] {
        world.send(alice, "/queue/q", body);
    }
    world.apply(Event::Closed { conn: bob });
    world.frame(alice, subscribe("/queue/q", "auto"));
    assert_eq!(world.bodies(alice), ["1", "2", "3"]);
}

#[test]
fn a_transaction_takes_effect_at_commit_and_as_a_whole() {
    let mut world = World::new();
    let (alice, bob) = (world.connected(ALICE), world.connected(BOB));
    world.subscribe(bob, "s", "/topic/a");
    let inside =
        |body: &str| Frame::new("SEND").with("destination", "/topic/a").with("transaction", "t").body(body);
    let tx = |command: &str| Frame::new(command).with("transaction", "t");
    for (end, expected) in [("COMMIT", vec!["out", "1", "2"]), ("ABORT", vec!["out"])] {
        world.frame(alice, tx("BEGIN"));
        world.frame(alice, inside("1"));
        world.frame(alice, inside("2"));
        world.send(alice, "/topic/a", "out");
        world.frame(alice, tx(end));
        assert_eq!(world.bodies(bob), expected, "{end}");
    }
    world.frame(alice, tx("BEGIN"));
    world.frame(alice, inside("lost"));
    world.apply(Event::Closed { conn: alice });
    world.assert_silent(bob, "aborted with its connection");
}

#[test]
fn an_ack_in_an_aborted_transaction_never_was() {
    let mut world = World::new();
    let (alice, bob) = (world.connected(ALICE), world.connected(BOB));
    world.frame(bob, subscribe("/queue/q", "client"));
    world.send(alice, "/queue/q", "x");
    let ack = acks(&world.take(bob)).remove(0);
    world.frame(bob, Frame::new("BEGIN").with("transaction", "t"));
    world.frame(bob, Frame::new("ACK").with("id", ack).with("transaction", "t"));
    world.frame(bob, Frame::new("ABORT").with("transaction", "t"));
    world.frame(bob, Frame::new("UNSUBSCRIBE").with("id", "s"));
    world.frame(alice, subscribe("/queue/q", "auto"));
    assert_eq!(world.bodies(alice), ["x"]);
}

#[test]
fn older_versions_acknowledge_by_message_id() {
    for (version, subscription) in [("1.0", None), ("1.1", Some("s"))] {
        let mut world = World::new();
        let alice = world.open(ALICE);
        let mut connect = world.connect_frame(ALICE);
        connect.headers.remove("accept-version");
        world.frame(alice, connect.with("accept-version", version));
        let mut subscribe = Frame::new("SUBSCRIBE").with("destination", "/queue/q").with("ack", "client");
        let mut ack = Frame::new("ACK");
        if let Some(id) = subscription {
            subscribe.headers.push("id", id);
            ack.headers.push("subscription", id);
        }
        world.frame(alice, subscribe);
        world.take(alice);
        world.send(alice, "/queue/q", "x");
        let message = world.take(alice).remove(0);
        assert_eq!(message.header("subscription"), subscription);
        let ack = ack.with("message-id", message.header("message-id").expect("always there"));
        world.frame(alice, ack.with("receipt", "r"));
        assert_eq!(world.take(alice)[0].command, "RECEIPT", "{version}");
    }
}
