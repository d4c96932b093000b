//! `stompliance.toml`: a target in a file.
//!
//! It relies on the toml crate for positions in its errors. It never accepts a key that it does not know.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::secret::{SecretSource, masked};
use super::{Account, Budget, Group, SecretError, Target};
use crate::case::profile::is_profile_file;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The path.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{path} is no configuration:\n{}", masked(&source.to_string()))]
    Form {
        /// The path.
        path: String,
        /// What the parser says, with line, column and snippet; shown without what may be a secret.
        source: toml::de::Error,
    },
    /// A secret cannot be had.
    #[error("{path}: [{section}] {what}: {source}")]
    Secret {
        /// The path.
        path: String,
        /// The section.
        section: String,
        /// The key.
        what: String,
        /// Why.
        source: SecretError,
    },
    /// Something in it makes no sense.
    #[error("{path}: {why}")]
    Sense {
        /// The path.
        path: String,
        /// What.
        why: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    target: TargetTable,
    #[serde(default)]
    budget: BudgetTable,
    #[serde(default)]
    accounts: BTreeMap<String, AccountTable>,
    #[serde(default)]
    groups: BTreeMap<String, GroupTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetTable {
    url: String,
    profile: Option<String>,
    app: Option<String>,
    host: Option<String>,
    vhost: Option<String>,
    sockjs: Option<bool>,
    #[serde(default)]
    tls: TlsTable,
    #[serde(default)]
    headers: BTreeMap<String, SecretSource>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsTable {
    ca: Option<PathBuf>,
    #[serde(default)]
    insecure: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct BudgetTable {
    connections: Option<usize>,
    wall: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountTable {
    user: Option<String>,
    token: Option<SecretSource>,
    expired: Option<SecretSource>,
    login: Option<String>,
    passcode: Option<SecretSource>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupTable {
    id: String,
    #[serde(default)]
    members: Vec<String>,
}

/// Reads a configuration; secrets are taken from where it says, relative to its folder.
///
/// # Errors
/// A file that cannot be read, is malformed, names a secret that cannot be had, or makes no sense.
pub fn read_config(path: &Path) -> Result<Target, ConfigError> {
    let shown = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: shown.clone(), source })?;
    let file: File =
        toml::from_str(&text).map_err(|source| ConfigError::Form { path: shown.clone(), source })?;
    let sense = |why: String| ConfigError::Sense { path: shown.clone(), why };
    // The parent of a bare name is empty, and nothing can be run in a folder without a name.
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let take = |source: &SecretSource, section: &str, what: &str| {
        source.take(folder).map_err(|source| ConfigError::Secret {
            path: shown.clone(),
            section: section.to_owned(),
            what: what.to_owned(),
            source,
        })
    };
    let mut target = Target::at(&file.target.url).map_err(|e| sense(e.to_string()))?;
    target.host = file.target.host.unwrap_or(target.host);
    target.app = file.target.app;
    target.vhost = file.target.vhost;
    // A shipped profile is a bare name; a file stands beside the configuration.
    target.profile = file.target.profile.map(|name| match is_profile_file(&name) {
        true => folder.join(name).display().to_string(),
        false => name,
    });
    target.ca = file.target.tls.ca.map(|ca| folder.join(ca));
    target.insecure = file.target.tls.insecure;
    for (name, source) in &file.target.headers {
        target.headers.push((name.clone(), take(source, "target.headers", name)?));
    }
    for (label, table) in file.accounts {
        let section = format!("accounts.{label}");
        let secret = |source: &Option<SecretSource>, what: &str| {
            source.as_ref().map(|s| take(s, &section, what)).transpose()
        };
        let user = table.user.clone().or_else(|| table.login.clone());
        target.accounts.push(Account {
            user: user.ok_or_else(|| sense(format!("[{section}] has neither `user` nor `login`")))?,
            token: secret(&table.token, "token")?,
            expired: secret(&table.expired, "expired")?,
            passcode: secret(&table.passcode, "passcode")?,
            login: table.login,
            label,
        });
    }
    let groups = file.groups.into_iter();
    target.groups = groups.map(|(label, g)| Group { label, id: g.id, members: g.members }).collect();
    let wall = file.budget.wall.as_deref().map(humantime::parse_duration).transpose();
    let wall = wall.map_err(|e| sense(format!("[budget] wall: {e}")))?;
    target.budget = Budget { connections: file.budget.connections, wall };
    target.sockjs = file.target.sockjs;
    target.check().map_err(sense)?;
    Ok(target)
}

/// A configuration for a target, secrets and all: for the file that `serve` writes about its throw-away accounts.
pub fn write_config(target: &Target) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let mut out =
        String::from("# Written by `stompliance serve`. `stompliance run --config` takes it.\n[target]\n");
    let mut line = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            let _ = writeln!(out, "{name} = {}", quoted(value));
        }
    };
    line("url", Some(&target.url));
    line("profile", target.profile.as_deref());
    line("app", target.app.as_deref());
    for account in &target.accounts {
        let _ = writeln!(out, "\n[accounts.{}]\nuser = {}", account.label, quoted(&account.user));
        let secrets =
            [("token", &account.token), ("expired", &account.expired), ("passcode", &account.passcode)];
        let secrets =
            secrets.into_iter().filter_map(|(name, secret)| Some((name, secret.as_ref()?.reveal())));
        for (name, text) in account.login.iter().map(|login| ("login", login.as_str())).chain(secrets) {
            let _ = writeln!(out, "{name} = {}", quoted(text));
        }
    }
    for group in &target.groups {
        let members: Vec<String> = group.members.iter().map(|m| quoted(m)).collect();
        let _ = writeln!(
            out,
            "\n[groups.{}]\nid = {}\nmembers = [{}]",
            group.label,
            quoted(&group.id),
            members.join(", ")
        );
    }
    out
}
