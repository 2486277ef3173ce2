//! The real router: a process's worth of it over a real socket and a real database, asked by a plain client.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use priority_router::{Config, Rules, bind};
use segue_core::{Clock as _, ManualClock, Random};
use segue_proto::{
    common::v1::{ErrorReason, Session},
    router::v1::{priority_router_service_client::PriorityRouterServiceClient, *},
};
use segue_runtime::{Parts, Running, ServerConfig, Stop, reason_of, timestamp};
use segue_testkit::{request_id, wait_for};
use tonic::{
    Status, Streaming,
    transport::{Channel, Endpoint},
};

use crate::command::{Command, PLATFORMS, SKILLS, To};

type Client = PriorityRouterServiceClient<Channel>;

/// Replicas on one database.
pub struct Service {
    clients: Vec<Client>,
    clock: Arc<ManualClock>,
    running: Vec<Running>,
    stop: Stop,
}

/// One sequence's part of it: names of its own, so that sequences don't meet.
pub struct Reality<'a> {
    service: &'a Service,
    sequence: String,
    random: Random,
    pub contacts: Vec<String>,
    /// The conversation of each contact: platform and session.
    conversations: Vec<Session>,
    /// Where the customers of handoffs go.
    targets: BTreeMap<usize, usize>,
    desks: BTreeMap<usize, Streaming<WatchAssignmentsResponse>>,
}

pub const RULES: Rules = Rules {
    hold_ms: 180_000,
    overflow_ms: 45_000,
    offer_timeout_ms: 20_000,
    decline_back_off_ms: 30_000,
    patience_ms: 120_000,
    away_after_missed_offers: 2,
    handoff_auto_accept: true,
    lease_ms: 15_000,
    reconnect_grace_ms: 180_000,
    service_level_ms: 20_000,
    history_ms: 30 * 24 * 3_600_000,
    sweep_ms: 4,
    contact_ttl_ms: i64::MAX,
    most_ringing_offers: i64::MAX,
};

impl Service {
    pub async fn start(url: &str, replicas: usize) -> Self {
        let (clock, stop) = (ManualClock::starting_at(1_700_000_000_000), Stop::new());
        let (mut clients, mut running) = (vec![], vec![]);
        for _ in 0..replicas {
            let config = Config {
                server: ServerConfig::loopback(0),
                database: segue_store::Settings::of_url(url),
                rules: RULES,
            };
            let parts = Parts { clock: clock.clone(), random: Random::secure(), stop: stop.clone() };
            let replica = bind(config, parts).await.unwrap();
            let endpoint = Endpoint::from_shared(replica.uri()).unwrap().tcp_nodelay(true);
            clients.push(PriorityRouterServiceClient::new(endpoint.connect().await.unwrap()));
            running.push(replica);
        }
        let service = Self { clients, clock, running, stop };
        let marker = Agent { id: "marker".to_owned(), ..Agent::default() };
        let request = PutAgentRequest { request_id: request_id(), agent: Some(marker) };
        service.client(0).put_agent(request).await.unwrap();
        let presence = Presence::Available.into();
        let request = SetPresenceRequest {
            request_id: request_id(),
            agent: "marker".to_owned(),
            presence,
            ..Default::default()
        };
        service.client(0).set_presence(request).await.unwrap();
        service
    }

    pub async fn stop(self) {
        self.stop.now();
        drop(self.clients);
        for replica in self.running {
            replica.stopped().await.unwrap();
        }
    }

    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    fn client(&self, replica: usize) -> Client {
        self.clients[replica % self.clients.len()].clone()
    }

    /// Turns the clock, and waits until a sweep has been made at the new time: it has ended a hold that ended then.
    async fn advance(&self, ms: i64) {
        let entry = PutServiceListEntryRequest {
            handoff_id: request_id(),
            generation: 1,
            work_order: "W".to_owned(),
            agent: "marker".to_owned(),
            source: Some(Session { platform: "none".to_owned(), session: "none".to_owned() }),
            target_platform: "none".to_owned(),
            cost_units: 1,
            code_hashes: vec![request_id().replace('-', "")],
            expire_time: timestamp(self.now_ms() + ms.min(RULES.hold_ms)),
            ..Default::default()
        };
        let held = self.client(0).put_service_list_entry(entry.clone()).await.unwrap().into_inner();
        assert_eq!(held.entry.unwrap().held_units, 1);
        self.clock.advance(Duration::from_millis(ms.unsigned_abs()));
        let request = GetAgentRequest { id: "marker".to_owned() };
        loop {
            let marker = self.client(0).get_agent(request.clone()).await.unwrap().into_inner().agent.unwrap();
            if marker.held_units == 0 {
                break;
            }
            tokio::task::yield_now().await;
        }
        let request = ReleaseServiceListEntryRequest { handoff_id: entry.handoff_id };
        self.client(0).release_service_list_entry(request).await.unwrap();
    }
}

impl<'a> Reality<'a> {
    pub fn new(service: &'a Service, sequence: String, random: Random) -> Self {
        Self {
            service,
            sequence,
            random,
            contacts: vec![],
            conversations: vec![],
            targets: BTreeMap::new(),
            desks: BTreeMap::new(),
        }
    }

    /// A client of any replica.
    pub fn client(&self) -> Client {
        self.service.client(self.random.below(64) as usize)
    }

    pub fn agent(&self, agent: usize) -> String {
        format!("a{agent}-{}", self.sequence)
    }

    pub fn platform(&self, platform: usize) -> String {
        format!("{}-{}", PLATFORMS[platform], self.sequence)
    }

    /// A skill that all agents of this sequence have, and nobody else.
    pub fn own_skill(&self) -> String {
        format!("own-{}", self.sequence)
    }

    fn skills(&self, skills: &[usize]) -> Vec<String> {
        skills.iter().map(|skill| SKILLS[*skill].to_owned()).collect()
    }

    fn contact(&self, contact: usize) -> String {
        self.contacts.get(contact).cloned().unwrap_or_else(|| "nobody".to_owned())
    }

    fn handoff(&self, handoff: usize) -> String {
        format!("h{handoff}-{}", self.sequence)
    }

    fn code(&self, handoff: usize) -> String {
        let text = self.handoff(handoff);
        text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>() + &"0".repeat(32)
    }

    pub async fn run(&mut self, command: &Command) -> Result<(), ErrorReason> {
        match self.call(command).await {
            Ok(()) => Ok(()),
            Err(status) => Err(reason_of(&status).unwrap_or_else(|| panic!("{command:?}: {status:?}"))),
        }
    }

    async fn call(&mut self, command: &Command) -> Result<(), Status> {
        let (mut client, request_id) = (self.client(), request_id());
        match command {
            Command::PutAgent { .. } => {
                let agent = Some(self.new_agent(command));
                client.put_agent(PutAgentRequest { request_id, agent }).await?;
            }
            Command::SetPresence { agent, presence, at_once } => {
                let policy =
                    if *at_once { SignOutPolicy::RequeueAtOnce } else { SignOutPolicy::KeepForGrace };
                let (agent, presence) = (self.agent(*agent), *presence as i32);
                let sign_out_policy = policy.into();
                client
                    .set_presence(SetPresenceRequest { request_id, agent, presence, sign_out_policy })
                    .await?;
            }
            Command::Connect { agent } => {
                let request = WatchAssignmentsRequest { agent: self.agent(*agent), ..Default::default() };
                let mut desk = client.watch_assignments(request).await?.into_inner();
                desk.message().await?;
                // An earlier stream of the same desk ends after the new one has begun.
                self.desks.insert(*agent, desk);
            }
            Command::Disconnect { agent } => self.disconnect(*agent).await,
            Command::Submit { .. } => self.submit(command).await?,
            Command::SetPriority { contact, priority } => {
                let (id, priority) = (self.contact(*contact), *priority as i32);
                let request = SetContactPriorityRequest { request_id, id, priority };
                client.set_contact_priority(request).await?;
            }
            Command::Accept { contact, agent } => {
                let (id, agent) = (self.contact(*contact), self.agent(*agent));
                client.accept_contact(AcceptContactRequest { request_id, id, agent }).await?;
            }
            Command::Decline { contact, agent } => {
                let (id, agent) = (self.contact(*contact), self.agent(*agent));
                client.decline_contact(DeclineContactRequest { request_id, id, agent }).await?;
            }
            Command::Complete { contact, agent } => {
                let (id, agent) = (self.contact(*contact), self.agent(*agent));
                client.complete_contact(CompleteContactRequest { request_id, id, agent }).await?;
            }
            Command::FinishWrapUp { contact, agent } => {
                let (id, agent) = (self.contact(*contact), self.agent(*agent));
                client.finish_wrap_up(FinishWrapUpRequest { request_id, id, agent }).await?;
            }
            Command::Abandon { contact } => {
                let id = self.contact(*contact);
                client.abandon_contact(AbandonContactRequest { request_id, id }).await?;
            }
            Command::PutEntry { .. } => {
                client.put_service_list_entry(self.entry(command)).await?;
                if let Command::PutEntry { handoff, target, .. } = command {
                    self.targets.entry(*handoff).or_insert(*target);
                }
            }
            Command::Admit { handoff, session } => self.admit(*handoff, *session).await?,
            Command::Release { handoff } => {
                let handoff_id = self.handoff(*handoff);
                client.release_service_list_entry(ReleaseServiceListEntryRequest { handoff_id }).await?;
            }
            Command::Advance { ms, .. } => self.service.advance(*ms).await,
            Command::DeleteAgent { agent } => {
                client.delete_agent(DeleteAgentRequest { request_id, id: self.agent(*agent) }).await?;
            }
            Command::Transfer { .. } => {
                client.transfer_contact(self.transfer(command)).await?;
            }
        }
        Ok(())
    }

    async fn submit(&mut self, command: &Command) -> Result<(), Status> {
        let Command::Submit { platform, session, skills, priority, ttl_ms, rejoins } = command else {
            return Ok(());
        };
        let request = SubmitContactRequest {
            request_id: request_id(),
            platform: self.platform(*platform),
            session: format!("s{session}"),
            skills: self.skills(skills),
            priority: *priority as i32,
            time_to_live: ttl_ms.map(|ms| prost_types::Duration { seconds: ms / 1000, nanos: 0 }),
            rejoins: rejoins.map_or(String::new(), |contact| self.contact(contact)),
            ..Default::default()
        };
        let contact = self.client().submit_contact(request).await?.into_inner().contact.unwrap();
        self.know(contact);
        Ok(())
    }

    async fn admit(&mut self, handoff: usize, session: usize) -> Result<(), Status> {
        let request = AdmitHandoffRequest {
            handoff_id: self.handoff(handoff),
            code_hash: self.code(handoff),
            platform: self.platform(self.targets.get(&handoff).copied().unwrap_or_default()),
            session: format!("s{session}"),
        };
        let contact = self.client().admit_handoff(request).await?.into_inner().contact.unwrap();
        self.know(contact);
        Ok(())
    }

    fn know(&mut self, contact: Contact) {
        let conversation = Session { platform: contact.platform, session: contact.session };
        match self.contacts.iter().position(|id| *id == contact.id) {
            Some(index) => self.conversations[index] = conversation,
            None => {
                self.contacts.push(contact.id);
                self.conversations.push(conversation);
            }
        }
    }

    fn transfer(&self, command: &Command) -> TransferContactRequest {
        let Command::Transfer { contact, by, to, class } = command else {
            return TransferContactRequest::default();
        };
        let to = match to {
            To::Agent(agent) => transfer_contact_request::To::ToAgent(self.agent(*agent)),
            To::Skills(skills) => {
                transfer_contact_request::To::ToSkills(Skills { skills: self.skills(skills) })
            }
            To::Line => transfer_contact_request::To::ToLine(Line {}),
        };
        TransferContactRequest {
            request_id: request_id(),
            id: self.contact(*contact),
            agent: by.map_or(String::new(), |by| self.agent(by)),
            to: Some(to),
            priority: class.map_or(0, |class| class as i32),
            reason: "by the sequence".to_owned(),
        }
    }

    fn new_agent(&self, command: &Command) -> Agent {
        let Command::PutAgent { agent, capacity, skills, platforms } = command else {
            return Agent::default();
        };
        let served = |(platform, cost, seconds): &(usize, i64, i64)| AgentPlatform {
            platform: self.platform(*platform),
            cost_units: *cost as i32,
            wrap_up_seconds: *seconds as i32,
        };
        Agent {
            id: self.agent(*agent),
            skills: self.skills(skills).into_iter().chain([self.own_skill()]).collect(),
            platforms: platforms.iter().map(served).collect(),
            capacity_units: *capacity as i32,
            ..Agent::default()
        }
    }

    fn entry(&self, command: &Command) -> PutServiceListEntryRequest {
        let Command::PutEntry { handoff, generation, agent, source, target, same_agent_only } = command
        else {
            return PutServiceListEntryRequest::default();
        };
        let policy = if *same_agent_only { AgentPolicy::SameAgentOnly } else { AgentPolicy::PreferSameAgent };
        PutServiceListEntryRequest {
            handoff_id: self.handoff(*handoff),
            generation: *generation as i32,
            work_order: "WO-1".to_owned(),
            agent: self.agent(*agent),
            source: Some(
                self.conversations
                    .get(*source)
                    .cloned()
                    .unwrap_or_else(|| Session { platform: self.platform(0), session: "unknown".to_owned() }),
            ),
            target_platform: self.platform(*target),
            cost_units: 100,
            code_hashes: vec![self.code(*handoff)],
            agent_policy: policy.into(),
            expire_time: timestamp(self.service.now_ms() + crate::reference::TTL_MS),
            ..Default::default()
        }
    }

    async fn disconnect(&mut self, agent: usize) {
        if self.desks.remove(&agent).is_some() {
            let request = GetAgentRequest { id: self.agent(agent) };
            wait_for("the desk's end to be noticed", || async {
                // One that is deleted has no desk.
                let answer = self.client().get_agent(request.clone()).await;
                !answer.is_ok_and(|answer| answer.into_inner().agent.unwrap().desk_connected)
            })
            .await;
        }
    }

    /// Leaves nothing that would be due later.
    pub async fn clear_up(&mut self) {
        for agent in 0..crate::command::AGENTS {
            self.disconnect(agent).await;
            let presence = Presence::Offline.into();
            let request = SetPresenceRequest {
                request_id: request_id(),
                agent: self.agent(agent),
                presence,
                ..Default::default()
            };
            // It may never have been put.
            drop(self.client().set_presence(request).await);
        }
        for contact in self.contacts.clone() {
            let request = AbandonContactRequest { request_id: request_id(), id: contact };
            let refused = self.client().abandon_contact(request).await.err();
            assert!(refused.is_none_or(|status| reason_of(&status) == Some(ErrorReason::ContactState)));
        }
        for handoff in 0..crate::command::HANDOFFS {
            let request = ReleaseServiceListEntryRequest { handoff_id: self.handoff(handoff) };
            self.client().release_service_list_entry(request).await.unwrap();
        }
    }
}
