use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use priority_router::{Config, Rules, bind};
use segue_core::{ManualClock, Random};
use segue_proto::{
    common::v1::{RemainingWork, Session},
    router::v1::{priority_router_service_client::PriorityRouterServiceClient, *},
};
use segue_runtime::{Parts, Running, ServerConfig, Stop, timestamp};
use segue_testkit::{Storage, request_id, wait_for};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

pub const START_MS: i64 = 1_700_000_000_000;

/// A database with a running router on it, and what a test does with them.
#[derive(Clone)]
pub struct World {
    pub storage: Storage,
    pub clock: Arc<ManualClock>,
    pub stop: Stop,
    pub client: PriorityRouterServiceClient<Channel>,
    pub url: String,
    rules: Rules,
    running: Arc<Mutex<Vec<Running>>>,
}

/// A contact to be submitted.
pub fn request(platform: &str, session: &str) -> SubmitContactRequest {
    SubmitContactRequest {
        request_id: request_id(),
        platform: platform.to_owned(),
        session: session.to_owned(),
        ..Default::default()
    }
}

pub fn code(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>() + &"0".repeat(32)
}

impl World {
    pub async fn start(storage: Storage, url: &str, rules: Rules) -> Self {
        let (clock, stop) = (ManualClock::starting_at(START_MS), Stop::new());
        let running = serve(url, rules, clock.clone(), stop.clone()).await;
        let client = connect(&running).await;
        let running = Arc::new(Mutex::new(vec![running]));
        Self { storage, clock, stop, client, url: url.to_owned(), rules, running }
    }

    /// Another replica on the same database, if the engine lets it be shared; else the same one.
    pub async fn replica(&self) -> Self {
        if self.storage == Storage::SqliteMemory {
            return self.clone();
        }
        let running = serve(&self.url, self.rules, self.clock.clone(), self.stop.clone()).await;
        let client = connect(&running).await;
        self.running.lock().unwrap().push(running);
        Self { client, ..self.clone() }
    }

    pub async fn stop(self) {
        self.stop.now();
        let running = std::mem::take(&mut *self.running.lock().unwrap());
        drop(self.client);
        for service in running {
            service.stopped().await.unwrap();
        }
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub fn rpc(&self) -> PriorityRouterServiceClient<Channel> {
        self.client.clone()
    }

    pub async fn put_agent(&self, id: &str, skills: &[&str], platforms: &[(&str, i32)]) -> Agent {
        let agent = Agent {
            id: id.to_owned(),
            display_name: format!("Agent {id}"),
            skills: skills.iter().map(|skill| (*skill).to_owned()).collect(),
            platforms: platforms
                .iter()
                .map(|(platform, cost_units)| AgentPlatform {
                    platform: (*platform).to_owned(),
                    cost_units: *cost_units,
                    wrap_up_seconds: 0,
                })
                .collect(),
            ..Default::default()
        };
        let request = PutAgentRequest { request_id: request_id(), agent: Some(agent) };
        self.rpc().put_agent(request).await.unwrap().into_inner().agent.unwrap()
    }

    /// An agent who takes contacts.
    pub async fn agent(&self, id: &str, skills: &[&str], platforms: &[(&str, i32)]) -> Agent {
        self.put_agent(id, skills, platforms).await;
        self.set_presence(id, Presence::Available).await
    }

    pub async fn set_presence(&self, agent: &str, presence: Presence) -> Agent {
        let request = SetPresenceRequest {
            request_id: request_id(),
            agent: agent.to_owned(),
            presence: presence.into(),
            ..Default::default()
        };
        self.rpc().set_presence(request).await.unwrap().into_inner().agent.unwrap()
    }

    /// Signs an agent out, and says what becomes of its contacts.
    pub async fn sign_out(&self, agent: &str, policy: SignOutPolicy) -> SetPresenceResponse {
        let request = SetPresenceRequest {
            request_id: request_id(),
            agent: agent.to_owned(),
            presence: Presence::Offline.into(),
            sign_out_policy: policy.into(),
        };
        self.rpc().set_presence(request).await.unwrap().into_inner()
    }

    pub async fn try_delete_agent(&self, id: &str) -> Result<(), Status> {
        let request = DeleteAgentRequest { request_id: request_id(), id: id.to_owned() };
        self.rpc().delete_agent(request).await.map(drop)
    }

    pub async fn get_agent(&self, id: &str) -> Agent {
        self.rpc().get_agent(GetAgentRequest { id: id.to_owned() }).await.unwrap().into_inner().agent.unwrap()
    }

    pub async fn submit(&self, request: SubmitContactRequest) -> Contact {
        self.rpc().submit_contact(request).await.unwrap().into_inner().contact.unwrap()
    }

    pub async fn contact(&self, id: &str) -> Contact {
        let request = GetContactRequest { id: id.to_owned() };
        self.rpc().get_contact(request).await.unwrap().into_inner().contact.unwrap()
    }

    pub async fn try_accept(&self, id: &str, agent: &str) -> Result<Contact, Status> {
        let request =
            AcceptContactRequest { request_id: request_id(), id: id.to_owned(), agent: agent.to_owned() };
        Ok(self.rpc().accept_contact(request).await?.into_inner().contact.unwrap())
    }

    pub async fn try_decline(&self, id: &str, agent: &str) -> Result<Contact, Status> {
        let request =
            DeclineContactRequest { request_id: request_id(), id: id.to_owned(), agent: agent.to_owned() };
        Ok(self.rpc().decline_contact(request).await?.into_inner().contact.unwrap())
    }

    pub async fn try_complete(&self, id: &str, agent: &str) -> Result<Contact, Status> {
        let request =
            CompleteContactRequest { request_id: request_id(), id: id.to_owned(), agent: agent.to_owned() };
        Ok(self.rpc().complete_contact(request).await?.into_inner().contact.unwrap())
    }

    pub async fn try_abandon(&self, id: &str) -> Result<Contact, Status> {
        let request = AbandonContactRequest { request_id: request_id(), id: id.to_owned() };
        Ok(self.rpc().abandon_contact(request).await?.into_inner().contact.unwrap())
    }

    pub async fn try_transfer(&self, request: TransferContactRequest) -> Result<Contact, Status> {
        Ok(self.rpc().transfer_contact(request).await?.into_inner().contact.unwrap())
    }

    pub async fn transfer(&self, request: TransferContactRequest) -> Contact {
        self.try_transfer(request).await.unwrap()
    }

    pub async fn accept(&self, id: &str, agent: &str) -> Contact {
        self.try_accept(id, agent).await.unwrap()
    }

    pub async fn decline(&self, id: &str, agent: &str) -> Contact {
        self.try_decline(id, agent).await.unwrap()
    }

    pub async fn complete(&self, id: &str, agent: &str) -> Contact {
        self.try_complete(id, agent).await.unwrap()
    }

    pub async fn abandon(&self, id: &str) -> Contact {
        self.try_abandon(id).await.unwrap()
    }

    /// Submits a contact and has it accepted by the agent it is offered to.
    pub async fn assigned(&self, request: SubmitContactRequest) -> Contact {
        let contact = self.submit(request).await;
        assert_eq!(contact.state(), ContactState::Offered);
        self.accept(&contact.id, &contact.agent).await
    }

    /// A handoff from `chat` to `video` for ten minutes, with a code named after it.
    pub fn entry(&self, handoff_id: &str, agent: &str, session: &str) -> PutServiceListEntryRequest {
        use segue_core::Clock as _;
        PutServiceListEntryRequest {
            handoff_id: handoff_id.to_owned(),
            generation: 1,
            work_order: format!("WO-{handoff_id}"),
            agent: agent.to_owned(),
            source: Some(Session { platform: "chat".to_owned(), session: session.to_owned() }),
            target_platform: "video".to_owned(),
            cost_units: 100,
            code_hashes: vec![code(handoff_id)],
            remaining_work: Some(RemainingWork {
                summary: "show the bill".to_owned(),
                context: [("identity".to_owned(), "verified".to_owned())].into(),
                conversation_summary: "fell ill abroad, has the bill".to_owned(),
                ..Default::default()
            }),
            agent_policy: AgentPolicy::Unspecified.into(),
            expire_time: timestamp(self.clock.now_ms() + 600_000),
        }
    }

    pub async fn put_entry(&self, request: PutServiceListEntryRequest) -> ServiceListEntry {
        self.rpc().put_service_list_entry(request).await.unwrap().into_inner().entry.unwrap()
    }

    pub async fn try_admit(&self, handoff_id: &str) -> Result<Contact, Status> {
        let request = AdmitHandoffRequest {
            handoff_id: handoff_id.to_owned(),
            code_hash: code(handoff_id),
            platform: "video".to_owned(),
            session: format!("to-{handoff_id}"),
        };
        Ok(self.rpc().admit_handoff(request).await?.into_inner().contact.unwrap())
    }

    pub async fn admit(&self, handoff_id: &str) -> Contact {
        self.try_admit(handoff_id).await.unwrap()
    }

    pub async fn release(&self, handoff_id: &str) -> ServiceListEntryState {
        let request = ReleaseServiceListEntryRequest { handoff_id: handoff_id.to_owned() };
        self.rpc().release_service_list_entry(request).await.unwrap().into_inner().state()
    }

    /// Waits until a contact is in a state with an agent.
    pub async fn wait_until(&self, id: &str, state: ContactState, agent: &str) {
        wait_for(&format!("{id} {state:?} with {agent:?}"), || async {
            let contact = self.contact(id).await;
            contact.state() == state && contact.agent == agent
        })
        .await;
    }
}

async fn serve(url: &str, rules: Rules, clock: Arc<ManualClock>, stop: Stop) -> Running {
    let config =
        Config { server: ServerConfig::loopback(0), database: segue_store::Settings::of_url(url), rules };
    bind(config, Parts { clock, random: Random::secure(), stop }).await.unwrap()
}

async fn connect(running: &Running) -> PriorityRouterServiceClient<Channel> {
    let endpoint = Endpoint::from_shared(running.uri()).unwrap();
    PriorityRouterServiceClient::new(endpoint.connect().await.unwrap())
        .max_decoding_message_size(segue_runtime::MAX_MESSAGE_BYTES)
}
