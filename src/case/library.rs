//! Everything that is written in YAML, loaded together: catalogue, dialects, profiles, suites.
//!
//! It relies on the files embedded in the binary, and on those that a user names. It never hands out a case of a file
//! with errors.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::catalogue::{Catalogue, requirements};
use super::diagnostic::{Diagnostic, Severity, Source};
use super::dialect::{Dialect, dialect};
use super::expand::Expander;
use super::model::{self, suite};
use super::profile::{Profile, is_profile_file, profile};
use super::reader::Reader;
use super::rule::{Rule, rule};
use super::script::Script;
use super::tree::{Node, load};
use super::{lint, value};
use crate::words::glob;

/// The files that the binary carries: path and text.
pub const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/suites.rs"));

/// All that was loaded, and all that is wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Library {
    /// Requirements by id.
    pub catalogue: Catalogue,
    /// Dialects by name.
    pub dialects: BTreeMap<String, Arc<Dialect>>,
    /// Profiles by name.
    pub profiles: BTreeMap<String, Profile>,
    /// Cases, rows expanded, in the order of the files.
    pub scripts: Vec<Arc<Script>>,
    /// Rules.
    pub rules: Vec<Rule>,
    /// Titles of suites.
    pub titles: BTreeMap<String, String>,
    /// Whether its suites are those that the binary carries.
    pub shipped: bool,
    /// What is wrong, sorted by file and place.
    pub found: Vec<Diagnostic>,
}

impl Library {
    /// What the binary carries.
    pub fn embedded() -> Self {
        let sources = EMBEDDED.iter().map(|(path, text)| Source::new(path, text)).collect();
        Self::load(Library { shipped: true, ..Library::default() }, sources, &[])
    }

    /// What the binary carries, with these suites, if there are some, in place of its own; a dialect, profile, catalogue or suite of rules
    /// among them replaces the one of its name.
    pub fn with_suites(files: Vec<Source>) -> Self {
        let own: Vec<_> = files.iter().filter_map(|file| head(&file.text)).collect();
        let shipped = own.iter().all(|(kind, _)| *kind != "suite");
        let kept =
            EMBEDDED.iter().copied().filter(|(_, text)| head(text).is_none_or(|head| !own.contains(&head)));
        let source = |(path, text): (&str, &str)| Source::new(path, text);
        let (suites, others): (Vec<_>, Vec<_>) =
            kept.partition(|(_, text)| !shipped && head(text).is_some_and(|(kind, _)| kind == "suite"));
        let rules: Vec<_> =
            suites.into_iter().filter(|(path, _)| path.ends_with("/rules.yaml")).map(source).collect();
        let sources = others.into_iter().map(source).collect::<Vec<_>>();
        let sources = sources.into_iter().chain(files.iter().cloned()).collect();
        Self::load(Library { shipped, ..Library::default() }, sources, &rules)
    }

    /// Whether nothing but warnings was found.
    pub fn is_sound(&self) -> bool {
        self.found.iter().all(|d| d.severity < Severity::Error)
    }

    fn load(mut library: Library, sources: Vec<Source>, rules_of: &[Source]) -> Self {
        let mut suites: Vec<(Source, Node)> = Vec::new();
        let mut dialects: Vec<(Source, Node)> = Vec::new();
        let mut profiles: Vec<(Source, Node)> = Vec::new();
        for source in sources {
            match load(&source) {
                Err(found) => library.found.extend(found),
                Ok(node) => match first_key(&node) {
                    Some("suite") => suites.push((source, node)),
                    Some("dialect") => dialects.push((source, node)),
                    Some("profile") => profiles.push((source, node)),
                    Some("requirements") => library.requirements(&source, &node),
                    _ => library.found.push(
                        Diagnostic::error(&source, node.at, "the first key says what a file is")
                            .help("one of: suite, dialect, profile, requirements"),
                    ),
                },
            }
        }
        for (source, node) in dialects {
            let mut reader = Reader::new(&source);
            let loaded = dialect(&mut reader, &node);
            library.found.append(&mut reader.found);
            if let Some(loaded) = loaded {
                library.dialects.insert(loaded.name.clone(), Arc::new(loaded));
            }
        }
        for (source, node) in &suites {
            library.suite(source, node, true);
        }
        for source in rules_of {
            if let Ok(node) = load(source) {
                library.suite(source, &node, false);
            }
        }
        for (source, node) in &profiles {
            if let Some(profile) = library.profile(source, node) {
                library.profiles.insert(profile.name.clone(), profile);
            }
        }
        library.duplicates();
        library.found.sort_by(|a, b| {
            (&a.source.path, a.at.line, a.at.column).cmp(&(&b.source.path, b.at.line, b.at.column))
        });
        library.found.dedup();
        library
    }

    /// The cases of this suite in place of all others; rules, dialects and all else stay.
    pub fn only(&mut self, source: &Source) {
        self.scripts.clear();
        self.found.clear();
        match load(source) {
            Ok(node) => self.suite(source, &node, true),
            Err(found) => self.found.extend(found),
        }
    }

    fn requirements(&mut self, source: &Source, node: &Node) {
        let mut reader = Reader::new(source);
        for requirement in requirements(&mut reader, node) {
            if let Some(first) = self.catalogue.get(&requirement.id) {
                let what =
                    format!("{} stands in the catalogue `{}` already", requirement.id, first.catalogue);
                reader.error(node.at, what);
            }
            self.catalogue.insert(requirement.id.clone(), requirement);
        }
        self.found.append(&mut reader.found);
    }

    /// Reads a profile that a user names by its path.
    fn read_profile(&mut self, source: &Source) -> Option<Profile> {
        match load(source) {
            Err(found) => {
                self.found.extend(found);
                None
            }
            Ok(node) => self.profile(source, &node),
        }
    }

    fn profile(&mut self, source: &Source, node: &Node) -> Option<Profile> {
        let mut reader = Reader::new(source);
        let profile = profile(&mut reader, node);
        if let Some(profile) = &profile {
            self.check_points(profile, node, &mut reader);
            self.check_known(profile, &mut reader);
        }
        self.found.append(&mut reader.found);
        profile
    }

    /// The profile of this name, or in this file.
    ///
    /// # Errors
    /// A name that is none of the shipped ones, or a file that cannot be read. What is wrong within a file is noted.
    pub fn profile_named(&mut self, name: &str) -> Result<Profile, String> {
        if let Some(profile) = self.profiles.get(name) {
            return Ok(profile.clone());
        }
        if !is_profile_file(name) {
            let names: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
            let near = super::diagnostic::nearest(name, names.iter().copied());
            let near = near.map_or_else(
                || format!("shipped are {}", names.join(", ")),
                |n| format!("did you mean `{n}`?"),
            );
            return Err(format!("there is no profile `{name}`: {near}"));
        }
        let text = std::fs::read_to_string(name).map_err(|e| format!("the profile {name}: {e}"))?;
        let source = Source::new(name, &text);
        self.read_profile(&source).ok_or_else(|| {
            let shown: Vec<String> = self.found.iter().map(|d| d.render(false)).collect();
            format!("the profile {name} cannot be used:\n{}", shown.join("\n"))
        })
    }

    fn check_points(&self, profile: &Profile, node: &Node, reader: &mut Reader<'_>) {
        let known: BTreeMap<&str, _> = self
            .dialects
            .values()
            .flat_map(|d| d.points.iter().map(|(key, point)| (key.name.as_str(), point)))
            .collect();
        for (name, value) in &profile.points {
            let at = super::profile::point_place(node, name).unwrap_or(node.at);
            match known.get(name.as_str()) {
                None => reader.unknown("point", name, at, known.keys().copied()),
                Some(point) if !point.admits(value) => {
                    let words = if point.values.is_empty() {
                        "true, false".to_owned()
                    } else {
                        point.values.join(", ")
                    };
                    reader.error_help(
                        at,
                        format!("{value} is no value of `{name}`"),
                        format!("one of: {words}"),
                    );
                }
                Some(_) => {}
            }
        }
        for name in profile.dialects.iter().filter(|name| !self.dialects.contains_key(*name)) {
            let at = node.get("dialect").map_or(node.at, |n| n.at);
            reader.unknown("dialect", name, at, self.dialects.keys().map(String::as_str));
        }
        let limits = super::profile::LIMITS;
        for (key, _) in node.get("limits").and_then(Node::map).unwrap_or_default() {
            if !limits.contains(&key.name.as_str()) {
                reader.unknown("limit", &key.name, key.at, limits);
            }
        }
    }

    /// Entries of the list that name a requirement or cases that there are not, or say the same twice.
    fn check_known(&self, profile: &Profile, reader: &mut Reader<'_>) {
        for (at, known) in profile.known.iter().enumerate() {
            let span = reader.source.span(known.place.line, known.place.column);
            if !self.catalogue.contains_key(&known.clause) {
                reader.unknown("requirement", &known.clause, span, self.catalogue.keys().map(String::as_str));
            }
            if let Some(first) =
                profile.known[..at].iter().find(|k| k.clause == known.clause && k.case == known.case)
            {
                let what = format!("{} is listed for these cases already: {}", known.clause, first.place);
                reader.error_help(span, what, "leave one of the two");
            }
            let Some(pattern) = &known.case else { continue };
            let ids =
                self.scripts.iter().map(|s| s.id.as_str()).chain(self.rules.iter().map(|r| r.id.as_str()));
            if self.shipped && !ids.clone().any(|id| glob(pattern, id)) {
                let found =
                    Diagnostic::warning(reader.source, span, format!("`{pattern}` is the name of no case"));
                reader.found.push(found.nearest(pattern, ids));
            }
        }
    }

    /// Entries of lists of known failures whose time is over; `today` is a date like `2026-11-25`.
    pub fn expired(&self, today: &str) -> Vec<Diagnostic> {
        let all = self.profiles.values().flat_map(|p| &p.known);
        let over = all.filter(|k| k.until.as_deref().is_some_and(|until| until < today));
        over.map(|known| {
            let source = source_of(&known.place);
            let at = source.span(known.place.line, known.place.column);
            let what = format!(
                "{} was to be known until {} only",
                known.clause,
                known.until.as_deref().unwrap_or_default()
            );
            Diagnostic::error(&source, at, what)
                .help("it counts as a failure again: mend it, or give it more time")
        })
        .collect()
    }

    fn suite(&mut self, source: &Source, node: &Node, with_cases: bool) {
        let mut reader = Reader::new(source);
        let Some(suite) = suite(&mut reader, node) else {
            self.found.append(&mut reader.found);
            return;
        };
        self.found.append(&mut reader.found);
        let Some(dialect) = self.dialects.get(&suite.dialect.value).cloned() else {
            let mut reader = Reader::new(source);
            reader.unknown(
                "dialect",
                &suite.dialect.value,
                suite.dialect.at,
                self.dialects.keys().map(String::as_str),
            );
            self.found.append(&mut reader.found);
            return;
        };
        let catalogue = std::mem::take(&mut self.catalogue);
        let mut expander = Expander::new(source, &dialect, &catalogue);
        let cases: &[model::Case] = if with_cases { &suite.cases } else { &[] };
        for case in cases {
            let rows = expander.case(&suite, case);
            lint::case(&mut expander.reader, case, &dialect, &rows);
            self.scripts.extend(rows.into_iter().map(Arc::new));
        }
        for def in &suite.rules {
            self.rules.extend(rule(&mut expander, &suite, def));
        }
        self.found.append(&mut expander.reader.found);
        self.found.append(&mut expander.dialect_reader.found);
        self.catalogue = catalogue;
        self.titles.insert(suite.name.value.clone(), suite.title.clone());
    }

    fn duplicates(&mut self) {
        let mut seen: BTreeMap<&str, &super::script::Place> = BTreeMap::new();
        let ids = self.scripts.iter().map(|s| (&*s.id, &s.place));
        let mut found = Vec::new();
        for (id, place) in ids.chain(self.rules.iter().map(|r| (&*r.id, &r.place))) {
            if let Some(first) = seen.insert(id, place) {
                found.push((id.to_owned(), first.clone(), place.clone()));
            }
        }
        for (id, first, place) in found {
            let source = source_of(&place);
            let at = source.span(place.line, place.column);
            let what = format!("the id `{id}` is taken: {first} has it already");
            self.found.push(Diagnostic::error(&source, at, what).help("ids are unique: rename one"));
        }
    }
}

/// The file in which a place is.
fn source_of(place: &super::script::Place) -> Source {
    let text = EMBEDDED.iter().find(|(path, _)| *path == place.file).map(|(_, text)| (*text).to_owned());
    let text = text.or_else(|| std::fs::read_to_string(&place.file).ok()).unwrap_or_default();
    Source::new(&place.file, &text)
}

/// What a file says it is in its first line that is no comment: `dialect: im`.
fn head(text: &str) -> Option<(&str, &str)> {
    let line = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#'))?;
    let (kind, name) = line.split_once(':')?;
    Some((kind, name.split(" #").next()?.trim()))
}

fn first_key(node: &Node) -> Option<&str> {
    node.map()?.first().map(|(key, _)| key.name.as_str())
}

/// The YAML files below a path, or the file that it is.
///
/// # Errors
/// What the system says of a path that cannot be read.
pub fn read_files(path: &Path) -> std::io::Result<Vec<Source>> {
    let mut out = Vec::new();
    if path.is_dir() {
        let mut entries: Vec<_> = std::fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(std::fs::DirEntry::path);
        for entry in entries {
            let inner = entry.path();
            if inner.is_dir() || inner.extension().is_some_and(|e| e == "yaml" || e == "yml") {
                out.extend(read_files(&inner)?);
            }
        }
    } else {
        let text = String::from_utf8_lossy(&std::fs::read(path)?).into_owned();
        out.push(Source::new(&path.display().to_string(), &text));
    }
    Ok(out)
}

/// Whether a name may be bound: letters, digits, hyphens.
pub(super) fn is_name(text: &str) -> bool {
    value::reference(&format!("${text}")).is_some_and(|(_, path)| path.is_empty())
}
