//! How long a request's body may take, and how large it may get.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    BoxError,
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::Limited;
use tokio::time::{Sleep, sleep};

#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimits {
    pub(super) time: Duration,
    pub(super) bytes: usize,
}

/// Ends a body that takes too long or gets too large with an error, which closes its connection.
pub(super) async fn limited(State(limits): State<BodyLimits>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    next.run(request.map(|body| Body::new(InTime::new(Limited::new(body, limits.bytes), limits.time)))).await
}

/// A body until its time is over.
struct InTime {
    body: Pin<Box<Limited<Body>>>,
    over: Pin<Box<Sleep>>,
}

impl InTime {
    fn new(body: Limited<Body>, time: Duration) -> Self {
        Self { body: Box::pin(body), over: Box::pin(sleep(time)) }
    }
}

impl http_body::Body for InTime {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = self.body.as_mut().poll_frame(cx) {
            return Poll::Ready(frame);
        }
        ready!(self.over.as_mut().poll(cx));
        Poll::Ready(Some(Err("the request's body takes too long".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
