//! Defects in how SockJS is spoken.

use super::prelude::*;
use crate::link::sockjs::{self, Fault, SockFrame};

defects! {
    hard: false;

    "info-not-asked-for" InfoNotAskedFor breaks ["SOCKJS-CLI-01"],
    "What the server can do is not asked for." {
        fn asks_for_info(&self) -> bool { false }
    }

    "sub-protocol-beneath-sockjs" SubProtocolBeneathSockjs breaks ["SOCKJS-STOMP-02"],
    "A sub-protocol is offered beneath SockJS." {
        fn offers_beneath_sockjs(&self) -> bool { true }
    }

    "session-id-with-dots" SessionIdWithDots breaks ["SOCKJS-SESS-01"],
    "The session's id has a dot." {
        fn session_path(&self, server: u64, session: u64) -> String { format!("{server:03}/session.{session:x}") }
    }

    "query-lost-beneath-sockjs" QueryLostBeneathSockjs breaks ["SOCKJS-BASE-03"],
    "The WebSocket beneath SockJS is asked for without the query." {
        fn asks(&self, request: HttpRequest, nth: u32) -> HttpRequest {
            let path = match request.path.contains("/websocket") {
                true => request.path.split('?').next().unwrap_or_default().to_owned(),
                false => request.path.clone(),
            };
            HttpRequest { path, ..request }
        }
    }

    "speaks-before-o" SpeaksBeforeO breaks ["SOCKJS-FR-01"],
    "CONNECT is said before the server has opened the session." {
        fn waits_for_open(&self) -> bool { false }
    }

    "frames-bare-in-sockjs" FramesBareInSockjs breaks ["SOCKJS-WS-02"],
    "Frames are not put into arrays of strings." {
        fn sock_write(&self, text: String) -> String { text }
    }

    "first-string-only" FirstStringOnly breaks ["SOCKJS-FR-03"],
    "Of an array of strings the first is read." {
        fn sock_read(&self, text: &str) -> Result<SockFrame, Fault> {
            sockjs::read(text).map(|frame| match frame {
                SockFrame::Messages(texts) => SockFrame::Messages(texts.into_iter().take(1).collect()),
                other => other,
            })
        }
    }

    "h-is-a-fault" HIsAFault breaks ["SOCKJS-FR-02"],
    "A heart-beat of SockJS is taken for a fault." {
        fn sock_read(&self, text: &str) -> Result<SockFrame, Fault> {
            sockjs::read(if text == "h" { "?" } else { text })
        }
    }

    "c-passed-over" CPassedOver breaks ["SOCKJS-FR-04"],
    "The server's `c` is passed over." {
        fn sock_read(&self, text: &str) -> Result<SockFrame, Fault> {
            sockjs::read(if text.starts_with('c') { "h" } else { text })
        }
    }
}
