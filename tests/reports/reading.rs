//! A reader of XML, as small as the tests need it.
//!
//! It relies on nothing but the reports being of the simple form that we write. It never mends anything.

/// How many elements of this name there are.
pub(crate) fn count(elements: &[String], name: &str) -> usize {
    elements.iter().filter(|e| *e == name).count()
}

/// The names of all elements of a well-formed document of elements, attributes and text; or what is wrong with it.
pub(crate) fn well_formed(xml: &str) -> Result<Vec<String>, String> {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if let Some(c) = xml.chars().find(|c| !allowed(*c)) {
        return Err(format!("{c:?} is no character of XML"));
    }
    let mut rest =
        xml.strip_prefix(r#"<?xml version="1.0" encoding="UTF-8"?>"#).ok_or("no declaration")?.trim();
    let (mut open, mut all) = (Vec::new(), Vec::new());
    while let Some((text, tag)) = rest.split_once('<') {
        plain(text)?;
        // No value holds a `>`: it is written as `&gt;`.
        let (tag, after) = tag.split_once('>').ok_or("a tag without an end")?;
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            let begun = open.pop();
            if begun.as_deref() != Some(name) {
                return Err(format!("</{name}> ends {begun:?}"));
            }
            continue;
        }
        let inner = tag.strip_suffix('/').unwrap_or(tag);
        let (name, mut attributes) = inner.split_once(' ').unwrap_or((inner, ""));
        while let Some((key, value)) = attributes.split_once("=\"") {
            let (value, after) = value.split_once('"').ok_or("a value without an end")?;
            if !key.trim().chars().all(|c| c.is_ascii_lowercase()) {
                return Err(format!("an attribute of the name {key:?}"));
            }
            plain(value)?;
            attributes = after;
        }
        if !attributes.trim().is_empty() {
            return Err(format!("{attributes:?} is no attribute"));
        }
        all.push(name.to_owned());
        if !tag.ends_with('/') {
            open.push(name.to_owned());
        }
    }
    if open.is_empty() && rest.is_empty() {
        Ok(all)
    } else {
        Err(format!("{open:?} are open, {rest:?} is left"))
    }
}

fn plain(text: &str) -> Result<(), String> {
    let entity = |part: &str| ["amp;", "lt;", "gt;", "quot;"].iter().any(|e| part.starts_with(e));
    match text.split('&').skip(1).find(|part| !entity(part)) {
        Some(part) => Err(format!("&{part} is no entity")),
        None if text.contains(['<', '>']) => Err(format!("{text:?} is no text")),
        None => Ok(()),
    }
}
