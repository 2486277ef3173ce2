//! The services that are measured: real processes, with agents and customers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::join_all;
use segue::demo_data;
use segue_proto::{
    common::v1::{Customer, Identity},
    router::v1::{Agent, AgentPlatform, Presence, PutAgentRequest, SetPresenceRequest},
};
use segue_testkit::{Databases, Storage, request_id};
use segue_tests::{Clients, Processes, Series, try_scrape};
use tonic::Status;

use crate::{
    callers::over,
    echo::CONNECTIONS,
    plan::Plan,
    statements::{self, Statements},
};

/// What an operator sets for such a load: nobody is turned away (docs/adr/0013), and offers to agents that are not asked don't end.
pub const SETTINGS: [(&str, &str); 4] = [
    ("SEGUE_LOG", "warn"),
    ("SEGUE_TARGET_LATENCY_MS", "0"),
    ("SEGUE_MAX_CALLS", "1024"),
    ("SEGUE_OFFER_TIMEOUT_SECONDS", "600"),
];
/// The services on the way of a handoff.
const MEASURED: [&str; 3] = ["platform-selector", "priority-router", "code-issuer"];
/// Where contacts begin, and where handoffs lead to.
pub const SOURCE: &str = "hotline";
pub const TARGET: &str = "app";
/// How long the last handoffs of a measurement may take to end.
const SETTLE: Duration = Duration::from_secs(10);

pub struct System {
    pub processes: Processes,
    pub people: Vec<Person>,
    agents: usize,
    clients: Vec<Clients>,
    next: AtomicUsize,
}

/// A customer with an account at the target.
pub struct Person {
    pub customer: Customer,
    pub account: String,
}

/// Counts since the processes began.
#[derive(Debug, Clone, Copy, Default)]
pub struct Observed {
    /// When handoffs and calls were counted.
    pub at: Option<Instant>,
    pub cpu_seconds: f64,
    pub rpcs: f64,
    /// Handoffs that were redeemed and went all the way.
    pub switched: f64,
    pub statements: Option<Statements>,
}

impl System {
    pub async fn start(storage: Storage, replicas: usize, plan: &Plan) -> Arc<Self> {
        let databases = Databases::start_with(storage, statements::SETTINGS);
        Statements::prepare(&databases);
        let mut processes = Processes::start_in(databases, &SETTINGS).await;
        let mut addresses = vec![processes.addresses.clone()];
        for _ in 1..replicas {
            addresses.push(processes.add_replicas(&MEASURED).await);
        }
        let targets = processes.addresses.demo_data_targets(plan.customers).unwrap();
        demo_data::load(&targets, &|_| {}).await.unwrap();
        let connections = addresses.iter().cycle().take(CONNECTIONS.next_multiple_of(replicas));
        let this = Arc::new(Self {
            people: people(plan.customers),
            agents: plan.agents,
            clients: connections.map(Clients::of).collect(),
            next: AtomicUsize::new(0),
            processes,
        });
        let system = this.clone();
        over(plan.callers, (0..plan.agents).collect(), move |number| {
            let system = system.clone();
            async move { system.sign_in(number, &agent(number), &[SOURCE, TARGET], 10).await }
        })
        .await;
        this
    }

    /// A connection for a caller.
    pub fn clients(&self, caller: usize) -> Clients {
        self.clients[caller % self.clients.len()].clone()
    }

    /// A new number.
    pub fn number(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// An agent for a number.
    pub fn agent_for(&self, number: usize) -> String {
        agent(number % self.agents)
    }

    /// Puts an agent and signs it in. It has 100 units.
    pub async fn sign_in(
        &self,
        caller: usize,
        id: &str,
        platforms: &[&str],
        cost_units: i32,
    ) -> Result<(), Status> {
        let served = |platform: &&str| AgentPlatform {
            platform: (*platform).to_owned(),
            cost_units,
            wrap_up_seconds: 0,
        };
        let agent = Agent {
            id: id.to_owned(),
            display_name: id.to_owned(),
            platforms: platforms.iter().map(served).collect(),
            ..Agent::default()
        };
        let mut router = self.clients(caller).router;
        router.put_agent(PutAgentRequest { request_id: request_id(), agent: Some(agent) }).await?;
        let (agent, presence) = (id.to_owned(), Presence::Available.into());
        let request = SetPresenceRequest { request_id: request_id(), agent, presence, ..Default::default() };
        router.set_presence(request).await.map(drop)
    }

    pub async fn observe(&self) -> Observed {
        let processes = || MEASURED.into_iter().flat_map(|service| self.processes.replicas(service));
        let scraped = processes()
            .map(|(_, operations)| async move { Series::read(&try_scrape(operations).await.unwrap()) });
        let at = Instant::now();
        let scraped = join_all(scraped).await;
        let sum = |name: &str, labels: &[&str]| scraped.iter().map(|series| series.sum(name, labels)).sum();
        Observed {
            at: Some(at),
            cpu_seconds: processes().map(|(process, _)| process.cpu_seconds()).sum(),
            rpcs: sum("rpc_server_call_duration_seconds_count", &[]),
            switched: sum("segue_handoffs_ended_total", &["outcome=\"switched\""]),
            statements: Statements::of(&self.processes.databases),
        }
    }

    /// Waits until the handoffs that were redeemed have ended, as far as they do, so that they are in nobody else's measurement.
    pub async fn settle(&self) {
        let deadline = tokio::time::Instant::now() + SETTLE;
        let mut before = -1.0;
        loop {
            let switched = self.observe().await.switched;
            if switched == before || tokio::time::Instant::now() > deadline {
                return;
            }
            before = switched;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Those of the demo's first customers who have an account at the target. Each that comes has another agent than before, as the
/// numbers of both have no common factor: a newer handoff of an agent for the same customer ends the older.
fn people(customers: usize) -> Vec<Person> {
    let person = |person: demo_data::Customer| {
        let account = person.accounts.iter().find(|account| account.platform == TARGET)?.id.clone();
        let identity = Identity { kind: "phone".to_owned(), value: person.phone, unverified: false };
        Some(Person { customer: Customer { identities: vec![identity] }, account })
    };
    demo_data::customers().unwrap().take(customers).filter_map(person).collect()
}

fn agent(number: usize) -> String {
    format!("load-{number}")
}
