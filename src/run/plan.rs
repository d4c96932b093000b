//! The plan: which cases run, in which order, and on which accounts.
//!
//! It relies on scripts, the target and what is known of its points. It never starts anything, and says of every case
//! that cannot run why.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::select::{selects, suggest};
use super::world::World;
use crate::case::coverage::without_row;
use crate::case::library::Library;
use crate::case::matcher::Matcher;
use crate::case::rule::Rule;
use crate::case::script::{Deed, Kind, LISTENING, Script, Side};
use crate::case::value::select;
use crate::target::{Account, Target};

/// Accounts over which a crowd is spread at most.
const CROWD_ACCOUNTS: usize = 8;

/// What a run is to do.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Cases: those that observe first, then by the number of accounts they need.
    pub cases: Vec<Arc<Script>>,
    /// Rules.
    pub rules: Vec<Rule>,
    /// How many of the cases observe: they run first and feed `needs`.
    pub observing: usize,
    /// Clauses that cases and rules of the same dialects judge, which are not among these.
    pub left_out: BTreeSet<String>,
}

/// Patterns that select nothing.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.text())]
pub struct NothingSelected {
    /// Each pattern, with the names nearest to it.
    patterns: Vec<(String, Vec<String>)>,
}

impl NothingSelected {
    fn text(&self) -> String {
        let line = |(pattern, near): &(String, Vec<String>)| match near.is_empty() {
            true => format!("nothing is called `{pattern}`"),
            false => format!("nothing is called `{pattern}`; the nearest: {}", near.join(", ")),
        };
        self.patterns.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

impl Plan {
    /// The cases and rules that the patterns select; all, where there is none.
    ///
    /// # Errors
    /// Patterns that select nothing.
    pub fn new(library: &Library, patterns: &[String], judges: Side) -> Result<Self, NothingSelected> {
        let nothing = patterns.iter().filter(|p| !selects_anything(library, p, judges));
        let nothing: Vec<_> = nothing.map(|p| (p.clone(), nearest_names(library, p, judges))).collect();
        if !nothing.is_empty() {
            return Err(NothingSelected { patterns: nothing });
        }
        let chosen = |s: &Script| patterns.is_empty() || patterns.iter().any(|p| selects_case(p, s));
        let (mut cases, rest): (Vec<_>, Vec<_>) =
            library.scripts.iter().filter(|s| s.judges == judges).cloned().partition(|s| chosen(s));
        // Rules of the dialects at work, and those of any STOMP, run with any selection (docs/language.md 6); others only where
        // they are named, since they say nothing of what other dialects do.
        let dialects: BTreeSet<&str> = cases.iter().map(|s| s.dialect.as_str()).collect();
        let of_dialect = |rule: &Rule| rule.dialect == "stomp" || dialects.contains(rule.dialect.as_str());
        let named = |rule: &Rule| patterns.iter().any(|p| selects_rule(p, rule));
        let at_work = |rule: &&Rule| named(rule) || (!cases.is_empty() && of_dialect(rule));
        let rules =
            library.rules.iter().filter(|rule| rule.judges == judges).filter(at_work).cloned().collect();
        let left_out = if library.shipped {
            let spoken = rest.iter().filter(|s| dialects.contains(s.dialect.as_str()));
            spoken.flat_map(|s| s.levels.keys().cloned()).collect()
        } else {
            library.catalogue.keys().cloned().collect()
        };
        // What leaves sessions behind comes last, so that nobody who must be offline has to wait for their end; what waits
        // for time comes first, so that the others run meanwhile.
        cases.sort_by_cached_key(|s| {
            (!observes(s), leaves_sessions(s), !idles(s), std::cmp::Reverse(roles(s).len()))
        });
        let observing = cases.iter().filter(|s| observes(s)).count();
        Ok(Plan { cases, rules, observing, left_out })
    }

    /// Of these cases those that have one of the tags in `only`, where there are any, and none of those in `without`.
    ///
    /// # Errors
    /// A tag that no case has, or nothing that is left.
    pub fn tagged(self, only: &[String], without: &[String]) -> Result<Self, String> {
        let has = |s: &Script, tags: &[String]| s.tags.iter().any(|tag| tags.contains(tag));
        let known: BTreeSet<&str> =
            self.cases.iter().flat_map(|s| s.tags.iter().map(String::as_str)).collect();
        if let Some(tag) = only.iter().find(|tag| !known.contains(tag.as_str())) {
            let known: Vec<&str> = known.into_iter().collect();
            let there = if known.is_empty() { "none of them has one".into() } else { known.join(", ") };
            return Err(format!("no case of the selection has the tag `{tag}`; there are: {there}"));
        }
        let chosen = |s: &Arc<Script>| (only.is_empty() || has(s, only)) && !has(s, without);
        let (cases, rest): (Vec<_>, Vec<_>) = self.cases.into_iter().partition(chosen);
        if cases.is_empty() {
            return Err("no case is left by these tags".into());
        }
        let mut left_out = self.left_out;
        left_out.extend(rest.iter().flat_map(|s| s.levels.keys().cloned()));
        let observing = cases.iter().filter(|s| observes(s)).count();
        Ok(Plan { cases, rules: self.rules, observing, left_out })
    }

    /// Only cases and rules of these dialects; all, where there are none.
    ///
    /// # Errors
    /// Nothing that is left.
    pub fn speaking(mut self, dialects: &[String]) -> Result<Self, String> {
        if dialects.is_empty() {
            return Ok(self);
        }
        self.cases.retain(|s| dialects.contains(&s.dialect));
        self.rules.retain(|r| r.dialect == "stomp" || dialects.contains(&r.dialect));
        self.observing = self.cases.iter().filter(|s| observes(s)).count();
        if self.cases.is_empty() {
            return Err(format!(
                "no suite is in the dialect that the profile names: {}",
                dialects.join(", ")
            ));
        }
        Ok(self)
    }

    /// Of these cases only those that observe, of one dialect or of all; and no rules.
    #[must_use]
    pub fn observing(mut self, dialect: Option<&str>) -> Self {
        self.cases.truncate(self.observing);
        self.cases.retain(|s| dialect.is_none_or(|name| s.dialect == name));
        self.observing = self.cases.len();
        self.rules.clear();
        self
    }
}

fn selects_case(pattern: &str, script: &Script) -> bool {
    selects(pattern, &script.id, &script.suite, &script.requirements)
}

fn selects_rule(pattern: &str, rule: &Rule) -> bool {
    let suite = rule.id.rsplit_once('/').map_or("", |(suite, _)| suite);
    selects(pattern, &rule.id, suite, std::slice::from_ref(&rule.requirement))
}

fn selects_anything(library: &Library, pattern: &str, judges: Side) -> bool {
    library.scripts.iter().any(|s| s.judges == judges && selects_case(pattern, s))
        || library.rules.iter().any(|r| r.judges == judges && selects_rule(pattern, r))
}

fn nearest_names(library: &Library, pattern: &str, judges: Side) -> Vec<String> {
    let names = library.scripts.iter().filter(|s| s.judges == judges).flat_map(|s| {
        [without_row(&s.id), &s.suite].into_iter().chain(s.requirements.iter().map(String::as_str))
    });
    suggest(pattern, names).into_iter().map(str::to_owned).collect()
}

fn observes(script: &Script) -> bool {
    !script.points.is_empty()
}

/// Whether a step of a case, or one within it, is such a one.
fn any_step(script: &Script, is_such: impl Fn(&Kind) -> bool) -> bool {
    let mut found = false;
    for step in script.given.iter().chain(&script.steps) {
        step.walk(&mut |step| found |= is_such(&step.kind));
    }
    found
}

/// Whether a case waits for time and does nothing meanwhile, and has no part in the number of jobs.
pub(super) fn idles(script: &Script) -> bool {
    let waits = any_step(script, |kind| match kind {
        Kind::Act(act) => matches!(act.deed, Deed::Watch { .. }),
        Kind::Repeat(repeat) => repeat.lasts.is_some(),
        _ => false,
    });
    waits && !leaves_sessions(script)
}

/// Whether sessions may outlive a case: those of SockJS over HTTP end by a time-out only, where nobody says good-bye.
pub(super) fn leaves_sessions(script: &Script) -> bool {
    let asks = |kind: &Kind| matches!(kind, Kind::Act(act) if matches!(act.deed, Deed::Http(_)));
    script.cast.iter().any(|member| !member.over.has_websocket()) || any_step(script, asks)
}

/// Steps of a case that give a check.
pub fn deciding_steps(script: &Script) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    for step in script.given.iter().chain(&script.steps) {
        step.walk(&mut |step| {
            let decides = match &step.kind {
                Kind::Check(_) => true,
                Kind::Act(act) => {
                    matches!(act.deed, Deed::See(_) | Deed::Watch { .. } | Deed::Settle(_) | Deed::Gone(_))
                }
                _ => false,
            };
            if decides {
                found.insert(step.id);
            }
        });
    }
    found
}

/// Roles of a case that have an account each, crowds apart.
fn roles(script: &Script) -> Vec<&str> {
    let mut roles: Vec<&str> = Vec::new();
    for member in script.cast.iter().filter(|m| m.times.is_none() && m.state != LISTENING) {
        if !roles.contains(&member.role()) {
            roles.push(member.role());
        }
    }
    roles
}

/// Who sits where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seating {
    /// Role, or session of a crowd → index of its account.
    pub seats: BTreeMap<String, usize>,
    /// Group name in the case → index of the target's group.
    pub groups: BTreeMap<String, usize>,
    /// Whether the prober is a member of all of them.
    pub prober_is_member: bool,
    /// Sessions of each crowd.
    pub crowds: BTreeMap<String, u64>,
}

impl Seating {
    /// Accounts in use, each once.
    pub(super) fn accounts(&self) -> BTreeSet<usize> {
        self.seats.values().copied().collect()
    }
}

/// Seats a case on free accounts (indices in the order in which they are preferred); with a prober where there is one
/// account more.
pub(super) fn seat(script: &Script, world: &World, free: &[usize]) -> Option<Seating> {
    let target = &world.target;
    let assignment = Assignment { script, target, roles: roles(script) };
    let mut chosen = BTreeMap::new();
    let mut seating = assignment.groups(0, &mut chosen, free)?;
    for member in script.cast.iter().filter(|m| m.times.is_some()) {
        let count = match member.times.as_ref()? {
            Value::Number(n) => n.as_u64()?,
            Value::String(text) => count_of(text, world)?,
            _ => return None,
        };
        let taken = seating.accounts();
        let fits = |at: &usize| {
            !taken.contains(at) && assignment.suits(member.role(), &target.accounts[*at], &seating.groups)
        };
        let pool: Vec<usize> =
            free.iter().copied().filter(|at| fits(at)).take(CROWD_ACCOUNTS.min(count as usize)).collect();
        if pool.is_empty() {
            return None;
        }
        for n in 0..count {
            seating.seats.insert(format!("{}/{}", member.name, n + 1), pool[n as usize % pool.len()]);
        }
        seating.crowds.insert(member.name.clone(), count);
    }
    if script.judges == Side::Client {
        // Nobody but the client can be a witness.
        return Some(seating);
    }
    let taken = seating.accounts();
    let all: Vec<usize> = (0..target.accounts.len()).collect();
    let spare = |member: bool, from: &[usize]| {
        from.iter().copied().find(|at| {
            let label = &target.accounts[*at].label;
            let in_all = seating.groups.values().all(|g| target.groups[*g].members.contains(label));
            !taken.contains(at) && (in_all || !member)
        })
    };
    let prober = spare(true, free).or_else(|| spare(false, free));
    if prober.is_none() && spare(false, &all).is_some() {
        // There is an account more than the case needs: it waits until one is free.
        return None;
    }
    if let Some(prober) = prober {
        let label = &target.accounts[prober].label;
        seating.prober_is_member = seating.groups.values().all(|g| target.groups[*g].members.contains(label));
        seating.seats.insert("prober".into(), prober);
    }
    Some(seating)
}

fn count_of(text: &str, world: &World) -> Option<u64> {
    let path: Vec<&str> = text.strip_prefix("$profile.limits.")?.split('.').collect();
    let limits = Value::Object(world.profile.all_limits().into_iter().collect());
    select(&limits, &path)?.as_u64()
}

struct Assignment<'a> {
    script: &'a Script,
    target: &'a Target,
    roles: Vec<&'a str>,
}

impl Assignment<'_> {
    /// Chooses a group of the target for each group of the case, then accounts for the roles.
    fn groups(&self, at: usize, chosen: &mut BTreeMap<String, usize>, free: &[usize]) -> Option<Seating> {
        let Some(need) = self.script.groups.get(at) else {
            let mut seats = BTreeMap::new();
            return self.seats(0, chosen, free, &mut seats).then(|| Seating {
                seats,
                groups: chosen.clone(),
                ..Seating::default()
            });
        };
        for index in 0..self.target.groups.len() {
            if chosen.values().any(|g| *g == index) {
                continue;
            }
            chosen.insert(need.name.clone(), index);
            if let Some(seating) = self.groups(at + 1, chosen, free) {
                return Some(seating);
            }
            chosen.remove(&need.name);
        }
        None
    }

    fn seats(
        &self,
        at: usize,
        groups: &BTreeMap<String, usize>,
        free: &[usize],
        seats: &mut BTreeMap<String, usize>,
    ) -> bool {
        let Some(role) = self.roles.get(at) else { return true };
        for index in free {
            if seats.values().any(|s| s == index) || !self.suits(role, &self.target.accounts[*index], groups)
            {
                continue;
            }
            seats.insert((*role).to_owned(), *index);
            if self.seats(at + 1, groups, free, seats) {
                return true;
            }
            seats.remove(*role);
        }
        false
    }

    fn suits(&self, role: &str, account: &Account, groups: &BTreeMap<String, usize>) -> bool {
        let has_expired = account.expired.is_some() || !self.script.expired.iter().any(|r| r == role);
        has_expired
            && account_needs(self.script).all(|(on, member, wanted)| {
                on != role || need(wanted).is_ok_and(|m| m.holds(member_of(account, member).as_ref()))
            })
            && self.script.groups.iter().all(|need| {
                let member = groups
                    .get(&need.name)
                    .is_some_and(|g| self.target.groups[*g].members.contains(&account.label));
                (!need.members.iter().any(|m| m == role) || member)
                    && (!need.others.iter().any(|m| m == role) || !member)
            })
    }
}

/// Connections that a case may have open at a time: whoever acts in it, its prober, its canary.
pub(super) fn connections(script: &Script, seating: &Seating) -> usize {
    let mut names: BTreeSet<&str> =
        script.cast.iter().filter(|m| m.times.is_none()).map(|m| m.name.as_str()).collect();
    script.walk(&mut |step| {
        if let Kind::Act(act) = &step.kind {
            names.insert(&act.actor);
        }
    });
    names.retain(|name| !name.is_empty() && !seating.crowds.contains_key(*name));
    names.len() + seating.crowds.values().sum::<u64>() as usize + 2
}

/// Why a case cannot be seated on this target at all, in a sentence.
pub(super) fn why_unseatable(script: &Script, world: &World) -> Option<String> {
    let all: Vec<usize> = (0..world.target.accounts.len()).collect();
    if let Some(seating) = seat(script, world, &all) {
        let (need, budget) = (connections(script, &seating), world.target.budget.connections);
        return budget
            .filter(|budget| need > *budget)
            .map(|budget| format!("it may need {need} connections at a time, the budget allows {budget}"));
    }
    let crowds = script.cast.iter().filter(|m| m.times.is_some()).count();
    let need = roles(script).len() + crowds;
    if need > all.len() {
        return Some(format!("it needs {}, the target has {}", count(need, "account"), all.len()));
    }
    if script.groups.len() > world.target.groups.len() {
        let (need, has) = (script.groups.len(), world.target.groups.len());
        return Some(format!("it needs {}, the target has {has}", count(need, "group")));
    }
    if !script.expired.is_empty() && world.target.accounts.iter().all(|a| a.expired.is_none()) {
        return Some("it needs an account with an expired token".into());
    }
    Some("no choice of accounts has the memberships that it needs".into())
}

fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// The first need of a case that is not met, in a sentence.
pub(super) fn unmet(script: &Script, world: &World) -> Option<String> {
    for (_, member, wanted) in account_needs(script) {
        let matcher = match need(wanted) {
            Ok(matcher) => matcher,
            Err(why) => return Some(why),
        };
        let values: Vec<Option<Value>> = world.target.accounts.iter().map(|a| member_of(a, member)).collect();
        if values.iter().all(Option::is_none) && !matcher.holds(None) {
            return Some(format!("no account has a {member}"));
        }
        if !values.iter().any(|value| matcher.holds(value.as_ref())) {
            return Some(format!(
                "of no account the {member} is as the case needs it: {}",
                matcher.describe()
            ));
        }
    }
    for (name, wanted) in &script.needs {
        if account_need(script, name).is_some() {
            continue;
        }
        let (value, what) = if let Some(limit) =
            name.strip_prefix("limits.").or_else(|| name.strip_prefix("$profile.limits."))
        {
            (world.profile.limit(limit), format!("the limit `{limit}`"))
        } else if name == "ordering" {
            // An order that was merely seen proves nothing: a target that reorders now and then looks the same.
            (world.profile.points.get(name).cloned(), "the point `ordering`".to_owned())
        } else {
            (world.point(name.trim_start_matches('$')), format!("the point `{name}`"))
        };
        let matcher = match need(wanted) {
            Ok(matcher) => matcher,
            Err(why) => return Some(why),
        };
        if !matcher.holds(value.as_ref()) {
            let is = match &value {
                Some(value) => format!("is {value}"),
                None => "is not known".to_owned(),
            };
            return Some(format!("{what} {is}; the case needs {}", matcher.describe()));
        }
    }
    None
}

/// What a need wants; a list means one of.
fn need(wanted: &Value) -> Result<Matcher, String> {
    match wanted {
        Value::Array(words) => Ok(Matcher::OneOf(words.iter().cloned().map(Matcher::Equal).collect())),
        other => Matcher::compile(other, 0.0),
    }
}

/// A need about somebody's account, as `$eve.passcode`: role and member.
fn account_need<'s>(script: &Script, name: &'s str) -> Option<(&'s str, &'s str)> {
    let (role, member) = name.strip_prefix('$')?.split_once('.')?;
    script.cast.iter().any(|m| m.role() == role).then_some((role, member))
}

/// All of them: role, member, what is wanted.
fn account_needs(script: &Script) -> impl Iterator<Item = (&str, &str, &Value)> {
    script.needs.iter().filter_map(|(name, wanted)| {
        let (role, member) = account_need(script, name)?;
        Some((role, member, wanted))
    })
}

/// A member of an account as a case would see it: of a secret only that it is there.
fn member_of(account: &Account, member: &str) -> Option<Value> {
    let secret = |there: bool| there.then(|| Value::from("(a secret)"));
    match member {
        "user" => Some(Value::from(account.user.as_str())),
        "login" => account.login.as_deref().map(Value::from),
        "token" => secret(account.token.is_some()),
        "token.expired" => secret(account.expired.is_some()),
        "passcode" => secret(account.passcode.is_some()),
        _ => None,
    }
}
