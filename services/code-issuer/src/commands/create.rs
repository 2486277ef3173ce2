use std::time::Duration;

use prost::Message as _;
use segue_core::new_id;
use segue_proto::{
    common::v1::{Customer, RemainingWork},
    router::v1::{Agent, Presence},
    selector::v1::{Platform, SelectPlatformRequest, SelectPlatformResponse},
};
use segue_runtime::{peer, trace_context};
use segue_store::requests::RequestKey;
use tokio::time::sleep;
use tonic::Status;

use super::{
    Issued, Issuer, View,
    codes::{DRAWS, Purposeful, usable_faces},
    owed::Subject,
};
use crate::{
    convert::{self, Parties, face, first_delivery, is_sms},
    decider::Idempotent,
    domain::{
        faces::FaceKind,
        handoff::{Conversation, Documents, Handoff, Relayed, Stage, Target},
        locale::Locale,
        strength::Strength,
        turn::{Created, Creation},
    },
    errors,
    store::Stored,
};

/// A desk's request, checked.
pub(crate) struct CreateHandoff {
    pub request: RequestKey,
    pub work_order: String,
    pub agent: String,
    pub source: Conversation,
    pub customer: Customer,
    pub remaining_work: RemainingWork,
    pub faces: Vec<FaceKind>,
    pub target_platform: String,
    pub agent_policy: i32,
    pub fallback_policy: i32,
    pub locale: Locale,
    pub ttl: Duration,
}

/// When the other services take longer to answer, the request is looked for among those that were made before. Most are not.
const LOOKED_FOR_AFTER: Duration = Duration::from_millis(500);

/// What was chosen for it.
struct Chosen {
    selection: SelectPlatformResponse,
    source: Platform,
    target: Platform,
    strength: Strength,
}

impl Issuer {
    /// R2 to R8: chooses the platform, issues the code, records it, registers and delivers it.
    pub(crate) async fn create(&self, asked: CreateHandoff) -> Result<Issued, Status> {
        let mut choosing = Box::pin(self.choose(&asked));
        // Both go on meanwhile: each may hold a connection that the other one waits for.
        let looking = async {
            sleep(LOOKED_FOR_AFTER).await;
            self.handoffs.made_by(&asked.request).await
        };
        let chosen = tokio::select! {
            biased;
            chosen = &mut choosing => chosen,
            found = looking => match found? {
                Some(id) => return Ok(self.issued_before(&id).await?),
                None => choosing.await,
            },
        };
        let created = match chosen {
            Ok(chosen) => Box::pin(self.record(&asked, chosen)).await,
            Err(refused) => Err(refused),
        };
        match created {
            // What would be refused now may have been granted before.
            Err(refused) => match self.handoffs.made_by(&asked.request).await? {
                Some(id) => Ok(self.issued_before(&id).await?),
                None => Err(refused),
            },
            created => created,
        }
    }

    async fn choose(&self, asked: &CreateHandoff) -> Result<Chosen, Status> {
        let source = self.check_source(&asked.source, &asked.agent);
        let (agent, ()) = tokio::try_join!(self.available_agent(&asked.agent), source)?;
        let mut selection = self.select(asked, &agent).await?;
        let incomplete = || peer::unavailable("platform-selector");
        let (source, target) =
            selection.source.clone().zip(selection.target.clone()).ok_or_else(incomplete)?;
        selection.accounts = bound_accounts(&selection);
        let faces = usable_faces(&source, &target, &asked.faces)?;
        let bound_to = Target { platform: target.id.clone(), accounts: selection.accounts.clone() };
        let by_name = !asked.faces.is_empty();
        let strength = self.strength(&bound_to, &faces, by_name, asked.ttl).await?;
        Ok(Chosen { selection, source, target, strength })
    }

    async fn available_agent(&self, id: &str) -> Result<Agent, Status> {
        let agent = self.clients.agent(id).await?;
        if agent.presence() == Presence::Offline {
            return Err(errors::agent_offline(id).into());
        }
        Ok(agent)
    }

    async fn select(&self, asked: &CreateHandoff, agent: &Agent) -> Result<SelectPlatformResponse, Status> {
        let allowed: Vec<String> = agent.platforms.iter().map(|served| served.platform.clone()).collect();
        if allowed.is_empty() {
            // An empty list would mean all.
            return Err(errors::agent_serves_no_platform().into());
        }
        let request = SelectPlatformRequest {
            source_platform: asked.source.platform.clone(),
            customer: Some(asked.customer.clone()),
            remaining_work: Some(asked.remaining_work.clone()),
            allowed_platforms: allowed,
            faces: asked.faces.iter().map(|kind| face(*kind).into()).collect(),
            target_platform: asked.target_platform.clone(),
            fallback_policy: asked.fallback_policy,
        };
        let selection = self.clients.select(request).await?;
        if selection.platform.is_empty() {
            return Err(errors::agent_must_choose(&selection).into());
        }
        Ok(selection)
    }

    async fn record(&self, asked: &CreateHandoff, chosen: Chosen) -> Result<Issued, Status> {
        for _ in 0..DRAWS {
            let handoff = self.new_handoff(asked, &chosen);
            let drawn = self.draw(&Purposeful {
                handoff_id: &handoff.id,
                generation: handoff.generation,
                target: &chosen.target,
                accounts: &handoff.target.accounts,
                forms: &chosen.strength.forms,
                locale: asked.locale,
                ttl: asked.ttl,
                by_sms: is_sms(&chosen.source),
            })?;
            let documents = Documents {
                selection: chosen.selection.encode_to_vec(),
                remaining_work: asked.remaining_work.encode_to_vec(),
                strength: convert::strength(&chosen.strength).encode_to_vec(),
            };
            let code_hashes = drawn.codes.iter().map(|code| code.hash.clone()).collect();
            let new = Creation {
                handoff,
                documents: documents.clone(),
                codes: drawn.codes,
                sealed_access_info: drawn.sealed,
                limits: self.limits,
                trace_parent: trace_context::current(),
            };
            match self.handoffs.create(asked.request.clone(), new).await? {
                Idempotent::Repeated(id) => return Ok(self.issued_before(&id).await?),
                Idempotent::New(Created::Collision) => {}
                Idempotent::New(Created::InProgress) => {
                    return Err(errors::in_progress(&asked.source.session).into());
                }
                Idempotent::New(Created::Done { handoff, calls, lockout_end_ms, .. }) => {
                    let stored = Stored { handoff: *handoff, documents };
                    let parties = Some(Parties::of(&chosen.selection));
                    let access_info = Some(drawn.access_info.clone());
                    let mut subject =
                        Subject { stored, parties, code_hashes: Some(code_hashes), access_info };
                    self.make_now(calls, &mut subject).await;
                    return Ok(Issued {
                        stored: subject.stored,
                        candidates: Some(chosen.selection.candidates),
                        access_info: Some(drawn.access_info),
                        view: View::New { lockout_end_ms },
                    });
                }
            }
        }
        Err(errors::no_free_code().into())
    }

    fn new_handoff(&self, asked: &CreateHandoff, chosen: &Chosen) -> Handoff {
        let now_ms = self.now_ms();
        let ttl_ms = i64::try_from(asked.ttl.as_millis()).unwrap_or(i64::MAX);
        Handoff {
            id: new_id("handoff", now_ms, &self.random),
            work_order: asked.work_order.clone(),
            agent: asked.agent.clone(),
            source: asked.source.clone(),
            target: Target {
                platform: chosen.selection.platform.clone(),
                accounts: chosen.selection.accounts.clone(),
            },
            delivery: first_delivery(&chosen.source),
            generation: 1,
            agent_policy: Relayed(asked.agent_policy),
            locale: asked.locale,
            ttl_ms,
            stage: Stage::Issued,
            failure: None,
            created_at: now_ms,
            updated_at: now_ms,
            expires_at: now_ms.saturating_add(ttl_ms),
        }
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
