//! priority-router as a process of its own.

use std::process::ExitCode;

use priority_router::{Config, bind};

fn main() -> ExitCode {
    segue_runtime::main("priority-router", Config::SETTINGS, Config::read, bind)
}
