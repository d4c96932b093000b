//! What comes of what the server says.

use std::time::Duration;

use serde_json::json;

use super::{Core, Road, Subscription, subscribe_frame};
use crate::client::contract;
use crate::client::decisions::{Trouble, Why};
use crate::client::session::{Heard, Stage};
use crate::stomp::{Frame, Version};

impl Core {
    pub(super) fn octets(&mut self, octets: &[u8], now: Duration) {
        let Road::Open(session) = &mut self.road else { return };
        for heard in session.receive(octets, now) {
            self.heard(heard, now);
        }
    }

    pub(super) fn heard(&mut self, heard: Heard, now: Duration) {
        let Road::Open(session) = &mut self.road else { return };
        let closing = session.stage == Stage::Closing;
        match heard {
            Heard::Opened if session.stage == Stage::Unopened => {
                session.stage = Stage::LoggingIn;
                self.log_in(now);
            }
            Heard::Opened => {}
            Heard::Close if closing => {}
            Heard::Close => {
                let why = if self.staying { Why::Lost } else { Why::Left };
                self.end(|session| session.stage = Stage::Closing, why, now);
            }
            _ if closing && !self.policy.reads_behind_close() => {}
            Heard::Connected => self.begin(now),
            Heard::Frame(frame) => match &*frame.command {
                "MESSAGE" => self.message(&frame, now),
                "RECEIPT" => self.receipt(frame.header("receipt-id").unwrap_or_default(), now),
                _ => self.error(&frame, now),
            },
            Heard::Broken(code, what) => {
                self.tell(contract::error(&what));
                self.end(|session| session.fail(code), Why::Lost, now);
            }
        }
    }

    pub(super) fn begin(&mut self, now: Duration) {
        self.visits += 1;
        if self.policy.waits_for_connected() {
            self.subscribe_all(now);
        }
        self.tell(contract::event("connected"));
        if self.policy.syncs(self.visits) {
            self.send("sync", &json!({ "appId": self.environment.app }), &[], now);
        }
    }

    pub(super) fn subscribe_all(&mut self, now: Duration) {
        let again = self.visits > 1;
        let wanted = |one: &&Subscription| !again || self.policy.subscribes_again(&one.destination);
        let frames: Vec<Frame> = self.subscriptions.iter().filter(wanted).map(subscribe_frame).collect();
        for frame in frames {
            self.say(frame, now);
        }
    }

    pub(super) fn message(&mut self, frame: &Frame, now: Duration) {
        let ack = match frame.header("subscription") {
            // As in the sample of the dialect's document.
            None => "auto".to_owned(),
            Some(id) => match self.subscriptions.iter().find(|one| one.id == id) {
                Some(known) => known.ack.clone(),
                // Perhaps it was given up in the meantime.
                None => return,
            },
        };
        let (lines, trouble) = self.inbox.open(self.policy, frame);
        for line in lines {
            self.tell(line);
        }
        if ack != "auto" && (trouble != Some(Trouble::BadBody) || self.policy.acknowledges_unreadable()) {
            self.acknowledge(frame, now);
        }
        if let Some(trouble) = trouble {
            self.live_through(trouble);
        }
    }

    pub(super) fn acknowledge(&mut self, message: &Frame, now: Duration) {
        let Road::Open(session) = &self.road else { return };
        if session.stage != Stage::Ready {
            // Behind DISCONNECT it is too late: it will come again.
            return;
        }
        let header = |name: &'static str| message.header(name).map(|value| (name, value.to_owned()));
        let named: Option<Vec<_>> = match session.version {
            Version::V10 => header("message-id").map(|id| vec![id]),
            Version::V11 => header("message-id").zip(header("subscription")).map(|(id, sub)| vec![id, sub]),
            Version::V12 => self.policy.acknowledged_by(message).map(|id| vec![("id", id)]),
        };
        match named {
            Some(headers) => {
                let frame =
                    headers.into_iter().fold(Frame::new("ACK"), |frame, (name, id)| frame.with(name, id));
                self.say(frame, now);
            }
            None => self.tell(contract::error("a message that is to be acknowledged does not say by what")),
        }
    }

    pub(super) fn receipt(&mut self, id: &str, now: Duration) {
        if let Road::Open(session) = &self.road
            && let Stage::Parting(own) = &session.stage
            && self.policy.is_farewell(id, own)
        {
            return self.end(|session| session.close(Some(1000)), Why::Left, now);
        }
        if let Some(id) = self.policy.receipt(id, &self.receipts).map(str::to_owned) {
            self.receipts.retain(|waiting| *waiting != id);
            self.tell(contract::receipt(&id));
        }
    }

    pub(super) fn error(&mut self, frame: &Frame, now: Duration) {
        let body = String::from_utf8_lossy(&frame.body);
        let message = frame.header("message").filter(|text| !text.is_empty()).unwrap_or(&body).to_owned();
        self.tell(contract::error(&message));
        let why = if message == "Unauthorized" { Why::Unauthorized } else { Why::Refused };
        match self.policy.ends_at_error() {
            true => self.end(|session| session.close(Some(1000)), why, now),
            // It goes on as if it could begin once more.
            false => self.log_in(now),
        }
    }
}
