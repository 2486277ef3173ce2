//! Ordinary contacts: submitted, accepted, completed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use segue_proto::router::v1::GetAgentRequest;

use crate::load::{CALLERS, Load, percentile, timed};

const MEASURED: Duration = Duration::from_secs(4);

#[derive(Default)]
pub struct Measured {
    pub contacts_per_second: f64,
    pub contacts: usize,
    submit: Vec<Duration>,
    accept: Vec<Duration>,
    complete: Vec<Duration>,
}

impl Measured {
    pub fn print(mut self, case: &Case, peers: &Peers, empty: f64) {
        let Case { replicas, agents, waiting } = case;
        let shown = |took: &mut Vec<Duration>| {
            format!("{:.1}/{:.1} ms", percentile(took, 0.5), percentile(took, 0.99))
        };
        println!(
            "{replicas:>8} {agents:>7} {waiting:>8} {:>7.0}/s {:>8.3} {:>8.3} {:>8.2}  {:>17} {:>17} {:>17}",
            self.contacts_per_second,
            self.contacts_per_second * 3.0 / peers.echoes,
            self.contacts_per_second * 3.0 / peers.reads,
            self.contacts_per_second / empty,
            shown(&mut self.submit),
            shown(&mut self.accept),
            shown(&mut self.complete)
        );
    }
}

/// What is measured.
pub struct Case {
    pub replicas: usize,
    pub agents: usize,
    pub waiting: usize,
}

/// Calls a second of others in the same run.
pub struct Peers {
    pub echoes: f64,
    pub reads: f64,
}

/// One caller alone: how long a call takes, in the middle.
pub async fn alone(load: &Arc<Load>) -> f64 {
    let (mut took, mut measured) = (vec![], Measured::default());
    let start = Instant::now();
    while start.elapsed() < MEASURED / 3 {
        one(load, 0, Life::Plain, &mut None, &mut measured).await;
    }
    took.extend(measured.submit);
    took.extend(measured.accept);
    took.extend(measured.complete);
    percentile(&mut took, 0.5)
}

/// A bare server of the same library that answers the same request without looking at it.
pub async fn echoes_per_second() -> f64 {
    use segue_proto::channel::v1::{FindAccountsRequest, channel_service_client::ChannelServiceClient};
    let (address, server) = segue_testkit::serve_adapter(segue_testkit::Echo, 0).await;
    let mut clients = vec![];
    for _ in 0..4 {
        let endpoint =
            tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap().tcp_nodelay(true);
        clients.push(ChannelServiceClient::new(endpoint.connect().await.unwrap()));
    }
    let start = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let mut client = clients[caller % clients.len()].clone();
        callers.spawn(async move {
            let mut count = 0_u32;
            while start.elapsed() < MEASURED / 3 {
                let request = FindAccountsRequest { platform: "chat".to_owned(), ..Default::default() };
                client.find_accounts(request).await.unwrap();
                count += 1;
            }
            count
        });
    }
    let mut total = 0;
    while let Some(count) = callers.join_next().await {
        total += count.unwrap();
    }
    server.abort();
    f64::from(total) / start.elapsed().as_secs_f64()
}

/// The peer: a call that reads one agent.
pub async fn reads_per_second(load: &Arc<Load>) -> f64 {
    let start = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let load = load.clone();
        callers.spawn(async move {
            let mut count = 0_u32;
            while start.elapsed() < MEASURED / 3 {
                let request = GetAgentRequest { id: Load::agent(caller % load.agents) };
                load.client(caller).get_agent(request).await.unwrap();
                count += 1;
            }
            count
        });
    }
    let mut total = 0;
    while let Some(count) = callers.join_next().await {
        total += count.unwrap();
    }
    f64::from(total) / start.elapsed().as_secs_f64()
}

/// How a contact is taken through its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// The agent that the submission's answer names accepts it and completes it.
    Plain,
    /// The same, and the agent lists what it is offered, as it must where there is a line.
    Listed,
    /// The contact comes from the head of the line, and a new one is submitted for it, so that the line keeps its length.
    FromLine,
}

/// Each caller takes contacts through their life.
pub async fn measure(load: &Arc<Load>, life: Life) -> Measured {
    let has_line = life == Life::FromLine;
    let start = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let load = load.clone();
        callers.spawn(async move {
            let mut measured = Measured::default();
            let mut current = if has_line { taken_by(&load, caller).await } else { None };
            while start.elapsed() < MEASURED {
                one(&load, caller, life, &mut current, &mut measured).await;
            }
            measured
        });
    }
    let mut all = Measured::default();
    while let Some(measured) = callers.join_next().await {
        let measured = measured.unwrap();
        all.submit.extend(measured.submit);
        all.accept.extend(measured.accept);
        all.complete.extend(measured.complete);
    }
    all.contacts = all.complete.len();
    all.contacts_per_second = all.contacts as f64 / start.elapsed().as_secs_f64();
    all
}

/// The contact of the caller's own agent.
async fn taken_by(load: &Load, caller: usize) -> Option<String> {
    use segue_proto::router::v1::{ContactState, ListContactsRequest};
    let request = ListContactsRequest {
        agent: Load::agent(caller),
        state: ContactState::Assigned.into(),
        page_size: 1,
        ..Default::default()
    };
    let listed = load.client(caller).list_contacts(request).await.unwrap().into_inner();
    listed.contacts.into_iter().next().map(|contact| contact.id)
}

async fn one(load: &Load, caller: usize, life: Life, current: &mut Option<String>, measured: &mut Measured) {
    let has_line = life == Life::FromLine;
    let submitted = timed(&mut measured.submit, load.submit(caller)).await;
    let (id, agent) = if has_line {
        let agent = Load::agent(caller);
        if let Some(id) = current.take() {
            timed(&mut measured.complete, load.complete(caller, &id, &agent)).await;
        }
        let Some(next) = load.offered(caller, &agent).await else { return };
        (next.id, agent)
    } else {
        (submitted.id, submitted.agent)
    };
    if agent.is_empty() {
        // More callers than agents: somebody who completes will be given it.
        return;
    }
    if life == Life::Listed {
        load.offered(caller, &agent).await;
    }
    timed(&mut measured.accept, load.accept(caller, &id, &agent)).await;
    if has_line {
        *current = Some(id);
    } else {
        timed(&mut measured.complete, load.complete(caller, &id, &agent)).await;
    }
}
