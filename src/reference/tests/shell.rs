//! The server on a network, with an independent client, and in memory with the link's own.

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::*;
use crate::link::ws::{FrameReader, Role, WsFrame, encode_frame, opcode};
use crate::link::{Listener, MemoryConnector, Stream, memory_link};
use crate::reference::Server;
use crate::stomp::{Version, encode};

const ALICE: &str = "user_001";
const BOB: &str = "user_002";

type Client = WebSocketStream<TcpStream>;

async fn serve(policy: Policy) -> (Server, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let server = Server::start(Listener::tcp(listener), Directory::demo(40), policy, ANCHOR);
    (server, address.to_string())
}

pub(super) fn token(user: &str) -> String {
    Directory::demo(40).user(user).expect("a demo user").token.clone()
}

async fn open(address: &str, path: &str, user: &str) -> Client {
    let mut request =
        format!("ws://{address}{path}?token={}", token(user)).into_client_request().expect("a URL");
    let protocols = "v10.stomp, v12.stomp".parse().expect("a header value");
    request.headers_mut().insert("Sec-WebSocket-Protocol", protocols);
    // The SockJS transport selects none, at which tungstenite would stumble.
    if path.ends_with("/websocket") {
        request.headers_mut().remove("Sec-WebSocket-Protocol");
    }
    let socket = TcpStream::connect(address).await.expect("it listens");
    client_async(request, socket).await.expect("an upgrade").0
}

async fn text(client: &mut Client) -> String {
    client.next().await.expect("a message").expect("no violation").into_text().expect("text").to_string()
}

pub(super) fn connect(user: &str) -> String {
    format!("CONNECT\naccept-version:1.2\nhost:h\nAuthorization:Bearer {}\n\n\0", token(user))
}

const SUBSCRIBE: &str = "SUBSCRIBE\nid:s\ndestination:/user/queue/messages\nreceipt:r\n\n\0";

async fn online(address: &str, user: &str) -> Client {
    let mut client = open(address, "/ws/im", user).await;
    client.send((connect(user) + "\n" + SUBSCRIBE).into()).await.expect("open");
    assert!(text(&mut client).await.starts_with("CONNECTED\nversion:1.2\n"));
    assert_eq!(text(&mut client).await, "RECEIPT\nreceipt-id:r\n\n\0");
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_users_chat_over_sockets_and_leave() {
    let (server, address) = serve(Policy::default()).await;
    let (mut alice, mut bob) = (online(&address, ALICE).await, online(&address, BOB).await);
    let send = format!("SEND\ndestination:/app/chat.send\n\n{}\0", chat_body("m1", BOB, "hi 😀"));
    for octets in [&send.as_bytes()[..9], &send.as_bytes()[9..]] {
        alice.send(Message::binary(octets.to_vec())).await.expect("open");
    }
    assert!(text(&mut bob).await.contains("\"content\":\"hi 😀\""));
    alice.send("DISCONNECT\nreceipt:bye\n\n\0".into()).await.expect("open");
    assert_eq!(text(&mut alice).await, "RECEIPT\nreceipt-id:bye\n\n\0");
    assert!(
        matches!(alice.next().await, Some(Ok(Message::Close(Some(close)))) if u16::from(close.code) == 1000)
    );
    assert!(alice.next().await.is_none(), "and the server ends TCP");
    bob.close(None).await.expect("open");
    while let Some(Ok(_)) = bob.next().await {}
    server.shutdown().await;
}

#[tokio::test]
async fn a_sockjs_session_speaks_the_same() {
    let (_server, address) = serve(Policy::default()).await;
    let mut alice = open(&address, "/ws/im/000/abc/websocket", ALICE).await;
    assert_eq!(text(&mut alice).await, "o");
    let frames = json!([connect(ALICE), SUBSCRIBE, "SEND\ndestination:/app/x\n\n\0"]);
    alice.send(frames.to_string().into()).await.expect("open");
    assert!(text(&mut alice).await.starts_with("a[\"CONNECTED\\nversion:1.2\\n"));
    assert_eq!(text(&mut alice).await, r#"a["RECEIPT\nreceipt-id:r\n\n\u0000"]"#);
    alice.send(json!(["FOO\n\n\0"]).to_string().into()).await.expect("open");
    assert!(text(&mut alice).await.starts_with("a[\"ERROR\\nmessage:Unknown command\\n"));
    assert_eq!(text(&mut alice).await, "c[1002,\"Unknown command\"]");
}

#[tokio::test]
async fn who_has_no_valid_query_token_is_not_upgraded() {
    let (_server, address) = serve(Policy::default()).await;
    for query in ["", "?token=", "?token=x"] {
        let socket = TcpStream::connect(&address).await.expect("it listens");
        match client_async(format!("ws://{address}/ws/im{query}"), socket).await {
            Err(Error::Http(answer)) => {
                assert_eq!(
                    (answer.status().as_u16(), answer.body().as_deref()),
                    (401, Some(&b"Unauthorized"[..]))
                );
            }
            other => panic!("{query}: {other:?}"),
        }
    }
}

async fn ask(address: &str, request: &str) -> String {
    let mut socket = TcpStream::connect(address).await.expect("it listens");
    let request = format!("{request}\r\nHost: h\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("open");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test]
async fn what_is_no_handshake_gets_a_plain_answer() {
    let (_server, address) = serve(Policy::default()).await;
    let key = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";
    let version = |n: u8| format!("GET /ws/im HTTP/1.1\r\n{key}\r\nSec-WebSocket-Version: {n}");
    let without_key =
        "GET /ws/im HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13";
    let cases = [
        ("GET /ws/im HTTP/1.1", "400", "Can \"Upgrade\" only to \"WebSocket\"."),
        ("POST /ws/im HTTP/1.1", "405", "Allow: GET"),
        ("GET /elsewhere HTTP/1.1", "404", "Not Found"),
        ("GET /ws/im/ HTTP/1.1", "200", "Welcome to SockJS!\n"),
        ("GET /ws/im/info HTTP/1.1\r\nOrigin: http://x", "200", "Access-Control-Allow-Origin: http://x"),
        ("OPTIONS /ws/im/info HTTP/1.1\r\nOrigin: null", "204", "Access-Control-Allow-Origin: null"),
        (&version(8), "426", "Sec-Websocket-Version: 13"),
        (&version(13), "401", "Unauthorized"),
        (without_key, "400", "Sec-WebSocket-Key"),
    ];
    for (request, status, text) in cases {
        let answer = ask(&address, request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(text),
            "{request}: {answer}"
        );
    }
}

/// A client of our own, which can do what no library does.
struct Raw {
    stream: Stream,
    reader: FrameReader,
}

impl Raw {
    async fn open(connector: &MemoryConnector) -> Raw {
        let mut stream = connector.connect().expect("it listens");
        let request = format!(
            "GET /ws/im?token={} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
            token(ALICE)
        );
        stream.write_all(request.as_bytes()).await.expect("open");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("an answer"));
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "));
        Raw { stream, reader: FrameReader::new(Role::Client, 1 << 20) }
    }

    async fn send(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).await.expect("open");
    }

    async fn text(&mut self, text: impl Into<Vec<u8>>) {
        self.send(&encode_frame(&WsFrame::new(opcode::TEXT, text, Some([1, 2, 3, 4])))).await;
    }

    /// The next frame, or nothing at the end of the stream.
    async fn next(&mut self) -> Option<WsFrame> {
        loop {
            if let Some(frame) = self.reader.next_frame() {
                return frame.ok().map(|(frame, _)| frame);
            }
            let mut buffer = [0; 1024];
            match self.stream.read(&mut buffer).await {
                Ok(count) if count > 0 => self.reader.feed(&buffer[..count]),
                _ => return None,
            }
        }
    }

    /// The code of the close frame that comes next but for other frames.
    async fn close_code(&mut self) -> Option<u16> {
        while let Some(frame) = self.next().await {
            if frame.opcode == opcode::CLOSE {
                return frame.payload.first_chunk().map(|code| u16::from_be_bytes(*code));
            }
        }
        None
    }
}

pub(super) fn in_memory(policy: Policy) -> (Server, MemoryConnector) {
    let (connector, listener) = memory_link();
    (Server::start(Listener::memory(listener), Directory::demo(40), policy, ANCHOR), connector)
}

#[tokio::test(start_paused = true)]
async fn each_violation_of_websocket_is_answered_by_its_close_code() {
    let (_server, connector) = in_memory(Policy::default());
    let masked = |fin: bool, rsv, opcode, payload: &[u8]| {
        encode_frame(&WsFrame { fin, rsv, opcode, mask: Some([9; 4]), payload: payload.to_vec() })
    };
    let too_long = [&[0x81, 0xff][..], &(1_u64 << 40).to_be_bytes(), &[0; 4]].concat();
    let cases = [
        ("unmasked", vec![0x81, 1, b'x'], Some(1002)),
        ("reserved bit", masked(true, 4, 1, b"x"), Some(1002)),
        ("reserved opcode", masked(true, 0, 3, b"x"), Some(1002)),
        ("continuation of nothing", masked(true, 0, 0, b"x"), Some(1002)),
        ("fragmented ping", masked(false, 0, 9, b"x"), Some(1002)),
        ("no UTF-8", masked(true, 0, 1, &[0xff, 0xfe]), Some(1007)),
        ("announced too long", too_long, Some(1009)),
        ("close of one octet", masked(true, 0, 8, b"x"), Some(1002)),
        ("close", masked(true, 0, 8, &[0x0f, 0xa0, b'x']), Some(4000)),
        ("close without a code", masked(true, 0, 8, b""), None),
    ];
    for (what, octets, code) in cases {
        let mut raw = Raw::open(&connector).await;
        raw.send(&octets).await;
        assert_eq!(raw.close_code().await, code, "{what}");
        assert!(
            raw.next().await.is_none(),
            "{what}: the server ends the connection, in two seconds at the latest"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_beyond_the_limit_is_an_error_and_one_below_is_not() {
    for (length, command) in [(65_000, "RECEIPT"), (65_536, "ERROR")] {
        let (_server, connector) = in_memory(Policy::default());
        let mut raw = Raw::open(&connector).await;
        raw.text(connect(ALICE)).await;
        raw.next().await;
        let frame =
            Frame::new("SEND").with("destination", "/topic/a").with("receipt", "r").body(vec![b'x'; length]);
        for piece in encode(&frame, Version::V12).chunks(8_000) {
            raw.text(piece).await;
        }
        let answer = raw.next().await.expect("an answer");
        assert!(answer.payload.starts_with(command.as_bytes()), "{length}");
    }
}

#[tokio::test(start_paused = true)]
async fn beats_come_in_virtual_time_and_a_silent_client_is_dropped() {
    let (_server, connector) = in_memory(Policy::default());
    let mut raw = Raw::open(&connector).await;
    let start = tokio::time::Instant::now();
    raw.text(connect(ALICE).replacen("\n\n", "\nheart-beat:1000,1000\n\n", 1)).await;
    let mut seen = Vec::new();
    while let Some(frame) = raw.next().await.filter(|frame| frame.opcode == opcode::TEXT) {
        let word: String = String::from_utf8_lossy(&frame.payload).chars().take(5).collect();
        seen.push((start.elapsed().as_millis(), word));
    }
    let expected = [(0, "CONNE"), (1_000, "\n"), (2_000, "ERROR")].map(|(at, word)| (at, word.to_owned()));
    assert_eq!(seen, expected);
}

#[tokio::test(start_paused = true)]
async fn a_ping_is_answered_and_defects_reach_the_wire() {
    for (defect, pong, masked) in
        [(None, true, false), (Some("no-pong"), false, false), (Some("masked-server-frames"), true, true)]
    {
        let policy =
            defect.map_or_else(Policy::default, |name| Policy::with_defect(name).expect("in the catalogue"));
        let (_server, connector) = in_memory(policy);
        let mut raw = Raw::open(&connector).await;
        raw.send(&encode_frame(&WsFrame::new(opcode::PING, "p", Some([1; 4])))).await;
        raw.text(connect(ALICE)).await;
        let first = raw.next().await.expect("an answer");
        assert_eq!((first.opcode == opcode::PONG, first.mask.is_some()), (pong, masked), "{defect:?}");
    }
    let two = connect(ALICE) + SUBSCRIBE;
    for (defect, pieces, receipt) in [
        ("first-frame-only", vec![two.as_str()], false),
        ("split-frame-lost", vec![&two[..9], &two[9..]], false),
        ("no-pong", vec![&two[..9], &two[9..]], true),
    ] {
        let (server, connector) = in_memory(Policy::with_defect(defect).expect("in the catalogue"));
        let mut raw = Raw::open(&connector).await;
        for piece in pieces {
            raw.text(piece).await;
        }
        let settled = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            server.shutdown().await;
        });
        let mut receipts = 0;
        while let Some(frame) = raw.next().await.filter(|frame| frame.opcode != opcode::CLOSE) {
            receipts += usize::from(frame.payload.starts_with(b"RECEIPT"));
        }
        drop(raw);
        settled.await.expect("no panic");
        assert_eq!(receipts == 1, receipt, "{defect}");
    }
}

#[tokio::test]
async fn defects_of_the_upgrade_show_in_its_answer() {
    let upgrade = "GET /ws/im?token=TOKEN HTTP/1.1\r\nUpgrade: websocket\r\nOrigin: http://elsewhere\r\n\
                   Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13";
    let cases = [
        (None, "HTTP/1.1 101 ", "Sec-Websocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI="),
        (Some("foreign-origin-refused"), "HTTP/1.1 403 ", "Forbidden"),
        (Some("unoffered-subprotocol"), "HTTP/1.1 101 ", "Sec-Websocket-Protocol: stomp"),
        (Some("wrong-accept-key"), "HTTP/1.1 101 ", "Sec-Websocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ];
    for (defect, status, text) in cases {
        let policy =
            defect.map_or_else(Policy::default, |name| Policy::with_defect(name).expect("in the catalogue"));
        let (server, address) = serve(policy).await;
        let mut socket = TcpStream::connect(&address).await.expect("it listens");
        let request = upgrade.replace("TOKEN", &token(ALICE)) + "\r\nConnection: Upgrade\r\nHost: h\r\n\r\n";
        socket.write_all(request.as_bytes()).await.expect("open");
        let mut answer = vec![0; 1024];
        let count = socket.read(&mut answer).await.expect("an answer");
        let answer = String::from_utf8_lossy(&answer[..count]).into_owned();
        assert!(answer.starts_with(status) && answer.contains(text), "{defect:?}: {answer}");
        assert_eq!(answer.contains("-Protocol"), text.contains("-Protocol"), "none was offered");
        drop(socket);
        server.shutdown().await;
    }
}
