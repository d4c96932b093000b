//! How a connection travels: a WebSocket, or one of the transports of SockJS.
//!
//! It relies on serde alone. It must never say how a transport works: that is for `session` and `link`.

use serde::{Deserialize, Serialize};

/// How a connection travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// STOMP in a WebSocket.
    #[default]
    Websocket,
    /// STOMP in SockJS in a WebSocket (SOCKJS-WS-02).
    SockjsWebsocket,
    /// SockJS, polled for by HTTP (SOCKJS-XHR-01).
    XhrPolling,
    /// SockJS, in streaming responses of HTTP (SOCKJS-STR-01).
    XhrStreaming,
    /// SockJS, in event streams of HTTP (SOCKJS-ES-01).
    Eventsource,
}

impl Transport {
    /// The words by which suites name them.
    pub const WORDS: [&str; 5] =
        ["websocket", "sockjs-websocket", "xhr-polling", "xhr-streaming", "eventsource"];

    /// The transport of this name.
    pub fn parse(word: &str) -> Option<Transport> {
        Some(match word {
            "websocket" => Transport::Websocket,
            "sockjs-websocket" => Transport::SockjsWebsocket,
            "xhr-polling" => Transport::XhrPolling,
            "xhr-streaming" => Transport::XhrStreaming,
            "eventsource" => Transport::Eventsource,
            _ => return None,
        })
    }

    /// Its name in suites.
    pub fn word(self) -> &'static str {
        match self {
            Transport::Websocket => "websocket",
            Transport::SockjsWebsocket => "sockjs-websocket",
            Transport::XhrPolling => "xhr-polling",
            Transport::XhrStreaming => "xhr-streaming",
            Transport::Eventsource => "eventsource",
        }
    }

    /// Whether there is a WebSocket beneath, with its pings, fragments and close frames.
    pub fn has_websocket(self) -> bool {
        matches!(self, Transport::Websocket | Transport::SockjsWebsocket)
    }

    /// Whether SockJS is spoken, which carries text and nothing else (SOCKJS-STOMP-01).
    pub fn is_sockjs(self) -> bool {
        self != Transport::Websocket
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transport_has_one_name_everywhere() {
        for word in Transport::WORDS {
            let transport = Transport::parse(word).unwrap();
            assert_eq!(transport.word(), word);
            assert_eq!(serde_json::to_value(transport).unwrap(), word);
        }
        assert_eq!(Transport::parse("jsonp"), None);
    }
}
