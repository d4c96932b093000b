//! `report.html`: the run on one page that needs no network: what broke by its cause, then requirements, points and cases, in
//! two languages.
//!
//! It relies on briefs, records and journals, and reads the latter one case at a time while the page is written, so
//! that memory stays flat. It never judges, and nothing that a target or a suite said is written unescaped.

mod causes;
mod detail;
mod steps;
mod story;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, HtmlEscape, Value, context, escape_formatter};
use serde::Serialize;

use super::collect::{Brief, RunInfo, by_suite};
use super::lang::{Lang, Text, WORDS, translated};
use super::sentence::sentence;
use super::standing;
use super::wire::{is_treacherous, visible};
use crate::case::library::Library;
use crate::judge::Verdict;
use causes::Cause;
use detail::{Clause, Detail};
use story::Story;

/// Escaping is chosen by the name: it has to end in `.html`.
const NAME: &str = "report.html";
const TEMPLATE: &str = include_str!("html/report.html");
const SCRIPT: &str = include_str!("html/report.js");
const STYLE: &str = include_str!("html/report.css");
/// What all our pages look like, and what those do that speak two languages.
const PAGE_STYLE: &str = include_str!("html/page.css");
const PAGE_SCRIPT: &str = include_str!("html/page.js");
const LANGUAGE: &str = r#"<button type="button" id="language" class="tool"><span lang="en"><span lang="zh">中文</span></span><span lang="zh-Hans">English</span></button>"#;

/// Writes the report, which shows itself in this language first.
///
/// # Errors
/// What the system says of the file, or of a record.
pub fn write(path: &Path, info: &RunInfo, briefs: &[Brief], library: &Library, lang: Lang) -> io::Result<()> {
    let mut briefs: Vec<Brief> = briefs.to_vec();
    briefs.sort_by(|a, b| {
        (&a.suite, a.place.line, &a.id, a.round).cmp(&(&b.suite, b.place.line, &b.id, b.round))
    });
    let page = Page::new(info, &briefs, library)?;
    let source = Arc::new(Source {
        clauses: clauses(&briefs, library),
        journals: briefs.iter().filter_map(|b| Some((b.id.clone(), b.journal.clone()?))).collect(),
        rerun: info.rerun.clone(),
        briefs,
    });
    let context = context! {
        page => Value::from(Serde(&page)),
        lang => lang.code(),
        title => lang.pick(&page.sentence.en, &page.sentence.zh),
        broken => groups(&source, &[Verdict::Fail, Verdict::Error, Verdict::Fixed, Verdict::Warn]),
        known => groups(&source, &[Verdict::Known]),
        observed => cards(&source, with_verdict(&source, Verdict::Observed)),
        stories => stories(&source),
        words => inert(&WORDS.iter().copied().collect::<BTreeMap<_, _>>()).map_err(io::Error::other)?,
        style => Value::from_safe_string(STYLE.to_owned()),
        script => Value::from_safe_string(SCRIPT.to_owned()),
    };
    let mut environment = escaping();
    environment.add_template(NAME, TEMPLATE).map_err(io::Error::other)?;
    let mut out = BufWriter::new(File::create(path)?);
    environment
        .get_template(NAME)
        .and_then(|template| template.render_captured_to(context, &mut out).map(|_| ()))
        .map_err(io::Error::other)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Templates of pages: whatever is said is made visible in this one place, and then escaped; `t` says a phrase of ours in
/// both languages.
pub(crate) fn escaping() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_formatter(|out, state, value| match value.as_str() {
        Some(said) if !value.is_safe() => out.write_str(&readable(said)).map_err(Error::from),
        _ => escape_formatter(out, state, value),
    });
    environment.add_filter("t", both);
    environment
        .add_filter("zh", |en: &str| translated(en).map(str::to_owned).ok_or_else(|| untranslated(en)));
    for (name, text) in [("page_style", PAGE_STYLE), ("page_script", PAGE_SCRIPT), ("language", LANGUAGE)] {
        environment.add_global(name, Value::from_safe_string(text.to_owned()));
    }
    environment
}

/// Text that may stand in an element or a quoted attribute. Controls have names of their own, since few fonts have pictures
/// of them; there is no quote in what they stand in.
fn readable(said: &str) -> String {
    let mut escaped = HtmlEscape(&visible(said)).to_string();
    for (picture, name) in [('␀', "NUL"), ('␊', "LF"), ('␍', "CR"), ('␉', "TAB")] {
        if escaped.contains(picture) {
            escaped = escaped.replace(picture, &format!("<i class=ctl>{name}</i>"));
        }
    }
    escaped
}

/// A phrase of ours, in both languages; the page shows one of them.
fn both(en: &str) -> Result<Value, Error> {
    let zh = translated(en).ok_or_else(|| untranslated(en))?;
    // Neither comes from anybody but us, and neither holds markup.
    Ok(Value::from_safe_string(format!(r#"<span lang="en">{en}</span><span lang="zh-Hans">{zh}</span>"#)))
}

fn untranslated(en: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("there is no Chinese for {en:?}"))
}

/// JSON that can stand in an element `script` without ending it, and in which nothing is invisible.
fn inert(value: &impl Serialize) -> Result<Value, serde_json::Error> {
    let json = serde_json::to_string(value)?;
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '<' || c == '\u{7f}' || is_treacherous(c) {
            out.push_str(&format!("\\u{:04x}", c as u32));
        } else {
            out.push(c);
        }
    }
    Ok(Value::from_safe_string(out))
}

/// What cards are made of, one after the other, while the page is written.
struct Source {
    briefs: Vec<Brief>,
    clauses: BTreeMap<String, Clause>,
    journals: BTreeMap<String, PathBuf>,
    rerun: String,
}

fn with_verdict(source: &Source, verdict: Verdict) -> Vec<usize> {
    (0..source.briefs.len()).filter(|at| source.briefs[*at].verdict == verdict).collect()
}

/// Cards, made when they are asked for.
fn cards(source: &Arc<Source>, chosen: Vec<usize>) -> Value {
    let source = source.clone();
    Value::make_iterable(move || {
        let source = source.clone();
        chosen.clone().into_iter().map(move |at| {
            let brief = &source.briefs[at];
            let detail = Detail::new(at, brief, &source.clauses, &source.journals, &source.rerun);
            Value::from(Serde(&detail))
        })
    })
}

/// The cards of all cases with one of these verdicts by their causes; the gravest verdict first.
fn groups(source: &Arc<Source>, verdicts: &[Verdict]) -> Vec<Value> {
    let of = |verdict: &Verdict| causes::of(&source.briefs, with_verdict(source, *verdict));
    let group = |cause: Cause| {
        let ways: Vec<Value> = cause
            .ways
            .into_iter()
            .map(|way| {
                let more = way.len() - 1;
                context! { first => cards(source, way[..1].to_vec()), more, rest => cards(source, way[1..].to_vec()) }
            })
            .collect();
        let clause = cause.clause.and_then(|id| source.clauses.get(&id));
        context! { verdict => cause.verdict.word(), clause => Serde(&clause), count => cause.count, ways }
    };
    verdicts.iter().flat_map(of).map(group).collect()
}

/// What happened in each case, for who asks; made when it is written.
fn stories(source: &Arc<Source>) -> Value {
    let source = source.clone();
    Value::make_iterable(move || {
        let source = source.clone();
        (0..source.briefs.len()).filter_map(move |at| {
            let brief = &source.briefs[at];
            // Where it cannot be read, the card says so.
            let story = Story::read(&brief.record, brief.journal.as_ref()?).ok()??;
            Some(context! { at, json => inert(&story).ok()? })
        })
    })
}

/// The clauses that broke, as the catalogue has them.
fn clauses(briefs: &[Brief], library: &Library) -> BTreeMap<String, Clause> {
    let ids = briefs.iter().filter_map(|b| Some(&b.clause.as_ref()?.0));
    let known = ids.filter_map(|id| library.catalogue.get(id));
    known.map(|r| (r.id.clone(), Clause::new(r))).collect()
}

/// Everything on the page but the cards.
#[derive(Serialize)]
struct Page {
    sentence: Text,
    scope: Text,
    tone: &'static str,
    facts: Vec<(&'static str, Text)>,
    counts: Vec<(&'static str, usize)>,
    suites: Vec<SuiteRow>,
    catalogues: Vec<standing::Group>,
    points: Vec<PointRow>,
    without: Vec<(String, Vec<String>)>,
    rows: Vec<Row>,
    broken: usize,
    known: usize,
    observed: usize,
}

#[derive(Serialize)]
struct SuiteRow {
    name: String,
    title: String,
    counts: Vec<(&'static str, usize)>,
}

#[derive(Serialize)]
struct PointRow {
    name: String,
    observed: Option<String>,
    pinned: Option<String>,
    differs: bool,
    clause: Option<String>,
}

#[derive(Serialize)]
struct Row {
    at: usize,
    card: bool,
    /// Whether its story is on the page.
    story: bool,
    verdict: &'static str,
    id: String,
    suite: String,
    round: usize,
    title: String,
    reason: String,
    requirements: Vec<String>,
    duration_ms: u64,
}

impl Page {
    fn new(info: &RunInfo, briefs: &[Brief], library: &Library) -> io::Result<Self> {
        let of = |verdict| info.summary.of(verdict);
        let (tone, _) = sentence(info, briefs, Lang::En);
        let catalogues = standing::groups(briefs, library)?;
        let judged: usize = catalogues.iter().map(|g| g.judged).sum();
        let all: usize = catalogues.iter().map(|g| g.rows.len() + g.uncovered.len()).sum();
        Ok(Page {
            sentence: Text::say(|lang| sentence(info, briefs, lang).1),
            scope: Text::say(|lang| scope(info, judged, all, lang)),
            tone,
            facts: facts(info),
            counts: counted(of),
            suites: suites(briefs, library),
            catalogues,
            points: points(info, library),
            without: without(briefs),
            rows: briefs.iter().enumerate().map(|(at, brief)| row(at, brief)).collect(),
            broken: of(Verdict::Fail) + of(Verdict::Error) + of(Verdict::Fixed) + of(Verdict::Warn),
            known: of(Verdict::Known),
            observed: of(Verdict::Observed),
        })
    }
}

fn scope(info: &RunInfo, judged: usize, all: usize, lang: Lang) -> String {
    let (made, expected) = (info.made, info.expected);
    lang.pick(
        format!(
            "This run made {made} of the {expected} checks that its cases hold, and judged {judged} of the {all} \
             requirements in the catalogue."
        ),
        format!("本次运行完成了所选用例 {expected} 项检查中的 {made} 项,判定了目录中 {all} 条要求中的 {judged} 条。"),
    )
}

fn counted(of: impl Fn(Verdict) -> usize) -> Vec<(&'static str, usize)> {
    Verdict::ALL.iter().map(|v| (v.word(), of(*v))).filter(|(_, n)| *n > 0).collect()
}

fn facts(info: &RunInfo) -> Vec<(&'static str, Text)> {
    let profile = match (info.profile.name.as_str(), info.profile.title.as_str()) {
        ("", _) => Text::say(|lang| lang.pick("none", "无").to_owned()),
        (name, "") => Text::say(|_| name.to_owned()),
        (name, title) => Text::say(|_| format!("{name}: {title}")),
    };
    let seconds = format!("{:.1}", info.duration_ms as f64 / 1000.0);
    let unit = if info.in_memory { "virtual seconds" } else { "s" };
    let same = |text: &str| Text::say(|_| text.to_owned());
    vec![
        ("Target", same(&info.target)),
        ("Profile", profile),
        ("Reached with", same(&format!("stompliance {}{}", super::verb(&info.rerun), info.rerun))),
        ("Started", same(&info.started)),
        ("Took", Text::say(|lang| format!("{seconds} {}", lang.word(unit)))),
        ("Seed", same(&info.seed.to_string())),
        ("Program", same(&format!("stompliance {}", info.stompliance))),
    ]
}

fn suites(briefs: &[Brief], library: &Library) -> Vec<SuiteRow> {
    let suite = |(name, by): (&str, BTreeMap<Verdict, usize>)| SuiteRow {
        name: name.to_owned(),
        title: library.titles.get(name).cloned().unwrap_or_default(),
        counts: counted(|v| by.get(&v).copied().unwrap_or_default()),
    };
    by_suite(briefs).into_iter().map(suite).collect()
}

fn points(info: &RunInfo, library: &Library) -> Vec<PointRow> {
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let names: BTreeSet<&String> = info.observed.keys().chain(info.profile.points.keys()).collect();
    let point = |name: &String| {
        let (observed, pinned) = (info.observed.get(name), info.profile.points.get(name));
        PointRow {
            name: name.clone(),
            observed: observed.map(text),
            pinned: pinned.map(text),
            differs: matches!((observed, pinned), (Some(o), Some(p)) if o != p),
            clause: standing::clause_of_point(library, name),
        }
    };
    let mut rows: Vec<PointRow> = names.into_iter().map(point).collect();
    rows.sort_by_key(|p| p.observed.is_none());
    rows
}

/// Why cases are n/a, each reason once.
fn without(briefs: &[Brief]) -> Vec<(String, Vec<String>)> {
    let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for brief in briefs.iter().filter(|b| b.verdict == Verdict::NotApplicable) {
        reasons.entry(brief.reason.clone()).or_default().push(brief.id.clone());
    }
    reasons.into_iter().collect()
}

fn row(at: usize, brief: &Brief) -> Row {
    let passed = brief.verdict == Verdict::Pass;
    Row {
        at,
        card: !passed && brief.verdict != Verdict::NotApplicable,
        story: brief.journal.is_some(),
        suite: brief.suite.clone(),
        verdict: brief.verdict.word(),
        id: brief.id.clone(),
        round: brief.round,
        title: brief.title.clone(),
        reason: if passed { String::new() } else { brief.reason.clone() },
        requirements: brief.requirements.clone(),
        duration_ms: brief.duration_ms,
    }
}
