//! The exit status tells how a service ended. The test starts itself again as the service, so it has no harness.
#![expect(clippy::print_stdout, clippy::expect_used, clippy::panic, reason = "a test without the harness")]

use std::{
    env,
    process::{Command, ExitCode},
};

use segue_runtime::{DATABASE_SETTINGS, Parts, Server, ServerConfig, read_database, settings::Setting};
use segue_store::{Database, Migrations};
use segue_testkit::Process;
use sqlx::migrate::Migrator;

const NAME: &str = "the_exit_status_tells_how_a_service_ended";
const MODE: &str = "RUN_AS_SERVICE";
const LISTEN: &[Setting] = &[Setting::new("listen", "127.0.0.1:0", "where to serve")];
static NONE: Migrator = Migrator::DEFAULT;

fn main() -> ExitCode {
    if let Ok(mode) = env::var(MODE) {
        return service(mode);
    }
    // What the test runner asks before it runs a test.
    if env::args().any(|argument| argument == "--list") {
        if env::args().all(|argument| argument != "--ignored") {
            println!("{NAME}: test");
        }
        return ExitCode::SUCCESS;
    }
    a_failure_is_told();
    a_stop_is_a_success();
    a_step_of_migrations_ends_by_itself();
    ExitCode::SUCCESS
}

fn service(mode: String) -> ExitCode {
    segue_runtime::main(
        "small",
        &[LISTEN, ServerConfig::SETTINGS, DATABASE_SETTINGS],
        |reader| Some((ServerConfig::read(reader), read_database(reader))).and_then(|(a, b)| a.zip(b)),
        async move |(server, database), parts: Parts| {
            let database =
                Database::open(&database, Migrations { owner: "test", sqlite: &NONE, postgres: &NONE })
                    .await?;
            let stop = parts.stop.clone();
            let work = async move {
                if mode == "panic" {
                    panic!("a fault of the work");
                }
                stop.told().await;
            };
            Server::new(database, &parts).background(work).start(&server).await
        },
    )
}

fn start(mode: &str, directory: &std::path::Path) -> Process {
    let mut command = Command::new(env::current_exe().expect("the test has a path"));
    command.env_clear().env(MODE, mode).env("SEGUE_DATABASE_URL", "sqlite::memory:");
    Process::start(command, directory, mode)
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + segue_testkit::WAIT;
    while !holds() {
        assert!(std::time::Instant::now() < deadline, "waited in vain for: {what}");
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
}

fn a_failure_is_told() {
    let directory = tempfile::tempdir().expect("a folder");
    let mut process = start("panic", directory.path());
    wait_until("the end", || process.ended().is_some());
    assert_eq!(process.ended().and_then(|status| status.code()), Some(1), "{}", process.log());
    assert!(process.log().contains("small failed: a part of the service panicked"), "{}", process.log());
}

fn a_stop_is_a_success() {
    let directory = tempfile::tempdir().expect("a folder");
    let mut process = start("serve", directory.path());
    wait_until("serving", || process.log().contains("serving"));
    let status = process.terminate();
    assert!(status.success(), "{status}: {}", process.log());
}

fn a_step_of_migrations_ends_by_itself() {
    let directory = tempfile::tempdir().expect("a folder");
    let run = |step: &str| {
        let mut command = Command::new(env::current_exe().expect("the test has a path"));
        command.env_clear().env(MODE, "serve").env("SEGUE_DATABASE_MIGRATIONS", step);
        let url = format!("sqlite://{}/small.db?mode=rwc", directory.path().display());
        let output = command.env("SEGUE_DATABASE_URL", url).output().expect("it starts");
        let told = [output.stdout, output.stderr].map(|part| String::from_utf8_lossy(&part).into_owned());
        (output.status.code(), told.concat())
    };
    let (status, told) = run("expect");
    assert!(
        status == Some(1) && told.contains("small did not start") && told.contains("is behind"),
        "{told}"
    );
    for _ in 0..2 {
        let (status, told) = run("only");
        assert!(status == Some(0) && told.contains("small: the schema is up to date"), "{told}");
    }
    let (status, told) = run("perhaps");
    assert!(status == Some(1) && told.contains("must be apply, only or expect"), "{told}");
}
