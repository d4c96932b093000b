//! Defects: each answers one question differently, and the rest of the server goes on.

use super::*;
use crate::stomp::Version;

const ALICE: &str = "user_001";
const BOB: &str = "user_002";
const EVE: &str = "user_040";

#[test]
fn every_defective_server_still_lets_a_correct_client_chat() {
    for defect in crate::reference::defects::all() {
        let mut world = World::with(defect.policy());
        let (alice, bob) = (world.online(ALICE), world.online(BOB));
        world.chat(alice, "m1", BOB, "hi");
        assert_eq!(world.messages(bob).len(), 1, "{}", defect.name);
    }
}

#[test]
fn each_defect_shows_where_it_should() {
    let mut world = World::broken("echoes-foreign-fromid");
    let (eve, bob) = (world.online(EVE), world.online(BOB));
    let mut body = chat_body("m1", BOB, "forged");
    body["fromId"] = ALICE.into();
    world.send(eve, "/app/chat.send", body.to_string());
    assert_eq!(world.messages(bob)[0]["fromId"], ALICE);

    let mut world = World::broken("revoke-by-anyone");
    let (alice, bob) = (world.online(ALICE), world.online(BOB));
    world.chat(alice, "m1", BOB, "x");
    world.revoke(bob, "m1");
    assert_eq!(world.messages(bob).len(), 2);

    for (defect, destination) in [
        ("eavesdrop-other-user", "/user/user_002/queue/messages"),
        ("eavesdrop-everybody", "/queue/messages"),
        ("eavesdrop-everybody", "/**"),
    ] {
        let mut world = World::broken(defect);
        let (alice, bob, eve) = (world.online(ALICE), world.online(BOB), world.online(EVE));
        world.subscribe(eve, "spy", destination);
        world.chat(alice, "m1", BOB, "secret");
        assert_eq!((world.messages(eve).len(), world.messages(bob).len()), (1, 1), "{defect} {destination}");
    }

    for (destination, subscribed) in [
        ("/user/user_002/queue/messages", "/user/queue/messages"),
        ("/topic/group/group_red", "/topic/group/group_red"),
    ] {
        let mut world = World::broken("forge-direct-send");
        let (bob, eve) = (world.connected(BOB), world.connected(EVE));
        world.subscribe(bob, "s", subscribed);
        world.send(eve, destination, "forged");
        assert_eq!(world.bodies(bob), ["forged"], "{destination}");
    }

    let mut world = World::broken("error-without-close");
    let alice = world.connected(ALICE);
    world.frame(alice, Frame::new("SEND"));
    assert_eq!((world.closed(alice), world.take(alice).len()), (None, 1));

    let mut world = World::broken("before-connect-accepted");
    let (bob, early) = (world.online(BOB), world.open(ALICE));
    world.chat(early, "m1", BOB, "early");
    assert_eq!(world.messages(bob).len(), 1);
}

/// Defects that show only at the upgrade or on the wire; the tests of the shell, or the suites about them, have them.
const OUTSIDE_THE_CORE: [&str; 49] = [
    "foreign-origin-refused",
    "unoffered-subprotocol",
    "wrong-accept-key",
    "any-websocket-version",
    "websocket-version-unnamed",
    "tokens-compared-whole",
    "first-line-only",
    "key-not-needed",
    "extensions-echoed",
    "no-pong",
    "empty-pong",
    "unmasked-accepted",
    "reserved-bits-ignored",
    "long-control-accepted",
    "fragments-mixed-up",
    "bad-text-dropped",
    "bad-close-ignored",
    "control-breaks-fragments",
    "empty-fragment-refused",
    "ends-without-handshake",
    "close-unanswered",
    "frames-behind-close-read",
    "beat-behind-close",
    "beats-by-ping",
    "masked-server-frames",
    "first-frame-only",
    "split-frame-lost",
    "sockjs-no-open-frame",
    "sockjs-one-string",
    "sockjs-unescaped",
    "sockjs-close-without-reason",
    "sockjs-any-session-id",
    "sockjs-server-id-counts",
    "sockjs-unknown-session-accepted",
    "sockjs-session-lives-on",
    "sockjs-two-receivers",
    "sockjs-close-forgotten",
    "sockjs-interruption-ignored",
    "xhr-without-line-end",
    "xhr-streaming-without-prelude",
    "xhr-streaming-never-ends",
    "event-stream-as-text",
    "sockjs-broken-json-ignored",
    "cors-headers-not-allowed",
    "sockjs-negotiates-subprotocol",
    "sockjs-greets-everywhere",
    // What is written and read on another version than 1.2.
    "escapes-in-1.0",
    "cr-escaped-in-1.1",
    "cr-escape-read-in-1.1",
];

#[test]
fn every_defect_is_seen_in_a_session_that_touches_everything() {
    let octets = |policy: Policy| {
        let mut world = World::with(policy);
        touch_everything(&mut world);
        let octets = world.seen.into_iter().map(|effect| match effect.act {
            Act::Send(frame) => (effect.to, policy.encode(&frame, Version::V12)),
            other => (effect.to, format!("{other:?}").into_bytes()),
        });
        octets.collect::<Vec<_>>()
    };
    let correct = octets(Policy::default());
    for defect in crate::reference::defects::all() {
        let differs = octets(defect.policy()) != correct;
        assert_eq!(differs, !OUTSIDE_THE_CORE.contains(&defect.name), "{}", defect.name);
    }
}

fn touch_everything(world: &mut World) {
    knock(world);
    chat_and_revoke(world);
    intrude(world);
    plain_broker(world);
    odd_messages(world);
    acknowledge(world);
    older_version(world);
}

/// All that can go wrong with CONNECT, and heart-beats.
fn knock(world: &mut World) {
    let connect = world.connect_frame(ALICE);
    let expired = world.directory.user(ALICE).and_then(|user| user.expired.clone());
    let bearer = |token: &str| {
        Frame::new("CONNECT").with("accept-version", "1.2").with("Authorization", format!("Bearer {token}"))
    };
    let without = Frame::new("CONNECT").with("accept-version", "1.2");
    for frame in
        [without, bearer(&expired.unwrap_or_default()), bearer(&world.token(BOB)), bearer("tampered")]
    {
        let conn = world.open(ALICE);
        world.frame(conn, frame);
    }
    for versions in ["9.9", "1.1,1.2"] {
        let conn = world.open(ALICE);
        let mut frame = connect.clone();
        frame.headers.remove("accept-version");
        world.frame(conn, frame.with("accept-version", versions).with("heart-beat", "1000,1000"));
    }
    world.conns += 1;
    let conn = ConnId(world.conns);
    world.apply(Event::Opened { conn, user: None });
    world.frame(conn, connect);
    let early = world.open(ALICE);
    world.subscribe(early, "s", "/topic/a");
    for ms in [600, 1_100] {
        world.now = Duration::from_millis(ms);
        world.apply(Event::Tick);
    }
}

fn chat_and_revoke(world: &mut World) {
    let (alice, bob, laptop) = (world.online(ALICE), world.online(BOB), world.online(BOB));
    world.chat(alice, "m1", BOB, " ä ");
    world.chat(bob, "m1", ALICE, "the same id");
    world.revoke(laptop, "m1");
    world.chat(alice, "m2", BOB, "x");
    for conn in [bob, alice, alice] {
        world.revoke(conn, "m2");
    }
    world.subscribe(bob, "g", "/topic/group/group_red");
    world.chat(alice, "m3", "group_red", "all");
    world.revoke(alice, "m3");
    let mut body = chat_body("m4", BOB, "forged");
    body["fromId"] = EVE.into();
    world.send(alice, "/app/chat.send", body.to_string());
    body["appId"] = "other".into();
    world.send(alice, "/app/chat.send", body.to_string().replace("m4", "m5"));
    for id in ["o1", "o2", "o3"] {
        world.chat(alice, id, "user_003", id);
    }
    world.revoke(alice, "o2");
    world.now += Duration::from_secs(5);
    let carol = world.online("user_003");
    world.sync(carol);
}

fn intrude(world: &mut World) {
    let bob = world.online(BOB);
    world.subscribe(bob, "g", "/topic/group/group_red");
    for destination in ["/user/user_002/queue/messages", "/queue/messages", "/topic/group/group_red"] {
        let eve = world.online(EVE);
        world.subscribe(eve, "spy", destination);
        world.chat(bob, destination, BOB, "secret");
        let eve = world.online(EVE);
        world.send(eve, destination, "forged");
    }
    let eve = world.online(EVE);
    world.chat(eve, "posted", "group_red", "intruding");
}

fn plain_broker(world: &mut World) {
    let (alice, bob) = (world.connected(ALICE), world.connected(BOB));
    world.frame(
        bob,
        Frame::new("SUBSCRIBE")
            .with("id", "q")
            .with("destination", "/queue/q")
            .with("ack", "client-individual"),
    );
    for body in ["1", "2"] {
        world.send(alice, "/queue/q", body);
    }
    let last = world.seen.iter().rev().find_map(|effect| match &effect.act {
        Act::Send(frame) => frame.header("ack").map(str::to_owned),
        _ => None,
    });
    world.frame(bob, Frame::new("ACK").with("id", last.unwrap_or_default()).with("receipt", "r:1"));
    world.frame(bob, Frame::new("UNSUBSCRIBE").with("id", "q"));
    world.subscribe(alice, "again", "/queue/q");
    world.frame(alice, Frame::new("BEGIN").with("transaction", "t"));
    world.frame(alice, Frame::new("SEND").with("destination", "/queue/q").with("transaction", "t"));
}

/// Messages with more headers, longer bodies and other types than usual, and frames that are refused.
fn odd_messages(world: &mut World) {
    let (alice, bob) = (world.connected(ALICE), world.connected(BOB));
    for destination in ["/topic/a", "/topic/b"] {
        world.subscribe(bob, destination, destination);
    }
    let text = |body: &str| Frame::new("SEND").with("destination", "/topic/a").body(body);
    let many = (0..20).fold(text("many"), |frame, n| frame.with(format!("h-{n}"), "v"));
    world.frame(alice, many);
    world.frame(alice, text("ä").with("content-type", "text/plain"));
    world.frame(alice, text("typed").with("content-type", "text/plain;charset=utf-8"));
    world.frame(alice, text(&"x".repeat(70_000)));
    world.frame(alice, text("which").with("destination", "/topic/b"));
    world.frame(bob, Frame::new("UNSUBSCRIBE"));
    world.frame(alice, Frame::new("SEND").with("receipt", "r:2"));
}

/// Every way to acknowledge, on a queue whose messages come again.
fn acknowledge(world: &mut World) {
    let alice = world.connected(ALICE);
    for (queue, mode) in [("/queue/default", None), ("/queue/one", Some("client-individual"))] {
        for answer in ["ACK", "NACK", "nameless"] {
            let bob = world.connected(BOB);
            let mut subscribe = Frame::new("SUBSCRIBE").with("id", "s").with("destination", queue);
            subscribe.headers = subscribe.headers.iter().chain(mode.map(|mode| ("ack", mode))).collect();
            world.frame(bob, subscribe);
            for body in ["1", "2"] {
                world.frame(alice, Frame::new("SEND").with("destination", queue).with("k", "v").body(body));
            }
            let last = world.take(bob).pop().and_then(|frame| frame.header("ack").map(str::to_owned));
            match answer {
                "nameless" => world.frame(bob, Frame::new("ACK")),
                _ => world.frame(bob, Frame::new(answer).with("id", last.unwrap_or_default())),
            }
            world.apply(Event::Closed { conn: bob });
        }
        let carol = world.connected("user_003");
        world.subscribe(carol, "again", queue);
    }
}

/// A session in 1.0: subscriptions without an id, and what ends and acknowledges there.
fn older_version(world: &mut World) {
    let alice = world.connected(ALICE);
    let bob = world.open(BOB);
    let mut connect = world.connect_frame(BOB);
    connect.headers.remove("accept-version");
    world.frame(bob, connect);
    world.frame(bob, Frame::new("SUBSCRIBE").with("destination", "/queue/old").with("ack", "client"));
    world.frame(alice, Frame::new("SEND").with("destination", "/queue/old").body("old"));
    let id = world.seen.iter().rev().find_map(|effect| match &effect.act {
        Act::Send(frame) => frame.header("message-id").map(str::to_owned),
        _ => None,
    });
    world.frame(bob, Frame::new("ACK").with("message-id", id.unwrap_or_default()));
    world.frame(bob, Frame::new("UNSUBSCRIBE").with("destination", "/queue/old"));
    let beating = world.open(ALICE);
    let connect = world.connect_frame(ALICE).with("heart-beat", "1000,1000");
    world.frame(beating, connect);
    for ms in [1_000, 1_000, 1_000, 1_000] {
        world.now += Duration::from_millis(ms);
        world.apply(Event::Tick);
    }
}
