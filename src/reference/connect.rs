//! CONNECT: who somebody is, which version is spoken, which heart-beats are agreed.
//!
//! It relies on the user of the query token having been found at the upgrade. It must never say why somebody was
//! turned away, nor let a session act before it has answered CONNECTED.

use super::beats::Beats;
use super::core::Core;
use super::event::{Act, ConnId};
use super::refusal::Refusal;
use super::session::Login;
use crate::stomp::{Frame, Version};

/// The versions that are spoken here, as the header `version` of ERROR names them.
const VERSIONS: &str = "1.0,1.1,1.2";
const SERVER: &str = concat!("stompliance/", env!("CARGO_PKG_VERSION"));

impl Core {
    /// Lets a session in, or tells why not (the message `Unauthorized` is IM-AUTH-03).
    pub(super) fn connect(&mut self, conn: ConnId, frame: &Frame) -> Result<(), Refusal> {
        let Some(session) = self.sessions.get(&conn) else { return Ok(()) };
        if session.login.is_some() {
            return Err(Refusal::plain("Already connected"));
        }
        let token = frame.header("Authorization").and_then(|value| value.strip_prefix("Bearer "));
        let bearer = token.and_then(|token| self.user_of_token(token));
        let Some(user) = self.policy.identity(session.query_user.as_deref(), bearer.as_deref()) else {
            return Err(Refusal::because("Unauthorized", self.policy.unauthorized(token)));
        };
        let user = user.to_owned();
        let passcode = self.directory.user(&user).and_then(|user| user.passcode.as_deref());
        if let (Some(right), Some(given)) = (passcode, frame.header("passcode"))
            && !self.policy.accepts_passcode(given == right)
        {
            return Err(Refusal::plain("Unauthorized"));
        }
        let version = self.negotiate(frame)?;
        let (beats, offered) = match version {
            // 1.0 has no heart-beats.
            Version::V10 => Beats::negotiate("0,0", 0, self.now),
            // A missing header means 0,0 (STOMP12-HB-04).
            _ => {
                let header = frame.header("heart-beat");
                let header = header.unwrap_or(self.policy.missing_heart_beat());
                Beats::negotiate(header, self.policy.offers_beats(), self.now)
            }
        }
        .map_err(|_| Refusal::because("Malformed heart-beat", "It must be two numbers, as in `0,0`."))?;
        self.admit(conn, Login { user, version }, beats, &offered);
        Ok(())
    }

    /// The highest common version; without `accept-version` the client speaks 1.0 (STOMP12-VER-03 to -05).
    fn negotiate(&self, frame: &Frame) -> Result<Version, Refusal> {
        let offered = frame.header("accept-version").unwrap_or(self.policy.assumed_versions());
        // Not trimmed: STOMP12-ENC-07 knows no padding.
        let common: Vec<Version> = offered.split(',').filter_map(Version::parse).collect();
        self.policy.version(&common).ok_or_else(|| Refusal {
            message: "Unsupported version",
            detail: format!("Supported protocol versions are {VERSIONS}."),
            versions: Some(VERSIONS),
        })
    }

    fn admit(&mut self, conn: ConnId, login: Login, beats: Beats, offered: &str) {
        self.logins += 1;
        let mut connected = Frame::new("CONNECTED");
        if self.policy.names_version() {
            connected.headers.push("version", login.version.as_str());
        }
        let connected = connected
            .with("heart-beat", offered)
            .with("session", self.policy.session_id(self.logins))
            .with("server", SERVER)
            .with("user-name", &login.user);
        *self.visits.entry(login.user.clone()).or_default() += 1;
        if let Some(first) = self.policy.says_first() {
            self.send(conn, first);
        }
        self.push(conn, Act::Speak(login.version));
        let limit = self.policy.idle_limit(login.version);
        if beats.outgoing.or(beats.incoming).or(limit).is_some() {
            self.beating.insert(conn);
        }
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.login = Some(login);
            session.beats = beats;
        }
        self.send(conn, connected);
    }
}
