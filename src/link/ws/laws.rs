//! What holds of the readers of WebSocket frames and messages whatever octets come, said once: for `cargo fuzz`, for the
//! corpus and for proptest alike.
//!
//! It relies on the doors that everybody uses and does no I/O. It never asks what a violation costs a connection.

use super::frame::{FrameReader, Role, Violation, WsFrame, encode_frame, opcode};
use super::message::{Assembler, Message};
use crate::dice::Dice;

/// More than an input of the fuzzer has, and a limit that many exceed.
const LIMITS: [usize; 2] = [1 << 20, 16];
/// The longest head of a frame: two octets, a length of eight, a mask.
const LONGEST_HEAD: usize = 14;

/// Asserts every law on these octets, taken as one direction of a connection, in either role.
///
/// 1. Any split of the stream gives the same frames, violations and end.
/// 2. A frame is given with its last octet, and unmasked (RFC 6455, 5.3); written again, it is the octets that came, unless its length was written
///    too long (WS-FR-07), which is then gone.
/// 3. No payload or message is longer than its limit, and no more than one frame is kept; a frame is refused for its
///    size only, and then nothing follows.
/// 4. The roles read the same; one of them, and one only, complains of the mask (WS-FR-02, WS-FR-03).
/// 5. A frame that is said to be without fault has nothing that RFC 6455 forbids, and the reverse.
/// 6. Messages are the payloads of their frames in order, however they are cut into fragments, with a ping between; the
///    codes of closing are those that may be sent (WS-CL-04).
///
/// # Panics
/// Where one of them does not hold.
pub fn hold(octets: &[u8]) {
    let [server, client] = [Role::Server, Role::Client].map(|role| read(octets, role, LIMITS[0]));
    roles_agree(&server, &client);
    for limit in LIMITS {
        let reading = read(octets, Role::Client, limit);
        let common = reading.frames.len().min(client.frames.len());
        assert_eq!(reading.frames[..common], client.frames[..common], "a limit takes away only");
        assert!(reading.refused.is_some() || reading == client, "limit {limit}");
        let frames: Vec<&WsFrame> = reading.frames.iter().map(|piece| &piece.frame).collect();
        LIMITS.iter().for_each(|most| messages(&frames, *most));
    }
}

/// A frame that was read, and where it ends.
#[derive(Debug, Clone, PartialEq)]
struct Piece {
    frame: WsFrame,
    violations: Vec<Violation>,
    to: usize,
}

/// What was read of a stream.
#[derive(Debug, PartialEq)]
struct Reading {
    frames: Vec<Piece>,
    refused: Option<Violation>,
    within: bool,
}

/// Reads the stream in one go, and asserts laws 1 to 3, and 5.
fn read(stream: &[u8], role: Role, limit: usize) -> Reading {
    // Octet by octet first: only so it is seen where a frame ends.
    let single = pieces(stream.chunks(1), role, limit);
    for others in [pieces([stream], role, limit), pieces(Dice::of(stream).cut(stream), role, limit)] {
        let frames = |reading: &Reading| -> Vec<(WsFrame, Vec<Violation>)> {
            reading.frames.iter().map(|p| (p.frame.clone(), p.violations.clone())).collect()
        };
        assert_eq!(frames(&others), frames(&single), "{role:?}");
        assert_eq!(others.refused, single.refused, "{role:?}");
        assert_eq!(others.within, single.within, "{role:?}");
    }
    let mut at = 0;
    for piece in &single.frames {
        as_it_came(&stream[at..piece.to], piece);
        forbidden(piece, role);
        assert!(piece.frame.payload.len() <= limit, "{} octets", piece.frame.payload.len());
        at = piece.to;
    }
    let rest = &stream[at..];
    match &single.refused {
        Some(violation) => {
            assert_eq!((violation.clause, violation.close_code), ("WS-SEC-01", 1009));
            assert!(announced(rest).is_some_and(|length| length > limit as u64), "{violation}");
        }
        None => {
            assert_eq!(single.within, !rest.is_empty());
            assert!(rest.len() < LONGEST_HEAD + limit, "{} octets are kept", rest.len());
        }
    }
    single
}

fn pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, role: Role, limit: usize) -> Reading {
    let mut reader = FrameReader::new(role, limit);
    let mut reading = Reading { frames: Vec::new(), refused: None, within: false };
    let mut fed = 0;
    for piece in pieces {
        reader.feed(piece);
        fed += piece.len();
        while let Some(found) = reader.next_frame() {
            match found {
                Ok((frame, violations)) => reading.frames.push(Piece { frame, violations, to: fed }),
                Err(violation) => {
                    assert_eq!(reader.next_frame(), Some(Err(violation.clone())), "nothing follows it");
                    reading.refused = Some(violation);
                    break;
                }
            }
        }
    }
    reading.within = reader.is_within_frame();
    reading
}

/// The length that a head announces (RFC 6455, 5.2), read in another way than the reader's.
fn announced(octets: &[u8]) -> Option<u64> {
    let wide = match octets.get(1)? & 0x7f {
        126 => 2,
        127 => 8,
        short => return Some(u64::from(short)),
    };
    let octets = octets.get(2..2 + wide)?;
    Some(octets.iter().fold(0, |sum, octet| sum << 8 | u64::from(*octet)))
}

/// Law 2.
fn as_it_came(came: &[u8], piece: &Piece) {
    let written = encode_frame(&piece.frame);
    let WsFrame { mask, payload, .. } = &piece.frame;
    assert_eq!(announced(came), Some(payload.len() as u64));
    // RFC 6455, 5.3, by itself: what reads and what writes share their mask.
    let octet = |at: usize| payload[at] ^ mask.map_or(0, |mask| mask[at % 4]);
    let behind_head = &came[came.len() - payload.len()..];
    assert!(behind_head.iter().enumerate().all(|(at, masked)| *masked == octet(at)), "{piece:?}");
    if piece.violations.iter().all(|violation| violation.clause != "WS-FR-07") {
        assert_eq!(written, came, "written as it came");
        return;
    }
    assert!(written.len() < came.len(), "its length was written too long");
    let again = pieces([&written[..]], Role::Client, payload.len());
    let [again] = &again.frames[..] else { panic!("{again:?}") };
    assert_eq!(again.frame, piece.frame);
    assert!(again.violations.iter().all(|violation| violation.clause != "WS-FR-07"), "{again:?}");
}

/// Law 5: the clauses by a frame's fields (RFC 6455, 5.1, 5.2 and 5.5); WS-FR-07 is law 2.
fn forbidden(piece: &Piece, role: Role) {
    let WsFrame { fin, rsv, opcode, mask, payload } = &piece.frame;
    let control = *opcode & 8 != 0;
    let known =
        [opcode::CONTINUATION, opcode::TEXT, opcode::BINARY, opcode::CLOSE, opcode::PING, opcode::PONG];
    for (clause, broken) in [
        ("WS-FR-02", role == Role::Server && mask.is_none()),
        ("WS-FR-03", role == Role::Client && mask.is_some()),
        ("WS-FR-05", *rsv != 0),
        ("WS-FR-06", !known.contains(opcode)),
        ("WS-FR-10", control && (!fin || payload.len() > 125)),
    ] {
        let told = piece.violations.iter().filter(|violation| violation.clause == clause).count();
        assert_eq!(told, usize::from(broken), "{clause}: {piece:?}");
    }
    assert!(piece.violations.iter().all(|violation| violation.close_code == 1002));
}

/// Law 4.
fn roles_agree(server: &Reading, client: &Reading) {
    let without_mask = |reading: &Reading| -> Vec<Piece> {
        let mut frames = reading.frames.clone();
        for piece in &mut frames {
            let before = piece.violations.len();
            piece.violations.retain(|violation| !matches!(violation.clause, "WS-FR-02" | "WS-FR-03"));
            assert!(before - piece.violations.len() <= 1);
        }
        frames
    };
    assert_eq!(without_mask(server), without_mask(client));
    assert_eq!((&server.refused, server.within), (&client.refused, client.within));
    for (server, client) in server.frames.iter().zip(&client.frames) {
        assert_eq!(server.violations.len().abs_diff(client.violations.len()), 1, "{server:?}, {client:?}");
    }
}

/// Law 6.
fn messages(frames: &[&WsFrame], limit: usize) {
    let mut assembler = Assembler::new(limit);
    // What the open message has so far.
    let mut open: Option<(u8, Vec<u8>)> = None;
    for frame in frames {
        let made = assembler.push((*frame).clone());
        if matches!(frame.opcode, opcode::CLOSE | opcode::PING | opcode::PONG) {
            control(frame, made);
            continue;
        }
        let continues = frame.opcode == opcode::CONTINUATION;
        let (kind, octets) = match open.take() {
            Some((kind, before)) if continues => (kind, [before, frame.payload.clone()].concat()),
            None if !continues => (frame.opcode, frame.payload.clone()),
            _ => {
                assert!(made.is_err_and(|violation| violation.clause == "WS-FR-09"), "{frame:?}");
                continue;
            }
        };
        match made {
            Err(violation) if violation.clause == "WS-SEC-01" => assert!(octets.len() > limit, "{violation}"),
            Err(violation) => {
                assert_eq!((violation.clause, violation.close_code), ("WS-FR-13", 1007));
                assert!(kind == opcode::TEXT && frame.fin && std::str::from_utf8(&octets).is_err());
            }
            Ok(None) => {
                assert!(!frame.fin && octets.len() <= limit);
                open = Some((kind, octets));
            }
            Ok(Some(message)) => {
                assert!(frame.fin && octets.len() <= limit);
                whole(kind, &octets, &message);
            }
        }
    }
}

fn control(frame: &WsFrame, made: Result<Option<Message>, Violation>) {
    match made {
        Ok(Some(Message::Ping(payload))) => {
            assert_eq!((opcode::PING, &payload), (frame.opcode, &frame.payload))
        }
        Ok(Some(Message::Pong(payload))) => {
            assert_eq!((opcode::PONG, &payload), (frame.opcode, &frame.payload))
        }
        Ok(Some(Message::Close(code, reason))) => {
            assert_eq!(frame.opcode, opcode::CLOSE);
            let code_octets = code.map(|code| code.to_be_bytes().to_vec()).unwrap_or_default();
            assert_eq!([code_octets, reason.into_bytes()].concat(), frame.payload);
            // 1004 and 1016 to 2999 are for later, and of 5000 and more nothing is said; whoever uses them says nothing wrong yet.
            assert!(code.is_none_or(|code| code >= 1000 && ![1005, 1006, 1015].contains(&code)));
        }
        Err(violation) => {
            assert_eq!(frame.opcode, opcode::CLOSE, "{violation}");
            assert!(matches!(violation.clause, "WS-CL-04" | "WS-CL-05") && !frame.payload.is_empty());
        }
        other => panic!("{frame:?} is {other:?}"),
    }
}

/// A message is its octets, and the same out of any two fragments with a ping between them.
fn whole(kind: u8, octets: &[u8], message: &Message) {
    let held = match message {
        Message::Text(text) => (opcode::TEXT, text.as_bytes()),
        Message::Binary(octets) => (kind, &octets[..]),
        other => panic!("{other:?} of opcode {kind}"),
    };
    assert_eq!(held, (kind, octets));
    let cut = octets.len() / 2;
    let frame =
        |fin, opcode, payload: &[u8]| WsFrame { fin, rsv: 0, opcode, mask: None, payload: payload.into() };
    let mut assembler = Assembler::new(octets.len());
    assert_eq!(assembler.push(frame(false, kind, &octets[..cut])), Ok(None));
    assert_eq!(assembler.push(frame(true, opcode::PING, b"")), Ok(Some(Message::Ping(Vec::new()))));
    assert_eq!(
        assembler.push(frame(true, opcode::CONTINUATION, &octets[cut..])).as_ref(),
        Ok(&Some(message.clone()))
    );
}
