//! From frames to octets on the wire, in the layout that a case asks for (docs/language.md 4, `wire`).
//!
//! It relies on the codecs of STOMP, SockJS and WebSocket. Mask keys come from the run's seed, so that the same run
//! writes the same octets.

use crate::case::script::{Between, Layout};
use crate::case::transport::Transport;
use crate::dice::Dice;
use crate::link::sockjs;
use crate::link::ws::{Role, WsFrame, encode_frame, opcode};

/// Writes what one connection sends.
#[derive(Debug)]
pub struct Writer {
    layout: Layout,
    over: Transport,
    role: Role,
    dice: Dice,
    batch: Vec<Vec<u8>>,
}

impl Writer {
    /// A client's writer in the plain layout: one frame, one text message.
    pub fn new(over: Transport, seed: u64) -> Self {
        Writer {
            layout: Layout::default(),
            over,
            role: Role::Client,
            dice: Dice::new(seed),
            batch: Vec::new(),
        }
    }

    /// The same for a server, who masks nothing.
    pub fn of_server(over: Transport) -> Self {
        Writer { role: Role::Server, ..Writer::new(over, 0) }
    }

    /// A mask key, for who masks.
    fn mask(&mut self) -> Option<[u8; 4]> {
        (self.role == Role::Client).then(|| self.dice.mask())
    }

    /// How the connection travels.
    pub fn over(&self) -> Transport {
        self.over
    }

    /// Why these octets cannot be carried in this layout, where they cannot.
    pub fn cannot_carry(&self, octets: &[u8]) -> Option<&'static str> {
        if !self.over.is_sockjs() {
            return None;
        }
        let all = [&self.batch.concat(), octets, self.layout.after.as_bytes()].concat();
        let no_text = self.pieces(&all).iter().any(|piece| std::str::from_utf8(piece).is_err());
        no_text.then_some("SockJS carries text only, and these octets, as they are cut, are none")
    }

    /// Changes the layout. What lies in an unfinished batch is returned, to be sent now.
    pub fn set_layout(&mut self, layout: Layout) -> Vec<u8> {
        let left = self.flush();
        self.layout = layout;
        left
    }

    /// Whether lines end with CR LF.
    pub fn is_crlf(&self) -> bool {
        self.layout.crlf
    }

    /// Octets in the layout; none while a batch fills. `as_it_is` leaves text text even where it is none.
    pub fn octets(&mut self, mut octets: Vec<u8>, as_it_is: bool) -> Vec<u8> {
        octets.extend(self.layout.after.as_bytes());
        let Some(size) = self.layout.batch else { return self.lay_out(&octets, as_it_is) };
        self.batch.push(octets);
        if self.batch.len() < size { Vec::new() } else { self.flush() }
    }

    /// A frame's octets in one plain message, whatever the layout; what lies in an unfinished batch goes before it.
    pub fn plainly(&mut self, octets: &[u8]) -> Vec<u8> {
        let mut out = self.flush();
        let layout = std::mem::take(&mut self.layout);
        out.extend(self.lay_out(octets, false));
        self.layout = layout;
        out
    }

    fn flush(&mut self) -> Vec<u8> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            Vec::new()
        } else if self.over.is_sockjs() && self.layout.every.is_none() && self.layout.cut.is_empty() {
            self.strings(&batch)
        } else {
            self.lay_out(&batch.concat(), false)
        }
    }

    /// Frames that leave together over SockJS: one string to each, in an array (SOCKJS-WS-02, SOCKJS-XHR-02).
    fn strings(&mut self, frames: &[Vec<u8>]) -> Vec<u8> {
        let texts: Vec<String> = frames.iter().map(|frame| sockjs::as_text(frame)).collect();
        match self.over.has_websocket() {
            true if self.role == Role::Server => {
                self.message(opcode::TEXT, &sockjs::messages(&texts).into_bytes())
            }
            true => self.message(opcode::TEXT, &sockjs::write_client(&texts).into_bytes()),
            false => {
                texts.iter().flat_map(|text| (sockjs::write_message(text) + "\n").into_bytes()).collect()
            }
        }
    }

    fn lay_out(&mut self, octets: &[u8], as_it_is: bool) -> Vec<u8> {
        let pieces = self.pieces(octets);
        // A piece of a frame that ends within a character is no text: then all pieces are binary.
        let no_text = pieces.iter().any(|p| std::str::from_utf8(p).is_err());
        let binary = self.layout.binary || (no_text && !as_it_is);
        let mut out = Vec::new();
        let kind = if binary { opcode::BINARY } else { opcode::TEXT };
        for piece in pieces {
            out.extend(match self.over.is_sockjs() {
                true => self.strings(&[piece.to_vec()]),
                false => self.message(kind, piece),
            });
        }
        out
    }

    fn pieces<'o>(&self, octets: &'o [u8]) -> Vec<&'o [u8]> {
        match self.layout.every {
            Some(every) => octets.chunks(every).collect(),
            None => cut(octets, &self.layout.cut),
        }
    }

    fn message(&mut self, kind: u8, payload: &[u8]) -> Vec<u8> {
        let size = self.layout.fragment.unwrap_or(usize::MAX).min(payload.len().max(1));
        let fragments: Vec<&[u8]> =
            if payload.is_empty() { vec![&[]] } else { payload.chunks(size).collect() };
        let last = fragments.len() - 1;
        let mut out = Vec::new();
        for (at, fragment) in fragments.into_iter().enumerate() {
            let frame = WsFrame {
                fin: at == last,
                rsv: 0,
                opcode: if at == 0 { kind } else { opcode::CONTINUATION },
                mask: self.mask(),
                payload: fragment.to_vec(),
            };
            out.extend(encode_frame(&frame));
            match self.layout.between.filter(|_| at != last) {
                Some(Between::Ping) => out.extend(self.control(opcode::PING, b"between".to_vec())),
                Some(Between::Pong) => out.extend(self.control(opcode::PONG, b"between".to_vec())),
                Some(Between::Empty) => {
                    let mask = self.mask();
                    let empty = WsFrame { fin: false, mask, ..WsFrame::new(opcode::CONTINUATION, [], None) };
                    out.extend(encode_frame(&empty));
                }
                None => {}
            }
        }
        out
    }

    /// A control frame.
    pub fn control(&mut self, kind: u8, payload: Vec<u8>) -> Vec<u8> {
        encode_frame(&WsFrame::new(kind, payload, self.mask()))
    }

    /// What begins the closing handshake; nothing, where there is none.
    pub fn close(&mut self, code: u16) -> Vec<u8> {
        if !self.over.has_websocket() {
            return Vec::new();
        }
        self.control(opcode::CLOSE, code.to_be_bytes().to_vec())
    }

    /// A heart-beat.
    pub fn beat(&mut self) -> Vec<u8> {
        let layout = std::mem::take(&mut self.layout);
        let octets = self.lay_out(b"\n", false);
        self.layout = layout;
        octets
    }
}

/// Pieces cut at these octets; a cut at or behind the end is no cut.
fn cut<'o>(octets: &'o [u8], at: &[usize]) -> Vec<&'o [u8]> {
    let mut cuts: Vec<usize> = at.iter().copied().filter(|at| *at > 0 && *at < octets.len()).collect();
    cuts.sort_unstable();
    cuts.dedup();
    let ends = cuts.iter().copied().chain([octets.len()]);
    let mut from = 0;
    ends.map(|end| {
        let piece = &octets[from..end];
        from = end;
        piece
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::ws::{Assembler, FrameReader, Message};
    use crate::stomp::{Frame, Style, encode_with};

    fn messages(octets: &[u8]) -> Vec<Message> {
        let mut reader = FrameReader::new(Role::Server, 1 << 20);
        let mut assembler = Assembler::new(1 << 20);
        reader.feed(octets);
        let mut out = Vec::new();
        while let Some(Ok((frame, violations))) = reader.next_frame() {
            assert_eq!(violations, []);
            out.extend(assembler.push(frame).unwrap());
        }
        out
    }

    fn written(layout: Layout, frames: usize) -> Vec<Message> {
        let mut writer = Writer::new(Transport::Websocket, 1);
        writer.set_layout(layout);
        let frame = Frame::new("SEND").body("ä");
        let style = Style {
            crlf: writer.is_crlf(),
            content_length: crate::stomp::ContentLength::AsGiven,
            ..Style::default()
        };
        let octets: Vec<u8> =
            (0..frames).flat_map(|_| writer.octets(encode_with(&frame, &style), false)).collect();
        messages(&octets)
    }

    #[test]
    fn each_layout_carries_the_same_frames() {
        let text = |t: &str| Message::Text(t.into());
        let binary = |b: &[u8]| Message::Binary(b.into());
        assert_eq!(written(Layout::default(), 1), [text("SEND\n\nä\0")]);
        assert_eq!(
            written(Layout { batch: Some(2), ..Layout::default() }, 3),
            [text("SEND\n\nä\0SEND\n\nä\0")]
        );
        assert_eq!(
            written(Layout { cut: vec![5, 99], ..Layout::default() }, 1),
            [text("SEND\n"), text("\nä\0")]
        );
        assert_eq!(
            written(Layout { cut: vec![7], ..Layout::default() }, 1),
            [binary(b"SEND\n\n\xc3"), binary(b"\xa4\0")]
        );
        assert_eq!(written(Layout { every: Some(1), binary: true, ..Layout::default() }, 1).len(), 9);
        assert_eq!(written(Layout { fragment: Some(2), ..Layout::default() }, 1), [text("SEND\n\nä\0")]);
        let between = |between| Layout { fragment: Some(5), between: Some(between), ..Layout::default() };
        assert_eq!(written(between(Between::Empty), 1), [text("SEND\n\nä\0")]);
        assert_eq!(
            written(between(Between::Ping), 1),
            [Message::Ping(b"between".into()), text("SEND\n\nä\0")]
        );
        let crlf = Layout { crlf: true, after: "\n".into(), ..Layout::default() };
        assert_eq!(written(crlf, 1), [text("SEND\r\n\r\nä\0\n")]);
    }

    #[test]
    fn an_unfinished_batch_leaves_with_the_next_layout() {
        let mut writer = Writer::new(Transport::Websocket, 1);
        writer.set_layout(Layout { batch: Some(5), ..Layout::default() });
        assert!(writer.octets(b"x".to_vec(), false).is_empty());
        assert_eq!(messages(&writer.set_layout(Layout::default())), [Message::Text("x".into())]);
    }

    #[test]
    fn over_sockjs_a_frame_is_a_string_in_an_array() {
        let mut writer = Writer::new(Transport::SockjsWebsocket, 1);
        assert_eq!(
            messages(&writer.octets(b"a\0".to_vec(), false)),
            [Message::Text("[\"a\\u0000\"]".into())]
        );
    }

    #[test]
    fn without_a_websocket_a_message_is_a_line_and_nothing_closes() {
        let mut writer = Writer::new(Transport::XhrPolling, 1);
        writer.set_layout(Layout { cut: vec![2], ..Layout::default() });
        assert_eq!(writer.octets(b"a\nb\0".to_vec(), false), b"\"a\\n\"\n\"b\\u0000\"\n");
        assert_eq!((writer.beat(), writer.close(1000)), (b"\"\\n\"\n".to_vec(), Vec::new()));
    }

    #[test]
    fn sockjs_cannot_carry_what_is_no_text() {
        let mut writer = Writer::new(Transport::SockjsWebsocket, 1);
        assert_eq!(writer.cannot_carry("ä".as_bytes()), None);
        assert!(writer.cannot_carry(b"\xff").is_some());
        writer.set_layout(Layout { every: Some(1), ..Layout::default() });
        assert!(writer.cannot_carry("ä".as_bytes()).is_some(), "no half of a character");
        assert_eq!(Writer::new(Transport::Websocket, 1).cannot_carry(b"\xff"), None);
    }
}
