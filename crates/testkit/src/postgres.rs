use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use tempfile::TempDir;

use crate::{free_port, process::Process};

/// A PostgreSQL server of the test's own, on a free port of the loopback interface.
#[derive(Debug)]
pub struct Postgres {
    directory: TempDir,
    port: u16,
    server: Process,
    databases: AtomicU32,
}

impl Postgres {
    /// Makes a cluster and starts it. Commits are flushed as in production.
    pub fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("segue-postgres-").tempdir().unwrap();
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(directory.path()));
        }
        let data = directory.path().join("data");
        run(tool("initdb")
            .args(["--no-sync", "--auth=trust", "--username=segue", "--encoding=UTF8", "--locale=C"])
            .arg(&data));
        let port = free_port();
        let server = serve(directory.path(), port);
        let this = Self { directory, port, server, databases: AtomicU32::new(0) };
        this.wait_until_ready();
        this
    }

    /// Makes a database and returns its URL.
    pub fn database(&self) -> String {
        let name = format!("segue_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        run(tool("createdb")
            .args(["-h", "127.0.0.1", "-U", "segue", "-p"])
            .arg(self.port.to_string())
            .arg(&name));
        format!("postgres://segue@127.0.0.1:{}/{name}", self.port)
    }

    /// Ends the server as a crash does: no clean-up, no checkpoint.
    pub fn crash(&mut self) {
        run(tool("pg_ctl")
            .args(["stop", "-m", "immediate", "-w", "-D"])
            .arg(self.directory.path().join("data")));
        self.server.kill();
    }

    /// Starts it again on the same port with the same data.
    pub fn restart(&mut self) {
        self.server = serve(self.directory.path(), self.port);
        self.wait_until_ready();
    }

    fn wait_until_ready(&self) {
        let deadline = std::time::Instant::now() + crate::WAIT;
        loop {
            let status = tool("pg_isready")
                .args(["-q", "-h", "127.0.0.1", "-d", "postgres", "-U", "segue", "-p"])
                .arg(self.port.to_string())
                .status();
            if status.is_ok_and(|status| status.success()) {
                return;
            }
            assert!(
                std::time::Instant::now() < deadline,
                "PostgreSQL does not start:\n{}",
                self.server.log()
            );
            std::thread::park_timeout(std::time::Duration::from_millis(20));
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The children of the server end with it only when it's told; killing it would leave them.
        let mut stop = tool("pg_ctl");
        stop.args(["stop", "-m", "immediate", "-w", "-D"]).arg(self.directory.path().join("data"));
        drop(stop.stdout(Stdio::null()).stderr(Stdio::null()).status());
        if is_root() {
            drop(Command::new("chown").args(["-R", "root"]).arg(self.directory.path()).status());
        }
    }
}

fn serve(directory: &Path, port: u16) -> Process {
    let mut command = tool("postgres");
    command
        .arg("-D")
        .arg(directory.join("data"))
        .arg("-k")
        .arg(directory.join("data"))
        .arg("-p")
        .arg(port.to_string());
    command.args(["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"]);
    Process::start(command, directory, "postgres")
}

/// PostgreSQL refuses to run as root, so there it runs as the user that its package makes.
fn tool(name: &str) -> Command {
    let program = programs().join(name);
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program).current_dir("/");
    command
}

fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is missing: cargo xtask tools");
    let newest = versions
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").exists())
        .max();
    newest.expect("PostgreSQL's server is missing: cargo xtask tools")
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
