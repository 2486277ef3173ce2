//! What an assignment costs, and how soon a desk sees a handoff: `cargo bench -p priority-router` (SQLite), or with
//! `-- postgres` on PostgreSQL; about ten minutes each. `-- quick` leaves out the largest sizes, `-- 1000` the others.
//!
//! Every figure is also given as a ratio within the same run: calls to a plain read of the same service, and each length of
//! the line to an empty one. The cost of an assignment must stay flat as the line grows.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a program for people, which may fail loudly"
)]

mod desks;
mod load;
mod sizes;

use segue_testkit::{Databases, Storage};

use crate::load::Load;

const AGENTS: [usize; 3] = [100, 1_000, 10_000];
const WAITING: [usize; 3] = [0, 1_000, 100_000];

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|given| given == word);
    let storage = if has("postgres") { Storage::Postgres } else { Storage::SqliteFile };
    let sizes = if has("quick") { 2 } else { 3 };
    let databases = Databases::start(storage);
    println!("{storage:?}, {} callers at a time\n", load::CALLERS);
    println!(
        "{:>7} {:>8} {:>9} {:>8} {:>8}  {:>17} {:>17} {:>17}",
        "agents",
        "waiting",
        "contacts",
        "to reads",
        "to empty",
        "submit p50/p99",
        "accept p50/p99",
        "complete p50/p99"
    );
    // Numbers among the words: only with so many agents.
    let chosen: Vec<usize> = words.iter().filter_map(|word| word.parse().ok()).collect();
    for agents in AGENTS[..sizes].iter().filter(|agents| chosen.is_empty() || chosen.contains(agents)) {
        let load = Load::start(&databases.create(), *agents).await;
        let reads = sizes::reads_per_second(&load).await;
        let mut empty = None;
        for waiting in &WAITING[..sizes] {
            load.fill(*waiting).await;
            let measured = sizes::measure(&load, *waiting > 0).await;
            let empty = *empty.get_or_insert(measured.contacts_per_second);
            measured.print(*agents, *waiting, reads, empty);
        }
        desks::measure(&load).await;
        load.stop().await;
    }
}
