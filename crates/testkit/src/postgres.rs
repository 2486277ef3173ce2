use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    free_port,
    process::{Process, children, kill_all, send_all},
};

/// A PostgreSQL server of the test's own, on a free port of the loopback interface.
#[derive(Debug)]
pub struct Postgres {
    directory: TempDir,
    port: u16,
    settings: Vec<String>,
    server: Process,
}

impl Postgres {
    /// Makes a cluster and starts it. Commits are flushed as in production.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same, with settings of the server, as `NAME=VALUE`.
    pub fn start_with(settings: &[&str]) -> Self {
        Self::start_under(&std::env::temp_dir(), settings)
    }

    /// The same, with its data in a folder inside another one.
    pub fn start_under(folder: &Path, settings: &[&str]) -> Self {
        let directory = unprivileged_folder(folder);
        make_cluster(directory.path());
        Self::serve(directory, settings.iter().map(|setting| (*setting).to_owned()).collect())
    }

    /// Starts a standby of this server, with a copy of all that it has. It follows by what listens on a port: this server's own,
    /// or that of a proxy before it. It is asynchronous: this server does not wait for it.
    pub fn standby(&self, port: u16) -> Self {
        let directory = unprivileged_folder(&std::env::temp_dir());
        run(tool("pg_basebackup")
            .args(["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"])
            .args(["-h", "127.0.0.1", "-U", "segue", "-p"])
            .arg(port.to_string())
            .arg("-D")
            .arg(directory.path().join("data")));
        Self::serve(directory, vec![])
    }

    fn serve(directory: TempDir, settings: Vec<String>) -> Self {
        let port = free_port();
        let server = serve(directory.path(), port, &settings);
        let this = Self { directory, port, settings, server };
        this.wait_until_ready();
        this
    }

    /// Where one of its programs is, if it is there.
    pub fn program(name: &str) -> PathBuf {
        programs().join(name)
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// What the installed server calls itself.
    pub fn version() -> String {
        run(tool("postgres").arg("--version")).trim().to_owned()
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a database as it is reached by a port: this server's own, or that of a proxy before it.
    pub fn url(name: &str, port: u16) -> String {
        format!("postgres://segue@127.0.0.1:{port}/{name}")
    }

    /// Runs statements in the database `postgres` and answers what they found, as text.
    pub fn sql(&self, statements: &str) -> String {
        Self::sql_at(self.port, statements)
    }

    /// The same on a server that is reached by a port.
    pub fn sql_at(port: u16, statements: &str) -> String {
        let mut psql = tool("psql");
        psql.args([
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            "127.0.0.1",
            "-U",
            "segue",
            "-d",
            "postgres",
            "-p",
        ])
        .arg(port.to_string())
        .args(["-c", statements]);
        run(&mut psql).trim().to_owned()
    }

    /// Takes no writes from now on, on the connections that are open either.
    pub fn make_read_only(&self) {
        self.sql("ALTER SYSTEM SET default_transaction_read_only = on");
        self.sql("SELECT pg_reload_conf()");
    }

    /// Whether a standby has all that this server has.
    pub fn is_followed_by(&self, standby: &Self) -> bool {
        let written = self.sql("SELECT pg_current_wal_lsn()");
        standby.sql(&format!("SELECT COALESCE(pg_last_wal_replay_lsn() >= '{written}', false)")) == "t"
    }

    /// Makes a standby the one that takes writes.
    pub fn promote(&self) {
        run(tool("pg_ctl").args(["promote", "-w", "-D"]).arg(self.directory.path().join("data")));
    }

    /// Makes a database and returns its URL.
    pub fn database(&self) -> String {
        make_database(self.port)
    }

    /// Ends the server as a crash does: no clean-up, no checkpoint.
    pub fn crash(&mut self) {
        run(tool("pg_ctl")
            .args(["stop", "-m", "immediate", "-w", "-D"])
            .arg(self.directory.path().join("data")));
        self.server.kill();
    }

    /// Ends all its processes at once, as `kill -9` does and a host that dies.
    pub fn kill(&mut self) {
        let children = children(self.server.id());
        self.server.kill();
        kill_all(&children);
    }

    /// The same for a server that something else has started, if it runs.
    pub fn kill_at(data: &Path) {
        let Ok(file) = fs::read_to_string(data.join("postmaster.pid")) else { return };
        let Some(server) = file.lines().next().and_then(|line| line.parse().ok()) else { return };
        let mut all = vec![server];
        all.extend(children(server));
        kill_all(&all);
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.server.ended().is_some()
    }

    /// Stops all its processes where they stand: its connections stay open, and it does nothing until it is resumed.
    pub fn pause(&self) {
        // First the one that starts others.
        self.server.pause();
        send_all("STOP", &children(self.server.id()));
    }

    /// Lets it go on after a pause.
    pub fn resume(&self) {
        send_all("CONT", &children(self.server.id()));
        self.server.resume();
    }

    /// Starts it again on the same port with the same data.
    pub fn restart(&mut self) {
        self.server = serve(self.directory.path(), self.port, &self.settings);
        self.wait_until_ready();
    }

    fn wait_until_ready(&self) {
        wait_until_ready(self.port, || self.server.log());
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

/// A folder inside another one, that a program of [`unprivileged`] may write to.
pub fn unprivileged_folder(parent: &Path) -> TempDir {
    let directory = tempfile::Builder::new().prefix("segue-postgres-").tempdir_in(parent).unwrap();
    if is_root() {
        run(Command::new("chown").arg("postgres").arg(directory.path()));
    }
    directory
}

fn serve(directory: &Path, port: u16, settings: &[String]) -> Process {
    Process::start(server(directory, port, settings), directory, "postgres")
}

/// Makes a cluster in the folder `data` of a folder.
pub fn make_cluster(directory: &Path) {
    if is_root() {
        run(Command::new("chown").arg("postgres").arg(directory));
    }
    run(tool("initdb")
        .args(["--no-sync", "--auth=trust", "--username=segue", "--encoding=UTF8", "--locale=C"])
        .arg(directory.join("data")));
}

/// The server of such a cluster. Of a setting that comes twice the later one counts.
pub fn server(directory: &Path, port: u16, settings: &[impl AsRef<str>]) -> Command {
    let data = directory.join("data");
    let mut command = tool("postgres");
    command.arg("-D").arg(&data).arg("-k").arg(&data).arg("-p").arg(port.to_string());
    command.args(["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"]);
    command.args(settings.iter().flat_map(|setting| ["-c", setting.as_ref()]));
    command
}

/// Makes a database on the server of a port, and returns its URL.
pub fn make_database(port: u16) -> String {
    // Tests in several processes make databases on one server.
    let name = format!("segue_{}", crate::request_id().replace('-', ""));
    run(tool("createdb").args(["-h", "127.0.0.1", "-U", "segue", "-p"]).arg(port.to_string()).arg(&name));
    Postgres::url(&name, port)
}

/// Waits for the server of a port.
pub fn wait_until_ready(port: u16, log: impl Fn() -> String) {
    let deadline = std::time::Instant::now() + crate::WAIT;
    loop {
        let status = tool("pg_isready")
            .args(["-q", "-h", "127.0.0.1", "-d", "postgres", "-U", "segue", "-p"])
            .arg(port.to_string())
            .status();
        if status.is_ok_and(|status| status.success()) {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "PostgreSQL does not start:\n{}", log());
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
}

fn tool(name: &str) -> Command {
    unprivileged(programs().join(name))
}

/// A program that is not run as root. PostgreSQL refuses to be, so there it runs as the user that its package makes.
pub fn unprivileged(program: impl AsRef<OsStr>) -> Command {
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

/// Whether the tests run as root.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

/// Answers what it has printed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
