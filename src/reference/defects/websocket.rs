//! Defects of the WebSocket layer, and of how STOMP frames are put into messages.

use super::prelude::*;

defects! {
    hard: false;

    "empty-pong" EmptyPong breaks ["WS-FR-11"],
    "A pong does not repeat what the ping held." {
        fn pong(&self, ping: Vec<u8>) -> Vec<u8> { Vec::new() }
    }

    "unmasked-accepted" UnmaskedAccepted breaks ["WS-FR-02"],
    "Frames are read whether they are masked or not." {
        fn closes_at(&self, clause: &str) -> bool { clause != "WS-FR-02" }
    }

    "reserved-bits-ignored" ReservedBitsIgnored breaks ["WS-FR-05"],
    "Reserved bits are not looked at." {
        fn closes_at(&self, clause: &str) -> bool { clause != "WS-FR-05" }
    }

    "long-control-accepted" LongControlAccepted breaks ["WS-FR-10"],
    "A control frame may be of any length, and in fragments." {
        fn closes_at(&self, clause: &str) -> bool { clause != "WS-FR-10" }
    }

    "fragments-mixed-up" FragmentsMixedUp breaks ["WS-FR-09"],
    "A continuation without a beginning, and a beginning within a message, are dropped without a word." {
        fn closes_at(&self, clause: &str) -> bool { clause != "WS-FR-09" }
    }

    "bad-text-dropped" BadTextDropped breaks ["WS-FR-13"],
    "A text message that is not UTF-8 is dropped without a word." {
        fn closes_at(&self, clause: &str) -> bool { clause != "WS-FR-13" }
    }

    "bad-close-ignored" BadCloseIgnored breaks ["WS-CL-04", "WS-CL-05"],
    "A close frame with a code or a reason that cannot be is dropped without a word." {
        fn closes_at(&self, clause: &str) -> bool { !clause.starts_with("WS-CL") }
    }

    "control-breaks-fragments" ControlBreaksFragments breaks ["WS-FR-08"],
    "A control frame between two fragments makes the server forget the first." {
        fn keeps_fragments(&self) -> bool { false }
    }

    "empty-fragment-refused" EmptyFragmentRefused breaks ["WS-FR-16"],
    "A fragment without octets ends the connection." {
        fn takes_empty_fragments(&self) -> bool { false }
    }

    "ends-without-handshake" EndsWithoutHandshake breaks ["WSSTOMP-13"],
    "The server ends TCP without a close frame." {
        fn ends_by_handshake(&self) -> bool { false }
    }

    "long-body-cut" LongBodyCut breaks ["STOMP12-SIZE-02"],
    "A body beyond the limit is cut to it, and delivered." {
        fn frame_limit(&self) -> usize { 1024 * 1024 }
        fn relayed(&self, content_type: Option<&str>, mut body: Vec<u8>) -> Vec<u8> {
            body.truncate(64 * 1024);
            body
        }
    }

    "close-unanswered" CloseUnanswered breaks ["WS-CL-01"],
    "A close frame is answered by the end of TCP." {
        fn answers_close(&self) -> bool { false }
    }

    "frames-behind-close-read" FramesBehindCloseRead breaks ["WS-CL-08"],
    "What comes behind the client's close frame is carried out." {
        fn reads_behind_close(&self) -> bool { true }
    }

    "beat-behind-close" BeatBehindClose breaks ["WS-CL-02"],
    "A heart-beat is sent behind the close frame." {
        fn says_behind_close(&self) -> Option<&'static str> { Some("\n") }
    }

    "no-pong" NoPong breaks ["WS-FR-11"],
    "Pings are not answered." {
        fn answers_ping(&self) -> bool { false }
    }

    "masked-server-frames" MaskedServerFrames breaks ["WS-FR-03"],
    "The server masks its WebSocket frames." {
        fn octets(&self, frame: &WsFrame) -> Vec<u8> {
            encode_frame(&WsFrame { mask: Some([0x5a, 0x17, 0xc3, 0x08]), ..frame.clone() })
        }
    }

    "first-frame-only" FirstFrameOnly breaks ["WSSTOMP-07"],
    "Of several frames in one WebSocket message only the first is read." {
        fn reads_every_frame(&self) -> bool { false }
    }

    "split-frame-lost" SplitFrameLost breaks ["WSSTOMP-08"],
    "A frame that goes on in the next WebSocket message is forgotten." {
        fn keeps_unfinished_frames(&self) -> bool { false }
    }

    "headers-not-escaped" HeadersNotEscaped breaks ["STOMP12-ENC-02", "STOMP12-ENC-06", "STOMP12-FRAME-08", "STOMP12-RCPT-02"],
    "Headers are written as they are, without escapes." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            stomp::encode_with(frame, &Style { version, escape: false, ..Style::default() })
        }
    }

    "quotes-escaped" QuotesEscaped breaks ["STOMP12-ENC-06"],
    "Quotes in header values are written with a backslash before them." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            super::with_headers(frame, |name, value| Some((name.to_owned(), value.replace('"', "\\\""))))
        }
    }

    "content-length-in-characters" ContentLengthInCharacters breaks ["STOMP12-CLEN-06", "STOMP12-CLEN-02", "STOMP12-CLEN-03"],
    "`content-length` counts characters instead of octets." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            let content_length = match std::str::from_utf8(&frame.body) {
                Ok(text) if !text.is_empty() => ContentLength::Exactly(text.chars().count()),
                _ => ContentLength::Auto,
            };
            stomp::encode_with(frame, &Style { version, content_length, ..Style::default() })
        }
    }

    "unknown-opcode-dropped" UnknownOpcodeDropped breaks ["WS-FR-06"],
    "A frame of an unknown kind is dropped without a word." {
        fn closes_at(&self, clause: &str) -> bool { clause != "WS-FR-06" }
    }

    "close-code-of-no-close" CloseCodeOfNoClose breaks ["WS-CL-04"],
    "A close frame has the code 1005, which means that there is none." {
        fn octets(&self, frame: &WsFrame) -> Vec<u8> {
            let payload = if frame.opcode == opcode::CLOSE { vec![0x03, 0xed] } else { frame.payload.clone() };
            encode_frame(&WsFrame { payload, ..frame.clone() })
        }
    }

    "long-form-of-length" LongFormOfLength breaks ["WS-FR-07"],
    "The length of a frame is always written in two octets." {
        fn octets(&self, frame: &WsFrame) -> Vec<u8> {
            let octets = encode_frame(frame);
            match u16::try_from(frame.payload.len()) {
                Ok(length) if length < 126 && octets.len() > 1 => {
                    let mut long = vec![octets[0], 126];
                    long.extend(length.to_be_bytes());
                    long.extend_from_slice(&frame.payload);
                    long
                }
                _ => octets,
            }
        }
    }

    "length-as-signed" LengthAsSigned breaks ["WS-FR-17", "IM-ERR-06", "IM-SEND-04", "STOMP12-SIZE-02"],
    "A length of two octets is taken for a signed number: frames of 32 KiB and more are too long." {
        fn hears<'o>(&self, octets: &'o [u8]) -> Cow<'o, [u8]> {
            if octets.len() > 0x7fff { Cow::Borrowed(&[]) } else { Cow::Borrowed(octets) }
        }
    }

    "text-ends-at-nul" TextEndsAtNul breaks ["WSSTOMP-05", "WSSTOMP-07", "STOMP12-CLEN-02", "STOMP12-FRAME-10"],
    "A message is handled as a C string: behind its first NUL nothing is read." {
        fn hears<'o>(&self, octets: &'o [u8]) -> Cow<'o, [u8]> {
            let end = octets.iter().position(|octet| *octet == 0).map_or(octets.len(), |nul| nul + 1);
            Cow::Borrowed(&octets[..end])
        }
    }

    "binary-for-good" BinaryForGood breaks ["WSSTOMP-05"],
    "Who has sent a binary message is read in binary only: text is dropped." {
        fn takes_text(&self, binary_before: bool) -> bool { !binary_before }
    }

    "binary-dropped" BinaryDropped breaks ["WSSTOMP-06"],
    "Binary messages are dropped without a word." {
        fn takes_binary(&self) -> bool { false }
    }

    "fragments-read-alone" FragmentsReadAlone breaks ["WSSTOMP-11", "WS-FR-08", "WS-FR-16"],
    "Each fragment is read as a message of its own: a character that is cut is lost." {
        fn joins_fragments(&self) -> bool { false }
    }

    "line-end-is-a-frame" LineEndIsAFrame breaks ["WSSTOMP-10", "STOMP12-FRAME-05", "STOMP12-HB-05"],
    "A line end between frames is read as a frame without a command." {
        fn skips_line_ends(&self) -> bool { false }
    }

    "only-beats-are-life" OnlyBeatsAreLife breaks ["STOMP12-HB-11"],
    "Only a heart-beat is a sign of life; frames are not." {
        fn counts_as_life(&self, octets: &[u8]) -> bool { octets.iter().all(|octet| matches!(octet, b'\n' | b'\r')) }
    }

    "crlf-not-understood" CrlfNotUnderstood breaks ["STOMP12-FRAME-02"],
    "A carriage return at the end of a line is part of the line." {
        fn forgives(&self) -> &'static [FaultKind] { &[FaultKind::StrayCr] }
        fn hears<'o>(&self, octets: &'o [u8]) -> Cow<'o, [u8]> {
            Cow::Owned(octets.iter().flat_map(|octet| if *octet == b'\r' { vec![b'\r'; 2] } else { vec![*octet] }).collect())
        }
    }

    "no-blank-line" NoBlankLine breaks ["STOMP12-FRAME-01"],
    "A frame without a body has no blank line." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            let mut octets = stomp::encode(frame, version);
            if octets.ends_with(b"\n\n\0") && octets.len() > 3 {
                octets.truncate(octets.len() - 2);
                octets.push(0);
            }
            octets
        }
    }

    "no-nul" NoNul breaks ["STOMP12-FRAME-04"],
    "A frame ends with its WebSocket message, and not with NUL." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            stomp::encode_with(frame, &Style { version, nul: false, ..Style::default() })
        }
    }

    "two-nuls" TwoNuls breaks ["STOMP12-FRAME-04", "STOMP12-FRAME-01"],
    "A frame ends with two NULs." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            stomp::encode_with(frame, &Style { version, after: vec![0], ..Style::default() })
        }
    }

    "commands-in-any-case" CommandsInAnyCase breaks ["STOMP12-FRAME-06"],
    "Commands are understood in any case." {
        fn understood(&self, frame: Frame) -> Frame { Frame { command: frame.command.to_uppercase(), ..frame } }
    }

    "headers-in-any-case" HeadersInAnyCase breaks ["STOMP12-FRAME-07", "STOMP12-MSG-07"],
    "Header names are made small." {
        fn understood(&self, frame: Frame) -> Frame {
            if frame.command != "SEND" && frame.command != "SUBSCRIBE" { return frame; }
            super::with_headers(frame, |name, value| Some((name.to_lowercase(), value.to_owned())))
        }
    }

    "header-without-colon-ends-head" HeaderWithoutColonEndsHead breaks ["STOMP12-FRAME-08"],
    "A header line without a colon is taken for the blank line: the rest of the headers is body." {
        fn hears<'o>(&self, octets: &'o [u8]) -> Cow<'o, [u8]> {
            let text = String::from_utf8_lossy(octets);
            if !text.starts_with("SEND") { return Cow::Borrowed(octets); }
            let odd = text.lines().skip(1).take_while(|line| !line.is_empty()).find(|line| !line.contains(':'));
            match odd {
                Some(line) => Cow::Owned(text.replacen(&format!("\n{line}\n"), "\n\n", 1).into_bytes()),
                None => Cow::Borrowed(octets),
            }
        }
    }

    "empty-headers-dropped" EmptyHeadersDropped breaks ["STOMP12-FRAME-09"],
    "A header with an empty value is no header." {
        fn understood(&self, frame: Frame) -> Frame {
            super::with_headers(frame, |name, value| (!value.is_empty()).then(|| (name.to_owned(), value.to_owned())))
        }
    }

    "headers-in-latin-1" HeadersInLatin1 breaks ["STOMP12-ENC-01"],
    "Headers are written in Latin-1." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            let octets = stomp::encode(&Frame { body: Vec::new(), ..frame.clone() }, version);
            let head = String::from_utf8_lossy(&octets[..octets.len() - 1]).into_owned();
            let mut written: Vec<u8> = head.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
            if !frame.body.is_empty() {
                written.pop();
                written.extend(format!("content-length:{}\n\n", frame.body.len()).into_bytes());
            }
            written.extend_from_slice(&frame.body);
            written.push(0);
            written
        }
    }

    "connect-unescaped" ConnectUnescaped breaks ["STOMP12-ENC-03"],
    "CONNECT is read with escapes, and refused for one that there is not." {
        fn objects_to(&self, frame: &Frame) -> Option<&'static str> {
            let odd = |text: &str| {
                text.replace("\\\\", "").split('\\').skip(1).any(|rest| !rest.starts_with(['n', 'c', 'r']))
            };
            (frame.command == "CONNECT" && frame.headers.iter().any(|(name, value)| odd(name) || odd(value)))
                .then_some("Malformed frame")
        }
    }

    "escapes-not-decoded" EscapesNotDecoded breaks ["STOMP12-ENC-04"],
    "A colon that was escaped stays escaped." {
        fn hears<'o>(&self, octets: &'o [u8]) -> Cow<'o, [u8]> {
            let text = String::from_utf8_lossy(octets);
            if text.starts_with("CONNECT") { return Cow::Borrowed(octets); }
            Cow::Owned(text.replace("\\c", "\\\\c").into_bytes())
        }
    }

    "undefined-escapes-kept" UndefinedEscapesKept breaks ["STOMP12-ENC-05", "STOMP11-ENC-02"],
    "An escape that there is not is taken as it stands." {
        fn forgives(&self) -> &'static [FaultKind] { &[FaultKind::UndefinedEscape] }
    }

    "headers-trimmed" HeadersTrimmed breaks ["STOMP12-ENC-07", "STOMP11-ENC-04"],
    "White space at the ends of a header value is removed." {
        fn understood(&self, frame: Frame) -> Frame {
            super::with_headers(frame, |name, value| Some((name.to_owned(), value.trim().to_owned())))
        }
    }

    "headers-padded" HeadersPadded breaks ["STOMP12-ENC-07", "STOMP11-ENC-04", "STOMP12-RCPT-02", "STOMP12-CONND-01"],
    "A space is written behind the colon of a header." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            super::with_headers(frame, |name, value| {
                let padded = if name == "content-length" { value.to_owned() } else { format!(" {value}") };
                Some((name.to_owned(), padded))
            })
        }
    }

    "receipt-with-body" ReceiptWithBody breaks ["STOMP12-BODY-02"],
    "RECEIPT has a body." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            if frame.command == "RECEIPT" { frame.body("ok") } else { frame }
        }
    }

    "body-made-text" BodyMadeText breaks ["STOMP12-BODY-03"],
    "A body is decoded and encoded again: what is no UTF-8 is replaced." {
        fn relayed(&self, content_type: Option<&str>, body: Vec<u8>) -> Vec<u8> {
            String::from_utf8_lossy(&body).into_owned().into_bytes()
        }
    }

    "no-content-length" NoContentLength breaks ["STOMP12-CLEN-04", "STOMP12-CLEN-05", "STOMP12-MSG-06", "STOMP12-ERR-06", "STOMP11-CLEN-01"],
    "No frame has a `content-length`." {
        fn encode(&self, frame: &Frame, version: Version) -> Vec<u8> {
            stomp::encode_with(frame, &Style { version, content_length: ContentLength::AsGiven, ..Style::default() })
        }
    }

    "length-needs-a-body" LengthNeedsABody breaks ["STOMP12-CLEN-01"],
    "`content-length` is refused on a frame that has no body." {
        fn objects_to(&self, frame: &Frame) -> Option<&'static str> {
            (frame.command != "SEND" && frame.headers.has("content-length")).then_some("A body was announced")
        }
    }

    "short-length-obeyed" ShortLengthObeyed breaks ["STOMP12-CLEN-03"],
    "A body that is longer than its `content-length` is delivered as it is." {
        fn forgives(&self) -> &'static [FaultKind] { &[FaultKind::LengthWrong] }
    }

    "deaf-after-bad-length" DeafAfterBadLength breaks ["STOMP12-CLEN-07"],
    "After a `content-length` that is no number nothing more is read." {
        fn answers_fault(&self, kind: FaultKind) -> bool { kind != FaultKind::LengthMalformed }
    }

    "utf-8-refused" Utf8Refused breaks ["STOMP12-CTYPE-07", "STOMP12-CTYPE-05", "STOMP12-CTYPE-06"],
    "A `content-type` with the charset UTF-8 is refused." {
        fn objects_to(&self, frame: &Frame) -> Option<&'static str> {
            let kind = frame.header("content-type").unwrap_or_default().to_lowercase();
            kind.contains("utf-8").then_some("The charset is not known")
        }
    }

    "content-type-is-a-word" ContentTypeIsAWord breaks ["STOMP12-CTYPE-02"],
    "ERROR says `text` where `text/plain` is meant." {
        fn said(&self, frame: Frame, version: Version) -> Frame {
            if frame.command != "ERROR" { return frame; }
            super::with_value(frame, "content-type", |_| "text".to_owned())
        }
    }
}
