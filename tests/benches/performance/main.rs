//! What Segue does in a second, beside a bare server of the same library on the same machine in the same run: `cargo xtask bench`, which
//! builds all that this needs. `cargo bench -p segue-tests --bench performance` measures with the programs that are there.
//!
//! `--only` measures one stage: an engine with a number of replicas, as `postgresql-3`, or `sqlite-selections`.
//!
//! `plan.rs` has the sizes, `stages.rs` the order, `system.rs` the settings; a module for each subject. What is measured is kept and
//! rendered by `segue_tests::performance`. All loads go to loopback and are bounded in time and number.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program for people, which may fail loudly"
)]

mod arguments;
mod bench;
mod callers;
mod contact;
mod desk;
mod echo;
mod handoff;
mod job_queues;
mod line;
mod machine;
mod pgbench;
mod plan;
mod raw;
mod select;
mod stages;
mod statements;
mod system;

use segue_testkit::Storage;
use segue_tests::performance::Results;

use crate::{arguments::Arguments, bench::Bench, echo::Echo, stages::engine_of};

#[tokio::main]
async fn main() {
    if echo::serve_if_asked().await {
        return;
    }
    let arguments = Arguments::read();
    let results = if arguments.only_renders {
        Results::read(&arguments.results).unwrap()
    } else {
        let results = measure(&arguments).await;
        std::fs::create_dir_all(arguments.results.parent().unwrap()).unwrap();
        results.write(&arguments.results).unwrap();
        for figure in &results.figures {
            assert!(figure.per_second() > 0.0, "nothing was done of {figure:?}");
        }
        results
    };
    println!("\n{}", results.table());
    if let Some(folder) = &arguments.document {
        results.write_document(folder).unwrap();
        println!("written: {}", folder.join("performance.md").display());
    }
}

async fn measure(arguments: &Arguments) -> Results {
    let is_quick = arguments.is_quick;
    let is_wanted = |stage: &str| arguments.only.as_deref().is_none_or(|only| only == stage);
    let plan = if is_quick { &plan::QUICK } else { &plan::FULL };
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(plan, is_quick, Echo::start(folder.path()).await);
    bench.results.machine = machine::facts();
    for (storage, replicas) in plan::SYSTEMS {
        if is_wanted(&format!("{}-{replicas}", engine_of(storage).name().to_lowercase())) {
            stages::services(&mut bench, storage, replicas).await;
        }
    }
    for storage in [Storage::SqliteFile, Storage::Postgres] {
        if is_wanted(&format!("{}-selections", engine_of(storage).name().to_lowercase())) {
            stages::selections(&mut bench, storage).await;
        }
    }
    bench.finish()
}
