//! What each client frame does, once its sender is connected.
//!
//! It relies on `connect.rs` for who that is and on roads for what destinations mean. It must never deliver anything
//! itself: `broker.rs` and `im.rs` do.

use super::core::Core;
use super::decisions::Mishap;
use super::event::ConnId;
use super::refusal::Refusal;
use super::roads::{self, Errand, Road};
use super::session::{AckMode, Held, Session, Subscription};
use crate::stomp::{Frame, Version};

/// Frames that one transaction may hold.
const MOST_HELD: usize = 10_000;

/// A header that must be there (STOMP12-HDR-01).
fn required<'f>(frame: &'f Frame, name: &str) -> Result<&'f str, Refusal> {
    frame.header(name).ok_or_else(|| Refusal::missing(name))
}

impl Core {
    /// Carries out a frame.
    pub(super) fn obey(&mut self, conn: ConnId, frame: &Frame) -> Result<(), Refusal> {
        if let Some(message) = self.policy.objects_to(frame) {
            return Err(Refusal::plain(message));
        }
        if matches!(frame.command.as_str(), "CONNECT" | "STOMP") {
            return self.connect(conn, frame);
        }
        let Some(session) = self.sessions.get(&conn) else { return Ok(()) };
        let user = match &session.login {
            Some(login) => login.user.clone(),
            None => self
                .policy
                .acts_before_connect(session.query_user.as_deref())
                .ok_or_else(|| Refusal::because("Not connected", "The first frame must be CONNECT."))?,
        };
        match frame.command.as_str() {
            "SEND" => self.sent(conn, &user, frame),
            "SUBSCRIBE" => self.subscribe(conn, &user, frame),
            "UNSUBSCRIBE" => self.unsubscribe(conn, frame),
            // A NACK says that the message is not wanted: it is dropped (STOMP12-NACK-02 leaves it to the server).
            "ACK" | "NACK" => self.acknowledge(conn, &user, frame),
            "BEGIN" => self.begin(conn, frame),
            "COMMIT" => self.commit(conn, &user, frame),
            "ABORT" if !self.policy.aborts() => self.commit(conn, &user, frame),
            "ABORT" => self.transaction(conn, frame).map(|_aborted| ()),
            "DISCONNECT" => Ok(()),
            _ => Err(Refusal::plain("Unknown command")),
        }
    }

    fn session(&mut self, conn: ConnId) -> Result<&mut Session, Refusal> {
        self.sessions.get_mut(&conn).ok_or_else(|| Refusal::plain("Not connected"))
    }

    fn subscribe(&mut self, conn: ConnId, user: &str, frame: &Frame) -> Result<(), Refusal> {
        let destination =
            self.policy.subscribed(frame).ok_or_else(|| Refusal::missing("destination"))?.to_owned();
        let id = frame.header("id").map(str::to_owned);
        let session = self.session(conn)?;
        let version = session.version();
        if id.is_none() && self.policy.needs_subscription_id(version) {
            return Err(Refusal::missing("id"));
        }
        let key = id.clone().unwrap_or_else(|| destination.clone());
        let default = self.policy.default_ack();
        let session = self.session(conn)?;
        if session.subscriptions.contains_key(&key) {
            return Err(Refusal::because("Subscription exists", "The id is in use on this connection."));
        }
        let ack = AckMode::parse(frame.header("ack"), default).ok_or_else(|| {
            Refusal::because("Unknown ack mode", "It is auto, client or client-individual.")
        })?;
        let road = self.subscribed_road(&destination, user).filter(|road| self.may_listen(user, road));
        // Whether such a thing exists is nobody's business but its members'.
        let road = road.ok_or_else(|| Refusal::plain("No such destination"))?;
        let pushes = self.policy.pushes_on_subscribe() && road == Road::Personal(user.to_owned());
        self.list(conn, key, Subscription { id, destination, road, ack });
        if pushes {
            self.push_stored(conn, user);
        }
        Ok(())
    }

    fn subscribed_road(&self, destination: &str, user: &str) -> Option<Road> {
        Some(match roads::subscribed(destination, user)? {
            Road::Group(called) => Road::Group(self.policy.group_id(&called)),
            road => road,
        })
    }

    fn may_listen(&self, user: &str, road: &Road) -> bool {
        match road {
            Road::Personal(other) => self.policy.may_hear(user, other),
            Road::Everybodys => self.policy.may_hear_everybody(user),
            Road::Group(id) => {
                self.directory.group(id).is_some_and(|group| self.policy.may_join(user, group))
            }
            Road::Topic(_) | Road::Queue(_) => true,
        }
    }

    fn unsubscribe(&mut self, conn: ConnId, frame: &Frame) -> Result<(), Refusal> {
        let (policy, session) = (self.policy, self.session(conn)?);
        let by_destination =
            frame.header("destination").filter(|_| policy.cancels_by_destination(session.version()));
        let named = frame.header("id").or(by_destination);
        if named.is_none() && policy.cancels_all() {
            let keys: Vec<String> = session.subscriptions.keys().cloned().collect();
            let owed: Vec<_> = keys.iter().flat_map(|key| self.unlist(conn, key)).collect();
            self.take_back(owed);
            return Ok(());
        }
        let key = named.ok_or_else(|| Refusal::missing("id"))?;
        if !session.subscriptions.contains_key(key) {
            return Err(Refusal::plain("No such subscription"));
        }
        if !self.policy.ends_subscription() {
            return Ok(());
        }
        let everywhere = self.policy.unsubscribes_everywhere();
        let conns = self.sessions.keys().copied().filter(|other| everywhere || *other == conn);
        for conn in conns.collect::<Vec<_>>() {
            let owed = self.unlist(conn, key);
            self.take_back(owed);
        }
        Ok(())
    }

    fn sent(&mut self, conn: ConnId, user: &str, frame: &Frame) -> Result<(), Refusal> {
        let destination = self.policy.destination(frame).ok_or_else(|| Refusal::missing("destination"))?;
        let errand = roads::sent(destination, user)
            .filter(|errand| !matches!(errand, Errand::Direct(_)) || self.policy.may_send_directly(user))
            .ok_or_else(|| Refusal::plain("No such destination"))?;
        let policy = self.policy;
        let session = self.session(conn)?;
        session.tally.sent += 1;
        if !policy.takes_send(session.tally.sent) {
            return Ok(());
        }
        let open = session.transactions.keys().next().cloned();
        match policy.transaction_of(frame.header("transaction"), open.as_deref()) {
            None => self.run(conn, user, &errand, frame),
            Some(name) => self.hold(conn, user, name, Held::Send(errand, frame.clone())),
        }
    }

    fn acknowledge(&mut self, conn: ConnId, user: &str, frame: &Frame) -> Result<(), Refusal> {
        let (policy, session) = (self.policy, self.session(conn)?);
        let version = policy.acknowledges_by(session.version());
        let last = session.unsettled.last().filter(|_| policy.guesses_message()).map(|one| one.ack.clone());
        let ack = Session::named_by(frame, version).or(last).ok_or_else(|| match version {
            Version::V12 => Refusal::missing("id"),
            Version::V11 | Version::V10 => Refusal::missing("message-id"),
        })?;
        if !session.awaits(&ack) {
            return Err(Refusal::plain("No such message to acknowledge"));
        }
        match frame.header("transaction").filter(|_| policy.holds_acks()) {
            None => self.settle(conn, &ack, frame.command == "NACK"),
            Some(name) => self.hold(conn, user, name, Held::Settle(ack, frame.command == "NACK")),
        }
    }

    fn settle(&mut self, conn: ConnId, ack: &str, refused: bool) -> Result<(), Refusal> {
        let policy = self.policy;
        let session = self.session(conn)?;
        let version = session.version();
        let earlier = |mode| match refused {
            true => policy.refuses_earlier(mode, version),
            false => policy.settles_earlier(mode, version),
        };
        session.settle(ack, earlier);
        Ok(())
    }

    fn begin(&mut self, conn: ConnId, frame: &Frame) -> Result<(), Refusal> {
        let name = required(frame, "transaction")?.to_owned();
        let transactions = &mut self.session(conn)?.transactions;
        if transactions.contains_key(&name) {
            return Err(Refusal::plain("Transaction exists"));
        }
        transactions.insert(name, Vec::new());
        Ok(())
    }

    /// Puts a frame aside until COMMIT (STOMP12-TX-02).
    fn hold(&mut self, conn: ConnId, user: &str, name: &str, held: Held) -> Result<(), Refusal> {
        let holds = self.policy.holds_until_commit();
        let held_already = self.session(conn)?.transactions.get_mut(name);
        let transaction = held_already.ok_or_else(|| Refusal::plain("No such transaction"))?;
        if !holds {
            return self.carry_out(conn, user, held);
        }
        if transaction.len() == MOST_HELD {
            return Err(Refusal::plain("Transaction too large"));
        }
        transaction.push(held);
        Ok(())
    }

    /// Takes a transaction out, for COMMIT to carry out and for ABORT to forget.
    fn transaction(&mut self, conn: ConnId, frame: &Frame) -> Result<Vec<Held>, Refusal> {
        let name = required(frame, "transaction")?;
        let transactions = &mut self.session(conn)?.transactions;
        transactions.remove(name).ok_or_else(|| Refusal::plain("No such transaction"))
    }

    fn commit(&mut self, conn: ConnId, user: &str, frame: &Frame) -> Result<(), Refusal> {
        let mut held = self.transaction(conn, frame)?;
        held.truncate(self.policy.committed(held.len()));
        for held in held {
            self.carry_out(conn, user, held)?;
        }
        Ok(())
    }

    /// Carries out whatever is open.
    pub(super) fn commit_all(&mut self, conn: ConnId) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        let Some(user) = session.login.as_ref().map(|login| login.user.clone()) else { return };
        for held in std::mem::take(&mut session.transactions).into_values().flatten() {
            // Nobody is left who could be told that something came to nothing.
            let _ = self.carry_out(conn, &user, held);
        }
    }

    fn carry_out(&mut self, conn: ConnId, user: &str, held: Held) -> Result<(), Refusal> {
        match held {
            Held::Send(errand, frame) => self.run(conn, user, &errand, &frame),
            Held::Settle(ack, refused) => self.settle(conn, &ack, refused),
        }
    }

    /// Carries out a SEND. What the application refuses it refuses in silence (IM-SEND-10, IM-ERR-05).
    fn run(&mut self, conn: ConnId, user: &str, errand: &Errand, frame: &Frame) -> Result<(), Refusal> {
        match errand {
            Errand::Chat => self.chat(conn, user, &frame.body),
            Errand::Revoke => self.revoke(conn, user, &frame.body),
            Errand::Sync => self.sync(conn, user, &frame.body),
            Errand::Nobody => self.mishap(conn, Mishap::NobodyThere),
            Errand::Direct(road) => self.publish(road, frame),
            Errand::Topic(name) => self.publish(&Road::Topic(name.clone()), frame),
            Errand::Queue(name) => return self.enqueue(name, frame),
        }
        Ok(())
    }
}
