//! Targets that cannot be judged: each ends the run by its preflight with exit code 3, within 20 seconds, and with a
//! message that names what was seen.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use common::{Ended, ONE_CASE, Reference, Scratch, closed_port, ended, program};
use futures_util::future::join_all;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use stompliance::link::ws::accept_key;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// The time within which a target that cannot be judged must have been told.
const LIMIT: Duration = Duration::from_secs(20);
/// Patience where it must be spent: less than the default, to save time.
const SHORT: &str = "600ms";

/// What a bad server does with a connection.
#[derive(Debug, Clone, Copy)]
enum Bad {
    /// Closes at once.
    Closes,
    /// Reads and says nothing.
    Silent,
    /// Streams octets that are nothing, without end.
    Garbage,
    /// Answers the request with this, and closes.
    Answers(&'static str),
    /// Answers with this head, and then with this piece without end.
    NeverEnds(&'static str, &'static [u8]),
    /// Upgrades, and goes on as it says.
    Upgrades(After),
}

/// What a bad server does once it has upgraded.
#[derive(Debug, Clone, Copy)]
enum After {
    /// Reads nothing and says nothing.
    Deaf,
    /// Reads everything and says nothing.
    Silent,
    /// Closes TCP at once.
    Cuts,
    /// Sends a close frame at once.
    Closes,
    /// Streams this without end.
    Streams(&'static [u8]),
    /// Streams octets that are nothing.
    Garbage,
    /// Sends the beginning of a frame of 2^60 octets, and streams the rest.
    HugeFrame,
    /// Waits for a frame, and answers every one with this text.
    AnswersFrames(&'static str),
    /// The same, and closes after the first.
    AnswersOnce(&'static str),
    /// Has sent a wrong `Sec-WebSocket-Accept`.
    WrongAccept,
}

/// Octets without any sense, the same in every run.
fn garbage() -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    (0..4096).map(|_| next()).collect()
}

/// A text frame of a server.
fn text_frame(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap();
    assert!(length < 126, "short texts only");
    [&[0x81, length], text.as_bytes()].concat()
}

/// Reads a request's head; the key in it.
async fn request(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let key = head
        .lines()
        .find_map(|l| l.split_once(':').filter(|(n, _)| n.eq_ignore_ascii_case("sec-websocket-key")));
    Ok(key.map(|(_, value)| value.trim().to_owned()).unwrap_or_default())
}

/// Writes a piece until the peer has enough.
async fn forever(stream: &mut TcpStream, piece: &[u8]) -> std::io::Result<()> {
    let chunk = piece.repeat((16 * 1024 / piece.len()).max(1));
    loop {
        stream.write_all(&chunk).await?;
    }
}

/// Reads until the peer has gone.
async fn drain(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}

async fn behave(mut stream: TcpStream, bad: Bad) -> std::io::Result<()> {
    match bad {
        Bad::Closes => Ok(()),
        Bad::Silent => drain(&mut stream).await,
        Bad::Garbage => forever(&mut stream, &garbage()).await,
        Bad::Answers(answer) => {
            request(&mut stream).await?;
            stream.write_all(answer.as_bytes()).await?;
            stream.shutdown().await?;
            drain(&mut stream).await
        }
        Bad::NeverEnds(head, piece) => {
            request(&mut stream).await?;
            stream.write_all(head.as_bytes()).await?;
            forever(&mut stream, piece).await
        }
        Bad::Upgrades(after) => {
            let key = request(&mut stream).await?;
            let accept =
                if matches!(after, After::WrongAccept) { "d3Jvbmc=".into() } else { accept_key(&key) };
            let head = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
            upgraded(stream, after).await
        }
    }
}

async fn upgraded(mut stream: TcpStream, after: After) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    match after {
        After::Deaf => {
            std::future::pending::<()>().await;
            Ok(())
        }
        After::Silent | After::WrongAccept => drain(&mut stream).await,
        After::Cuts => Ok(()),
        After::Closes => {
            stream.write_all(&[0x88, 2, 0x03, 0xf0]).await?;
            drain(&mut stream).await
        }
        After::Streams(piece) => forever(&mut stream, piece).await,
        After::Garbage => forever(&mut stream, &garbage()).await,
        After::HugeFrame => {
            stream.write_all(&[0x81, 127, 0x10, 0, 0, 0, 0, 0, 0, 0]).await?;
            forever(&mut stream, b"x").await
        }
        After::AnswersFrames(text) => {
            while stream.read(&mut buffer).await? > 0 {
                stream.write_all(&text_frame(text)).await?;
            }
            Ok(())
        }
        After::AnswersOnce(text) => {
            let _ = stream.read(&mut buffer).await?;
            stream.write_all(&text_frame(text)).await?;
            stream.write_all(&[0x88, 2, 0x03, 0xe8]).await?;
            stream.shutdown().await?;
            drain(&mut stream).await
        }
    }
}

/// Serves connections badly; the address, `127.0.0.1:PORT`.
async fn serve(bad: Bad) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // The peer's going away in the middle of it is what these servers are for.
            tokio::spawn(behave(stream, bad));
        }
    });
    address
}

/// Runs the one case on a URL with two accounts and these further flags.
async fn judge(url: &str, more: &[&str]) -> Ended {
    let scratch = Scratch::new();
    scratch.file("one.yaml", ONE_CASE);
    let mut args = vec!["run", "one.yaml", "--target", url];
    args.extend(["--account", "a=user_001:some-token-1", "--account", "b=user_002:some-token-2"]);
    args.extend(more);
    ended(&mut program(scratch.path(), &args), LIMIT).await
}

/// What is wrong with how a run ended; nothing, where it ended with 3, in time, and says all that it must in a few
/// lines. Words are alternatives where `|` stands between them.
fn complaints(name: &str, ended: &Ended, said: &[&str]) -> Vec<String> {
    let mut found: Vec<String> = said
        .iter()
        .filter(|words| !words.split('|').any(|word| ended.stderr.contains(word)))
        .map(|words| format!("{words:?} is not said"))
        .collect();
    if ended.code != Some(3) {
        found.push(format!("it ended with {:?}", ended.code));
    }
    if ended.stderr.contains("panicked at") {
        found.push("it panicked".into());
    }
    if ended.stderr.trim().lines().count() > 4 || ended.stderr.len() > 1000 {
        found.push("a flood, not a message".into());
    }
    let shown = |what: String| format!("{name} ({:?}): {what}:\n{}", ended.took, ended.stderr.trim());
    found.into_iter().map(shown).collect()
}

/// Asserts that a run ended as it must.
#[track_caller]
fn refused(name: &str, ended: &Ended, said: &[&str]) {
    let found = complaints(name, ended, said);
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}

/// Runs rows at the same time and asserts on them all: name, behaviour, what must be said.
async fn rows(rows: &[(&str, Bad, &[&str])]) {
    patient_rows(SHORT, rows).await;
}

/// The same with this patience.
async fn patient_rows(patience: &str, rows: &[(&str, Bad, &[&str])]) {
    let runs = rows.iter().map(|(name, bad, said)| async move {
        let url = format!("ws://{}/ws/im", serve(*bad).await);
        let ended = judge(&url, &["--timeout", patience]).await;
        let mut said = said.to_vec();
        said.extend(["cannot be judged", url.as_str(), "no account of 2 was let in"]);
        complaints(name, &ended, &said)
    });
    let found = join_all(runs).await.concat();
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}

#[tokio::test]
async fn a_target_that_cannot_be_reached_is_named_with_the_reason() {
    let refusing = format!("ws://127.0.0.1:{}/ws/im", closed_port());
    let table: [(&str, &str, &[&str]); 4] = [
        (
            "a name that does not resolve",
            "ws://no-such-host.invalid/ws/im",
            &["cannot resolve the host `no-such-host.invalid`"],
        ),
        (
            "a host that nobody has",
            "ws://192.0.2.1:9/ws/im",
            &["192.0.2.1:9", "cannot connect to 192.0.2.1:9"],
        ),
        ("a port on which nobody listens", &refusing, &["cannot connect to 127.0.0.1", "refused"]),
        ("IPv6 that nobody listens on", "ws://[::1]:9/ws/im", &["cannot connect to [::1]:9"]),
    ];
    let runs = table.map(|(name, url, said)| async move {
        complaints(name, &judge(url, &["--timeout", SHORT]).await, said)
    });
    let found = join_all(runs).await.concat();
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}

#[tokio::test]
async fn an_answer_that_is_no_upgrade_is_shown_with_its_status_and_the_start_of_its_body() {
    const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 22\r\n\r\nno such thing lives us";
    const HELLO: &str =
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><h1>Welcome to nginx!</h1></html>";
    const ELSEWHERE: &str =
        "HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n";
    const BROKEN: &str = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 12\r\n\r\nstack trace:";
    const CUT: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 100\r\n\r\nback soon";
    rows(&[
        ("404", Bad::Answers(NOT_FOUND), &["HTTP 404", "no such thing"]),
        ("200", Bad::Answers(HELLO), &["HTTP 200", "Welcome to nginx!"]),
        ("302", Bad::Answers(ELSEWHERE), &["HTTP 302"]),
        ("500", Bad::Answers(BROKEN), &["HTTP 500", "stack trace:"]),
        ("a body that is cut short", Bad::Answers(CUT), &["HTTP 503", "back soon"]),
        (
            "a body that never ends",
            Bad::NeverEnds("HTTP/1.1 200 OK\r\n\r\n", b"lorem ipsum "),
            &["HTTP 200", "lorem ipsum"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_shown() {
    const SSH: &str = "SSH-2.0-OpenSSH_9.6\r\n";
    rows(&[
        ("closes at once", Bad::Closes, &["no HTTP answer"]),
        ("closes after the request", Bad::Answers(""), &["no HTTP answer"]),
        ("accepts and says nothing", Bad::Silent, &["no HTTP answer within 600 ms"]),
        ("streams garbage", Bad::Garbage, &["no HTTP answer", "it began with"]),
        ("another protocol", Bad::Answers(SSH), &["no HTTP answer", "SSH-2.0-OpenSSH"]),
        (
            "headers that never end",
            Bad::NeverEnds("HTTP/1.1 101 Switching Protocols\r\n", b"X-More: and more\r\n"),
            &["no HTTP answer"],
        ),
        (
            "a header that never ends",
            Bad::NeverEnds("HTTP/1.1 200 OK\r\nX-Long: ", b"long"),
            &["no HTTP answer"],
        ),
        (
            "interim answers that never end",
            Bad::NeverEnds("", b"HTTP/1.1 102 Processing\r\n\r\n"),
            &["no HTTP answer"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_comes_instead_of_stomp_after_the_upgrade_is_shown() {
    rows(&[
        ("says nothing and reads nothing", Bad::Upgrades(After::Deaf), &["did not come within"]),
        ("says nothing to CONNECT", Bad::Upgrades(After::Silent), &["did not come within"]),
        ("cuts", Bad::Upgrades(After::Cuts), &["CONNECTED|closed|end of the stream|reset"]),
        ("closes", Bad::Upgrades(After::Closes), &["1008"]),
        ("streams garbage", Bad::Upgrades(After::Garbage), &["malformed"]),
        ("a wrong Sec-WebSocket-Accept", Bad::Upgrades(After::WrongAccept), &["Sec-WebSocket-Accept"]),
        (
            "text that is no STOMP",
            Bad::Upgrades(After::AnswersFrames("hello there")),
            &["did not come within"],
        ),
        (
            "ERROR to every CONNECT",
            Bad::Upgrades(After::AnswersFrames("ERROR\nmessage:go away\n\n\0")),
            &["ERROR", "go away"],
        ),
        (
            "ERROR and a close",
            Bad::Upgrades(After::AnswersOnce("ERROR\nmessage:go away\n\n\0")),
            &["ERROR", "go away"],
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_never_end_are_given_up() {
    // Six floods at a time keep a machine busy: the upgrade has to get through them.
    let busy = "2s";
    patient_rows(
        busy,
        &[
            (
                "heart-beats",
                Bad::Upgrades(After::Streams(&[0x81, 1, b'\n'])),
                &["did not come|never stopped"],
            ),
            ("pings", Bad::Upgrades(After::Streams(&[0x89, 0])), &["did not come|never stopped"]),
            ("messages to nobody", Bad::Upgrades(After::Streams(b"\x81\x0aMESSAGE\n\n\0")), &["MESSAGE"]),
            (
                "a STOMP header that never ends",
                Bad::Upgrades(After::Streams(b"\x81\x06MESSAG")),
                &["did not come|never stopped"],
            ),
            (
                "a message of fragments that never ends",
                Bad::Upgrades(After::Streams(b"\x00\x04abcd")),
                &["continuation of nothing"],
            ),
            (
                "a frame of 2^60 octets",
                Bad::Upgrades(After::HugeFrame),
                &["too long|longer|2^60|1152921504606846976|exceeds|more than"],
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_default_patience_is_soon_over_too() {
    let address = serve(Bad::Upgrades(After::Silent)).await;
    let ended = judge(&format!("ws://{address}/ws/im"), &[]).await;
    refused("silent, with the default patience", &ended, &["did not come within 5"]);
}

#[tokio::test]
async fn a_wrong_path_is_told_with_the_servers_answer() {
    let server = Reference::start().await;
    let ended = judge(&format!("ws://{}/ws/nowhere", server.address), &[]).await;
    refused("a wrong path", &ended, &["HTTP 404", "/ws/nowhere"]);
}

#[tokio::test]
async fn an_account_that_is_not_let_in_is_named() {
    let server = Reference::start().await;
    let scratch = Scratch::new();
    let url = format!("ws://{}/ws/im", server.address);
    scratch.file("one.yaml", ONE_CASE);
    let mut args = vec!["run".to_owned(), "one.yaml".into(), "--target".into(), url];
    args.extend(Reference::accounts(3));
    args.extend(["--account".into(), "mallory=user_001:not-a-token".into()]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let ended = ended(&mut program(scratch.path(), &args), LIMIT).await;
    refused("one bad token", &ended, &["the account `mallory` was not let in", "mallory: "]);
}

/// A certificate authority, and a server's certificate by it for 127.0.0.1: the authority as PEM, what the server uses.
fn certificates() -> (String, TlsAcceptor) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), Ipv4Addr::LOCALHOST.to_string()];
    let issuer = Issuer::new(authority, authority_key);
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    (pem, acceptor(certificate.der().clone(), &key))
}

/// What a server with this certificate accepts with.
fn acceptor(
    certificate: tokio_rustls::rustls::pki_types::CertificateDer<'static>,
    key: &KeyPair,
) -> TlsAcceptor {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// TLS in front of a plain server; the address, `127.0.0.1:PORT`.
async fn terminator(acceptor: TlsAcceptor, behind: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                let mut outside = acceptor.accept(stream).await?;
                let mut inside = TcpStream::connect(behind).await?;
                copy_bidirectional(&mut outside, &mut inside).await
            });
        }
    });
    address
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_and_one_that_is_trusted_is_not() {
    let server = Reference::start().await;
    let (pem, with_authority) = certificates();
    let scratch = Scratch::new();
    let ca = scratch.file("ca.pem", &pem).display().to_string();
    let address = terminator(with_authority, server.address.clone()).await;
    let port = address.rsplit_once(':').unwrap().1;
    let url = format!("wss://localhost:{port}/ws/im");
    let own = KeyPair::generate().unwrap();
    let itself = CertificateParams::new(vec!["localhost".into()]).unwrap().self_signed(&own).unwrap();
    let self_signed = terminator(acceptor(itself.der().clone(), &own), server.address.clone()).await;
    let self_signed = format!("wss://{}/ws/im", self_signed.replace("127.0.0.1", "localhost"));

    let refusals = [(&url, vec![]), (&self_signed, vec![]), (&self_signed, vec!["--ca", &ca])];
    for (url, more) in &refusals {
        refused(
            "a certificate that nobody vouches for",
            &judge(url, more).await,
            &["TLS failed with localhost:", "certificate|UnknownIssuer", "--ca", "--insecure"],
        );
    }
    let other_name = judge(&format!("wss://127.0.0.2:{port}/ws/im"), &["--ca", &ca]).await;
    refused("a certificate for another name", &other_name, &["127.0.0.2:"]);

    for (url, flags) in
        [(&url, vec!["--ca", &ca]), (&url, vec!["--insecure"]), (&self_signed, vec!["--insecure"])]
    {
        let scratch = Scratch::new();
        scratch.file("one.yaml", ONE_CASE);
        let mut args: Vec<String> = ["run", "one.yaml", "--target", url].map(str::to_owned).into();
        args.extend(Reference::accounts(4));
        args.extend(flags.iter().map(|f| (*f).to_owned()));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let ended = ended(&mut program(scratch.path(), &args), common::LONG).await.exits(0);
        let summary = &scratch.run_json()["summary"];
        assert!(summary["pass"].as_u64() > Some(0), "{flags:?}: {summary}\n{}", ended.stdout);
    }
}

#[tokio::test]
async fn tls_and_plain_text_that_meet_are_told() {
    let server = Reference::start().await;
    let (_, with_authority) = certificates();
    let tls = terminator(with_authority, server.address.clone()).await;
    let (secure, plain) = (format!("wss://{}/ws/im", server.address), format!("ws://{tls}/ws/im"));
    let (tls_to_plain, plain_to_tls) = tokio::join!(
        judge(&secure, &["--insecure", "--timeout", SHORT]),
        judge(&plain, &["--timeout", SHORT])
    );
    refused("TLS to a plain port", &tls_to_plain, &["TLS failed with 127.0.0.1:", "ws://"]);
    refused("plain text to a TLS port", &plain_to_tls, &["no HTTP answer", "TLS", "wss://"]);
}

#[tokio::test]
async fn roots_that_cannot_be_used_are_told() {
    let scratch = Scratch::new();
    let empty = scratch.file("empty.pem", "nothing").display().to_string();
    let missing = scratch.path().join("missing.pem").display().to_string();
    for (ca, said) in [(&empty, "no certificate in it"), (&missing, "missing.pem")] {
        let ended = judge("wss://127.0.0.1:9/ws/im", &["--ca", ca]).await.exits(2);
        assert!(ended.stderr.contains("the CA file") && ended.stderr.contains(said), "{}", ended.stderr);
    }
}
