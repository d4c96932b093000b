//! The journal of one case: every event as a line, written as it comes, so that memory stays flat and nothing is lost
//! when a run is ended early.
//!
//! It relies on a folder that the run made. Long bodies stand once, by hash, in files beside it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sha1::{Digest, Sha1};

use crate::case::event::{Body, Event, What};

/// Octets above which a body goes into a file of its own.
pub const LONG_BODY: usize = 4096;

/// Where a run's journals and bodies are written.
#[derive(Debug, Clone)]
pub struct JournalFolder {
    /// The folder of journals.
    pub journals: PathBuf,
    /// The folder of bodies.
    pub bodies: PathBuf,
}

/// A folder for the journals of a run that keeps none: it is gone with this value.
#[derive(Debug)]
pub struct Scratch {
    root: PathBuf,
    /// Where journals go.
    pub folder: JournalFolder,
}

impl Scratch {
    /// A new folder below the system's for temporary files.
    ///
    /// # Errors
    /// What the system says of it.
    pub fn new() -> std::io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("stompliance-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let root = std::env::temp_dir().join(name);
        let folder = JournalFolder { journals: root.join("journals"), bodies: root.join("bodies") };
        std::fs::create_dir_all(&folder.journals)?;
        Ok(Scratch { root, folder })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

/// The journal of a case.
#[derive(Debug)]
pub(super) struct Journal {
    /// Nothing where none is kept, or where it cannot be.
    file: Option<BufWriter<File>>,
    path: Option<PathBuf>,
    bodies: PathBuf,
    failed: Option<Arc<str>>,
}

/// A journal that is complete.
#[derive(Debug, Clone)]
pub struct Written {
    /// Where it is, if one was kept.
    pub path: Option<PathBuf>,
    /// Why it is not whole, if it is not.
    pub failed: Option<Arc<str>>,
}

impl Journal {
    /// A journal of this name; none, where there is no folder for it.
    pub(super) fn new(folder: Option<&JournalFolder>, name: &str) -> Self {
        let Some(folder) = folder else {
            return Journal { file: None, path: None, bodies: PathBuf::new(), failed: None };
        };
        let path = folder.journals.join(format!("{name}.jsonl"));
        let (file, failed) = match File::create(&path) {
            Ok(file) => (Some(BufWriter::new(file)), None),
            Err(error) => (None, Some(format!("{}: {error}", path.display()).into())),
        };
        Journal { file, path: Some(path), bodies: folder.bodies.clone(), failed }
    }

    /// Writes an event.
    pub(super) fn write(&mut self, event: &Event) {
        let Some(file) = &mut self.file else { return };
        let written = match shorten(event, &self.bodies) {
            Ok(Some(short)) => serde_json::to_writer(&mut *file, &short),
            Ok(None) => serde_json::to_writer(&mut *file, event),
            Err(error) => {
                self.failed = Some(error.to_string().into());
                return;
            }
        };
        if let Err(error) = written.map_err(std::io::Error::from).and_then(|()| file.write_all(b"\n")) {
            self.failed = Some(error.to_string().into());
        }
    }

    /// Writes out what is left.
    pub(super) fn finish(&mut self) -> Written {
        if let Some(mut file) = self.file.take()
            && let Err(error) = file.flush()
        {
            self.failed = Some(error.to_string().into());
        }
        Written { path: self.path.clone(), failed: self.failed.clone() }
    }
}

/// The same event with long bodies by hash; nothing where it has none.
fn shorten(event: &Event, bodies: &Path) -> std::io::Result<Option<Event>> {
    let body = match &event.what {
        What::Sent { frame } | What::Came { frame } | What::Late { frame } => &frame.body,
        What::Http { body, .. } | What::Octets { octets: body, .. } => body,
        _ => return Ok(None),
    };
    let Body::Text(text) = body else { return Ok(None) };
    if text.len() <= LONG_BODY {
        return Ok(None);
    }
    let hash: String = Sha1::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
    std::fs::create_dir_all(bodies)?;
    let path = bodies.join(&hash);
    if !path.exists() {
        std::fs::write(&path, text)?;
    }
    let short = Body::TextFile(hash, text.len());
    let mut event = event.clone();
    match &mut event.what {
        What::Sent { frame } | What::Came { frame } | What::Late { frame } => frame.body = short,
        What::Http { body, .. } | What::Octets { octets: body, .. } => *body = short,
        _ => {}
    }
    Ok(Some(event))
}

/// The same event with its body taken back from its file.
///
/// # Errors
/// A file that is not there.
pub fn lengthen(mut event: Event, bodies: &Path) -> std::io::Result<Event> {
    let body = match &mut event.what {
        What::Sent { frame } | What::Came { frame } | What::Late { frame } => &mut frame.body,
        What::Http { body, .. } | What::Octets { octets: body, .. } => body,
        _ => return Ok(event),
    };
    if let Body::TextFile(hash, _) = body {
        let plain = hash.len() == 40 && hash.bytes().all(|b| b.is_ascii_hexdigit());
        if !plain {
            return Err(std::io::Error::other(format!("{hash:?} is no name of a body")));
        }
        let text = std::fs::read_to_string(bodies.join(&*hash))?;
        *body = Body::Text(text);
    }
    Ok(event)
}
