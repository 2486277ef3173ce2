use std::{future::Future, sync::Arc};

use http::{HeaderMap, Request, Response};
use segue_core::CallerId;
use segue_proto::common::v1::ErrorReason;
use tonic::{Code, Status, body::Body};

use super::{Authorizer, Pending, message, recheck::Recheck, table, takes_one_message};
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
pub(crate) struct Access {
    pub(crate) authorizer: Option<Arc<Authorizer>>,
    pub(crate) refusals: Refusals,
}

impl Access {
    /// Checks a call, and has it answered if it is let through.
    pub(crate) async fn around<F, E>(
        &self,
        load: &Arc<Load>,
        request: Request<Body>,
        next: impl FnOnce(Request<Body>) -> F,
    ) -> Result<Response<Body>, E>
    where
        F: Future<Output = Result<Response<Body>, E>>,
    {
        let authorizer = self.authorizer.as_ref();
        let method = methods::of_path(request.uri().path());
        let (headers, accepted) = (request.headers(), request.extensions().get::<Accepted>());
        let known = match known(authorizer, request.uri().path(), headers, accepted).await {
            Ok(known) => known,
            Err(refusal) => {
                let response = refused(refusal);
                self.refusals.look(&CallerId::unauthenticated(), method, &response);
                return Ok(response);
            }
        };
        let caller = known.as_ref().map(known_of).unwrap_or_default();
        // The reserved memory for messages is free again when the handler has ended.
        let (response, recheck) = match pass(authorizer, load, known, method, request).await {
            Ok(Passed { request, _reserved }) => {
                let recheck = authorizer.and_then(|authorizer| Recheck::of(authorizer, &request));
                (CALLER.scope(caller.clone(), next(request)).await?, recheck)
            }
            Err(refusal) => (refused(refusal), None),
        };
        let response = told(response);
        self.refusals.look(&caller.id, method, &response);
        Ok(match recheck {
            Some(recheck) => recheck.over(response),
            None => response,
        })
    }

    /// Looks up the owner of the thing that a call is about, where the decision depends on it, and has the call answered if it is let
    /// through.
    pub(crate) async fn around_owned<F, E>(
        &self,
        request: Request<Body>,
        next: impl FnOnce(Request<Body>) -> F,
    ) -> Result<Response<Body>, E>
    where
        F: Future<Output = Result<Response<Body>, E>>,
    {
        if let (Some(authorizer), Some(pending)) = (&self.authorizer, request.extensions().get::<Pending>())
            && let Err(refusal) = authorizer.ask(pending).await
        {
            return Ok(refused(refusal));
        }
        next(request).await
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
    load: &Arc<Load>,
    caller: Option<Caller>,
    method: Option<Method>,
    request: Request<Body>,
) -> Result<Passed, Refusal> {
    if let (Some(authorizer), Some(caller)) = (authorizer, &caller) {
        authorizer.let_through(request.uri().path(), caller)?;
    }
    let class = method.map_or(Class::Bulk, |method| method.class);
    if let Some(caller) = &caller
        && let Some(place) = request.extensions().get::<Accepted>().and_then(|from| from.place.upgrade())
    {
        load.name(&place, caller.id(), class)?;
    }
    if !takes_one_message(&request) {
        return Ok(Passed { request, _reserved: None });
    }
    let mut reserved = reserve(load, class, &request)?;
    let most_bytes = method.map_or(methods::SMALL_MESSAGE_BYTES, |method| method.most_bytes);
    let mut request = message::receive(request, most_bytes, &mut reserved).await?;
    if let (Some(authorizer), Some(caller)) = (authorizer, caller)
        && let Some(pending) = authorizer.look(request.uri().path(), caller, request.body())?
    {
        request.extensions_mut().insert(pending);
    }
    Ok(Passed { request: message::whole(request), _reserved: Some(reserved) })
}

fn reserve(load: &Arc<Load>, class: Class, request: &Request<Body>) -> Result<Reservation, Refusal> {
    let accepted = request.extensions().get::<Accepted>();
    let connection = accepted.map(|accepted| accepted.memory.clone()).unwrap_or_default();
    Reservation::begin(load, connection, class, bytes_of(request.headers()))
}

fn bytes_of(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
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
fn refused(refusal: Refusal) -> Response<Body> {
    if let Some(untold) = LOG_THROTTLE.admit() {
        tracing::info!(reason = refusal.reason().as_str_name(), untold, "a caller was refused");
    }
    Status::from(refusal).into_http()
}
