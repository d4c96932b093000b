//! What the user wants: commands, done in their order once there is a connection for them, and the end.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Core, Effect, Road, Subscription, subscribe_frame};
use crate::client::contract;
use crate::client::decisions::{Trouble, Why};
use crate::client::session::Stage;
use crate::stomp::Frame;

/// How long `quit` waits for a connection where something is still to be done.
pub(super) const LAST_CHANCE: Duration = Duration::from_secs(2);

impl Core {
    pub(super) fn line(&mut self, line: &str, now: Duration) {
        match serde_json::from_str::<Value>(line) {
            Err(_) => self.not_a_command(line),
            Ok(Value::Object(command)) => match command.get("do").and_then(Value::as_str) {
                Some("quit") => self.quit(now),
                Some(word) if is_known(word) => self.orders.push_back(command),
                _ => self.not_a_command(line),
            },
            Ok(_) => self.not_a_command(line),
        }
    }

    pub(super) fn not_a_command(&mut self, line: &str) {
        self.tell(contract::error(&format!("not a command: {line}")));
        self.live_through(Trouble::BadCommand);
    }

    pub(super) fn quit(&mut self, now: Duration) {
        let waits = self.staying && !self.orders.is_empty() && !self.is_ready();
        self.quits_at.get_or_insert(if waits { now + LAST_CHANCE } else { now });
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(&self.road, Road::Open(session) if session.stage == Stage::Ready)
    }

    /// Does what is to be done, as far as there is a connection for it.
    pub(super) fn work(&mut self, now: Duration) {
        while self.is_ready()
            && let Some(order) = self.orders.pop_front()
        {
            if let Err(why) = self.carry_out(&order, now) {
                self.tell(contract::error(&format!("cannot do {}: {why}", Value::from(order.clone()))));
            }
            if !self.policy.forgets_what_is_done() {
                // It is done once more.
                let _ = self.carry_out(&order, now);
            }
        }
        if !self.staying && !self.is_ready() {
            for order in std::mem::take(&mut self.orders) {
                let what = Value::from(order);
                self.tell(contract::error(&format!("cannot do {what}: not connected, and never again")));
            }
        }
    }

    pub(super) fn carry_out(&mut self, order: &Map<String, Value>, now: Duration) -> Result<(), String> {
        let text = |name: &str| order.get(name).and_then(Value::as_str);
        let needed = |name: &str| text(name).ok_or_else(|| format!("`{name}` is missing"));
        match text("do").unwrap_or_default() {
            "send" => {
                let own = format!("m-{:016x}", self.dice.roll());
                let body = json!({
                    "appId": self.environment.app,
                    "messageId": text("messageId").unwrap_or(&own),
                    "toId": needed("to")?,
                    "chatType": text("chatType").unwrap_or("SINGLE"),
                    "msgType": text("msgType").unwrap_or("TEXT"),
                    "content": needed("content")?,
                });
                let named = ["receipt", "transaction"]
                    .iter()
                    .filter_map(|name| Some(((*name).to_owned(), text(name)?)));
                let own = order.get("headers").and_then(Value::as_object);
                let own = own
                    .into_iter()
                    .flatten()
                    .filter_map(|(name, value)| Some((name.clone(), value.as_str()?)));
                let headers: Vec<_> =
                    named.chain(own).map(|(name, value)| (name, value.to_owned())).collect();
                self.receipts.extend(text("receipt").map(str::to_owned));
                self.send("send", &body, &headers, now);
            }
            "revoke" => {
                let body = json!({ "appId": self.environment.app, "messageId": needed("messageId")? });
                self.send("revoke", &body, &[], now);
            }
            "sync" => self.send("sync", &json!({ "appId": self.environment.app }), &[], now),
            "subscribe" => {
                let destination = destination(order)?;
                if self.subscriptions.iter().any(|one| one.destination == destination) {
                    return Err("subscribed already".to_owned());
                }
                let frame =
                    subscribe_frame(self.add_subscription(&destination, text("ack").unwrap_or("auto")));
                self.say(frame, now);
            }
            "unsubscribe" => {
                let destination = destination(order)?;
                let at = self.subscriptions.iter().position(|one| one.destination == destination);
                let at = at.ok_or("not subscribed")?;
                let frame = Frame::new("UNSUBSCRIBE").with("id", self.subscriptions[at].id.clone());
                if self.policy.forgets_subscription() {
                    self.subscriptions.remove(at);
                }
                self.say(frame, now);
            }
            word @ ("begin" | "commit" | "abort") => {
                let frame = Frame::new(word.to_uppercase()).with("transaction", needed("transaction")?);
                self.say(frame, now);
            }
            _ => {
                self.staying = self.policy.comes_back(Why::Left);
                self.leave(now);
            }
        }
        Ok(())
    }

    pub(super) fn add_subscription(&mut self, destination: &str, ack: &str) -> &Subscription {
        let id = self.policy.subscription_id(self.subscribed);
        self.subscribed += 1;
        let at = self.subscriptions.len();
        self.subscriptions.push(Subscription {
            destination: destination.to_owned(),
            id,
            ack: ack.to_owned(),
        });
        &self.subscriptions[at]
    }

    pub(super) fn send(&mut self, verb: &str, body: &Value, headers: &[(String, String)], now: Duration) {
        let frame = Frame::new("SEND")
            .with("destination", format!("/app/chat.{verb}"))
            .with("content-type", "application/json");
        let frame = headers.iter().fold(frame, |frame, (name, value)| frame.with(name, value));
        self.say(frame.body(body.to_string()), now);
    }

    /// Leaves in an orderly way.
    pub(super) fn leave(&mut self, now: Duration) {
        match &mut self.road {
            Road::Open(session) => match session.stage {
                Stage::Ready => {
                    let receipt = format!("bye-{:08x}", self.dice.roll() as u32);
                    session.stage = Stage::Parting(receipt.clone());
                    session.deadline = Some(now + self.policy.waits_for_farewell());
                    self.why = Why::Left;
                    self.say(Frame::new("DISCONNECT").with("receipt", receipt), now);
                }
                Stage::Unopened | Stage::LoggingIn => {
                    self.end(|session| session.close(Some(1000)), Why::Left, now);
                }
                Stage::Parting(_) | Stage::Closing => {}
            },
            Road::Asking { .. } => {
                self.effects.push(Effect::Shut);
                self.lost(Why::Left, now);
            }
            Road::Away(_) | Road::Nowhere => self.lost(Why::Left, now),
        }
    }
}

fn is_known(word: &str) -> bool {
    let known =
        ["send", "revoke", "sync", "subscribe", "unsubscribe", "begin", "commit", "abort", "disconnect"];
    known.contains(&word)
}

fn destination(order: &Map<String, Value>) -> Result<String, String> {
    let text = |name: &str| order.get(name).and_then(Value::as_str);
    let group = text("group").map(|group| format!("/topic/group/{group}"));
    group.or_else(|| text("destination").map(str::to_owned)).ok_or_else(|| "`group` is missing".to_owned())
}
