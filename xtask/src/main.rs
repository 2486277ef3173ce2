//! The project's own tool: installs what the tests need, checks, and tests. Run it as `cargo xtask help`.
//!
//! To add a check, add a step to `lint.rs`; to add a tool, add it to the list of its installer in `tools/`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to its terminal")]

mod bench;
mod campaign;
mod lint;
mod mutants;
mod process;
mod simulate;
mod steps;
mod test;
mod tools;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};
use bench::Mode;
use steps::Steps;
use test::Size;
use workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  tools         install what the tests need (into .tools/, and Debian packages); fast when all is there
  lint          tools, then formatting, protobuf rules, dependencies and clippy, every warning an error
  test          tools, lint, build every program, run the tests: what CI runs
  test --full   the same, and the tests that are too slow for CI
  test ARGS...  the quick loop: hand ARGS to the test runner (a name, `-p PACKAGE`, ...), without the lint
                and the documentation tests
  mutants [WORD]  break the rules of routing's core one at a time, or those whose rule contains WORD, and see that its
                test notices each (about a quarter of an hour)
  simulate --seeds A..B   run the whole mesh in virtual time, from these seeds
  simulate --seed N [--without f1,c2]   run one seed again, and tell its story
  simulate --bugs [WORD]  plant each bug of crates/sim/bugs, or those whose name contains WORD, and count the seeds that find it
  bench         build with optimisation, measure Segue beside a bare server and other systems, and write docs/performance.md
                (less than 15 minutes after the build)
  bench --quick   see in less than two minutes that the benchmark works; its figures say nothing
  bench --render  write docs/performance.md again, from what was measured last
  campaign --redemptions N  whole handoffs on PostgreSQL while services and database are killed, paused and cut off every few
                seconds; nothing may be lost or done twice. It goes on where it stopped (target/campaign; delete it to begin anew)
  help          print this
";

fn main() -> ExitCode {
    let args: Result<Vec<String>, _> = std::env::args_os().skip(1).map(OsString::into_string).collect();
    let mut steps = Steps::default();
    let outcome = match args {
        Ok(args) => dispatch(&args, &mut steps),
        Err(argument) => Err(anyhow!("{} is not UTF-8", argument.display())),
    };
    steps.print_summary();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[String], steps: &mut Steps) -> Result<()> {
    let Some((command, rest)) = args.split_first() else {
        print!("{USAGE}");
        bail!("no command given");
    };
    match (command.as_str(), rest) {
        ("help" | "--help" | "-h", _) => print!("{USAGE}"),
        ("tools", []) => tools::install(&Workspace::locate()?, steps)?,
        ("lint", []) => {
            let workspace = Workspace::locate()?;
            tools::install(&workspace, steps)?;
            lint::run_all(&workspace, steps)?;
        }
        ("test", []) => test::run_all(&Workspace::locate()?, Size::Ci, steps)?,
        ("test", [full]) if full == "--full" => test::run_all(&Workspace::locate()?, Size::Full, steps)?,
        ("test", filter) => test::run_some(&Workspace::locate()?, filter, steps)?,
        ("bench", arguments) => bench::run_all(&Workspace::locate()?, Mode::parse(arguments)?, steps)?,
        ("simulate", arguments) => simulate::run(&Workspace::locate()?, arguments)?,
        ("campaign", arguments) => {
            let redemptions = campaign::redemptions(arguments)?;
            campaign::run_all(&Workspace::locate()?, redemptions, steps)?;
        }
        ("mutants", []) => mutants::run(&Workspace::locate()?, None)?,
        ("mutants", [word]) => mutants::run(&Workspace::locate()?, Some(word))?,
        ("tools" | "lint" | "mutants", [extra, ..]) => {
            bail!("`{command}` takes no more arguments, got `{extra}`")
        }
        (unknown, _) => bail!("no command `{unknown}`; `cargo xtask help` lists them"),
    }
    Ok(())
}
