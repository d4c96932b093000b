//! Defects of the driver: where it does not keep to docs/drivers.md.

use serde_json::json;

use super::prelude::*;

/// Whether a line is the first, which says what can be done.
fn is_hello(line: &Value) -> bool {
    line.get("hello").is_some()
}

/// A line, unless it is this event.
fn without(line: Value, event: &str) -> Vec<Value> {
    if line.get("event").and_then(Value::as_str) == Some(event) { Vec::new() } else { vec![line] }
}

defects! {
    hard: false;

    "hello-of-nobody" HelloOfNobody breaks ["DRIVER-01"],
    "The first line does not say what it can." {
        fn tells(&self, line: Value) -> Vec<Value> { vec![if is_hello(&line) { json!({ "hello": 1 }) } else { line }] }
    }

    "banner-first" BannerFirst breaks ["DRIVER-01", "DRIVER-02", "DRIVER-13"],
    "A banner comes before the first line." {
        fn tells(&self, line: Value) -> Vec<Value> {
            if is_hello(&line) { vec!["a client, version 1".into(), line] } else { vec![line] }
        }
    }

    "hello-when-connected" HelloWhenConnected breaks ["DRIVER-02"],
    "What it can is told once the server has answered." {
        fn greets_first(&self) -> bool { false }
    }

    "prints-besides" PrintsBesides breaks ["DRIVER-13"],
    "Beside the events it prints what it thinks." {
        fn tells(&self, line: Value) -> Vec<Value> {
            if is_hello(&line) { vec![line] } else { vec![line, "that was one more line".into()] }
        }
    }

    "connected-not-told" ConnectedNotTold breaks ["DRIVER-04"],
    "That it is connected is not told." {
        fn tells(&self, line: Value) -> Vec<Value> { without(line, "connected") }
    }

    "closed-not-told" ClosedNotTold breaks ["DRIVER-10", "DRIVER-11"],
    "The end of a connection is not told." {
        fn tells(&self, line: Value) -> Vec<Value> { without(line, "closed") }
    }

    "receipt-not-told" ReceiptNotTold breaks ["DRIVER-12", "IM-CLIENT-07"],
    "A RECEIPT is not told." {
        fn tells(&self, line: Value) -> Vec<Value> { without(line, "receipt") }
    }

    "headers-not-told" HeadersNotTold breaks ["DRIVER-12"],
    "A message is told without its headers." {
        fn tells(&self, mut line: Value) -> Vec<Value> {
            line.as_object_mut().map(|members| members.remove("headers"));
            vec![line]
        }
    }

    "dies-at-bad-command" DiesAtBadCommand breaks ["DRIVER-08"],
    "A line that is no command ends the program." {
        fn survives(&self, trouble: Trouble) -> bool { trouble != Trouble::BadCommand }
    }

    "exits-with-failure" ExitsWithFailure breaks ["DRIVER-09"],
    "Told to quit it exits with 1." {
        fn exit_status(&self) -> u8 { 1 }
    }

    "heart-beat-not-heeded" HeartBeatNotHeeded breaks ["DRIVER-12"],
    "It offers a heart-beat of its own, whatever it is given." {
        fn said(&self, mut frame: Frame, version: Version) -> Vec<Frame> {
            if frame.command == "CONNECT" {
                frame.headers.remove("heart-beat");
                frame.headers.push("heart-beat", "10000,10000");
            }
            vec![frame]
        }
    }

    "group-not-in-the-topic" GroupNotInTheTopic breaks ["DRIVER-06"],
    "A group is subscribed to by its bare name." {
        fn said(&self, mut frame: Frame, version: Version) -> Vec<Frame> {
            let bare = frame.header("destination").and_then(|to| to.strip_prefix("/topic/group/")).map(str::to_owned);
            if let Some(bare) = bare {
                frame.headers.remove("destination");
                frame.headers.push("destination", bare);
            }
            vec![frame]
        }
    }
}
