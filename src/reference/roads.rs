//! What a destination means here: parsed once, at the edge, into roads that cannot be misread.
//!
//! It relies on the names of the dialect alone. It must never decide whether somebody may use a road: that is the
//! policy's part.

/// The destination on which users hear what is for them.
pub(super) const PERSONAL: &str = "/user/queue/messages";
const GROUP_PREFIX: &str = "/topic/group/";

/// What may be subscribed to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Road {
    /// The messages for this user.
    Personal(String),
    /// The messages for everybody: what a pattern or the resolved queue would show on a careless broker.
    Everybodys,
    /// The messages of the group of this id, which may be unknown.
    Group(String),
    /// A plain topic.
    Topic(String),
    /// A plain queue.
    Queue(String),
}

/// Where a SEND goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Errand {
    /// `/app/chat.send`
    Chat,
    /// `/app/chat.revoke`
    Revoke,
    /// `/app/chat.sync`
    Sync,
    /// Another `/app/…`: nobody is there (IM-ERR-05).
    Nobody,
    /// Past the application, straight to where its messages are delivered (IM-SEND-14).
    Direct(Road),
    /// A plain topic.
    Topic(String),
    /// A plain queue.
    Queue(String),
}

/// What SUBSCRIBE asks for, if there is such a destination.
pub(super) fn subscribed(destination: &str, me: &str) -> Option<Road> {
    if destination == PERSONAL {
        return Some(Road::Personal(me.to_owned()));
    }
    if let Some(other) = personal_of(destination) {
        return Some(Road::Personal(other.to_owned()));
    }
    if shows_everybodys(destination) {
        return Some(Road::Everybodys);
    }
    if let Some(id) = destination.strip_prefix(GROUP_PREFIX) {
        return Some(Road::Group(id.to_owned()));
    }
    plain(destination)
}

/// What SEND asks for, if there is such a destination.
pub(super) fn sent(destination: &str, me: &str) -> Option<Errand> {
    match destination {
        "/app/chat.send" => return Some(Errand::Chat),
        "/app/chat.revoke" => return Some(Errand::Revoke),
        "/app/chat.sync" => return Some(Errand::Sync),
        _ if destination.starts_with("/app/") => return Some(Errand::Nobody),
        _ => {}
    }
    Some(match subscribed(destination, me)? {
        Road::Topic(name) => Errand::Topic(name),
        Road::Queue(name) => Errand::Queue(name),
        road => Errand::Direct(road),
    })
}

/// `/user/OTHER/queue/messages`
fn personal_of(destination: &str) -> Option<&str> {
    let other = destination.strip_prefix("/user/")?.strip_suffix("/queue/messages")?;
    (!other.is_empty() && !other.contains(['/', '*'])).then_some(other)
}

/// The resolved queue and everything beneath it, and the patterns that cover it.
fn shows_everybodys(destination: &str) -> bool {
    destination.starts_with("/queue/messages") || matches!(destination, "/queue/*" | "/queue/**" | "/**")
}

/// A name on the plain broker: exact, so that patterns are no destinations.
fn plain(destination: &str) -> Option<Road> {
    if destination.contains('*') {
        return None;
    }
    let rest = |prefix| destination.strip_prefix(prefix).filter(|rest: &&str| !rest.is_empty());
    if rest("/topic/").is_some_and(|name| name != "group") {
        return Some(Road::Topic(destination.to_owned()));
    }
    rest("/queue/").map(|_| Road::Queue(destination.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_to_subscribe_to_has_one_meaning() {
        let personal = |user: &str| Some(Road::Personal(user.into()));
        let cases = [
            ("/user/queue/messages", personal("me")),
            ("/user/bob/queue/messages", personal("bob")),
            ("/user/a/b/queue/messages", None),
            ("/user/*/queue/messages", None),
            ("/user/queue/errors", None),
            ("/queue/messages", Some(Road::Everybodys)),
            ("/queue/messages-user7", Some(Road::Everybodys)),
            ("/queue/messages/x", Some(Road::Everybodys)),
            ("/queue/*", Some(Road::Everybodys)),
            ("/**", Some(Road::Everybodys)),
            ("/topic/group/g", Some(Road::Group("g".into()))),
            ("/topic/group/g/../h", Some(Road::Group("g/../h".into()))),
            ("/topic/group/*", Some(Road::Group("*".into()))),
            ("/topic/group", None),
            ("/topic/**", None),
            ("/topic/", None),
            ("/topic/a", Some(Road::Topic("/topic/a".into()))),
            ("/queue/a b", Some(Road::Queue("/queue/a b".into()))),
            (" /topic/a", None),
            ("", None),
        ];
        for (destination, road) in cases {
            assert_eq!(subscribed(destination, "me"), road, "{destination}");
        }
    }

    #[test]
    fn a_send_past_the_application_is_seen_as_such() {
        for destination in
            ["/user/bob/queue/messages", "/user/queue/messages", "/queue/messages", "/topic/group/g"]
        {
            assert!(matches!(sent(destination, "me"), Some(Errand::Direct(_))), "{destination}");
        }
        assert_eq!(sent("/app/x", "me"), Some(Errand::Nobody));
        assert_eq!(sent("/elsewhere", "me"), None);
    }
}
