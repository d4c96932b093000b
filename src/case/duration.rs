//! Durations as suites write them: `20ms`, `2s`, `5m`, or `5 x $alice.beats.in` (docs/language.md 2.4).
//!
//! It relies on humantime, and on an environment for what is named. It never rounds up.

use serde_json::Value;

use super::value::{Env, reference};

/// A duration in microseconds.
///
/// # Errors
/// What is no duration, with examples of what is.
pub fn duration(text: &str, env: &mut dyn Env) -> Result<u64, String> {
    let bad = || format!("`{text}` is no duration: 20ms, 2s, 5m, or 5 x $alice.beats.in");
    if let Some((factor, name)) = text.split_once(" x ") {
        let factor: f64 = factor.trim().parse().map_err(|_| bad())?;
        let (name, path) = reference(name.trim()).ok_or_else(bad)?;
        let value = env.lookup(name, &path)?.ok_or_else(bad)?;
        let unit = match &value {
            Value::String(text) => plain_duration(text).ok_or_else(bad)?,
            other => other.as_f64().ok_or_else(bad)? * 1000.0,
        };
        return Ok((factor * unit) as u64);
    }
    if let Some((name, path)) = reference(text) {
        return match env.lookup(name, &path)? {
            Some(Value::String(text)) => plain_duration(&text).map(|us| us as u64).ok_or_else(bad),
            Some(number) => number.as_u64().map(|ms| ms * 1000).ok_or_else(bad),
            None => Err(bad()),
        };
    }
    plain_duration(text).map(|us| us as u64).ok_or_else(bad)
}

fn plain_duration(text: &str) -> Option<f64> {
    humantime::parse_duration(text).ok().map(|d| d.as_micros() as f64)
}

/// Whether a text can be a duration.
pub fn is_duration(text: &str) -> bool {
    match text.split_once(" x ") {
        Some((factor, name)) => factor.trim().parse::<f64>().is_ok() && reference(name.trim()).is_some(),
        None => plain_duration(text).is_some() || reference(text).is_some(),
    }
}
