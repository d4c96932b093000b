//! What STOMP 1.2 forbids in a unit, looked up in its octets line by line and without our decoder: slow, and plain.

use stompliance::stomp::{CLIENT_COMMANDS, FaultKind, Limits, SERVER_COMMANDS};

/// The lines of a unit.
pub(crate) struct Sketch<'u> {
    /// From the command on.
    frame: &'u [u8],
    /// Command line and header lines, as far as there are, without their ends.
    pub(crate) lines: Vec<&'u [u8]>,
    /// Where the blank line begins in the unit, and whether it ends in CR LF.
    pub(crate) blank: Option<(usize, bool)>,
    /// What is behind the blank line, if there is one.
    pub(crate) body: Option<&'u [u8]>,
    /// Octets of a line that has not ended.
    unfinished: usize,
}

impl<'u> Sketch<'u> {
    pub(crate) fn of(unit: &'u [u8]) -> Self {
        let mut frame = unit;
        while let Some(rest) = frame.strip_prefix(b"\n").or_else(|| frame.strip_prefix(b"\r\n")) {
            frame = rest;
        }
        let mut sketch = Sketch { frame, lines: Vec::new(), blank: None, body: None, unfinished: 0 };
        let mut rest = frame;
        while let Some(lf) = rest.iter().position(|octet| *octet == b'\n') {
            let line = rest[..lf].strip_suffix(b"\r").unwrap_or(&rest[..lf]);
            if line.is_empty() {
                sketch.blank = Some((unit.len() - rest.len(), lf == 1));
                sketch.body = Some(&rest[lf + 1..]);
                return sketch;
            }
            sketch.lines.push(line);
            rest = &rest[lf + 1..];
        }
        sketch.unfinished = rest.len();
        sketch
    }

    pub(crate) fn command(&self) -> &'u [u8] {
        self.lines.first().copied().unwrap_or_default()
    }

    /// Header lines, cut at the first colon.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'u [u8], &'u [u8])> {
        self.lines.iter().skip(1).filter_map(|line| {
            let colon = line.iter().position(|octet| *octet == b':')?;
            Some((&line[..colon], &line[colon + 1..]))
        })
    }

    /// Whether headers are escaped (STOMP12-ENC-03, STOMP12-CONN-04).
    pub(crate) fn escapes(&self) -> bool {
        ![&b"CONNECT"[..], b"CONNECTED", b"STOMP"].contains(&self.command())
    }

    /// What the first content-length says: nothing where there is none, no number where it is none.
    fn length(&self) -> Option<Option<usize>> {
        let (_, value) = self.headers().find(|(name, _)| *name == b"content-length")?;
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        Some(std::str::from_utf8(value).ok().filter(|_| digits).and_then(|text| text.parse().ok()))
    }

    /// Every way in which the unit breaks the grammar, as far as it has come.
    pub(crate) fn broken(&self) -> Vec<FaultKind> {
        let first_line = self.frame.split(|octet| *octet == b'\n').next().unwrap_or_default();
        if self.frame.first() == Some(&0) {
            return vec![FaultKind::StrayNul];
        }
        if first_line.contains(&0) {
            return vec![FaultKind::NoBlankLine];
        }
        let mut broken = self.head();
        broken.extend(self.large().then_some(FaultKind::TooLarge));
        broken.extend(self.body.and_then(|body| self.behind(body)));
        broken
    }

    /// What is wrong about the lines, once there are no more.
    fn head(&self) -> Vec<FaultKind> {
        if self.body.is_none() {
            return Vec::new();
        }
        let headers = &self.lines[1..];
        let any = |wrong: fn(&[u8]) -> bool| headers.iter().any(|line| wrong(line));
        let found = [
            (FaultKind::NoCommand, String::from_utf8_lossy(self.command()).trim().is_empty()),
            (FaultKind::StrayCr, self.lines.iter().any(|line| line.contains(&b'\r'))),
            (FaultKind::NotUtf8, self.lines.iter().any(|line| std::str::from_utf8(line).is_err())),
            (FaultKind::NoColon, any(|line| !line.contains(&b':'))),
            (FaultKind::EmptyName, any(|line| line.first() == Some(&b':'))),
            (FaultKind::LengthMalformed, self.length() == Some(None)),
            (
                FaultKind::UndefinedEscape,
                self.escapes() && self.headers().any(|(name, value)| !defined(name) || !defined(value)),
            ),
        ];
        found.into_iter().filter_map(|(kind, is)| is.then_some(kind)).collect()
    }

    fn large(&self) -> bool {
        let limits = Limits::default();
        // Until the head is whole, the last octet of a line may be the CR of its end.
        let spare = usize::from(self.body.is_none());
        self.lines.len() > limits.headers + 1 && self.body.is_some()
            || self.lines.iter().any(|line| line.len() > limits.line + spare)
            || self.unfinished > limits.line + 1
            || self.length().flatten().is_some_and(|length| length > limits.frame) && self.body.is_some()
    }

    /// What is wrong about the body, once it has come.
    fn behind(&self, body: &[u8]) -> Option<FaultKind> {
        let end = match self.length().flatten() {
            Some(length) => match body.get(length) {
                Some(0) => length,
                Some(_) => return Some(FaultKind::LengthWrong),
                None => return None,
            },
            None => body.iter().position(|octet| *octet == 0)?,
        };
        let known =
            CLIENT_COMMANDS.iter().chain(&SERVER_COMMANDS).any(|known| known.as_bytes() == self.command());
        let may = [&b"SEND"[..], b"MESSAGE", b"ERROR"].contains(&self.command());
        (end > 0 && known && !may).then_some(FaultKind::BodyForbidden)
    }
}

/// Whether every backslash begins one of the four escapes (STOMP12-ENC-05).
pub(crate) fn defined(text: &[u8]) -> bool {
    let mut octets = text.iter();
    while let Some(octet) = octets.next() {
        if *octet == b'\\' && !octets.next().is_some_and(|next| b"rnc\\".contains(next)) {
            return false;
        }
    }
    true
}
