//! Defects of the opening handshake.

use super::prelude::*;

/// The request with another value of a header, or without the header where there is none.
fn with(mut request: HttpRequest, name: &str, value: Option<&str>) -> HttpRequest {
    let at = request.headers.iter().position(|(known, _)| known == name);
    match (at, value) {
        (Some(at), Some(value)) => request.headers[at].1 = value.to_owned(),
        (Some(at), None) => drop(request.headers.remove(at)),
        (None, value) => request.headers.extend(value.map(|value| (name.to_owned(), value.to_owned()))),
    }
    request
}

/// The request without its query.
fn without_query(request: HttpRequest) -> HttpRequest {
    let path = request.path.split('?').next().unwrap_or_default().to_owned();
    HttpRequest { path, ..request }
}

defects! {
    hard: false;

    "token-in-header-only" TokenInHeaderOnly breaks ["IM-CLIENT-01"],
    "The token is not in the query, but in a header of the upgrade." {
        fn asks(&self, request: HttpRequest, nth: u32) -> HttpRequest {
            with(without_query(request), "Authorization", Some("Bearer of something"))
        }
    }

    "token-used-up" TokenUsedUp breaks ["IM-CLIENT-01"],
    "The token is in the query of the first connection only." {
        fn asks(&self, request: HttpRequest, nth: u32) -> HttpRequest {
            if nth == 1 { request } else { without_query(request) }
        }
    }

    "same-key-always" SameKeyAlways breaks ["WS-HS-02"],
    "Every connection is asked for with the same key." {
        fn asks(&self, request: HttpRequest, nth: u32) -> HttpRequest {
            with(request, "Sec-WebSocket-Key", Some("dGhlIHNhbXBsZSBub25jZQ=="))
        }
    }

    "short-key" ShortKey breaks ["WS-HS-02"],
    "The key has eight octets." {
        fn asks(&self, request: HttpRequest, nth: u32) -> HttpRequest {
            with(request, "Sec-WebSocket-Key", Some("c2hvcnQga2U="))
        }
    }

    "old-websocket" OldWebsocket breaks ["WS-HS-03"],
    "A version of the WebSocket protocol is asked for that was never finished." {
        fn asks(&self, request: HttpRequest, nth: u32) -> HttpRequest {
            with(request, "Sec-WebSocket-Version", Some("8"))
        }
    }

    "host-without-port" HostWithoutPort breaks ["WS-HS-01"],
    "`Host` lacks the port." {
        fn asks(&self, request: HttpRequest, nth: u32) -> HttpRequest {
            with(request, "Host", Some("127.0.0.1"))
        }
    }

    "keeps-alive" KeepsAlive breaks ["WS-HS-01"],
    "`Connection` asks for a connection that stays, and for no upgrade." {
        fn asks(&self, request: HttpRequest, nth: u32) -> HttpRequest {
            with(request, "Connection", Some("keep-alive"))
        }
    }

    "sub-protocol-twice" SubProtocolTwice breaks ["WS-HS-01", "WS-HS-05"],
    "The same sub-protocol is offered twice." {
        fn asks(&self, request: HttpRequest, nth: u32) -> HttpRequest {
            with(request, "Sec-WebSocket-Protocol", Some("v12.stomp, v12.stomp"))
        }
    }

    "sub-protocol-of-its-own" SubProtocolOfItsOwn breaks ["WSSTOMP-01", "WSSTOMP-02"],
    "A sub-protocol is offered by a name that is not registered." {
        fn asks(&self, request: HttpRequest, nth: u32) -> HttpRequest {
            with(request, "Sec-WebSocket-Protocol", Some("stomp"))
        }
    }

    "upgrade-by-post" UpgradeByPost breaks ["WS-HS-01", "IM-CLIENT-01"],
    "The upgrade is asked for by POST." {
        fn asks(&self, request: HttpRequest, nth: u32) -> HttpRequest {
            HttpRequest { method: "POST".to_owned(), ..request }
        }
    }

    "any-accept" AnyAccept breaks ["WS-HS-06"],
    "`Sec-WebSocket-Accept` is not looked at." {
        fn minds(&self, clause: &str, what: &str) -> bool { !what.contains("Accept") }
    }

    "any-upgrade" AnyUpgrade breaks ["WS-HS-06"],
    "`Upgrade` and `Connection` of the answer are not looked at." {
        fn minds(&self, clause: &str, what: &str) -> bool {
            !what.starts_with("Upgrade") && !what.starts_with("Connection")
        }
    }

    "any-extension" AnyExtension breaks ["WS-HS-07"],
    "An extension that was not offered is taken." {
        fn minds(&self, clause: &str, what: &str) -> bool { clause != "WS-HS-15" }
    }

    "any-sub-protocol" AnySubProtocol breaks ["WS-HS-07"],
    "A sub-protocol that was not offered is taken." {
        fn minds(&self, clause: &str, what: &str) -> bool { clause != "WS-HS-09" }
    }

    "answer-as-in-the-example" AnswerAsInTheExample breaks ["WS-HS-06"],
    "`Upgrade` of the answer is compared as it stands in the example of RFC 6455." {
        fn takes_answer(&self, name: &str, value: &str) -> bool { name != "upgrade" || value == "websocket" }
    }

    "success-is-upgrade" SuccessIsUpgrade breaks ["WS-HS-06"],
    "Any status of success is taken for an upgrade." {
        fn is_upgrade(&self, status: u16) -> bool { (200..300).contains(&status) }
    }

    "dies-at-refusal" DiesAtRefusal breaks ["WS-HS-06"],
    "An answer that is no upgrade ends the program." {
        fn survives(&self, trouble: Trouble) -> bool { trouble != Trouble::NoUpgrade }
    }

    "early-octets-lost" EarlyOctetsLost breaks ["WS-FR-11"],
    "What comes in one packet with the answer is lost." {
        fn reads_early_octets(&self) -> bool { false }
    }
}
