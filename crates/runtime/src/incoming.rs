//! What happens around every call that comes in: a span under the caller's trace, a deadline, and a task of its own.
//!
//! The server library drops a handler where it stands when the caller disconnects or the deadline passes. A write must
//! not be cut in the middle, so each call runs in a task that goes on to its end; only the waiting is given up.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use segue_proto::common::v1::ErrorReason;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tonic::{Status, body::Body};
use tower::{Layer, Service};
use tracing::Instrument as _;

use crate::{Refusal, metrics::rpc::Calls};

/// For callers that set no deadline.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);

tokio::task_local! {
    /// When the call under way has to be answered; calls made for it are given what is left.
    pub(crate) static DEADLINE: Instant;
}

#[derive(Debug, Clone)]
pub(crate) struct IncomingLayer {
    calls: TaskTracker,
    records: Calls,
}

impl IncomingLayer {
    /// Counts the calls under way, those that nobody waits for any more too.
    pub(crate) fn new(calls: TaskTracker) -> Self {
        Self { calls, records: Calls::new() }
    }
}

impl<S> Layer<S> for IncomingLayer {
    type Service = Incoming<S>;

    fn layer(&self, inner: S) -> Incoming<S> {
        Incoming { inner, calls: self.calls.clone(), records: self.records.clone() }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Incoming<S> {
    inner: S,
    calls: TaskTracker,
    records: Calls,
}

impl<S> Service<Request<Body>> for Incoming<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let call = self.records.begin(&request);
        let deadline = Instant::now() + requested_timeout(request.headers()).unwrap_or(DEFAULT_DEADLINE);
        // The ready service is the one to call; its clone waits for the next call.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let work = DEADLINE.scope(deadline, async move { inner.call(request).await });
        let task = self.calls.spawn(work.instrument(call.span().clone()));
        Box::pin(async move {
            let response = match tokio::time::timeout_at(deadline, task).await {
                Ok(Ok(response)) => response?,
                Ok(Err(_)) => refused(ErrorReason::Internal, "the service failed; its logs tell more"),
                Err(_) => {
                    refused(ErrorReason::DeadlineExceeded, "the deadline is over; the work may still be done")
                }
            };
            Ok(call.answering(response))
        })
    }
}

fn refused(reason: ErrorReason, message: &str) -> Response<Body> {
    Status::from(Refusal::new(reason, message)).into_http()
}

/// `grpc-timeout`: up to eight digits and a unit.
pub(crate) fn requested_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let amount: u64 = digits.parse().ok().filter(|_| digits.len() <= 8 && !digits.starts_with('+'))?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, sync::Arc};

    use tokio::sync::Notify;
    use tower::ServiceExt as _;

    use super::*;

    // The client library keeps the deadline too, and first: over a socket the answer would not be seen.
    #[tokio::test]
    async fn a_late_call_is_answered_in_time_and_goes_on_to_its_end() {
        let (gate, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let notifies = (gate.clone(), done.clone());
        let work = tower::service_fn(move |_: Request<Body>| {
            let (gate, done) = notifies.clone();
            async move {
                gate.notified().await;
                done.notify_one();
                Ok::<_, Infallible>(Response::new(Body::empty()))
            }
        });
        let calls = TaskTracker::new();
        let request =
            Request::builder().uri("/a.B/C").header("grpc-timeout", "20m").body(Body::empty()).unwrap();
        let answer = IncomingLayer::new(calls.clone()).layer(work).oneshot(request).await.unwrap();
        let status = Status::from_header_map(answer.headers()).unwrap();
        assert_eq!(crate::reason_of(&status), Some(ErrorReason::DeadlineExceeded), "{status:?}");
        assert_eq!(calls.len(), 1, "the work is cut off");
        gate.notify_one();
        done.notified().await;
        calls.close();
        calls.wait().await;
    }

    #[test]
    fn deadlines_are_read_as_the_protocol_writes_them() {
        let read = |text: &str| {
            requested_timeout(&HeaderMap::from_iter([(
                "grpc-timeout".parse().unwrap(),
                text.parse().unwrap(),
            )]))
        };
        assert_eq!(read("2M"), Some(Duration::from_secs(120)));
        assert_eq!(read("99999999n"), Some(Duration::from_nanos(99_999_999)));
        for wrong in ["", "S", "1", "1x", "-1S", "+1S", "123456789S", "1.5S"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
