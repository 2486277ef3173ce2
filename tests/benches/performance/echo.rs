//! The yardstick: a bare server of the same library, in a process of its own as the services are.

use std::{path::Path, process::Command};

use segue_proto::channel::v1::{FindAccountsRequest, channel_service_client::ChannelServiceClient};
use segue_testkit::{Process, free_port, serve_adapter, wait_for_some};
use tonic::transport::{Channel, Endpoint};

use crate::callers::{self, Counted, Times};

/// Makes this program the server: the port.
const SERVER: &str = "SEGUE_BENCH_ECHO_PORT";
/// One connection takes many callers; several spread them over the server's threads. The services are called so, too.
pub const CONNECTIONS: usize = 4;

/// Serves, if this process was started to do so.
pub async fn serve_if_asked() -> bool {
    let Ok(port) = std::env::var(SERVER) else { return false };
    serve_adapter(segue_testkit::Echo, port.parse().unwrap()).await.1.await.unwrap();
    true
}

pub struct Echo {
    process: Process,
    clients: Vec<ChannelServiceClient<Channel>>,
}

impl Echo {
    pub async fn start(folder: &Path) -> Self {
        let port = free_port();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env_clear().env(SERVER, port.to_string());
        let process = Process::start(command, folder, "echo");
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap().tcp_nodelay(true);
        let mut clients = vec![];
        for _ in 0..CONNECTIONS {
            let channel = wait_for_some("the echo server", || async { endpoint.connect().await.ok() }).await;
            clients.push(ChannelServiceClient::new(channel));
        }
        Self { process, clients }
    }

    /// The processor time that the server has used before and after, and what was done.
    pub async fn measure(&self, callers: usize, times: Times) -> (f64, f64, Counted) {
        let clients = self.clients.clone();
        callers::measure(
            callers,
            times,
            async || self.process.cpu_seconds(),
            move |caller| {
                let mut client = clients[caller % clients.len()].clone();
                async move {
                    let request = FindAccountsRequest { platform: "chat".to_owned(), ..Default::default() };
                    client.find_accounts(request).await.map(drop)
                }
            },
        )
        .await
    }
}
