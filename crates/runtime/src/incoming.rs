//! What happens around every call that comes in: a deadline, and work that goes on to its end.
//!
//! The server library drops a handler where it stands when the caller disconnects or the deadline passes. A write must
//! not be cut in the middle, so the work that is left then goes on in a task of its own; only the waiting is given up. While somebody
//! waits, the work is driven by the stream's own task: a task for each call from its beginning costs two switches between tasks and a
//! timer, also for calls that are answered without waiting for anything.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{HeaderMap, Response};
use segue_proto::common::v1::ErrorReason;
use tokio::{
    runtime::Handle,
    time::{Instant, Sleep, sleep_until, timeout},
};
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};
use tonic::{Status, body::Body};

use crate::{Refusal, metrics::rpc::Call};

/// For callers that set no deadline.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);
/// How long work goes on that nobody waits for any more. As long as a write, which is the longest of what ends by a limit of its own; a read
/// has none, and would hold its connection to a host that vanished without a word until the system gives that up, after a quarter of an
/// hour. What is dropped then is either not committed or owed, as at the end of the process.
const ALONE_LIMIT: Duration = Duration::from_secs(20);

tokio::task_local! {
    /// When the call under way has to be answered; calls made for it are given what is left.
    pub(crate) static DEADLINE: Instant;

    /// The method of the call under way, as it is in traces.
    pub(crate) static METHOD: Arc<str>;
}

/// When a call with these headers has to be answered.
pub(crate) fn deadline_of(headers: &HeaderMap) -> Instant {
    Instant::now() + requested_timeout(headers).unwrap_or(DEFAULT_DEADLINE)
}

/// The answer to a call, by its deadline.
pub(crate) struct Answering<E: Send + 'static> {
    work: Work<Result<Response<Body>, E>>,
    deadline: Instant,
    /// Made once the work has to be waited for.
    late: Option<Pin<Box<Sleep>>>,
    call: Option<Call>,
}

impl<E: Send> Answering<E> {
    /// The work is counted by `calls` until its end, also when nobody waits for it any more.
    pub(crate) fn new(
        work: impl Future<Output = Result<Response<Body>, E>> + Send + 'static,
        deadline: Instant,
        calls: &TaskTracker,
        call: Call,
    ) -> Self {
        Self { work: Work::new(work, calls, ALONE_LIMIT), deadline, late: None, call: Some(call) }
    }
}

// Nothing in it is pinned but what is in boxes.
impl<E: Send> Unpin for Answering<E> {}

impl<E: Send> Future for Answering<E> {
    type Output = Result<Response<Body>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { work, deadline, late, call } = &mut *self;
        let response = match work.poll(cx) {
            Poll::Ready(Ok(response)) => response?,
            Poll::Ready(Err(Panicked)) => {
                refused(ErrorReason::Internal, "the service failed; its logs tell more")
            }
            Poll::Pending => {
                let late = late.get_or_insert_with(|| Box::pin(sleep_until(*deadline)));
                ready!(late.as_mut().poll(cx));
                work.go_on_alone();
                refused(ErrorReason::DeadlineExceeded, "the deadline is over; the work may still be done")
            }
        };
        Poll::Ready(Ok(match call.take() {
            Some(call) => call.answering(response),
            None => response,
        }))
    }
}

/// Work that goes on to its end once it has begun: when this is dropped before, in a task of its own, for a limited time.
struct Work<T: Send + 'static> {
    left: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    has_begun: bool,
    counted: TaskTrackerToken,
    alone_limit: Duration,
}

/// The work has panicked.
struct Panicked;

impl<T: Send + 'static> Work<T> {
    fn new(
        work: impl Future<Output = T> + Send + 'static,
        calls: &TaskTracker,
        alone_limit: Duration,
    ) -> Self {
        Self { left: Some(Box::pin(work)), has_begun: false, counted: calls.token(), alone_limit }
    }

    /// Polls the work, which must not have ended.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, Panicked>> {
        let Some(work) = &mut self.left else { return Poll::Pending };
        self.has_begun = true;
        // A panic here would take the stream's task along, and the caller would not be told.
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)));
        let ended = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(ended)) => Ok(ended),
            Err(_) => Err(Panicked),
        };
        self.left = None;
        Poll::Ready(ended)
    }

    /// Has a task of its own do what is left.
    fn go_on_alone(&mut self) {
        // Without a runtime the process is ending, and with it all tasks.
        if let Some(work) = self.left.take()
            && self.has_begun
            && let Ok(runtime) = Handle::try_current()
        {
            let (counted, limit) = (self.counted.clone(), self.alone_limit);
            runtime.spawn(async move {
                if timeout(limit, work).await.is_err() {
                    tracing::warn!("work that nobody waits for did not end and is given up");
                }
                drop(counted);
            });
        }
    }
}

impl<T: Send + 'static> Drop for Work<T> {
    fn drop(&mut self) {
        self.go_on_alone();
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
    use std::convert::Infallible;

    use http::Request;
    use tokio::sync::Notify;

    use super::*;
    use crate::metrics::rpc::Calls;

    /// Work that waits for a gate, then says that it is done.
    struct Gated {
        calls: TaskTracker,
        gate: Arc<Notify>,
        done: Arc<Notify>,
    }

    impl Gated {
        fn new() -> Self {
            Self { calls: TaskTracker::new(), gate: Arc::default(), done: Arc::default() }
        }

        fn answering(&self, deadline: Duration) -> Answering<Infallible> {
            let (gate, done) = (self.gate.clone(), self.done.clone());
            let work = async move {
                gate.notified().await;
                done.notify_one();
                Ok(Response::new(Body::empty()))
            };
            self.answering_by(work, deadline)
        }

        fn answering_by(
            &self,
            work: impl Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
            deadline: Duration,
        ) -> Answering<Infallible> {
            let request = Request::builder().uri("/a.B/C").body(Body::empty()).unwrap();
            Answering::new(work, Instant::now() + deadline, &self.calls, Calls::new().begin(&request))
        }

        async fn ends(self) {
            assert_eq!(self.calls.len(), 1, "the work is cut off");
            self.gate.notify_one();
            self.done.notified().await;
            self.calls.close();
            self.calls.wait().await;
        }
    }

    fn reason(answer: &Response<Body>) -> Option<ErrorReason> {
        crate::reason_of(&Status::from_header_map(answer.headers()).unwrap())
    }

    // The client library keeps the deadline too, and first: over a socket the answer would not be seen.
    #[tokio::test]
    async fn a_late_call_is_answered_in_time_and_goes_on_to_its_end() {
        let gated = Gated::new();
        let answer = gated.answering(Duration::from_millis(20)).await.unwrap();
        assert_eq!(reason(&answer), Some(ErrorReason::DeadlineExceeded));
        gated.ends().await;
    }

    #[tokio::test]
    async fn a_call_whose_caller_goes_away_goes_on_to_its_end() {
        let gated = Gated::new();
        let mut answering = gated.answering(DEFAULT_DEADLINE);
        assert!(futures::poll!(&mut answering).is_pending());
        drop(answering);
        gated.ends().await;
    }

    /// As one that reads from a database whose host has vanished, and holds a connection.
    #[tokio::test]
    async fn work_that_nobody_waits_for_is_given_up_after_a_while() {
        let calls = TaskTracker::new();
        let mut work = Work::new(std::future::pending::<()>(), &calls, Duration::from_millis(20));
        let polled = std::future::poll_fn(|cx| Poll::Ready(work.poll(cx).is_pending())).await;
        assert!(polled);
        drop(work);
        assert_eq!(calls.len(), 1);
        calls.close();
        timeout(Duration::from_secs(10), calls.wait()).await.expect("it goes on for ever");
    }

    #[tokio::test]
    async fn a_call_whose_caller_goes_away_before_it_begins_is_not_begun() {
        let gated = Gated::new();
        drop(gated.answering(DEFAULT_DEADLINE));
        assert!(gated.calls.is_empty());
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_and_the_call_is_over() {
        let gated = Gated::new();
        let answer = gated.answering_by(async { panic!("a fault of the handler") }, DEFAULT_DEADLINE).await;
        assert_eq!(reason(&answer.unwrap()), Some(ErrorReason::Internal));
        assert!(gated.calls.is_empty());
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
