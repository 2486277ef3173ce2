//! The jobs that migrate, and the server below them, are killed at moments spread over the time that a migration takes. Jobs that are
//! started again finish it, and the schema is the one of an undisturbed migration.

use std::{process::Command, time::Duration};

use segue::DatabaseUrls;
use segue_core::{Key, Random};
use segue_testkit::{Databases, Postgres, Process, Storage, wait_for};
use segue_tests::SERVICES;
use tokio::time::{Instant, sleep};

/// Moments at which the server is killed, and as many at which the jobs are.
const KILLS: u32 = 6;

/// A job for each service.
pub struct Jobs {
    urls: Vec<String>,
    keys: Vec<(&'static str, String)>,
    folder: tempfile::TempDir,
}

impl Jobs {
    /// On databases that are there.
    pub fn of(urls: &DatabaseUrls) -> Self {
        let DatabaseUrls { selector, issuer, router, channel } = urls.clone();
        Self::on(vec![selector, router, issuer, channel])
    }

    fn new(create: impl Fn() -> String) -> Self {
        Self::on(SERVICES.iter().map(|_| create()).collect())
    }

    /// In the order of [`SERVICES`].
    fn on(urls: Vec<String>) -> Self {
        let key = |name| (name, Key::generate(&Random::secure()).to_base64());
        Self {
            urls,
            keys: ["SEGUE_CODE_KEY", "SEGUE_DIRECTORY_KEY", "SEGUE_CHANNEL_KEY"].map(key).into(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn start(&self) -> Vec<Process> {
        let job = |(service, url): (&&'static str, &String)| {
            let mut command: Command = Process::binary(service);
            command.env("SEGUE_DATABASE_URL", url).env("SEGUE_DATABASE_MIGRATIONS", "only");
            command.envs(self.keys.iter().cloned()).args(["--listen", "127.0.0.1:0"]);
            Process::start(command, self.folder.path(), service)
        };
        SERVICES.iter().zip(&self.urls).map(job).collect()
    }

    /// Runs them to their ends; how long it took.
    pub async fn finish(&self) -> Duration {
        let began = Instant::now();
        for mut job in self.start() {
            wait_for("the job's end", || std::future::ready(job.ended().is_some())).await;
            assert!(job.ended().unwrap().success(), "{}", job.log());
        }
        let took = began.elapsed();
        println!("the jobs took {took:.1?}");
        took
    }

    /// Starts them, and kills them after a while.
    async fn kill_after(&self, time: Duration) {
        let mut jobs = self.start();
        sleep(time).await;
        jobs.iter_mut().for_each(Process::kill);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_and_their_server_are_killed_on_postgres() {
    let mut postgres = Postgres::start();
    let undisturbed = Jobs::new(|| postgres.database());
    let time = undisturbed.finish().await;
    let jobs = Jobs::new(|| postgres.database());
    for kill in 1..=KILLS {
        jobs.kill_after(time * kill / (KILLS + 1)).await;
    }
    let also = Jobs::new(|| postgres.database());
    for kill in 1..=KILLS {
        let mut running = also.start();
        sleep(time * kill / (KILLS + 1)).await;
        postgres.kill();
        postgres.restart();
        running.iter_mut().for_each(Process::kill);
    }
    for jobs in [jobs, also] {
        jobs.finish().await;
        for (one, other) in undisturbed.urls.iter().zip(&jobs.urls) {
            assert_eq!(postgres_schema(one), postgres_schema(other));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_killed_on_sqlite() {
    let databases = Databases::start(Storage::SqliteFile);
    let undisturbed = Jobs::new(|| databases.create());
    let time = undisturbed.finish().await;
    let jobs = Jobs::new(|| databases.create());
    for kill in 1..=KILLS {
        jobs.kill_after(time * kill / (KILLS + 1)).await;
    }
    jobs.finish().await;
    for (one, other) in undisturbed.urls.iter().zip(&jobs.urls) {
        assert_eq!(sqlite_schema(one), sqlite_schema(other));
    }
}

fn postgres_schema(url: &str) -> String {
    let mut dump = Command::new(Postgres::program("pg_dump"));
    let text = printed(dump.args(["--schema-only", "--no-comments", url]));
    // Newer ones draw a word that restricts what a restore may do.
    text.lines().filter(|line| !line.contains("restrict ")).map(|line| format!("{line}\n")).collect()
}

fn sqlite_schema(url: &str) -> String {
    let file = url.trim_start_matches("sqlite://").split('?').next().unwrap();
    printed(Command::new("sqlite3").args([file, ".schema --indent"]))
}

fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
