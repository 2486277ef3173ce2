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
/// What a reader replaces by the digits that they were shown before.
const DIGITS: &str = "\"CODE\"";
/// What a call that is shown to be refused prints first, on its standard error.
const REFUSED: &str = "ERROR:";

#[tokio::test(flavor = "multi_thread")]
async fn every_command_does_what_is_shown() {
    let root = repository();
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut started = None;
    let mut digits = None;
    let mut run = 0;
    for mut block in blocks(&readme) {
        match block.command.as_str() {
            TEST_COMMAND => {
                let ci = std::fs::read_to_string(root.join(".ci/run")).unwrap();
                assert!(
                    ci.lines().any(|line| line.trim().ends_with(TEST_COMMAND)),
                    ".ci/run runs {TEST_COMMAND}"
                );
            }
            START_COMMAND => started = Some(start(&block, folder.path()).await),
            _ => {
                if block.command.contains(DIGITS) {
                    let digits = digits.as_ref().expect("digits were shown before");
                    block.command = block.command.replace(DIGITS, &format!("\"{digits}\""));
                }
                let printed = finish(&block, folder.path());
                digits = shown_digits(&printed).or(digits);
            }
        }
        run += 1;
    }
    assert!(run >= 8, "only {run} commands were found");
    let mut system = started.expect("the README starts the system");
    assert!(system.terminate().success(), "it ends well:\n{}", system.log());
}

#[test]
fn the_demonstration_starts_a_system_of_its_own_when_none_runs() {
    let command = "cargo run --release -- demo --own";
    let block = Block { command: command.to_owned(), shown: vec!["...".to_owned()] };
    drop(finish(&block, tempfile::tempdir().unwrap().path()));
}

async fn start(block: &Block, folder: &Path) -> Process {
    let system = Process::start(shell(&block.command, folder), folder, "segue");
    wait_for("the system to come up", || async { system.log().contains(IS_UP) }).await;
    shown::compare(&block.command, &block.shown, &system.log());
    system
}

/// Runs a command to its end and returns what it printed: what it was asked for, or why it was refused.
fn finish(block: &Block, folder: &Path) -> String {
    let output = shell(&block.command, folder).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    let is_refused = block.shown.first().is_some_and(|line| line == REFUSED);
    assert!(output.status.success() != is_refused, "{}\n{printed}\n{complaints}", block.command);
    let printed = if is_refused { complaints } else { printed };
    shown::compare(&block.command, &block.shown, &printed);
    printed
}

/// The code as digits, where an answer holds one.
fn shown_digits(printed: &str) -> Option<String> {
    let (_, face) = printed.split_once("\"kind\": \"FACE_DIGITS\"")?;
    let (_, display) = face.split_once("\"display\": \"")?;
    Some(display.split('"').next()?.to_owned())
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
