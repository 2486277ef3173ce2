//! The server behind an agent, speaking gRPC.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use segue_core::Random;
use segue_proto::{
    issuer::v1::{
        CreateHandoffRequest, CreateHandoffResponse, Handoff, WatchHandoffRequest,
        code_issuer_service_client::CodeIssuerServiceClient,
    },
    router::v1::{
        AcceptContactRequest, Agent, Assignment, AssignmentChange, CompleteContactRequest, GetAgentRequest,
        Presence, SetPresenceRequest, WatchAssignmentsRequest, WatchAssignmentsResponse,
        priority_router_service_client::PriorityRouterServiceClient,
    },
};
use segue_runtime::peer::Peer;
use tonic::Streaming;
use uuid::Builder;

use super::patience::patiently;
use crate::Addresses;

const LONG_ENOUGH: Duration = Duration::from_secs(60);

/// An agent's desk.
pub struct Desk {
    /// The agent number.
    pub agent: String,
    router: PriorityRouterServiceClient<Peer>,
    issuer: CodeIssuerServiceClient<Peer>,
    issuer_streams: CodeIssuerServiceClient<Peer>,
    router_streams: PriorityRouterServiceClient<Peer>,
    /// None after a break.
    assignments: Option<Streaming<WatchAssignmentsResponse>>,
    resume_token: String,
    presence_before: Presence,
}

impl Desk {
    /// Signs the agent in and opens the stream of assignments.
    pub async fn sign_in(addresses: &Addresses, agent: &str) -> anyhow::Result<Self> {
        let router = PriorityRouterServiceClient::new(addresses.connect(addresses.router)?);
        let request = GetAgentRequest { id: agent.to_owned() };
        let found =
            patiently(|| async { router.clone().get_agent(request.clone()).await }).await?.into_inner();
        let mut desk = Self {
            agent: agent.to_owned(),
            router,
            issuer: CodeIssuerServiceClient::new(addresses.connect(addresses.issuer)?),
            issuer_streams: CodeIssuerServiceClient::new(addresses.connect_for_streams(addresses.issuer)?),
            router_streams: PriorityRouterServiceClient::new(
                addresses.connect_for_streams(addresses.router)?,
            ),
            assignments: None,
            resume_token: String::new(),
            presence_before: found.agent.context("no agent in the answer")?.presence(),
        };
        desk.set_presence(Presence::Available).await?;
        Ok(desk)
    }

    /// Signs the agent out, unless they were there before.
    pub async fn sign_out(&mut self) -> anyhow::Result<()> {
        self.set_presence(self.presence_before).await.map(drop)
    }

    /// Waits for a change of the contact of this session.
    pub async fn wait_for(&mut self, session: &str, change: AssignmentChange) -> anyhow::Result<Assignment> {
        let found = tokio::time::timeout(LONG_ENOUGH, async {
            loop {
                let assignment = self.next_assignment().await?;
                let here = assignment.contact.as_ref().is_some_and(|contact| contact.session == session);
                if here && assignment.change() == change {
                    return Ok(assignment);
                }
            }
        });
        found.await.with_context(|| format!("the desk was not told of {}", change.as_str_name()))?
    }

    /// The next event; after a break the stream is opened again where it was.
    async fn next_assignment(&mut self) -> anyhow::Result<Assignment> {
        loop {
            let stream = match &mut self.assignments {
                Some(stream) => stream,
                None => {
                    let request = WatchAssignmentsRequest {
                        agent: self.agent.clone(),
                        resume_token: self.resume_token.clone(),
                        ..WatchAssignmentsRequest::default()
                    };
                    let streams = &self.router_streams;
                    let opened =
                        patiently(|| async { streams.clone().watch_assignments(request.clone()).await })
                            .await?;
                    self.assignments.insert(opened.into_inner())
                }
            };
            match stream.message().await {
                Ok(Some(event)) => {
                    self.resume_token = event.resume_token;
                    if let Some(assignment) = event.assignment {
                        return Ok(assignment);
                    }
                }
                Ok(None) | Err(_) => self.assignments = None,
            }
        }
    }

    /// Takes an offered contact.
    pub async fn accept(&mut self, contact: &str) -> anyhow::Result<()> {
        let request = AcceptContactRequest {
            request_id: new_uuid(),
            id: contact.to_owned(),
            agent: self.agent.clone(),
        };
        patiently(|| async { self.router.clone().accept_contact(request.clone()).await }).await?;
        Ok(())
    }

    /// Finishes a contact.
    pub async fn complete(&mut self, contact: &str) -> anyhow::Result<()> {
        let request = CompleteContactRequest {
            request_id: new_uuid(),
            id: contact.to_owned(),
            agent: self.agent.clone(),
        };
        patiently(|| async { self.router.clone().complete_contact(request.clone()).await }).await?;
        Ok(())
    }

    /// Asks for a handoff.
    pub async fn hand_off(&mut self, request: CreateHandoffRequest) -> anyhow::Result<CreateHandoffResponse> {
        let answer =
            patiently(|| async { self.issuer.clone().create_handoff(request.clone()).await }).await?;
        Ok(answer.into_inner())
    }

    /// Waits until the handoff has ended and returns it.
    pub async fn end_of(&mut self, handoff: &str) -> anyhow::Result<Handoff> {
        let found = tokio::time::timeout(LONG_ENOUGH, async {
            loop {
                if let Some(ended) = self.watch_to_the_end(handoff).await? {
                    return Ok(ended);
                }
            }
        });
        found.await.context("the handoff does not end")?
    }

    /// One stream's worth of changes; none when it was cut off before the end.
    async fn watch_to_the_end(&self, handoff: &str) -> anyhow::Result<Option<Handoff>> {
        let request = WatchHandoffRequest { id: handoff.to_owned() };
        let opened = patiently(|| async { self.issuer_streams.clone().watch_handoff(request.clone()).await });
        let mut stream = opened.await?.into_inner();
        let mut last = None;
        loop {
            match stream.message().await {
                Ok(Some(answer)) => last = answer.handoff,
                Ok(None) => return Ok(last),
                Err(_) => return Ok(None),
            }
        }
    }

    async fn set_presence(&mut self, presence: Presence) -> anyhow::Result<Agent> {
        let request = SetPresenceRequest {
            request_id: new_uuid(),
            agent: self.agent.clone(),
            presence: presence.into(),
            ..Default::default()
        };
        let answer = patiently(|| async { self.router.clone().set_presence(request.clone()).await }).await?;
        let agent = answer.into_inner().agent.context("no agent in the answer")?;
        ensure!(agent.presence() == presence, "the presence was not taken");
        Ok(agent)
    }
}

/// A new request id.
pub(super) fn new_uuid() -> String {
    Builder::from_random_bytes(Random::secure().bytes()).into_uuid().hyphenated().to_string()
}
