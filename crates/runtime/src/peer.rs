//! Clients of other services: connections that heal themselves, the trace and the deadline handed on.

use std::{str::FromStr, time::Duration};

use segue_proto::common::v1::ErrorReason;
use tokio::time::Instant;
use tonic::{
    Request, Status,
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;

use crate::{Refusal, incoming::DEADLINE, trace_context};

/// What one call to another service may take when the caller leaves more.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Kept back from the caller's deadline, to answer it in time.
const ANSWER_MARGIN: Duration = Duration::from_millis(50);

/// A channel to a service. Cloning is cheap and shares the connection.
pub type Peer = InterceptedService<Channel, Outgoing>;

/// The address of a service.
#[derive(Debug, Clone)]
pub struct PeerUri(Endpoint);

impl FromStr for PeerUri {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let endpoint = Endpoint::from_shared(text.to_owned()).map_err(|_| "is not a URI".to_owned())?;
        match endpoint.uri().scheme_str() {
            Some("http") => Ok(Self(endpoint)),
            _ => Err("must be of the form http://HOST:PORT".to_owned()),
        }
    }
}

impl PeerUri {
    /// A channel for calls. It connects when it's first used, and again whenever it has to.
    pub fn connect(&self) -> Peer {
        InterceptedService::new(self.channel(), Outgoing { limit: Some(CALL_TIMEOUT) })
    }

    /// A channel for long streams: a connection of its own, since a connection with an open stream is kept even when its
    /// server is going away.
    pub fn connect_for_streams(&self) -> Peer {
        InterceptedService::new(self.channel(), Outgoing { limit: None })
    }

    fn channel(&self) -> Channel {
        self.0
            .clone()
            .connect_timeout(Duration::from_secs(2))
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(5))
            .keep_alive_while_idle(true)
            .connect_lazy()
    }
}

/// Hands on the trace and what is left of the deadline.
#[derive(Debug, Clone)]
pub struct Outgoing {
    limit: Option<Duration>,
}

impl Interceptor for Outgoing {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(limit) = self.limit {
            let left = DEADLINE
                .try_with(|deadline| {
                    deadline.saturating_duration_since(Instant::now()).saturating_sub(ANSWER_MARGIN)
                })
                .unwrap_or(limit);
            request.set_timeout(left.min(limit));
        }
        let mut headers = http::HeaderMap::new();
        trace_context::inject(&mut headers);
        for (name, value) in &headers {
            if let (Ok(key), Ok(value)) = (
                tonic::metadata::AsciiMetadataKey::from_str(name.as_str()),
                tonic::metadata::AsciiMetadataValue::try_from(value.as_bytes()),
            ) {
                request.metadata_mut().insert(key, value);
            }
        }
        Ok(request)
    }
}

/// Whether one of our own services refused the call for good. A proxy between may answer with any code, but not with one
/// of our reasons.
pub fn is_refusal(status: &Status) -> bool {
    crate::reason_of(status).is_some() && !is_unsettled(status)
}

/// Whether a failed call may have been made, or may work later: anything but a clear refusal by the receiver.
pub fn is_unsettled(status: &Status) -> bool {
    use tonic::Code;
    !matches!(
        status.code(),
        Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Unauthenticated
    )
}

/// Hands a service's own refusal on, its fields renamed to ours; anything else means that it doesn't answer.
pub fn relay(status: Status, service: &'static str, renamed_fields: &[(&str, &str)]) -> Status {
    if !is_refusal(&status) {
        tracing::warn!(service, code = ?status.code(), "a service that is needed does not answer");
        return unavailable(service).into();
    }
    let mut details = status.get_error_details();
    let violations = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
    if !violations.is_empty() {
        details.set_bad_request(Vec::new());
        for violation in violations {
            let renamed = renamed_fields.iter().find(|(theirs, _)| *theirs == violation.field);
            let field = renamed.map_or(violation.field, |(_, ours)| (*ours).to_owned());
            details.add_bad_request_violation(field, violation.description);
        }
    }
    Status::with_error_details(status.code(), status.message(), details)
}

/// What a caller of ours is told when a service that we need doesn't answer.
pub fn unavailable(service: &'static str) -> Refusal {
    Refusal::new(ErrorReason::DependencyUnavailable, format!("{service} does not answer"))
        .metadata("service", service)
}
