//! What holds of the readers of SockJS whatever octets come, said once: for `cargo fuzz`, for the corpus and for proptest
//! alike.
//!
//! It relies on the doors that everybody uses and does no I/O. It never asks whether a session may go on.

use super::{
    Layout, Responses, SockFrame, as_text, close, messages, read, read_client, write_client, write_message,
};
use crate::dice::Dice;

const LAYOUTS: [Layout; 3] = [Layout::Polling, Layout::Streaming, Layout::Events];
/// What stands between two responses in an input: an octet that no UTF-8 has.
const NEXT_RESPONSE: u8 = 0xff;

/// Asserts every law on these octets, taken as responses (an octet 0xFF stands between two of them), and as one frame.
///
/// 1. Any split of the responses gives the same frames and faults.
/// 2. What is found is in the response: there are no more frames than lines, and no more text than came.
/// 3. A frame that can be read is written and read as it was; read by a browser's rules in any layout it is the same,
///    without a fault.
/// 4. What a frame to a client says, a client's own array says as well, and the reverse (SOCKJS-WS-02).
/// 5. No character that a browser could lose is written unescaped (SOCKJS-FR-05).
///
/// # Panics
/// Where one of them does not hold.
pub fn hold(octets: &[u8]) {
    let responses: Vec<&[u8]> = octets.split(|octet| *octet == NEXT_RESPONSE).collect();
    for layout in LAYOUTS {
        let found = pieces(layout, &responses, |response| vec![response]);
        assert_eq!(pieces(layout, &responses, |response| response.chunks(1).collect()), found, "{layout:?}");
        assert_eq!(
            pieces(layout, &responses, |response| Dice::of(response).cut(response).collect()),
            found,
            "{layout:?}"
        );
        in_the_responses(octets, &responses, &found);
        found.iter().flatten().for_each(|text| frame(text));
    }
    let text = as_text(octets);
    frame(&text);
    from_client(&text);
    any_data(&text);
}

/// What is found in a response, frame by frame; `None` is a fault.
type Found = Vec<Option<String>>;

fn pieces<'a>(layout: Layout, responses: &[&'a [u8]], cut: impl Fn(&'a [u8]) -> Vec<&'a [u8]>) -> Found {
    let mut reader = Responses::new(layout);
    let mut found = Vec::new();
    for response in responses {
        cut(response).into_iter().for_each(|piece| reader.feed(piece));
        reader.end();
        found.extend(std::iter::from_fn(|| reader.next_frame()).map(Result::ok));
    }
    found
}

/// Law 2. An octet that is no UTF-8 becomes a character of three.
fn in_the_responses(octets: &[u8], responses: &[&[u8]], found: &Found) {
    let lines = octets.iter().filter(|octet| **octet == b'\n').count() + responses.len();
    let frames = found.iter().flatten();
    assert!(frames.clone().count() <= lines, "{found:?}");
    assert!(frames.map(String::len).sum::<usize>() <= 3 * octets.len(), "{found:?}");
}

/// Laws 3 to 5, of the text of a frame.
fn frame(text: &str) {
    match read(text) {
        Ok(SockFrame::Open) => in_every_layout("o"),
        Ok(SockFrame::Heartbeat) => in_every_layout("h"),
        Ok(SockFrame::Messages(texts)) => {
            let written = messages(&texts);
            safe(&written);
            in_every_layout(&written);
            assert_eq!(read(&written), Ok(SockFrame::Messages(texts.clone())));
            assert_eq!(read_client(&text[1..]), Ok(texts), "{text:?} from a client");
        }
        Ok(SockFrame::Close(code, reason)) => {
            let written = close(code, &reason);
            in_every_layout(&written);
            assert_eq!(read(&written), Ok(SockFrame::Close(code, reason)));
        }
        Err(fault) => {
            assert_eq!(fault.text, text, "what is wrong is told as a whole");
            let by_first = if text.starts_with('c') { "SOCKJS-FR-04" } else { "SOCKJS-FR-03" };
            assert_eq!(fault.clause, by_first, "{text:?}");
        }
    }
}

/// Laws 4 and 5, of what a client sends.
fn from_client(text: &str) {
    let Ok(texts) = read_client(text) else {
        assert!(read(&format!("a{text}")).is_err(), "{text:?} is an array to a client only");
        return;
    };
    let written = write_client(&texts);
    safe(&written);
    assert_eq!(read_client(&written).as_ref(), Ok(&texts));
    for one in &texts {
        let written = write_message(one);
        safe(&written);
        assert_eq!(read_client(&written), Ok(vec![one.clone()]), "one string is a message");
    }
    if text.trim_start().starts_with('[') {
        assert_eq!(read(&format!("a{text}")), Ok(SockFrame::Messages(texts)));
    }
}

/// Law 3: a frame stands in responses as the specification lays it out (SOCKJS-XHR-01, SOCKJS-STR-01, SOCKJS-ES-01).
fn in_every_layout(frame: &str) {
    for layout in LAYOUTS {
        let response = match layout {
            Layout::Polling => format!("{frame}\n"),
            Layout::Streaming => format!("{}\n{frame}\n", "h".repeat(2048)),
            Layout::Events => format!("\r\ndata: {}\r\n\r\n", frame.replace('%', "%25")),
        };
        let found = pieces(layout, &[response.as_bytes()], |response| vec![response]);
        assert_eq!(found, [Some(frame.to_owned())], "{layout:?}");
    }
}

/// Law 3, of what is no frame of SockJS: one space belongs to the event, and no more.
fn any_data(text: &str) {
    let line = text.split(['\r', '\n', '%']).next().unwrap_or_default();
    let response = format!("\r\ndata: {line}\r\n\r\n");
    assert_eq!(
        pieces(Layout::Events, &[response.as_bytes()], |response| vec![response]),
        [Some(line.to_owned())]
    );
}

/// Law 5.
fn safe(written: &str) {
    let lost = |c: char| {
        let odd = [
            '\u{200c}'..='\u{200f}',
            '\u{2028}'..='\u{202f}',
            '\u{2060}'..='\u{206f}',
            '\u{fff0}'..='\u{ffff}',
        ];
        c.is_control() || odd.iter().any(|range| range.contains(&c))
    };
    assert!(!written.contains(lost), "{written:?}");
}
