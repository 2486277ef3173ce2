//! Many handoffs, from the switching information to the end of the old session, and what must be true of them after.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use segue::Addresses;
use segue_proto::{
    issuer::v1::{CreateHandoffRequest, GetHandoffRequest, HandoffState, ListHandoffsRequest},
    router::v1::{
        Agent, AgentPlatform, CompleteContactRequest, ContactEventKind, ContactState,
        ListContactEventsRequest, ListContactsRequest, Presence, PutAgentRequest, SetPresenceRequest,
    },
    selector::v1::{GetPlatformRequest, UpdatePlatformRequest},
};
use segue_testkit::{request_id, wait_for};
use segue_tests::{Clients, Fixture};
use tonic::{Code, Response, Status};

use super::platform::Platform;

pub const HANDOFFS: usize = 1000;
/// Each has an agent of its own, whose customers come one after the other.
const DESKS: usize = 12;
const PAUSE: Duration = Duration::from_millis(50);

pub struct Storm {
    clients: Clients,
    platform: Platform,
    started: AtomicUsize,
    done: AtomicUsize,
    calls: AtomicU64,
    failed: AtomicU64,
}

/// What was done.
pub struct Report {
    /// Each handoff's agent and source session.
    pub handoffs: BTreeMap<String, (String, String)>,
    pub calls: u64,
    pub failed: u64,
}

fn agent(desk: usize) -> String {
    format!("S{desk:03}")
}

/// Those of the first that are not the same in the second.
fn other<'a>(
    first: &'a BTreeMap<String, String>,
    second: &BTreeMap<String, String>,
) -> Vec<(&'a String, &'a String)> {
    first.iter().filter(|(handoff, session)| second.get(*handoff) != Some(session)).collect()
}

impl Storm {
    /// Agents, and an adapter for the hotline.
    pub async fn prepare(addresses: &Addresses) -> Self {
        let (clients, platform) = (Clients::of(addresses), Platform::default());
        let adapter = platform.serve().await;
        let this = Self {
            clients,
            platform,
            started: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            calls: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        };
        let mut selector = this.clients.selector.clone();
        let found = selector.get_platform(GetPlatformRequest { id: "hotline".to_owned() }).await.unwrap();
        let mut hotline = found.into_inner().platform.unwrap();
        hotline.adapter_uri = format!("http://{adapter}");
        let update = UpdatePlatformRequest {
            request_id: request_id(),
            platform: Some(hotline),
            update_mask: Some(prost_types::FieldMask { paths: vec!["adapter_uri".to_owned()] }),
        };
        selector.update_platform(update).await.unwrap();
        for desk in 0..DESKS {
            this.put_agent(&agent(desk)).await;
        }
        this
    }

    async fn put_agent(&self, id: &str) {
        let platform = |platform: &str| AgentPlatform {
            platform: platform.to_owned(),
            cost_units: 33,
            wrap_up_seconds: 0,
        };
        let agent = Agent {
            id: id.to_owned(),
            display_name: id.to_owned(),
            platforms: vec![platform("hotline"), platform("app")],
            capacity_units: 100,
            ..Agent::default()
        };
        let mut router = self.clients.router.clone();
        router.put_agent(PutAgentRequest { request_id: request_id(), agent: Some(agent) }).await.unwrap();
        let presence = SetPresenceRequest {
            request_id: request_id(),
            agent: id.to_owned(),
            presence: Presence::Available.into(),
            ..Default::default()
        };
        router.set_presence(presence).await.unwrap();
    }

    /// Makes handoffs until there are enough and everybody was killed once.
    pub async fn rage(self: Arc<Self>, everybody_was_killed: Arc<AtomicBool>) -> Report {
        let desks = (0..DESKS).map(|desk| {
            let (this, killed) = (self.clone(), everybody_was_killed.clone());
            tokio::spawn(async move { this.one_desk(&agent(desk), &killed).await })
        });
        let mut handoffs = BTreeMap::new();
        for desk in desks.collect::<Vec<_>>() {
            handoffs.extend(desk.await.unwrap());
        }
        Report {
            handoffs,
            calls: self.calls.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }

    /// Waits until so many more handoffs are done, or all.
    pub async fn goes_on(&self, more: usize) {
        let then = self.done.load(Ordering::Relaxed);
        wait_for("handoffs to go on", || async {
            let done = self.done.load(Ordering::Relaxed);
            done >= then + more || done >= HANDOFFS
        })
        .await;
    }

    async fn one_desk(&self, agent: &str, killed: &AtomicBool) -> BTreeMap<String, (String, String)> {
        let mut done = BTreeMap::new();
        loop {
            let number = self.started.fetch_add(1, Ordering::Relaxed);
            if number >= HANDOFFS && killed.load(Ordering::Relaxed) {
                return done;
            }
            let session = format!("call-{number}");
            let id = self.handoff(agent, &session).await;
            assert!(done.insert(id, (agent.to_owned(), session)).is_none(), "an id twice");
            let all = self.done.fetch_add(1, Ordering::Relaxed) + 1;
            if all.is_multiple_of(100) {
                println!("{all} handoffs");
            }
        }
    }

    /// One handoff, to its end.
    async fn handoff(&self, agent: &str, session: &str) -> String {
        let (issuer, router) = (&self.clients.issuer, &self.clients.router);
        let request = CreateHandoffRequest { agent: agent.to_owned(), ..Fixture::handoff(session) };
        let issued = self.insist(|| {
            let (mut issuer, request) = (issuer.clone(), request.clone());
            async move { issuer.create_handoff(request).await }
        });
        let issued = issued.await;
        let id = issued.handoff.as_ref().unwrap().id.clone();
        let redemption = Fixture::redemption(&Fixture::digits(&issued), &format!("app-{session}"));
        let redeemed = self.insist(|| {
            let (mut issuer, request) = (issuer.clone(), redemption.clone());
            async move { issuer.redeem_code(request).await }
        });
        let redeemed = redeemed.await;
        assert_eq!((redeemed.handoff_id.as_str(), redeemed.agent.as_str()), (id.as_str(), agent));
        let completion = CompleteContactRequest {
            request_id: request_id(),
            id: redeemed.contact_id.clone(),
            agent: agent.to_owned(),
        };
        self.insist(|| {
            let (mut router, request) = (router.clone(), completion.clone());
            async move { router.complete_contact(request).await }
        })
        .await;
        id
    }

    /// Repeats a request, the same to the letter, until it's answered.
    async fn insist<T, F>(&self, mut ask: impl FnMut() -> F) -> T
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            self.calls.fetch_add(1, Ordering::Relaxed);
            let status = match ask().await {
                Ok(answer) => return answer.into_inner(),
                Err(status) => status,
            };
            self.failed.fetch_add(1, Ordering::Relaxed);
            let passes = matches!(
                status.code(),
                Code::Unavailable | Code::Cancelled | Code::Unknown | Code::Internal | Code::DeadlineExceeded
            );
            assert!(passes && tokio::time::Instant::now() < deadline, "{status:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// None lost, none double: every handoff that was answered is there once, went all the way, and nothing else is there.
    pub async fn check(&self, report: &Report) {
        // What a killed replica left owed is made by the other, once its lease is over.
        for id in report.handoffs.keys() {
            wait_for("the end of a handoff", || async {
                let request = GetHandoffRequest { id: id.clone() };
                let handoff =
                    self.clients.issuer.clone().get_handoff(request).await.unwrap().into_inner().handoff;
                handoff.unwrap().state() == HandoffState::Switched
            })
            .await;
        }
        let acknowledged: BTreeSet<&String> = report.handoffs.keys().collect();
        let all = self.all_handoffs().await;
        let stored: BTreeSet<&String> = all.iter().collect();
        assert_eq!(stored.len(), all.len());
        assert!(stored == acknowledged, "those that were answered, and no others");

        let contacts = self.contacts_by_handoff().await;
        assert!(contacts.keys().collect::<BTreeSet<_>>() == acknowledged, "one contact for each");
        for (handoff, contact) in &contacts {
            let given = self.given_to(contact).await;
            assert_eq!(
                given,
                [report.handoffs[handoff].0.clone()],
                "one agent, the same as before: {contact}"
            );
        }
        let sessions: BTreeMap<String, String> =
            report.handoffs.iter().map(|(id, (_, session))| (id.clone(), session.clone())).collect();
        let closed = self.platform.closed();
        assert_eq!(other(&sessions, &closed), [], "each old conversation was closed");
        assert_eq!(other(&closed, &sessions), [], "and no other");
        // A code whose delivery was cut off is not delivered any more once the desk has read it aloud and it was entered.
        assert_eq!(
            other(&self.platform.delivered(), &sessions),
            [],
            "each code went into its own conversation"
        );
    }

    /// All handoffs of the storm's agents.
    async fn all_handoffs(&self) -> Vec<String> {
        let (mut all, mut page_token) = (Vec::new(), String::new());
        loop {
            let request =
                ListHandoffsRequest { page_size: 100, page_token, ..ListHandoffsRequest::default() };
            let page = self.clients.issuer.clone().list_handoffs(request).await.unwrap().into_inner();
            all.extend(page.handoffs.into_iter().filter(|h| h.agent.starts_with('S')).map(|h| h.id));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }

    async fn contacts_by_handoff(&self) -> BTreeMap<String, String> {
        let (mut all, mut page_token) = (BTreeMap::new(), String::new());
        loop {
            let request =
                ListContactsRequest { page_size: 100, page_token, ..ListContactsRequest::default() };
            let page = self.clients.router.clone().list_contacts(request).await.unwrap().into_inner();
            for contact in page.contacts.into_iter().filter(|contact| contact.agent.starts_with('S')) {
                assert_eq!(contact.state(), ContactState::Completed);
                let before = all.insert(contact.handoff_id, contact.id);
                assert_eq!(before, None, "two contacts of one handoff");
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }

    /// The agents that a contact was given to, in order.
    async fn given_to(&self, contact: &str) -> Vec<String> {
        let request =
            ListContactEventsRequest { id: contact.to_owned(), page_size: 100, ..Default::default() };
        let events =
            self.clients.router.clone().list_contact_events(request).await.unwrap().into_inner().events;
        let given = events.into_iter().filter(|event| event.kind() == ContactEventKind::Assigned);
        given.map(|event| event.agent).collect()
    }
}
