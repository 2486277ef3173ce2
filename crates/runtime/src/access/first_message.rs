//! The first message of a call, read before the call is let through.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf as _, Bytes, BytesMut};
use http::Request;
use http_body::{Body as _, Frame, SizeHint};
use segue_proto::common::v1::ErrorReason;
use tonic::{Status, body::Body};

use crate::{MAX_MESSAGE_BYTES, Refusal};

/// A flag and a length of four bytes stand before each message (gRPC over HTTP/2, "Length-Prefixed-Message").
const PREFIX_BYTES: usize = 5;

/// The message, and the request as it was.
pub(super) async fn read(request: Request<Body>) -> Result<(Bytes, Request<Body>), Refusal> {
    let (parts, mut rest) = request.into_parts();
    let mut seen = BytesMut::new();
    let length = loop {
        if let Some(length) = length_of(&seen)? {
            if seen.len() >= PREFIX_BYTES + length {
                break length;
            }
        }
        match std::future::poll_fn(|cx| Pin::new(&mut rest).poll_frame(cx)).await {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    seen.extend_from_slice(&data);
                }
            }
            Some(Err(_)) | None => {
                return Err(Refusal::new(ErrorReason::InvalidField, "the call ended before its message"));
            }
        }
    };
    let seen = seen.freeze();
    let message = seen.slice(PREFIX_BYTES..PREFIX_BYTES + length);
    let body = Body::new(Replay { seen: Some(seen), rest });
    Ok((message, Request::from_parts(parts, body)))
}

fn length_of(mut seen: &[u8]) -> Result<Option<usize>, Refusal> {
    if seen.len() < PREFIX_BYTES {
        return Ok(None);
    }
    // The services take none that is compressed, so what was looked at is what they will read.
    if seen.get_u8() != 0 {
        return Err(Refusal::new(ErrorReason::InvalidField, "compressed messages are not taken"));
    }
    let length = usize::try_from(seen.get_u32()).unwrap_or(usize::MAX);
    if length > MAX_MESSAGE_BYTES {
        let most = format!("the message is larger than {MAX_MESSAGE_BYTES} bytes");
        return Err(Refusal::new(ErrorReason::InvalidField, most));
    }
    Ok(Some(length))
}

/// What was read already, and then the rest.
struct Replay {
    seen: Option<Bytes>,
    rest: Body,
}

impl http_body::Body for Replay {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.seen.take() {
            Some(seen) => Poll::Ready(Some(Ok(Frame::data(seen)))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.seen.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
