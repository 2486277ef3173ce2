//! Receiving a call's message before there is a place for the call, and reading a field of it.
//!
//! A handler gets its message whole. A caller who never ends one is let go here, where it holds nothing but its connection.

use std::{pin::Pin, time::Duration};

use bytes::{Buf as _, Bytes, BytesMut};
use http::Request;
use http_body::Body as _;
use http_body_util::Full;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use segue_proto::common::v1::ErrorReason;
use tokio::time::{Instant, timeout_at};
use tonic::body::Body;

use crate::{Refusal, incoming::DEADLINE, overload::Reservation};

/// A flag and a length of four bytes stand before each message (gRPC over HTTP/2, "Length-Prefixed-Message").
const PREFIX_BYTES: usize = 5;
/// How long a caller may take to send a message.
const RECEIVING_LIMIT: Duration = Duration::from_secs(5);

/// The request with its whole body, which has one message of so many bytes at most. What arrives is charged to the call.
pub(super) async fn receive(
    request: Request<Body>,
    most_bytes: usize,
    reserved: &mut Reservation,
) -> Result<Request<Bytes>, Refusal> {
    let (parts, mut body) = request.into_parts();
    let limit = Instant::now() + RECEIVING_LIMIT;
    let end = DEADLINE.try_with(|deadline| (*deadline).min(limit)).unwrap_or(limit);
    let received = timeout_at(end, async {
        let mut received = BytesMut::new();
        while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let frame = frame.map_err(|_| wrong("the call was cut off before its message"))?;
            if let Ok(data) = frame.into_data() {
                reserved.received(data.len())?;
                received.extend_from_slice(&data);
            }
            if received.len().max(announced(&received)) > PREFIX_BYTES + most_bytes {
                return Err(wrong(format!("the message is larger than {most_bytes} bytes")));
            }
        }
        Ok(received.freeze())
    });
    let late = || Refusal::new(ErrorReason::DeadlineExceeded, "the message did not come in time");
    let received = received.await.map_err(|_| late())??;
    Ok(Request::from_parts(parts, received))
}

/// How many bytes the prefix says there are with it; none while it hasn't come whole.
fn announced(received: &[u8]) -> usize {
    let Some((prefix, _)) = received.split_first_chunk::<PREFIX_BYTES>() else { return 0 };
    let [_, length @ ..] = *prefix;
    usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX).saturating_add(PREFIX_BYTES)
}

/// As the handler wants it.
pub(super) fn whole(request: Request<Bytes>) -> Request<Body> {
    request.map(|bytes| Body::new(Full::new(bytes)))
}

/// The message in a body.
fn message_of(mut body: &[u8]) -> Result<&[u8], Refusal> {
    if body.len() < PREFIX_BYTES {
        return Err(wrong("the call ended before its message"));
    }
    // The services take none that is compressed, so what is looked at is what they will read.
    if body.get_u8() != 0 {
        return Err(wrong("compressed messages are not taken"));
    }
    let length = usize::try_from(body.get_u32()).unwrap_or(usize::MAX);
    body.get(..length).ok_or_else(|| wrong("the call ended before its message"))
}

/// A text field of the message in a body; the last one counts, as for whoever decodes it. Only the wire is walked through: a
/// message decoded whole can be fifty times as large.
pub(super) fn text_field(body: &[u8], number: u32) -> Result<String, Refusal> {
    let unreadable = || wrong("the message can't be read");
    let mut rest = message_of(body)?;
    let mut found: &[u8] = &[];
    while rest.has_remaining() {
        let (field, wire_type) = decode_key(&mut rest).map_err(|_| unreadable())?;
        if field == number && wire_type == WireType::LengthDelimited {
            let length = decode_varint(&mut rest).ok().and_then(|length| usize::try_from(length).ok());
            let length = length.filter(|length| *length <= rest.len()).ok_or_else(unreadable)?;
            (found, rest) = rest.split_at(length);
        } else {
            skip_field(wire_type, field, &mut rest, DecodeContext::default()).map_err(|_| unreadable())?;
        }
    }
    String::from_utf8(found.to_vec()).map_err(|_| unreadable())
}

fn wrong(message: impl Into<String>) -> Refusal {
    Refusal::new(ErrorReason::InvalidField, message)
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use segue_proto::{common::v1::Session, issuer::v1::CreateHandoffRequest};

    use super::*;

    fn body(message: &[u8]) -> Vec<u8> {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[0], &length[..], message].concat()
    }

    #[test]
    fn a_field_is_read_as_whoever_decodes_the_message_reads_it() {
        let session = Session { platform: "hotline".to_owned(), session: "agent".to_owned() };
        let first =
            CreateHandoffRequest { agent: "1".to_owned(), source: Some(session), ..Default::default() };
        let second = CreateHandoffRequest { agent: "2".to_owned(), ..Default::default() };
        let both = [first.encode_to_vec(), second.encode_to_vec()].concat();
        assert_eq!(CreateHandoffRequest::decode(both.as_slice()).unwrap().agent, "2");
        assert_eq!(text_field(&body(&both), 3).unwrap(), "2");
        assert_eq!(text_field(&body(&first.encode_to_vec()), 3).unwrap(), "1");
        assert_eq!(text_field(&body(&[]), 3).unwrap(), "");
    }

    #[test]
    fn what_can_not_be_looked_at_is_refused() {
        let compressed = [1, 0, 0, 0, 0];
        let short = [0, 0, 0, 0, 9, 1];
        let cut = body(&[0x1a, 5, b'x']);
        let not_text = body(&[0x1a, 1, 0xff]);
        for bad in [&[][..], &[0, 0], &compressed, &short, &cut, &not_text, &body(&[0xff])] {
            let refusal = text_field(bad, 3).unwrap_err();
            assert_eq!(refusal.reason(), ErrorReason::InvalidField, "{bad:?}");
        }
    }
}
