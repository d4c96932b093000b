//! The chat application: sending, revoking and syncing messages.
//!
//! It relies on the authenticated user that it is given and on nothing that a body claims. It must never answer a bad
//! request with anything but silence, nor show a message to anybody who is not meant to see it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::core::Core;
use super::decisions::{Audience, Mishap};
use super::event::ConnId;
use super::message::{ChatType, Message, RevokeRequest, SendRequest, Status, sync_app};
use super::policy::Policy;
use super::refusal::Refusal;
use super::roads::Road;
use super::session::{Letter, Session};

/// An id and the scope in which it is unique.
type Key = (String, String);

/// What the application remembers.
#[derive(Debug, Default)]
pub(super) struct Mail {
    records: BTreeMap<Key, Record>,
    /// How many messages were taken.
    sent: u64,
    /// The keys in the order of sending, so that the oldest can be forgotten.
    order: VecDeque<Key>,
    /// By recipient, in the order of sending: app and message.
    stored: BTreeMap<String, Vec<(String, Message)>>,
}

#[derive(Debug)]
struct Record {
    app: String,
    message: Message,
    sent_on: ConnId,
}

impl Mail {
    fn knows(&self, key: &Key) -> bool {
        self.records.contains_key(key)
    }

    fn remember(&mut self, key: Key, record: Record, most: usize) {
        if self.order.len() >= most
            && let Some(oldest) = self.order.pop_front()
        {
            self.records.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.records.insert(key, record);
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
    fn take(&mut self, user: &str, app: &str, policy: Policy) -> Vec<Message> {
        let Some(stored) = self.stored.get_mut(user) else { return Vec::new() };
        let wanted = |of: &str| policy.syncs_app(of, app);
        let taken = stored.iter().filter(|(of, _)| wanted(of)).map(|(_, message)| message.clone()).collect();
        stored.retain(|(of, _)| policy.keeps_delivered() || !wanted(of));
        taken
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
    fn json(body: Vec<u8>) -> Letter {
        Letter { headers: vec![("content-type".to_owned(), "application/json".to_owned())], body }
    }
}

impl Core {
    /// `/app/chat.send`
    pub(super) fn chat(&mut self, conn: ConnId, user: &str, body: &[u8]) {
        let Some(request) = SendRequest::parse(body, self.policy) else {
            return self.mishap(conn, Mishap::BadBody);
        };
        if !self.policy.serves_app(self.directory.belongs(user, &request.app)) {
            return;
        }
        if !self.reaches(user, &request) {
            return self.mishap(conn, Mishap::NoSuchRecipient);
        }
        self.mail.sent += 1;
        let id = self.policy.id(&request.id, self.mail.sent);
        let key = (id.clone(), self.policy.id_scope(user).to_owned());
        if self.mail.knows(&key) && !self.policy.repeats() {
            return;
        }
        let message = Message {
            id,
            from_id: self.policy.sender_id(user, &request.body),
            to_id: request.to,
            chat_type: request.chat_type,
            msg_type: request.msg_type,
            content: self.policy.content(request.content),
            status: Status::Sent,
            created_at: self.policy.created_at(self.wall()),
        };
        let record = Record { app: request.app.clone(), message: message.clone(), sent_on: conn };
        self.mail.remember(key, record, self.policy.remembers());
        match message.chat_type {
            ChatType::Single => {
                let own = self.listening(&Road::Personal(user.to_owned())).into_iter();
                let echoed: Vec<_> = own.filter(|(other, _)| self.policy.echoes(conn, *other)).collect();
                if message.to_id != user {
                    self.show(&echoed, &message);
                }
                self.post_to_user(request.app, message);
            }
            ChatType::Group => {
                let mut listening = self.members_listening(&message.to_id);
                listening.retain(|(other, _)| self.policy.echoes_to_group() || *other != conn);
                self.show(&listening, &message);
            }
        }
    }

    /// Whether there is such a recipient for this sender.
    fn reaches(&self, user: &str, request: &SendRequest) -> bool {
        match request.chat_type {
            ChatType::Single => match self.directory.user(&request.to) {
                Some(_) if request.to == user && !self.policy.serves_self() => false,
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
        if listening.is_empty() || self.policy.keeps_delivered() {
            let of_recipient = |s: &Session| s.login.as_ref().is_some_and(|l| l.user == message.to_id);
            if self.policy.stores(self.sessions.values().any(of_recipient)) {
                self.mail.store(app, message.clone());
            }
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

    /// The subscriptions on which a group is heard.
    fn members_listening(&self, group: &str) -> Vec<(ConnId, String)> {
        let hears = |road: &Road| matches!(road, Road::Group(id) if self.policy.hears_group(id, group));
        let all =
            self.listeners.iter().filter(|(road, _)| hears(road)).flat_map(|(_, l)| l.clone()).collect();
        self.policy.reached(all)
    }

    fn show(&mut self, listening: &[(ConnId, String)], message: &Message) {
        self.show_body(listening, self.policy.body(message));
    }

    fn show_body(&mut self, listening: &[(ConnId, String)], body: Vec<u8>) {
        let letter = Arc::new(Letter::json(body));
        for (conn, key) in listening {
            self.deliver(*conn, key, &letter, None);
        }
    }

    /// `/app/chat.revoke`
    pub(super) fn revoke(&mut self, conn: ConnId, user: &str, body: &[u8]) {
        let Some(request) = RevokeRequest::parse(body) else { return };
        let policy = self.policy;
        let may = |sender: &str| policy.may_revoke(user, sender);
        let now = policy.created_at(self.wall());
        let Some(record) = self.mail.revocable(&request.id, &request.app, may) else {
            return self.mishap(conn, Mishap::NoSuchMessage);
        };
        let age = now.saturating_sub(record.message.created_at);
        if !(policy.revokes(age) && policy.revokes_on(record.sent_on, conn))
            || (record.message.status == Status::Revoked && policy.tells_once())
        {
            return;
        }
        record.message.status = Status::Revoked;
        let message = record.message.clone();
        if policy.forgets_revoked() {
            self.mail.unstore(&message);
        }
        let told = self.told(conn, &message);
        self.show(&told, &policy.notice(message));
    }

    /// Who learns of a revocation by `conn`: the recipient or the group, and the sender's other sessions.
    fn told(&self, conn: ConnId, message: &Message) -> Vec<(ConnId, String)> {
        let to = &message.to_id;
        if message.chat_type == ChatType::Group {
            return if self.policy.tells_group() { self.members_listening(to) } else { Vec::new() };
        }
        let own = self.listening(&Road::Personal(message.from_id.clone()));
        let own_told = |other: ConnId| other != conn && self.policy.tells_own_devices();
        let mut told: BTreeSet<_> = own.into_iter().filter(|(other, _)| own_told(*other)).collect();
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
        listening.retain(|(other, _)| self.policy.syncs_on(conn, *other));
        // Without a subscription nothing could be shown, so nothing counts as delivered (IM-SYNC-09).
        if listening.is_empty() {
            return;
        }
        let mut messages = self.policy.synced(self.mail.take(user, &app, self.policy));
        if messages.is_empty() && self.policy.refuses_empty_sync() {
            return self.refuse(conn, &Refusal::plain("Nothing to sync"), None);
        }
        for message in &mut messages {
            message.created_at = self.policy.synced_at(message.created_at, self.wall());
        }
        match self.policy.bundle(&messages).filter(|_| !messages.is_empty()) {
            Some(body) => self.show_body(&listening, body),
            None => messages.iter().for_each(|message| self.show(&listening, message)),
        }
    }

    /// What is stored for a user, as soon as there is somebody to show it to.
    pub(super) fn push_stored(&mut self, conn: ConnId, user: &str) {
        let app = self.directory.app().to_owned();
        let mut listening = self.listening(&Road::Personal(user.to_owned()));
        listening.retain(|(other, _)| *other == conn);
        for message in self.mail.take(user, &app, self.policy) {
            self.show(&listening, &message);
        }
    }
}
