//! The application: sending, groups, revoking, offline messages.

use super::*;

const ALICE: &str = "user_001";
const BOB: &str = "user_002";
const CAROL: &str = "user_003";
/// In neither group.
const EVE: &str = "user_040";

fn contents(messages: &[Value]) -> Vec<&str> {
    messages.iter().filter_map(|message| message["content"].as_str()).collect()
}

#[test]
fn a_message_reaches_every_session_of_its_recipient_and_nobody_else() {
    let mut world = World::new();
    let (alice, carol) = (world.online(ALICE), world.online(CAROL));
    let (phone, laptop) = (world.online(BOB), world.online(BOB));
    world.now = Duration::from_millis(1_500);
    world.chat(alice, "m1", BOB, "hi");
    let expected = json!({
        "id": "m1", "fromId": ALICE, "toId": BOB, "chatType": "SINGLE", "msgType": "TEXT",
        "content": "hi", "status": "SENT", "createdAt": ANCHOR + 1_500,
    });
    assert_eq!(world.messages(phone), std::slice::from_ref(&expected));
    assert_eq!(world.messages(laptop), [expected]);
    world.assert_silent(carol, "a third user");
    world.assert_silent(alice, "no echo");
}

#[test]
fn a_message_says_where_it_is_delivered() {
    let mut world = World::new();
    let (alice, bob) = (world.online(ALICE), world.online(BOB));
    world.chat(alice, "m1", BOB, "hi");
    let frame = world.take(bob).remove(0);
    for (name, value) in [
        ("subscription", "personal"),
        ("destination", "/user/queue/messages"),
        ("content-type", "application/json"),
        ("message-id", "m-1"),
    ] {
        assert_eq!(frame.header(name), Some(value));
    }
}

#[test]
fn content_arrives_as_it_was_sent() {
    let mut world = World::new();
    let (alice, bob) = (world.online(ALICE), world.online(BOB));
    let long = "x".repeat(32 * 1024);
    for content in ["\0", " a\r\n\t", "😀e\u{301}\u{202e}", "\"\\/<b>&", "", &long] {
        world.chat(alice, &format!("{}-{}", content.len(), content.escape_debug()), BOB, content);
        assert_eq!(contents(&world.messages(bob)), [content]);
    }
}

#[test]
fn the_sender_is_who_logged_in_and_extra_members_are_dropped() {
    let mut world = World::new();
    let (alice, bob) = (world.online(ALICE), world.online(BOB));
    let mut body = chat_body("m1", BOB, "hi");
    body["fromId"] = CAROL.into();
    body["extra"] = 1.into();
    world.send(alice, "/app/chat.send", body.to_string());
    let message = world.messages(bob).remove(0);
    assert_eq!(message["fromId"], ALICE);
    assert!(message.get("extra").is_none());
}

#[test]
fn what_is_no_request_is_met_with_silence_and_the_connection_lives() {
    let mut world = World::new();
    let (alice, bob) = (world.online(ALICE), world.online(BOB));
    let without = |member: &str| {
        let mut body = chat_body("m1", BOB, "hi");
        body.as_object_mut().map(|members| members.remove(member));
        body.to_string()
    };
    let with = |member: &str, value: Value| {
        let mut body = chat_body("m1", BOB, "hi");
        body[member] = value;
        body.to_string()
    };
    let mut bodies: Vec<String> =
        ["", "no json", "null", "7", "[]", "{}", "{", "\u{feff}{}"].map(str::to_owned).into();
    bodies.push(r#"["demo","m1","user_002","SINGLE","TEXT","hi"]"#.to_owned());
    for member in ["appId", "messageId", "toId", "chatType", "msgType", "content"] {
        bodies.extend([without(member), with(member, 7.into()), with(member, Value::Null)]);
    }
    for (member, value) in
        [("toId", ""), ("toId", "nobody"), ("chatType", "single"), ("chatType", "X"), ("appId", "other")]
    {
        bodies.push(with(member, value.into()));
    }
    for body in bodies {
        world.send(alice, "/app/chat.send", body.clone());
        world.assert_silent(alice, &body);
        world.assert_silent(bob, &body);
    }
    world.send(alice, "/app/unknown", "{}");
    world.send(alice, "/app/chat.send", chat_body("m1", BOB, "at last").to_string() + "\n");
    assert_eq!(contents(&world.messages(bob)), ["at last"]);
}

#[test]
fn the_same_id_is_delivered_once_for_each_sender() {
    let mut world = World::new();
    let (alice, bob, carol) = (world.online(ALICE), world.online(BOB), world.online(CAROL));
    world.chat(alice, "same", BOB, "first");
    world.chat(alice, "same", BOB, "again");
    world.chat(carol, "same", BOB, "carol's");
    assert_eq!(contents(&world.messages(bob)), ["first", "carol's"]);
}

#[test]
fn a_message_to_oneself_is_delivered() {
    let mut world = World::new();
    let alice = world.online(ALICE);
    world.chat(alice, "m1", ALICE, "note");
    assert_eq!(contents(&world.messages(alice)), ["note"]);
}

#[test]
fn a_group_message_reaches_its_subscribed_members_sender_included() {
    let mut world = World::new();
    let (alice, bob, carol) = (world.online(ALICE), world.online(BOB), world.online(CAROL));
    world.subscribe(alice, "g", "/topic/group/group_red");
    world.subscribe(bob, "g", "/topic/group/group_red");
    world.subscribe(carol, "g", "/topic/group/group_blue");
    world.chat(alice, "m1", "group_red", "all");
    let seen = world.messages(bob);
    assert_eq!(seen, world.messages(alice));
    assert_eq!(
        (&seen[0]["toId"], &seen[0]["chatType"], &seen[0]["fromId"]),
        (&json!("group_red"), &json!("GROUP"), &json!(ALICE))
    );
    world.assert_silent(carol, "the other group");
}

#[test]
fn only_members_post_and_listen() {
    let mut world = World::new();
    let (bob, eve) = (world.online(BOB), world.online(EVE));
    world.subscribe(bob, "g", "/topic/group/group_red");
    world.chat(eve, "m1", "group_red", "intruding");
    world.assert_silent(bob, "no member");
    world.assert_silent(eve, "no member");
    for id in [
        "group_red",
        "nowhere",
        "*",
        "**",
        "group_red/../group_blue",
        "group%5Fred",
        "",
        " group_red",
        "group_red/",
    ] {
        let eve = world.online(EVE);
        world.subscribe(eve, "g", &format!("/topic/group/{id}"));
        world.assert_refused(eve, id);
    }
}

#[test]
fn recipient_is_told_when_a_message_is_revoked() {
    let mut world = World::new();
    let (alice, tablet, bob) = (world.online(ALICE), world.online(ALICE), world.online(BOB));
    world.chat(alice, "m1", BOB, "slip");
    world.now = Duration::from_secs(9);
    world.take(bob);
    world.revoke(alice, "m1");
    world.revoke(alice, "m1");
    let notice = json!({
        "id": "m1", "fromId": ALICE, "toId": BOB, "chatType": "SINGLE", "msgType": "TEXT",
        "content": "", "status": "REVOKED", "createdAt": ANCHOR,
    });
    assert_eq!(world.messages(bob), std::slice::from_ref(&notice), "once");
    assert_eq!(world.messages(tablet), [notice], "the sender's other session");
    world.assert_silent(alice, "the revoking session");
}

#[test]
fn nobody_but_the_sender_revokes() {
    let mut world = World::new();
    let (alice, bob, carol) = (world.online(ALICE), world.online(BOB), world.online(CAROL));
    world.chat(alice, "m1", BOB, "stays");
    world.take(bob);
    for conn in [bob, carol] {
        world.revoke(conn, "m1");
    }
    world.revoke(alice, "unknown");
    world.send(alice, "/app/chat.revoke", r#"{"appId":"other","messageId":"m1"}"#);
    for conn in [alice, bob, carol] {
        world.assert_silent(conn, "nothing happened");
    }
}

#[test]
fn a_group_is_told_of_a_revocation() {
    let mut world = World::new();
    let (alice, bob) = (world.online(ALICE), world.online(BOB));
    world.subscribe(bob, "g", "/topic/group/group_red");
    world.chat(alice, "m1", "group_red", "slip");
    world.revoke(alice, "m1");
    assert_eq!(
        world.messages(bob).iter().map(|m| m["status"].clone()).collect::<Vec<_>>(),
        ["SENT", "REVOKED"]
    );
}

#[test]
fn stored_messages_come_with_a_sync_once_and_as_they_were_sent() {
    let mut world = World::new();
    let alice = world.online(ALICE);
    for (n, content) in ["one", "two", "three"].into_iter().enumerate() {
        world.now = Duration::from_secs(n as u64);
        world.chat(alice, content, BOB, content);
    }
    world.now = Duration::from_secs(60);
    let (bob, laptop) = (world.online(BOB), world.online(BOB));
    world.assert_silent(bob, "no push on SUBSCRIBE");
    world.send(bob, "/app/chat.sync", r#"{"appId":"other"}"#);
    world.assert_silent(bob, "a foreign app");
    world.sync(bob);
    let seen = world.messages(bob);
    assert_eq!(contents(&seen), ["one", "two", "three"]);
    assert_eq!(seen[1]["createdAt"], ANCHOR + 1_000);
    world.assert_silent(laptop, "another session");
    world.sync(laptop);
    world.assert_silent(laptop, "delivered already");
}

#[test]
fn connected_without_a_subscription_is_not_lost() {
    let mut world = World::new();
    let (alice, bob) = (world.online(ALICE), world.connected(BOB));
    world.chat(alice, "m1", BOB, "kept");
    world.sync(bob);
    world.assert_silent(bob, "it could not be shown");
    world.subscribe(bob, "s", "/user/queue/messages");
    world.sync(bob);
    assert_eq!(contents(&world.messages(bob)), ["kept"]);
}

#[test]
fn a_message_revoked_while_its_recipient_is_away_is_never_delivered() {
    let mut world = World::new();
    let alice = world.online(ALICE);
    world.chat(alice, "m1", BOB, "slip");
    world.chat(alice, "m2", BOB, "stays");
    world.revoke(alice, "m1");
    let bob = world.online(BOB);
    world.sync(bob);
    assert_eq!(contents(&world.messages(bob)), ["stays"]);
}
