//! Defects of CONNECT, of versions, and of ERROR.

use super::prelude::*;

defects! {
    hard: false;

    // ---- Other versions

    "escapes-in-1.0" EscapesInV10 breaks ["STOMP10-ENC-01"],
    "Headers are escaped and unescaped in 1.0 as they are in 1.2." {
        fn reads_as(&self, version: Version) -> Version { Version::V12 }
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> { stomp::encode(frame, Version::V12) }
    }

    "cr-escaped-in-1.1" CrEscapedInV11 breaks ["STOMP11-ENC-01", "STOMP11-ENC-03"],
    "A carriage return is escaped in 1.1, which has no such escape." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            stomp::encode(frame, if version == Version::V11 { Version::V12 } else { version })
        }
    }

    "cr-escape-read-in-1.1" CrEscapeReadInV11 breaks ["STOMP11-ENC-02"],
    "In 1.1 `\\r` is read as a carriage return." {
        fn reads_as(&self, version: Version) -> Version {
            if version == Version::V11 { Version::V12 } else { version }
        }
    }

    // ---- CONNECT and errors

    "version-unnamed" VersionUnnamed breaks ["STOMP12-CONND-01", "STOMP11-CONND-01"],
    "CONNECTED does not say which version is spoken." {
        fn names_version(&self) -> bool { false }
    }

    "beats-by-default" BeatsByDefault breaks ["STOMP12-HB-04"],
    "A client that says nothing about heart-beats is expected to send them." {
        fn missing_heart_beat(&self) -> &'static str { "500,0" }
    }

    "error-without-receipt-id" ErrorWithoutReceiptId breaks ["STOMP12-ERR-05"],
    "ERROR does not say which receipt will not come." {
        fn names_receipt_in_error(&self) -> bool { false }
    }

    "expired-token-accepted" ExpiredTokenAccepted breaks ["IM-AUTH-02", "IM-HS-02"],
    "A token is accepted for ever." {
        fn accepts_token(&self, standing: Standing) -> bool { true }
    }

    "bearer-unchecked" BearerUnchecked breaks ["IM-AUTH-05"],
    "The query token is enough, whatever CONNECT says." {
        fn identity<'a>(&self, query: Option<&'a str>, bearer: Option<&'a str>) -> Option<&'a str> { query }
    }

    "bearer-overrules-query" BearerOverrulesQuery breaks ["IM-AUTH-06"],
    "Two valid tokens of different users are accepted; the bearer token counts." {
        fn identity<'a>(&self, query: Option<&'a str>, bearer: Option<&'a str>) -> Option<&'a str> {
            query.and(bearer)
        }
    }

    "token-echoed" TokenEchoed breaks ["IM-AUTH-09", "IM-AUTH-03"],
    "The refusal repeats the token that was refused." {
        fn unauthorized(&self, bearer: Option<&str>) -> String {
            format!("Unauthorized: {}", bearer.unwrap_or_default())
        }
    }

    "before-connect-accepted" BeforeConnectAccepted breaks ["IM-AUTH-07", "STOMP12-CONN-11"],
    "Frames before CONNECT are carried out for the user of the query token." {
        fn acts_before_connect(&self, query_user: Option<&str>) -> Option<String> {
            query_user.map(str::to_owned)
        }
    }

    "lowest-version" LowestVersion breaks ["STOMP12-VER-04", "IM-AUTH-01"],
    "Of several common versions the lowest is chosen." {
        fn version(&self, common: &[Version]) -> Option<Version> { common.iter().copied().min() }
    }

    "version-not-negotiated" VersionNotNegotiated breaks ["STOMP12-VER-05"],
    "1.2 is spoken whether the client knows it or not." {
        fn version(&self, common: &[Version]) -> Option<Version> { Some(Version::V12) }
    }

    "error-without-close" ErrorWithoutClose breaks ["STOMP12-ERR-02", "IM-AUTH-04", "WSSTOMP-13"],
    "The connection stays open after an ERROR." {
        fn closes_after_error(&self) -> bool { false }
    }

    "stack-trace-in-error" StackTraceInError breaks ["IM-ERR-03", "STOMP12-ERR-04"],
    "The body of an ERROR shows where in the server it arose." {
        fn error_body(&self, detail: &str) -> String {
            format!(
                "org.springframework.messaging.MessageDeliveryException: {detail}\n\tat \
                 com.xuqm.im.ws.TokenInterceptor.preSend(TokenInterceptor.java:71)\n\tat \
                 java.base/java.lang.Thread.run(Thread.java:840)\n"
            )
        }
    }

    "idle-dropped-in-1.0" IdleDroppedInV10 breaks ["STOMP10-HB-01"],
    "A client in 1.0 that is silent for 700 ms is dropped." {
        fn idle_limit(&self, version: Version) -> Option<Duration> {
            (version == Version::V10).then_some(Duration::from_millis(700))
        }
    }

    "idle-dropped" IdleDropped breaks ["IM-ERR-04"],
    "A session that is idle for 700 ms is ended, heart-beats or not." {
        fn idle_limit(&self, version: Version) -> Option<Duration> { Some(Duration::from_millis(700)) }
    }

    "subscription-unnamed-in-1.0" SubscriptionUnnamedInV10 breaks ["STOMP10-SUB-02"],
    "MESSAGE does not say in 1.0 which subscription it is for, though that had an id." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            if version == Version::V10 { super::without(frame, "MESSAGE", "subscription") } else { frame }
        }
    }

    "colon-ends-value-in-1.0" ColonEndsValueInV10 breaks ["STOMP10-ENC-02"],
    "A header value ends at its first colon in 1.0." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            if version != Version::V10 { return frame; }
            super::with_headers(frame, |name, value| {
                Some((name.to_owned(), value.split(':').next().unwrap_or_default().to_owned()))
            })
        }
    }

    "no-length-in-1.0" NoLengthInV10 breaks ["STOMP10-CLEN-01"],
    "There is no `content-length` in 1.0: a body ends at its first NUL." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            if version != Version::V10 { return frame; }
            let end = frame.body.iter().position(|octet| *octet == 0).unwrap_or(frame.body.len());
            Frame { body: frame.body[..end].to_vec(), ..frame }
        }
    }

    "only-1.2-has-destinations" Only12HasDestinations breaks ["STOMP10-MSG-01", "STOMP11-MSG-01"],
    "MESSAGE in older versions does not say where it was sent to." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            if version == Version::V12 { frame } else { super::without(frame, "MESSAGE", "destination") }
        }
    }

    "cr-behind-header-in-1.1" CrBehindHeaderInV11 breaks ["STOMP11-FRAME-01", "STOMP11-MSG-01"],
    "In 1.1 the line of `destination` ends in CR LF." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            if version != Version::V11 || frame.command != "MESSAGE" { return frame; }
            super::with_value(frame, "destination", |name| format!("{name}\r"))
        }
    }

    "stomp-unknown" StompUnknown breaks ["STOMP12-CONN-04", "STOMP11-CONN-02"],
    "Only CONNECT opens a session; STOMP is an unknown command." {
        fn understood(&self, frame: Frame) -> Frame {
            let command = if frame.command == "STOMP" { "UNKNOWN".to_owned() } else { frame.command };
            Frame { command, ..frame }
        }
    }

    "no-version-is-1.2" NoVersionIs12 breaks ["STOMP12-VER-03"],
    "Who names no version is answered in 1.2." {
        fn assumed_versions(&self) -> &'static str { "1.2" }
    }

    "receipt-before-connected" ReceiptBeforeConnected breaks ["STOMP12-CONN-02"],
    "Something is said before CONNECTED." {
        fn says_first(&self) -> Option<Frame> { Some(Frame::new("RECEIPT").with("receipt-id", "welcome")) }
    }

    "welcome-frame" WelcomeFrame breaks ["STOMP12-FRAME-11", "STOMP12-CONN-02"],
    "Sessions are greeted by a frame of the server's own kind." {
        fn says_first(&self) -> Option<Frame> { Some(Frame::new("WELCOME").with("message", "hello")) }
    }

    "session-names-repeat" SessionNamesRepeat breaks ["STOMP12-CONND-05"],
    "All sessions have the same name." {
        fn session_id(&self, nth: u64) -> String { "session".to_owned() }
    }

    "server-is-a-sentence" ServerIsASentence breaks ["STOMP12-CONND-03"],
    "The header `server` is a sentence." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            super::with_value(frame, "server", |_| " / the reference server".to_owned())
        }
    }

    "beats-as-one-number" BeatsAsOneNumber breaks ["STOMP12-HB-01"],
    "CONNECTED says one number where heart-beats are two." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            super::with_value(frame, "heart-beat", |two| two.split(',').next().unwrap_or_default().to_owned())
        }
    }

    "rejected-without-a-word" RejectedWithoutAWord breaks ["STOMP12-CONN-03", "STOMP12-VER-05"],
    "A CONNECT that is refused is left without an answer, and the connection open." {
        fn refuses(&self, frame: &Frame, message: &str) -> bool { frame.command != "CONNECT" }
    }

    "refused-connection-acts" RefusedConnectionActs breaks ["IM-AUTH-08", "IM-AUTH-07", "IM-AUTH-04", "STOMP12-ERR-02"],
    "A connection whose CONNECT was refused stays, and acts for the user of its query token." {
        fn closes_after_error(&self) -> bool { false }
        fn acts_before_connect(&self, query_user: Option<&str>) -> Option<String> { query_user.map(str::to_owned) }
    }

    "second-connect-ends-all" SecondConnectEndsAll breaks ["STOMP12-CONN-10"],
    "A second CONNECT ends all connections of the server." {
        fn ends_others(&self, message: &str) -> bool { message == "Already connected" }
    }

    "malformed-frame-ends-all" MalformedFrameEndsAll breaks ["IM-ERR-02"],
    "A malformed frame ends all connections of the server." {
        fn ends_others(&self, message: &str) -> bool { message == "Malformed frame" }
    }

    "error-without-message" ErrorWithoutMessage breaks ["IM-ERR-01", "STOMP12-ERR-03", "IM-AUTH-03"],
    "ERROR has no header `message`." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            super::without(frame, "ERROR", "message")
        }
    }

    "error-without-type" ErrorWithoutType breaks ["STOMP12-ERR-06", "STOMP12-CTYPE-01"],
    "ERROR does not say what its body is." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            super::without(frame, "ERROR", "content-type")
        }
    }

    "1.0-refused" V10Refused breaks ["STOMP10-CONN-01", "STOMP12-VER-03", "STOMP12-VER-04"],
    "A client that speaks 1.0 alone is refused, though the server claims to know it." {
        fn version(&self, common: &[Version]) -> Option<Version> {
            common.iter().copied().filter(|version| *version != Version::V10).max()
        }
    }

    "session-frame-in-1.0" SessionFrameInV10 breaks ["STOMP10-CONN-01", "STOMP12-VER-04"],
    "In 1.0 CONNECT is answered by a frame SESSION." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            let renamed = version == Version::V10 && frame.command == "CONNECTED";
            Frame { command: if renamed { "SESSION".to_owned() } else { frame.command }, ..frame }
        }
    }

    "passcode-unchecked" PasscodeUnchecked breaks ["STOMP12-CONN-03"],
    "Whatever passcode CONNECT has, its user is let in." {
        fn accepts_passcode(&self, right: bool) -> bool { true }
    }

    "two-tokens-make-a-guest" TwoTokensMakeAGuest breaks ["IM-AUTH-06", "IM-HS-02"],
    "The bearer token is enough; with the query token of another the session is a guest's." {
        fn admits_upgrade(&self, query_user: Option<&str>) -> bool { true }
        fn identity<'a>(&self, query: Option<&'a str>, bearer: Option<&'a str>) -> Option<&'a str> {
            bearer.map(|user| if query.is_none_or(|other| other == user) { user } else { "guest" })
        }
    }

    "not-escaped-in-1.1" NotEscapedInV11 breaks ["STOMP11-ENC-01", "STOMP11-SEND-01", "STOMP11-RCPT-01"],
    "Headers are written without escapes in 1.1." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            stomp::encode_with(frame, &Style { version, escape: version != Version::V11, ..Style::default() })
        }
    }

    "user-headers-lost-in-1.1" UserHeadersLostInV11 breaks ["STOMP11-SEND-01", "STOMP11-ENC-01", "STOMP11-ENC-04"],
    "MESSAGE has no headers of the user's own in 1.1." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            if version != Version::V11 || frame.command != "MESSAGE" { return frame; }
            let known = ["subscription", "message-id", "destination", "content-type", "ack", "redelivered"];
            super::with_headers(frame, |name, value| known.contains(&name).then(|| (name.to_owned(), value.to_owned())))
        }
    }

    "beats-by-crlf-in-1.1" BeatsByCrlfInV11 breaks ["STOMP11-HB-01", "STOMP11-FRAME-01"],
    "A heart-beat is CR LF, also in 1.1." {
        fn beat(&self, version: Version) -> &'static [u8] { b"\r\n" }
    }

    "acks-cumulate-in-1.1" AcksCumulateInV11 breaks ["STOMP11-SUB-02", "STOMP11-ACK-01"],
    "In 1.1 an ACK settles the earlier messages in every mode." {
        fn settles_earlier(&self, mode: AckMode, version: Version) -> bool {
            mode == AckMode::Client || version == Version::V11
        }
    }
}
