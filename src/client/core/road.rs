//! Where the connection is: how it is asked for, had, lost and ended, and when it is tried again.

use std::time::Duration;

use serde_json::Value;

use super::{Core, Effect, Road, Step};
use crate::client::contract;
use crate::client::decisions::{Trouble, Why};
use crate::client::session::{PATIENCE, Session, Stage};
use crate::client::socket::{ABNORMAL, Socket};
use crate::dice::Dice;
use crate::link::upgrade::{HttpRequest, HttpResponse, upgrade_faults, upgrade_headers};
use crate::link::ws::key_from;
use crate::stomp::Frame;

/// The sub-protocol that is offered.
const PROTOCOL: &str = "v12.stomp";
/// What is spoken.
const VERSIONS: &str = "1.0,1.1,1.2";

impl Core {
    pub(super) fn attempt(&mut self, now: Duration) {
        self.attempts += 1;
        let asks_first = self.environment.sockjs && self.policy.asks_for_info();
        let step = if asks_first { Step::Info } else { Step::Upgrade };
        self.ask(step, now);
    }

    pub(super) fn ask(&mut self, step: Step, now: Duration) {
        let key = key_from(std::array::from_fn(|_| self.dice.roll() as u8));
        let mut request = self.request(step, &key);
        if step == Step::Upgrade {
            request = self.policy.asks(request, self.attempts);
        }
        let sent = request.headers.iter().find(|(name, _)| name == "Sec-WebSocket-Key");
        let key = sent.map_or(key, |(_, key)| key.clone());
        self.effects.push(Effect::Open(request));
        self.road = Road::Asking { until: now + PATIENCE, key, step };
    }

    pub(super) fn request(&mut self, step: Step, key: &str) -> HttpRequest {
        let below = match (step, self.environment.sockjs) {
            (Step::Info, _) => "/info".to_owned(),
            (Step::Upgrade, true) => {
                let (server, session) = (self.dice.roll() % 1000, self.dice.roll());
                format!("/{}/websocket", self.policy.session_path(server, session))
            }
            (Step::Upgrade, false) => String::new(),
        };
        let query: String = url::form_urlencoded::byte_serialize(self.environment.token.as_bytes()).collect();
        let mut headers = vec![("Host".to_owned(), self.environment.authority.clone())];
        if step == Step::Upgrade {
            headers.extend(upgrade_headers(key));
            if !self.environment.sockjs || self.policy.offers_beneath_sockjs() {
                headers.push(("Sec-WebSocket-Protocol".to_owned(), PROTOCOL.to_owned()));
            }
        }
        HttpRequest {
            method: "GET".to_owned(),
            path: format!("{}{below}?token={query}", self.environment.path),
            headers,
            body: Vec::new(),
        }
    }

    pub(super) fn answered(&mut self, answer: HttpResponse, now: Duration) {
        let Road::Asking { key, step, .. } = &self.road else { return };
        let informed = *step == Step::Info && answer.status == 200 && is_info(&answer.body);
        if informed {
            self.effects.push(Effect::Shut);
            return self.ask(Step::Upgrade, now);
        }
        if answer.status != 101 {
            return self.refused(&answer, now);
        }
        let faults = upgrade_faults(&answer, Some(key), &[PROTOCOL.to_owned()], "");
        let fault = faults.into_iter().find(|(clause, what)| self.policy.minds(clause, what));
        let odd = answer.headers.iter().find(|(name, value)| !self.policy.takes_answer(name, value));
        let wrong = fault.map(|(_, what)| what).or(odd.map(|(name, value)| format!("{name} is {value:?}")));
        if let Some(what) = wrong {
            self.effects.push(Effect::Shut);
            self.tell(contract::error(&format!("not the answer that RFC 6455 has: {what}")));
            return self.lost(Why::Lost, now);
        }
        let socket = Socket::new(self.policy, Dice::new(self.dice.roll()));
        let (sockjs, offer) = (self.environment.sockjs, &self.environment.heart_beat);
        self.road = Road::Open(Box::new(Session::new(self.policy, socket, sockjs, offer, now)));
        if !sockjs || !self.policy.waits_for_open() {
            self.log_in(now);
        }
    }

    pub(super) fn refused(&mut self, answer: &HttpResponse, now: Duration) {
        self.effects.push(Effect::Shut);
        if self.policy.is_upgrade(answer.status) {
            self.tell(contract::event("connected"));
        }
        let (message, why) = match answer.status {
            401 => ("Unauthorized".to_owned(), Why::Unauthorized),
            status => (format!("HTTP {status}"), Why::Refused),
        };
        self.tell(contract::error(&message));
        self.live_through(Trouble::NoUpgrade);
        self.lost(why, now);
    }

    pub(super) fn log_in(&mut self, now: Duration) {
        let host = self.environment.authority.rsplit_once(':').map_or("", |(host, _)| host).to_owned();
        let connect = Frame::new("CONNECT")
            .with("accept-version", VERSIONS)
            .with("host", host)
            .with("heart-beat", self.environment.heart_beat.clone())
            .with("Authorization", format!("Bearer {}", self.environment.token));
        self.say(connect, now);
        if !self.policy.waits_for_connected() {
            self.subscribe_all(now);
        }
    }

    pub(super) fn say(&mut self, frame: Frame, now: Duration) {
        if let Road::Open(session) = &mut self.road {
            session.say(frame, now);
        }
    }

    /// There is no connection now; perhaps there will be one again.
    pub(super) fn lost(&mut self, why: Why, now: Duration) {
        self.road = Road::Nowhere;
        self.staying &= self.policy.comes_back(why);
        if self.staying {
            let chance = (self.dice.roll() >> 11) as f64 / (1_u64 << 53) as f64;
            self.road = Road::Away(now + self.policy.delay(self.failed, chance));
            self.failed += 1;
        }
    }

    pub(super) fn ended(&mut self, now: Duration) {
        let Road::Open(session) = &mut self.road else { return };
        let unfinished = if session.stage == Stage::Closing { Vec::new() } else { session.unfinished() };
        let (code, lasted) = (session.code.unwrap_or(ABNORMAL), now.saturating_sub(session.began));
        unfinished.into_iter().for_each(|heard| self.heard(heard, now));
        self.flush();
        self.effects.push(Effect::Shut);
        self.tell(contract::closed(code));
        for id in std::mem::take(&mut self.receipts) {
            self.tell(contract::error(&format!("the connection ended before the receipt {id}")));
        }
        if self.policy.is_stable(lasted) {
            self.failed = 0;
        }
        let why = std::mem::replace(&mut self.why, Why::Lost);
        if why == Why::Lost {
            self.live_through(Trouble::ConnectionLost);
        }
        self.lost(why, now);
    }

    /// Begins to end the connection.
    pub(super) fn end(&mut self, how: impl FnOnce(&mut Session), why: Why, now: Duration) {
        let Road::Open(session) = &mut self.road else { return };
        how(session);
        self.why = why;
        if !session.await_end(now) {
            self.ended(now);
        }
    }
}

/// Whether this is what a server of SockJS tells of itself (SOCKJS-INFO-01).
fn is_info(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body).is_ok_and(|info| info["websocket"] == true)
}
