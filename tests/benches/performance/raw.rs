//! A caller that takes the bytes of an answer and does not read them.

use bytes::Buf as _;
use segue_proto::selector::v1::SelectPlatformRequest;
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder},
    codegen::http::uri::PathAndQuery,
    transport::Channel,
};
use tonic_prost::ProstEncoder;

const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// The size of the answer.
pub async fn select(channel: Channel, request: SelectPlatformRequest) -> Result<usize, Status> {
    let mut client = Grpc::new(channel).max_decoding_message_size(MAX_ANSWER_BYTES);
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = PathAndQuery::from_static("/segue.selector.v1.PlatformSelectorService/SelectPlatform");
    Ok(client.unary(Request::new(request), path, Sizes).await?.into_inner())
}

struct Sizes;

impl Codec for Sizes {
    type Encode = SelectPlatformRequest;
    type Decode = usize;
    type Encoder = ProstEncoder<SelectPlatformRequest>;
    type Decoder = Self;

    fn encoder(&mut self) -> ProstEncoder<SelectPlatformRequest> {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Decoder for Sizes {
    type Item = usize;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<usize>, Status> {
        let size = buffer.remaining();
        buffer.advance(size);
        Ok(Some(size))
    }
}
