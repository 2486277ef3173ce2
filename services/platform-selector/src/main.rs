//! The platform-selector as a process of its own.

use std::process::ExitCode;

use platform_selector::{Config, bind};

fn main() -> ExitCode {
    segue_runtime::main("platform-selector", Config::SETTINGS, Config::read, bind)
}
