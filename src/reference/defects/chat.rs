//! Defects of the chat application.

use super::prelude::*;

defects! {
    hard: false;

    // ---- roads

    "eavesdrop-other-user" EavesdropOtherUser breaks ["IM-SUB-02"],
    "`/user/OTHER/queue/messages` shows another user's messages." {
        fn may_hear(&self, user: &str, other: &str) -> bool { true }
    }

    "eavesdrop-everybody" EavesdropEverybody breaks ["IM-SUB-02"],
    "`/queue/messages`, what is beneath it, and patterns show everybody's messages." {
        fn may_hear_everybody(&self, user: &str) -> bool { true }
    }

    "non-member-listens" NonMemberListens breaks ["IM-GROUP-07"],
    "Anyone may subscribe to a group." {
        fn may_join(&self, user: &str, group: &Group) -> bool { true }
    }

    "non-member-posts" NonMemberPosts breaks ["IM-GROUP-06"],
    "Anyone may post to a group." {
        fn may_post(&self, user: &str, group: &Group) -> bool { true }
    }

    "forge-direct-send" ForgeDirectSend breaks ["IM-SEND-14"],
    "A SEND straight to a personal queue or a group topic is delivered as it is." {
        fn may_send_directly(&self, user: &str) -> bool { true }
    }

    // ---- messages

    "echoes-foreign-fromid" EchoesForeignFromId breaks ["IM-SEND-03"],
    "The sender is who the body says." {
        fn sender_id(&self, user: &str, body: &Map<String, Value>) -> String {
            let claimed = ["fromId", "sender", "senderId", "from"].iter().find_map(|name| body.get(*name)?.as_str());
            claimed.unwrap_or(user).to_owned()
        }
    }

    "content-trimmed" ContentTrimmed breaks ["IM-SEND-04"],
    "White space at the ends of the content is removed." {
        fn content(&self, sent: String) -> String { sent.trim().to_owned() }
    }

    "created-at-in-seconds" CreatedAtInSeconds breaks ["IM-SEND-02"],
    "`createdAt` counts seconds." {
        fn created_at(&self, epoch_ms: u64) -> u64 { epoch_ms / 1_000 }
    }

    "foreign-app-served" ForeignAppServed breaks ["IM-SEND-11"],
    "A message is delivered whatever app it names." {
        fn serves_app(&self, belongs: bool) -> bool { true }
    }

    "delivers-to-everyone" DeliversToEveryone breaks ["IM-SEND-07"],
    "A personal message is shown to every connected user." {
        fn audience(&self) -> Audience { Audience::Everybody }
    }

    "one-device-only" OneDeviceOnly breaks ["IM-SUB-07"],
    "Only the session that came last receives." {
        fn devices(&self, listening: BTreeSet<ConnId>) -> BTreeSet<ConnId> {
            listening.last().copied().into_iter().collect()
        }
    }

    "message-ids-collide" MessageIdsCollide breaks ["IM-SEND-08"],
    "A `messageId` that one user has used cannot be used by another." {
        fn id_scope<'a>(&self, sender: &'a str) -> &'a str { "" }
    }

    // ---- revoking

    "revoke-by-anyone" RevokeByAnyone breaks ["IM-REVOKE-04"],
    "Whoever knows a message's id may revoke it." {
        fn may_revoke(&self, user: &str, sender: &str) -> bool { true }
    }

    "no-revoke-notice" NoRevokeNotice breaks ["IM-REVOKE-02"],
    "The recipient is not told that a message was revoked." {
        fn tells_recipient(&self) -> bool { false }
    }

    "no-group-revoke-notice" NoGroupRevokeNotice breaks ["IM-REVOKE-08"],
    "The group is not told that a message was revoked." {
        fn tells_group(&self) -> bool { false }
    }

    "notice-has-content" NoticeHasContent breaks ["IM-REVOKE-03"],
    "The notice of a revocation repeats the content." {
        fn notice(&self, message: Message) -> Message { message }
    }

    "revoke-notice-repeated" RevokeNoticeRepeated breaks ["IM-REVOKE-06"],
    "Each revocation of the same message is told again." {
        fn tells_once(&self) -> bool { false }
    }

    "revoked-content-synced" RevokedContentSynced breaks ["IM-REVOKE-07"],
    "A message that was revoked before its recipient synced is delivered all the same." {
        fn forgets_revoked(&self) -> bool { false }
    }

    // ---- offline messages

    "sync-loses-one" SyncLosesOne breaks ["IM-SYNC-02"],
    "Of several stored messages the first is not delivered." {
        fn synced(&self, mut stored: Vec<Message>) -> Vec<Message> {
            if stored.len() > 1 {
                stored.remove(0);
            }
            stored
        }
    }

    "sync-duplicates" SyncDuplicates breaks ["IM-SYNC-02"],
    "The last stored message is delivered twice." {
        fn synced(&self, mut stored: Vec<Message>) -> Vec<Message> {
            stored.extend(stored.last().cloned());
            stored
        }
    }

    "sync-restamps" SyncRestamps breaks ["IM-SYNC-03"],
    "`createdAt` of a stored message is the time of the sync." {
        fn synced_at(&self, sent_at: u64, now: u64) -> u64 { now }
    }

    // ---- more of messages

    "personal-queue-silent" PersonalQueueSilent breaks ["IM-SUB-01", "IM-SEND-01"],
    "Nothing is delivered on the personal queue." {
        fn copies(&self, of: &Delivery<'_>) -> usize { usize::from(!of.destination.starts_with("/user/")) }
    }

    "delivered-twice" DeliveredTwice breaks ["IM-SUB-06", "IM-SEND-17", "IM-GROUP-01", "IM-GROUP-10"],
    "Sessions are subscribed by themselves as well as by SUBSCRIBE: each message comes twice." {
        fn copies(&self, of: &Delivery<'_>) -> usize { if of.destination.starts_with("/user/") { 2 } else { 1 } }
    }

    "group-delivered-twice" GroupDeliveredTwice breaks ["IM-GROUP-01", "IM-GROUP-10"],
    "A group's messages come twice." {
        fn copies(&self, of: &Delivery<'_>) -> usize { if of.destination.starts_with("/topic/group/") { 2 } else { 1 } }
    }

    "groups-mixed-up" GroupsMixedUp breaks ["IM-SUB-03", "IM-GROUP-04"],
    "Who listens to one group hears all of them." {
        fn hears_group(&self, listens: &str, posted: &str) -> bool { true }
    }

    "group-ids-normalized" GroupIdsNormalized breaks ["IM-GROUP-09"],
    "The id of a group is read as a path: `x/../group_red` is `group_red`." {
        fn may_join(&self, user: &str, group: &Group) -> bool { true }
        fn group_id(&self, called: &str) -> String {
            let called = called.replace("%2F", "/").replace("%2f", "/");
            let mut parts: Vec<&str> = Vec::new();
            for part in called.trim().split('/') {
                match part {
                    ".." => { parts.pop(); }
                    "." | "" => {}
                    part => parts.push(part),
                }
            }
            parts.join("/")
        }
    }

    "group-sender-is-the-group" GroupSenderIsTheGroup breaks ["IM-GROUP-02"],
    "A group's message says that the group has sent it." {
        fn body(&self, message: &Message) -> Vec<u8> {
            let from_id = if message.chat_type == ChatType::Group { &message.to_id } else { &message.from_id };
            Message { from_id: from_id.clone(), ..message.clone() }.to_json()
        }
    }

    "fan-out-of-32" FanOutOf32 breaks ["IM-GROUP-10"],
    "A group's message reaches thirty-two listeners." {
        fn reached(&self, mut listening: Vec<(ConnId, String)>) -> Vec<(ConnId, String)> {
            listening.truncate(32);
            listening
        }
    }

    "group-misses-one" GroupMissesOne breaks ["IM-GROUP-01", "IM-GROUP-10"],
    "A group's message does not reach the listener who came last." {
        fn reached(&self, mut listening: Vec<(ConnId, String)>) -> Vec<(ConnId, String)> {
            if listening.len() > 1 { listening.pop(); }
            listening
        }
    }

    "missing-content-is-empty" MissingContentIsEmpty breaks ["IM-SEND-10"],
    "A message without content is delivered as an empty one." {
        fn request(&self, mut body: Map<String, Value>) -> Map<String, Value> {
            body.entry("content").or_insert_with(|| "".into());
            body
        }
    }

    "numbers-as-text" NumbersAsText breaks ["IM-SEND-10"],
    "Members that are no text are made text." {
        fn request(&self, body: Map<String, Value>) -> Map<String, Value> {
            body.into_iter().map(|(name, value)| {
                let text = if value.is_string() { value } else { value.to_string().into() };
                (name, text)
            }).collect()
        }
    }

    "unknown-chat-type-is-single" UnknownChatTypeIsSingle breaks ["IM-SEND-10"],
    "A chat type that there is not is taken for SINGLE." {
        fn request(&self, mut body: Map<String, Value>) -> Map<String, Value> {
            if body.get("chatType").is_none_or(|kind| kind != "GROUP") { body.insert("chatType".into(), "SINGLE".into()); }
            body
        }
    }

    "unknown-recipient-ends-all" UnknownRecipientEndsAll breaks ["IM-SEND-13"],
    "A message to a user who is not there ends the thread that serves the other connections." {
        fn harms_others(&self, mishap: Mishap) -> bool { mishap == Mishap::NoSuchRecipient }
    }

    "bad-body-ends-all" BadBodyEndsAll breaks ["IM-SEND-10", "IM-ERR-02"],
    "A body that cannot be read ends the thread that serves the other connections." {
        fn harms_others(&self, mishap: Mishap) -> bool { mishap == Mishap::BadBody }
    }

    "unknown-destination-ends-all" UnknownDestinationEndsAll breaks ["IM-ERR-05"],
    "A SEND below `/app` that nobody handles ends the thread that serves the other connections." {
        fn harms_others(&self, mishap: Mishap) -> bool { mishap == Mishap::NobodyThere }
    }

    "body-is-no-json" BodyIsNoJson breaks ["IM-SEND-15", "IM-SEND-02", "IM-SEND-01"],
    "The body of MESSAGE is what the server's language prints for an object." {
        fn body(&self, message: &Message) -> Vec<u8> {
            format!("ChatMessage(id={}, fromId={}, toId={}, content={})", message.id, message.from_id, message.to_id, message.content)
                .into_bytes()
        }
    }

    "created-at-as-text" CreatedAtAsText breaks ["IM-SEND-02"],
    "`createdAt` is text." {
        fn body(&self, message: &Message) -> Vec<u8> {
            let number = message.created_at.to_string();
            let json = String::from_utf8_lossy(&message.to_json()).into_owned();
            json.replace(&format!("\"createdAt\":{number}"), &format!("\"createdAt\":\"{number}\"")).into_bytes()
        }
    }

    "status-missing" StatusMissing breaks ["IM-SEND-02", "IM-REVOKE-02"],
    "A message does not say what has become of it." {
        fn body(&self, message: &Message) -> Vec<u8> {
            let json = String::from_utf8_lossy(&message.to_json()).into_owned();
            json.replace("\"status\":\"SENT\",", "").replace("\"status\":\"REVOKED\",", "").into_bytes()
        }
    }

    "content-as-html" ContentAsHtml breaks ["IM-SEND-04"],
    "Content is escaped for HTML before it is delivered." {
        fn content(&self, sent: String) -> String {
            sent.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
        }
    }

    "content-normalized" ContentNormalized breaks ["IM-SEND-04"],
    "Line ends in the content are made LF." {
        fn content(&self, sent: String) -> String { sent.replace("\r\n", "\n").replace('\r', "\n") }
    }

    "frames-without-limit" FramesWithoutLimit breaks ["IM-ERR-06", "STOMP12-SIZE-02"],
    "A frame may be of any length." {
        fn frame_limit(&self) -> usize { 1024 * 1024 }
    }

    "frames-of-16-kib" FramesOf16Kib breaks ["IM-ERR-06", "IM-SEND-04", "STOMP12-SIZE-02"],
    "A frame of more than 16 KiB is refused." {
        fn frame_limit(&self) -> usize { 16 * 1024 }
    }

    "not-connected-means-lost" NotConnectedMeansLost breaks ["IM-SYNC-01"],
    "A message for somebody who is not connected is thrown away." {
        fn stores(&self, connected: bool) -> bool { connected }
    }

    "not-subscribed-means-lost" NotSubscribedMeansLost breaks ["IM-SYNC-09"],
    "A message for somebody who is connected and does not listen is thrown away." {
        fn stores(&self, connected: bool) -> bool { !connected }
    }

    // ---- more of revoking

    "revoke-ignored" RevokeIgnored breaks ["IM-REVOKE-01", "IM-REVOKE-02"],
    "Nothing is ever revoked." {
        fn revokes(&self, age_ms: u64) -> bool { false }
    }

    "revoked-by-session" RevokedBySession breaks ["IM-REVOKE-01"],
    "A message can be revoked on the connection that sent it, and on no other." {
        fn revokes_on(&self, sent_on: ConnId, asked_on: ConnId) -> bool { sent_on == asked_on }
    }

    "unknown-revoke-ends-all" UnknownRevokeEndsAll breaks ["IM-REVOKE-05"],
    "Revoking a message that is not there ends the thread that serves the other connections." {
        fn harms_others(&self, mishap: Mishap) -> bool { mishap == Mishap::NoSuchMessage }
    }

    "notice-says-sent" NoticeSaysSent breaks ["IM-REVOKE-02"],
    "The notice of a revocation says SENT." {
        fn notice(&self, message: Message) -> Message {
            Message { content: String::new(), status: Status::Sent, ..message }
        }
    }

    "notice-names-another" NoticeNamesAnother breaks ["IM-REVOKE-02", "IM-REVOKE-01"],
    "The notice of a revocation has an id of its own." {
        fn notice(&self, message: Message) -> Message {
            Message { content: String::new(), id: format!("revoked-{}", message.created_at), ..message }
        }
    }

    // ---- more of offline messages

    "sync-of-all-apps" SyncOfAllApps breaks ["IM-SYNC-07"],
    "A sync delivers what is stored, whatever app it names." {
        fn serves_app(&self, belongs: bool) -> bool { true }
        fn syncs_app(&self, stored: &str, asked: &str) -> bool { true }
    }

    "sync-on-all-devices" SyncOnAllDevices breaks ["IM-SYNC-04"],
    "A sync is shown on all connections of its user." {
        fn syncs_on(&self, asked_on: ConnId, shown_on: ConnId) -> bool { true }
    }

    "empty-sync-refused" EmptySyncRefused breaks ["IM-SYNC-05"],
    "A sync that finds nothing is an ERROR." {
        fn refuses_empty_sync(&self) -> bool { true }
    }

    "sync-forgets-nothing" SyncForgetsNothing breaks ["IM-SYNC-06", "IM-SYNC-05"],
    "Each sync delivers again what the last one delivered." {
        fn keeps_delivered(&self) -> bool { true }
    }

    "sync-backwards" SyncBackwards breaks ["IM-SYNC-02"],
    "Stored messages come last first." {
        fn synced(&self, mut stored: Vec<Message>) -> Vec<Message> {
            stored.reverse();
            stored
        }
    }
}
