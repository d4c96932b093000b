//! In what the readers differ, and why: each difference has a class, which the octets of a unit decide.
//!
//! Where we refuse and another does not, `grammar.rs` must find the fault that we name in the unit, by itself. Where
//! both take a frame, or the other does not, what the other says is told in advance, and compared octet for octet.

use stompliance::stomp::{FaultKind, Version, unescape};

use crate::grammar::{Sketch, defined};
use crate::readers::{Read, Said, iridium, ours};

/// The classes of stompjs.
pub(crate) const STOMPJS: [&str; 18] = [
    "stompjs: undefined escape",
    "stompjs: line without a colon",
    "stompjs: header without a name",
    "stompjs: carriage return within a line",
    "stompjs: head that is not UTF-8",
    "stompjs: NUL between frames",
    "stompjs: empty command line",
    "stompjs: NUL in the command line",
    "stompjs: body where none may be",
    "stompjs: content-length that is no number",
    "stompjs: no NUL behind content-length octets",
    "stompjs: no limits",
    "stompjs: headers are trimmed",
    "stompjs: values are unescaped four times over",
    "stompjs: names stay escaped",
    "stompjs: STOMP is unescaped",
    "stompjs: byte order mark before the command",
    "stompjs: header of the name __proto__",
];

/// The classes of iridium-stomp.
pub(crate) const IRIDIUM: [&str; 13] = [
    "iridium: header without a name",
    "iridium: carriage return within a line",
    "iridium: NUL between frames",
    "iridium: empty command line",
    "iridium: NUL in the command line",
    "iridium: body where none may be",
    "iridium: content-length with a sign or spaces",
    "iridium: no limits on lines",
    "iridium: a head is looked at when the body is there",
    "iridium: a line without a colon is refused at once",
    "iridium: blank line that ends in CR LF",
    "iridium: CONNECT, CONNECTED and STOMP are unescaped",
    "iridium: content-length in any case",
];

/// The class of what we refuse and stompjs, which refuses nothing, does not.
fn stompjs_takes(kind: FaultKind) -> Option<&'static str> {
    Some(match kind {
        FaultKind::UndefinedEscape => STOMPJS[0],
        FaultKind::NoColon => STOMPJS[1],
        FaultKind::EmptyName => STOMPJS[2],
        FaultKind::StrayCr => STOMPJS[3],
        FaultKind::NotUtf8 => STOMPJS[4],
        FaultKind::StrayNul => STOMPJS[5],
        FaultKind::NoCommand => STOMPJS[6],
        FaultKind::NoBlankLine => STOMPJS[7],
        FaultKind::BodyForbidden => STOMPJS[8],
        FaultKind::LengthMalformed => STOMPJS[9],
        FaultKind::LengthWrong => STOMPJS[10],
        FaultKind::TooLarge => STOMPJS[11],
        FaultKind::RawColon | FaultKind::Truncated => return None,
    })
}

/// The class of what we refuse and iridium-stomp does not, as far as there are such.
fn iridium_takes(kind: FaultKind, sketch: &Sketch<'_>, theirs: &Said) -> Option<&'static str> {
    Some(match kind {
        FaultKind::EmptyName => IRIDIUM[0],
        FaultKind::StrayCr => IRIDIUM[1],
        FaultKind::StrayNul => IRIDIUM[2],
        FaultKind::NoCommand => IRIDIUM[3],
        FaultKind::NoBlankLine => IRIDIUM[4],
        FaultKind::BodyForbidden => IRIDIUM[5],
        FaultKind::LengthMalformed if signed_or_padded(sketch) => IRIDIUM[6],
        FaultKind::TooLarge => IRIDIUM[7],
        FaultKind::UndefinedEscape | FaultKind::NotUtf8 if *theirs == Said::Waits => IRIDIUM[8],
        _ => return None,
    })
}

/// Why stompjs says what it says: the classes, none where it says what we say.
///
/// # Errors
/// What is in no class.
pub(crate) fn of_stompjs(unit: &[u8], mine: &Read, theirs: &Read) -> Result<Vec<&'static str>, String> {
    let sketch = Sketch::of(unit);
    match &mine.said {
        Said::Refused(kind) => {
            let class = kind.and_then(stompjs_takes);
            refused(&sketch, *kind, class)
        }
        Said::Waits => same(mine, theirs, Vec::new()),
        Said::Frame { command, headers, body } => {
            let mut classes = Vec::new();
            let command = without_mark(command, &mut classes);
            let headers = as_an_object(&sketch, headers, &mut classes);
            let said = Said::Frame { command, headers, body: body.clone() };
            same(&Read { eols: mine.eols, said }, theirs, classes)
        }
    }
}

/// Why iridium-stomp says what it says: the classes, none where it says what we say.
///
/// # Errors
/// What is in no class.
pub(crate) fn of_iridium(unit: &[u8], mine: &Read, theirs: &Read) -> Result<Vec<&'static str>, String> {
    let sketch = Sketch::of(unit);
    if let (Said::Refused(_), Said::Refused(_)) = (&mine.said, &theirs.said) {
        return Ok(Vec::new());
    }
    if let Said::Refused(kind) = &mine.said {
        let class = kind.and_then(|kind| iridium_takes(kind, &sketch, &theirs.said));
        return refused(&sketch, *kind, class);
    }
    if let Some((cured, restore)) = other_case(unit, &sketch) {
        return cured_is_read(mine, &cured, &restore, IRIDIUM[12]);
    }
    if let Some((at, true)) = sketch.blank {
        let cured = [&unit[..at], &unit[at + 1..]].concat();
        same_said(&Said::Refused(None), &theirs.said)?;
        return cured_is_read(mine, &cured, &str::to_owned, IRIDIUM[10]);
    }
    match &mine.said {
        Said::Waits if early(&sketch) => {
            same_said(&Said::Refused(None), &theirs.said)?;
            Ok(vec![IRIDIUM[9]])
        }
        Said::Frame { command, headers, body } => {
            let mut classes = Vec::new();
            let said = match unescaped(&sketch, headers, &mut classes) {
                Some(headers) => Said::Frame { command: command.clone(), headers, body: body.clone() },
                None => Said::Refused(None),
            };
            same(&Read { eols: mine.eols, said }, theirs, classes)
        }
        _ => same(mine, theirs, Vec::new()),
    }
}

/// What we refuse must be forbidden.
fn refused(
    sketch: &Sketch<'_>,
    kind: Option<FaultKind>,
    class: Option<&'static str>,
) -> Result<Vec<&'static str>, String> {
    let found = kind.is_some_and(|kind| sketch.broken().contains(&kind));
    let class = class.filter(|_| found).map(|class| vec![class]);
    class.ok_or_else(|| format!("we refuse for {kind:?}, the other does not"))
}

fn same(expected: &Read, theirs: &Read, classes: Vec<&'static str>) -> Result<Vec<&'static str>, String> {
    let other = || format!("expected {expected:?} by {classes:?}");
    if expected == theirs { Ok(classes.clone()) } else { Err(other()) }
}

fn same_said(expected: &Said, theirs: &Said) -> Result<(), String> {
    if expected == theirs { Ok(()) } else { Err(format!("expected {expected:?}")) }
}

/// A unit without what the class is about is read alike by all, and by us as the unit itself, but for names of headers.
fn cured_is_read(
    mine: &Read,
    cured: &[u8],
    renamed: &dyn Fn(&str) -> String,
    class: &'static str,
) -> Result<Vec<&'static str>, String> {
    let (again, theirs) = (ours(cured).0, iridium(cured));
    let mut expected = mine.clone();
    if let Said::Frame { headers, .. } = &mut expected.said {
        headers.iter_mut().for_each(|(name, _)| *name = renamed(name));
    }
    if again != expected {
        return Err(format!("without {class:?} we read {again:?}"));
    }
    let mut classes =
        of_iridium(cured, &again, &theirs).map_err(|why| format!("without {class:?}: {why}"))?;
    classes.push(class);
    Ok(classes)
}

/// stompjs decodes the command as a browser decodes a text: without a byte order mark.
fn without_mark(command: &str, classes: &mut Vec<&'static str>) -> String {
    match command.strip_prefix('\u{feff}') {
        Some(rest) => {
            classes.push(STOMPJS[16]);
            rest.to_owned()
        }
        None => command.to_owned(),
    }
}

/// Our headers as stompjs hands them over: the first of each name, changed as the classes say.
fn as_an_object(
    sketch: &Sketch<'_>,
    headers: &[(String, String)],
    classes: &mut Vec<&'static str>,
) -> Vec<(String, String)> {
    let mut object: Vec<(String, String)> = Vec::new();
    for ((name, value), (raw_name, raw_value)) in headers.iter().zip(sketch.headers()) {
        let name = their_name(sketch, name, raw_name, classes);
        let value = their_value(sketch, value, raw_value, classes);
        if name == "__proto__" {
            classes.push(STOMPJS[17]);
        } else if object.iter().all(|(other, _)| *other != name) {
            object.push((name, value));
        }
    }
    object.sort();
    classes.sort_unstable();
    classes.dedup();
    object
}

fn their_name(sketch: &Sketch<'_>, name: &str, raw: &[u8], classes: &mut Vec<&'static str>) -> String {
    let mut name = name.to_owned();
    if sketch.escapes() && raw.contains(&b'\\') {
        classes.push(STOMPJS[14]);
        name = text(raw);
    }
    trimmed(name, raw, classes)
}

fn their_value(sketch: &Sketch<'_>, value: &str, raw: &[u8], classes: &mut Vec<&'static str>) -> String {
    if sketch.command() == b"STOMP" && raw.contains(&b'\\') {
        classes.push(STOMPJS[15]);
        return four_times_over(trimmed(text(raw), raw, classes));
    }
    if sketch.escapes() && misleads(raw) {
        classes.push(STOMPJS[13]);
        return four_times_over(trimmed(text(raw), raw, classes));
    }
    trimmed(value.to_owned(), raw, classes)
}

/// The text without the white space that stands raw at its ends; what stands there as an escape stays.
fn trimmed(read: String, raw: &[u8], classes: &mut Vec<&'static str>) -> String {
    let raw = text(raw);
    let before = raw.chars().take_while(|c| white(*c)).count();
    let after = raw.chars().rev().take_while(|c| white(*c)).count();
    if before + after == 0 {
        return read;
    }
    classes.push(STOMPJS[12]);
    let kept = read.chars().count().saturating_sub(before + after);
    read.chars().skip(before).take(kept).collect()
}

/// What `\s` is in JavaScript.
fn white(c: char) -> bool {
    c == '\u{feff}' || c.is_whitespace() && c != '\u{85}'
}

/// Whether an escaped backslash stands before a letter that is one of an escape: then the order of decoding counts.
fn misleads(raw: &[u8]) -> bool {
    let mut rest = raw;
    while let Some(at) = rest.iter().position(|octet| *octet == b'\\') {
        match &rest[at + 1..] {
            [b'\\', b'r' | b'n' | b'c', ..] => return true,
            [_, behind @ ..] => rest = behind,
            [] => return false,
        }
    }
    false
}

/// One escape after the other, each through the whole text.
fn four_times_over(text: String) -> String {
    text.replace("\\r", "\r").replace("\\n", "\n").replace("\\c", ":").replace("\\\\", "\\")
}

fn text(raw: &[u8]) -> String {
    String::from_utf8_lossy(raw).into_owned()
}

/// Our headers with what iridium-stomp unescapes in a frame where nothing is escaped; nothing where it cannot.
fn unescaped(
    sketch: &Sketch<'_>,
    headers: &[(String, String)],
    classes: &mut Vec<&'static str>,
) -> Option<Vec<(String, String)>> {
    let raw = |text: &str| text.contains('\\');
    if sketch.escapes() || !headers.iter().any(|(name, value)| raw(name) || raw(value)) {
        return Some(headers.to_vec());
    }
    classes.push(IRIDIUM[11]);
    let decode = |text: &String| unescape(text, Version::V12).ok();
    headers.iter().map(|(name, value)| Some((decode(name)?, decode(value)?))).collect()
}

/// Whether the content-length is a number once a plus sign and white space are taken away, which is all that Rust's own
/// parser takes besides digits.
fn signed_or_padded(sketch: &Sketch<'_>) -> bool {
    let value = sketch.headers().find(|(name, _)| *name == b"content-length").map(|(_, value)| text(value));
    let number = value.as_deref().map(str::trim).map(|value| value.strip_prefix('+').unwrap_or(value));
    number.is_some_and(|number| number.parse::<usize>().is_ok())
}

/// Whether a header line has no colon, in a head that is not whole.
fn early(sketch: &Sketch<'_>) -> bool {
    sketch.body.is_none() && sketch.lines.iter().skip(1).any(|line| !line.contains(&b':'))
}

/// The unit with another name for the first header that is content-length but for the case, and how it is renamed.
fn other_case(unit: &[u8], sketch: &Sketch<'_>) -> Option<(Vec<u8>, impl Fn(&str) -> String + use<>)> {
    let (name, _) = sketch.headers().find(|(name, _)| name.eq_ignore_ascii_case(b"content-length"))?;
    if name == b"content-length" {
        return None;
    }
    let (old, new) = (text(name), text(name).replacen(['c', 'C'], "x", 1));
    let line = format!("\n{old}:");
    let at = unit.windows(line.len()).position(|window| window == line.as_bytes())?;
    let cured = [&unit[..at], format!("\n{new}:").as_bytes(), &unit[at + line.len()..]].concat();
    Some((cured, move |name: &str| if name == old { new.clone() } else { name.to_owned() }))
}

/// Escapes are whole in whatever is taken.
#[test]
fn the_words_of_the_grammar_are_those_of_the_classes() {
    assert!(defined(b"\\\\n\\c") && !defined(b"\\t") && !defined(b"x\\"));
    assert!(misleads(b"a\\\\n") && !misleads(b"\\\\\\n") && !misleads(b"\\n"));
    assert_eq!(four_times_over("\\\\n".to_owned()), "\\\n");
}
