//! Customers and desks who don't give up: each call is made again, with the same request id, until a replica answers it.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use segue_proto::router::v1::{
    AssignmentChange as Change, ContactEventKind as Kind, ContactState as State,
    priority_router_service_client::PriorityRouterServiceClient, *,
};
use segue_runtime::reason_of;
use segue_testkit::request_id;
use tokio::task::JoinSet;
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

const AGENTS: usize = 6;
const CUSTOMERS: usize = 4;
/// Before a call that failed is made again at the other replica.
const PAUSE: Duration = Duration::from_millis(20);

type Client = PriorityRouterServiceClient<Channel>;

pub struct Load {
    shared: Arc<Shared>,
    desks: JoinSet<()>,
    customers: JoinSet<()>,
}

struct Shared {
    clients: Vec<Client>,
    turn: AtomicUsize,
    completed: AtomicUsize,
    submitted: Mutex<Vec<String>>,
    is_closed: AtomicBool,
}

impl Load {
    pub async fn start(addresses: [SocketAddr; 2]) -> Self {
        let client = |address| {
            let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
            PriorityRouterServiceClient::new(endpoint.connect_timeout(Duration::from_secs(1)).connect_lazy())
        };
        let shared = Arc::new(Shared {
            clients: addresses.map(client).into(),
            turn: AtomicUsize::new(0),
            completed: AtomicUsize::new(0),
            submitted: Mutex::default(),
            is_closed: AtomicBool::new(false),
        });
        let (mut desks, mut customers) = (JoinSet::new(), JoinSet::new());
        for number in 0..AGENTS {
            shared.sign_in(&format!("a{number}")).await;
            desks.spawn(desk(shared.clone(), format!("a{number}")));
        }
        for _ in 0..CUSTOMERS {
            customers.spawn(customer(shared.clone()));
        }
        Self { shared, desks, customers }
    }

    pub fn completed(&self) -> usize {
        self.shared.completed.load(Ordering::Relaxed)
    }

    /// Everybody who comes has come; answers the contacts that were acknowledged.
    pub async fn no_more_customers(&self) -> Vec<String> {
        self.shared.is_closed.store(true, Ordering::Relaxed);
        segue_testkit::wait_for("the last customers", || async {
            Arc::strong_count(&self.shared) <= 1 + AGENTS
        })
        .await;
        self.shared.submitted.lock().unwrap().clone()
    }

    pub async fn all_ended(&self, contacts: &[String]) -> bool {
        for id in contacts {
            let request = GetContactRequest { id: id.clone() };
            let contact = self.shared.call(|mut client| {
                let request = request.clone();
                async move { client.get_contact(request).await }
            });
            if contact.await.unwrap().contact.unwrap().state() != State::Completed {
                return false;
            }
        }
        true
    }

    /// I7, by the contact's log.
    pub async fn was_with_one_at_a_time(&self, id: &str) {
        let request = ListContactEventsRequest { id: id.to_owned(), page_size: 1000, ..Default::default() };
        let events = self.shared.call(|mut client| {
            let request = request.clone();
            async move { client.list_contact_events(request).await }
        });
        let events = events.await.unwrap().events;
        let mut holder: Option<&str> = None;
        for event in &events {
            let takes = matches!(event.kind(), Kind::Offered | Kind::Assigned);
            assert!(!takes || holder.is_none_or(|had| had == event.agent), "{id}: {events:?}");
            holder = takes.then_some(event.agent.as_str());
        }
        let completed = events.iter().filter(|event| event.kind() == Kind::Completed).count();
        assert_eq!(completed, 1, "{id}: {events:?}");
    }

    pub async fn nothing_is_left(&self) {
        let request = ListAgentsRequest::default();
        let agents = self.shared.call(|mut client| {
            let request = request.clone();
            async move { client.list_agents(request).await }
        });
        for agent in agents.await.unwrap().agents {
            assert_eq!((agent.used_units, agent.held_units), (0, 0), "{agent:?}");
        }
    }

    pub async fn stop(mut self) {
        self.desks.shutdown().await;
        self.customers.shutdown().await;
    }
}

impl Shared {
    /// Makes a call until a replica answers it, one way or the other.
    async fn call<T, F>(&self, call: impl Fn(Client) -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        loop {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            let client = self.clients[turn % self.clients.len()].clone();
            match tokio::time::timeout(Duration::from_secs(5), call(client)).await {
                Ok(Ok(answer)) => return Ok(answer.into_inner()),
                // One of our own reasons that a retry does not help is an answer.
                Ok(Err(status)) if is_refused(&status) => return Err(status),
                Ok(Err(_)) | Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    async fn sign_in(&self, id: &str) {
        let served = AgentPlatform { platform: "chat".to_owned(), cost_units: 33, wrap_up_seconds: 0 };
        let agent = Agent { id: id.to_owned(), platforms: vec![served], ..Agent::default() };
        let request = PutAgentRequest { request_id: request_id(), agent: Some(agent) };
        self.call(|mut client| {
            let request = request.clone();
            async move { client.put_agent(request).await }
        })
        .await
        .unwrap();
        let (agent, presence) = (id.to_owned(), Presence::Available.into());
        let request = SetPresenceRequest { request_id: request_id(), agent, presence, ..Default::default() };
        self.call(|mut client| {
            let request = request.clone();
            async move { client.set_presence(request).await }
        })
        .await
        .unwrap();
    }
}

fn is_refused(status: &Status) -> bool {
    use segue_proto::common::v1::ErrorReason as Reason;
    reason_of(status).is_some_and(|reason| {
        matches!(reason, Reason::ContactState | Reason::ContactNotYours | Reason::ContactNotFound)
    })
}

async fn customer(shared: Arc<Shared>) {
    while !shared.is_closed.load(Ordering::Relaxed) {
        let request = SubmitContactRequest {
            request_id: request_id(),
            platform: "chat".to_owned(),
            session: request_id(),
            ..Default::default()
        };
        let contact = shared.call(|mut client| {
            let request = request.clone();
            async move { client.submit_contact(request).await }
        });
        let id = contact.await.unwrap().contact.unwrap().id;
        shared.submitted.lock().unwrap().push(id.clone());
        // The next one comes when this one is served, so that the line stays short.
        segue_testkit::wait_for("the contact to be served", || async {
            let request = GetContactRequest { id: id.clone() };
            let contact = shared.call(|mut client| {
                let request = request.clone();
                async move { client.get_contact(request).await }
            });
            contact.await.unwrap().contact.unwrap().state() == State::Completed
        })
        .await;
    }
}

/// Watches at any replica, goes on at another, accepts and completes.
async fn desk(shared: Arc<Shared>, agent: String) {
    let mut resume_token = String::new();
    loop {
        let request = WatchAssignmentsRequest {
            agent: agent.clone(),
            resume_token: resume_token.clone(),
            ..Default::default()
        };
        let opened = shared.call(|mut client| {
            let request = request.clone();
            async move { client.watch_assignments(request).await }
        });
        let mut stream = opened.await.unwrap();
        while let Ok(Some(event)) = stream.message().await {
            if let Some(assignment) = event.assignment {
                serve(&shared, &agent, assignment).await;
            }
            // Only now: what was cut off comes again.
            resume_token = event.resume_token;
        }
    }
}

async fn serve(shared: &Shared, agent: &str, assignment: Assignment) {
    let (change, contact) = (assignment.change(), assignment.contact.unwrap());
    let (request_id, id, agent) = (request_id(), contact.id, agent.to_owned());
    match change {
        Change::Offered => {
            let request = AcceptContactRequest { request_id, id, agent };
            let accepted = shared.call(|mut client| {
                let request = request.clone();
                async move { client.accept_contact(request).await }
            });
            drop(accepted.await);
        }
        Change::Assigned => {
            let request = CompleteContactRequest { request_id, id, agent };
            let completed = shared.call(|mut client| {
                let request = request.clone();
                async move { client.complete_contact(request).await }
            });
            if completed.await.is_ok() {
                shared.completed.fetch_add(1, Ordering::Relaxed);
            }
        }
        Change::Withdrawn | Change::Ended | Change::Unspecified => {}
    }
}
