//! The switching information (R2), from the agent's form to the issuer.

use axum::{Json, extract::State};
use segue_proto::{
    common::v1::{Customer, Identity, RemainingWork, Session},
    issuer::v1::{CreateHandoffRequest, CreateHandoffResponse, DeliveryState},
};
use segue_runtime::millis_of;
use serde::{Deserialize, Serialize};

use super::own_contact;
use crate::{
    convert::card,
    web::{Shared, body::Body, problem::Problem},
};

/// The agent's form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    request_id: String,
    agent: String,
    contact_id: String,
    work_order: String,
    #[serde(default)]
    profile: String,
    #[serde(default)]
    summary: String,
    /// What was said so far.
    #[serde(default)]
    conversation: String,
    /// What was done so far.
    #[serde(default)]
    done: String,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    member_id: String,
    #[serde(default)]
    locale: String,
    #[serde(default)]
    target_platform: String,
}

/// What the agent sees: enough to read the code aloud when the card did not reach the customer.
#[derive(Serialize)]
pub(super) struct Issued {
    handoff_id: String,
    target: String,
    expire_time_ms: i64,
    /// Until when the customer can enter no code, after too many wrong ones.
    lockout_end_time_ms: Option<i64>,
    delivered: bool,
    faces: Vec<crate::domain::CardFace>,
    candidates: Vec<CandidateView>,
}

#[derive(Serialize)]
struct CandidateView {
    platform: String,
    eligible: bool,
    has_account: bool,
    score: i32,
    reasons: Vec<String>,
}

pub(super) async fn create(
    State(web): State<Shared>,
    Body(form): Body<Ask>,
) -> Result<Json<Issued>, Problem> {
    let contact = own_contact(&web, &form.agent, &form.contact_id).await?;
    let source = Session { platform: contact.platform, session: contact.session };
    Ok(Json(Issued::of(web.clients.create_handoff(form.into_request(source)).await?)))
}

impl Ask {
    /// The issuer checks every field and names the wrong ones; checking here too would only make two rules of one.
    fn into_request(self, source: Session) -> CreateHandoffRequest {
        let identity = |kind: &str, value: &str| {
            let value = value.trim().to_owned();
            (!value.is_empty()).then(|| Identity { kind: kind.to_owned(), value, unverified: false })
        };
        let identities = [identity("phone", &self.phone), identity("member_id", &self.member_id)];
        let done = self.done.trim().to_owned();
        CreateHandoffRequest {
            request_id: self.request_id,
            work_order: self.work_order.trim().to_owned(),
            agent: self.agent,
            source: Some(source),
            customer: Some(Customer { identities: identities.into_iter().flatten().collect() }),
            remaining_work: Some(RemainingWork {
                profile: self.profile.trim().to_owned(),
                summary: self.summary.trim().to_owned(),
                context: (!done.is_empty()).then(|| ("done".to_owned(), done)).into_iter().collect(),
                conversation_summary: self.conversation.trim().to_owned(),
                ..RemainingWork::default()
            }),
            locale: self.locale,
            target_platform: self.target_platform,
            ..CreateHandoffRequest::default()
        }
    }
}

impl Issued {
    fn of(answer: CreateHandoffResponse) -> Self {
        let handoff = answer.handoff.unwrap_or_default();
        let target = handoff.target.as_ref().map(|target| target.platform.clone()).unwrap_or_default();
        let expire_time_ms = millis_of(handoff.expire_time.as_ref());
        let card = answer.access_info.map(|info| card(&info, &target, expire_time_ms));
        let candidates = handoff.candidates.iter().map(|candidate| CandidateView {
            platform: candidate.platform.clone(),
            eligible: candidate.eligible,
            has_account: candidate.has_account,
            score: candidate.score,
            reasons: candidate.reasons.iter().map(|reason| reason.detail.clone()).collect(),
        });
        Self {
            delivered: handoff.delivery_state() == DeliveryState::Delivered,
            candidates: candidates.collect(),
            faces: card.map(|card| card.faces).unwrap_or_default(),
            handoff_id: handoff.id,
            target,
            expire_time_ms,
            lockout_end_time_ms: handoff.lockout_end_time.as_ref().map(|end| millis_of(Some(end))),
        }
    }
}
