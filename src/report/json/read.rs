//! Reading `run.json` back into what reports are made of: the head, a brief per case, records and journals in files.
//!
//! It relies on the file as `write` has written it, and holds one case in memory at a time. It never judges anew.

use std::fmt;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::SCHEMA;
use crate::report::collect::{Collector, Gathered, RunInfo};
use crate::run::Record;

/// Reads a file; records and journals go to `folder`, which must be there.
///
/// # Errors
/// A file that cannot be read, that is cut off, that is something else, or of a version that is not known.
pub fn read(path: &Path, folder: &Path) -> Result<(RunInfo, Gathered), String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    let collector = Collector::new(folder.to_owned());
    let mut read = Read { collector: &collector, folder, cases: 0 };
    let mut json = serde_json::Deserializer::from_reader(BufReader::new(file));
    let head = read.whole(&mut json).and_then(|head| json.end().map(|()| head)).map_err(|e| why(&e))?;
    let mut info: RunInfo = serde_json::from_value(Value::Object(head)).map_err(|e| foreign(&e))?;
    let gathered = collector.gathered();
    if let Some(why) = gathered.failed {
        return Err(format!("what it holds could not be laid out: {why}"));
    }
    info.summary = gathered.summary.clone();
    Ok((info, gathered))
}

fn why(error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "it is cut off: a run that was killed, or a copy that is not whole".to_owned();
    }
    // Data errors are our own sentences, with a place that says nothing to whoever reads them.
    if error.is_data() {
        error.to_string().split(" at line ").next().unwrap_or_default().to_owned()
    } else {
        foreign(error)
    }
}

fn foreign(error: &serde_json::Error) -> String {
    format!("it is no run.json: {error}")
}

/// Checks the version, as soon as it is known.
fn known(schema: &Value) -> Result<(), String> {
    match schema.as_u64() {
        // Older ones lack what is new, and nothing else.
        Some(version) if (1..=u64::from(SCHEMA)).contains(&version) => Ok(()),
        Some(newer) if newer > u64::from(SCHEMA) => Err(format!(
            "its form is version {newer}, this program reads up to version {SCHEMA}: use a newer stompliance"
        )),
        _ => Err(format!("it is no run.json: `schema` is {schema}")),
    }
}

struct Read<'r> {
    collector: &'r Collector,
    folder: &'r Path,
    cases: usize,
}

impl Read<'_> {
    fn whole<'de, D: Deserializer<'de>>(&mut self, json: D) -> Result<Map<String, Value>, D::Error> {
        json.deserialize_map(Whole(self))
    }

    /// Lays out one case: its journal and its record.
    fn case(&mut self, mut case: Value) -> Result<(), String> {
        self.cases += 1;
        let transcript = case.as_object_mut().and_then(|members| members.remove("transcript"));
        let mut record: Record =
            serde_json::from_value(case).map_err(|e| format!("case {}: {e}", self.cases))?;
        let events = transcript.as_ref().and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if !events.is_empty() {
            let path = self.folder.join(format!("{:05}.jsonl", self.cases));
            write(&path, events).map_err(|e| format!("{}: {e}", path.display()))?;
            record.journal = Some(path);
        }
        self.collector.take(&record);
        Ok(())
    }
}

fn write(path: &PathBuf, events: &[Value]) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    events.iter().try_for_each(|event| writeln!(out, "{event}"))?;
    out.flush()
}

/// The file: an object, with `cases` among its members.
struct Whole<'r, 'f>(&'r mut Read<'f>);

impl<'de> Visitor<'de> for Whole<'_, '_> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the object that `stompliance run --json` writes")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Self::Value, M::Error> {
        let mut head = Map::new();
        let mut cases = false;
        while let Some(name) = members.next_key::<String>()? {
            match name.as_str() {
                // `schema` stands first: a file of another version is not looked into.
                "cases" if head.contains_key("schema") => {
                    members.next_value_seed(Cases(&mut *self.0))?;
                    cases = true;
                }
                "cases" => {
                    members.next_value::<IgnoredAny>()?;
                }
                _ => {
                    let value: Value = members.next_value()?;
                    if name == "schema" {
                        known(&value).map_err(M::Error::custom)?;
                    }
                    head.insert(name, value);
                }
            }
        }
        if cases {
            Ok(head)
        } else {
            Err(M::Error::custom("it is no run.json: there is no `schema`, or there are no `cases`"))
        }
    }
}

/// The list of cases, one after the other.
struct Cases<'r, 'f>(&'r mut Read<'f>);

impl<'de> DeserializeSeed<'de> for Cases<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Cases<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of cases")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut cases: S) -> Result<(), S::Error> {
        while let Some(case) = cases.next_element::<Value>()? {
            self.0.case(case).map_err(S::Error::custom)?;
        }
        Ok(())
    }
}
