//! Calls that the tests make, and replicas in this process.

use std::{future::Future, time::Duration};

use priority_router::{Config, Rules, bind};
use segue_core::{Random, SharedClock};
use segue_proto::router::v1::{priority_router_service_client::PriorityRouterServiceClient, *};
use segue_runtime::{Parts, Running, ServerConfig, Stop};
use segue_testkit::request_id;
use tokio::time::{Instant, timeout};
use tonic::{
    Response, Status,
    transport::{Channel, Endpoint},
};

pub type Client = PriorityRouterServiceClient<Channel>;

/// How long one attempt of a call that is made again may take.
const ATTEMPT: Duration = Duration::from_secs(5);
/// Before a call that failed is made again.
pub const PAUSE: Duration = Duration::from_millis(50);

/// A replica in this process.
pub struct Local {
    pub client: Client,
    stop: Stop,
    running: Running,
}

impl Local {
    pub async fn start(url: &str, rules: Rules, clock: SharedClock) -> Self {
        let stop = Stop::new();
        let config =
            Config { server: ServerConfig::loopback(0), database: segue_store::Settings::of_url(url), rules };
        let parts = Parts { clock, random: Random::secure(), stop: stop.clone() };
        let running = bind(config, parts).await.unwrap();
        let client = client(&running.uri());
        Self { client, stop, running }
    }

    pub async fn stop(self) {
        self.stop.now();
        drop(self.client);
        self.running.stopped().await.unwrap();
    }
}

/// A client of one replica, which connects with its first call and again after a break.
pub fn client(uri: &str) -> Client {
    let endpoint = Endpoint::from_shared(uri.to_owned()).unwrap().connect_timeout(Duration::from_secs(1));
    Client::new(endpoint.connect_lazy()).max_decoding_message_size(segue_runtime::MAX_MESSAGE_BYTES)
}

pub fn submission(platform: &str) -> SubmitContactRequest {
    SubmitContactRequest {
        request_id: request_id(),
        platform: platform.to_owned(),
        session: request_id(),
        ..Default::default()
    }
}

pub async fn submit(client: &Client, request: SubmitContactRequest) -> Result<Contact, Status> {
    let answer = client.clone().submit_contact(request).await?;
    Ok(answer.into_inner().contact.unwrap())
}

pub async fn get(client: &Client, id: &str) -> Result<Contact, Status> {
    let answer = client.clone().get_contact(GetContactRequest { id: id.to_owned() }).await?;
    Ok(answer.into_inner().contact.unwrap())
}

pub async fn get_agent(client: &Client, id: &str) -> Result<Agent, Status> {
    let answer = client.clone().get_agent(GetAgentRequest { id: id.to_owned() }).await?;
    Ok(answer.into_inner().agent.unwrap())
}

/// Makes a call again until it succeeds, and answers how long that took; none when it didn't within the limit.
pub async fn until_answered<T, F>(limit: Duration, mut call: impl FnMut() -> F) -> Option<(T, Duration)>
where
    F: Future<Output = Result<T, Status>>,
{
    let started = Instant::now();
    while started.elapsed() < limit {
        if let Ok(Ok(answer)) = timeout(ATTEMPT, call()).await {
            return Some((answer, started.elapsed()));
        }
        tokio::time::sleep(PAUSE).await;
    }
    None
}

/// How long it takes until a write succeeds, at each of the replicas.
pub async fn write_at_each(clients: &[Client], limit: Duration) -> Vec<Option<Duration>> {
    let writes = clients.iter().map(|client| async move {
        let answered = until_answered(limit, || submit(client, submission("unserved"))).await;
        answered.map(|(_, took)| took)
    });
    futures::future::join_all(writes).await
}

/// An agent who takes contacts of a platform.
pub async fn agent(client: &Client, id: &str, platform: &str, cost_units: i32) -> Result<(), Status> {
    let served = AgentPlatform { platform: platform.to_owned(), cost_units, wrap_up_seconds: 0 };
    let agent = Agent { id: id.to_owned(), platforms: vec![served], ..Agent::default() };
    client.clone().put_agent(PutAgentRequest { request_id: request_id(), agent: Some(agent) }).await?;
    let presence = Presence::Available.into();
    let request =
        SetPresenceRequest { request_id: request_id(), agent: id.to_owned(), presence, ..Default::default() };
    client.clone().set_presence(request).await.map(drop)
}

pub async fn accept(client: &Client, id: &str, agent: &str) -> Result<Contact, Status> {
    let request =
        AcceptContactRequest { request_id: request_id(), id: id.to_owned(), agent: agent.to_owned() };
    let accepted = client.clone().accept_contact(request).await?;
    Ok(accepted.into_inner().contact.unwrap())
}

pub async fn complete(client: &Client, id: &str, agent: &str) -> Result<Contact, Status> {
    let request =
        CompleteContactRequest { request_id: request_id(), id: id.to_owned(), agent: agent.to_owned() };
    let completed = client.clone().complete_contact(request).await?;
    Ok(completed.into_inner().contact.unwrap())
}

pub async fn abandon(client: &Client, id: &str) -> Result<(), Status> {
    let request = AbandonContactRequest { request_id: request_id(), id: id.to_owned() };
    client.clone().abandon_contact(request).await.map(drop)
}

pub async fn watch(
    client: &Client,
    agent: &str,
    resume_token: &str,
) -> Result<tonic::Streaming<WatchAssignmentsResponse>, Status> {
    let request = WatchAssignmentsRequest {
        agent: agent.to_owned(),
        resume_token: resume_token.to_owned(),
        ..Default::default()
    };
    client.clone().watch_assignments(request).await.map(Response::into_inner)
}

/// The kinds of what happened to a contact.
pub async fn kinds(client: &Client, id: &str) -> Vec<ContactEventKind> {
    let request = ListContactEventsRequest { id: id.to_owned(), page_size: 1000, ..Default::default() };
    let events = client.clone().list_contact_events(request).await.unwrap().into_inner().events;
    events.iter().map(ContactEvent::kind).collect()
}
