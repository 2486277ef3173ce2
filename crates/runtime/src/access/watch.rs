//! Streams live for half an hour, rights may end earlier: a stream's caller is looked at again and again.

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

use super::{Gate, Pending};
use crate::{Refusal, tls::Accepted};

/// How often.
const INTERVAL: Duration = Duration::from_secs(10);

/// All that has to be looked at again.
pub(super) struct Again {
    gate: Arc<Gate>,
    path: String,
    headers: HeaderMap,
    accepted: Option<Accepted>,
    pending: Option<Pending>,
}

impl Again {
    /// For a stream; none for other calls.
    pub(super) fn of(gate: Arc<Gate>, request: &Request<Body>) -> Option<Self> {
        let path = request.uri().path().to_owned();
        gate.streams(&path).then(|| Self {
            gate,
            path,
            headers: request.headers().clone(),
            accepted: request.extensions().get::<Accepted>().cloned(),
            pending: request.extensions().get::<Pending>().cloned(),
        })
    }

    /// The answer, which ends when the caller may no longer have it.
    pub(super) fn over(self, response: Response<Body>) -> Response<Body> {
        let (mut over, ended) = oneshot::channel();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = over.closed() => return,
                    () = tokio::time::sleep(INTERVAL) => {}
                }
                if let Err(refusal) = self.look().await {
                    // Nobody reads it when the stream has just ended by itself.
                    drop(over.send(refusal));
                    return;
                }
            }
        });
        response.map(|stream| Body::new(Ending { stream, ended: Some(ended) }))
    }

    /// A store that doesn't answer is no reason to end a stream.
    async fn look(&self) -> Result<(), Refusal> {
        use segue_proto::common::v1::ErrorReason as R;
        let Self { gate, path, headers, accepted, pending } = self;
        let looked = async {
            let caller = gate.caller(headers, accepted.as_ref()).await?;
            gate.let_through(path, &caller)?;
            match pending {
                Some(Pending { things, .. }) => gate.ask(&Pending { caller, things: things.clone() }).await,
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
