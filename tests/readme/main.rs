//! Runs every command of the README as it is written there, and compares what it prints with what is shown.

mod blocks;
mod shown;

use std::{path::Path, process::Command};

use blocks::{Block, blocks};
use segue_testkit::{Process, repository, wait_for};

/// Runs the tests, this one among them; so here only that CI runs the very same is looked at.
const TEST_COMMAND: &str = "cargo xtask test";
/// Goes on until it's stopped; the commands after it need it.
const START_COMMAND: &str = "cargo run --release";
const IS_UP: &str = "Segue is up.";

#[tokio::test(flavor = "multi_thread")]
async fn every_command_does_what_is_shown() {
    let root = repository();
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut started = None;
    let mut run = 0;
    for block in blocks(&readme) {
        match block.command.as_str() {
            TEST_COMMAND => {
                let ci = std::fs::read_to_string(root.join(".ci/run")).unwrap();
                assert!(
                    ci.lines().any(|line| line.trim().ends_with(TEST_COMMAND)),
                    ".ci/run runs {TEST_COMMAND}"
                );
            }
            START_COMMAND => started = Some(start(&block, folder.path()).await),
            _ => finish(&block, folder.path()),
        }
        run += 1;
    }
    assert!(run >= 6, "only {run} commands were found");
    let mut system = started.expect("the README starts the system");
    assert!(system.terminate().success(), "it ends well:\n{}", system.log());
}

#[test]
fn the_demonstration_starts_a_system_of_its_own_when_none_runs() {
    let command = "cargo run --release -- demo --own";
    let block = Block { command: command.to_owned(), shown: vec!["...".to_owned()] };
    finish(&block, tempfile::tempdir().unwrap().path());
}

async fn start(block: &Block, folder: &Path) -> Process {
    let system = Process::start(shell(&block.command, folder), folder, "segue");
    wait_for("the system to come up", || async { system.log().contains(IS_UP) }).await;
    shown::compare(&block.command, &block.shown, &system.log());
    system
}

fn finish(block: &Block, folder: &Path) {
    let output = shell(&block.command, folder).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{printed}\n{complaints}", block.command);
    shown::compare(&block.command, &block.shown, &printed);
}

/// As a person types it at the repository's root, but with data in a folder of the test's.
fn shell(command: &str, folder: &Path) -> Command {
    let tools = segue_tests::tools().join("venv/bin");
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("bash");
    // `exec` lets a signal to the shell reach the command.
    shell.arg("-c").arg(format!("exec {command}")).current_dir(repository());
    shell.env("PATH", path).env("SEGUE_DATA_DIR", folder.join("data"));
    shell
}
