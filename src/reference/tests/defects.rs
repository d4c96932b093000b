//! Defects: each answers one question differently, and the rest of the server goes on.

use super::*;

const ALICE: &str = "user_001";
const BOB: &str = "user_002";
const EVE: &str = "user_040";

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
