//! Rechecks the caller of an open stream at intervals: a stream lasts up to half an hour, and its caller's rights may end earlier.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use tokio::sync::oneshot;
use tonic::{Status, body::Body};

use super::{Authorizer, Pending};
use crate::{Refusal, tls::Accepted};

/// How often the caller of a stream is checked.
const INTERVAL: Duration = Duration::from_secs(10);

/// What the checks of a stream's caller need.
pub(super) struct Recheck {
    authorizer: Arc<Authorizer>,
    path: String,
    headers: HeaderMap,
    accepted: Option<Accepted>,
    pending: Option<Pending>,
}

impl Recheck {
    /// For a call that opens a stream; none for other calls.
    pub(super) fn of(authorizer: &Arc<Authorizer>, request: &Request<Body>) -> Option<Self> {
        let path = request.uri().path();
        authorizer.streams(path).then(|| Self {
            authorizer: authorizer.clone(),
            path: path.to_owned(),
            headers: request.headers().clone(),
            accepted: request.extensions().get::<Accepted>().cloned(),
            pending: request.extensions().get::<Pending>().cloned(),
        })
    }

    /// The response, whose stream ends with a refusal once the caller may no longer have it.
    pub(super) fn over(self, response: Response<Body>) -> Response<Body> {
        let (mut over, ended) = oneshot::channel();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = over.closed() => return,
                    () = tokio::time::sleep(INTERVAL) => {}
                }
                if let Err(refusal) = self.check().await {
                    // The receiver is gone when the stream has just ended by itself.
                    drop(over.send(refusal));
                    return;
                }
            }
        });
        response.map(|stream| Body::new(Ending { stream, ended: Some(ended) }))
    }

    /// Repeats the checks of the call's begin. Other failures, as of the store, are no reason to end a stream.
    async fn check(&self) -> Result<(), Refusal> {
        use segue_proto::common::v1::ErrorReason as R;
        let Self { authorizer, path, headers, accepted, pending } = self;
        let looked = async {
            let caller = authorizer.caller(headers, accepted.as_ref()).await?;
            authorizer.let_through(path, &caller)?;
            match pending {
                Some(Pending { things, .. }) => {
                    authorizer.ask(&Pending { caller, things: things.clone() }).await
                }
                None => Ok(()),
            }
        };
        match looked.await {
            Err(refusal)
                if matches!(refusal.reason(), R::CallerUnknown | R::CallerNotAllowed | R::CallerNotOwner) =>
            {
                Err(refusal)
            }
            _ => Ok(()),
        }
    }
}

struct Ending {
    stream: Body,
    ended: Option<oneshot::Receiver<Refusal>>,
}

impl http_body::Body for Ending {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(ended) = &mut self.ended else { return Poll::Ready(None) };
        if let Poll::Ready(Ok(refusal)) = Pin::new(ended).poll(cx) {
            self.ended = None;
            let mut trailers = HeaderMap::new();
            let written = Status::from(refusal).add_header(&mut trailers);
            return Poll::Ready(Some(written.map(|()| Frame::trailers(trailers))));
        }
        Pin::new(&mut self.stream).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.ended.is_none() || self.stream.is_end_stream()
    }
}
