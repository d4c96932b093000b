//! Defects in how frames are read.

use super::prelude::*;

/// The header lines of a frame as they stand on the wire.
fn lines(octets: &[u8]) -> Vec<(String, String)> {
    let head = String::from_utf8_lossy(octets).replace("\r\n", "\n");
    let lines =
        head.split('\n').skip_while(|line| line.is_empty()).skip(1).take_while(|line| !line.is_empty());
    lines.filter_map(|line| line.split_once(':')).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

/// A frame with each value of its headers made another.
fn values(mut frame: Frame, change: impl Fn(&str) -> String) -> Frame {
    frame.headers = frame.headers.iter().map(|(name, value)| (name.to_owned(), change(value))).collect();
    frame
}

defects! {
    hard: false;

    "message-is-frame" MessageIsFrame breaks ["WSSTOMP-08"],
    "A frame must be within one WebSocket message." {
        fn keeps_unfinished_frames(&self) -> bool { false }
    }

    "one-frame-per-message" OneFramePerMessage breaks ["WSSTOMP-07"],
    "Of a WebSocket message the first frame is read." {
        fn reads_every_frame(&self) -> bool { false }
    }

    "beats-are-faults" BeatsAreFaults breaks ["WSSTOMP-10", "STOMP12-FRAME-05"],
    "A line end between frames is a frame without a command." {
        fn skips_line_ends(&self) -> bool { false }
    }

    "keeps-cr" KeepsCr breaks ["STOMP12-FRAME-02"],
    "The CR of a line end belongs to the header's value." {
        fn understood(&self, frame: Frame, octets: &[u8]) -> Frame {
            let has_cr = octets.windows(2).any(|two| two == b"\r\n");
            if has_cr { values(frame, |value| format!("{value}\r")) } else { frame }
        }
    }

    "not-unescaped" NotUnescaped breaks ["STOMP12-ENC-04"],
    "Headers are taken as they stand on the wire." {
        fn understood(&self, mut frame: Frame, octets: &[u8]) -> Frame {
            frame.headers = lines(octets).into_iter().collect();
            frame
        }
    }

    "unescapes-of-1.1" UnescapesOf11 breaks ["STOMP12-ENC-04"],
    "The escape for CR is not known." {
        fn understood(&self, frame: Frame, octets: &[u8]) -> Frame { values(frame, |value| value.replace('\r', "\\r")) }
    }

    "unescapes-in-passes" UnescapesInPasses breaks ["STOMP12-ENC-04"],
    "Escapes are replaced one kind after the other." {
        fn understood(&self, frame: Frame, octets: &[u8]) -> Frame {
            values(frame, |value| value.replace("\\n", "\n").replace("\\c", ":").replace("\\r", "\r"))
        }
    }

    "names-not-unescaped" NamesNotUnescaped breaks ["STOMP12-ENC-02", "STOMP12-ENC-04"],
    "Only values are unescaped." {
        fn understood(&self, mut frame: Frame, octets: &[u8]) -> Frame {
            let names = lines(octets).into_iter().map(|(name, _)| name);
            frame.headers = names.zip(frame.headers.iter().map(|(_, value)| value.to_owned())).collect();
            frame
        }
    }

    "any-escape" AnyEscape breaks ["STOMP12-ENC-05"],
    "An escape that is not defined is left as it is." {
        fn forgives(&self) -> &'static [FaultKind] { &[FaultKind::UndefinedEscape] }
    }

    "unescapes-connected" UnescapesConnected breaks ["STOMP12-ENC-03"],
    "Headers of CONNECTED are unescaped as others are, and may be wrong." {
        fn accepts_version(&self, version: Option<Version>) -> bool { version.is_some() }
        fn hears<'o>(&self, octets: &'o [u8]) -> Cow<'o, [u8]> {
            let connected = octets.starts_with(b"CONNECTED") && octets.contains(&b'\\');
            if connected { Cow::Borrowed(b"MESSAGE\nbroken:\\t\n\n\0") } else { Cow::Borrowed(octets) }
        }
    }

    "trims-headers" TrimsHeaders breaks ["STOMP12-ENC-07"],
    "Values of headers are trimmed." {
        fn understood(&self, frame: Frame, octets: &[u8]) -> Frame {
            values(frame, |value| value.trim_matches(' ').to_owned())
        }
    }

    "last-header-counts" LastHeaderCounts breaks ["STOMP12-REP-02"],
    "Of headers that are repeated the last one counts." {
        fn understood(&self, mut frame: Frame, octets: &[u8]) -> Frame {
            let mut headers: Vec<(String, String)> =
                frame.headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            headers.reverse();
            frame.headers = headers.into_iter().collect();
            frame
        }
    }

    "last-length-counts" LastLengthCounts breaks ["STOMP12-REP-02"],
    "Of two lengths of a body the last one counts." {
        fn hears<'o>(&self, octets: &'o [u8]) -> Cow<'o, [u8]> {
            let text = octets.iter().map(|octet| char::from(*octet)).collect::<String>();
            match text.match_indices("\ncontent-length:").count() {
                0 | 1 => Cow::Borrowed(octets),
                _ => text.replacen("\ncontent-length:", "\nx-length:", 1).chars().map(|c| c as u8).collect(),
            }
        }
    }

    "headers-in-latin-1" HeadersInLatin1 breaks ["STOMP12-ENC-01"],
    "Headers are read as Latin-1." {
        fn understood(&self, frame: Frame, octets: &[u8]) -> Frame {
            values(frame, |value| value.bytes().map(char::from).collect())
        }
    }

    "empty-headers-dropped" EmptyHeadersDropped breaks ["STOMP12-FRAME-09"],
    "A header without a value is dropped." {
        fn understood(&self, mut frame: Frame, octets: &[u8]) -> Frame {
            frame.headers = frame.headers.iter().filter(|(_, value)| !value.is_empty()).collect();
            frame
        }
    }

    "few-headers" FewHeaders breaks ["IM-CLIENT-07"],
    "The first sixteen headers are kept." {
        fn understood(&self, mut frame: Frame, octets: &[u8]) -> Frame {
            frame.headers = frame.headers.iter().take(16).collect();
            frame
        }
    }

    "short-headers" ShortHeaders breaks ["IM-CLIENT-07"],
    "Of a header's value 4,096 octets are kept." {
        fn understood(&self, frame: Frame, octets: &[u8]) -> Frame {
            values(frame, |value| value.chars().take(4096).collect())
        }
    }

    "length-ignored" LengthIgnored breaks ["STOMP12-CLEN-02", "STOMP12-CLEN-03", "STOMP12-BODY-01", "STOMP12-CLEN-05"],
    "A body ends at the first NUL, whatever its length says." {
        fn hears<'o>(&self, octets: &'o [u8]) -> Cow<'o, [u8]> {
            let text = octets.iter().map(|octet| char::from(*octet)).collect::<String>();
            text.replace("\ncontent-length:", "\nx-length:").chars().map(|c| c as u8).collect()
        }
        fn forgives(&self) -> &'static [FaultKind] { &[FaultKind::StrayNul] }
    }

    "no-length-of-0" NoLengthOf0 breaks ["STOMP12-CLEN-01"],
    "A length of 0 is taken for a fault." {
        fn hears<'o>(&self, octets: &'o [u8]) -> Cow<'o, [u8]> {
            let text = octets.iter().map(|octet| char::from(*octet)).collect::<String>();
            text.replace("\ncontent-length:0\n", "\ncontent-length:none\n").chars().map(|c| c as u8).collect()
        }
    }

    "any-case-commands" AnyCaseCommands breaks ["STOMP12-FRAME-06", "STOMP12-FRAME-11", "STOMP12-FRAME-10"],
    "Commands are read in any case." {
        fn hears<'o>(&self, octets: &'o [u8]) -> Cow<'o, [u8]> {
            match octets.get(..7) {
                Some(command) if command.eq_ignore_ascii_case(b"MESSAGE") => {
                    [b"MESSAGE", &octets[7..]].concat().into()
                }
                _ => Cow::Borrowed(octets),
            }
        }
    }

    "any-case-headers" AnyCaseHeaders breaks ["STOMP12-FRAME-07", "STOMP12-FRAME-06"],
    "Names of headers are read in any case." {
        fn understood(&self, mut frame: Frame, octets: &[u8]) -> Frame {
            frame.headers = frame.headers.iter().map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
            frame
        }
    }

    "reads-unfinished" ReadsUnfinished breaks ["STOMP12-FRAME-04", "STOMP12-FRAME-01", "IM-CLIENT-07"],
    "A frame that the end of the connection cuts off is read." {
        fn reads_unfinished(&self) -> bool { true }
    }

    "splits-at-last-colon" SplitsAtLastColon breaks ["STOMP10-ENC-02"],
    "A header line is split at its last colon." {
        fn understood(&self, mut frame: Frame, octets: &[u8]) -> Frame {
            let whole = frame.headers.iter().map(|(name, value)| format!("{name}:{value}"));
            let split = |line: String| line.rsplit_once(':').map(|(n, v)| (n.to_owned(), v.to_owned()));
            frame.headers = whole.filter_map(split).collect();
            frame
        }
    }

    "one-version" OneVersion breaks ["STOMP12-VER-06"],
    "It offers three versions, and speaks 1.2 only." {
        fn accepts_version(&self, version: Option<Version>) -> bool { version == Some(Version::V12) }
    }

    "any-version" AnyVersion breaks [
        "STOMP12-VER-06", "STOMP10-ACK-01", "STOMP10-ENC-01", "STOMP11-ACK-01", "STOMP11-ENC-02", "STOMP11-ENC-03", "STOMP11-FRAME-01",
    ],
    "Whatever version CONNECTED says, 1.2 is spoken." {
        fn accepts_version(&self, version: Option<Version>) -> bool { true }
        fn speaks_as(&self, version: Version) -> Version { Version::V12 }
    }
}
