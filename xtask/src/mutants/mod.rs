//! Breaks the rules of routing's core one at a time, and expects its test to notice each. The sources are copied into a
//! package of their own in the target folder, where they build in seconds and nobody else sees them broken.
//!
//! To add a mutant, add it to a file of `list/`. A text that no longer stands exactly once in its file is an error, here and in this
//! package's tests, so that no mutant is lost when the code changes.

mod list;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use list::Mutant;

use crate::{process, workspace::Workspace};

/// How many random sequences a mutant has to survive.
const SEQUENCES: &str = "60000";
/// What `timeout` answers when it ended the program.
const TIMED_OUT: i32 = 124;
/// What is copied of the service.
const COPIED: [&str; 3] = [RULES, "tests/core", "tests/model"];
/// Where the rules are in it.
const RULES: &str = "src/domain";

/// Makes each mutant, or those whose rule contains a word, and reports who survives.
pub fn run(workspace: &Workspace, word: Option<&str>) -> Result<()> {
    let package = Package::create(workspace)?;
    for mutant in list::all() {
        mutant.applied(&package.folder.join(RULES))?;
    }
    package.check_unbroken()?;
    let wanted = list::all().filter(|mutant| word.is_none_or(|word| mutant.rule.contains(word)));
    let mut missed = vec![];
    let mut made = 0;
    for mutant in wanted {
        let verdict = match package.catches(mutant) {
            Ok(Some(0)) => "SURVIVED".to_owned(),
            Ok(Some(TIMED_OUT)) => "caught: the test does not end".to_owned(),
            Ok(_) => "caught".to_owned(),
            Err(error) => format!("FAILED {error:#}"),
        };
        println!("{}: {}: {verdict}", mutant.file, mutant.rule);
        made += 1;
        if !verdict.starts_with("caught") {
            missed.push(mutant.rule);
        }
    }
    println!("{made} mutants, {} not noticed", missed.len());
    if missed.is_empty() { Ok(()) } else { bail!("not noticed: {}", missed.join("; ")) }
}

impl Mutant {
    /// Its file, what stands there, and what stands there when the rule is broken.
    fn applied(&self, rules: &Path) -> Result<(PathBuf, String, String)> {
        let path = rules.join(self.file);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if text.matches(self.from).count() != 1 {
            bail!("`{}` stands not exactly once in {}: {}", self.from, self.file, self.rule);
        }
        let broken = text.replace(self.from, self.to);
        Ok((path, text, broken))
    }
}

struct Package {
    folder: PathBuf,
}

impl Package {
    fn create(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.path("target/mutants");
        let service = workspace.path("services/priority-router");
        for inside in COPIED {
            let to = folder.join(inside);
            if to.exists() {
                fs::remove_dir_all(&to).with_context(|| format!("cannot remove {}", to.display()))?;
            }
            copy(&service.join(inside), &to)?;
        }
        let core = workspace.path("crates/core");
        write(&folder.join("Cargo.toml"), &MANIFEST.replace("CORE", &core.display().to_string()))?;
        write(&folder.join("src/lib.rs"), LIB)?;
        fs::copy(workspace.path("Cargo.lock"), folder.join("Cargo.lock"))
            .context("cannot copy Cargo.lock")?;
        Ok(Self { folder })
    }

    fn check_unbroken(&self) -> Result<()> {
        process::run_quietly(&mut self.test()).context("the test fails without a mutant")
    }

    /// How the test ends with the mutant.
    fn catches(&self, mutant: &Mutant) -> Result<Option<i32>> {
        let (path, text, broken) = mutant.applied(&self.folder.join(RULES))?;
        write(&path, &broken)?;
        let built = process::run_quietly(self.cargo().args(["--no-run"]));
        let status = built.is_ok().then(|| self.limited().output());
        write(&path, &text)?;
        built.with_context(|| format!("the mutant does not compile: {}", mutant.rule))?;
        Ok(status.transpose().context("cannot start the test")?.and_then(|output| output.status.code()))
    }

    fn test(&self) -> Command {
        let mut command = self.cargo();
        command.env("CORE_SEQUENCES", SEQUENCES);
        command
    }

    /// A mutant may never end.
    fn limited(&self) -> Command {
        let mut command = Command::new("timeout");
        command.arg("120").arg(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())).args(ARGUMENTS);
        command.current_dir(&self.folder).env("CORE_SEQUENCES", SEQUENCES).env("RUST_BACKTRACE", "0");
        command
    }

    fn cargo(&self) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(ARGUMENTS).current_dir(&self.folder).env("RUST_BACKTRACE", "0");
        command
    }
}

const ARGUMENTS: [&str; 3] = ["test", "--test", "core"];

const MANIFEST: &str = r#"[package]
name = "priority-router"
version = "0.1.0"
edition = "2024"
[dependencies]
segue-core = { path = "CORE" }
thiserror = "2"
serde = { version = "1", features = ["derive", "rc"] }
[profile.dev]
debug = false
opt-level = 1
[workspace]
"#;

const LIB: &str = "#[expect(dead_code, unused_imports, reason = \"the rest of the service is not here\")]
pub mod domain;
pub use domain::Rules;
";

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).with_context(|| format!("cannot write {}", target.display()))?;
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mutant_applies_to_the_present_text() {
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../services/priority-router").join(RULES);
        for mutant in list::all() {
            mutant.applied(&rules).unwrap();
        }
    }
}
