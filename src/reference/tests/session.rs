//! Who is let in, what a session may do, how it lives and ends.

use super::*;

const ALICE: &str = "user_001";
const BOB: &str = "user_002";

#[test]
fn a_session_is_let_in_by_two_tokens_of_one_user() {
    let mut world = World::new();
    let alice = world.open(ALICE);
    let connect = world.connect_frame(ALICE);
    world.frame(alice, connect);
    let connected = world.take(alice).remove(0);
    for (name, value) in [("version", "1.2"), ("heart-beat", "0,0"), ("session", "s-1"), ("user-name", ALICE)]
    {
        assert_eq!(connected.header(name), Some(value));
    }
}

#[test]
fn anything_else_is_unauthorized_and_the_refusal_says_no_more() {
    let expired = Directory::demo(2).user(ALICE).and_then(|user| user.expired.clone());
    let token = World::new().token(ALICE);
    let cases = [
        None,
        Some(String::new()),
        Some(token.clone()),
        Some(format!("Basic {token}")),
        Some(format!("bearer {token}")),
        Some(format!("Bearer  {token}")),
        Some(format!("Bearer {}", &token[1..])),
        Some(format!("Bearer {}", expired.expect("a demo user"))),
        Some(format!("Bearer {}", World::new().token(BOB))),
    ];
    for header in cases {
        let mut world = World::new();
        let alice = world.open(ALICE);
        let mut connect = Frame::new("CONNECT").with("accept-version", "1.2");
        if let Some(value) = &header {
            connect.headers.push("Authorization", value);
        }
        world.frame(alice, connect);
        assert_eq!(world.closed(alice), Some(1002), "{header:?}");
        let error = world.take(alice).remove(0);
        assert_eq!(error.header("message"), Some("Unauthorized"), "{header:?}");
        assert_eq!(error.body, b"Unauthorized", "{header:?}");
    }
}

#[test]
fn what_comes_behind_a_refusal_has_no_effect() {
    let mut world = World::new();
    let (bob, alice) = (world.online(BOB), world.open(ALICE));
    world.frame(alice, Frame::new("CONNECT").with("accept-version", "1.2"));
    world.assert_refused(alice, "no token");
    world.chat(alice, "m1", BOB, "behind the door");
    let connect = world.connect_frame(ALICE);
    world.frame(alice, connect);
    assert_eq!(world.take(alice), []);
    world.assert_silent(bob, "nothing came");
}

#[test]
fn nothing_is_done_before_connect() {
    for frame in [
        Frame::new("SEND")
            .with("destination", "/app/chat.send")
            .body(chat_body("m", BOB, "early").to_string()),
        Frame::new("SUBSCRIBE").with("id", "s").with("destination", "/user/queue/messages"),
        Frame::new("DISCONNECT"),
        Frame::new("BEGIN").with("transaction", "t"),
        Frame::new("FOO"),
    ] {
        let mut world = World::new();
        let (bob, alice) = (world.online(BOB), world.open(ALICE));
        world.frame(alice, frame.clone());
        world.assert_refused(alice, &frame.command);
        world.assert_silent(bob, &frame.command);
    }
}

#[test]
fn the_highest_common_version_is_spoken() {
    let cases = [
        (Some("1.2"), Some("1.2")),
        (Some("1.0,1.1,1.2"), Some("1.2")),
        (Some("1.2,1.0"), Some("1.2")),
        (Some("1.1,9.9"), Some("1.1")),
        (None, Some("1.0")),
        (Some("9.9"), None),
        (Some(""), None),
    ];
    for (offered, spoken) in cases {
        let mut world = World::new();
        let alice = world.open(ALICE);
        let mut connect = world.connect_frame(ALICE);
        connect.command = "STOMP".to_owned();
        connect.headers.remove("accept-version");
        if let Some(offered) = offered {
            connect.headers.push("accept-version", offered);
        }
        world.frame(alice, connect);
        let answer = world.take(alice).remove(0);
        assert_eq!(answer.header("version"), Some(spoken.unwrap_or("1.0,1.1,1.2")), "{offered:?}");
        assert_eq!(answer.command, if spoken.is_some() { "CONNECTED" } else { "ERROR" }, "{offered:?}");
    }
}

#[test]
fn a_second_connect_ends_the_session() {
    let mut world = World::new();
    let alice = world.connected(ALICE);
    let connect = world.connect_frame(ALICE);
    world.frame(alice, connect);
    world.assert_refused(alice, "CONNECT twice");
}

#[test]
fn nobody_reads_or_writes_what_is_anothers() {
    for destination in [
        "/user/user_002/queue/messages",
        "/user/*/queue/messages",
        "/queue/messages",
        "/queue/messages-user*",
        "/queue/messages/x",
        "/queue/*",
        "/queue/**",
        "/topic/*",
        "/**",
        "/topic/group/group_blue/..",
        "/elsewhere",
        "",
    ] {
        let mut world = World::new();
        let alice = world.connected(ALICE);
        world.subscribe(alice, "s", destination);
        world.assert_refused(alice, destination);
    }
    for destination in [
        "/user/user_002/queue/messages",
        "/user/queue/messages",
        "/queue/messages",
        "/topic/group/group_red",
        "/x",
    ] {
        let mut world = World::new();
        let (alice, bob) = (world.connected(ALICE), world.online(BOB));
        world.subscribe(bob, "g", "/topic/group/group_red");
        world.send(alice, destination, "forged");
        world.assert_refused(alice, destination);
        world.assert_silent(bob, destination);
    }
}

#[test]
fn a_fault_ends_the_session_and_is_not_repeated_to_it() {
    let mut world = World::new();
    let alice = world.connected(ALICE);
    let fault = Fault { kind: FaultKind::NoColon, at: 7, found: "a secret".to_owned() };
    world.apply(Event::Fault { conn: alice, fault });
    assert_eq!(world.closed(alice), Some(1002));
    let error = world.take(alice).remove(0);
    assert_eq!(String::from_utf8_lossy(&error.body), "At octet 7: see STOMP12-FRAME-08.");
}

#[test]
fn beats_are_sent_when_nothing_else_was_and_silence_ends_the_session() {
    let mut world = World::new();
    let alice = world.open(ALICE);
    let connect = world.connect_frame(ALICE).with("heart-beat", "2000,1000");
    world.frame(alice, connect);
    assert_eq!(world.take(alice)[0].header("heart-beat"), Some("500,500"));
    assert_eq!(world.core.next_wake(), Some(Duration::from_secs(1)));
    let mut beats = 0;
    for ms in (100..=3_900).step_by(100) {
        world.now = Duration::from_millis(ms);
        world.apply(Event::Tick);
        beats += world.seen.iter().filter(|effect| effect.act == Act::Beat).count();
        world.seen.clear();
    }
    assert_eq!(beats, 3);
    world.apply(Event::Data { conn: alice });
    world.now = Duration::from_millis(7_899);
    world.apply(Event::Tick);
    assert_eq!(world.closed(alice), None, "heard at 3.9 s, agreed on 2 s, given twice that");
    world.now = Duration::from_millis(7_900);
    world.apply(Event::Tick);
    world.assert_refused(alice, "silent");
}

#[test]
fn without_heart_beats_an_idle_session_lives() {
    let mut world = World::new();
    let alice = world.connected(ALICE);
    world.now = Duration::from_secs(100_000);
    world.apply(Event::Tick);
    assert_eq!(world.core.next_wake(), None);
    world.assert_silent(alice, "idle");
}
