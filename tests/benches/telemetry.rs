//! What telemetry costs: `cargo bench -p segue-tests --bench telemetry`.
//!
//! The router's cheapest call, GetAgent, with nothing sent, with traces, with metrics for Prometheus, and with all of it, each
//! by a process of its own that is this program again. They take turns in one run, so that what else the machine does meets
//! all. Calls per second depend on the callers' and the receiver's share of the machine too; the processor time that the
//! service itself takes for a call does not.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people, which may fail loudly")]

use std::{
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use fake_opentelemetry_collector::FakeCollectorServer;
use futures::future::join_all;
use priority_router::{Config, bind};
use segue_proto::router::v1::{
    Agent, GetAgentRequest, PutAgentRequest, priority_router_service_client::PriorityRouterServiceClient,
};
use segue_testkit::{Databases, Process, Storage, free_port, request_id, wait_for_some};
use tonic::transport::{Channel, Endpoint};

const CHILD: &str = "SEGUE_BENCH_SERVICE";
const CALLERS: usize = 16;
const ROUNDS: usize = 5;
const WARM_UP: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_secs(3);

type Client = PriorityRouterServiceClient<Channel>;

/// One way to configure telemetry.
struct Variant {
    name: &'static str,
    /// Empty: no receiver.
    signals: &'static str,
    with_prometheus: bool,
}

const VARIANTS: [Variant; 4] = [
    Variant { name: "off", signals: "", with_prometheus: false },
    Variant { name: "metrics for Prometheus", signals: "", with_prometheus: true },
    Variant { name: "traces", signals: "traces", with_prometheus: false },
    Variant { name: "traces, metrics and logs", signals: "traces,metrics,logs", with_prometheus: true },
];

struct Service {
    process: Process,
    client: Client,
}

fn main() -> ExitCode {
    if std::env::var_os(CHILD).is_some() {
        // The settings are in the environment; cargo's own flag is none of them.
        return segue_runtime::main("priority-router", Config::SETTINGS, Config::read, bind);
    }
    tokio::runtime::Runtime::new().unwrap().block_on(compare());
    ExitCode::SUCCESS
}

async fn compare() {
    let mut receiver = FakeCollectorServer::start().await.unwrap();
    let endpoint = receiver.endpoint();
    tokio::spawn(async move {
        loop {
            let wait = Duration::from_millis(5);
            drop(receiver.exported_spans(1, wait).await);
            drop(receiver.exported_metrics(1, wait).await);
            drop(receiver.exported_logs(1, wait).await);
        }
    });
    let databases = Databases::start(Storage::SqliteFile);
    let mut services = vec![];
    for variant in &VARIANTS {
        services.push(Service::start(variant, &databases, &endpoint).await);
    }
    let mut measured = vec![vec![]; VARIANTS.len()];
    for _ in 0..ROUNDS {
        for (service, measured) in services.iter().zip(&mut measured) {
            measured.push(service.measure().await);
        }
    }
    println!("{:<26} {:>9} {:>6} {:>12} {:>6}", "telemetry", "calls/s", "ratio", "cpu us/call", "ratio");
    let off = median(&measured[0]);
    for (variant, measured) in VARIANTS.iter().zip(&measured) {
        let (rate, cpu) = median(measured);
        println!("{:<26} {rate:>9.0} {:>6.2} {cpu:>12.1} {:>6.2}", variant.name, rate / off.0, cpu / off.1);
    }
}

impl Service {
    async fn start(variant: &Variant, databases: &Databases, endpoint: &str) -> Self {
        let port = free_port();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env_clear().env(CHILD, "1").env("SEGUE_LISTEN", format!("127.0.0.1:{port}"));
        command.env("SEGUE_DATABASE_URL", databases.create()).env("SEGUE_LOG", "info");
        if !variant.signals.is_empty() {
            command.env("SEGUE_OTLP_ENDPOINT", endpoint).env("SEGUE_OTLP_SIGNALS", variant.signals);
        }
        if variant.with_prometheus {
            command.env("SEGUE_OPERATIONS_LISTEN", "127.0.0.1:0");
        }
        let process = Process::start(command, databases.directory(), variant.signals);
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap().tcp_nodelay(true);
        let channel = wait_for_some("the service", || async { endpoint.connect().await.ok() }).await;
        let mut client = PriorityRouterServiceClient::new(channel);
        let agent = Some(Agent { id: "A1".to_owned(), ..Agent::default() });
        client.put_agent(PutAgentRequest { request_id: request_id(), agent }).await.unwrap();
        Self { process, client }
    }

    /// Calls per second, and the service's microseconds of processor for one.
    async fn measure(&self) -> (f64, f64) {
        call_for(&self.client, WARM_UP).await;
        let (began, cpu) = (Instant::now(), self.process.cpu_seconds());
        let calls = f64::from(call_for(&self.client, MEASURED).await);
        let cpu = self.process.cpu_seconds() - cpu;
        (calls / began.elapsed().as_secs_f64(), cpu * 1e6 / calls)
    }
}

async fn call_for(client: &Client, time: Duration) -> u32 {
    let end = Instant::now() + time;
    let callers = (0..CALLERS).map(|_| {
        let mut client = client.clone();
        tokio::spawn(async move {
            let mut calls = 0_u32;
            while Instant::now() < end {
                client.get_agent(GetAgentRequest { id: "A1".to_owned() }).await.unwrap();
                calls += 1;
            }
            calls
        })
    });
    join_all(callers).await.into_iter().map(Result::unwrap).sum()
}

fn median(measured: &[(f64, f64)]) -> (f64, f64) {
    let middle = |pick: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = measured.iter().map(pick).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    (middle(|one| one.0), middle(|one| one.1))
}
