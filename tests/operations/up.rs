//! The data of `segue up`: backed up as docs/operations.md says, under the names of before, and on PostgreSQL.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use segue::{Addresses, demo_data::DEMO_AGENT};
use segue_proto::{
    issuer::v1::{CreateHandoffResponse, GetHandoffRequest},
    router::v1::Presence,
    selector::v1::ListPlatformsRequest,
};
use segue_testkit::{Databases, Process, Storage, free_port, wait_for};
use segue_tests::{Clients, Fixture};
use tempfile::TempDir;

use crate::script;

const IS_UP: &str = "Segue is up.";
const OLD_NAMES: [(&str, &str); 4] = [
    ("selector.db", "platform-selector.db"),
    ("issuer.db", "code-issuer.db"),
    ("router.db", "priority-router.db"),
    ("channel.db", "web-channel.db"),
];

/// `segue up`, and where it is.
pub struct Up {
    pub process: Process,
    pub addresses: Addresses,
}

impl Up {
    /// Starts it without demo data on free ports, and waits until it is up.
    pub async fn start(data: &Path, more: &[&str]) -> Self {
        let mut arguments = vec!["--no-demo"];
        arguments.extend(more);
        Self::start_with(data, &arguments).await
    }

    async fn start_with(data: &Path, arguments: &[&str]) -> Self {
        let (mut command, addresses) = command(data);
        command.args(arguments);
        let logs = data.parent().expect("a folder for the log");
        let process = Process::start(command, logs, &format!("segue-{}", addresses.issuer.port()));
        wait_for("segue up", || async { process.log().contains(IS_UP) }).await;
        Self { process, addresses }
    }
}

/// `segue up` on free ports, not started.
pub fn command(data: &Path) -> (Command, Addresses) {
    let port = || ([127, 0, 0, 1], free_port()).into();
    let addresses = Addresses {
        selector: port(),
        issuer: port(),
        router: port(),
        channel: port(),
        pages: port(),
        credentials: None,
    };
    let mut command = Process::binary("segue");
    command.arg("up").arg("--data-dir").arg(data);
    for (flag, address) in [
        ("--selector-port", addresses.selector),
        ("--issuer-port", addresses.issuer),
        ("--router-port", addresses.router),
        ("--channel-port", addresses.channel),
        ("--pages-port", addresses.pages),
    ] {
        command.arg(flag).arg(address.port().to_string());
    }
    (command, addresses)
}

fn folders() -> (TempDir, PathBuf, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let (data, backup) = (root.path().join("data"), root.path().join("backup"));
    fs::create_dir(&backup).unwrap();
    (root, data, backup)
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

async fn hand_off(up: &Up) -> CreateHandoffResponse {
    Fixture::load(&up.addresses).await.create(Fixture::handoff("call-1")).await
}

/// Whether the handoff of before is there, with the account that its code is bound to and the code itself.
async fn goes_on(up: &Up, issued: &CreateHandoffResponse) {
    let mut issuer = Clients::of(&up.addresses).issuer;
    let id = issued.handoff.as_ref().unwrap().id.clone();
    issuer.get_handoff(GetHandoffRequest { id: id.clone() }).await.unwrap();
    let redemption = Fixture::redemption(&Fixture::digits(issued), "s-1");
    assert_eq!(issuer.redeem_code(redemption).await.unwrap().into_inner().handoff_id, id);
}

/// It must not start; what it says.
pub async fn refused(mut command: Command) -> String {
    let folder = tempfile::tempdir().unwrap();
    command.arg("--no-demo");
    let mut process = Process::start(command, folder.path(), "segue");
    wait_for("the start to be given up", || std::future::ready(process.ended().is_some())).await;
    assert!(!process.ended().unwrap().success(), "it ran");
    process.log()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_backup_holds_what_segue_up_had() {
    let (_root, data, backup) = folders();
    let mut up = Up::start(&data, &[]).await;
    let issued = hand_off(&up).await;
    let at = [("DATA", shown(&data)), ("BACKUP", shown(&backup))];
    script::run("backup-sqlite", &at);
    assert!(up.process.terminate().success());
    for (_, name) in OLD_NAMES {
        fs::remove_file(data.join(name)).unwrap();
    }
    script::run("restore-sqlite", &at);
    let again = Up::start(&data, &[]).await;
    goes_on(&again, &issued).await;
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(data.clone()), 0o700);
    for entry in fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(path.clone()), 0o600, "{}", path.display());
    }
}

#[test]
fn a_backup_of_what_is_not_there_fails_and_makes_nothing() {
    for service in ["missing", "empty"] {
        let (_root, data, backup) = folders();
        fs::create_dir(&data).unwrap();
        if service == "empty" {
            for (_, name) in OLD_NAMES {
                fs::write(data.join(name), "").unwrap();
            }
        }
        let before = fs::read_dir(&data).unwrap().count();
        let at = [("DATA", shown(&data)), ("BACKUP", shown(&backup))];
        let (succeeded, told) = script::try_run("backup-sqlite", &at);
        assert!(!succeeded, "{service}: {told}");
        assert_eq!(fs::read_dir(&data).unwrap().count(), before, "{service}: it left files behind");
        let (succeeded, told) = script::try_run("restore-sqlite", &at);
        assert!(!succeeded, "{service}: {told}");
    }
}

/// What a crash of a release with the old names leaves: databases with their logs beside them, renamed only in part.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_with_the_old_names_goes_on() {
    let (_root, data, _) = folders();
    let mut up = Up::start(&data, &[]).await;
    let issued = hand_off(&up).await;
    up.process.kill();
    assert!(fs::metadata(data.join("code-issuer.db-wal")).unwrap().len() > 0, "there is a log to lose");
    for (index, (old, new)) in OLD_NAMES.into_iter().enumerate() {
        for (order, ending) in ["-wal", "-shm", ""].into_iter().enumerate() {
            // As if it had been stopped after the third of the steps.
            if index > 0 || order == 2 {
                fs::rename(data.join(format!("{new}{ending}")), data.join(format!("{old}{ending}"))).unwrap();
            }
        }
    }
    let again = Up::start(&data, &[]).await;
    goes_on(&again, &issued).await;
    let mut selector = Clients::of(&again.addresses).selector;
    let platforms = selector.list_platforms(ListPlatformsRequest::default()).await;
    assert!(platforms.unwrap().into_inner().platforms.len() > 1, "the renamed database is in use");
    assert!(OLD_NAMES.iter().all(|(old, _)| !data.join(old).exists()));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_services_run_on_one_postgres_server() {
    let (_root, data, _) = folders();
    let databases = Databases::alone(Storage::Postgres);
    let url = databases.create();
    let mut up = Up::start_with(&data, &["--database-url", &url]).await;
    let fixture = Fixture { clients: Clients::of(&up.addresses) };
    fixture.set_presence(DEMO_AGENT, Presence::Available).await;
    let issued = fixture.create(Fixture::handoff("call-1")).await;
    assert!(!data.join("code-issuer.db").exists(), "nothing is in files");
    let mut second = command(&data.with_file_name("other")).0;
    second.env("SEGUE_DATABASE_URL", &url);
    let told = refused(second).await;
    assert!(told.contains("another segue up has its data in"), "{told}");
    assert!(up.process.terminate().success());
    // Made before, and the demo data with them: neither is done again.
    let again = Up::start_with(&data, &["--database-url", &url]).await;
    goes_on(&again, &issued).await;
}
