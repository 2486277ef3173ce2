//! The operations port: health (with reflection for it alone) over gRPC and metrics over HTTP, in plain text and for everybody who reaches it. The kubelet
//! and Prometheus have no identity that the gRPC port would take, and nothing on it is personal.
//!
//! It is there from before the services are until after they have ended, so that their draining is seen.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, extract::State, http::StatusCode, http::header, response::IntoResponse, routing::get};
use prometheus::{Registry, TextEncoder};
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tonic::{
    service::{Routes, RoutesBuilder},
    transport::{Server, server::TcpIncoming},
};

use crate::{
    BootError, Running, Stop,
    protocol::{HEALTH_DESCRIPTORS, Health, add_reflection},
};

/// Scrapers keep connections open; they are not waited for longer than this.
const END_LIMIT: Duration = Duration::from_millis(500);
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
const MOST_CALLS_PER_CONNECTION: u32 = 64;

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
        let told = self.stop.clone();
        tracing::info!(%address, "serving operations");
        self.serving = Some(tokio::spawn(async move {
            let served = Server::builder()
                .accept_http1(true)
                .max_concurrent_streams(MOST_CALLS_PER_CONNECTION)
                .add_routes(routes.routes())
                .serve_with_incoming_shutdown(TcpIncoming::from(listener), told.told());
            if let Err(error) = served.await {
                tracing::error!(%error, "the operations port failed");
            }
        }));
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
