//! The chat application: sending, revoking and syncing messages.
//!
//! It relies on the authenticated user that it is given and on nothing that a body claims. It must never answer a bad
//! request with anything but silence, nor show a message to anybody who is not meant to see it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::core::Core;
use super::event::ConnId;
use super::message::{ChatType, Message, RevokeRequest, SendRequest, Status, sync_app};
use super::policy::Audience;
use super::roads::Road;
use super::session::Letter;

/// How many messages are remembered, for revoking and for knowing an id again.
const REMEMBERED: usize = 20_000;

/// An id and the scope in which it is unique.
type Key = (String, String);

/// What the application remembers.
#[derive(Debug, Default)]
pub(super) struct Mail {
    records: BTreeMap<Key, Record>,
    /// The keys in the order of sending, so that the oldest can be forgotten.
    order: VecDeque<Key>,
    /// By recipient, in the order of sending: app and message.
    stored: BTreeMap<String, Vec<(String, Message)>>,
}

#[derive(Debug)]
struct Record {
    app: String,
    message: Message,
}

impl Mail {
    fn knows(&self, key: &Key) -> bool {
        self.records.contains_key(key)
    }

    fn remember(&mut self, key: Key, app: String, message: Message) {
        if self.order.len() == REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.records.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.records.insert(key, Record { app, message });
    }

    fn store(&mut self, app: String, message: Message) {
        self.stored.entry(message.to_id.clone()).or_default().push((app, message));
    }

    /// Drops a message that has not been delivered.
    fn unstore(&mut self, message: &Message) {
        if let Some(stored) = self.stored.get_mut(&message.to_id) {
            stored.retain(|(_, other)| (&other.id, &other.from_id) != (&message.id, &message.from_id));
        }
    }

    /// Takes out what waits for a user in an app.
    fn take(&mut self, user: &str, app: &str) -> Vec<Message> {
        let Some(stored) = self.stored.get_mut(user) else { return Vec::new() };
        let (taken, kept) = std::mem::take(stored).into_iter().partition(|(of, _)| of == app);
        *stored = kept;
        let taken: Vec<(String, Message)> = taken;
        taken.into_iter().map(|(_, message)| message).collect()
    }

    /// The messages of this id that `may` be revoked.
    fn revocable(&mut self, id: &str, app: &str, may: impl Fn(&str) -> bool) -> Option<&mut Record> {
        self.records
            .range_mut((id.to_owned(), String::new())..)
            .take_while(|((known, _), _)| known == id)
            .map(|(_, record)| record)
            .find(|record| record.app == app && may(&record.message.from_id))
    }
}

impl Letter {
    fn of_message(message: &Message) -> Letter {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Letter { headers, body: message.to_json() }
    }
}

impl Core {
    /// `/app/chat.send`
    pub(super) fn chat(&mut self, user: &str, body: &[u8]) {
        let Some(request) = SendRequest::parse(body) else { return };
        if !self.policy.serves_app(self.directory.belongs(user, &request.app))
            || !self.reaches(user, &request)
        {
            return;
        }
        let key = (request.id.clone(), self.policy.id_scope(user).to_owned());
        if self.mail.knows(&key) {
            return;
        }
        let message = Message {
            id: request.id,
            from_id: self.policy.sender_id(user, &request.body),
            to_id: request.to,
            chat_type: request.chat_type,
            msg_type: request.msg_type,
            content: self.policy.content(request.content),
            status: Status::Sent,
            created_at: self.policy.created_at(self.wall()),
        };
        self.mail.remember(key, request.app.clone(), message.clone());
        match message.chat_type {
            ChatType::Single => self.post_to_user(request.app, message),
            ChatType::Group => self.show(&self.listening(&Road::Group(message.to_id.clone())), &message),
        }
    }

    /// Whether there is such a recipient for this sender.
    fn reaches(&self, user: &str, request: &SendRequest) -> bool {
        match request.chat_type {
            ChatType::Single => match self.directory.user(&request.to) {
                Some(_) => self.policy.serves_app(self.directory.belongs(&request.to, &request.app)),
                None => false,
            },
            ChatType::Group => {
                self.directory.group(&request.to).is_some_and(|group| self.policy.may_post(user, group))
            }
        }
    }

    /// Shows a message to its recipient, or keeps it until a sync.
    fn post_to_user(&mut self, app: String, message: Message) {
        let listening = self.audience(&message.to_id);
        if listening.is_empty() {
            self.mail.store(app, message);
            return;
        }
        let devices = self.policy.devices(listening.iter().map(|(conn, _)| *conn).collect());
        let shown: Vec<_> = listening.into_iter().filter(|(conn, _)| devices.contains(conn)).collect();
        self.show(&shown, &message);
    }

    /// The subscriptions on which a message for this user is heard.
    fn audience(&self, user: &str) -> Vec<(ConnId, String)> {
        let mut heard = match self.policy.audience() {
            Audience::Addressee => self.listening(&Road::Personal(user.to_owned())),
            Audience::Everybody => {
                let personal = |road: &Road| matches!(road, Road::Personal(_));
                self.listeners
                    .iter()
                    .filter(|(road, _)| personal(road))
                    .flat_map(|(_, l)| l.clone())
                    .collect()
            }
        };
        heard.extend(self.listening(&Road::Everybodys));
        heard
    }

    fn show(&mut self, listening: &[(ConnId, String)], message: &Message) {
        let letter = Arc::new(Letter::of_message(message));
        for (conn, key) in listening {
            self.deliver(*conn, key, &letter, None);
        }
    }

    /// `/app/chat.revoke`
    pub(super) fn revoke(&mut self, conn: ConnId, user: &str, body: &[u8]) {
        let Some(request) = RevokeRequest::parse(body) else { return };
        let policy = self.policy;
        let may = |sender: &str| policy.may_revoke(user, sender);
        let Some(record) = self.mail.revocable(&request.id, &request.app, may) else { return };
        if record.message.status == Status::Revoked && policy.tells_once() {
            return;
        }
        record.message.status = Status::Revoked;
        let message = record.message.clone();
        if policy.forgets_revoked() {
            self.mail.unstore(&message);
        }
        let content = policy.notice_content(&message.content);
        let told = self.told(conn, &message);
        self.show(&told, &Message { content, ..message });
    }

    /// Who learns of a revocation by `conn`: the recipient or the group, and the sender's other sessions.
    fn told(&self, conn: ConnId, message: &Message) -> Vec<(ConnId, String)> {
        let to = &message.to_id;
        if message.chat_type == ChatType::Group {
            let group = self.listening(&Road::Group(to.clone()));
            return if self.policy.tells_group() { group } else { Vec::new() };
        }
        let own = self.listening(&Road::Personal(message.from_id.clone()));
        let mut told: BTreeSet<_> = own.into_iter().filter(|(other, _)| *other != conn).collect();
        if self.policy.tells_recipient() {
            told.extend(self.listening(&Road::Personal(to.clone())));
        }
        told.into_iter().collect()
    }

    /// `/app/chat.sync`: what is stored, on this session's own subscriptions (IM-SYNC-04).
    pub(super) fn sync(&mut self, conn: ConnId, user: &str, body: &[u8]) {
        let Some(app) = sync_app(body) else { return };
        if !self.policy.serves_app(self.directory.belongs(user, &app)) {
            return;
        }
        let mut listening = self.listening(&Road::Personal(user.to_owned()));
        listening.retain(|(other, _)| *other == conn);
        // Without a subscription nothing could be shown, so nothing counts as delivered (IM-SYNC-09).
        if listening.is_empty() {
            return;
        }
        let stored = self.mail.take(user, &app);
        for mut message in self.policy.synced(stored) {
            message.created_at = self.policy.synced_at(message.created_at, self.wall());
            self.show(&listening, &message);
        }
    }
}
