use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use http::{Request, Response};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use super::Gate;

/// Asks the gate about each call. Without a gate everybody may do everything, which the server allows on loopback or
/// behind a sidecar only.
#[derive(Clone)]
pub(crate) struct AccessLayer(Option<Arc<Gate>>);

impl AccessLayer {
    pub(crate) fn new(gate: Option<Gate>) -> Self {
        Self(gate.map(Arc::new))
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = Access<S>;

    fn layer(&self, inner: S) -> Access<S> {
        Access { inner, gate: self.0.clone() }
    }
}

#[derive(Clone)]
pub(crate) struct Access<S> {
    inner: S,
    gate: Option<Arc<Gate>>,
}

impl<S> Service<Request<Body>> for Access<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Some(gate) = self.gate.clone() else { return Box::pin(self.inner.call(request)) };
        // The ready service is the one to call; its clone waits for the next call.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            match gate.pass(request).await {
                Ok(request) => inner.call(request).await,
                Err(refusal) => {
                    tracing::info!(reason = refusal.reason().as_str_name(), "a caller was refused");
                    Ok(Status::from(refusal).into_http())
                }
            }
        })
    }
}
