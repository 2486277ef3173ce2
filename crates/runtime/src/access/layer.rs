use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use http::{Request, Response};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use super::{CALLER, Gate, Known, message, table, takes_one_message, watch};
use crate::{
    Refusal,
    methods::{self, Class, Method},
    overload::{Load, Reservation},
    seldom::Seldom,
    tls::Accepted,
};

/// Looks at who calls and at what is said, and receives the message. Without a gate everybody may do everything, which the
/// server allows on loopback or behind a sidecar only.
#[derive(Clone)]
pub(crate) struct AccessLayer {
    pub(crate) gate: Option<Arc<Gate>>,
    pub(crate) load: Load,
}

impl<S> Layer<S> for AccessLayer {
    type Service = Access<S>;

    fn layer(&self, inner: S) -> Access<S> {
        Access { inner, gate: self.gate.clone(), load: self.load.clone() }
    }
}

#[derive(Clone)]
pub(crate) struct Access<S> {
    inner: S,
    gate: Option<Arc<Gate>>,
    load: Load,
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
        let (gate, load) = (self.gate.clone(), self.load.clone());
        // The ready service is the one to call; its clone waits for the next call.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            // What the call takes of the memory for messages is free again when its handler is done.
            let Passed { request, caller, _reserved } = match pass(gate.as_ref(), &load, request).await {
                Ok(passed) => passed,
                Err(refusal) => return Ok(refused(refusal)),
            };
            let again = gate.and_then(|gate| watch::Again::of(gate, &request));
            let response = CALLER.scope(caller, inner.call(request)).await?;
            Ok(match again {
                Some(again) => again.over(response),
                None => response,
            })
        })
    }
}

/// A call that may go on.
struct Passed {
    request: Request<Body>,
    caller: Known,
    _reserved: Option<Reservation>,
}

/// By who it is first: nothing is received of those who may not call.
async fn pass(gate: Option<&Arc<Gate>>, load: &Load, request: Request<Body>) -> Result<Passed, Refusal> {
    let path = request.uri().path().to_owned();
    let caller = match gate {
        Some(gate) if !table::is_open(&path) => {
            Some(gate.caller(&path, request.headers(), request.extensions().get::<Accepted>()).await?)
        }
        _ => None,
    };
    let known = caller.as_ref().map(Known::of).unwrap_or_default();
    if !takes_one_message(&request) {
        return Ok(Passed { request, caller: known, _reserved: None });
    }
    let method = methods::of_path(&path);
    let mut reserved = reserve(load, method, &request)?;
    let most_bytes = method.map_or(methods::SMALL_MESSAGE_BYTES, |method| method.most_bytes);
    let mut request = message::receive(request, most_bytes, &mut reserved).await?;
    if let (Some(gate), Some(caller)) = (gate, caller)
        && let Some(pending) = gate.look(&path, caller, request.body())?
    {
        request.extensions_mut().insert(pending);
    }
    Ok(Passed { request: message::whole(request), caller: known, _reserved: Some(reserved) })
}

fn reserve(load: &Load, method: Option<Method>, request: &Request<Body>) -> Result<Reservation, Refusal> {
    let class = method.map_or(Class::Bulk, |method| method.class);
    let accepted = request.extensions().get::<Accepted>();
    let connection = accepted.map(|accepted| accepted.memory.clone()).unwrap_or_default();
    let header_bytes = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    Reservation::begin(load, connection, class, header_bytes)
}

static TOLD: Seldom = Seldom::new();

/// The answer to a refused call. Whoever is refused again and again must not fill the log.
pub(super) fn refused(refusal: Refusal) -> Response<Body> {
    if let Some(untold) = TOLD.now() {
        tracing::info!(reason = refusal.reason().as_str_name(), untold, "a caller was refused");
    }
    Status::from(refusal).into_http()
}
