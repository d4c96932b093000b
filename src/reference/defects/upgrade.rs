//! Defects of the opening handshake: who and what is let in.

use super::prelude::*;

defects! {
    hard: false;

    "query-token-unchecked" QueryTokenUnchecked breaks ["IM-HS-02"],
    "The upgrade asks for no token: a valid bearer token at CONNECT is enough." {
        fn admits_upgrade(&self, query_user: Option<&str>) -> bool { true }
        fn identity<'a>(&self, query: Option<&'a str>, bearer: Option<&'a str>) -> Option<&'a str> {
            bearer.filter(|_| query.is_none() || query == bearer)
        }
    }

    "foreign-origin-refused" ForeignOriginRefused breaks ["IM-HS-03"],
    "Pages of any origin but the server's own kind are refused." {
        fn admits_origin(&self, origin: Option<&str>) -> bool {
            origin.is_none_or(|origin| origin.contains("://localhost") || origin.contains("://127.0.0.1"))
        }
    }

    "unoffered-subprotocol" UnofferedSubprotocol breaks ["IM-HS-06", "WS-HS-09", "WSSTOMP-01"],
    "The server selects a sub-protocol that it would like, offered or not." {
        fn subprotocol(&self, offered: &[String]) -> Option<String> { Some("stomp".to_owned()) }
    }

    "wrong-accept-key" WrongAcceptKey breaks ["WS-HS-08"],
    "`Sec-WebSocket-Accept` is not computed from the client's key." {
        fn accept_key(&self, computed: String) -> String { "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned() }
    }

    "any-websocket-version" AnyWebsocketVersion breaks ["WS-HS-10"],
    "Whatever version of WebSocket is asked for, the connection is upgraded." {
        fn speaks_websocket(&self, version: Option<&str>) -> bool { true }
    }

    "websocket-version-unnamed" WebsocketVersionUnnamed breaks ["WS-HS-10"],
    "The refusal of another version of WebSocket does not say which one is spoken." {
        fn names_websocket_version(&self) -> bool { false }
    }

    "tokens-compared-whole" TokensComparedWhole breaks ["WS-HS-16"],
    "`Connection` and `Upgrade` must hold one token each, in this very spelling." {
        fn lists(&self, tokens: &[String], wanted: &str) -> bool {
            matches!(tokens, [token] if token == wanted || (wanted == "upgrade" && token == "Upgrade"))
        }
    }

    "first-line-only" FirstLineOnly breaks ["WS-HS-14"],
    "Of a header with several lines the first is read." {
        fn joins_lines(&self) -> bool { false }
    }

    "key-not-needed" KeyNotNeeded breaks ["WS-HS-11"],
    "A request without `Sec-WebSocket-Key` is upgraded." {
        fn needs_key(&self) -> bool { false }
    }

    "extensions-echoed" ExtensionsEchoed breaks ["WS-HS-15"],
    "Whatever extensions are offered are accepted." {
        fn extensions(&self, offered: &str) -> Option<String> {
            Some(offered.to_owned()).filter(|offered| !offered.is_empty())
        }
    }

    "plain-websocket-refused" PlainWebsocketRefused breaks ["IM-HS-01"],
    "The endpoint is registered with SockJS only." {
        fn serves_plain(&self) -> bool { false }
    }

    "sockjs-not-registered" SockjsNotRegistered breaks ["IM-HS-04", "SOCKJS-BASE-01"],
    "The endpoint is registered without SockJS." {
        fn serves_sockjs(&self) -> bool { false }
    }

    "any-path-upgraded" AnyPathUpgraded breaks ["IM-HS-05"],
    "Every path is the endpoint." {
        fn below<'p>(&self, path: &'p str, query: &str) -> Option<&'p str> {
            Some(path.strip_prefix("/ws/im").filter(|rest| rest.is_empty() || rest.starts_with('/')).unwrap_or_default())
        }
    }

    "subprotocol-needed" SubprotocolNeeded breaks ["WSSTOMP-03"],
    "Who offers no sub-protocol is refused." {
        fn needs_subprotocol(&self) -> bool { true }
    }
}
