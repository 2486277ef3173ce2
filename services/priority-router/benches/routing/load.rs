use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use priority_router::{Config, Rules, bind};
use segue_proto::router::v1::{priority_router_service_client::PriorityRouterServiceClient, *};
use segue_runtime::{Parts, Running, ServerConfig, Stop};
use segue_testkit::request_id;
use tonic::transport::{Channel, Endpoint};

/// Callers at a time.
pub const CALLERS: usize = 64;
/// One connection takes many callers; several spread them over the threads.
const CONNECTIONS: usize = 4;
pub const PLATFORM: &str = "chat";

pub type Client = PriorityRouterServiceClient<Channel>;

/// Replicas of a service with agents who have one contact at a time each.
pub struct Load {
    pub agents: usize,
    clients: Vec<Client>,
    running: Vec<Running>,
    stop: Stop,
    sessions: AtomicUsize,
}

impl Load {
    pub async fn start(url: &str, replicas: usize, agents: usize) -> Arc<Self> {
        let stop = Stop::new();
        let (mut running, mut clients) = (vec![], vec![]);
        for _ in 0..replicas {
            let config = Config {
                server: ServerConfig::loopback(0),
                database: segue_store::Settings::of_url(url),
                // Offers don't time out while others are measured.
                rules: Rules { offer_timeout_ms: 3_600_000, ..Rules::default() },
            };
            running.push(bind(config, Parts::real(stop.clone())).await.unwrap());
        }
        for replica in running.iter().cycle().take(CONNECTIONS.next_multiple_of(replicas)) {
            let endpoint = Endpoint::from_shared(replica.uri()).unwrap().tcp_nodelay(true);
            clients.push(PriorityRouterServiceClient::new(endpoint.connect().await.unwrap()));
        }
        let load = Arc::new(Self { agents, clients, running, stop, sessions: AtomicUsize::new(0) });
        let this = load.clone();
        in_parallel(agents, move |number| {
            let this = this.clone();
            async move { this.sign_in(number).await }
        })
        .await;
        load
    }

    pub async fn stop(self: Arc<Self>) {
        let Ok(this) = Arc::try_unwrap(self) else { panic!("still in use") };
        this.stop.now();
        drop(this.clients);
        for replica in this.running {
            replica.stopped().await.unwrap();
        }
    }

    pub fn client(&self, caller: usize) -> Client {
        self.clients[caller % self.clients.len()].clone()
    }

    pub fn agent(number: usize) -> String {
        format!("a{number}")
    }

    async fn sign_in(&self, number: usize) {
        self.put(&Self::agent(number), &[PLATFORM, "video"]).await;
    }

    /// An agent who takes contacts on some platforms.
    pub async fn put(&self, id: &str, platforms: &[&str]) {
        let served = |platform: &str| AgentPlatform {
            platform: platform.to_owned(),
            cost_units: 100,
            wrap_up_seconds: 0,
        };
        let agent = Agent {
            id: id.to_owned(),
            skills: vec!["claims".to_owned()],
            platforms: platforms.iter().map(|platform| served(platform)).collect(),
            ..Agent::default()
        };
        let request = PutAgentRequest { request_id: request_id(), agent: Some(agent) };
        self.client(id.len()).put_agent(request).await.unwrap();
        let (agent, presence) = (id.to_owned(), Presence::Available.into());
        let request = SetPresenceRequest { request_id: request_id(), agent, presence, ..Default::default() };
        self.client(id.len()).set_presence(request).await.unwrap();
    }

    pub async fn submit(&self, caller: usize) -> Contact {
        let session = self.sessions.fetch_add(1, Ordering::Relaxed);
        let request = SubmitContactRequest {
            request_id: request_id(),
            platform: PLATFORM.to_owned(),
            session: format!("s{session}"),
            skills: vec!["claims".to_owned()],
            ..Default::default()
        };
        self.client(caller).submit_contact(request).await.unwrap().into_inner().contact.unwrap()
    }

    pub async fn accept(&self, caller: usize, id: &str, agent: &str) {
        let (id, agent) = (id.to_owned(), agent.to_owned());
        let request = AcceptContactRequest { request_id: request_id(), id, agent };
        self.client(caller).accept_contact(request).await.unwrap();
    }

    pub async fn complete(&self, caller: usize, id: &str, agent: &str) {
        let (id, agent) = (id.to_owned(), agent.to_owned());
        let request = CompleteContactRequest { request_id: request_id(), id, agent };
        self.client(caller).complete_contact(request).await.unwrap();
    }

    /// What an agent is offered.
    pub async fn offered(&self, caller: usize, agent: &str) -> Option<Contact> {
        let request = ListContactsRequest {
            agent: agent.to_owned(),
            state: ContactState::Offered.into(),
            page_size: 1,
            ..Default::default()
        };
        self.client(caller).list_contacts(request).await.unwrap().into_inner().contacts.pop()
    }

    /// Submits until every agent has a contact and so many wait.
    pub async fn fill(self: &Arc<Self>, waiting: usize) {
        if waiting == 0 {
            return;
        }
        let request = GetQueueStatsRequest::default();
        let stats = self.client(0).get_queue_stats(request).await.unwrap().into_inner().stats;
        let there: i32 = stats.iter().map(|line| line.waiting).sum();
        let free = if there == 0 { self.agents } else { 0 };
        let missing = (waiting + free).saturating_sub(there.unsigned_abs() as usize);
        let this = self.clone();
        in_parallel(missing, move |number| {
            let this = this.clone();
            async move {
                let contact = this.submit(number).await;
                if contact.state() == ContactState::Offered {
                    this.accept(number, &contact.id, &contact.agent).await;
                }
            }
        })
        .await;
    }
}

/// Does something so many times, some at a time.
pub async fn in_parallel<F: Future<Output = ()> + Send>(
    times: usize,
    work: impl Fn(usize) -> F + Clone + Send + Sync + 'static,
) {
    let next = Arc::new(AtomicUsize::new(0));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let (next, work) = (next.clone(), work.clone());
        callers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= times {
                    return;
                }
                work(number).await;
            }
        });
    }
    while let Some(done) = callers.join_next().await {
        done.unwrap();
    }
}

/// How long something took.
pub async fn timed<T>(took: &mut Vec<Duration>, work: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let done = work.await;
    took.push(start.elapsed());
    done
}

/// The time that this share of them stayed within, in milliseconds.
pub fn percentile(took: &mut [Duration], share: f64) -> f64 {
    took.sort_unstable();
    let index = ((took.len() as f64 * share) as usize).min(took.len().saturating_sub(1));
    took.get(index).map_or(f64::NAN, |took| took.as_secs_f64() * 1000.0)
}
