//! Oddities: what a target takes though STOMP forbids it. It is allowed to be lenient, so this is no finding; but whoever writes clients
//! against it should know.
//!
//! It relies on our own decoder for what is forbidden, and on the bench for what becomes of it.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::input::Input;
use super::trial::{Bench, Fault};
use super::{Outcome, Scenario, Told};
use crate::link::ws::{Assembler, FrameReader, Role, opcode};
use crate::stomp::{CLIENT_COMMANDS, Decoder, FaultKind, Frame, Item, Limits, Mode};

/// How many inputs are tried by themselves for each clause.
const TRIED: usize = 20;
/// The most of an example that is kept, in characters.
const SHOWN: usize = 200;

/// A clause, and how often nothing came of its being broken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Oddity {
    /// Inputs that break it and were tried by themselves.
    pub tried: usize,
    /// How many of them were neither answered by ERROR nor by the end of the connection.
    pub taken: usize,
    /// One of them, as far as it can be shown on a line.
    pub example: String,
}

impl Oddity {
    fn note(&mut self, taken: Option<bool>, input: &Input) {
        match taken {
            // It came to no verdict, and says nothing.
            None => self.tried -= 1,
            Some(false) => {}
            Some(true) => {
                self.taken += 1;
                if self.example.is_empty() {
                    let octets = input.clone().octets();
                    self.example = octets.escape_ascii().to_string().chars().take(SHOWN).collect();
                }
            }
        }
    }
}

/// Tries what is forbidden in these scenarios by itself, until enough is known of a clause.
pub(super) fn look_for(
    scenarios: &[Scenario],
    bench: &mut Bench,
    out: &Mutex<Outcome>,
    tell: &dyn Fn(Told<'_>),
) -> Result<(), Fault> {
    let inputs = scenarios.iter().flat_map(|one| one.inputs.iter().map(move |input| (&one.strategy, input)));
    let mut wanted: Vec<(&'static str, Scenario)> = Vec::new();
    for (strategy, input) in inputs {
        let Some(clause) = broken(input) else { continue };
        let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
        let oddity = out.oddities.entry(clause.to_owned()).or_default();
        if oddity.tried < TRIED {
            oddity.tried += 1;
            let (strategy, number) = (strategy.clone(), wanted.len() as u64);
            wanted.push((clause, Scenario { strategy, number, inputs: vec![input.clone()] }));
        }
    }
    let alone: Vec<Scenario> = wanted.iter().map(|(_, one)| one.clone()).collect();
    let taken = bench.takes(&alone)?;
    for ((clause, one), taken) in wanted.iter().zip(taken) {
        let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
        let oddity = out.oddities.entry((*clause).to_owned()).or_default();
        oddity.note(taken, &one.inputs[0]);
        if taken == Some(true) && oddity.taken == 1 {
            drop(out);
            tell(Told::Odd(clause));
        }
    }
    Ok(())
}

/// The clause that an input breaks, unless it leaves something unfinished: then the connection is given up before an answer must have
/// come.
fn broken(input: &Input) -> Option<&'static str> {
    match input {
        Input::Octets { octets } if !is_unfinished(octets) => forbidden(octets),
        Input::Beneath { octets } if !is_unfinished_beneath(octets) => forbidden_beneath(octets),
        _ => None,
    }
}

/// The clause that the first frame of these octets breaks, sent over a connection that has agreed on 1.2.
pub(super) fn forbidden(octets: &[u8]) -> Option<&'static str> {
    let mut decoder = Decoder::new(Mode::Strict, Limits::GENEROUS);
    decoder.feed(octets);
    loop {
        match decoder.next_item()? {
            Item::Eol => {}
            // Limits are the server's own.
            Item::Fault(fault) if fault.kind == FaultKind::TooLarge => return None,
            Item::Fault(fault) => return Some(fault.kind.clause()),
            Item::Frame(frame, _) => return lacking(&frame),
        }
    }
}

/// What completes a frame that is cut off.
pub(super) const TAIL: &[u8] = b"\n\n\0\n";

/// Whether a frame of STOMP is left unfinished by these octets, at least for who can count so far.
pub(super) fn is_unfinished(octets: &[u8]) -> bool {
    let mut decoder = Decoder::new(Mode::Lenient, Limits::GENEROUS);
    decoder.feed(octets);
    let mut endless = false;
    while let Some(item) = decoder.next_item() {
        if let Item::Frame(frame, _) = item {
            let length = frame.header("content-length").unwrap_or_default();
            endless |= length.len() > 18 && length.bytes().all(|b| b.is_ascii_digit());
        }
    }
    endless || !decoder.pending().is_empty()
}

/// Whether a frame of WebSocket is.
pub(super) fn is_unfinished_beneath(octets: &[u8]) -> bool {
    let mut reader = FrameReader::new(Role::Server, 1 << 30);
    reader.feed(octets);
    while let Some(Ok(_)) = reader.next_frame() {}
    reader.is_within_frame()
}

/// The clause that the first of these frames breaks which breaks any.
fn forbidden_beneath(octets: &[u8]) -> Option<&'static str> {
    let (mut reader, mut whole) = (FrameReader::new(Role::Server, 1 << 30), Assembler::new(1 << 30));
    reader.feed(octets);
    loop {
        match reader.next_frame()? {
            Err(violation) => return Some(violation.clause),
            Ok((_, violations)) if !violations.is_empty() => return violations.first().map(|v| v.clause),
            // Behind a close frame nothing is read (WS-CL-08).
            Ok((frame, _)) if frame.opcode == opcode::CLOSE => {
                return whole.push(frame).err().map(|v| v.clause);
            }
            Ok((frame, _)) => {
                if let Err(violation) = whole.push(frame) {
                    return Some(violation.clause);
                }
            }
        }
    }
}

/// What a client's frame must have and has not.
fn lacking(frame: &Frame) -> Option<&'static str> {
    let required: &[(&str, &'static str)] = match frame.command.as_str() {
        "SEND" => &[("destination", "STOMP12-SEND-01")],
        "SUBSCRIBE" => &[("destination", "STOMP12-SUB-01"), ("id", "STOMP12-SUB-05")],
        "UNSUBSCRIBE" => &[("id", "STOMP12-UNSUB-01")],
        "ACK" => &[("id", "STOMP12-ACK-01")],
        "NACK" => &[("id", "STOMP12-NACK-01")],
        "BEGIN" => &[("transaction", "STOMP12-TX-01")],
        "COMMIT" => &[("transaction", "STOMP12-TX-05")],
        "ABORT" => &[("transaction", "STOMP12-TX-06")],
        command if CLIENT_COMMANDS.contains(&command) => &[],
        _ => return Some("STOMP12-FRAME-12"),
    };
    let missing = required.iter().find(|(name, _)| frame.header(name).is_none()).map(|(_, clause)| *clause);
    let modes = ["auto", "client", "client-individual"];
    let mode = frame.header("ack").filter(|_| frame.command == "SUBSCRIBE");
    missing.or_else(|| mode.filter(|mode| !modes.contains(mode)).map(|_| "STOMP12-SUB-07"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stomp_forbids_is_known_by_its_clause() {
        for (octets, clause) in [
            (&b"SEND\ndestination:/topic/x\n\nbody\0"[..], None),
            (b"\n\nSEND\n\nbody\0", Some("STOMP12-SEND-01")),
            (b"send\ndestination:/topic/x\n\n\0", Some("STOMP12-FRAME-12")),
            (b"SUBSCRIBE\ndestination:/topic/x\n\n\0", Some("STOMP12-SUB-05")),
            (b"SUBSCRIBE\ndestination:/topic/x\nid:1\nack:maybe\n\n\0", Some("STOMP12-SUB-07")),
            (b"SEND\ndestination:/topic/x\na:\\t\n\n\0", Some("STOMP12-ENC-05")),
            (b"SEND\ndestination:/topic/x\n\nnever ends", None),
        ] {
            assert_eq!(forbidden(octets), clause, "{}", octets.escape_ascii());
        }
    }
}
