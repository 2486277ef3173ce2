//! What a person sees of an import, in a real terminal.

use std::{
    path::Path,
    process::{Command, Output},
};

use segue_proto::selector::v1::{CreatePlatformRequest, Platform};
use segue_testkit::{Databases, Process, Storage, free_port, request_id, wait_for};

use crate::import::{Service, key, write_rows};

const ROWS: usize = 5_000;

/// A terminal with a server of its own, which ends with it.
struct Terminal {
    socket: String,
}

impl Terminal {
    fn start(folder: &Path) -> Self {
        let terminal = Self { socket: folder.join("tmux").display().to_string() };
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "150", "-y", "30", "sh"]);
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        let output = Command::new("tmux").arg("-S").arg(&self.socket).args(arguments).output().unwrap();
        assert!(output.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    fn enter(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]);
        self.tmux(&["send-keys", "Enter"]);
    }

    fn shows(&self) -> String {
        String::from_utf8(self.tmux(&["capture-pane", "-p"]).stdout).unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(Command::new("tmux").arg("-S").arg(&self.socket).arg("kill-server").output());
    }
}

/// How many rows of all the bar says are done.
fn done(screen: &str) -> Option<usize> {
    let (before, _) = screen.split_once("/5,000 rows")?;
    before.split_whitespace().last()?.replace(',', "").parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_shows_how_far_it_is() {
    let databases = Databases::start(Storage::SqliteFile);
    let folder = databases.directory();
    let csv = folder.join("accounts.csv");
    write_rows(&csv, ROWS);
    let port = free_port();
    let service = Service { url: databases.create(), key: key(), port, folder };
    let mut started = service.clone().start().await;
    let platform = Platform { id: "app".to_owned(), ..Platform::default() };
    let request = CreatePlatformRequest { request_id: request_id(), platform: Some(platform) };
    started.client.create_platform(request).await.unwrap();
    started.process.kill();

    let terminal = Terminal::start(folder);
    let segue = Process::binary("segue").get_program().to_string_lossy().into_owned();
    let (refused, file) = (folder.join("refused.csv"), csv.display());
    terminal.enter(&format!(
        "{segue} accounts import --selector http://127.0.0.1:{port} --refused {} {file}; echo ended with $?",
        refused.display()
    ));
    wait_for("the importer to say that it waits", || async {
        let screen = terminal.shows();
        done(&screen) == Some(0) && screen.contains("waiting for the service")
    })
    .await;
    let mut started = service.start().await;
    wait_for("the bar to move", || async {
        done(&terminal.shows()).is_some_and(|rows| rows > 0 && rows < ROWS)
    })
    .await;
    wait_for("the end", || async { terminal.shows().contains("ended with 0") }).await;
    let screen = terminal.shows();
    assert!(screen.contains("5000 rows: 5000 written, 0 unchanged, 0 skipped, 0 refused"), "{screen}");
    assert_eq!(done(&screen), None, "the bar is gone: {screen}");
    started.process.kill();
}
