//! Where things are in this checkout, and how commands are started in it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

/// One checkout of the repository.
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The checkout that `cargo xtask` was called in. Asked at run time, because a target folder shared by two
    /// checkouts would hand the second one a path of the first.
    pub fn locate() -> Result<Self> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
        let root = Path::new(&manifest).parent().context("xtask must lie in the workspace's folder")?;
        Ok(Self { root: root.to_owned() })
    }

    /// A path inside the checkout.
    pub fn path(&self, inside: impl AsRef<Path>) -> PathBuf {
        self.root.join(inside)
    }

    /// The git-ignored folder that tools are installed into; tests know it as `SEGUE_TOOLS`.
    pub fn tools(&self) -> PathBuf {
        self.path(".tools")
    }

    /// The Python environment that holds `buf`, `grpcurl` and others.
    pub fn venv(&self) -> PathBuf {
        self.tools().join("venv")
    }

    /// A program started at the root, with the installed tools first on its `PATH`.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Result<Command> {
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.venv().join("bin")).chain(std::env::split_paths(&inherited));
        let path = std::env::join_paths(folders).context("the checkout's path can't stand in PATH")?;
        let mut command = Command::new(program);
        command.current_dir(&self.root).env("PATH", path).env("SEGUE_TOOLS", self.tools());
        Ok(command)
    }

    /// The cargo that started this tool.
    pub fn cargo(&self, args: &[&str]) -> Result<Command> {
        let mut command = self.command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))?;
        command.args(args);
        Ok(command)
    }
}
