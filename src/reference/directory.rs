//! Who there is: users with their tokens, the groups they are members of, the apps they belong to.
//!
//! It relies on a file in the shape of `stompliance.toml`, or on nothing at all for the demo accounts. It must never
//! change while a server runs, and its order is that of the ids, so that runs are repeatable.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// A user of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name of the account in configuration files: `a01`.
    pub label: String,
    /// The id on the wire: `user_001`.
    pub id: String,
    /// The token that lets the user in.
    pub token: String,
    /// A token that did so once.
    pub expired: Option<String>,
    /// What a `passcode` must be, where CONNECT has one.
    pub passcode: Option<String>,
    /// A second app that the user belongs to, besides the directory's own.
    pub second_app: Option<String>,
}

/// A group of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The name of the group in configuration files: `g1`.
    pub label: String,
    /// The id on the wire: `group_red`.
    pub id: String,
    /// The ids of its members.
    pub members: BTreeSet<String>,
}

/// What a token that the directory knows is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is in force.
    Valid,
    /// It was in force.
    Expired,
}

/// Users, groups and the app of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    app: String,
    users: BTreeMap<String, User>,
    groups: BTreeMap<String, Group>,
    tokens: BTreeMap<String, (String, Standing)>,
}

/// Why a directory could not be read: prose, with place and remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DirectoryError(String);

/// The app of the demo accounts.
const DEMO_APP: &str = "demo";

/// The first so many users of the demo have no passcode.
const DEMO_PASSCODES: usize = 36;

/// A group of the demo.
struct DemoGroup {
    label: &'static str,
    id: &'static str,
    /// The first and last numbers of users who are members.
    members: &'static [(usize, usize)],
}

const DEMO_GROUPS: [DemoGroup; 2] = [
    DemoGroup { label: "g1", id: "group_red", members: &[(1, 28)] },
    DemoGroup { label: "g2", id: "group_blue", members: &[(1, 14), (29, 36)] },
];

impl Directory {
    /// Users `user_001` to `user_nnn` with labels `a01` …, app `demo`, groups `group_red` and `group_blue`.
    pub fn demo(users: usize) -> Directory {
        let users = (1..=users).map(|n| User {
            label: format!("a{n:02}"),
            id: format!("user_{n:03}"),
            token: demo_token(n, 1),
            expired: Some(demo_token(n, 2)),
            passcode: (n > DEMO_PASSCODES).then(|| demo_token(n, 3)),
            second_app: None,
        });
        let users: Vec<User> = users.collect();
        let groups = DEMO_GROUPS.map(|group| {
            let numbers = group.members.iter().flat_map(|&(first, last)| first..=last);
            Group {
                label: group.label.to_owned(),
                id: group.id.to_owned(),
                members: numbers.filter_map(|n| users.get(n - 1)).map(|user| user.id.clone()).collect(),
            }
        });
        Directory::new(DEMO_APP.to_owned(), users, groups.into())
    }

    /// A directory of just these users and groups.
    pub fn new(app: String, users: Vec<User>, groups: Vec<Group>) -> Directory {
        let mut tokens = BTreeMap::new();
        for user in &users {
            if let Some(expired) = &user.expired {
                tokens.insert(expired.clone(), (user.id.clone(), Standing::Expired));
            }
            tokens.insert(user.token.clone(), (user.id.clone(), Standing::Valid));
        }
        Directory {
            app,
            users: users.into_iter().map(|user| (user.id.clone(), user)).collect(),
            groups: groups.into_iter().map(|group| (group.id.clone(), group)).collect(),
            tokens,
        }
    }

    /// Reads a file in the shape of `stompliance.toml`; sections that are not about accounts are passed over.
    ///
    /// # Errors
    /// What is wrong with the text, and where.
    pub fn from_toml(text: &str) -> Result<Directory, DirectoryError> {
        let file: File = toml::from_str(text).map_err(|error| DirectoryError(error.to_string()))?;
        let Some(app) = file.app.or(file.target.and_then(|target| target.app)) else {
            return Err(DirectoryError("no app: add `app = \"demo\"` at the head of the file".to_owned()));
        };
        if file.accounts.is_empty() {
            return Err(DirectoryError(
                "no accounts: add at least `[accounts.a1]` with `user` and `token`".to_owned(),
            ));
        }
        let mut groups = Vec::new();
        for (label, group) in &file.groups {
            groups.push(group.resolve(label, &file.accounts)?);
        }
        let users = file.accounts.into_iter().map(|(label, account)| account.named(label)).collect();
        Ok(Directory::new(app, users, groups))
    }

    /// The app that every user belongs to.
    pub fn app(&self) -> &str {
        &self.app
    }

    /// All users, by id.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }

    /// All groups, by id.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }

    /// The user of this id.
    pub fn user(&self, id: &str) -> Option<&User> {
        self.users.get(id)
    }

    /// The group of exactly this id (IM-GROUP-09).
    pub fn group(&self, id: &str) -> Option<&Group> {
        self.groups.get(id)
    }

    /// Whose token this is, and what it is worth; nothing if it is unknown.
    pub fn token(&self, token: &str) -> Option<(&str, Standing)> {
        self.tokens.get(token).map(|(user, standing)| (user.as_str(), *standing))
    }

    /// Whether this user belongs to this app.
    pub fn belongs(&self, user: &str, app: &str) -> bool {
        self.user(user).is_some_and(|user| app == self.app || user.second_app.as_deref() == Some(app))
    }
}

/// A token that looks like a real one and is the same in every run.
fn demo_token(user: usize, kind: u64) -> String {
    let mut state = (user as u64) << 8 | kind;
    let mut next = || {
        // SplitMix64: enough to look random; nothing here is a secret.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    format!("demo-{user:03}-{:016x}{:08x}", next(), next() >> 32)
}

#[derive(Deserialize)]
struct File {
    app: Option<String>,
    target: Option<TargetSection>,
    #[serde(default)]
    accounts: BTreeMap<String, Account>,
    #[serde(default)]
    groups: BTreeMap<String, GroupSection>,
}

#[derive(Deserialize)]
struct TargetSection {
    app: Option<String>,
}

#[derive(Deserialize)]
struct Account {
    user: String,
    token: String,
    expired: Option<String>,
    passcode: Option<String>,
    second_app: Option<String>,
}

impl Account {
    fn named(self, label: String) -> User {
        let Account { user, token, expired, passcode, second_app } = self;
        User { label, id: user, token, expired, passcode, second_app }
    }
}

#[derive(Deserialize)]
struct GroupSection {
    id: String,
    members: Vec<String>,
}

impl GroupSection {
    /// Members are written as labels of accounts.
    fn resolve(&self, label: &str, accounts: &BTreeMap<String, Account>) -> Result<Group, DirectoryError> {
        let mut members = BTreeSet::new();
        for member in &self.members {
            let Some(account) = accounts.get(member) else {
                return Err(DirectoryError(format!(
                    "[groups.{label}]: there is no account `{member}`; members are labels of [accounts.…]"
                )));
            };
            members.insert(account.user.clone());
        }
        Ok(Group { label: label.to_owned(), id: self.id.clone(), members })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_has_forty_users_and_two_groups() {
        let demo = Directory::demo(40);
        assert_eq!(demo.users().count(), 40);
        let sizes: Vec<_> = demo.groups().map(|group| (group.id.as_str(), group.members.len())).collect();
        assert_eq!(sizes, [("group_blue", 22), ("group_red", 28)]);
        assert_eq!(demo, Directory::demo(40), "the same in every run");
    }

    #[test]
    fn a_token_names_its_user_and_its_worth() {
        let demo = Directory::demo(3);
        let user = demo.user("user_002").expect("a demo user");
        assert_eq!(demo.token(&user.token), Some(("user_002", Standing::Valid)));
        let expired = user.expired.as_deref().expect("demo users have one");
        assert_eq!(demo.token(expired), Some(("user_002", Standing::Expired)));
        assert_eq!(demo.token(&user.token[1..]), None);
        assert_eq!(user.token.len(), "demo-001-".len() + 24);
    }

    #[test]
    fn a_file_is_read_with_labels_for_members() {
        let file = "app = \"x\"\n[accounts.a1]\nuser = \"u1\"\ntoken = \"t1\"\nexpired = \"old\"\n\
                    [accounts.a2]\nuser = \"u2\"\ntoken = \"t2\"\n[groups.g]\nid = \"club\"\nmembers = [\"a1\"]\n";
        let directory = Directory::from_toml(file).expect("it is well formed");
        assert_eq!(directory.app(), "x");
        assert!(directory.group("club").is_some_and(|club| club.members.contains("u1")));
    }

    #[test]
    fn an_unknown_member_is_named() {
        let file = "app = \"x\"\n[accounts.a1]\nuser = \"u\"\ntoken = \"t\"\n[groups.g]\nid = \"c\"\nmembers = [\"b\"]\n";
        let error = Directory::from_toml(file).expect_err("b is nobody");
        assert_eq!(
            error.to_string(),
            "[groups.g]: there is no account `b`; members are labels of [accounts.…]"
        );
    }
}
