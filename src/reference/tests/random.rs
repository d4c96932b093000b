//! Whatever comes in whatever order: the core lives, repeats itself, and is silent to those who are gone.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const USERS: [&str; 3] = ["user_001", "user_002", "user_040"];
const DESTINATIONS: [&str; 8] = [
    "/user/queue/messages",
    "/topic/group/group_red",
    "/topic/a",
    "/queue/q",
    "/app/chat.send",
    "/app/chat.revoke",
    "/app/chat.sync",
    "/queue/messages",
];
const WORDS: [&str; 5] = ["s", "t", "m-1", "client", "client-individual"];

/// One step of a session: who, what, and three words to fill the frame with.
type Step = (usize, usize, usize, usize, usize);

fn frame(world: &World, user: usize, (_, command, destination, word, other): Step) -> Frame {
    let commands = crate::stomp::CLIENT_COMMANDS;
    let command = commands[command % commands.len()];
    if matches!(command, "CONNECT" | "STOMP") {
        return world.connect_frame(USERS[user]).with("heart-beat", "1000,1000");
    }
    let (destination, word, other) = (
        DESTINATIONS[destination % DESTINATIONS.len()],
        WORDS[word % WORDS.len()],
        WORDS[other % WORDS.len()],
    );
    let frame = Frame::new(command).with("destination", destination).with("id", word).with("receipt", other);
    let frame = if other.starts_with("client") { frame.with("ack", other) } else { frame };
    let frame = if other == "t" || word == "t" { frame.with("transaction", "t") } else { frame };
    frame.body(if command == "SEND" {
        chat_body(word, USERS[user], other).to_string()
    } else {
        String::new()
    })
}

fn play(steps: &[Step]) -> Vec<Effect> {
    let mut world = World::new();
    let mut conns: Vec<ConnId> = USERS.iter().chain(&USERS).map(|user| world.open(user)).collect();
    let mut all = Vec::new();
    let mut gone = BTreeSet::new();
    for (n, step) in steps.iter().enumerate() {
        world.now = Duration::from_millis(n as u64 * 100);
        let at = step.0 % conns.len();
        match step.1 {
            0..20 => {
                let frame = frame(&world, at % USERS.len(), *step);
                world.frame(conns[at], frame);
            }
            20 => {
                world.apply(Event::Closed { conn: conns[at] });
                gone.insert(conns[at]);
            }
            _ => world.apply(Event::Tick),
        }
        for effect in std::mem::take(&mut world.seen) {
            assert!(!gone.contains(&effect.to), "{effect:?} to a connection that is gone");
            if matches!(effect.act, Act::Close { .. }) {
                gone.insert(effect.to);
            }
            all.push(effect);
        }
        if gone.contains(&conns[at]) {
            conns[at] = world.open(USERS[at % USERS.len()]);
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_session_can_be_played_twice_and_nothing_follows_a_close(
        steps in prop::collection::vec((0_usize..6, 0_usize..22, 0_usize..8, 0_usize..5, 0_usize..5), 0..200)
    ) {
        prop_assert_eq!(play(&steps), play(&steps));
    }
}
