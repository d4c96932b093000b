//! Defects in what is said, and how it is written.

use super::prelude::*;

/// A frame of this command without the header; others as they are.
fn without(frame: Frame, command: &str, header: &str) -> Vec<Frame> {
    let mut frame = frame;
    if frame.command == command {
        frame.headers.remove(header);
    }
    vec![frame]
}

/// A frame of this command with another value of the header; others as they are.
fn with(frame: Frame, command: &str, header: &str, value: impl Fn(&str) -> String) -> Vec<Frame> {
    let mut frame = frame;
    if frame.command == command {
        frame.headers = frame
            .headers
            .iter()
            .map(|(name, old)| (name.to_owned(), if name == header { value(old) } else { old.to_owned() }))
            .collect();
    }
    vec![frame]
}

defects! {
    hard: false;

    "says-stomp" SaysStomp breaks ["STOMP12-CONN-05"],
    "STOMP is said in place of CONNECT." {
        fn said(&self, mut frame: Frame, version: Version) -> Vec<Frame> {
            if frame.command == "CONNECT" {
                frame.command = "STOMP".to_owned();
            }
            vec![frame]
        }
    }

    "no-accept-version" NoAcceptVersion breaks ["STOMP12-VER-01", "STOMP12-CONN-06", "IM-CLIENT-02"],
    "CONNECT names no versions." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> { without(frame, "CONNECT", "accept-version") }
    }

    "versions-fall" VersionsFall breaks ["STOMP12-VER-02"],
    "The versions are named from the highest down." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> {
            with(frame, "CONNECT", "accept-version", |_| "1.2,1.1,1.0".to_owned())
        }
    }

    "old-versions-only" OldVersionsOnly breaks ["STOMP12-CONN-06", "WSSTOMP-02", "WSSTOMP-01"],
    "The versions that are named lack 1.2, which the sub-protocol offers." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> {
            with(frame, "CONNECT", "accept-version", |_| "1.0,1.1".to_owned())
        }
    }

    "no-host" NoHost breaks ["STOMP12-CONN-07", "IM-CLIENT-13"],
    "CONNECT names no host." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> { without(frame, "CONNECT", "host") }
    }

    "no-bearer" NoBearer breaks ["IM-CLIENT-02", "DRIVER-03"],
    "CONNECT has no token." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> { without(frame, "CONNECT", "Authorization") }
    }

    "bearer-bare" BearerBare breaks ["IM-CLIENT-02"],
    "The token stands in CONNECT without the word Bearer." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> {
            with(frame, "CONNECT", "Authorization", |value| value.replace("Bearer ", ""))
        }
    }

    "one-heart-beat" OneHeartBeat breaks ["STOMP12-HB-01"],
    "`heart-beat` has one number." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> {
            with(frame, "CONNECT", "heart-beat", |value| value.split(',').next().unwrap_or("0").to_owned())
        }
    }

    "receipt-for-connect" ReceiptForConnect breaks ["STOMP12-RHDR-01"],
    "CONNECT asks for a receipt." {
        fn said(&self, mut frame: Frame, version: Version) -> Vec<Frame> {
            if frame.command == "CONNECT" {
                frame.headers.push("receipt", "r-connect");
            }
            vec![frame]
        }
    }

    "connect-escaped" ConnectEscaped breaks ["STOMP12-ENC-03"],
    "Headers of CONNECT are escaped as others are." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> {
            with(frame, "CONNECT", "Authorization", |value| value.replace('\\', "\\\\"))
        }
    }

    "no-subscription-id" NoSubscriptionId breaks ["STOMP12-SUB-05", "IM-CLIENT-04"],
    "SUBSCRIBE has no id." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> { without(frame, "SUBSCRIBE", "id") }
    }

    "unsubscribe-by-destination" UnsubscribeByDestination breaks ["STOMP12-UNSUB-01"],
    "UNSUBSCRIBE names a destination in place of the id." {
        fn said(&self, mut frame: Frame, version: Version) -> Vec<Frame> {
            if frame.command == "UNSUBSCRIBE" {
                frame.headers.remove("id");
                frame.headers.push("destination", "/topic/group/of-old");
            }
            vec![frame]
        }
    }

    "ack-mode-of-its-own" AckModeOfItsOwn breaks ["STOMP12-SUB-07"],
    "SUBSCRIBE asks for a mode of acknowledgement that there is not." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> {
            with(frame, "SUBSCRIBE", "ack", |mode| mode.to_uppercase())
        }
    }

    "ack-mode-forgotten" AckModeForgotten breaks ["STOMP12-SUB-07"],
    "SUBSCRIBE never says how messages are acknowledged." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> { without(frame, "SUBSCRIBE", "ack") }
    }

    "body-on-subscribe" BodyOnSubscribe breaks ["STOMP12-BODY-02"],
    "SUBSCRIBE has a body." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> {
            vec![if frame.command == "SUBSCRIBE" { frame.body("{}") } else { frame }]
        }
    }

    "frames-before-connect" FramesBeforeConnect breaks ["STOMP12-CONN-01", "IM-CLIENT-02"],
    "It subscribes before it says CONNECT." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> {
            match &*frame.command {
                "CONNECT" => vec![Frame::new("SUBSCRIBE").with("id", "early").with("destination", "/user/queue/messages"), frame],
                _ => vec![frame],
            }
        }
    }

    "send-to-nowhere" SendToNowhere breaks ["STOMP12-SEND-01"],
    "SEND has no destination." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> { without(frame, "SEND", "destination") }
    }

    "subscribe-to-nothing" SubscribeToNothing breaks ["STOMP12-SUB-01", "IM-CLIENT-04"],
    "SUBSCRIBE has no destination." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> { without(frame, "SUBSCRIBE", "destination") }
    }

    "unsubscribe-made-up" UnsubscribeMadeUp breaks ["STOMP12-UNSUB-02"],
    "UNSUBSCRIBE names an id that is made up." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> {
            with(frame, "UNSUBSCRIBE", "id", |id| format!("{id}0"))
        }
    }

    "body-without-length" BodyWithoutLength breaks ["STOMP12-CLEN-04", "STOMP12-SEND-04"],
    "A body goes without its length." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            let style = Style { version, content_length: ContentLength::AsGiven, ..Style::default() };
            stomp::encode_with(frame, &style)
        }
    }

    "body-without-type" BodyWithoutType breaks ["STOMP12-CTYPE-01", "STOMP12-SEND-04"],
    "A body goes without its type." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> { without(frame, "SEND", "content-type") }
    }

    "type-is-no-type" TypeIsNoType breaks ["STOMP12-CTYPE-02"],
    "The type of a body is `json`." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> {
            with(frame, "SEND", "content-type", |_| "json".to_owned())
        }
    }

    "length-in-characters" LengthInCharacters breaks ["STOMP12-CLEN-01", "STOMP12-CLEN-02", "STOMP12-CLEN-05", "STOMP12-CLEN-06"],
    "The length of a body is counted in characters." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            let characters = String::from_utf8_lossy(&frame.body).chars().count();
            let content_length = if frame.body.is_empty() { ContentLength::Auto } else { ContentLength::Exactly(characters) };
            stomp::encode_with(frame, &Style { version, content_length, ..Style::default() })
        }
    }

    "not-escaped" NotEscaped breaks ["STOMP12-ENC-02"],
    "Headers go onto the wire as they are." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            stomp::encode_with(frame, &Style { version, escape: false, ..Style::default() })
        }
    }

    "escapes-of-1.1" EscapesOf11 breaks ["STOMP12-ENC-02"],
    "A carriage return is not escaped, as in STOMP 1.1." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> { stomp::encode(frame, Version::V11) }
    }

    "unescaped-in-1.1" UnescapedIn11 breaks ["STOMP11-ENC-01"],
    "In a session in STOMP 1.1 headers go onto the wire as they are." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            stomp::encode_with(frame, &Style { version, escape: version != Version::V11, ..Style::default() })
        }
    }

    "sends-trimmed" SendsTrimmed breaks ["STOMP12-ENC-07"],
    "Spaces around the value of a header are taken away." {
        fn said(&self, mut frame: Frame, version: Version) -> Vec<Frame> {
            frame.headers = frame.headers.iter().map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
            vec![frame]
        }
    }

    "sends-ascii" SendsAscii breaks ["STOMP12-ENC-01"],
    "In headers a question mark stands for what is not ASCII." {
        fn said(&self, mut frame: Frame, version: Version) -> Vec<Frame> {
            let ascii = |text: &str| text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect::<String>();
            frame.headers = frame.headers.iter().map(|(name, value)| (name.to_owned(), ascii(value))).collect();
            vec![frame]
        }
    }

    "two-nuls" TwoNuls breaks ["STOMP12-FRAME-01"],
    "Frames are ended by two NULs." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            stomp::encode_with(frame, &Style { version, after: vec![0], ..Style::default() })
        }
    }

    "no-nul" NoNul breaks ["STOMP12-FRAME-04", "IM-CLIENT-02"],
    "Frames are not ended by NUL: the end of the message stands for it." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            stomp::encode_with(frame, &Style { version, nul: false, ..Style::default() })
        }
    }

    "ack-by-message-id" AckByMessageId breaks ["STOMP12-ACK-01"],
    "A message is acknowledged by its `message-id`." {
        fn acknowledged_by(&self, message: &Frame) -> Option<String> {
            message.header("message-id").map(str::to_owned)
        }
    }

    "ack-made-up" AckMadeUp breaks ["STOMP12-ACK-01"],
    "A message without `ack` is acknowledged as `undefined`." {
        fn acknowledged_by(&self, message: &Frame) -> Option<String> {
            Some(message.header("ack").unwrap_or("undefined").to_owned())
        }
    }

    "ack-escaped-twice" AckEscapedTwice breaks ["STOMP12-ENC-02", "STOMP12-ENC-04"],
    "What `ack` says goes back as it stood on the wire, and escaped once more." {
        fn acknowledged_by(&self, message: &Frame) -> Option<String> {
            message.header("ack").map(|id| id.replace('\\', "\\\\").replace(':', "\\c").replace('\n', "\\n"))
        }
    }

    "unreadable-not-acknowledged" UnreadableNotAcknowledged breaks ["STOMP12-SUB-09"],
    "A message that cannot be read is not acknowledged." {
        fn acknowledges_unreadable(&self) -> bool { false }
    }

    "begins-nameless" BeginsNameless breaks ["STOMP12-TX-01"],
    "BEGIN names no transaction." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> { without(frame, "BEGIN", "transaction") }
    }

    "commits-nameless" CommitsNameless breaks ["STOMP12-TX-05"],
    "COMMIT names no transaction." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> { without(frame, "COMMIT", "transaction") }
    }

    "aborts-nameless" AbortsNameless breaks ["STOMP12-TX-06"],
    "ABORT names no transaction." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> { without(frame, "ABORT", "transaction") }
    }

    "one-transaction-for-all" OneTransactionForAll breaks ["STOMP12-TX-03"],
    "All transactions have the same id." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> {
            with(frame, "BEGIN", "transaction", |_| "t-1".to_owned())
        }
    }

    "transaction-not-on-send" TransactionNotOnSend breaks ["IM-CLIENT-05"],
    "SEND does not say of which transaction it is part." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> { without(frame, "SEND", "transaction") }
    }

    "leaves-without-disconnect" LeavesWithoutDisconnect breaks ["STOMP12-DISC-01"],
    "It never takes its leave by DISCONNECT." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> {
            if frame.command == "DISCONNECT" { Vec::new() } else { vec![frame] }
        }
        fn waits_for_farewell(&self) -> Duration { Duration::ZERO }
    }

    "disconnect-without-receipt" DisconnectWithoutReceipt breaks ["STOMP12-DISC-01"],
    "DISCONNECT asks for no receipt." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> { without(frame, "DISCONNECT", "receipt") }
        fn waits_for_farewell(&self) -> Duration { Duration::ZERO }
    }

    "speaks-behind-disconnect" SpeaksBehindDisconnect breaks ["STOMP12-DISC-02"],
    "Behind DISCONNECT it unsubscribes." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> {
            match &*frame.command {
                "DISCONNECT" => vec![frame, Frame::new("UNSUBSCRIBE").with("id", "sub-0")],
                _ => vec![frame],
            }
        }
    }

    "to-the-queue-itself" ToTheQueueItself breaks ["IM-CLIENT-05", "IM-CLIENT-06"],
    "What is sent goes to `/queue`, and not to the application." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> {
            with(frame, "SEND", "destination", |value| value.replace("/app/chat.", "/queue/"))
        }
    }

    "without-app-id" WithoutAppId breaks ["IM-CLIENT-05", "DRIVER-05"],
    "What is sent does not name the application." {
        fn said(&self, frame: Frame, version: Version) -> Vec<Frame> {
            let mut frame = frame;
            if let Ok(Value::Object(mut body)) = serde_json::from_slice(&frame.body) {
                body.remove("appId");
                frame.body = Value::from(body).to_string().into_bytes();
            }
            vec![frame]
        }
    }

    "content-in-latin-1" ContentInLatin1 breaks ["IM-CLIENT-05", "STOMP12-CLEN-06", "STOMP12-CLEN-02"],
    "In what is sent a question mark stands for what is not Latin-1." {
        fn said(&self, mut frame: Frame, version: Version) -> Vec<Frame> {
            if let Ok(text) = std::str::from_utf8(&frame.body) {
                frame.body = text.chars().map(|c| if (c as u32) < 256 { c } else { '?' }).collect::<String>().into_bytes();
            }
            vec![frame]
        }
    }
}
