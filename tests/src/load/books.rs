//! What was acknowledged, and whether the system, the platforms and the agents say the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use segue_proto::{
    issuer::v1::{Handoff, HandoffState, ListHandoffsRequest},
    router::v1::{
        Agent, Contact, ContactEventKind, ContactState, ListAgentsRequest, ListContactEventsRequest,
        ListContactsRequest, ListServiceListRequest, Priority, ServiceListEntry, ServiceListEntryState,
    },
};
use segue_testkit::wait_for;
use tokio::task::JoinSet;

use super::{Outcome, SOURCE, Shared, Story, TARGET, is_ours};

/// Of a page.
const PAGE: i32 = 1000;
/// Logs of contacts that are read at a time.
const AT_A_TIME: usize = 16;

/// The books of a load that is over.
pub struct Books {
    shared: Arc<Shared>,
    /// All that was acknowledged.
    pub stories: Vec<Story>,
}

/// All that the system has of a load.
struct Found {
    handoffs: BTreeMap<String, Handoff>,
    sources: BTreeMap<String, Contact>,
    /// By handoff.
    targets: BTreeMap<String, Contact>,
}

impl Books {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let stories = shared.stories.lock().unwrap().clone();
        Self { shared, stories }
    }

    /// Calls that were made, and how many of them were not answered and made again.
    pub fn calls(&self) -> (u64, u64) {
        self.shared.calls.counts()
    }

    /// Nothing was lost and nothing was done twice: what was acknowledged is there once and went all the way, and nothing else is there.
    pub async fn check(&self) {
        self.nothing_is_under_way().await;
        let refused: Vec<_> = self.stories.iter().filter(|story| story.outcome != Outcome::Done).collect();
        assert!(refused.is_empty(), "{refused:?}");
        let found = self.found().await;
        let handoffs: BTreeSet<&String> = self.stories.iter().map(|story| &story.handoff).collect();
        let sources: BTreeSet<&String> = self.stories.iter().map(|story| &story.contact).collect();
        assert_eq!((handoffs.len(), sources.len()), (self.stories.len(), self.stories.len()), "an id twice");
        same("handoffs", &handoffs, &found.handoffs.keys().collect());
        same("contacts at the source", &sources, &found.sources.keys().collect());
        same("admitted contacts", &handoffs, &found.targets.keys().collect());
        for story in &self.stories {
            self.went_all_the_way(story, &found);
        }
        self.each_was_given_once().await;
        self.platform_is_told_once(&handoffs);
        self.nothing_is_left().await;
        assert_eq!(self.shared.calls.faults(), [""; 0], "a service spoke of a fault of its own");
    }

    /// After a failover that lost commits: what is there is a story that its history has. What is certain to be in it is there whole; answers
    /// the stories that are not.
    pub async fn check_what_is_left(&self, is_certain: impl Fn(&Story) -> bool) -> Vec<Story> {
        self.nothing_is_under_way().await;
        let found = self.found().await;
        let is_whole = |story: &Story| {
            found.targets.get(&story.handoff).is_some_and(|contact| {
                contact.id == story.target_contact && contact.state() == ContactState::Completed
            }) && found.handoffs.get(&story.handoff).is_some_and(|handoff| {
                handoff.state() == HandoffState::Switched && handoff.contact_id == story.target_contact
            })
        };
        let (certain, others): (Vec<_>, Vec<_>) =
            self.stories.iter().cloned().partition(|story| is_certain(story));
        for story in &certain {
            assert!(story.outcome == Outcome::Done && is_whole(story), "lost: {story:?}");
        }
        for (id, contact) in &found.targets {
            assert_eq!(contact.handoff_id, *id);
            assert!(contact.state() != ContactState::Queued, "an admitted contact waits: {contact:?}");
        }
        self.platform_is_told_of(&found);
        others.into_iter().filter(|story| !is_whole(story)).collect()
    }

    /// Waits until what was owed is done.
    async fn nothing_is_under_way(&self) {
        for state in [HandoffState::Redeemed, HandoffState::Admitted] {
            wait_for("handoffs to end", || async { self.handoffs(state).await.is_empty() }).await;
        }
    }

    async fn found(&self) -> Found {
        let handoffs = self.handoffs(HandoffState::Unspecified).await;
        let sources = self.contacts(SOURCE).await;
        let mut targets = BTreeMap::new();
        for contact in self.contacts(TARGET).await {
            assert_eq!(contact.priority(), Priority::Handoff, "{contact:?}");
            let before = targets.insert(contact.handoff_id.clone(), contact);
            assert_eq!(before, None, "two contacts of one handoff");
        }
        let all = (handoffs.len(), sources.len());
        let handoffs: BTreeMap<_, _> = handoffs.into_iter().map(|one| (one.id.clone(), one)).collect();
        let sources: BTreeMap<_, _> = sources.into_iter().map(|one| (one.id.clone(), one)).collect();
        assert_eq!((handoffs.len(), sources.len()), all, "an id is listed twice");
        Found { handoffs, sources, targets }
    }

    fn went_all_the_way(&self, story: &Story, found: &Found) {
        let handoff = &found.handoffs[&story.handoff];
        assert_eq!(handoff.state(), HandoffState::Switched, "{story:?}");
        assert_eq!((&handoff.contact_id, handoff.failure.as_str()), (&story.target_contact, ""), "{story:?}");
        let source = &found.sources[&story.contact];
        assert_eq!((source.state(), &source.session), (ContactState::HandedOff, &story.session), "{story:?}");
        let target = &found.targets[&story.handoff];
        assert_eq!(target.state(), ContactState::Completed, "{story:?}");
        assert_eq!(
            (&target.id, &target.agent, &target.session),
            (&story.target_contact, &story.agent, &story.target_session),
            "{story:?}"
        );
    }

    /// Each contact was with one agent, once: the one that its customer was told of.
    async fn each_was_given_once(&self) {
        let mut contacts: Vec<_> = self
            .stories
            .iter()
            .flat_map(|story| {
                [&story.contact, &story.target_contact].map(|id| (id.clone(), story.agent.clone()))
            })
            .collect();
        let each = contacts.len().div_ceil(AT_A_TIME);
        let mut readers = JoinSet::new();
        for _ in 0..AT_A_TIME {
            let share = contacts.split_off(contacts.len() - contacts.len().min(each));
            let shared = self.shared.clone();
            readers.spawn(async move {
                for (id, agent) in share {
                    assert_eq!(given_to(&shared, &id).await, [agent], "{id} was given once");
                }
            });
        }
        assert!(contacts.is_empty(), "all were read");
        while let Some(read) = readers.join_next().await {
            read.unwrap();
        }
    }

    /// Each code went into its own conversation, each conversation was closed, and no other.
    fn platform_is_told_once(&self, handoffs: &BTreeSet<&String>) {
        let sessions: BTreeMap<&String, &String> =
            self.stories.iter().map(|story| (&story.handoff, &story.session)).collect();
        let (closed, delivered) = (self.shared.platform.closed(), self.shared.platform.delivered());
        same("closed conversations", handoffs, &closed.keys().collect());
        for (handoff, session) in &closed {
            assert_eq!(sessions[handoff], session, "{handoff} closed another conversation");
        }
        // A code whose delivery was cut off is not delivered any more once it was entered.
        for (handoff, session) in &delivered {
            assert_eq!(sessions.get(handoff), Some(&session), "{handoff} was delivered elsewhere");
        }
    }

    /// No conversation was closed twice in different ways; one that is switched was closed.
    fn platform_is_told_of(&self, found: &Found) {
        let closed = self.shared.platform.closed();
        for (id, handoff) in &found.handoffs {
            let session = &handoff.source.as_ref().unwrap().session;
            if handoff.state() == HandoffState::Switched {
                assert_eq!(closed.get(id), Some(session), "{handoff:?}");
            }
        }
    }

    /// No agent has anything, and no entry lives.
    async fn nothing_is_left(&self) {
        for agent in self.agents().await {
            assert_eq!((agent.used_units, agent.held_units), (0, 0), "{agent:?}");
        }
        assert_eq!(self.live_entries().await, [], "entries of the service list that still live");
        assert_eq!(self.handoffs(HandoffState::Issued).await, [], "codes that still live");
    }

    async fn handoffs(&self, state: HandoffState) -> Vec<Handoff> {
        let (mut all, mut page_token) = (vec![], String::new());
        loop {
            let request = ListHandoffsRequest {
                page_size: PAGE,
                page_token,
                state: state.into(),
                ..ListHandoffsRequest::default()
            };
            let page = self.shared.calls.insist(|mut clients| {
                let request = request.clone();
                async move { clients.issuer.list_handoffs(request).await }
            });
            let page = page.await.unwrap();
            all.extend(page.handoffs.into_iter().filter(|handoff| is_ours(&handoff.agent)));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }

    async fn contacts(&self, platform: &str) -> Vec<Contact> {
        let (mut all, mut page_token) = (vec![], String::new());
        loop {
            let platform = platform.to_owned();
            let request = ListContactsRequest { page_size: PAGE, page_token, platform, ..Default::default() };
            let page = self.shared.calls.insist(|mut clients| {
                let request = request.clone();
                async move { clients.router.list_contacts(request).await }
            });
            let page = page.await.unwrap();
            all.extend(page.contacts.into_iter().filter(|contact| is_ours(&contact.agent)));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }

    async fn agents(&self) -> Vec<Agent> {
        let request =
            ListAgentsRequest { page_size: PAGE, skill: super::SKILL.to_owned(), ..Default::default() };
        let listed = self.shared.calls.insist(|mut clients| {
            let request = request.clone();
            async move { clients.router.list_agents(request).await }
        });
        listed.await.unwrap().agents
    }

    async fn live_entries(&self) -> Vec<ServiceListEntry> {
        let state = ServiceListEntryState::Live.into();
        let request = ListServiceListRequest { page_size: PAGE, state, ..Default::default() };
        let listed = self.shared.calls.insist(|mut clients| {
            let request = request.clone();
            async move { clients.router.list_service_list(request).await }
        });
        listed.await.unwrap().entries.into_iter().filter(|entry| is_ours(&entry.agent)).collect()
    }
}

/// The agents that a contact was given to, in order.
async fn given_to(shared: &Shared, contact: &str) -> Vec<String> {
    let request = ListContactEventsRequest { id: contact.to_owned(), page_size: 100, ..Default::default() };
    let events = shared.calls.insist(|mut clients| {
        let request = request.clone();
        async move { clients.router.list_contact_events(request).await }
    });
    let events = events.await.unwrap().events.into_iter();
    events.filter(|event| event.kind() == ContactEventKind::Assigned).map(|event| event.agent).collect()
}

/// The acknowledged ones are there, and no others.
fn same(what: &str, acknowledged: &BTreeSet<&String>, found: &BTreeSet<&String>) {
    let lost: Vec<_> = acknowledged.difference(found).collect();
    let unknown: Vec<_> = found.difference(acknowledged).collect();
    assert!(lost.is_empty() && unknown.is_empty(), "{what}: lost {lost:?}, there for nobody {unknown:?}");
}
