//! Runs the simulation (docs/simulation.md), also with bugs that are planted on purpose.
//!
//! A planted bug is a patch in `crates/sim/bugs`, with a line before it that says what is wrong. It is applied in a worktree of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{process, workspace::Workspace};

/// How many seeds a planted bug may survive.
const MOST_SEEDS: u64 = 2_000;
const FULL_SEEDS: &str = "1..3000";
const BUGS: &str = "crates/sim/bugs";

/// Runs the simulation with these arguments, or hunts planted bugs: all, or those whose name contains a word.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    match arguments {
        [bugs] if bugs == "--bugs" => hunt(workspace, ""),
        [bugs, word] if bugs == "--bugs" => hunt(workspace, word),
        arguments => {
            let mut command = workspace.command("cargo")?;
            command.args(["run", "--quiet", "--release", "--package", "segue-sim", "--"]).args(arguments);
            process::run(&mut command)
        }
    }
}

/// As many seeds as `cargo xtask test --full` runs.
pub fn seeds(workspace: &Workspace) -> Result<()> {
    run(workspace, &["--seeds".to_owned(), FULL_SEEDS.to_owned()])
}

fn hunt(workspace: &Workspace, word: &str) -> Result<()> {
    let tree = workspace.path("target/bugs/tree");
    let mut missed = vec![];
    for patch in patches(&workspace.path(BUGS))? {
        let name = patch.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if !name.contains(word) {
            continue;
        }
        let found = planted(workspace, &tree, &patch).with_context(|| format!("planting {name}"))?;
        println!("{name}: {found}");
        if !found.starts_with("found") {
            missed.push(name);
        }
    }
    if missed.is_empty() { Ok(()) } else { bail!("not found: {}", missed.join(", ")) }
}

/// Plants a bug in a copy of what is committed, and says after how many seeds it was found.
fn planted(workspace: &Workspace, tree: &Path, patch: &Path) -> Result<String> {
    if !tree.exists() {
        let mut add = workspace.command("git")?;
        add.args(["worktree", "add", "--detach"]).arg(tree).arg("HEAD");
        process::run(&mut add)?;
    }
    let git = |arguments: &[&str]| -> Result<()> {
        let mut git = workspace.command("git")?;
        git.current_dir(tree).args(arguments);
        process::run(&mut git)
    };
    let head = text_of(workspace.command("git")?.args(["rev-parse", "HEAD"]))?;
    git(&["checkout", "--quiet", "--force", "--detach", head.trim()])?;
    git(&["apply", &patch.to_string_lossy()])?;
    let mut build = workspace.command("cargo")?;
    build.current_dir(tree).env("CARGO_TARGET_DIR", workspace.path("target/bugs/target"));
    // Each bug is built anew, which this profile does faster.
    build.args(["build", "--quiet", "--profile", "sim", "--package", "segue-sim"]);
    process::run(&mut build)?;
    let mut hunting = Command::new(workspace.path("target/bugs/target/sim/segue-sim"));
    hunting.current_dir(tree).args(["--hunt", &format!("1..{MOST_SEEDS}")]);
    let found = text_of(&mut hunting)?;
    git(&["checkout", "--quiet", "--force", "."])?;
    Ok(found.trim().to_owned())
}

fn patches(folder: &Path) -> Result<Vec<PathBuf>> {
    let files = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut patches: Vec<PathBuf> = files.map(|file| Ok(file?.path())).collect::<Result<_>>()?;
    patches.retain(|path| path.extension().is_some_and(|extension| extension == "patch"));
    patches.sort();
    Ok(patches)
}

/// What a program prints, however it ends: hunting ends with a failure when it finds something.
fn text_of(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("starting {}", command.get_program().display()))?;
    String::from_utf8(output.stdout).context("not UTF-8")
}
