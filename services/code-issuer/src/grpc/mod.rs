//! The gRPC side: parse, have it done, respond.

mod parse;
mod watch;

use std::{pin::Pin, sync::Arc};

use prost::Message as _;
use segue_proto::{
    common::v1::ErrorReason,
    issuer::v1::{
        CancelHandoffRequest, CancelHandoffResponse, CreateHandoffRequest, CreateHandoffResponse,
        GetHandoffRequest, GetHandoffResponse, Handoff, ListHandoffsRequest, ListHandoffsResponse,
        RedeemCodeRequest, RedeemCodeResponse, ReissueCodeRequest, ReissueCodeResponse, RevokeHandoffRequest,
        RevokeHandoffResponse, WatchHandoffRequest, WatchHandoffResponse,
        code_issuer_service_server::CodeIssuerService,
    },
};
use segue_runtime::{Refusal, StreamEnd, access::Owner, page};
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use crate::{
    commands::{Issuer, View},
    convert,
    metrics::CodeFailure,
};

/// The service.
pub(crate) struct Service {
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) stream_end: StreamEnd,
}

/// To whom a handoff belongs: the agent who asked for it, the one who has its customer, and both platforms.
pub(crate) async fn owner_of_handoff(issuer: Arc<Issuer>, id: String) -> Result<Option<Owner>, Refusal> {
    let stored = issuer.handoffs.find(&id).await?;
    Ok(stored.map(|stored| {
        let handoff = stored.handoff;
        let serving = handoff.stage.admission().map(|admission| admission.agent.clone());
        Owner {
            agents: vec![handoff.agent, serving.unwrap_or_default()],
            platforms: vec![handoff.source.platform, handoff.target.platform],
        }
    }))
}

#[tonic::async_trait]
impl CodeIssuerService for Service {
    type WatchHandoffStream = Pin<Box<dyn Stream<Item = Result<WatchHandoffResponse, Status>> + Send>>;

    async fn create_handoff(
        &self,
        request: Request<CreateHandoffRequest>,
    ) -> Result<Response<CreateHandoffResponse>, Status> {
        let asked = parse::create(request.into_inner(), self.issuer.code_keys())?;
        let issued = self.issuer.create(asked).await?;
        let handoff = self.issuer.show_stored(&issued.stored, issued.candidates, issued.view).await?;
        Ok(Response::new(CreateHandoffResponse { handoff: Some(handoff), access_info: issued.access_info }))
    }

    async fn get_handoff(
        &self,
        request: Request<GetHandoffRequest>,
    ) -> Result<Response<GetHandoffResponse>, Status> {
        let id = parse::id(&request.into_inner().id)?;
        let handoff = self.issuer.show(&id, View::of_caller()).await?;
        Ok(Response::new(GetHandoffResponse { handoff: Some(handoff) }))
    }

    async fn list_handoffs(
        &self,
        request: Request<ListHandoffsRequest>,
    ) -> Result<Response<ListHandoffsResponse>, Status> {
        let (filter, scope, size) = parse::list(&request.into_inner())?;
        let stored = self.issuer.handoffs.list(&filter).await.map_err(Refusal::from)?;
        let now_ms = self.issuer.handoffs.now_ms();
        let mut handoffs: Vec<Handoff> =
            stored.iter().map(|stored| convert::handoff(stored, None, now_ms)).collect();
        let next_page_token =
            page::cut(&scope, &mut handoffs, size, Handoff::encoded_len, |handoff| handoff.id.clone());
        Ok(Response::new(ListHandoffsResponse { handoffs, next_page_token }))
    }

    async fn watch_handoff(
        &self,
        request: Request<WatchHandoffRequest>,
    ) -> Result<Response<Self::WatchHandoffStream>, Status> {
        let id = parse::id(&request.into_inner().id)?;
        let view = View::of_caller();
        let first = self.issuer.show(&id, view).await?;
        Ok(Response::new(watch::stream(self.issuer.clone(), view, first, self.stream_end.clone())))
    }

    async fn cancel_handoff(
        &self,
        request: Request<CancelHandoffRequest>,
    ) -> Result<Response<CancelHandoffResponse>, Status> {
        let (request, id) = parse::cancel(&request.into_inner())?;
        let stored = self.issuer.cancel(request, &id).await?;
        let handoff = Some(convert::handoff(&stored, None, self.issuer.handoffs.now_ms()));
        Ok(Response::new(CancelHandoffResponse { handoff }))
    }

    async fn reissue_code(
        &self,
        request: Request<ReissueCodeRequest>,
    ) -> Result<Response<ReissueCodeResponse>, Status> {
        let (request, id, ttl) = parse::reissue(&request.into_inner())?;
        let issued = self.issuer.reissue(request, id, ttl).await?;
        let handoff = self.issuer.show_stored(&issued.stored, issued.candidates, issued.view).await?;
        Ok(Response::new(ReissueCodeResponse { handoff: Some(handoff), access_info: issued.access_info }))
    }

    async fn revoke_handoff(
        &self,
        request: Request<RevokeHandoffRequest>,
    ) -> Result<Response<RevokeHandoffResponse>, Status> {
        let (request, id) = parse::revoke(&request.into_inner())?;
        let stored = self.issuer.revoke(request, &id).await?;
        let handoff = self.issuer.show_stored(&stored, None, View::of_caller()).await?;
        Ok(Response::new(RevokeHandoffResponse { handoff: Some(handoff) }))
    }

    async fn redeem_code(
        &self,
        request: Request<RedeemCodeRequest>,
    ) -> Result<Response<RedeemCodeResponse>, Status> {
        let asked = parse::redeem(&request.into_inner()).inspect_err(|refusal| {
            if refusal.reason() == ErrorReason::CodeMalformed {
                self.issuer.handoffs.metrics().code_failed(CodeFailure::Malformed);
            }
        })?;
        let handoff = self.issuer.redeem(asked).await?;
        Ok(Response::new(convert::redeemed(handoff)))
    }
}
