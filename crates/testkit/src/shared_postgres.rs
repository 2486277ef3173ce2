//! One PostgreSQL server for all tests of a run.
//!
//! A run is what has one `cargo` or `cargo nextest` as its parent: its first test that needs the server starts it, beside a shell that waits
//! for the parent's end, however that ends, and stops it then. A setup script of nextest would start a server for each run, and nextest has
//! nothing that would stop it; `cargo xtask` alone would leave `cargo nextest run` with a server for each test.

use std::{
    fs::{self, File},
    os::unix::process::{CommandExt as _, parent_id},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{free_port, postgres};

/// More than all tests of a run open at a time: they are bounded by the runner.
const SETTINGS: [&str; 2] = [
    "max_connections=500",
    // Each test leaves databases, and the usual minute for one look at all of them keeps a core busy.
    "autovacuum_naptime=10min",
];

/// Starts the server, waits for the end of the run, and stops the server as a crash would: nobody needs its data any more.
const KEEPER: &str = r#"
run=$1 folder=$2; shift 2
"$@" & server=$!
while [ -e "$run" ] && [ -e "/proc/$server" ]; do sleep 0.2; done
kill -QUIT "$server" && wait "$server"
rm -rf "$folder"
"#;

/// The port of this run's server, which is started if need be; none outside a run, where nothing tells when it could be stopped.
pub fn port() -> Option<u16> {
    Some(port_in(&folder()?, parent_id()))
}

/// Of the run that this process belongs to. The time at which it began tells it from an earlier one with the same process id.
fn folder() -> Option<PathBuf> {
    let parent = parent_id();
    let stat = fs::read_to_string(format!("/proc/{parent}/stat")).ok()?;
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let began = rest.split_whitespace().nth(19)?;
    let is_run = ["cargo", "cargo-nextest"].contains(&name);
    is_run.then(|| std::env::temp_dir().join(format!("segue-postgres-of-{parent}-{began}")))
}

fn port_in(folder: &Path, run: u32) -> u16 {
    fs::create_dir_all(folder).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let known = folder.join("port");
    if let Ok(port) = fs::read_to_string(&known) {
        return port.parse().unwrap();
    }
    let port = start(folder, run);
    fs::write(known, port.to_string()).unwrap();
    port
}

#[expect(
    clippy::zombie_processes,
    reason = "the keeper outlives this process, and the other tests use its server"
)]
fn start(folder: &Path, run: u32) -> u16 {
    let data = folder.join("cluster");
    // Of a test that was ended while it started the server.
    drop(fs::remove_dir_all(&data));
    fs::create_dir(&data).unwrap();
    postgres::make_cluster(&data);
    let port = free_port();
    let server = postgres::server(&data, port, &SETTINGS);
    let log = File::create(folder.join("log")).unwrap();
    let mut keeper = Command::new("sh");
    keeper.args(["-c", KEEPER, "sh"]).arg(format!("/proc/{run}")).arg(folder);
    keeper.arg(server.get_program()).args(server.get_args()).current_dir("/");
    // A group of its own: neither an interrupt of the terminal nor the runner's end of this test is meant for it.
    keeper.process_group(0).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    keeper.spawn().unwrap();
    postgres::wait_until_ready(port, || fs::read_to_string(folder.join("log")).unwrap_or_default());
    port
}

#[cfg(test)]
mod tests {
    use std::{net::TcpStream, time::Instant};

    use super::*;

    #[test]
    fn one_server_is_there_until_the_run_ends_however_it_ends() {
        let mut run = Command::new("sleep").arg("600").spawn().unwrap();
        let folder = std::env::temp_dir().join(format!("segue-postgres-test-{}", crate::request_id()));
        let port = port_in(&folder, run.id());
        assert_eq!(port_in(&folder, run.id()), port, "the next test finds it");
        assert_ne!(postgres::make_database(port), postgres::make_database(port));
        run.kill().unwrap();
        run.wait().unwrap();
        let deadline = Instant::now() + crate::WAIT;
        while folder.exists() || TcpStream::connect(("127.0.0.1", port)).is_ok() {
            assert!(Instant::now() < deadline, "the server goes on");
            std::thread::park_timeout(std::time::Duration::from_millis(20));
        }
    }
}
