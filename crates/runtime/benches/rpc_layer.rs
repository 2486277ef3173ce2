//! What the layers of a server cost a call: `cargo bench -p segue-runtime --bench rpc_layer`.
//!
//! One handler, which answers from memory, is served by the server library alone (`bare`) and by [`Server`], without telemetry, with
//! metrics and with traces; each by a process of its own that is this program again. It answers at once, or after a hop through another
//! task, as a read does that asks a decider or a database. The servers take turns in one run, so that what else the machine does meets
//! all. Calls per second depend on the callers' share of the machine too; the processor time that a server takes for a call does not.
//!
//! `SEGUE_BENCH_CALLS=2000` makes so many calls of each kind instead of measuring, and `SEGUE_BENCH_UNDER="valgrind --tool=memcheck"` starts
//! the servers under a tool whose counts (allocations, instructions) their logs then show: the difference of two such runs is what
//! the calls took.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people, which may fail loudly")]

use std::{
    env,
    net::SocketAddr,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use futures::future::join_all;
use segue_proto::channel::v1::{
    CloseSessionRequest, FindAccountsRequest, FindAccountsResponse,
    channel_service_client::ChannelServiceClient,
};
use segue_runtime::{
    DATABASE_SETTINGS, MAX_MESSAGE_BYTES, Parts, Server, ServerConfig, read_database, settings::Setting,
};
use segue_store::{Database, Migrations};
use segue_testkit::{Adapter, Process, channel_service, free_port, wait_for_some};
use sqlx::migrate::Migrator;
use tokio::sync::{mpsc, oneshot};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

const MODE: &str = "SEGUE_BENCH_SERVE";
const BARE: &str = "bare";
const CONNECTIONS: usize = 4;
const CALLERS_PER_CONNECTION: usize = 4;
const ROUNDS: usize = 5;
const WARM_UP: Duration = Duration::from_millis(300);
const MEASURED: Duration = Duration::from_secs(2);
const LISTEN: &[Setting] = &[Setting::new("listen", "127.0.0.1:0", "where to serve")];

static NONE: Migrator = Migrator::DEFAULT;

type Client = ChannelServiceClient<Channel>;

/// The servers; the first is what the others are compared with.
const SERVERS: [&str; 4] = [BARE, "layers", "layers, metrics", "layers, traces"];
const KINDS: [Kind; 2] = [Kind::AtOnce, Kind::AfterHop];

#[derive(Debug, Clone, Copy)]
enum Kind {
    AtOnce,
    AfterHop,
}

fn main() -> ExitCode {
    match env::var(MODE) {
        Ok(mode) if mode == BARE => serve_bare(),
        Ok(_) => serve(),
        Err(_) => {
            tokio::runtime::Runtime::new().unwrap().block_on(compare());
            ExitCode::SUCCESS
        }
    }
}

/// Answers from memory.
#[derive(Clone)]
struct Memory {
    asks: mpsc::Sender<oneshot::Sender<()>>,
}

impl Memory {
    fn start() -> Self {
        let (asks, mut asked) = mpsc::channel::<oneshot::Sender<()>>(1024);
        tokio::spawn(async move {
            while let Some(answer) = asked.recv().await {
                answer.send(()).unwrap();
            }
        });
        Self { asks }
    }
}

impl Adapter for Memory {
    /// Answers after a hop through another task. A session is closed at once.
    async fn find_accounts(&self, _: FindAccountsRequest) -> Result<FindAccountsResponse, Status> {
        let (answer, answered) = oneshot::channel();
        self.asks.send(answer).await.unwrap();
        answered.await.unwrap();
        Ok(FindAccountsResponse::default())
    }
}

fn serve_bare() -> ExitCode {
    let address: SocketAddr = env::var("SEGUE_LISTEN").unwrap().parse().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let server = tonic::transport::Server::builder().add_service(channel_service(Memory::start()));
        let stop = segue_runtime::Stop::new();
        stop.on_signals().unwrap();
        server.serve_with_shutdown(address, stop.told()).await.unwrap();
    });
    ExitCode::SUCCESS
}

fn serve() -> ExitCode {
    segue_runtime::main(
        "bench",
        &[LISTEN, ServerConfig::SETTINGS, DATABASE_SETTINGS],
        |reader| Some((ServerConfig::read(reader), read_database(reader))).and_then(|(a, b)| a.zip(b)),
        async |(server, database), parts: Parts| {
            let database =
                Database::open(&database, Migrations { owner: "bench", sqlite: &NONE, postgres: &NONE })
                    .await?;
            let service = channel_service(Memory::start()).max_decoding_message_size(MAX_MESSAGE_BYTES);
            Server::new(database, &parts).service(service).start(&server).await
        },
    )
}

/// A server, with callers over some connections.
struct Served {
    process: Process,
    clients: Vec<Client>,
}

async fn compare() {
    let directory = tempfile::tempdir().unwrap();
    let mut servers = vec![];
    for name in SERVERS {
        servers.push(Served::start(name, directory.path()).await);
    }
    if let Ok(calls) = env::var("SEGUE_BENCH_CALLS") {
        count(servers, calls.parse().unwrap()).await;
        return;
    }
    println!(
        "{:<18} {:<8} {:>8} {:>6} {:>12} {:>6}",
        "server", "answers", "calls/s", "ratio", "cpu us/call", "ratio"
    );
    for kind in KINDS {
        let mut measured = vec![vec![]; SERVERS.len()];
        for _ in 0..ROUNDS {
            for (server, measured) in servers.iter().zip(&mut measured) {
                measured.push(server.measure(kind).await);
            }
        }
        let bare = median(&measured[0]);
        for (name, measured) in SERVERS.iter().zip(&measured) {
            let (rate, cpu) = median(measured);
            println!(
                "{name:<18} {kind:<8?} {rate:>8.0} {:>6.2} {cpu:>12.1} {:>6.2}",
                rate / bare.0,
                cpu / bare.1
            );
        }
    }
}

/// Makes so many calls of each kind, and prints what the tools say that the servers run under.
async fn count(servers: Vec<Served>, calls: usize) {
    for (name, mut server) in SERVERS.iter().zip(servers) {
        for kind in KINDS {
            for _ in 0..calls {
                call(&mut server.clients[0].clone(), kind).await;
            }
        }
        server.process.terminate();
        println!("{name}:\n{}", server.process.log());
    }
}

impl Served {
    async fn start(name: &str, directory: &std::path::Path) -> Self {
        let port = free_port();
        let program = env::current_exe().unwrap();
        let mut command = match env::var("SEGUE_BENCH_UNDER") {
            Ok(tool) => {
                let mut words = tool.split_whitespace();
                let mut command = Command::new(words.next().unwrap());
                command.args(words).arg(program);
                command
            }
            Err(_) => Command::new(program),
        };
        command.env(MODE, name).env("SEGUE_LISTEN", format!("127.0.0.1:{port}"));
        command.env("SEGUE_DATABASE_URL", "sqlite::memory:");
        if name.contains("metrics") {
            command.env("SEGUE_OPERATIONS_LISTEN", "127.0.0.1:0");
        }
        if name.contains("traces") {
            // Nobody is there: what is sent does not count, what is recorded does.
            let endpoint = format!("http://127.0.0.1:{}", free_port());
            command.env("SEGUE_OTLP_ENDPOINT", endpoint).env("SEGUE_OTLP_SIGNALS", "traces");
        }
        let process = Process::start(command, directory, name);
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap().tcp_nodelay(true);
        let mut clients = vec![];
        for _ in 0..CONNECTIONS {
            let channel = wait_for_some("the server", || async { endpoint.connect().await.ok() }).await;
            clients.push(Client::new(channel));
        }
        Self { process, clients }
    }

    /// Calls per second, and the server's microseconds of processor for one.
    async fn measure(&self, kind: Kind) -> (f64, f64) {
        self.call_for(kind, WARM_UP).await;
        let (began, cpu) = (Instant::now(), self.process.cpu_seconds());
        let calls = f64::from(self.call_for(kind, MEASURED).await);
        let cpu = self.process.cpu_seconds() - cpu;
        (calls / began.elapsed().as_secs_f64(), cpu * 1e6 / calls)
    }

    async fn call_for(&self, kind: Kind, time: Duration) -> u32 {
        let end = Instant::now() + time;
        let callers = self.clients.iter().cycle().take(CONNECTIONS * CALLERS_PER_CONNECTION).map(|client| {
            let mut client = client.clone();
            tokio::spawn(async move {
                let mut calls = 0_u32;
                while Instant::now() < end {
                    call(&mut client, kind).await;
                    calls += 1;
                }
                calls
            })
        });
        join_all(callers).await.into_iter().map(Result::unwrap).sum()
    }
}

async fn call(client: &mut Client, kind: Kind) {
    let platform = "app".to_owned();
    match kind {
        Kind::AtOnce => {
            let request = CloseSessionRequest { platform, ..Default::default() };
            client.close_session(request).await.unwrap();
        }
        Kind::AfterHop => {
            let request = FindAccountsRequest { platform, ..Default::default() };
            client.find_accounts(request).await.unwrap();
        }
    }
}

fn median(measured: &[(f64, f64)]) -> (f64, f64) {
    let middle = |pick: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = measured.iter().map(pick).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    (middle(|one| one.0), middle(|one| one.1))
}
