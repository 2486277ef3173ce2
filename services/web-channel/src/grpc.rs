//! `ChannelService`: how Segue speaks through this platform (R8, R12).

use segue_proto::channel::v1::{
    CloseSessionRequest, CloseSessionResponse, DeliverAccessInfoRequest, DeliverAccessInfoResponse,
    FindAccountsRequest, FindAccountsResponse, channel_service_server::ChannelService,
};
use segue_runtime::Refusal;
use tonic::{Request, Response, Status};

use crate::{
    commands::{
        cards::{Delivered, deliver},
        sessions::close,
    },
    convert,
    domain::Platform,
    errors,
    store::Store,
};

/// The service over the store.
pub(crate) struct Channel {
    store: Store,
    platforms: Vec<Platform>,
}

impl Channel {
    pub(crate) fn new(store: Store, platforms: Vec<Platform>) -> Self {
        Self { store, platforms }
    }

    fn check_platform(&self, id: &str) -> Result<(), Refusal> {
        if self.platforms.iter().any(|platform| platform.id == id) {
            return Ok(());
        }
        Err(errors::platform_not_found(id))
    }
}

#[tonic::async_trait]
impl ChannelService for Channel {
    async fn deliver_access_info(
        &self,
        request: Request<DeliverAccessInfoRequest>,
    ) -> Result<Response<DeliverAccessInfoResponse>, Status> {
        let request = request.into_inner();
        let card = convert::delivery::parse(&request)?;
        self.check_platform(&request.platform)?;
        let (platform, session) = (&request.platform, &request.session);
        let (handoff, generation) = (&request.handoff_id, request.generation);
        let delivered = deliver(&self.store, platform, session, handoff, generation, &card).await;
        match delivered.map_err(Refusal::from)? {
            Delivered::Done => Ok(Response::new(DeliverAccessInfoResponse {})),
            Delivered::NoSession => Err(errors::session_not_found(session).into()),
            Delivered::OtherSession => Err(errors::delivered_elsewhere().into()),
        }
    }

    async fn close_session(
        &self,
        request: Request<CloseSessionRequest>,
    ) -> Result<Response<CloseSessionResponse>, Status> {
        let mut request = request.into_inner();
        convert::delivery::check_closing(&mut request)?;
        self.check_platform(&request.platform)?;
        let found = close(&self.store, &request.platform, &request.session, &request.message).await;
        if found.map_err(Refusal::from)? {
            Ok(Response::new(CloseSessionResponse {}))
        } else {
            Err(errors::session_not_found(&request.session).into())
        }
    }

    async fn find_accounts(
        &self,
        _request: Request<FindAccountsRequest>,
    ) -> Result<Response<FindAccountsResponse>, Status> {
        Err(Status::unimplemented("this platform keeps no account directory"))
    }
}
