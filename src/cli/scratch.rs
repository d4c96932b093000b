//! A folder for what is needed while a command runs.
//!
//! It relies on the system's folder for such things. It is gone with the command, however that ends.

use std::path::{Path, PathBuf};

/// The folder.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// A new one, for this process and purpose.
    pub(super) fn new(purpose: &str) -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("stompliance-{purpose}-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|e| format!("cannot write to {}: {e}", path.display()))?;
        Ok(Scratch(path))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
