//! `ChannelService`: how Segue speaks through this platform (R8, R12).

use segue_proto::{
    channel::v1::{
        CloseSessionRequest, CloseSessionResponse, DeliverAccessInfoRequest, DeliverAccessInfoResponse,
        FindAccountsRequest, FindAccountsResponse, channel_service_server::ChannelService,
    },
    common::v1::{AccessInfo, ErrorReason, Face},
};
use segue_runtime::{Fields, Refusal, millis_of};
use tonic::{Request, Response, Status};

use crate::{
    domain::{Card, Platform},
    store::{Delivered, Store},
};

const MAX_GENERATION: i32 = 1_000_000;
const MAX_SVG_BYTES: usize = 256 * 1024;
/// What a customer's page may be asked to open.
const LINK_SCHEMES: [&str; 3] = ["https://", "http://", "tel:"];

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
        Err(Refusal::not_found(ErrorReason::PlatformNotFound, "platform", "platform", id))
    }
}

#[tonic::async_trait]
impl ChannelService for Channel {
    async fn deliver_access_info(
        &self,
        request: Request<DeliverAccessInfoRequest>,
    ) -> Result<Response<DeliverAccessInfoResponse>, Status> {
        let request = request.into_inner();
        let card = parse_delivery(&request)?;
        self.check_platform(&request.platform)?;
        let (platform, session) = (&request.platform, &request.session);
        let delivered = self
            .store
            .deliver(platform, session, &request.handoff_id, request.generation, &card)
            .await
            .map_err(Refusal::from)?;
        match delivered {
            Delivered::Done => Ok(Response::new(DeliverAccessInfoResponse {})),
            Delivered::NoSession => Err(no_session(session).into()),
            Delivered::OtherSession => Err(other_session().into()),
        }
    }

    async fn close_session(
        &self,
        request: Request<CloseSessionRequest>,
    ) -> Result<Response<CloseSessionResponse>, Status> {
        let mut request = request.into_inner();
        parse_closing(&mut request)?;
        self.check_platform(&request.platform)?;
        let found = self.store.close(&request.platform, &request.session, &request.message).await;
        if found.map_err(Refusal::from)? {
            Ok(Response::new(CloseSessionResponse {}))
        } else {
            Err(no_session(&request.session).into())
        }
    }

    async fn find_accounts(
        &self,
        _request: Request<FindAccountsRequest>,
    ) -> Result<Response<FindAccountsResponse>, Status> {
        Err(Status::unimplemented("this platform keeps no account directory"))
    }
}

fn no_session(session: &str) -> Refusal {
    Refusal::not_found(ErrorReason::SessionNotFound, "open session", "session", session)
}

fn other_session() -> Refusal {
    Refusal::new(ErrorReason::RequestIdReused, "the handoff was delivered to another session before")
        .field("handoff_id", "must be new for another session")
}

fn parse_delivery(request: &DeliverAccessInfoRequest) -> Result<Card, Refusal> {
    let mut fields = Fields::new();
    fields.check_text("handoff_id", &request.handoff_id, 1..=64);
    fields.range("generation", request.generation, 1..=MAX_GENERATION);
    fields.slug("platform", &request.platform);
    fields.session_id("session", &request.session);
    fields.check_text("target_display_name", &request.target_display_name, 1..=128);
    let expire_at_ms = millis_of(request.expire_time.as_ref());
    fields.require(expire_at_ms > 0, "expire_time", "must be given");
    let mut info = request.access_info.clone().unwrap_or_default();
    check_access_info(&mut fields, &mut info);
    fields.finish()?;
    Ok(Card::of(&info, &request.target_display_name, expire_at_ms))
}

fn check_access_info(fields: &mut Fields, info: &mut AccessInfo) {
    fields.require(!info.faces.is_empty(), "access_info.faces", "must have 1 to 16 entries");
    fields.at_most("access_info.faces", info.faces.len(), 16);
    for (index, face) in info.faces.iter_mut().take(16).enumerate() {
        let field = |name: &str| format!("access_info.faces[{index}].{name}");
        fields.enumeration::<Face>(&field("kind"), face.kind);
        fields.text_in(&field("display"), &mut face.display, 1..=2048);
        fields.text_in(&field("speech"), &mut face.speech, 0..=2048);
        fields.require(face.svg.len() <= MAX_SVG_BYTES, &field("svg"), "must have at most 262144 bytes");
    }
    fields.text_in("access_info.message", &mut info.message, 0..=2000);
    fields.check_text("access_info.entry_uri", &info.entry_uri, 0..=2048);
    let openable = info.entry_uri.is_empty() || LINK_SCHEMES.iter().any(|s| info.entry_uri.starts_with(s));
    fields.require(openable, "access_info.entry_uri", "must start with https://, http:// or tel:");
}

fn parse_closing(request: &mut CloseSessionRequest) -> Result<(), Refusal> {
    let mut fields = Fields::new();
    fields.check_text("handoff_id", &request.handoff_id, 1..=64);
    fields.slug("platform", &request.platform);
    fields.session_id("session", &request.session);
    fields.text_in("message", &mut request.message, 0..=2000);
    fields.finish()
}
