//! What comes on a connection: kept in its inbox, held against whoever waits for it, and against what was held already.
//!
//! It relies on the fold's state. Nothing that came is ever forgotten within its connection's life.

use super::outcome::Beside;
use super::pattern::{Item, ItemKind};
use super::see::Sightline;
use super::{Judge, Waiting, pattern, see};
use crate::case::event::{By, Seen};

impl Judge {
    /// A connection is made, or a client started: what came by the one before of the same name is over.
    pub(super) fn begins_anew(&mut self, on: &str) {
        let inbox = self.inboxes.entry(on.to_owned()).or_default();
        inbox.items.iter_mut().for_each(|item| item.stale = true);
        inbox.ended = None;
    }

    pub(super) fn data(&mut self, on: &str, at: u64) {
        self.inboxes.entry(on.to_owned()).or_default().data.push(at);
    }

    pub(super) fn sent(&mut self, on: &str, frame: &Seen, at: u64) {
        if !frame.mentions(&self.world.facts.engine_mark) {
            self.last_act_at = at;
        }
        self.world.conns.entry(on.to_owned()).or_default().sent(frame);
        if let Some(json) = frame.record().get("json") {
            self.ids.sent(json);
        }
    }

    pub(super) fn came(&mut self, on: &str, frame: &Seen, item: Item, late: bool) {
        let at = item.at;
        self.data(on, at);
        self.world.conns.entry(on.to_owned()).or_default().came(frame);
        for message in pattern::messages(&item.record) {
            self.ids.came(message);
        }
        self.inboxes.entry(on.to_owned()).or_default().arrivals += 1;
        if late {
            self.late(on, item, at);
        } else {
            self.take(on, item);
        }
    }

    pub(super) fn take(&mut self, on: &str, mut item: Item) {
        item.event = self.event;
        let inbox = self.inboxes.entry(on.to_owned()).or_default();
        inbox.items.push(item);
        let mut view = Sightline { items: &mut inbox.items, ids: &self.ids, world: &mut self.world, me: on };
        for id in &self.active {
            if let Some((conn, wait)) = self.waits.get_mut(id)
                && conn == on
                && wait.over.is_none()
            {
                wait.advance(&mut view);
            }
        }
    }

    /// Something that came while the connection lingered: evidence against the last negative on it, if nothing was
    /// done in the case after that.
    fn late(&mut self, on: &str, mut item: Item, at: u64) {
        item.event = self.event;
        let inbox = self.inboxes.entry(on.to_owned()).or_default();
        inbox.items.push(item);
        let index = inbox.items.len() - 1;
        let mut view = Sightline { items: &mut inbox.items, ids: &self.ids, world: &mut self.world, me: on };
        for (run, (conn, wait)) in &self.waits {
            let begun = self.runs.get(run).map_or(0, |r| r.begun);
            let held = wait.over.as_ref().is_some_and(|o| o.found.held);
            if conn != on || !held || !wait.is_negative() || begun < self.last_act_at {
                continue;
            }
            if wait.contradicted_by(index, &mut view) {
                let got = format!("late, {}", see::shown(&view.items[index]));
                let step = self.runs.get(run).map(|r| r.step);
                for check in self.checks.iter_mut().filter(|c| Some(c.step) == step && c.on == on && c.held) {
                    check.held = false;
                    check.expected = wait.describe();
                    check.got.clone_from(&got);
                    check.event = Some(self.event);
                    check.beside = Some(Beside { event: self.event, rows: Vec::new() });
                    check.late_us = Some(at.saturating_sub(begun));
                }
            }
        }
    }

    /// Whether a connection has been opened.
    fn is_open(&self, on: &str) -> bool {
        let opened = |item: &Item| item.kind == ItemKind::Opened && !item.stale;
        self.inboxes.get(on).is_some_and(|inbox| inbox.items.iter().any(opened))
    }

    pub(super) fn ended(&mut self, on: &str, by: By, code: Option<u16>, reason: &str, at: u64) {
        if let Some(item) = Item::ended(at, by, code, reason) {
            self.take(on, item);
        }
        let why = match (by, code) {
            (By::Target, Some(code)) => {
                format!("the target closed the connection ({})", format!("{code} {reason}").trim_end())
            }
            // Before the upgrade, or in place of it.
            (By::Target, None) if !self.is_open(on) => match reason.starts_with("no ") {
                true => format!("there was {reason}"),
                false => format!("there was no upgrade ({reason})"),
            },
            (By::Target, None) => format!("the target ended the connection ({reason})"),
            (By::Us, None) if !reason.is_empty() => {
                format!("the connection had been closed by us ({reason})")
            }
            (By::Us, _) => "the connection had been closed by us".to_owned(),
        };
        let inbox = self.inboxes.entry(on.to_owned()).or_default();
        inbox.ended = Some(why.clone());
        for id in &self.active {
            if let Some((conn, wait)) = self.waits.get_mut(id)
                && conn == on
                && wait.waiting() == Waiting::Event
            {
                wait.give_up(&why, &inbox.items, true);
            }
        }
    }
}
