//! What the browser tests drive Chromium with, pinned in `tests/browser/package-lock.json`.
//!
//! To change a version, edit `package.json` there and run, in that folder,
//! `npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved`: the last option keeps
//! the address of whichever registry answered out of the lock file.

use anyhow::{Context as _, Result};

use super::stamp::Stamp;
use crate::process::run_quietly;
use crate::workspace::Workspace;

/// Makes `tests/browser/node_modules` what the lock file says.
pub fn install(workspace: &Workspace) -> Result<()> {
    let folder = workspace.path("tests/browser");
    let stamp = Stamp::new(&folder.join("node_modules"), &folder.join("package-lock.json"))?;
    if stamp.is_current() {
        return Ok(());
    }
    // No scripts: the browser is Debian's, so nothing may fetch one of its own. A Node.js that is too old for a
    // package fails here (`--engine-strict`) rather than in a test.
    let options = ["ci", "--ignore-scripts", "--engine-strict", "--no-audit", "--no-fund"];
    run_quietly(workspace.command("npm")?.args(options).current_dir(&folder))
        .context("missing: the npm packages of tests/browser/package-lock.json")?;
    stamp.write()
}
