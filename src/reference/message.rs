//! Chat messages and the bodies in which clients ask for things, parsed once.
//!
//! It relies on `serde_json`. It must never guess: what is not as documented is no request at all.

use serde::Serialize;
use serde_json::{Map, Value};

use super::policy::Policy;

/// A message as receivers see it: the JSON body of MESSAGE (IM-SEND-02), members in the documented order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The client's `messageId`.
    pub id: String,
    /// The authenticated sender.
    pub from_id: String,
    /// The user or group that it is for.
    pub to_id: String,
    /// One person or a group.
    pub chat_type: ChatType,
    /// What kind of content it is: `TEXT`.
    pub msg_type: String,
    /// The content, as sent; empty in the notice of a revocation.
    pub content: String,
    /// Whether it stands.
    pub status: Status,
    /// When it was sent, in epoch milliseconds.
    pub created_at: u64,
}

impl Message {
    /// The body of MESSAGE.
    pub(super) fn to_json(&self) -> Vec<u8> {
        // A struct of strings and numbers always has a JSON form; an empty body would be seen by every suite.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Whom a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ChatType {
    /// One user.
    Single,
    /// The members of a group.
    Group,
}

/// What has become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// It was sent and stands.
    Sent,
    /// Its sender has taken it back.
    Revoked,
}

/// The body of a SEND to `/app/chat.send`.
pub(super) struct SendRequest {
    pub(super) app: String,
    pub(super) id: String,
    pub(super) to: String,
    pub(super) chat_type: ChatType,
    pub(super) msg_type: String,
    pub(super) content: String,
    /// The body as it came, with the members that nobody asked for.
    pub(super) body: Map<String, Value>,
}

/// The body of a SEND to `/app/chat.revoke`.
pub(super) struct RevokeRequest {
    pub(super) app: String,
    pub(super) id: String,
}

/// An object, and not the array that serde would take for a struct as well.
fn object(body: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(body).ok()
}

fn text(body: &Map<String, Value>, member: &str) -> Option<String> {
    body.get(member)?.as_str().map(str::to_owned)
}

fn name(body: &Map<String, Value>, member: &str) -> Option<String> {
    text(body, member).filter(|name| !name.is_empty())
}

impl SendRequest {
    const MEMBERS: [&str; 6] = ["appId", "messageId", "toId", "chatType", "msgType", "content"];

    /// Reads the body; nothing if it is not as documented (IM-SEND-10).
    pub(super) fn parse(body: &[u8], policy: Policy) -> Option<SendRequest> {
        let body = policy.request(object(body)?);
        let known = |name: &String| Self::MEMBERS.contains(&name.as_str());
        if !policy.takes_extra_members() && !body.keys().all(known) {
            return None;
        }
        Some(SendRequest {
            app: name(&body, "appId")?,
            id: name(&body, "messageId")?,
            to: name(&body, "toId")?,
            chat_type: match body.get("chatType")?.as_str()? {
                "SINGLE" => ChatType::Single,
                "GROUP" => ChatType::Group,
                _ => return None,
            },
            msg_type: name(&body, "msgType")?,
            content: text(&body, "content")?,
            body,
        })
    }
}

impl RevokeRequest {
    /// Reads the body; nothing if it is not as documented.
    pub(super) fn parse(body: &[u8]) -> Option<RevokeRequest> {
        let body = object(body)?;
        Some(RevokeRequest { app: name(&body, "appId")?, id: name(&body, "messageId")? })
    }
}

/// The app named by the body of a SEND to `/app/chat.sync`.
pub(super) fn sync_app(body: &[u8]) -> Option<String> {
    name(&object(body)?, "appId")
}
