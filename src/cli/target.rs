//! Which server is meant: the flags that `run` and `probe` share.

use std::path::PathBuf;

use clap::Parser;

use super::serve::directory;
use crate::reference::Policy;
use crate::run::Subject;
use crate::target::{Target, read_config};

/// Which server, and who may log in.
#[derive(Debug, Parser)]
pub(super) struct TargetArgs {
    /// The server to judge, ws://HOST:PORT/PATH or wss://…; without it, the embedded reference server.
    #[arg(long, value_name = "URL", env = "STOMPLIANCE_TARGET")]
    pub(super) target: Option<String>,
    /// The target in a file: URL, accounts, groups, profile.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// An account: LABEL=USER:TOKEN.
    #[arg(long, value_name = "ACCOUNT")]
    pub(super) account: Vec<String>,
    /// A group: LABEL=ID:ACCOUNT,ACCOUNT.
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,
    /// The application id, $target.app.
    #[arg(long)]
    app: Option<String>,
    /// The virtual host, $target.vhost.
    #[arg(long)]
    vhost: Option<String>,
    /// A file with root certificates for wss://.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Accept any certificate.
    #[arg(long)]
    insecure: bool,
}

impl TargetArgs {
    /// The server that is meant; the embedded one, deciding so, where none is named.
    ///
    /// # Errors
    /// A configuration or a flag that makes no sense.
    pub(super) fn subject(&self, policy: Policy, in_memory: bool) -> Result<Subject, String> {
        if self.config.is_none() && self.target.is_none() {
            let flags = [("--account", !self.account.is_empty()), ("--group", !self.group.is_empty())];
            return match flags.into_iter().find(|(_, given)| *given) {
                Some((flag, _)) => {
                    Err(format!("{flag} belongs to a target: name it with --target or --config"))
                }
                None => Ok(Subject::Embedded { directory: directory(None)?, policy, in_memory }),
            };
        }
        let mut target = self.named()?;
        for account in &self.account {
            target.add_account(account)?;
        }
        for group in &self.group {
            target.add_group(group)?;
        }
        target.app = self.app.clone().or(target.app);
        target.vhost = self.vhost.clone().or(target.vhost);
        target.ca = self.ca.clone().or(target.ca);
        target.insecure |= self.insecure;
        target.check()?;
        if target.accounts.is_empty() {
            return Err("the target has no accounts: give at least one, --account LABEL=USER:TOKEN".into());
        }
        Ok(Subject::Remote(Box::new(target)))
    }

    /// The target of the file, of the URL, or of the file at the URL.
    fn named(&self) -> Result<Target, String> {
        let at = self.target.as_ref().map(|url| Target::at(url).map_err(|e| e.to_string())).transpose()?;
        let Some(path) = &self.config else {
            return at.ok_or_else(|| "there is no target".to_owned());
        };
        let file = read_config(path).map_err(|e| e.to_string())?;
        Ok(match at {
            None => file,
            Some(at) => Target {
                url: at.url,
                host: at.host,
                address: at.address,
                port: at.port,
                path: at.path,
                query: at.query,
                tls: at.tls,
                ..file
            },
        })
    }

    /// The flags that lead to the same target again, without its secrets.
    pub(super) fn rerun(&self) -> String {
        let mut out = String::new();
        for (flag, value) in [
            ("--config", self.config.as_ref().map(|p| p.display().to_string())),
            ("--target", self.target.clone()),
            ("--app", self.app.clone()),
            ("--vhost", self.vhost.clone()),
            ("--ca", self.ca.as_ref().map(|p| p.display().to_string())),
        ] {
            if let Some(value) = value {
                out.push_str(&format!(" {flag} {value}"));
            }
        }
        for group in &self.group {
            out.push_str(&format!(" --group {group}"));
        }
        if self.insecure {
            out.push_str(" --insecure");
        }
        if !self.account.is_empty() {
            out.push_str(" --account …");
        }
        out
    }
}
