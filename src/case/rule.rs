//! Rules: what holds of every frame of a run, in whatever case (docs/language.md 6), resolved.
//!
//! It relies on the expander for patterns. It judges nothing.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::expand::Expander;
use super::model;
use super::script::{Level, Pattern, Place, Side};

/// A rule, resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// `stomp/rules/error-then-close`.
    pub id: String,
    /// The dialect of its suite.
    #[serde(default)]
    pub dialect: String,
    /// Whose frames it is about.
    #[serde(skip_serializing_if = "Side::is_server", default)]
    pub judges: Side,
    /// A sentence that is true of a conforming target.
    pub title: String,
    /// The mistake it is meant to catch.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<String>,
    /// What it decides.
    pub requirement: String,
    /// How binding that is.
    pub level: Level,
    /// Where it is written.
    pub place: Place,
    /// The version that it is about: it is not held on connections that agreed on another one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
    /// Which events it is about.
    pub of: Pattern,
    /// What they must be like; `Some(None)` is never.
    #[serde(skip_serializing_if = "Option::is_none", default, with = "must")]
    pub must: Option<Option<Value>>,
    /// A path that is unique per connection.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unique: Option<String>,
    /// What must come next on that connection.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub then: Option<Pattern>,
}

/// `never` and a matcher, in one member of JSON.
mod must {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::Value;

    pub(super) fn serialize<S: Serializer>(must: &Option<Option<Value>>, s: S) -> Result<S::Ok, S::Error> {
        match must {
            Some(Some(matcher)) => matcher.serialize(s),
            _ => "never".serialize(s),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Option<Value>>, D::Error> {
        let value = Value::deserialize(d)?;
        Ok(Some((value != "never").then_some(value)))
    }
}

/// A rule, resolved: what it is about and what must hold.
pub fn rule(expander: &mut Expander<'_>, suite: &model::Suite, rule: &model::RuleDef) -> Option<Rule> {
    let requirement = expander.clause(&rule.requirement, false);
    let level = expander.catalogue.get(&requirement).map_or(Level::Must, |r| r.level);
    let of = expander.event(&rule.of, false)?;
    let then = match &rule.then {
        Some(node) => Some(expander.event(node, false)?),
        None => None,
    };
    let must = rule.must.as_ref().map(|node| match node.text() {
        Some("never") => None,
        _ => Some(node.value()),
    });
    let text = || expander.catalogue.get(&requirement).map_or(String::new(), |r| r.text.clone());
    let title = rule.title.clone().filter(|title| !title.is_empty()).unwrap_or_else(text);
    Some(Rule {
        id: format!("{}/{}", suite.name.value, rule.id.value),
        dialect: suite.dialect.value.clone(),
        judges: suite.judges,
        title,
        why: rule.why.clone(),
        requirement,
        level,
        place: expander.place(rule.at, false),
        version: rule.version.as_ref().map(|t| t.value.clone()),
        of,
        must,
        unique: rule.unique.as_ref().map(|t| t.value.clone()),
        then,
    })
}
