//! `segue`: the whole system in one process.

use std::process::ExitCode;

fn main() -> ExitCode {
    segue::cli::main()
}
