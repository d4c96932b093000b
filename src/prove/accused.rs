//! Who is put on trial: the reference server or the reference client, right or wrong in a known way.
//!
//! It relies on the catalogues of both. It never chooses cases by what a defect is known to break.

use super::ProveError;
use crate::case::library::Library;
use crate::case::profile::Profile;
use crate::case::script::Side;
use crate::client;
use crate::defect::{Defect, Unknown};
use crate::reference::{self, Directory, defects, variants};
use crate::run::{Client, Subject};

/// Who is put on trial.
#[derive(Debug, Clone, Copy)]
pub enum Accused {
    /// The reference server.
    Server(reference::Policy),
    /// The reference client.
    Client(client::Policy),
}

impl From<Unknown> for ProveError {
    fn from(unknown: Unknown) -> ProveError {
        ProveError::Suites(unknown.to_string())
    }
}

impl Accused {
    /// The one that answers every question rightly.
    pub fn correct(side: Side) -> Accused {
        match side {
            Side::Server => Accused::Server(reference::Policy::default()),
            Side::Client => Accused::Client(client::Policy::default()),
        }
    }

    /// The one with this defect.
    ///
    /// # Errors
    /// The names that come nearest, where there is no such defect.
    pub fn with_defect(side: Side, name: &str) -> Result<Accused, Unknown> {
        Ok(match side {
            Side::Server => Accused::Server(reference::Policy::with_defect(name)?),
            Side::Client => Accused::Client(client::Policy::with_defect(name)?),
        })
    }

    /// The correct one of this side and those that are right in another way: name, what it does, and who it is.
    pub fn conforming(side: Side) -> Vec<(&'static str, &'static str, Accused)> {
        let correct = ("correct", "Answers every question rightly.", Accused::correct(side));
        let servers = || variants::all().iter().map(|v| (v.name, v.description, Accused::Server(v.policy())));
        let clients =
            || client::variants::all().iter().map(|v| (v.name, v.description, Accused::Client(v.policy())));
        match side {
            Side::Server => std::iter::once(correct).chain(servers()).collect(),
            Side::Client => std::iter::once(correct).chain(clients()).collect(),
        }
    }

    /// All defects of this side.
    pub fn defects(side: Side) -> Vec<&'static Defect> {
        match side {
            Side::Server => defects::all().collect(),
            Side::Client => client::defects::all().collect(),
        }
    }

    /// Which side it is.
    pub fn side(self) -> Side {
        match self {
            Accused::Server(_) => Side::Server,
            Accused::Client(_) => Side::Client,
        }
    }

    /// As what is judged.
    pub fn subject(self, in_memory: bool) -> Subject {
        match self {
            Accused::Server(policy) => {
                Subject::Embedded { directory: Directory::demo(40), policy, in_memory }
            }
            Accused::Client(policy) => Subject::Client(Client::Reference { policy, in_memory }),
        }
    }

    /// The profile that it is judged by.
    ///
    /// # Errors
    /// There is none.
    pub fn profile(self, library: &Library) -> Result<Profile, ProveError> {
        let name = match self {
            Accused::Server(_) => "reference",
            Accused::Client(_) => "reference-client",
        };
        let profile = library.profiles.get(name).cloned();
        profile.ok_or_else(|| ProveError::Suites(format!("there is no profile `{name}`")))
    }

    /// What selects all cases that judge it.
    pub(super) fn all_cases(self) -> Vec<String> {
        match self {
            Accused::Server(_) => Vec::new(),
            Accused::Client(_) => ["client", "driver"].map(str::to_owned).into(),
        }
    }

    /// Cases that show frames to the rules, whatever else is run.
    pub(super) fn for_rules(self) -> &'static [&'static str] {
        match self {
            Accused::Server(_) => &["im/send/to-one-user", "stomp/subscribe"],
            Accused::Client(_) => &[
                "client/session",
                "client/commands/transaction",
                "client/commands/abort",
                "client/commands/ack",
                "client/reconnect/groups-again",
                "client/ending/disconnect",
                "client/headers/escapes",
            ],
        }
    }
}
