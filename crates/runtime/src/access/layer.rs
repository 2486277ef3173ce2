use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use segue_core::CallerId;
use segue_proto::common::v1::ErrorReason;
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};

use super::{Gate, message, table, takes_one_message, watch};
use crate::{
    Refusal,
    audit::Refusals,
    caller::{CALLER, Known},
    identity::Caller,
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
    pub(crate) refusals: Refusals,
}

impl<S> Layer<S> for AccessLayer {
    type Service = Access<S>;

    fn layer(&self, inner: S) -> Access<S> {
        let Self { gate, load, refusals } = self.clone();
        Access { inner, gate, load, refusals }
    }
}

#[derive(Clone)]
pub(crate) struct Access<S> {
    inner: S,
    gate: Option<Arc<Gate>>,
    load: Load,
    refusals: Refusals,
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
        let (gate, load, refusals) = (self.gate.clone(), self.load.clone(), self.refusals.clone());
        // The ready service is the one to call; its clone waits for the next call.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            let (headers, accepted) = (request.headers(), request.extensions().get::<Accepted>());
            let known = match known(gate.as_ref(), &path, headers, accepted).await {
                Ok(known) => known,
                Err(refusal) => {
                    let response = refused(refusal);
                    refusals.look(&CallerId::unauthenticated(), &path, &response);
                    return Ok(response);
                }
            };
            let caller = known.as_ref().map(known_of).unwrap_or_default();
            // What the call takes of the memory for messages is free again when its handler is done.
            let passed = pass(gate.as_ref(), &load, known, request).await;
            let (response, again) = match passed {
                Ok(Passed { request, _reserved }) => {
                    let again = gate.and_then(|gate| watch::Again::of(gate, &request));
                    (CALLER.scope(caller.clone(), inner.call(request)).await?, again)
                }
                Err(refusal) => (refused(refusal), None),
            };
            let response = told(response);
            refusals.look(&caller.id, &path, &response);
            Ok(match again {
                Some(again) => again.over(response),
                None => response,
            })
        })
    }
}

/// What the handler may know of its caller.
fn known_of(caller: &Caller) -> Known {
    Known { id: caller.id(), is_platform_only: caller.is_platform_only(), administers: caller.administers() }
}

/// A call that may go on.
struct Passed {
    request: Request<Body>,
    _reserved: Option<Reservation>,
}

/// Who calls; none where that is not asked.
async fn known(
    gate: Option<&Arc<Gate>>,
    path: &str,
    headers: &HeaderMap,
    accepted: Option<&Accepted>,
) -> Result<Option<Caller>, Refusal> {
    match gate {
        Some(gate) if !table::is_open(path) => gate.caller(headers, accepted).await.map(Some),
        _ => Ok(None),
    }
}

/// By who it is first: nothing is received of those who may not call.
async fn pass(
    gate: Option<&Arc<Gate>>,
    load: &Load,
    caller: Option<Caller>,
    request: Request<Body>,
) -> Result<Passed, Refusal> {
    let path = request.uri().path().to_owned();
    if let (Some(gate), Some(caller)) = (gate, &caller) {
        gate.let_through(&path, caller)?;
    }
    let method = methods::of_path(&path);
    if let Some(caller) = &caller
        && let Some(place) = request.extensions().get::<Accepted>().and_then(|from| from.place.upgrade())
    {
        load.name(&place, caller.id(), method.map_or(Class::Bulk, |method| method.class))?;
    }
    if !takes_one_message(&request) {
        return Ok(Passed { request, _reserved: None });
    }
    let mut reserved = reserve(load, method, &request)?;
    let most_bytes = method.map_or(methods::SMALL_MESSAGE_BYTES, |method| method.most_bytes);
    let mut request = message::receive(request, most_bytes, &mut reserved).await?;
    if let (Some(gate), Some(caller)) = (gate, caller)
        && let Some(pending) = gate.look(&path, caller, request.body())?
    {
        request.extensions_mut().insert(pending);
    }
    Ok(Passed { request: message::whole(request), _reserved: Some(reserved) })
}

fn reserve(load: &Load, method: Option<Method>, request: &Request<Body>) -> Result<Reservation, Refusal> {
    let class = method.map_or(Class::Bulk, |method| method.class);
    let accepted = request.extensions().get::<Accepted>();
    let connection = accepted.map(|accepted| accepted.memory.clone()).unwrap_or_default();
    let header_bytes = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    Reservation::begin(load, connection, class, header_bytes)
}

/// Every refusal of ours has details. A status without any is the library's, and INTERNAL means that it could not decode the message.
fn told(response: Response<Body>) -> Response<Body> {
    match Status::from_header_map(response.headers()) {
        Some(status) if status.code() == Code::Internal && status.details().is_empty() => {
            let message = "the message can't be decoded as this method's request";
            Status::from(Refusal::new(ErrorReason::InvalidField, message)).into_http()
        }
        _ => response,
    }
}

static TOLD: Seldom = Seldom::new();

/// The answer to a refused call. Whoever is refused again and again must not fill the log.
pub(super) fn refused(refusal: Refusal) -> Response<Body> {
    if let Some(untold) = TOLD.now() {
        tracing::info!(reason = refusal.reason().as_str_name(), untold, "a caller was refused");
    }
    Status::from(refusal).into_http()
}
