//! The operations port: health (with reflection for it alone) over gRPC and metrics over HTTP, in plain text and for everybody who reaches it. The kubelet
//! and Prometheus have no identity that the gRPC port would take, and nothing on it is personal.
//!
//! It is there from before the services are until after they have ended, so that their draining is seen.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, extract::State, http::StatusCode, http::header, response::IntoResponse, routing::get};
use prometheus::{Registry, TextEncoder};
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tonic::service::{Routes, RoutesBuilder};

use crate::{
    BootError, Running, Stop,
    http::{self, HttpLimits, Versions},
    protocol::{HEALTH_DESCRIPTORS, Health, add_reflection},
};

/// Scrapers keep connections open; they are not waited for longer than this.
const END_LIMIT: Duration = Duration::from_millis(500);
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Probes and scrapers are few, and have little to say.
const MAX_CONNECTIONS: usize = 256;
const MAX_CONNECTIONS_PER_NETWORK: usize = 64;
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The operations port of a process, or none.
#[derive(Debug)]
pub struct Operations {
    bound: Option<(TcpListener, Registry)>,
    /// Where it is.
    pub address: Option<SocketAddr>,
    serving: Option<JoinHandle<()>>,
    stop: Stop,
}

impl Operations {
    /// There is none.
    pub(crate) fn none() -> Self {
        Self { bound: None, address: None, serving: None, stop: Stop::new() }
    }

    pub(crate) async fn bind(listen: SocketAddr, registry: Registry) -> Result<Self, BootError> {
        let failed = |error: std::io::Error| BootError::Bind(listen, error);
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { bound: Some((listener, registry)), address: Some(address), ..Self::none() })
    }

    /// Serves, with the health of all services of the process.
    pub async fn serve(&mut self, services: &[Running]) -> Result<(), BootError> {
        let (Some((listener, registry)), Some(address)) = (self.bound.take(), self.address) else {
            return Ok(());
        };
        let followed = services.iter().map(|running| running.health.clone()).collect();
        let health = Health::of_all(followed, self.stop.clone()).await;
        let pages = Router::new().route("/metrics", get(metrics)).with_state(registry);
        let mut routes = RoutesBuilder::from(Routes::from(pages));
        routes.add_service(health.service());
        add_reflection(&mut routes, &[], HEALTH_DESCRIPTORS)?;
        let limits = HttpLimits::new(MAX_CONNECTIONS, MAX_CONNECTIONS_PER_NETWORK, MAX_BODY_BYTES);
        let router = routes.routes().into_axum_router();
        let stop = self.stop.clone();
        tracing::info!(%address, "serving operations");
        self.serving = Some(tokio::spawn(http::serve(listener, router, Versions::OneAndTwo, limits, stop)));
        Ok(())
    }

    /// Ends it, once the services have ended.
    pub async fn end(self) {
        self.stop.now();
        if let Some(mut serving) = self.serving
            && timeout(END_LIMIT, &mut serving).await.is_err()
        {
            serving.abort();
        }
    }
}

async fn metrics(State(registry): State<Registry>) -> impl IntoResponse {
    match TextEncoder::new().encode_to_string(&registry.gather()) {
        Ok(text) => (StatusCode::OK, [(header::CONTENT_TYPE, TEXT_FORMAT)], text),
        Err(error) => {
            tracing::error!(%error, "metrics can't be written");
            (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, TEXT_FORMAT)], String::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };

    use super::*;

    #[tokio::test]
    async fn a_head_that_never_ends_is_given_up() {
        let mut operations = Operations::bind(([127, 0, 0, 1], 0).into(), Registry::new()).await.unwrap();
        operations.serve(&[]).await.unwrap();
        let ask = async |head: &str| {
            let mut stream = TcpStream::connect(operations.address.unwrap()).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut answer = String::new();
            let read = timeout(segue_testkit::WAIT, stream.read_to_string(&mut answer));
            drop(read.await.expect("stays open"));
            answer
        };
        assert!(ask("GET /metrics HTTP/1.0\r\n\r\n").await.starts_with("HTTP/1.0 200"));
        assert!(!ask("GET /metrics HTTP/1.1\r\nx: ").await.contains("200"));
        operations.end().await;
    }
}
