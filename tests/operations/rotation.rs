//! The directory key is rotated as the document says, to the point where the old key is dropped.

use std::path::Path;

use segue_core::{Key, Random};
use segue_proto::{
    common::v1::{Customer, Identity},
    selector::v1::{
        CreatePlatformRequest, FindAccountsRequest, GetDirectoryStatusRequest, Platform,
        platform_selector_service_client::PlatformSelectorServiceClient,
    },
};
use segue_testkit::{Databases, Process, Storage, free_port, request_id, wait_for};
use tonic::transport::{Channel, Endpoint};

use crate::script;

const ACCOUNTS: usize = 100;

type Client = PlatformSelectorServiceClient<Channel>;

#[tokio::test(flavor = "multi_thread")]
async fn the_directory_key_is_rotated_on_sqlite() {
    the_directory_key_is_rotated(Storage::SqliteFile).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_directory_key_is_rotated_on_postgres() {
    the_directory_key_is_rotated(Storage::Postgres).await;
}

async fn the_directory_key_is_rotated(storage: Storage) {
    let databases = Databases::start(storage);
    let (url, folder) = (databases.create(), databases.directory());
    let csv = folder.join("accounts.csv");
    let rows = (0..ACCOUNTS).map(|row| format!("app,a{row},+86138{row:08}\n"));
    std::fs::write(&csv, format!("platform,account,phone\n{}", rows.collect::<String>())).unwrap();
    let [old, new] = [(); 2].map(|()| Key::generate(&Random::secure()).to_base64());

    let (mut selector, port) = start(&url, folder, &old, "").await;
    let platform = Platform { id: "app".to_owned(), ..Platform::default() };
    let request = CreatePlatformRequest { request_id: request_id(), platform: Some(platform) };
    client(port).create_platform(request).await.unwrap();
    run("import-accounts", port, &csv);
    selector.terminate();

    let (mut selector, port) = start(&url, folder, &new, &old).await;
    assert_eq!(keys(port).await, (0, 100, 0));
    run("import-accounts", port, &csv);
    run("rotation-is-over", port, &csv);
    assert_eq!(keys(port).await, (100, 0, 0));
    selector.terminate();

    let (mut selector, port) = start(&url, folder, &new, "").await;
    run("rotation-is-over", port, &csv);
    assert_eq!(keys(port).await, (100, 0, 0));
    for row in 0..ACCOUNTS {
        assert_eq!(found(port, &format!("+86138{row:08}")).await, 1, "{row}");
    }
    selector.terminate();
}

async fn start(url: &str, folder: &Path, current: &str, previous: &str) -> (Process, u16) {
    let port = free_port();
    let mut command = Process::binary("platform-selector");
    command
        .env("SEGUE_LISTEN", format!("127.0.0.1:{port}"))
        .env("SEGUE_DATABASE_URL", url)
        .env("SEGUE_DIRECTORY_KEY", current);
    if !previous.is_empty() {
        command.env("SEGUE_DIRECTORY_KEY_PREVIOUS", previous);
    }
    let process = Process::start(command, folder, "selector");
    wait_for("the selector", || async { tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() })
        .await;
    (process, port)
}

/// Runs a script with the program `segue` and grpcurl on its path.
fn run(name: &str, port: u16, csv: &Path) {
    let segue = Process::binary("segue").get_program().to_owned();
    let programs = Path::new(&segue).parent().unwrap();
    let tools = segue_tests::tools().join("venv/bin");
    let path = format!("{}:{}:{}", programs.display(), tools.display(), std::env::var("PATH").unwrap());
    let selector = format!("127.0.0.1:{port}");
    let accounts = csv.display().to_string();
    script::run(name, &[("PATH", &path), ("SELECTOR", &selector), ("ACCOUNTS", &accounts)]);
}

fn client(port: u16) -> Client {
    Client::new(Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap().connect_lazy())
}

/// Accounts under the current key, under the one before, and under those that are gone.
async fn keys(port: u16) -> (i64, i64, i64) {
    let status = client(port).get_directory_status(GetDirectoryStatusRequest {}).await.unwrap().into_inner();
    (status.current_key, status.previous_key, status.lost_keys)
}

async fn found(port: u16, phone: &str) -> usize {
    let identity = Identity { kind: "phone".to_owned(), value: phone.to_owned() };
    let customer = Some(Customer { identities: vec![identity] });
    let request = FindAccountsRequest { customer, platforms: vec![] };
    client(port).find_accounts(request).await.unwrap().into_inner().accounts.len()
}
