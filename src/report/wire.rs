//! Events of the wire, as lines for a reader.
//!
//! It relies on events only. It never hides a character: what cannot be shown is shown as what it is.

use std::path::Path;

use crate::case::event::{Body, Event, Seen, Stdio, Way, What};

/// Text with everything visible that is not: NUL as `␀`, line ends as `␊` and `␍`, other controls and characters that
/// XML 1.0 forbids as `\u{…}`.
pub fn visible(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\0' => "␀".to_owned(),
            '\n' => "␊".to_owned(),
            '\r' => "␍".to_owned(),
            '\t' => "␉".to_owned(),
            c if c.is_control() || is_treacherous(c) => format!("\\u{{{:x}}}", c as u32),
            c => c.to_string(),
        })
        .collect()
}

/// Whether a character has no shape of its own or turns what stands around it: no width, direction, or no character in
/// XML 1.0.
pub(super) fn is_treacherous(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}')
}

/// A body in a line.
fn body(body: &Body) -> String {
    match body {
        Body::Empty => String::new(),
        Body::Text(text) => visible(text),
        Body::Hex(hex) => format!("(octets {hex})"),
        Body::TextFile(hash, len) => format!("({len} octets, in the file {hash} beside run.json)"),
    }
}

/// The event as one line: time, connection, direction, what; nothing for what the engine notes for itself.
pub fn line(event: &Event, width: usize) -> Option<String> {
    let what = what(event)?;
    let on = event.on.as_deref().unwrap_or_default();
    let line = format!("{:>9.3} ms  {on:<12} {what}", event.at as f64 / 1000.0);
    Some(match line.char_indices().nth(width) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    })
}

/// What happened, with an arrow before what went over the wire.
pub(super) fn what(event: &Event) -> Option<String> {
    Some(match &event.what {
        What::Sent { frame } => format!("→ {}", shown(frame)),
        What::Came { frame } => format!("← {}", shown(frame)),
        What::Late { frame } => format!("← (late) {}", shown(frame)),
        What::Octets { octets, .. } => format!("→ octets {}", body(octets)),
        What::Http { way, request: Some(request), .. } => format!("{} {request}", arrow(*way)),
        What::Http { way, status, headers, body: text, .. } => {
            let location = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("location"));
            let to = location.map_or(String::new(), |(_, to)| format!("Location: {} ", visible(to)));
            format!("{} HTTP {} {to}{}", arrow(*way), status.unwrap_or_default(), body(text))
        }
        What::Ws { way, kind, text } => format!("{} WebSocket {kind} {}", arrow(*way), visible(text)),
        What::Malformed { clause, what } => {
            // Most faults name their clause themselves.
            let named = what.ends_with(&format!("[{clause}]"));
            let clause = if named { String::new() } else { format!(" [{clause}]") };
            format!("← malformed: {}{clause}", visible(what))
        }
        What::Started { command, again: false } => format!("started: {}", visible(command)),
        What::Started { command, again: true } => format!("restarted in its process: {}", visible(command)),
        What::Line { stream, text } => {
            let way = match stream {
                Stdio::In => "→",
                Stdio::Out => "←",
                Stdio::Err => "← (stderr)",
            };
            format!("{way} {}", visible(text))
        }
        What::Exited { how, .. } => format!("× {how}"),
        What::Ended { by, code, reason } => {
            let who = match by {
                crate::case::event::By::Target => "the target",
                crate::case::event::By::Us => "us",
            };
            let code = code.map_or(String::new(), |c| format!(" {c}"));
            format!("× ended by {who}{code} {}", visible(reason))
        }
        What::Deadline { patience_ms, .. } => format!("… nothing more within {patience_ms} ms"),
        What::Barrier { kind, held, why, .. } => {
            let how = if *held { "held".to_owned() } else { format!("lost: {why}") };
            format!("| barrier `{}` {how}", kind.word())
        }
        What::Skip { why, .. } => format!("- skipped: {why}"),
        What::Target { up, why } => format!("? the target is {}: {why}", if *up { "up" } else { "down" }),
        What::Fault { why } | What::Unable { why } => format!("! {why}"),
        _ => return None,
    })
}

fn arrow(way: Way) -> &'static str {
    match way {
        Way::Out => "→",
        Way::In => "←",
    }
}

fn shown(frame: &Seen) -> String {
    let headers: Vec<String> =
        frame.headers.iter().map(|(n, v)| format!("{}:{}", visible(n), visible(v))).collect();
    format!("{} {} {}", visible(&frame.command), headers.join(" "), body(&frame.body)).trim_end().to_owned()
}

/// The last lines of a journal before a case failed.
pub fn excerpt(journal: &Path, most: usize, width: usize) -> Vec<String> {
    let Ok(text) = std::fs::read_to_string(journal) else { return Vec::new() };
    let mut lines: Vec<String> = Vec::new();
    for event in text.lines().filter_map(|l| serde_json::from_str::<Event>(l).ok()) {
        // What follows is the engine asking whether the target lives.
        if event.on.as_deref() == Some("canary") || matches!(event.what, What::Done) {
            break;
        }
        lines.extend(line(&event, width));
    }
    let from = lines.len().saturating_sub(most);
    lines.split_off(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_invisible() {
        assert_eq!(visible("a\0b\n\u{1b}\u{fffe}ä\u{202e}"), "a␀b␊\\u{1b}\\u{fffe}ä\\u{202e}");
    }

    #[test]
    fn a_line_tells_when_who_and_what() {
        let frame = Seen {
            command: "SEND".into(),
            headers: vec![("destination".into(), "/a".into())],
            body: Body::Text("x\0".into()),
            wire: None,
        };
        let event = Event { at: 1500, on: Some("alice".into()), what: What::Sent { frame } };
        assert_eq!(line(&event, 80).unwrap(), "    1.500 ms  alice        → SEND destination:/a x␀");
        assert_eq!(line(&event, 20).unwrap(), "    1.500 ms  alice …");
    }
}
