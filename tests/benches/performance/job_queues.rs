//! What others do on the same machine in the same round: job queues of Node.js, whose jobs are kept on the disk before they count, in
//! the closed loop of `queues/loop.mjs`.

use std::{path::Path, process::Stdio, time::Duration};

use segue_testkit::{Process, free_port, repository};
use segue_tests::performance::{Engine, Subject};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::{
    bench::{Bench, Case},
    callers::Counted,
    system::System,
};

/// How long one may take to start.
const START: Duration = Duration::from_secs(30);
/// How long a measurement may take beyond its time.
const PATIENCE: Duration = Duration::from_secs(30);

/// One queue, in a process of its own.
pub struct JobQueue {
    name: &'static str,
    engine: Engine,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// Ends with its handle.
    _child: Child,
    _redis: Option<Process>,
}

/// A line of the loop.
#[derive(Deserialize)]
struct Measured {
    seconds: f64,
    took: Vec<f64>,
}

/// Starts those that can be had; each with a database of its own on the server of a system.
pub async fn start(bench: &mut Bench, system: &System) -> Vec<JobQueue> {
    let folder = repository().join("tests/benches/performance/queues");
    let mut queues = vec![];
    if !folder.join("node_modules").is_dir() || !is_there("node") {
        bench.skip("graphile-worker, pg-boss and BullMQ", "Node.js or the packages are not there");
        return queues;
    }
    let databases = &system.processes.databases;
    let callers = bench.plan.callers;
    for (name, script) in [("graphile-worker", "graphile-worker.mjs"), ("pg-boss", "pg-boss.mjs")] {
        let setting = ("DATABASE_URL", databases.create());
        queues.push(JobQueue::start(name, &folder.join(script), setting, callers, None).await);
    }
    if is_there("redis-server") {
        let port = free_port();
        let redis = redis(port, databases.directory()).await;
        let setting = ("REDIS_PORT", port.to_string());
        queues
            .push(JobQueue::start("BullMQ", &folder.join("bullmq.mjs"), setting, callers, Some(redis)).await);
    } else {
        bench.skip("BullMQ", "redis-server is not there");
    }
    queues
}

/// Measures each once.
pub async fn measure(bench: &mut Bench, queues: &mut [JobQueue]) {
    for queue in queues {
        queue.run(bench.plan.times.warm_up).await;
        let counted = queue.run(bench.plan.times.window).await;
        let subject = Subject::Peer { name: queue.name.to_owned() };
        let case = Case { subject, engine: Some(queue.engine), replicas: 1, callers: bench.plan.callers };
        bench.record(case, Default::default(), &counted);
    }
}

impl JobQueue {
    async fn start(
        name: &'static str,
        script: &Path,
        setting: (&str, String),
        callers: usize,
        redis: Option<Process>,
    ) -> Self {
        let mut command = Command::new("node");
        command.arg(script).env(setting.0, setting.1).env("CALLERS", callers.to_string());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let engine = if redis.is_some() { Engine::Redis } else { Engine::Postgres };
        let mut this = Self { name, engine, input, output, _child: child, _redis: redis };
        while this.line(START).await != "ready" {}
        this
    }

    async fn run(&mut self, time: Duration) -> Counted {
        self.input.write_all(format!("{}\n", time.as_millis()).as_bytes()).await.unwrap();
        let line = self.line(time + PATIENCE).await;
        let Measured { seconds, took } = serde_json::from_str(&line).unwrap();
        Counted::of(Duration::from_secs_f64(seconds), took)
    }

    async fn line(&mut self, patience: Duration) -> String {
        let line = tokio::time::timeout(patience, self.output.next_line()).await;
        let Ok(Ok(Some(line))) = line else { panic!("{} says nothing", self.name) };
        line
    }
}

/// Each write is on the disk before it is answered, as with PostgreSQL.
async fn redis(port: u16, folder: &Path) -> Process {
    let mut command = std::process::Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""]);
    command.args(["--appendonly", "yes", "--appendfsync", "always", "--dir"]).arg(folder);
    let process = Process::start(command, folder, "redis");
    segue_testkit::wait_for("redis", || async {
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
    })
    .await;
    process
}

fn is_there(program: &str) -> bool {
    let mut command = std::process::Command::new(program);
    let quiet = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
