//! What a step is to do, once its names have been filled in: typed, so that whoever carries it out re-checks nothing.
//!
//! It relies on an environment of names. It never does anything itself.

use serde_json::{Map, Value};

use crate::case::duration::duration;
use crate::case::script::{Between, Deed, Layout, Repeat};
use crate::case::value::{Env, Purpose, as_text, eval, reference};
use crate::stomp::{ContentLength, Frame};

/// What a step is to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Prepared {
    /// Nothing beside its inner steps.
    Nothing,
    /// It cannot be done: a name in it stands for nothing.
    Failed(String),
    /// So many rounds, each with this value of its name; `None` counts them from 1.
    Rounds(Vec<Value>),
    /// Rounds for so many microseconds.
    Lasting(u64),
    /// The upgrade.
    Open {
        /// The path, where it is not the target's.
        path: Option<String>,
        /// Parameters beside or in place of the account's token; one without a value is left out.
        query: Vec<(String, Option<String>)>,
        /// Further headers; a header without a value is left out.
        headers: Vec<(String, Option<String>)>,
        /// Sub-protocols to offer.
        subprotocols: Vec<String>,
    },
    /// A frame, with or without `content-length` of its own.
    Frame(Frame),
    /// The same, without `content-length`.
    FrameWithoutLength(Frame),
    /// Octets.
    Bytes(Vec<u8>),
    /// The layout from now on.
    Wire(Layout),
    /// A WebSocket control frame, or octets beneath.
    Ws(WsAct),
    /// An HTTP request.
    Http {
        /// The method.
        method: String,
        /// Path and query.
        path: String,
        /// Headers.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// The client under test is started, with these in its environment in place of what it would be told.
    Spawn {
        /// The path of the URL where it is to connect.
        path: String,
        /// The token.
        token: Option<String>,
        /// The heart-beat that it is to offer.
        heart_beat: Option<String>,
        /// How it is to come.
        transport: Option<String>,
    },
    /// The answer to a request of the client under test.
    Answer {
        /// The status.
        status: u16,
        /// Headers beside or in place of the usual ones; a header without a value is left out.
        headers: Vec<(String, Option<String>)>,
        /// The body.
        body: String,
        /// Whether an upgrade's answer leaves with what is sent next.
        held: bool,
        /// Whether SockJS is spoken on what was upgraded.
        sockjs: bool,
    },
    /// A command for the client under test.
    Do(Value),
    /// The end of the client's standard input.
    EndOfInput,
    /// The end of TCP: a reset, or else an end of stream.
    Cut {
        /// Whether by a reset.
        reset: bool,
    },
    /// A state to be in.
    Become(String),
    /// A road on which things must have settled.
    Settle(String),
    /// A subscription that must be gone.
    Gone(String),
    /// A window.
    Watch {
        /// Its length.
        lasts_us: u64,
        /// The longest silence in it.
        gap_us: Option<u64>,
    },
}

/// A WebSocket control frame, or octets beneath.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WsAct {
    /// A ping.
    Ping(String),
    /// A pong.
    Pong(String),
    /// The closing handshake.
    Close(u16),
    /// Octets as they are.
    Raw(Vec<u8>),
}

pub(super) fn repeat(repeat: &Repeat, env: &mut dyn Env) -> Result<Prepared, String> {
    const MOST: u64 = 100_000;
    if let Some(lasts) = &repeat.lasts {
        return Ok(Prepared::Lasting(duration(lasts, env)?));
    }
    if let Some(over) = &repeat.over {
        return match eval(over, env, Purpose::Sending)? {
            Some(Value::Array(items)) => Ok(Prepared::Rounds(items)),
            other => Err(format!("`over:` takes a list, not {other:?}")),
        };
    }
    let times = match &repeat.times {
        Some(times) => eval(times, env, Purpose::Sending)?,
        None => None,
    };
    match times.as_ref().and_then(Value::as_u64) {
        Some(times) if times <= MOST => Ok(Prepared::Rounds((1..=times).map(Value::from).collect())),
        _ => Err(format!("`times:` takes a number up to {MOST}, not {times:?}")),
    }
}

pub(super) fn deed(deed: &Deed, env: &mut dyn Env) -> Result<Prepared, String> {
    let mut fill = |value: &Value| eval(value, env, Purpose::Sending);
    match deed {
        Deed::Open(value) => open(value, env),
        Deed::Frame(value) => frame(value, env),
        Deed::Bytes(value) => Ok(Prepared::Bytes(octets(fill(value)?)?)),
        Deed::Wire(value) => layout(fill(value)?).map(Prepared::Wire),
        Deed::Ws(value) => ws(fill(value)?).map(Prepared::Ws),
        Deed::Http(value) => http(fill(value)?),
        Deed::Spawn(value) => Ok(spawn(fill(value)?)),
        Deed::Answer(value) => answer(value, env),
        Deed::Do(value) => match fill(value)? {
            Some(command @ (Value::Object(_) | Value::Array(_))) => Ok(Prepared::Do(command)),
            Some(Value::String(word)) if word == "end-of-input" => Ok(Prepared::EndOfInput),
            Some(Value::String(line)) => Ok(Prepared::Do(Value::String(line))),
            other => Err(format!("`do:` takes a map, a line, or `end-of-input`, not {other:?}")),
        },
        Deed::Cut(value) => match fill(value)?.as_ref().and_then(Value::as_str) {
            Some("reset") => Ok(Prepared::Cut { reset: true }),
            Some("eof") => Ok(Prepared::Cut { reset: false }),
            other => Err(format!("`cut:` is `reset` or `eof`, not {other:?}")),
        },
        Deed::Become(value) => word(fill(value)?, "become").map(Prepared::Become),
        Deed::Settle(value) => word(fill(value)?, "settle").map(Prepared::Settle),
        Deed::Gone(value) => word(fill(value)?, "gone").map(Prepared::Gone),
        Deed::Call { .. } | Deed::See(_) | Deed::Watch { .. } => Ok(Prepared::Nothing),
    }
}

fn word(value: Option<Value>, what: &str) -> Result<String, String> {
    match value {
        Some(Value::String(word)) => Ok(word),
        other => Err(format!("`{what}:` takes a word, not {other:?}")),
    }
}

fn spawn(value: Option<Value>) -> Prepared {
    let text = |name: &str| value.as_ref().and_then(|v| v.get(name)).map(as_text);
    let path = text("path").unwrap_or_default();
    Prepared::Spawn {
        path,
        token: text("token"),
        heart_beat: text("heart_beat"),
        transport: text("transport"),
    }
}

fn answer(value: &Value, env: &mut dyn Env) -> Result<Prepared, String> {
    let filled = |name: &str, env: &mut dyn Env| {
        Ok::<_, String>(value.get(name).map(|v| eval(v, env, Purpose::Sending)).transpose()?.flatten())
    };
    let status = match filled("status", env)? {
        None => 101,
        Some(status) => {
            let status = status.as_u64().filter(|s| (100..=599).contains(s));
            status.ok_or("`status` is a number from 100 to 599")? as u16
        }
    };
    let headers = headers(value.get("headers"), env)?;
    let body = filled("body", env)?.map(|body| as_text(&body)).unwrap_or_default();
    let mut is_on = |name: &str| match filled(name, env)? {
        None => Ok(false),
        Some(_) if status != 101 => Err(format!("`{name}` is for the answer to an upgrade, 101")),
        Some(on) => on.as_bool().ok_or_else(|| format!("`{name}` is true or false")),
    };
    let (held, sockjs) = (is_on("held")?, is_on("sockjs")?);
    Ok(Prepared::Answer { status, headers, body, held, sockjs })
}

fn open(value: &Value, env: &mut dyn Env) -> Result<Prepared, String> {
    // Absent members matter here: `token: $absent` leaves the token out.
    let member = |name: &str| value.get(name);
    let text = |value: &Value, env: &mut dyn Env| {
        Ok::<_, String>(eval(value, env, Purpose::Sending)?.map(|v| as_text(&v)))
    };
    let path = member("path").map(|v| text(v, env)).transpose()?.flatten();
    let mut query = Vec::new();
    match member("query") {
        Some(Value::Object(members)) => {
            for (name, value) in members {
                query.push((name.clone(), text(value, env)?));
            }
        }
        Some(other) => {
            if let Some(Value::Object(members)) = eval(other, env, Purpose::Sending)? {
                query.extend(members.iter().map(|(n, v)| (n.clone(), Some(as_text(v)))));
            }
        }
        None => {}
    }
    let headers = headers(member("headers"), env)?;
    let subprotocols =
        match member("subprotocols").map(|v| eval(v, env, Purpose::Sending)).transpose()?.flatten() {
            Some(Value::Array(items)) => items.iter().map(as_text).collect(),
            Some(one) => vec![as_text(&one)],
            None => Vec::new(),
        };
    Ok(Prepared::Open { path, query, headers, subprotocols })
}

/// Headers in place of the usual ones; those that are absent are left out.
fn headers(written: Option<&Value>, env: &mut dyn Env) -> Result<Vec<(String, Option<String>)>, String> {
    let mut headers = Vec::new();
    let absent = serde_json::json!({ "is": "absent" });
    let text = |value: &Value, env: &mut dyn Env| {
        Ok::<_, String>(eval(value, env, Purpose::Sending)?.map(|v| as_text(&v)))
    };
    match written {
        Some(Value::Object(members)) => {
            for (name, value) in members {
                headers.push((name.clone(), text(value, env)?));
            }
        }
        // A list, where a header has several lines.
        Some(Value::Array(items)) => {
            for (name, value) in items.iter().filter_map(Value::as_object).flatten() {
                headers.push((name.clone(), text(value, env)?));
            }
        }
        Some(other) => {
            if let Some(Value::Object(members)) = eval(other, env, Purpose::Sending)? {
                let given = |value: &Value| Some(as_text(value)).filter(|_| *value != absent);
                headers.extend(members.iter().map(|(name, value)| (name.clone(), given(value))));
            }
        }
        None => {}
    }
    Ok(headers)
}

fn frame(value: &Value, env: &mut dyn Env) -> Result<Prepared, String> {
    let value = match value {
        Value::String(text) if reference(text).is_some() => {
            eval(value, env, Purpose::Sending)?.ok_or("the frame is absent")?
        }
        other => other.clone(),
    };
    let command = match value.get("command").map(|v| eval(v, env, Purpose::Sending)).transpose()?.flatten() {
        Some(command) => as_text(&command),
        None => return Err("a frame that is sent has a command".into()),
    };
    let mut frame = Frame::new(command);
    let mut without_length = false;
    let mut add = |members: &Map<String, Value>, env: &mut dyn Env| -> Result<(), String> {
        for (name, header) in members {
            let filled = eval(header, env, Purpose::Sending)?;
            match (name.as_str(), filled) {
                ("+", Some(Value::Object(more))) => {
                    for (name, header) in more {
                        frame.headers.push(name, as_text(&header));
                    }
                }
                ("+", _) => {}
                ("content-length", None) => without_length = true,
                (_, Some(header)) => frame.headers.push(name.as_str(), as_text(&header)),
                (_, None) => {}
            }
        }
        Ok(())
    };
    let headers = match value.get("headers") {
        // A map that stands elsewhere, such as a row's.
        Some(named @ Value::String(_)) => eval(named, env, Purpose::Sending)?,
        written => written.cloned(),
    };
    match &headers {
        Some(Value::Object(members)) => add(members, env)?,
        Some(Value::Array(items)) => {
            for item in items {
                match item.as_object() {
                    Some(members) => add(members, env)?,
                    None => return Err(format!("a header is written `name: value`, not {item}")),
                }
            }
        }
        None => {}
        Some(other) => return Err(format!("`headers` are a map or a list, not {other}")),
    }
    if let Some(json) = value.get("json")
        && let Some(json) = eval(json, env, Purpose::Sending)?
    {
        frame.body = json.to_string().into_bytes();
    } else if let Some(body) = value.get("body")
        && let Some(body) = eval(body, env, Purpose::Sending)?
    {
        frame.body = as_text(&body).into_bytes();
    }
    Ok(if without_length { Prepared::FrameWithoutLength(frame) } else { Prepared::Frame(frame) })
}

/// What `content-length` a prepared frame gets.
pub fn length_of(prepared: &Prepared) -> ContentLength {
    match prepared {
        Prepared::FrameWithoutLength(_) => ContentLength::AsGiven,
        _ => ContentLength::Auto,
    }
}

fn octets(value: Option<Value>) -> Result<Vec<u8>, String> {
    match value {
        Some(Value::String(text)) => Ok(text.into_bytes()),
        Some(Value::Object(members)) => match members.get("hex").and_then(Value::as_str) {
            Some(hex) => from_hex(hex),
            None => Err("`bytes:` takes text or { hex: … }".into()),
        },
        other => Err(format!("`bytes:` takes text or {{ hex: … }}, not {other:?}")),
    }
}

fn from_hex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u32> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).ok_or_else(|| format!("`{c}` is no hexadecimal digit")))
        .collect::<Result<_, _>>()?;
    if digits.len() % 2 == 1 {
        return Err("an odd number of hexadecimal digits".into());
    }
    Ok(digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect())
}

fn layout(value: Option<Value>) -> Result<Layout, String> {
    let members = match value {
        Some(Value::String(word)) if word == "plain" => return Ok(Layout::default()),
        Some(Value::Object(members)) => members,
        other => return Err(format!("`wire:` is `plain` or a map, not {other:?}")),
    };
    let number = |name: &str| match members.get(name) {
        None => Ok(None),
        Some(value) => value
            .as_u64()
            .filter(|n| *n > 0)
            .map(|n| Some(n as usize))
            .ok_or(format!("`{name}` takes a number above 0")),
    };
    let cut = match members.get("cut") {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_u64).map(|n| n as usize).collect(),
        _ => Vec::new(),
    };
    let is = |name: &str, word: &str| members.get(name).is_some_and(|v| v == word);
    Ok(Layout {
        batch: number("batch")?,
        cut,
        every: number("every")?,
        fragment: number("fragment")?,
        between: match members.get("between").map(as_text).as_deref() {
            None => None,
            Some("ping") => Some(Between::Ping),
            Some("pong") => Some(Between::Pong),
            Some("empty") => Some(Between::Empty),
            Some(other) => return Err(format!("`between` is `ping`, `pong` or `empty`, not `{other}`")),
        },
        binary: is("opcode", "binary"),
        crlf: is("eol", "crlf"),
        after: members.get("after").map(as_text).unwrap_or_default(),
        silent: members.get("beats").is_some_and(|v| v == false),
    })
}

fn ws(value: Option<Value>) -> Result<WsAct, String> {
    let Some(Value::Object(members)) = value else { return Err("`ws:` takes a map".into()) };
    match members.iter().next().map(|(name, value)| (name.as_str(), value)) {
        Some(("ping", text)) => Ok(WsAct::Ping(as_text(text))),
        Some(("pong", text)) => Ok(WsAct::Pong(as_text(text))),
        Some(("close", code)) => {
            let code = code.as_u64().and_then(|c| u16::try_from(c).ok());
            code.map(WsAct::Close).ok_or_else(|| "`close:` takes a close code".into())
        }
        Some(("raw", hex)) => from_hex(&as_text(hex)).map(WsAct::Raw),
        _ => Err("`ws:` has `ping`, `pong`, `close` or `raw`".into()),
    }
}

fn http(value: Option<Value>) -> Result<Prepared, String> {
    let Some(Value::Object(members)) = value else { return Err("`http:` takes a map".into()) };
    let text = |name: &str| members.get(name).map(as_text);
    let headers = match members.get("headers") {
        Some(Value::Object(headers)) => headers.iter().map(|(n, v)| (n.clone(), as_text(v))).collect(),
        _ => Vec::new(),
    };
    Ok(Prepared::Http {
        method: text("method").unwrap_or_else(|| "GET".into()),
        path: text("path").ok_or("`http:` has a `path`")?,
        headers,
        body: text("body").unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Names;

    impl Env for Names {
        fn lookup(&mut self, name: &str, _: &[&str]) -> Result<Option<Value>, String> {
            Ok(match name {
                "absent" => None,
                "beats" => Some(json!(1000)),
                "headers" => Some(json!({ "id": "odd" })),
                _ => Some(json!(name)),
            })
        }
    }

    #[test]
    fn a_frame_keeps_order_and_repetition_and_leaves_out_what_is_absent() {
        let tree = json!({ "command": "SEND", "headers": [{ "a": "$x" }, { "a": "2" }, { "content-length": "$absent" }], "body": "b" });
        let Ok(Prepared::FrameWithoutLength(frame)) = frame(&tree, &mut Names) else { panic!() };
        assert_eq!(frame, Frame::new("SEND").with("a", "x").with("a", "2").body("b"));
    }

    #[test]
    fn headers_may_stand_elsewhere_and_are_never_dropped() {
        let named = frame(&json!({ "command": "SUBSCRIBE", "headers": "$headers" }), &mut Names);
        assert_eq!(named, Ok(Prepared::Frame(Frame::new("SUBSCRIBE").with("id", "odd"))));
        assert!(frame(&json!({ "command": "SUBSCRIBE", "headers": "$beats" }), &mut Names).is_err());
    }

    #[test]
    fn durations_may_refer_to_what_was_negotiated() {
        for (text, us) in
            [("20ms", 20_000), ("2s", 2_000_000), ("0.5 x $beats", 500_000), ("5 x $beats.in", 5_000_000)]
        {
            assert_eq!(duration(text, &mut Names), Ok(us), "{text}");
        }
        assert!(duration("soon", &mut Names).is_err());
    }

    #[test]
    fn octets_are_text_or_hexadecimal() {
        assert_eq!(octets(Some(json!({ "hex": "ff 00 0a" }))), Ok(vec![255, 0, 10]));
        assert_eq!(octets(Some(json!("a\0"))), Ok(b"a\0".to_vec()));
        assert!(octets(Some(json!({ "hex": "f" }))).is_err());
    }
}
