//! What a driver is given and what it tells, as docs/drivers.md has it.
//!
//! It relies on serde_json. It never decides what is to be done about a command.

use serde_json::{Map, Value, json};

/// What every variable begins with.
pub const PREFIX: &str = "STOMPLIANCE_";
/// What this client can do beside connecting, in the words of docs/drivers.md.
const CAN: [&str; 12] = [
    "send",
    "revoke",
    "sync",
    "group",
    "disconnect",
    "receipt",
    "ack",
    "transaction",
    "headers",
    "heart-beat",
    "reconnect",
    "sockjs",
];
/// The members of a message that its user would be shown.
const SHOWN: [&str; 6] = ["id", "fromId", "toId", "chatType", "msgType", "content"];

/// What the variables of docs/drivers.md say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Host and port.
    pub authority: String,
    /// The path of the endpoint.
    pub path: String,
    /// The token, in the query and in CONNECT.
    pub token: String,
    /// The application.
    pub app: String,
    /// The heart-beat that is offered.
    pub heart_beat: String,
    /// Whether SockJS is spoken.
    pub sockjs: bool,
}

impl Environment {
    /// Reads the variables, by their names without the prefix.
    ///
    /// # Errors
    /// A variable that is missing, or an URL that is none.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Environment, String> {
        let needed = |name: &str| variable(name).ok_or_else(|| format!("{PREFIX}{name} is not set"));
        let text = needed("URL")?;
        let url = url::Url::parse(&text).map_err(|e| format!("{PREFIX}URL: {e}: {text}"))?;
        let host = url.host_str().ok_or_else(|| format!("{PREFIX}URL names no host: {text}"))?;
        let port = url.port_or_known_default().unwrap_or(80);
        Ok(Environment {
            authority: format!("{host}:{port}"),
            path: url.path().to_owned(),
            token: needed("TOKEN")?,
            app: needed("APP_ID")?,
            heart_beat: variable("HEART_BEAT").unwrap_or_else(|| "0,0".to_owned()),
            sockjs: variable("TRANSPORT").as_deref() == Some("sockjs"),
        })
    }
}

/// The first line.
pub(super) fn hello() -> Value {
    json!({ "hello": 1, "name": "stompliance", "version": env!("CARGO_PKG_VERSION"), "can": CAN })
}

/// A line of events.
pub(super) fn event(name: &str) -> Value {
    json!({ "event": name })
}

/// Something went wrong that is worth telling.
pub(super) fn error(message: &str) -> Value {
    json!({ "event": "error", "message": message })
}

/// The connection ended.
pub(super) fn closed(code: u16) -> Value {
    json!({ "event": "closed", "code": code })
}

/// A RECEIPT came.
pub(super) fn receipt(id: &str) -> Value {
    json!({ "event": "receipt", "id": id })
}

/// A message was revoked.
pub(super) fn revoked(id: &Value) -> Value {
    json!({ "event": "revoked", "id": id })
}

/// A message is shown, with the headers that it came with.
pub(super) fn message(body: &Map<String, Value>, headers: Map<String, Value>) -> Value {
    let shown = SHOWN.iter().filter_map(|name| Some(((*name).to_owned(), body.get(*name)?.clone())));
    let mut line: Map<String, Value> =
        [("event".to_owned(), "message".into())].into_iter().chain(shown).collect();
    line.insert("headers".to_owned(), headers.into());
    line.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Environment, String> {
        let value =
            |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Environment::read(value)
    }

    #[test]
    fn the_environment_is_read() {
        let found = read(&[("URL", "ws://127.0.0.1:7/ws/im"), ("TOKEN", "t"), ("APP_ID", "a")]).unwrap();
        assert_eq!((&*found.authority, &*found.path, &*found.heart_beat), ("127.0.0.1:7", "/ws/im", "0,0"));
        assert!(!found.sockjs);
        assert_eq!(
            read(&[("URL", "nowhere")]),
            Err("STOMPLIANCE_URL: relative URL without a base: nowhere".into())
        );
        assert_eq!(read(&[]), Err("STOMPLIANCE_URL is not set".into()));
    }
}
