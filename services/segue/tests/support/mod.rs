//! A selector, and the program `segue` beside it.

use std::process::{Command, Output, Stdio};

use platform_selector::{AdapterSettings, Config, History, bind};
use segue_core::{Key, KeyRing, Random};
use segue_runtime::{Parts, Running, ServerConfig, Stop};
use segue_store::Settings;

pub struct Selector {
    pub running: Running,
    stop: Stop,
    pub folder: tempfile::TempDir,
}

impl Selector {
    pub async fn start() -> Self {
        let config = Config {
            server: ServerConfig::loopback(0),
            database: Settings::of_url("sqlite::memory:"),
            region: None,
            directory_keys: KeyRing::new(Key::generate(&Random::secure()), None),
            adapters: AdapterSettings::default(),
            history: History::default(),
        };
        let stop = Stop::new();
        let running = bind(config, Parts::real(stop.clone())).await.unwrap();
        Self { running, stop, folder: tempfile::tempdir().unwrap() }
    }

    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Runs the program without a terminal.
    pub async fn segue(&self, arguments: &[&str]) -> Said {
        self.segue_with(arguments, Stdio::null()).await
    }

    /// Runs the program with something on its standard input.
    pub async fn segue_with(&self, arguments: &[&str], input: impl Into<Stdio>) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_segue"));
        command.args(arguments).env("SEGUE_SELECTOR_URI", self.running.uri()).stdin(input);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        Said::from(output)
    }

    pub async fn end(self) {
        self.stop.now();
        self.running.stopped().await.unwrap();
    }
}

#[derive(Debug)]
pub struct Said {
    pub well: bool,
    pub out: String,
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { well: output.status.success(), out: text(output.stdout), err: text(output.stderr) }
    }
}
