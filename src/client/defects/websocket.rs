//! Defects in how frames and messages of RFC 6455 are written and read.

use super::prelude::*;

defects! {
    hard: false;

    "unmasked" Unmasked breaks ["WS-FR-01"],
    "Frames are not masked." {
        fn octets(&self, frame: &WsFrame) -> Vec<u8> {
            encode_frame(&WsFrame { mask: None, ..frame.clone() })
        }
    }

    "long-lengths" LongLengths breaks ["WS-FR-07"],
    "Lengths are always written in two octets more than they need." {
        fn octets(&self, frame: &WsFrame) -> Vec<u8> {
            let mut octets = encode_frame(frame);
            let short = octets[1] & 0x7f;
            if short < 126 {
                octets[1] |= 126;
                octets.splice(2..2, [0, short]);
            }
            octets
        }
    }

    "cuts-within-characters" CutsWithinCharacters breaks ["WSSTOMP-18"],
    "A long text is sent in messages of 1,023 octets, whatever ends there." {
        fn octets(&self, frame: &WsFrame) -> Vec<u8> {
            if frame.opcode != opcode::TEXT {
                return encode_frame(frame);
            }
            let pieces = frame.payload.chunks(1023).map(|piece| WsFrame { payload: piece.to_vec(), ..frame.clone() });
            pieces.flat_map(|piece| encode_frame(&piece)).collect()
        }
    }

    "takes-masked" TakesMasked breaks ["WS-FR-04"],
    "A masked frame of the server is read." {
        fn closes_at(&self, clause: &str) -> bool { clause != "WS-FR-03" }
    }

    "takes-reserved-bits" TakesReservedBits breaks ["WS-FR-05"],
    "Reserved bits are not looked at." {
        fn closes_at(&self, clause: &str) -> bool { clause != "WS-FR-05" }
    }

    "takes-reserved-opcodes" TakesReservedOpcodes breaks ["WS-FR-06"],
    "A frame of a reserved opcode is passed over." {
        fn closes_at(&self, clause: &str) -> bool { clause != "WS-FR-06" }
        fn hears_frame(&self, frame: WsFrame) -> WsFrame {
            let reserved = matches!(frame.opcode, 3..=7 | 11..=15);
            if reserved { WsFrame::new(opcode::PONG, Vec::new(), None) } else { frame }
        }
    }

    "takes-any-control" TakesAnyControl breaks ["WS-FR-10"],
    "Control frames may be long, and in fragments." {
        fn closes_at(&self, clause: &str) -> bool { !matches!(clause, "WS-FR-10" | "WS-FR-09") }
    }

    "takes-any-order" TakesAnyOrder breaks ["WS-FR-09"],
    "Fragments that belong to nothing are passed over." {
        fn closes_at(&self, clause: &str) -> bool { clause != "WS-FR-09" }
    }

    "replaces-what-is-no-utf-8" ReplacesWhatIsNoUtf8 breaks ["WS-FR-13"],
    "What is not UTF-8 in a text is replaced." {
        fn hears_frame(&self, frame: WsFrame) -> WsFrame {
            match frame.opcode {
                opcode::TEXT => {
                    let payload = String::from_utf8_lossy(&frame.payload).into_owned().into_bytes();
                    WsFrame { payload, ..frame }
                }
                _ => frame,
            }
        }
    }

    "fragments-read-apart" FragmentsReadApart breaks ["WS-FR-16", "WSSTOMP-11", "WS-FR-13"],
    "Each fragment is read as a message of its own." {
        fn joins_fragments(&self) -> bool { false }
    }

    "fragments-lost-at-control" FragmentsLostAtControl breaks ["WS-FR-08", "WSSTOMP-11"],
    "A control frame between two fragments makes the first forgotten." {
        fn keeps_fragments(&self) -> bool { false }
        fn closes_at(&self, clause: &str) -> bool { clause != "WS-FR-09" }
    }

    "pong-empty" PongEmpty breaks ["WS-FR-11"],
    "A pong holds nothing." {
        fn pong(&self, ping: Vec<u8>, in_session: bool, within_message: bool) -> Option<Vec<u8>> { Some(Vec::new()) }
    }

    "pong-cut" PongCut breaks ["WS-FR-11"],
    "A pong holds no more than the first 64 octets of its ping." {
        fn pong(&self, mut ping: Vec<u8>, in_session: bool, within_message: bool) -> Option<Vec<u8>> {
            ping.truncate(64);
            Some(ping)
        }
    }

    "no-pong-before-connected" NoPongBeforeConnected breaks ["WS-FR-11"],
    "Pings are answered within a session only." {
        fn pong(&self, ping: Vec<u8>, in_session: bool, within_message: bool) -> Option<Vec<u8>> {
            in_session.then_some(ping)
        }
    }

    "no-pong-between-fragments" NoPongBetweenFragments breaks ["WS-FR-11", "WS-FR-08"],
    "A ping between two fragments is not answered." {
        fn pong(&self, ping: Vec<u8>, in_session: bool, within_message: bool) -> Option<Vec<u8>> {
            (!within_message).then_some(ping)
        }
    }

    "minds-unasked-pongs" MindsUnaskedPongs breaks ["WS-FR-12"],
    "A pong that was not asked for ends the connection." {
        fn minds_unasked_pong(&self) -> bool { true }
    }

    "text-only" TextOnly breaks ["WSSTOMP-06", "WSSTOMP-05"],
    "Binary messages are passed over." {
        fn takes_binary(&self) -> bool { false }
    }

    "length-of-127-lost" LengthOf127Lost breaks ["WS-FR-17"],
    "A message of exactly 127 octets is lost." {
        fn hears_frame(&self, mut frame: WsFrame) -> WsFrame {
            if frame.payload.len() == 127 {
                frame.payload.clear();
            }
            frame
        }
    }

    "close-not-answered" CloseNotAnswered breaks ["WS-CL-01"],
    "A close is not answered by one." {
        fn answers_close(&self) -> bool { false }
    }

    "reads-behind-close" ReadsBehindClose breaks ["WS-CL-08"],
    "What comes behind the server's close is read and shown." {
        fn reads_behind_close(&self) -> bool { true }
    }

    "speaks-behind-close" SpeaksBehindClose breaks ["WS-CL-02"],
    "Behind its close the client beats once more." {
        fn octets(&self, frame: &WsFrame) -> Vec<u8> {
            let mut octets = encode_frame(frame);
            if frame.opcode == opcode::CLOSE {
                octets.extend(encode_frame(&WsFrame::new(opcode::TEXT, b"\n".to_vec(), Some([1, 2, 3, 4]))));
            }
            octets
        }
    }

    "close-of-one-octet" CloseOfOneOctet breaks ["WS-CL-05"],
    "A close frame holds half of a code." {
        fn octets(&self, frame: &WsFrame) -> Vec<u8> {
            let mut frame = frame.clone();
            if frame.opcode == opcode::CLOSE {
                frame.payload.truncate(1);
            }
            encode_frame(&frame)
        }
    }

    "abnormal-close-code" AbnormalCloseCode breaks ["WS-CL-04"],
    "A connection that is failed is closed with 1006." {
        fn failure_code(&self, right: u16) -> u16 { 1006 }
    }

    "no-closing-handshake" NoClosingHandshake breaks ["WSSTOMP-14", "WS-CL-06"],
    "At its end the connection is cut without a close." {
        fn ends_by_handshake(&self) -> bool { false }
    }
}
