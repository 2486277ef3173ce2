//! What each of the crowd does: its agent asks for a handoff, the customer enters the code, and the conversation ends.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use segue::Addresses;
use segue_proto::{
    common::v1::ErrorReason,
    issuer::v1::{CreateHandoffRequest, ListHandoffsRequest, RedeemCodeRequest},
    router::v1::{AbandonContactRequest, Agent, AgentPlatform, Presence, PutAgentRequest},
};
use segue_runtime::reason_of;
use segue_testkit::request_id;
use segue_tests::{Clients, Fixture};
use tonic::{Request, Status};

use crate::numbers::{Kind, Numbers};

/// More than there are handoffs at a time: a newer one of an agent for the same customer ends the older.
const AGENTS: usize = 1_500;
const CONNECTIONS: usize = 4;
/// How long agents and customers wait.
const PATIENCE: Duration = Duration::from_secs(5);

pub struct Crowd {
    clients: Vec<Clients>,
    request: CreateHandoffRequest,
    redemption: RedeemCodeRequest,
    next: AtomicUsize,
}

impl Crowd {
    /// Signs in agents enough for any crowd.
    pub async fn prepare(addresses: &Addresses, fixture: &Fixture) -> Arc<Self> {
        for number in 0..AGENTS {
            let served = |platform: &str| AgentPlatform {
                platform: platform.to_owned(),
                cost_units: 10,
                wrap_up_seconds: 0,
            };
            let agent = Agent {
                id: number_of(number),
                display_name: number_of(number),
                platforms: ["hotline", "app"].map(served).into(),
                ..Agent::default()
            };
            let put = PutAgentRequest { request_id: request_id(), agent: Some(agent) };
            fixture.clients.router.clone().put_agent(put).await.unwrap();
            fixture.set_presence(&number_of(number), Presence::Available).await;
        }
        Arc::new(Self {
            clients: (0..CONNECTIONS).map(|_| Clients::of(addresses)).collect(),
            request: Fixture::handoff(""),
            redemption: Fixture::redemption("", ""),
            next: AtomicUsize::new(0),
        })
    }

    /// From the handoff to its end.
    pub async fn customer(&self, numbers: &mut Numbers) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let clients = &self.clients[number % CONNECTIONS];
        let start = Instant::now();
        let mut request = self.request.clone();
        request.request_id = request_id();
        request.agent = number_of(number % AGENTS);
        if let Some(source) = &mut request.source {
            source.session = format!("call-{number}");
        }
        let issued = clients.issuer.clone().create_handoff(patient(request)).await;
        let Some(issued) = count(&mut numbers.creations, &mut numbers.failures, issued) else { return };
        let mut request = self.redemption.clone();
        request.request_id = request_id();
        request.code = Fixture::digits(&issued);
        request.session = format!("app-{number}");
        let mut redeemed = clients.issuer.clone().redeem_code(patient(request.clone())).await;
        while redeemed.as_ref().is_err_and(|status| reason_of(status) == Some(ErrorReason::AdmissionPending))
        {
            if start.elapsed() > PATIENCE * 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            redeemed = clients.issuer.clone().redeem_code(patient(request.clone())).await;
        }
        let Some(redeemed) = count(&mut numbers.redemptions, &mut numbers.failures, redeemed) else { return };
        numbers.latencies.push(start.elapsed());
        let end = AbandonContactRequest { request_id: request_id(), id: redeemed.contact_id };
        // Its agent's desk would ask again; here somebody else comes.
        drop(clients.router.clone().abandon_contact(patient(end)).await);
    }

    /// What can wait.
    pub async fn look_at_the_list(&self, numbers: &mut Numbers) {
        let clients = &self.clients[self.next.load(Ordering::Relaxed) % CONNECTIONS];
        let request = ListHandoffsRequest { page_size: 10, ..ListHandoffsRequest::default() };
        let listed = clients.issuer.clone().list_handoffs(patient(request)).await;
        count(&mut numbers.lists, &mut numbers.failures, listed);
    }
}

fn number_of(number: usize) -> String {
    format!("load-{number}")
}

fn patient<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE);
    request
}

fn count<T>(
    kind: &mut Kind,
    failures: &mut Vec<String>,
    answer: Result<tonic::Response<T>, Status>,
) -> Option<T> {
    kind.made += 1;
    match answer {
        Ok(answer) => {
            kind.done += 1;
            Some(answer.into_inner())
        }
        Err(status) => {
            if reason_of(&status) == Some(ErrorReason::Overloaded) {
                kind.refused += 1;
            } else {
                failures.push(format!("{:?} {}", status.code(), status.message()));
            }
            None
        }
    }
}
