//! Replicas of the router as processes of their own.

use std::{net::SocketAddr, process::Command};

use segue_testkit::{Process, free_port, wait_for};
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::world::{Client, client};

/// The names that the health of a router goes by.
const NAMES: [&str; 2] = ["", "segue.router.v1.PriorityRouterService"];

pub struct Replica {
    pub process: Process,
    /// Where it takes calls.
    pub uri: String,
    pub client: Client,
    /// Of the calls' port and of the operations port.
    health: [HealthClient<Channel>; 2],
}

/// Replicas of one database, and the folder of their logs.
pub struct Replicas {
    pub all: Vec<Replica>,
    _folder: TempDir,
}

impl Replicas {
    pub async fn start(count: usize, url: &str, settings: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("segue-faults-").tempdir().unwrap();
        let mut all = vec![];
        for _ in 0..count {
            let replica = Replica::start(&folder, url, settings);
            // One after the other, as each would make the schema.
            wait_for("a replica to serve", || replica.says(true)).await;
            all.push(replica);
        }
        Self { all, _folder: folder }
    }

    pub fn clients(&self) -> Vec<Client> {
        self.all.iter().map(|replica| replica.client.clone()).collect()
    }
}

impl Replica {
    /// Starts one, and does not wait until it serves.
    pub fn start(folder: &TempDir, url: &str, settings: &[&str]) -> Self {
        let [listen, operations] =
            [free_port(), free_port()].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let mut command = Command::new(env!("CARGO_BIN_EXE_priority-router"));
        command
            .env_clear()
            .env("SEGUE_DATABASE_URL", url)
            .args([format!("--listen={listen}"), format!("--operations-listen={operations}")])
            .arg("--log=warn")
            .args(settings);
        let process = Process::start(command, folder.path(), &format!("router-{}", listen.port()));
        let health = [listen, operations].map(|address| {
            let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
            HealthClient::new(endpoint.connect_lazy())
        });
        let uri = format!("http://{listen}");
        Self { process, client: client(&uri), uri, health }
    }

    /// Whether both ports say of the process and of the service that it serves, or that it does not.
    pub async fn says(&self, is_serving: bool) -> bool {
        let expected = if is_serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        for health in &self.health {
            for name in NAMES {
                let request = HealthCheckRequest { service: name.to_owned() };
                let answer =
                    tokio::time::timeout(crate::world::PAUSE * 20, health.clone().check(request)).await;
                if !matches!(answer, Ok(Ok(status)) if status.get_ref().status() == expected) {
                    return false;
                }
            }
        }
        true
    }
}
