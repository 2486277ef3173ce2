//! A selector, as a process, for what is done with its directory.

use std::path::Path;

use segue_proto::{
    common::v1::{Customer, Identity},
    selector::v1::{
        CreatePlatformRequest, FindAccountsRequest, Platform,
        platform_selector_service_client::PlatformSelectorServiceClient,
    },
};
use segue_testkit::{Process, free_port, request_id, wait_for};
use tonic::transport::{Channel, Endpoint};

use crate::script;

type Client = PlatformSelectorServiceClient<Channel>;

/// Starts a selector with these keys; tells its port.
pub async fn start(url: &str, folder: &Path, current: &str, previous: &str) -> (Process, u16) {
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

/// Runs a script for this selector, with the program `segue` and grpcurl on its path.
pub fn run(name: &str, port: u16, variables: &[(&str, &str)]) {
    let segue = Process::binary("segue").get_program().to_owned();
    let programs = Path::new(&segue).parent().unwrap();
    let tools = segue_tests::tools().join("venv/bin");
    let path = format!("{}:{}:{}", programs.display(), tools.display(), std::env::var("PATH").unwrap());
    let selector = format!("127.0.0.1:{port}");
    let own = [("PATH", path.as_str()), ("SELECTOR", selector.as_str())];
    script::run(name, &[&own, variables].concat());
}

/// A channel to it.
pub fn client(port: u16) -> Client {
    Client::new(Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap().connect_lazy())
}

/// Adds a platform.
pub async fn add_platform(port: u16, id: &str) {
    let platform = Platform { id: id.to_owned(), ..Platform::default() };
    let request = CreatePlatformRequest { request_id: request_id(), platform: Some(platform) };
    client(port).create_platform(request).await.unwrap();
}

/// How many accounts hold an identity.
pub async fn found(port: u16, kind: &str, value: &str) -> usize {
    let identity = Identity { kind: kind.to_owned(), value: value.to_owned(), unverified: false };
    let customer = Some(Customer { identities: vec![identity] });
    let request = FindAccountsRequest { customer, platforms: vec![] };
    client(port).find_accounts(request).await.unwrap().into_inner().accounts.len()
}
