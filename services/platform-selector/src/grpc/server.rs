//! The service as it is served: all RPCs by the contract's own server, but for `SelectPlatform`, whose answer is encoded already.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use prost::bytes::BufMut as _;
use segue_proto::selector::v1::{
    SelectPlatformRequest, platform_selector_service_server::PlatformSelectorServiceServer,
};
use segue_runtime::MAX_MESSAGE_BYTES;
use tonic::{
    Request, Response, Status,
    body::Body,
    codec::{Codec, EncodeBuf, Encoder},
    codegen::{Service, http},
    server::{Grpc, NamedService, UnaryService},
};
use tonic_prost::ProstDecoder;

use super::select;
use crate::{convert::candidates::Encoded, selector::Selector};

const SELECT_PLATFORM: &str = "/segue.selector.v1.PlatformSelectorService/SelectPlatform";

type Answering<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// The service. Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Serving {
    selector: Arc<Selector>,
    others: PlatformSelectorServiceServer<Selector>,
}

impl Serving {
    pub(crate) fn new(selector: Selector) -> Self {
        let selector = Arc::new(selector);
        let others = PlatformSelectorServiceServer::from_arc(selector.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Self { selector, others }
    }
}

impl NamedService for Serving {
    const NAME: &'static str = PlatformSelectorServiceServer::<Selector>::NAME;
}

impl Service<http::Request<Body>> for Serving {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answering<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if request.uri().path() != SELECT_PLATFORM {
            return self.others.call(request);
        }
        let method = SelectPlatform(self.selector.clone());
        Box::pin(async move {
            let mut grpc = Grpc::new(EncodedCodec)
                .apply_max_message_size_config(Some(MAX_MESSAGE_BYTES), Some(MAX_MESSAGE_BYTES));
            Ok(grpc.unary(method, request).await)
        })
    }
}

struct SelectPlatform(Arc<Selector>);

impl UnaryService<SelectPlatformRequest> for SelectPlatform {
    type Response = Encoded;
    type Future = Answering<Response<Encoded>, Status>;

    fn call(&mut self, request: Request<SelectPlatformRequest>) -> Self::Future {
        let selector = self.0.clone();
        Box::pin(
            async move { Ok(Response::new(select::select_platform(&selector, request.into_inner()).await?)) },
        )
    }
}

/// Sends what is encoded as it is.
struct EncodedCodec;

impl Codec for EncodedCodec {
    type Encode = Encoded;
    type Decode = SelectPlatformRequest;
    type Encoder = Self;
    type Decoder = ProstDecoder<SelectPlatformRequest>;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> ProstDecoder<SelectPlatformRequest> {
        ProstDecoder::default()
    }
}

impl Encoder for EncodedCodec {
    type Item = Encoded;
    type Error = Status;

    fn encode(&mut self, item: Encoded, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(item.as_bytes());
        Ok(())
    }
}
