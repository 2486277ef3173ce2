//! The gRPC side: parse, hand to the flow, answer.

mod answer;
mod parse;

use std::{pin::Pin, sync::Arc, time::Duration};

use prost::Message;
use segue_proto::common::v1::ErrorReason;
use segue_proto::issuer::v1::{
    CancelHandoffRequest, CancelHandoffResponse, CreateHandoffRequest, CreateHandoffResponse,
    GetHandoffRequest, GetHandoffResponse, Handoff, ListHandoffsRequest, ListHandoffsResponse,
    RedeemCodeRequest, RedeemCodeResponse, ReissueCodeRequest, ReissueCodeResponse, RevokeHandoffRequest,
    RevokeHandoffResponse, WatchHandoffRequest, WatchHandoffResponse,
    code_issuer_service_server::CodeIssuerService,
};
use segue_runtime::{
    Refusal, StreamEnd,
    access::{Owner, is_platform_only},
    page, timestamp,
};
use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status};

use crate::{
    flow::{Flow, handoff_not_found},
    metrics::CodeFailure,
    store::Record,
};

const WATCH_POLL: Duration = Duration::from_millis(500);
const WATCH_BUFFER: usize = 8;

/// The service.
pub(crate) struct Api {
    flow: Arc<Flow>,
    stream_end: StreamEnd,
}

impl Api {
    pub fn new(flow: Arc<Flow>, stream_end: StreamEnd) -> Self {
        Self { flow, stream_end }
    }

    async fn handoff(&self, id: &str, view: View) -> Result<Handoff, Refusal> {
        let record = self.flow.store.find(id).await?.ok_or_else(|| handoff_not_found(id))?;
        view.of(&self.flow, &record).await
    }
}

/// How much of a handoff its reader sees.
#[derive(Debug, Clone, Copy)]
enum View {
    /// With what the desk is told while the code lives.
    Whole,
    /// Without what tells a platform of the customer's accounts.
    Platform,
}

impl View {
    /// Of who made the call under way.
    fn of_caller() -> Self {
        if is_platform_only() { Self::Platform } else { Self::Whole }
    }

    async fn of(self, flow: &Flow, record: &Record) -> Result<Handoff, Refusal> {
        let mut handoff = answer::handoff(record, flow.store.now_ms());
        match self {
            Self::Whole => {
                handoff.lockout_end_time = flow.lockout_end_ms(record).await?.and_then(timestamp);
                handoff.retired_faces = flow.retired_faces(record).await?;
            }
            Self::Platform => {
                handoff.candidates.clear();
                if let Some(target) = &mut handoff.target {
                    target.account.clear();
                    target.accounts.clear();
                }
            }
        }
        Ok(handoff)
    }
}

/// To whom a handoff belongs: the agent who asked for it, the one who has its customer, and both platforms.
pub(crate) async fn owner_of_handoff(flow: Arc<Flow>, id: String) -> Result<Option<Owner>, Refusal> {
    let record = flow.store.find(&id).await?;
    Ok(record.map(|record| Owner {
        agents: vec![record.agent, record.contact_agent],
        platforms: vec![record.source_platform, record.target_platform],
    }))
}

#[tonic::async_trait]
impl CodeIssuerService for Api {
    type WatchHandoffStream = Pin<Box<dyn Stream<Item = Result<WatchHandoffResponse, Status>> + Send>>;

    async fn create_handoff(
        &self,
        request: Request<CreateHandoffRequest>,
    ) -> Result<Response<CreateHandoffResponse>, Status> {
        let asked = parse::create(request.into_inner(), self.flow.code_keys())?;
        let issued = self.flow.create(asked).await?;
        let handoff = Some(View::Whole.of(&self.flow, &issued.record).await?);
        Ok(Response::new(CreateHandoffResponse { handoff, access_info: issued.access_info }))
    }

    async fn get_handoff(
        &self,
        request: Request<GetHandoffRequest>,
    ) -> Result<Response<GetHandoffResponse>, Status> {
        let id = parse::id(&request.into_inner().id)?;
        Ok(Response::new(GetHandoffResponse { handoff: Some(self.handoff(&id, View::of_caller()).await?) }))
    }

    async fn list_handoffs(
        &self,
        request: Request<ListHandoffsRequest>,
    ) -> Result<Response<ListHandoffsResponse>, Status> {
        let (filter, scope, size) = parse::list(&request.into_inner())?;
        let records = self.flow.store.list(&filter).await.map_err(Refusal::from)?;
        let now = self.flow.store.now_ms();
        let mut handoffs: Vec<Handoff> = records.iter().map(|record| answer::handoff(record, now)).collect();
        let next_page_token =
            page::cut(&scope, &mut handoffs, size, Message::encoded_len, |handoff| handoff.id.clone());
        Ok(Response::new(ListHandoffsResponse { handoffs, next_page_token }))
    }

    async fn watch_handoff(
        &self,
        request: Request<WatchHandoffRequest>,
    ) -> Result<Response<Self::WatchHandoffStream>, Status> {
        let id = parse::id(&request.into_inner().id)?;
        let view = View::of_caller();
        let first = self.handoff(&id, view).await?;
        let (sender, receiver) = mpsc::channel(WATCH_BUFFER);
        let (flow, end) = (self.flow.clone(), self.stream_end.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = watch(flow, view, first, &sender) => {}
                () = sender.closed() => {}
                status = end.due() => StreamEnd::tell(&sender, status).await,
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn cancel_handoff(
        &self,
        request: Request<CancelHandoffRequest>,
    ) -> Result<Response<CancelHandoffResponse>, Status> {
        let (request, id) = parse::cancel(&request.into_inner())?;
        let record = self.flow.cancel(request, id).await?;
        let handoff = Some(answer::handoff(&record, self.flow.store.now_ms()));
        Ok(Response::new(CancelHandoffResponse { handoff }))
    }

    async fn reissue_code(
        &self,
        request: Request<ReissueCodeRequest>,
    ) -> Result<Response<ReissueCodeResponse>, Status> {
        let (request, id, ttl) = parse::reissue(&request.into_inner())?;
        let issued = self.flow.reissue(request, id, ttl).await?;
        let handoff = Some(View::Whole.of(&self.flow, &issued.record).await?);
        Ok(Response::new(ReissueCodeResponse { handoff, access_info: issued.access_info }))
    }

    async fn revoke_handoff(
        &self,
        request: Request<RevokeHandoffRequest>,
    ) -> Result<Response<RevokeHandoffResponse>, Status> {
        let (request, id) = parse::revoke(&request.into_inner())?;
        let record = self.flow.revoke(request, id).await?;
        let handoff = Some(View::of_caller().of(&self.flow, &record).await?);
        Ok(Response::new(RevokeHandoffResponse { handoff }))
    }

    async fn redeem_code(
        &self,
        request: Request<RedeemCodeRequest>,
    ) -> Result<Response<RedeemCodeResponse>, Status> {
        let asked = parse::redeem(&request.into_inner()).inspect_err(|refusal| {
            if refusal.reason() == ErrorReason::CodeMalformed {
                self.flow.store.metrics().code_failed(CodeFailure::Malformed);
            }
        })?;
        let record = self.flow.redeem(asked).await?;
        Ok(Response::new(answer::redeemed(record)))
    }
}

/// Sends the handoff now and after every change, until its final state.
async fn watch(
    flow: Arc<Flow>,
    view: View,
    first: Handoff,
    sender: &mpsc::Sender<Result<WatchHandoffResponse, Status>>,
) {
    let mut changes = flow.store.changes();
    let id = first.id.clone();
    let mut shown = first;
    let mut changed = true;
    loop {
        if changed && sender.send(Ok(WatchHandoffResponse { handoff: Some(shown.clone()) })).await.is_err() {
            return;
        }
        if answer::is_final(&shown) {
            return;
        }
        changes.wait(WATCH_POLL).await;
        // A store that doesn't answer now may at the next poll.
        let Ok(Some(record)) = flow.store.find(&id).await else {
            changed = false;
            continue;
        };
        let Ok(latest) = view.of(&flow, &record).await else {
            changed = false;
            continue;
        };
        changed = latest != shown;
        shown = latest;
    }
}
