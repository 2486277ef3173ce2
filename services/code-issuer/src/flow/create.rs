use std::time::Duration;

use prost::Message as _;
use segue_core::new_id;
use segue_proto::{
    common::v1::{Customer, ErrorReason, RemainingWork},
    router::v1::{Agent, GetAgentRequest, Presence},
    selector::v1::{Candidate, SelectPlatformRequest, SelectPlatformResponse, SelectionReasonCode},
};
use segue_runtime::{Refusal, peer, trace_context};
use segue_store::requests::RequestKey;
use tonic::{Code, Status};

use super::{
    Flow, Issued,
    issue::{DRAWS, Purposeful, face, first_delivery, is_sms, usable_faces},
    limits::figures,
};
use crate::{
    domain::{faces::FaceKind, handoff::State, locale::Locale},
    store::{Created, NewHandoff, Record},
};

/// Platforms that an agent is told to choose from: an error's details travel in a header, of which clients read 16 KiB.
const MAX_NAMED_PLATFORMS: usize = 64;

/// A desk's request, checked.
pub(crate) struct CreateHandoff {
    pub request: RequestKey,
    pub work_order: String,
    pub agent: String,
    pub source_platform: String,
    pub source_session: String,
    pub customer: Customer,
    pub remaining_work: RemainingWork,
    pub faces: Vec<FaceKind>,
    pub target_platform: String,
    pub agent_policy: i32,
    pub fallback_policy: i32,
    pub locale: Locale,
    pub ttl: Duration,
}

impl Flow {
    /// R2 to R8: chooses the platform, issues the code, records it, registers and delivers it.
    pub async fn create(&self, asked: CreateHandoff) -> Result<Issued, Status> {
        match self.store.made_by(&asked.request).await.map_err(Refusal::from)? {
            None => {}
            Some(Created::Repeated(record)) => {
                return Ok(self.issued(*record).await.map_err(Refusal::from)?);
            }
            Some(_) => return Err(Refusal::request_id_reused().into()),
        }
        let (agent, ()) = tokio::try_join!(self.agent(&asked.agent), self.check_source(&asked))?;
        let selection = self.select(&asked, &agent).await?;
        let record = self.new_record(&asked, &selection)?;
        self.record(asked, selection, record).await
    }

    async fn agent(&self, id: &str) -> Result<Agent, Status> {
        let request = GetAgentRequest { id: id.to_owned() };
        let agent = match self.router.clone().get_agent(request).await {
            Ok(answer) => answer.into_inner().agent.ok_or_else(|| peer::unavailable("priority-router"))?,
            Err(status) if status.code() == Code::NotFound => {
                return Err(Refusal::not_found(ErrorReason::AgentNotFound, "agent", "agent", id).into());
            }
            Err(status) => return Err(peer::relay(status, "priority-router", &[])),
        };
        if agent.presence() == Presence::Offline {
            let refusal = Refusal::new(ErrorReason::AgentOffline, "the agent is not signed in");
            return Err(refusal.field("agent", "must be signed in").resource("agent", id).into());
        }
        Ok(agent)
    }

    async fn select(&self, asked: &CreateHandoff, agent: &Agent) -> Result<SelectPlatformResponse, Status> {
        let allowed: Vec<String> = agent.platforms.iter().map(|served| served.platform.clone()).collect();
        if allowed.is_empty() {
            // An empty list would mean all.
            let refusal = Refusal::new(ErrorReason::NoEligiblePlatform, "the agent serves no platform");
            return Err(refusal.field("agent", "must serve a platform").into());
        }
        let request = SelectPlatformRequest {
            source_platform: asked.source_platform.clone(),
            customer: Some(asked.customer.clone()),
            remaining_work: Some(asked.remaining_work.clone()),
            allowed_platforms: allowed,
            faces: asked.faces.iter().map(|kind| face(*kind).into()).collect(),
            target_platform: asked.target_platform.clone(),
            fallback_policy: asked.fallback_policy,
        };
        let answer = self.selector.clone().select_platform(request).await;
        let renamed = [("source_platform", "source.platform")];
        let selection =
            answer.map_err(|status| peer::relay(status, "platform-selector", &renamed))?.into_inner();
        if selection.platform.is_empty() {
            return Err(agent_must_choose(&selection).into());
        }
        Ok(selection)
    }

    fn new_record(
        &self,
        asked: &CreateHandoff,
        selection: &SelectPlatformResponse,
    ) -> Result<Record, Refusal> {
        let incomplete = || peer::unavailable("platform-selector");
        let source = selection.source.as_ref().ok_or_else(incomplete)?;
        let now = self.store.now_ms();
        let mut accounts = bound_accounts(selection).into_iter();
        let ttl_ms = i64::try_from(asked.ttl.as_millis()).unwrap_or(i64::MAX);
        Ok(Record {
            id: new_id("handoff", now, &self.random),
            state: State::Issued,
            work_order: asked.work_order.clone(),
            agent: asked.agent.clone(),
            source_platform: asked.source_platform.clone(),
            source_session: asked.source_session.clone(),
            target_platform: selection.platform.clone(),
            target_account: accounts.next().unwrap_or_default(),
            other_accounts: accounts.collect::<Vec<_>>().join(" "),
            delivery: first_delivery(source),
            generation: 1,
            agent_policy: asked.agent_policy,
            locale: asked.locale,
            ttl_ms,
            selection: selection.encode_to_vec(),
            remaining_work: asked.remaining_work.encode_to_vec(),
            strength: vec![],
            redeem_hash: String::new(),
            redeem_session: String::new(),
            contact_id: String::new(),
            contact_agent: String::new(),
            contact_state: 0,
            failure: String::new(),
            revocable_until: 0,
            created_at: now,
            updated_at: now,
            expires_at: now + ttl_ms,
        })
    }

    async fn record(
        &self,
        asked: CreateHandoff,
        selection: SelectPlatformResponse,
        mut record: Record,
    ) -> Result<Issued, Status> {
        let (source, target) =
            selection.source.zip(selection.target).ok_or_else(|| peer::unavailable("platform-selector"))?;
        let faces = usable_faces(&source, &target, &asked.faces)?;
        let by_name = !asked.faces.is_empty();
        let strength = self.strength(&target.id, &record, &faces, by_name, asked.ttl).await?;
        record.strength = figures(&strength).encode_to_vec();
        for _ in 0..DRAWS {
            let drawn = self.draw(&Purposeful {
                handoff_id: &record.id,
                generation: record.generation,
                target: &target,
                accounts: record.accounts().collect(),
                forms: &strength.forms,
                locale: asked.locale,
                ttl: asked.ttl,
                by_sms: is_sms(&source),
            })?;
            let new = NewHandoff {
                request: asked.request.clone(),
                record: record.clone(),
                codes: drawn.codes,
                sealed_access_info: drawn.sealed,
                trace_parent: trace_context::current(),
            };
            match self.store.create(new).await.map_err(Refusal::from)? {
                Created::Collision => {}
                Created::RequestIdReused => return Err(Refusal::request_id_reused().into()),
                Created::InProgress => return Err(in_progress(&record).into()),
                Created::Repeated(record) => return Ok(self.issued(*record).await.map_err(Refusal::from)?),
                Created::Done { record, calls, .. } => {
                    self.make_now(calls).await;
                    // The delivery may be known by now; if it can't be read, it's still true that it was pending.
                    let record = self.store.find(&record.id).await.ok().flatten().unwrap_or(*record);
                    return Ok(Issued { record, access_info: Some(drawn.access_info) });
                }
            }
        }
        Err(Refusal::new(ErrorReason::Overloaded, "no free code was found; too many are live").into())
    }
}

/// The accounts that the code is for: all that match, so that another account with the customer's phone number neither unbinds the
/// code nor gets it alone.
fn bound_accounts(selection: &SelectPlatformResponse) -> Vec<String> {
    match selection.accounts.as_slice() {
        // A selector of before 0.2 knows one account or none.
        [] => Some(selection.account.clone()).filter(|account| !account.is_empty()).into_iter().collect(),
        all => all.to_vec(),
    }
}

/// With the platforms to choose from: those that can go on without an account that the customer doesn't have.
fn agent_must_choose(selection: &SelectPlatformResponse) -> Refusal {
    let needs_account = |candidate: &Candidate| {
        candidate.reasons.iter().any(|reason| reason.code() == SelectionReasonCode::AccountRequired)
    };
    let open = selection.candidates.iter().filter(|one| one.eligible && !needs_account(one));
    let open: Vec<&str> = open.map(|one| one.platform.as_str()).take(MAX_NAMED_PLATFORMS).collect();
    Refusal::new(ErrorReason::AgentMustChoose, "the customer has no account anywhere; choose the platform")
        .field("target_platform", "must be given, as the fallback policy leaves the choice to the agent")
        .metadata("candidates", open.join(" "))
}

fn in_progress(record: &Record) -> Refusal {
    Refusal::new(
        ErrorReason::HandoffInProgress,
        "the session has a live handoff; cancel it or reissue its code",
    )
    .field("source.session", "has a live handoff")
    .resource("session", record.source_session.clone())
}
