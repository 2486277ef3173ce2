//! What the run was made on, told by the machine. No names of hosts or people.

use std::{fs, process::Command};

use segue_testkit::Postgres;
use segue_tests::performance::Fact;

pub fn facts() -> Vec<Fact> {
    let threads = std::thread::available_parallelism().map_or(0, usize::from);
    let told = [
        ("processor", field("/proc/cpuinfo", "model name")),
        ("cores that this process may use", Some(threads.to_string())),
        ("memory", field("/proc/meminfo", "MemTotal").and_then(|text| gibibytes(&text))),
        ("kernel", kernel()),
        ("system", field("/etc/os-release", "PRETTY_NAME")),
        ("disk of the databases", disk()),
        ("Rust", output("rustc", &["--version"])),
        ("PostgreSQL", Some(Postgres::version())),
        ("Node.js", output("node", &["--version"])),
        ("Redis", output("redis-server", &["--version"])),
        ("build", Some(if cfg!(debug_assertions) { "not optimised" } else { "release" }.to_owned())),
    ];
    told.into_iter()
        .filter_map(|(name, value)| {
            let value = value?.trim().trim_matches('"').to_owned();
            Some(Fact { name: name.to_owned(), value })
        })
        .collect()
}

/// The value of the first line that begins with a name.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once([':', '=']).map(|(_, value)| value.to_owned())
}

fn gibibytes(kibibytes: &str) -> Option<String> {
    let count: f64 = kibibytes.split_whitespace().next()?.parse().ok()?;
    Some(format!("{:.0} GiB", count / 1024.0 / 1024.0))
}

/// Its version, without what whoever built it has called it.
fn kernel() -> Option<String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    release.split('-').next().map(str::to_owned)
}

/// The kind of file system that temporary files are on.
fn disk() -> Option<String> {
    let folder = std::env::temp_dir();
    output("stat", &["-f", "-c", "%T", folder.to_str()?])
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let first = String::from_utf8(output.stdout).ok()?.lines().next()?.to_owned();
    output.status.success().then_some(first)
}
