use std::{net::SocketAddr, process::Command};

use segue_testkit::{Databases, Process, Storage, free_port, wait_for};
use tokio::net::TcpStream;

/// Two processes of the router on one database.
pub struct Replicas {
    url: String,
    ports: [u16; 2],
    processes: [Process; 2],
    databases: Databases,
}

impl Replicas {
    pub async fn start() -> Self {
        let databases = Databases::start(Storage::Postgres);
        let (url, ports) = (databases.create(), [free_port(), free_port()]);
        // One after the other, as both would make the schema.
        let first = serve(&databases, &url, ports[0]).await;
        let second = serve(&databases, &url, ports[1]).await;
        Self { url, ports, processes: [first, second], databases }
    }

    pub fn addresses(&self) -> [SocketAddr; 2] {
        self.ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
    }

    pub fn kill(&mut self, replica: usize) {
        self.processes[replica].kill();
    }

    pub async fn restart(&mut self, replica: usize) {
        self.processes[replica] = serve(&self.databases, &self.url, self.ports[replica]).await;
    }
}

async fn serve(databases: &Databases, url: &str, port: u16) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_priority-router"));
    command
        .env_clear()
        .env("SEGUE_DATABASE_URL", url)
        .args(["--listen", &format!("127.0.0.1:{port}"), "--decline-back-off-seconds=0"])
        // A desk finds the other replica long before.
        .args(["--lease-seconds=60", "--log=warn"]);
    let process = Process::start(command, databases.directory(), &format!("router-{port}"));
    wait_for("a replica to listen", || async { TcpStream::connect(("127.0.0.1", port)).await.is_ok() }).await;
    process
}
