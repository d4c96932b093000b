//! Defects in what the user sees.

use super::prelude::*;

/// Whether a line is this event.
fn is(line: &Value, event: &str) -> bool {
    line.get("event").and_then(Value::as_str) == Some(event)
}

/// A line of `message` with its content made another.
fn content(mut line: Value, change: impl Fn(&str) -> String) -> Vec<Value> {
    if let Some(text) = line.get("content").and_then(Value::as_str).map(change) {
        line["content"] = text.into();
    }
    vec![line]
}

defects! {
    hard: false;

    "shows-nothing" ShowsNothing breaks ["IM-CLIENT-07", "DRIVER-07"],
    "Messages are not shown." {
        fn shows(&self, body: &Map<String, Value>, seen: bool) -> bool { false }
    }

    "shows-again" ShowsAgain breaks ["IM-CLIENT-09", "IM-CLIENT-07"],
    "A message that comes again is shown again." {
        fn shows(&self, body: &Map<String, Value>, seen: bool) -> bool { true }
    }

    "dies-at-unknown-type" DiesAtUnknownType breaks ["IM-CLIENT-12"],
    "A message of a type that is not known ends the program." {
        fn survives(&self, trouble: Trouble) -> bool { trouble != Trouble::UnknownType }
    }

    "dies-at-bad-body" DiesAtBadBody breaks ["IM-CLIENT-12"],
    "A body that is no message ends the program." {
        fn survives(&self, trouble: Trouble) -> bool { trouble != Trouble::BadBody }
    }

    "content-trimmed" ContentTrimmed breaks ["IM-CLIENT-07"],
    "Content is trimmed before it is shown." {
        fn tells(&self, line: Value) -> Vec<Value> { content(line, |text| text.trim().to_owned()) }
    }

    "content-in-one-plane" ContentInOnePlane breaks ["STOMP12-CTYPE-07", "IM-CLIENT-07"],
    "Of content the characters beyond the first plane are lost." {
        fn tells(&self, line: Value) -> Vec<Value> {
            content(line, |text| text.chars().filter(|c| (*c as u32) < 0x10000).collect())
        }
    }

    "content-cut" ContentCut breaks ["STOMP12-BODY-03", "IM-CLIENT-07"],
    "Of content the first 8,192 characters are shown." {
        fn tells(&self, line: Value) -> Vec<Value> { content(line, |text| text.chars().take(8192).collect()) }
    }

    "errors-not-told" ErrorsNotTold breaks ["IM-CLIENT-08", "IM-CLIENT-10", "DRIVER-11", "IM-CLIENT-07"],
    "That something went wrong is not told." {
        fn tells(&self, line: Value) -> Vec<Value> { if is(&line, "error") { Vec::new() } else { vec![line] } }
    }

    "revocation-not-told" RevocationNotTold breaks ["IM-CLIENT-07", "IM-CLIENT-12", "DRIVER-07"],
    "That a message was revoked is not told." {
        fn tells(&self, line: Value) -> Vec<Value> { if is(&line, "revoked") { Vec::new() } else { vec![line] } }
    }

    "revocation-shown" RevocationShown breaks ["IM-CLIENT-07", "DRIVER-07"],
    "A message that was revoked is shown as one more, empty." {
        fn tells(&self, line: Value) -> Vec<Value> {
            if is(&line, "revoked") {
                let mut message = line.clone();
                message["event"] = "message".into();
                message["content"] = "".into();
                return vec![line, message];
            }
            vec![line]
        }
    }

    "receipts-in-order" ReceiptsInOrder breaks ["IM-CLIENT-07", "DRIVER-12"],
    "Whatever RECEIPT comes, the oldest that is waited for is told." {
        fn receipt<'r>(&self, came: &'r str, waiting: &'r [String]) -> Option<&'r str> {
            waiting.first().map(String::as_str)
        }
    }

    "any-receipt-told" AnyReceiptTold breaks ["IM-CLIENT-07"],
    "A RECEIPT that nobody has asked for is told." {
        fn receipt<'r>(&self, came: &'r str, waiting: &'r [String]) -> Option<&'r str> { Some(came) }
    }
}
