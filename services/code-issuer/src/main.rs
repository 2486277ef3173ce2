//! The code-issuer service.

use std::process::ExitCode;

use code_issuer::{Config, bind};

fn main() -> ExitCode {
    segue_runtime::main("code-issuer", Config::SETTINGS, Config::read, bind)
}
