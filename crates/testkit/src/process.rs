use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _, Seek as _, Write as _},
    net::{Ipv4Addr, TcpListener},
    ops::Range,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// Below those that the system gives out by itself, to callers and to whoever binds port 0: a port that is handed out here and
/// bound in a moment is not taken by one of these in between.
const PORTS: Range<u16> = 10_000..32_000;

/// Of `/proc/PID/stat`, everywhere that Rust runs on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// A port that is free now, and that no other test on this machine is given soon: they take turns through a file.
pub fn free_port() -> u16 {
    let path = std::env::temp_dir().join("segue-test-ports");
    let mut turn = File::options().read(true).write(true).create(true).truncate(false).open(path).unwrap();
    turn.lock().unwrap();
    let mut text = String::new();
    turn.read_to_string(&mut text).unwrap();
    let mut port: u16 = text.trim().parse().unwrap_or(PORTS.start);
    loop {
        port = if PORTS.contains(&(port + 1)) { port + 1 } else { PORTS.start };
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            break;
        }
    }
    turn.rewind().unwrap();
    turn.set_len(0).unwrap();
    turn.write_all(port.to_string().as_bytes()).unwrap();
    port
}

/// A process that ends with its handle.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// One of the workspace's binaries, as `cargo xtask test` has built them.
    pub fn binary(name: &str) -> Command {
        let mut directory = std::env::current_exe().unwrap();
        directory.pop();
        if directory.ends_with("deps") {
            directory.pop();
        }
        let path = directory.join(name);
        assert!(path.exists(), "{} is missing: cargo build --workspace --bins", path.display());
        let mut command = Command::new(path);
        command.env_clear();
        command
    }

    /// Starts a command; both outputs go to a log file in `directory`.
    pub fn start(mut command: Command, directory: &Path, name: &str) -> Self {
        let log = directory.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self { child, log }
    }

    /// What it has printed so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The lines that it has printed so far.
    pub fn log_lines(&self) -> Vec<String> {
        let file = File::open(&self.log).unwrap();
        BufReader::new(file).lines().map_while(Result::ok).collect()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Seconds of a processor that it has used, in user and in system mode.
    pub fn cpu_seconds(&self) -> f64 {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        // The program's name, which may hold spaces, ends with `)`.
        let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
        (ticks(11) + ticks(12)) / TICKS_PER_SECOND
    }

    /// Ends it at once, as `kill -9` does.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Asks it to end, and waits for that.
    pub fn terminate(&mut self) -> ExitStatus {
        let sent = self.send("TERM");
        assert!(sent || self.ended().is_some(), "the signal was not sent");
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "process does not end:\n{}", self.log());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Stops it where it stands: its connections stay open, and it does nothing until it is resumed.
    pub fn pause(&self) {
        assert!(self.send("STOP"), "the signal was not sent");
    }

    /// Lets it go on after a pause.
    pub fn resume(&self) {
        assert!(self.send("CONT"), "the signal was not sent");
    }

    fn send(&self, signal: &str) -> bool {
        send_all(signal, &[self.id()])
    }

    /// Whether it has ended, and how.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }
}

/// Sends a signal to processes; whether each was there. The shell has `kill` built in; the program of that name is missing on small
/// systems.
pub(crate) fn send_all(signal: &str, ids: &[u32]) -> bool {
    let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
    let command = format!("kill -{signal} {}", ids.join(" "));
    Command::new("sh").arg("-c").arg(command).stderr(Stdio::null()).status().unwrap().success()
}

/// The processes that a process has started and that are there.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let id: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let of: u32 = text.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        (of == parent).then_some(id)
    });
    all.collect()
}

/// Ends processes at once, and waits until they are gone; none of them is a child of this one.
pub(crate) fn kill_all(ids: &[u32]) {
    // Some have ended by themselves.
    send_all("KILL", ids);
    let deadline = Instant::now() + Duration::from_secs(30);
    while ids.iter().any(|id| Path::new(&format!("/proc/{id}")).exists()) {
        assert!(Instant::now() < deadline, "killed processes are still there: {ids:?}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
