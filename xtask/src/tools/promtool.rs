//! `promtool`, which checks and tests the alert rules. It is taken out of Debian's package of Prometheus, which is not
//! installed: that would start a server on every machine that runs the tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::debian::as_root;
use crate::process::{on_path, run_quietly, succeeds};
use crate::workspace::Workspace;

/// Takes it out of the package, unless it is there.
pub fn install(workspace: &Workspace) -> Result<()> {
    let folder = workspace.tools().join("prometheus");
    let program = folder.join("usr/bin/promtool");
    if works(&program) {
        return Ok(());
    }
    ensure!(
        on_path("apt-get"),
        "missing: promtool; there is no apt-get here, so put it at {}",
        program.display()
    );
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let download =
        || run_quietly(Command::new("apt-get").args(["download", "-qq", "prometheus"]).current_dir(&folder));
    // A fresh machine has no lists of packages yet, an old one outdated ones.
    if download().is_err() {
        run_quietly(as_root("apt-get")?.args(["update", "-qq"]))?;
        download().context("missing: the Debian package `prometheus`")?;
    }
    let package = package(&folder)?;
    run_quietly(Command::new("dpkg-deb").arg("-x").arg(&package).arg(&folder))?;
    fs::remove_file(&package).with_context(|| format!("cannot remove {}", package.display()))?;
    ensure!(works(&program), "missing: promtool, after unpacking the Debian package `prometheus`");
    Ok(())
}

fn works(program: &Path) -> bool {
    program.is_file() && succeeds(Command::new(program).arg("--version"))
}

fn package(folder: &Path) -> Result<PathBuf> {
    let files = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut packages = files.flatten().map(|file| file.path());
    let found = packages.find(|path| path.extension().is_some_and(|extension| extension == "deb"));
    found.context("apt-get has downloaded no package")
}
