//! `run.json`: everything, in one file, put together from the journals without holding it in memory.
//!
//! It relies on records and journals as they were written. It never computes anything anew.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use super::collect::{Brief, RunInfo};

/// The version of the form.
pub const SCHEMA: u32 = 1;

/// Writes the file.
///
/// # Errors
/// What the system says of it, or of a record or journal.
pub fn write(path: &Path, info: &RunInfo, briefs: &[Brief]) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    let head = serde_json::to_string(info)?;
    // The head is an object; the cases become its last member.
    out.write_all(head.strip_suffix('}').unwrap_or(&head).as_bytes())?;
    out.write_all(b",\"cases\":[")?;
    for (at, brief) in briefs.iter().enumerate() {
        out.write_all(if at == 0 { b"\n" } else { b",\n" })?;
        case(&mut out, brief)?;
    }
    out.write_all(b"\n]}\n")?;
    out.flush()
}

fn case(out: &mut impl Write, brief: &Brief) -> io::Result<()> {
    let record = std::fs::read_to_string(&brief.record)?;
    let Some(record) = record.trim_end().strip_suffix('}') else {
        return Err(io::Error::other(format!("{} is no record", brief.record.display())));
    };
    out.write_all(record.as_bytes())?;
    out.write_all(b",\"transcript\":[")?;
    if let Some(journal) = &brief.journal {
        for (at, line) in BufReader::new(File::open(journal)?).lines().enumerate() {
            let line = line?;
            // The last line of a case that was cut off may be unfinished.
            if line.ends_with('}') {
                out.write_all(if at == 0 { b"\n" } else { b",\n" })?;
                out.write_all(line.as_bytes())?;
            }
        }
    }
    out.write_all(b"]}")
}

/// The JSON Schema of the file.
pub const RUN_SCHEMA: &str = include_str!("../../docs/run.schema.json");

mod again;
mod read;

pub use again::{Rejudged, RejudgedCase, rejudge};
pub use read::read;
