//! Where reports go, besides `run.json`: `run` and `report` have the flags alike.
//!
//! It relies on the reports. What cannot be written is known before anything is run.

use std::path::{Path, PathBuf};

use super::{lang, say};
use crate::case::library::Library;
use crate::report::{Brief, RunInfo, github, html, junit, markdown, tap};

/// Reports that are asked for.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Outputs {
    /// Where the HTML report goes; `run` writes reports/latest/report.html.
    #[arg(long, value_name = "PATH")]
    html: Option<PathBuf>,
    /// Where the JUnit report goes; `run` writes reports/latest/junit.xml.
    #[arg(long, value_name = "PATH")]
    junit: Option<PathBuf>,
    /// Where a report in TAP 14 goes.
    #[arg(long, value_name = "PATH")]
    tap: Option<PathBuf>,
    /// Where a summary in Markdown goes, for a merge request or $GITHUB_STEP_SUMMARY.
    #[arg(long, value_name = "PATH")]
    markdown: Option<PathBuf>,
    /// Print annotations for GitHub, which shows them at the lines of the suites.
    #[arg(long)]
    github: bool,
}

impl Outputs {
    /// With the places where `run` leaves its reports, where no other ones are named.
    pub(super) fn or_latest(&self) -> Outputs {
        let latest = |named: &Option<PathBuf>, name: &str| {
            Some(named.clone().unwrap_or_else(|| Path::new("reports/latest").join(name)))
        };
        Outputs {
            html: latest(&self.html, "report.html"),
            junit: latest(&self.junit, "junit.xml"),
            ..self.clone()
        }
    }

    /// Whether none is asked for.
    pub(super) fn is_empty(&self) -> bool {
        self.paths().is_empty() && !self.github
    }

    /// The files that will be there.
    pub(super) fn paths(&self) -> Vec<&Path> {
        [&self.html, &self.junit, &self.tap, &self.markdown]
            .into_iter()
            .flatten()
            .map(PathBuf::as_path)
            .collect()
    }

    /// Makes the folders and the files, still empty.
    pub(super) fn prepare(&self) -> Result<(), String> {
        self.paths().into_iter().try_for_each(prepare)
    }

    /// Takes away what was prepared and never written: an empty one would be taken for a report.
    pub(super) fn discard(&self) {
        self.paths().into_iter().for_each(discard);
    }

    /// Writes them all.
    pub(super) fn write(&self, info: &RunInfo, briefs: &[Brief], library: &Library) -> Result<(), String> {
        let to = |path: &Option<PathBuf>, write: &dyn Fn(&Path) -> std::io::Result<()>| match path {
            Some(path) => write(path).map_err(|e| format!("cannot write {}: {e}", path.display())),
            None => Ok(()),
        };
        to(&self.junit, &|path| junit::write(path, info, briefs))?;
        to(&self.tap, &|path| tap::write(path, info, briefs))?;
        to(&self.markdown, &|path| markdown::write(path, info, briefs, &library.catalogue, lang()))?;
        to(&self.html, &|path| html::write(path, info, briefs, library, lang()))?;
        if self.github {
            github::annotations(briefs).iter().for_each(|line| say(line));
        }
        Ok(())
    }
}

/// Makes a file and its folder, so that what cannot be written is known at once.
pub(super) fn prepare(path: &Path) -> Result<(), String> {
    let bad = |path: &Path, e: std::io::Error| format!("cannot write to {}: {e}", path.display());
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|e| bad(folder, e))?;
    }
    std::fs::File::create(path).map(|_| ()).map_err(|e| bad(path, e))
}

/// Takes away a file that is still empty.
pub(super) fn discard(path: &Path) {
    if std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() == 0) {
        let _ = std::fs::remove_file(path);
    }
}
