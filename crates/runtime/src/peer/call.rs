//! What happens to one call.

use std::{net::SocketAddr, sync::Arc, sync::atomic::Ordering, time::Duration};

use http::{HeaderValue, Request, Response, request::Parts};
use http_body_util::{BodyExt as _, Full, Limited};
use segue_proto::common::v1::ErrorReason;
use tokio::time::{Instant, timeout_at};
use tonic::{Status, body::Body, codegen::Bytes};

use super::{
    breaker::Failing,
    failure::Failure,
    pool::{Held, Nobody, Pool},
};
use crate::{
    Refusal,
    incoming::{DEADLINE, requested_timeout},
    methods, trace_context,
};

/// Subtracted from the caller's deadline, so that the caller is answered in time.
const ANSWER_MARGIN: Duration = Duration::from_millis(50);
/// The most attempts of a call when it is unknown whether the one before was carried out.
const MOST_ATTEMPTS: u32 = 3;
/// The most attempts when the ones before were never sent, which cost their receivers nothing.
const MOST_UNSENT: u32 = 5;
/// The longest pause before the first retry; before the second it is twice as long. Pauses are random, so that the retries of several
/// calls don't arrive together.
const LONGEST_PAUSE_MS: u32 = 25;
/// How long a call waits for an endpoint before it fails.
const PATIENCE: Duration = Duration::from_millis(150);
/// How long a call waits for the first look-up of the name.
const LOOKUP_PATIENCE: Duration = Duration::from_secs(2);
/// How often a waiting call looks for an endpoint, besides when it is woken.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// The largest answer that is read for a call that can be retried; no client of Segue reads a larger one.
const LARGEST_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// Makes a call, with retries where its method allows them.
pub(super) async fn make(
    pool: Arc<Pool>,
    limit: Option<Duration>,
    request: Request<Body>,
) -> Result<Response<Body>, Status> {
    pool.follow();
    pool.budget.called();
    // The call may have a shorter timeout of its own.
    let wanted = limit.map(|limit| requested_timeout(request.headers()).unwrap_or(limit).min(limit));
    let call = Call { deadline: wanted.map(|limit| Instant::now() + left(limit)), pool };
    let (mut parts, body) = request.into_parts();
    trace_context::inject(&mut parts.headers);
    match methods::of_path(parts.uri.path()) {
        Some(method) if method.is_retryable() => {
            let message = body.collect().await?.to_bytes();
            call.repeatable(&parts, &message).await
        }
        _ => call.once(parts, body).await,
    }
}

/// The time left for the call: no more than its own caller waits.
fn left(limit: Duration) -> Duration {
    DEADLINE
        .try_with(|deadline| deadline.saturating_duration_since(Instant::now()).saturating_sub(ANSWER_MARGIN))
        .unwrap_or(limit)
        .min(limit)
}

struct Call {
    pool: Arc<Pool>,
    deadline: Option<Instant>,
}

impl Call {
    /// Makes a call whose body can be sent once: a stream, or a method without a row in `methods.rs`.
    async fn once(&self, parts: Parts, body: Body) -> Result<Response<Body>, Status> {
        let mut held = self.endpoint(&[]).await?;
        match self.attempt(&mut held, self.request(&parts, body)?).await {
            Ok(response) => {
                // A stream keeps its endpoint busy until it ends.
                Ok(response.map(|body| {
                    Body::new(body.map_frame(move |frame| {
                        let _busy = &held;
                        frame
                    }))
                }))
            }
            Err(Failure::Broken(status)) => Err(status),
            Err(Failure::Unsent) => Err(self.nobody(None).into()),
            Err(Failure::Late) => Err(late()),
        }
    }

    async fn repeatable(&self, parts: &Parts, message: &Bytes) -> Result<Response<Body>, Status> {
        let (mut sent, mut unsent, mut tried) = (0, 0, Vec::<SocketAddr>::new());
        loop {
            let mut held = self.endpoint(&tried).await?;
            let request = self.request(parts, Body::new(Full::new(message.clone())))?;
            match self.whole(&mut held, request).await {
                Ok(response) => return Ok(response),
                Err(Failure::Late) => return Err(late()),
                Err(Failure::Unsent) => {
                    unsent += 1;
                    if unsent >= MOST_UNSENT {
                        return Err(self.nobody(None).into());
                    }
                }
                Err(Failure::Broken(status)) => {
                    sent += 1;
                    if sent >= MOST_ATTEMPTS || !self.pool.budget.take_retry() {
                        return Err(status);
                    }
                    self.pool.counts.retries.fetch_add(1, Ordering::Relaxed);
                    self.pause(sent).await;
                }
            }
            tried.push(held.address());
        }
    }

    async fn pause(&self, retry: u32) {
        let millis = self.pool.random_below(LONGEST_PAUSE_MS << retry.min(4));
        tokio::time::sleep(Duration::from_millis(millis.into())).await;
    }

    /// Waits for an endpoint that takes the call; the error says why there was none in time.
    async fn endpoint(&self, tried: &[SocketAddr]) -> Result<Held, Status> {
        let start = Instant::now();
        loop {
            let Nobody { due } = match self.pool.pick(tried) {
                Ok(held) => return Ok(held),
                Err(nobody) => nobody,
            };
            let patience = if self.pool.has_looked_up() { PATIENCE } else { LOOKUP_PATIENCE };
            let end = self.deadline.map_or(start + patience, |deadline| deadline.min(start + patience));
            if Instant::now() >= end || due.is_some_and(|due| due > end) {
                return Err(self.nobody(due).into());
            }
            // The endpoints are looked at again, whether the call was woken or not.
            let _ = tokio::time::timeout(LOOK_AGAIN, self.pool.changed.notified()).await;
        }
    }

    fn nobody(&self, due: Option<Instant>) -> Refusal {
        self.pool.counts.failed_fast.fetch_add(1, Ordering::Relaxed);
        let refusal =
            Refusal::new(ErrorReason::DependencyUnavailable, "a service that is needed does not answer");
        match due {
            Some(due) => {
                let wait = due.saturating_duration_since(Instant::now()).max(PATIENCE);
                // The pause is random, so that waiting calls don't all look at the same moment.
                let jitter = self.pool.random_below(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX));
                refusal.retry_after(wait + Duration::from_millis(jitter.into()))
            }
            None => refusal,
        }
    }

    fn request(&self, parts: &Parts, body: Body) -> Result<Request<Body>, Status> {
        let mut request = Request::new(body);
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = parts.uri.clone();
        *request.version_mut() = parts.version;
        *request.headers_mut() = parts.headers.clone();
        *request.extensions_mut() = parts.extensions.clone();
        if let Some(deadline) = self.deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(late());
            }
            // Eight digits at most; a call is given seconds.
            let micros = left.as_micros().min(99_999_999);
            if let Ok(value) = HeaderValue::try_from(format!("{micros}u")) {
                request.headers_mut().insert("grpc-timeout", value);
            }
        }
        Ok(request)
    }

    /// Makes an attempt and reads the whole answer, so that an attempt whose answer breaks off can be retried.
    async fn whole(&self, held: &mut Held, request: Request<Body>) -> Result<Response<Body>, Failure> {
        let reading = async |held: &mut Held| {
            let (parts, body) = self.attempt(held, request).await?.into_parts();
            let body = match Limited::new(body, LARGEST_ANSWER_BYTES).collect().await {
                Ok(body) => body,
                Err(error) => {
                    held.failed(Failing::Unanswered);
                    return Err(Failure::Broken(Status::from_error(error)));
                }
            };
            match body.trailers().and_then(Failure::in_status) {
                Some(failure) => Err(failure),
                None => Ok(Response::from_parts(parts, Body::new(body))),
            }
        };
        let Some(deadline) = self.deadline else { return reading(held).await };
        timeout_at(deadline, reading(held)).await.unwrap_or(Err(Failure::Late))
    }

    async fn attempt(&self, held: &mut Held, request: Request<Body>) -> Result<Response<Body>, Failure> {
        let answer = match self.deadline {
            Some(deadline) => timeout_at(deadline, held.way().send(request)).await,
            None => Ok(held.way().send(request).await),
        };
        let failure = match answer {
            Ok(Ok(response)) => match Failure::in_headers(&response) {
                None => {
                    // A server that reports the deadline as exceeded, just before its client would, counts as not answering.
                    if !Failure::tells_lateness(&response) {
                        held.answered();
                    }
                    return Ok(response);
                }
                Some(failure) => failure,
            },
            Ok(Err(failure)) => failure,
            Err(_) => Failure::Late,
        };
        match failure {
            Failure::Unsent => held.failed(Failing::Unreachable),
            Failure::Broken(_) => held.failed(Failing::Unanswered),
            // `Held` decides, when it is dropped, whether the wait was long enough to count against the endpoint.
            Failure::Late => {}
        }
        Err(failure)
    }
}

fn late() -> Status {
    Status::deadline_exceeded("the service has not answered in time")
}
