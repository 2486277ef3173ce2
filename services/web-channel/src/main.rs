//! The reference platform as a process of its own.

use std::process::ExitCode;

use web_channel::{Config, bind};

fn main() -> ExitCode {
    segue_runtime::main("web-channel", Config::SETTINGS, Config::read, async |config, parts| {
        Ok(bind(config, parts).await?.running)
    })
}
