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

use super::{Authorizer, message, recheck::Recheck, table, takes_one_message};
use crate::{
    Refusal,
    audit::Refusals,
    caller::{CALLER, Known},
    identity::Caller,
    log_throttle::LogThrottle,
    methods::{self, Class, Method},
    overload::{Load, Reservation},
    tls::Accepted,
};

/// Checks the caller and the request, and receives the message. Without an authorizer every caller may make every call, which the
/// server allows on loopback or behind a sidecar only.
#[derive(Clone)]
pub(crate) struct AccessLayer {
    pub(crate) authorizer: Option<Arc<Authorizer>>,
    pub(crate) load: Load,
    pub(crate) refusals: Refusals,
}

impl<S> Layer<S> for AccessLayer {
    type Service = Access<S>;

    fn layer(&self, inner: S) -> Access<S> {
        let Self { authorizer, load, refusals } = self.clone();
        Access { inner, authorizer, load, refusals }
    }
}

#[derive(Clone)]
pub(crate) struct Access<S> {
    inner: S,
    authorizer: Option<Arc<Authorizer>>,
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
        let (authorizer, load, refusals) =
            (self.authorizer.clone(), self.load.clone(), self.refusals.clone());
        // The ready service is the one to call; its clone waits for the next call.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            let (headers, accepted) = (request.headers(), request.extensions().get::<Accepted>());
            let known = match known(authorizer.as_ref(), &path, headers, accepted).await {
                Ok(known) => known,
                Err(refusal) => {
                    let response = refused(refusal);
                    refusals.look(&CallerId::unauthenticated(), &path, &response);
                    return Ok(response);
                }
            };
            let caller = known.as_ref().map(known_of).unwrap_or_default();
            // The reserved memory for messages is free again when the handler has ended.
            let passed = pass(authorizer.as_ref(), &load, known, request).await;
            let (response, recheck) = match passed {
                Ok(Passed { request, _reserved }) => {
                    let recheck = authorizer.and_then(|authorizer| Recheck::of(authorizer, &request));
                    (CALLER.scope(caller.clone(), inner.call(request)).await?, recheck)
                }
                Err(refusal) => (refused(refusal), None),
            };
            let response = told(response);
            refusals.look(&caller.id, &path, &response);
            Ok(match recheck {
                Some(recheck) => recheck.over(response),
                None => response,
            })
        })
    }
}

/// What the handler may know of its caller.
fn known_of(caller: &Caller) -> Known {
    Known { id: caller.id(), is_platform_only: caller.is_platform_only(), administers: caller.administers() }
}

/// A call that was let through.
struct Passed {
    request: Request<Body>,
    _reserved: Option<Reservation>,
}

/// Identifies the caller; none for methods that are open to all.
async fn known(
    authorizer: Option<&Arc<Authorizer>>,
    path: &str,
    headers: &HeaderMap,
    accepted: Option<&Accepted>,
) -> Result<Option<Caller>, Refusal> {
    match authorizer {
        Some(authorizer) if !table::is_open(path) => authorizer.caller(headers, accepted).await.map(Some),
        _ => Ok(None),
    }
}

/// Checks the caller before the message is received: nothing is received from a caller who may not make the call.
async fn pass(
    authorizer: Option<&Arc<Authorizer>>,
    load: &Load,
    caller: Option<Caller>,
    request: Request<Body>,
) -> Result<Passed, Refusal> {
    let path = request.uri().path().to_owned();
    if let (Some(authorizer), Some(caller)) = (authorizer, &caller) {
        authorizer.let_through(&path, caller)?;
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
    if let (Some(authorizer), Some(caller)) = (authorizer, caller)
        && let Some(pending) = authorizer.look(&path, caller, request.body())?
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

/// Replaces a status of the server library by a refusal. Every refusal has details; a status without any is the library's, and INTERNAL
/// means that it could not decode the message.
fn told(response: Response<Body>) -> Response<Body> {
    match Status::from_header_map(response.headers()) {
        Some(status) if status.code() == Code::Internal && status.details().is_empty() => {
            let message = "the message can't be decoded as this method's request";
            Status::from(Refusal::new(ErrorReason::InvalidField, message)).into_http()
        }
        _ => response,
    }
}

static LOG_THROTTLE: LogThrottle = LogThrottle::new();

/// The answer to a refused call. Repeated refusals must not fill the log.
pub(super) fn refused(refusal: Refusal) -> Response<Body> {
    if let Some(untold) = LOG_THROTTLE.admit() {
        tracing::info!(reason = refusal.reason().as_str_name(), untold, "a caller was refused");
    }
    Status::from(refusal).into_http()
}
