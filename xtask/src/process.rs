//! Running other programs, with errors that name the program and what it was asked to do.

use std::path::Path;
use std::{
    process::{Command, Stdio},
    thread::{self, JoinHandle},
};

use anyhow::{Context as _, Result, anyhow, bail};

/// How many of the last lines of a silent program are shown when it fails.
const TAIL_LINES: usize = 30;

/// Runs a program whose output goes to the terminal.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", shown(command));
    }
    Ok(())
}

/// A program that runs beside the others, and says nothing until it's waited for.
pub struct Background {
    running: JoinHandle<Result<()>>,
}

impl Background {
    /// Starts it.
    pub fn start(mut command: Command) -> Self {
        Self { running: thread::spawn(move || run_quietly(&mut command)) }
    }

    /// Waits for its end.
    pub fn finish(self) -> Result<()> {
        self.running.join().map_err(|_| anyhow!("the thread that waits for a program panicked"))?
    }
}

/// Runs an installer without its chatter: its last lines are shown only when it fails.
pub fn run_quietly(command: &mut Command) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !output.status.success() {
        let text =
            [output.stdout, output.stderr].map(|part| String::from_utf8_lossy(&part).into_owned()).concat();
        bail!("`{}` ended with {}:\n{}", shown(command), output.status, tail(&text));
    }
    Ok(())
}

/// Whether a program can be started and succeeds, saying nothing either way.
pub fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Whether a program of this name is on the `PATH`.
pub fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| is_file(&folder.join(program)))
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file())
}

fn shown(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named() {
        let error = run(Command::new("no-such-program-here").arg("--now")).unwrap_err();
        assert!(error.to_string().contains("no-such-program-here --now"), "{error:#}");
        assert!(!on_path("no-such-program-here"));
        assert!(on_path("sh"));
    }

    #[test]
    fn a_program_in_the_background_tells_how_it_ended() {
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            Background::start(command)
        };
        let (good, bad) = (shell("true"), shell("echo broken; exit 4"));
        assert!(bad.finish().unwrap_err().to_string().ends_with("broken"));
        good.finish().unwrap();
    }

    #[test]
    fn a_quiet_program_that_fails_shows_its_last_lines() {
        let error = run_quietly(Command::new("sh").args(["-c", "seq 40; exit 3"])).unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.ends_with("\n40"), "{error}");
        assert!(error.contains("\n11\n") && !error.contains("\n10\n"), "{error}");
    }
}
