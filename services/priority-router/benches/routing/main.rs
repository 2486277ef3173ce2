//! What an assignment costs, and how soon a desk sees a handoff: `cargo bench -p priority-router --bench routing` (SQLite), or with
//! `-- postgres` on PostgreSQL; about ten minutes each. `-- quick` leaves out the largest sizes, `-- 1000` all other numbers of
//! agents, `-- statements` shows what PostgreSQL was asked.
//!
//! Every figure is also given as a ratio within the same run: calls to those of a bare server that echoes, and to a plain read of
//! the same service; and each length of the line to none, with a list for each contact there too.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a program for people, which may fail loudly"
)]

mod desks;
mod load;
mod sizes;
mod statements;

use std::sync::Arc;

use segue_testkit::{Databases, Storage};

use crate::{
    load::Load,
    sizes::{Case, Life, Peers},
    statements::Statements,
};

const REPLICAS: [usize; 2] = [1, 3];
const AGENTS: [usize; 2] = [100, 10_000];
const WAITING: [usize; 3] = [0, 1_000, 100_000];

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|given| given == word);
    let storage = if has("postgres") { Storage::Postgres } else { Storage::SqliteFile };
    let replicas = if storage == Storage::Postgres { &REPLICAS[..] } else { &REPLICAS[..1] };
    let sizes = if has("quick") { 2 } else { 3 };
    let databases = Databases::start_with(storage, statements::SETTINGS);
    println!("{storage:?}, {} callers at a time\n", load::CALLERS);
    println!(
        "{:>8} {:>7} {:>8} {:>9} {:>8} {:>8} {:>8}  {:>17} {:>17} {:>17}",
        "replicas",
        "agents",
        "waiting",
        "contacts",
        "to echo",
        "to reads",
        "to empty",
        "submit p50/p99",
        "accept p50/p99",
        "complete p50/p99"
    );
    // Numbers among the words: only with so many agents.
    let chosen: Vec<usize> = words.iter().filter_map(|word| word.parse().ok()).collect();
    for replicas in replicas {
        for agents in AGENTS[..sizes - 1].iter().filter(|agents| chosen.is_empty() || chosen.contains(agents))
        {
            let url = databases.create();
            let load = Load::start(&url, *replicas, *agents).await;
            let counted = if storage == Storage::Postgres { Some(Statements::of(&url).await) } else { None };
            measure(&load, *replicas, &WAITING[..sizes], counted, has("statements")).await;
            load.stop().await;
        }
    }
}

async fn measure(
    load: &Arc<Load>,
    replicas: usize,
    lines: &[usize],
    mut counted: Option<Statements>,
    shows: bool,
) {
    let alone = sizes::alone(load).await;
    let peers =
        Peers { echoes: sizes::echoes_per_second().await, reads: sizes::reads_per_second(load).await };
    let mut empty = None;
    for (number, waiting) in lines.iter().enumerate() {
        if number == 1 {
            // There is a fourth call for each contact, so a line is compared with none and as many calls.
            empty = Some(sizes::measure(load, Life::Listed).await.contacts_per_second);
        }
        load.fill(*waiting).await;
        if let Some(counted) = &mut counted {
            counted.reset().await;
        }
        let life = if *waiting > 0 { Life::FromLine } else { Life::Plain };
        let measured = sizes::measure(load, life).await;
        let contacts = measured.contacts;
        let empty = *empty.get_or_insert(measured.contacts_per_second);
        measured.print(&Case { replicas, agents: load.agents, waiting: *waiting }, &peers, empty);
        if let Some(counted) = &mut counted {
            let (all, busiest) = counted.since_reset().await;
            let kept = counted.kept_bytes().await;
            let each = all as f64 / contacts as f64;
            println!("{:>25} {each:.2} statements a contact, {kept} bytes kept of an answer", "");
            for (calls, ms, text) in busiest.iter().take(if shows { 25 } else { 0 }) {
                let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
                let end =
                    text.find(") INSERT").or(text.find(") UPDATE")).or(text.find(") SELECT")).unwrap_or(0);
                println!("{calls:>8} {ms:>9.1} ms  {}", text[end..].chars().take(110).collect::<String>());
            }
        }
    }
    println!(
        "{:>25} echoes {:.0}/s, reads {:.0}/s, one caller alone {alone:.2} ms a call, {} MiB of memory with the load",
        "",
        peers.echoes,
        peers.reads,
        resident_mib()
    );
    desks::measure(load).await;
}

/// What this process has in memory: the replicas, and those who call them.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or_default() / 1024
}
