//! The implementation under test: where it is, who may log in, which groups there are, what it is said to be.
//!
//! It relies on a file, on flags and on the environment. Secrets are typed values: they are never printed, not even
//! by `Debug`.

mod config;
mod secret;

pub use config::{ConfigError, read_config, write_config};
pub use secret::{Secret, SecretError, masked};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::case::profile::Profile;

/// An implementation under test.
#[derive(Debug, Clone)]
pub struct Target {
    /// The URL as the user wrote it.
    pub url: String,
    /// `$target.host` and the `Host` header.
    pub host: String,
    /// Name or address to connect to.
    pub address: String,
    /// Port.
    pub port: u16,
    /// The path.
    pub path: String,
    /// The query of the URL.
    pub query: String,
    /// Whether TLS is spoken.
    pub tls: bool,
    /// A file with root certificates.
    pub ca: Option<PathBuf>,
    /// Whether any certificate will do.
    pub insecure: bool,
    /// `$target.app`.
    pub app: Option<String>,
    /// `$target.vhost`.
    pub vhost: Option<String>,
    /// Headers on every handshake.
    pub headers: Vec<(String, Secret)>,
    /// Whether it is said to speak SockJS: a claim, like a point of the profile.
    pub sockjs: Option<bool>,
    /// The profile: a shipped name, or a path.
    pub profile: Option<String>,
    /// Accounts.
    pub accounts: Vec<Account>,
    /// Groups.
    pub groups: Vec<Group>,
    /// What a run may cost the target.
    pub budget: Budget,
}

/// The fewest characters of a secret.
const SHORTEST: usize = 4;

/// An account of the target.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its label in reports.
    pub label: String,
    /// The user id.
    pub user: String,
    /// The token.
    pub token: Option<Secret>,
    /// A token of the same user that has expired.
    pub expired: Option<Secret>,
    /// The login name.
    pub login: Option<String>,
    /// The passcode.
    pub passcode: Option<Secret>,
}

/// A group of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its label.
    pub label: String,
    /// Its id.
    pub id: String,
    /// Labels of accounts that are members.
    pub members: Vec<String>,
}

/// What a run may cost the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// Connections at a time.
    pub connections: Option<usize>,
    /// Wall time of the whole run.
    pub wall: Option<Duration>,
}

/// Why a URL cannot be a target.
#[derive(Debug, thiserror::Error)]
#[error("the target {url:?}: {why}")]
pub struct UrlError {
    url: String,
    why: String,
}

impl Target {
    /// Whether it is on this machine: a loopback address, or the name of one.
    pub fn is_loopback(&self) -> bool {
        let bare = self.address.trim_start_matches('[').trim_end_matches(']');
        bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// A target at this URL, without accounts.
    ///
    /// # Errors
    /// A URL that is no `ws://` or `wss://` URL with a host.
    pub fn at(text: &str) -> Result<Self, UrlError> {
        let bad = |why: &str| UrlError { url: text.to_owned(), why: why.to_owned() };
        let url = url::Url::parse(text).map_err(|e| bad(&format!("{e}; write it as ws://HOST:PORT/PATH")))?;
        let tls = match url.scheme() {
            "ws" | "http" => false,
            "wss" | "https" => true,
            other => return Err(bad(&format!("the scheme is `{other}`, it must be ws or wss"))),
        };
        let address =
            url.host_str().filter(|h| !h.is_empty()).ok_or_else(|| bad("it has no host"))?.to_owned();
        let port = url.port().unwrap_or(if tls { 443 } else { 80 });
        let host = match url.port() {
            Some(port) => format!("{address}:{port}"),
            None => address.clone(),
        };
        Ok(Target {
            url: text.to_owned(),
            host,
            address,
            port,
            path: url.path().to_owned(),
            query: url.query().unwrap_or_default().to_owned(),
            tls,
            ca: None,
            insecure: false,
            app: None,
            vhost: None,
            headers: Vec::new(),
            sockjs: None,
            profile: None,
            accounts: Vec::new(),
            groups: Vec::new(),
            budget: Budget::default(),
        })
    }

    /// `$target`.
    pub fn facts(&self) -> BTreeMap<String, String> {
        let mut facts = BTreeMap::from([
            ("url".to_owned(), self.url.clone()),
            ("host".to_owned(), self.host.clone()),
            ("path".to_owned(), self.path.clone()),
        ]);
        facts.extend(self.app.clone().map(|app| ("app".to_owned(), app)));
        // Without one of its own the virtual host is the host (STOMP 1.2, "CONNECT").
        facts.insert("vhost".to_owned(), self.vhost.clone().unwrap_or_else(|| self.host.clone()));
        facts
    }

    /// The profile with what the target's own configuration claims.
    ///
    /// # Errors
    /// A claim that contradicts the profile.
    pub fn claims(&self, mut profile: Profile) -> Result<Profile, String> {
        let Some(sockjs) = self.sockjs else { return Ok(profile) };
        match profile.points.get("sockjs") {
            Some(pinned) if *pinned != sockjs => {
                let name = &profile.name;
                Err(format!(
                    "`sockjs = {sockjs}` contradicts the profile `{name}`, which pins it to {pinned}"
                ))
            }
            _ => {
                profile.points.insert("sockjs".into(), sockjs.into());
                Ok(profile)
            }
        }
    }

    /// Adds an account as a flag gives it: `alice=user_001:TOKEN`.
    ///
    /// # Errors
    /// Where it is not of that form, or the label is taken.
    pub fn add_account(&mut self, text: &str) -> Result<(), String> {
        let form = "write it as LABEL=USER:TOKEN";
        let (label, rest) = text.split_once('=').ok_or_else(|| format!("--account has no `=`: {form}"))?;
        let (user, token) = rest
            .split_once(':')
            .ok_or_else(|| format!("--account {label}=… has no `:` after the user: {form}"))?;
        if label.is_empty() || user.is_empty() || token.is_empty() {
            return Err(format!("--account {label}=… has an empty part: {form}"));
        }
        self.accounts.retain(|a| a.label != label);
        self.accounts.push(Account {
            label: label.to_owned(),
            user: user.to_owned(),
            token: Some(Secret::new(token)),
            expired: None,
            login: None,
            passcode: None,
        });
        Ok(())
    }

    /// Adds a group as a flag gives it: `g1=group_42:alice,bob`.
    ///
    /// # Errors
    /// Where it is not of that form.
    pub fn add_group(&mut self, text: &str) -> Result<(), String> {
        let form = "write it as LABEL=ID:ACCOUNT,ACCOUNT";
        let (label, rest) = text.split_once('=').ok_or_else(|| format!("--group {text}: {form}"))?;
        let (id, members) = rest.rsplit_once(':').ok_or_else(|| format!("--group {text}: {form}"))?;
        let members = members.split(',').filter(|m| !m.is_empty()).map(str::to_owned).collect();
        self.groups.retain(|g| g.label != label);
        self.groups.push(Group { label: label.to_owned(), id: id.to_owned(), members });
        Ok(())
    }

    /// Whether it makes sense: secrets can be told from other text, members of groups are accounts.
    ///
    /// # Errors
    /// The first of them.
    pub fn check(&self) -> Result<(), String> {
        for account in &self.accounts {
            let secrets =
                [("token", &account.token), ("expired", &account.expired), ("passcode", &account.passcode)];
            let short =
                |s: &Option<Secret>| s.as_ref().is_some_and(|s| s.reveal().chars().count() < SHORTEST);
            if let Some((what, _)) = secrets.into_iter().find(|(_, secret)| short(secret)) {
                return Err(format!(
                    "the {what} of the account `{}` has fewer than {SHORTEST} characters: it could be told from nothing \
                     else that is sent, and not be kept out of reports",
                    account.label
                ));
            }
        }
        for group in &self.groups {
            if let Some(missing) =
                group.members.iter().find(|m| !self.accounts.iter().any(|a| a.label == **m))
            {
                return Err(format!(
                    "the group `{}` names the account `{missing}`, which there is not",
                    group.label
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let target = Target::at("wss://im.example.org/ws/im?x=1").unwrap();
        assert_eq!(
            (target.tls, target.port, &*target.host, &*target.path),
            (true, 443, "im.example.org", "/ws/im")
        );
        assert_eq!(Target::at("ws://[::1]:8080/a").unwrap().host, "[::1]:8080");
        for bad in ["", "nonsense", "ftp://x/", "ws://"] {
            assert!(Target::at(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn accounts_and_groups_come_from_flags() {
        let mut target = Target::at("ws://h/p").unwrap();
        target.add_account("alice=user_001:a:b:c").unwrap();
        target.add_group("g1=group_42:alice").unwrap();
        assert_eq!(target.accounts[0].token.as_ref().unwrap().reveal(), "a:b:c");
        assert!(target.check().is_ok());
        target.add_group("g2=x:bob").unwrap();
        assert_eq!(target.check().unwrap_err(), "the group `g2` names the account `bob`, which there is not");
        for bad in ["alice", "alice=u", "=u:t", "alice=u:"] {
            assert!(target.add_account(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_debug_output_shows_a_secret() {
        let mut target = Target::at("ws://h/p").unwrap();
        target.add_account("alice=user_001:tops3cret").unwrap();
        assert!(!format!("{target:?}").contains("tops3cret"));
    }
}
