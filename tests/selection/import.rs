//! A large import, killed half-way together with the service, and started again. 20,000 rows, or `SEGUE_IMPORT_ROWS`.

use std::{
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
};

use segue_core::{Key, Random};
use segue_proto::selector::v1::{
    CreatePlatformRequest, GetDirectoryStatusRequest, GetImportRequest, Platform,
    platform_selector_service_client::PlatformSelectorServiceClient,
};
use segue_testkit::{Databases, Process, Storage, free_port, request_id, wait_for};
use tonic::transport::{Channel, Endpoint};

const ROWS: usize = 20_000;
/// Where a run only has to be long enough to be broken off.
const FEW_ROWS: usize = 6_000;
const NAME: &str = "accounts-1";
/// What a process may grow by, from a quarter of the rows to the end of them.
const GROWTH_KIB: u64 = 64 * 1024;

type Client = PlatformSelectorServiceClient<Channel>;

segue_testkit::on_durable_engines!(killed_half_way_and_resumed);

async fn killed_half_way_and_resumed(storage: Storage) {
    let rows = std::env::var("SEGUE_IMPORT_ROWS").map_or(ROWS, |rows| rows.parse().unwrap());
    let databases = Databases::start(storage);
    let folder = databases.directory();
    let csv = folder.join("accounts.csv");
    write_rows(&csv, rows);
    let port = free_port();
    let mut service = Service { url: databases.create(), key: key(), port, folder }.start().await;
    service.create("app").await;

    let mut importer = import(&csv, port, folder, "first");
    service.reaches(&importer, rows / 4).await;
    let quarter = (memory_kib(importer.id()), memory_kib(service.process.id()));
    service.reaches(&importer, rows / 2).await;
    let half = (memory_kib(importer.id()), memory_kib(service.process.id()));
    importer.kill();
    service.process.kill();
    let mut service = service.of.start().await;
    let done = service.through_line(&importer).await;
    assert!(done >= i64::try_from(rows / 2).unwrap(), "what was acknowledged is there");

    let mut importer = import(&csv, port, folder, "second");
    let (mut peak, mut ended) = ((0, 0), None);
    while ended.is_none() {
        peak = (peak.0.max(memory_kib(importer.id())), peak.1.max(memory_kib(service.process.id())));
        ended = importer.ended();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let said = importer.log();
    assert!(ended.unwrap().success(), "{said}");
    let (skipped, written) = (counted(&said, "skipped"), counted(&said, "written"));
    assert_eq!((skipped + written, counted(&said, "refused")), (rows, 0), "{said}");
    // The head line is a line, too.
    assert!(skipped >= usize::try_from(done).unwrap() - 1 && written > 0, "{said}");
    let status = service.client.get_directory_status(GetDirectoryStatusRequest {}).await.unwrap();
    assert_eq!(status.into_inner().current_key, i64::try_from(rows).unwrap());
    for (name, quarter, later) in
        [("importer", quarter.0, half.0.max(peak.0)), ("service", quarter.1, half.1.max(peak.1))]
    {
        assert!(later < quarter + GROWTH_KIB, "{name} grew from {quarter} to {later} KiB");
    }
    println!(
        "{storage:?}: {rows} rows; KiB of importer and service at a quarter {quarter:?}, at most {peak:?}; {said}"
    );
}

/// A run that did not finish is started again. What it had refused may be right by now, so it never goes on behind that.
#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_import_sends_what_was_refused_again() {
    let databases = Databases::start(Storage::SqliteFile);
    // Its platform is created between the two runs.
    let (service, csv) = broken_off(&databases, |table| table.replacen("app,a7,", "later,a7,", 1)).await;
    service.create("later").await;
    all_is_sent_anew(&service, &csv).await;
}

/// What was stored under an earlier key will be lost with it, so a run of before the change is no run to go on with.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_of_before_a_new_key_starts_anew() {
    let databases = Databases::start(Storage::SqliteFile);
    let (service, csv) = broken_off(&databases, |table| table).await;
    let Started { mut of, mut process, .. } = service;
    process.kill();
    of.key = key();
    all_is_sent_anew(&of.start().await, &csv).await;
}

/// A service that has a part of a table, as its importer was killed; the platform `app` is there.
async fn broken_off(databases: &Databases, change: impl Fn(String) -> String) -> (Started<'_>, PathBuf) {
    let folder = databases.directory();
    let csv = folder.join("accounts.csv");
    write_rows(&csv, FEW_ROWS);
    let table = std::fs::read_to_string(&csv).unwrap();
    std::fs::write(&csv, change(table)).unwrap();
    let service = Service { url: databases.create(), key: key(), port: free_port(), folder }.start().await;
    service.create("app").await;
    let importer = import(&csv, service.of.port, folder, "first");
    service.reaches(&importer, FEW_ROWS / 4).await;
    (service, csv)
}

async fn all_is_sent_anew(service: &Started<'_>, csv: &Path) {
    let said = run_to_the_end(import(csv, service.of.port, service.of.folder, "second"), service).await;
    assert_eq!((counted(&said, "skipped"), counted(&said, "refused")), (0, 0), "{said}");
    let status = service.client.clone().get_directory_status(GetDirectoryStatusRequest {}).await.unwrap();
    assert_eq!(status.into_inner().current_key, i64::try_from(FEW_ROWS).unwrap());
}

/// What an importer says that has to succeed.
async fn run_to_the_end(mut importer: Process, service: &Started<'_>) -> String {
    let mut ended = None;
    while ended.is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        ended = importer.ended();
    }
    let said = importer.log();
    assert!(ended.unwrap().success(), "{said} {}", service.process.log());
    said
}

/// The number before a word of what the importer has said.
fn counted(said: &str, word: &str) -> usize {
    let words: Vec<&str> = said.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let place = words.iter().position(|other| *other == word).unwrap();
    words[place - 1].parse().unwrap()
}

pub fn key() -> String {
    Key::generate(&Random::secure()).to_base64()
}

pub fn write_rows(path: &Path, rows: usize) {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let mut line = "platform,account,phone,email\n".to_owned();
    for row in 0..rows {
        file.write_all(line.as_bytes()).unwrap();
        line.clear();
        writeln!(line, "app,a{row},+86138{row:08},c{row}@example.com").unwrap();
    }
    file.write_all(line.as_bytes()).unwrap();
}

fn import(csv: &Path, port: u16, folder: &Path, name: &str) -> Process {
    let mut command = Process::binary("segue");
    command.args(["accounts", "import", "--import-id", NAME, "--selector"]);
    command.arg(format!("http://127.0.0.1:{port}")).arg(csv);
    Process::start(command, folder, &format!("{name}-import"))
}

/// Resident memory; 0 for a process that has just ended.
fn memory_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.map_or(0, |line| line.trim().trim_end_matches(" kB").parse().unwrap())
}

/// How to start the service.
#[derive(Clone)]
pub struct Service<'a> {
    pub url: String,
    pub key: String,
    pub port: u16,
    pub folder: &'a Path,
}

pub struct Started<'a> {
    of: Service<'a>,
    pub process: Process,
    pub client: Client,
}

impl<'a> Service<'a> {
    pub async fn start(self) -> Started<'a> {
        let mut command = Process::binary("platform-selector");
        command
            .env("SEGUE_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("SEGUE_DATABASE_URL", &self.url)
            .env("SEGUE_DIRECTORY_KEY", &self.key);
        let process = Process::start(command, self.folder, "selector");
        let port = self.port;
        wait_for("the selector", || async move {
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap();
        Started { of: self, process, client: Client::new(endpoint.connect_lazy()) }
    }
}

impl Started<'_> {
    async fn create(&self, platform: &str) {
        let platform = Platform { id: platform.to_owned(), ..Platform::default() };
        let request = CreatePlatformRequest { request_id: request_id(), platform: Some(platform) };
        self.client.clone().create_platform(request).await.unwrap();
    }

    async fn through_line(&self, importer: &Process) -> i64 {
        let said = importer.log();
        let id = said.lines().find_map(|line| line.strip_prefix("import id "));
        let request = GetImportRequest { import_id: id.unwrap_or_default().to_owned() };
        let answer = self.client.clone().get_import(request).await;
        answer.map_or(0, |answer| answer.into_inner().through_line)
    }

    async fn reaches(&self, importer: &Process, row: usize) {
        let line = i64::try_from(row).unwrap();
        loop {
            if self.through_line(importer).await >= line {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}
