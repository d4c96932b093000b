//! Defects of SockJS, over WebSocket and over HTTP.

use super::prelude::*;

defects! {
    hard: false;

    "sockjs-no-open-frame" SockjsNoOpenFrame breaks ["SOCKJS-FR-01", "SOCKJS-SESS-01"],
    "A new SockJS session is not greeted by `o`." {
        fn greets_session(&self) -> bool { false }
    }

    "sockjs-one-string" SockjsOneString breaks ["SOCKJS-FR-03"],
    "A SockJS message is sent as a string, and not in an array." {
        fn sock_messages(&self, texts: &[String]) -> String {
            sockjs::messages(texts).replacen("a[", "a", 1).trim_end_matches(']').to_owned()
        }
    }

    "sockjs-unescaped" SockjsUnescaped breaks ["SOCKJS-FR-05"],
    "Characters that browsers lose are sent by SockJS as they are." {
        fn sock_messages(&self, texts: &[String]) -> String { format!("a{}", Value::from(texts.to_vec())) }
    }

    "sockjs-close-without-reason" SockjsCloseWithoutReason breaks ["SOCKJS-FR-04"],
    "The frame `c` has a code and no reason." {
        fn sock_close(&self, code: u16, reason: &str) -> Option<String> { Some(format!("c[{code}]")) }
    }

    "sockjs-any-session-id" SockjsAnySessionId breaks ["SOCKJS-SESS-01"],
    "Ids of SockJS sessions may be empty or have dots." {
        fn accepts_session_id(&self, id: &str) -> bool { true }
    }

    "sockjs-server-id-counts" SockjsServerIdCounts breaks ["SOCKJS-SESS-02"],
    "The same session id under another server id is another session." {
        fn session_key(&self, server: &str, session: &str) -> String { format!("{server}/{session}") }
    }

    "sockjs-unknown-session-accepted" SockjsUnknownSessionAccepted breaks ["SOCKJS-SESS-03", "SOCKJS-SESS-04"],
    "Messages for a session that is not there are thrown away with 204." {
        fn refuses_unknown_session(&self) -> bool { false }
    }

    "sockjs-session-lives-on" SockjsSessionLivesOn breaks ["SOCKJS-SESS-04"],
    "A SockJS session lives for an hour that nobody receives from." {
        fn lonely_for(&self) -> Duration { Duration::from_secs(3_600) }
    }

    "sockjs-two-receivers" SockjsTwoReceivers breaks ["SOCKJS-SESS-05"],
    "A second receiver takes the place of the first, without a word." {
        fn admits_one_receiver(&self) -> bool { false }
    }

    "sockjs-close-forgotten" SockjsCloseForgotten breaks ["SOCKJS-SESS-06"],
    "A SockJS session that was closed says so once, and is then begun anew." {
        fn remembers_close(&self) -> bool { false }
    }

    "sockjs-interruption-ignored" SockjsInterruptionIgnored breaks ["SOCKJS-ABORT-01"],
    "A SockJS session goes on when its receiver was cut off, whatever was lost." {
        fn ends_when_interrupted(&self) -> bool { false }
    }

    "xhr-without-line-end" XhrWithoutLineEnd breaks ["SOCKJS-XHR-01"],
    "Frames to a receiver by xhr have no line end." {
        fn frame_end(&self) -> &'static str { "" }
    }

    "xhr-streaming-without-prelude" XhrStreamingWithoutPrelude breaks ["SOCKJS-STR-01"],
    "A streaming response begins with its first frame." {
        fn streaming_prelude(&self) -> usize { 0 }
    }

    "xhr-streaming-never-ends" XhrStreamingNeverEnds breaks ["SOCKJS-STR-02"],
    "A streaming response goes on for as long as its session." {
        fn streaming_limit(&self) -> usize { usize::MAX }
    }

    "event-stream-as-text" EventStreamAsText breaks ["SOCKJS-ES-01"],
    "An event stream is said to be plain text." {
        fn event_stream_type(&self) -> &'static str { "text/plain;charset=UTF-8" }
    }

    "sockjs-broken-json-ignored" SockjsBrokenJsonIgnored breaks ["SOCKJS-XHR-03", "SOCKJS-WS-04"],
    "What is no JSON is taken over SockJS, and thrown away." {
        fn refuses_broken_json(&self) -> bool { false }
    }

    "cors-headers-not-allowed" CorsHeadersNotAllowed breaks ["SOCKJS-XHR-04"],
    "Pages may send no headers, whatever their browser asks for." {
        fn allowed_headers<'a>(&self, asked: Option<&'a HeaderValue>) -> Option<&'a HeaderValue> { None }
    }

    "sockjs-negotiates-subprotocol" SockjsNegotiatesSubprotocol breaks ["SOCKJS-STOMP-02"],
    "A sub-protocol is selected on the WebSocket beneath SockJS." {
        fn negotiates_beneath_sockjs(&self) -> bool { true }
    }

    "sockjs-greets-everywhere" SockjsGreetsEverywhere breaks ["SOCKJS-BASE-02", "SOCKJS-SESS-01"],
    "Every path below the endpoint that is nothing else is answered by the greeting." {
        fn is_greeting(&self, below: &str) -> bool { below.starts_with('/') }
    }

    "sockjs-greeting-is-a-page" SockjsGreetingIsAPage breaks ["SOCKJS-BASE-01"],
    "The greeting is HTML." {
        fn greeting(&self) -> &'static str { "<h1>Welcome to SockJS!</h1>\n" }
    }

    "sockjs-query-read-as-path" SockjsQueryReadAsPath breaks ["SOCKJS-BASE-03"],
    "A path is looked for with its query: a slash in the query leads elsewhere." {
        fn below<'p>(&self, path: &'p str, query: &str) -> Option<&'p str> {
            path.strip_prefix("/ws/im").filter(|_| !query.contains('/'))
        }
    }

    "sockjs-entropy-constant" SockjsEntropyConstant breaks ["SOCKJS-INFO-01"],
    "The entropy of the info page is always the same." {
        fn info(&self, entropy: u32) -> String {
            "{\"websocket\":true,\"cookie_needed\":false,\"origins\":[\"*:*\"],\"entropy\":42}".to_owned()
        }
    }

    "sockjs-info-cached" SockjsInfoCached breaks ["SOCKJS-INFO-01"],
    "The info page may be kept by caches for an hour." {
        fn info_may_be_kept(&self) -> bool { true }
    }

    "sockjs-null-origin-refused" SockjsNullOriginRefused breaks ["SOCKJS-INFO-02"],
    "A page whose origin is `null` may not ask." {
        fn answers_options(&self, origin: Option<&str>) -> bool { origin != Some("null") }
    }

    "sockjs-get-is-a-fault" SockjsGetIsAFault breaks ["SOCKJS-WS-01"],
    "A request for a WebSocket without an upgrade is a fault of the server." {
        fn bad_handshake(&self) -> StatusCode { StatusCode::INTERNAL_SERVER_ERROR }
    }

    "sockjs-empty-message-is-an-error" SockjsEmptyMessageIsAnError breaks ["SOCKJS-WS-03"],
    "An empty message ends the connection." {
        fn sock_read(&self, text: &str) -> Result<Vec<String>, String> {
            if text.is_empty() { Err("nothing".to_owned()) } else { sockjs::read_client(text) }
        }
    }

    "sockjs-array-needed" SockjsArrayNeeded breaks ["SOCKJS-WS-07"],
    "A single message must stand in an array." {
        fn sock_read(&self, text: &str) -> Result<Vec<String>, String> {
            if text.starts_with('"') { Err("no array".to_owned()) } else { sockjs::read_client(text) }
        }
    }

    "sockjs-first-message-only" SockjsFirstMessageOnly breaks ["SOCKJS-WS-02", "SOCKJS-XHR-02"],
    "Of several messages in an array the first is taken." {
        fn sock_read(&self, text: &str) -> Result<Vec<String>, String> {
            sockjs::read_client(text).map(|texts| texts.into_iter().take(1).collect())
        }
    }

    "sockjs-id-used-once" SockjsIdUsedOnce breaks ["SOCKJS-WS-05"],
    "A session id can be used once over WebSocket." {
        fn shares_session_ids(&self) -> bool { false }
    }

    "sockjs-ends-without-c" SockjsEndsWithoutC breaks ["SOCKJS-FR-04", "SOCKJS-SESS-06"],
    "A SockJS session ends without the frame `c`." {
        fn sock_close(&self, code: u16, reason: &str) -> Option<String> { None }
    }

    "sockjs-left-open" SockjsLeftOpen breaks ["SOCKJS-WS-06"],
    "Behind the frame `c` the WebSocket stays open." {
        fn closes_behind_c(&self) -> bool { false }
    }

    "sockjs-error-lost" SockjsErrorLost breaks ["SOCKJS-STOMP-03", "STOMP12-SEND-07", "IM-ERR-01"],
    "A session that is ended for an unknown command is not told so." {
        fn explains(&self, message: &str) -> bool { message != "Unknown command" }
    }

    "plain-websocket-greeted" PlainWebsocketGreeted breaks ["SOCKJS-RAW-01"],
    "A WebSocket without SockJS is greeted by `o` as well." {
        fn greets_plain(&self) -> bool { true }
    }

    "xhr-send-says-ok" XhrSendSaysOk breaks ["SOCKJS-XHR-02"],
    "A request that brings messages is answered by 200." {
        fn taken(&self) -> StatusCode { StatusCode::OK }
    }

    "sockjs-frame-in-two-strings" SockjsFrameInTwoStrings breaks ["SOCKJS-STOMP-01"],
    "A frame is put into two strings of a SockJS message." {
        fn sock_messages(&self, texts: &[String]) -> String {
            let halves = texts.iter().flat_map(|text| {
                let (one, other) = text.split_at(text.floor_char_boundary(text.len() / 2));
                [one.to_owned(), other.to_owned()]
            });
            sockjs::messages(&halves.filter(|half| !half.is_empty()).collect::<Vec<_>>())
        }
    }
}
