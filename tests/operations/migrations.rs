//! The migration jobs of Kubernetes, as processes.

use std::{path::Path, process::Command};

use segue_core::{Key, Random};
use segue_testkit::{Databases, Process, Storage, wait_for};
use segue_tests::SERVICES;

fn key() -> String {
    Key::generate(&Random::secure()).to_base64()
}

fn command(service: &str, url: &str, step: &str) -> Command {
    let mut command = Process::binary(service);
    command.env("SEGUE_DATABASE_URL", url).env("SEGUE_DATABASE_MIGRATIONS", step);
    for name in ["SEGUE_CODE_KEY", "SEGUE_DIRECTORY_KEY", "SEGUE_CHANNEL_KEY"] {
        command.env(name, key());
    }
    command.args(["--listen", "127.0.0.1:0"]);
    command
}

/// Runs several at once to their ends.
async fn all(folder: &Path, commands: Vec<Command>) -> Vec<(bool, String)> {
    let started = |(number, command)| Process::start(command, folder, &format!("job-{number}"));
    let mut jobs: Vec<Process> = commands.into_iter().enumerate().map(started).collect();
    let mut ends = Vec::new();
    for job in &mut jobs {
        wait_for("the job's end", || std::future::ready(job.ended().is_some())).await;
        ends.push((job.ended().is_some_and(|status| status.success()), job.log()));
    }
    ends
}

segue_testkit::on_durable_engines!(jobs_at_once_migrate_each_service_and_it_is_refused_before);

async fn jobs_at_once_migrate_each_service_and_it_is_refused_before(storage: Storage) {
    let databases = Databases::start(storage);
    for service in SERVICES {
        let url = databases.create();
        let folder = tempfile::tempdir().unwrap();
        for (succeeded, told) in all(folder.path(), vec![command(service, &url, "expect")]).await {
            assert!(
                !succeeded && told.contains("database-migrations=only"),
                "{service} on {storage:?}: {told}"
            );
        }
        let folder = tempfile::tempdir().unwrap();
        let jobs = (0..3).map(|_| command(service, &url, "only")).collect();
        for (succeeded, told) in all(folder.path(), jobs).await {
            let expected = format!("{service}: the schema is up to date");
            assert!(succeeded && told.contains(&expected), "{service} on {storage:?}: {told}");
        }
    }
}
