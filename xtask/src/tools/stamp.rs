//! Knowing that a folder already holds what was asked for.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// A file written last into an installed folder. It holds what the installation was made from, so an interrupted
/// one has no stamp and one made from other pins has another.
pub struct Stamp {
    path: PathBuf,
    content: String,
}

impl Stamp {
    /// The stamp of `folder` when made from `pins`. The folder's own path belongs to it, because a Python
    /// environment that was moved no longer starts.
    pub fn new(folder: &Path, pins: &Path) -> Result<Self> {
        let pins = fs::read_to_string(pins).with_context(|| format!("cannot read {}", pins.display()))?;
        let content = format!("{}\n{pins}", folder.display());
        Ok(Self { path: folder.join(".segue-stamp"), content })
    }

    /// Whether the folder is complete and made from these pins.
    pub fn is_current(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|found| found == self.content)
    }

    /// Declares the folder complete.
    pub fn write(&self) -> Result<()> {
        fs::write(&self.path, &self.content).with_context(|| format!("cannot write {}", self.path.display()))
    }
}
