//! A load of whole handoffs, whose callers repeat each call until it is answered, and the books that prove in the end that nothing
//! was lost and nothing was done twice.
//!
//! A test prepares a [`Load`], does harm while it runs, asks how soon it went on ([`Load::back_after`]), and has the [`Books`] of all
//! that was acknowledged checked.

mod books;
mod calls;
mod desk;
mod platform;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use segue::{Addresses, demo_data};
use segue_proto::{
    router::v1::{Agent, AgentPlatform, Presence, PutAgentRequest, SetPresenceRequest},
    selector::v1::{GetPlatformRequest, UpdatePlatformRequest},
};
use segue_testkit::request_id;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

pub use books::Books;
pub use desk::{Outcome, Story};
pub use platform::Platform;

use crate::Fixture;
use calls::Calls;

/// Where contacts begin, and where handoffs lead to.
const SOURCE: &str = "hotline";
const TARGET: &str = "app";
/// What the load's contacts ask for and its agents have: others get none of them.
const SKILL: &str = "load";
/// One customer in so many has an account at the target, at least.
const CUSTOMERS_FOR_ONE: usize = 3;
const POLL: Duration = Duration::from_millis(20);
/// How long the load may stand still before the test gives up.
const PATIENCE: Duration = Duration::from_secs(180);

/// Settings of services for a load: nobody is turned away, and offers to agents that are not asked don't end.
pub const SETTINGS: [(&str, &str); 3] =
    [("SEGUE_TARGET_LATENCY_MS", "0"), ("SEGUE_MAX_CALLS", "1024"), ("SEGUE_OFFER_TIMEOUT_SECONDS", "600")];

/// How much is done.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// So many handoffs at a time at most. Each desk has a customer of its own.
    pub desks: usize,
    /// So many begin in a second, whatever becomes of those before; none: each desk begins the next when one is over.
    pub per_second: Option<f64>,
    /// So many in all; none: until the load is ended.
    pub handoffs: Option<usize>,
    /// Every so-manieth code is entered in two conversations at once.
    pub doubled: usize,
}

impl Plan {
    /// Each desk begins the next handoff when one is over.
    pub const fn closed(desks: usize) -> Self {
        Self { desks, per_second: None, handoffs: None, doubled: 4 }
    }

    /// So many handoffs a second, by desks enough for what waits during an outage.
    pub const fn paced(per_second: f64, desks: usize) -> Self {
        Self { desks, per_second: Some(per_second), handoffs: None, doubled: 4 }
    }
}

/// A load that runs.
pub struct Load {
    shared: Arc<Shared>,
    desks: JoinSet<()>,
}

struct Shared {
    plan: Plan,
    calls: Calls,
    platform: Platform,
    began: Instant,
    number: AtomicUsize,
    stories: Mutex<Vec<Story>>,
    /// Whether commits may have been lost: a desk then takes a refusal for the end of its story.
    may_lose: AtomicBool,
    is_closing: AtomicBool,
}

/// How soon the load went on.
#[derive(Debug, Clone, Copy)]
pub struct Back {
    /// Until the first handoff that began afterwards was over.
    pub first: Duration,
    /// Until each desk had finished one that began afterwards.
    pub all: Duration,
}

impl Load {
    /// Loads the demo's data, gives the source platform an adapter, signs agents in, and starts. The same system is reached by several
    /// replicas.
    pub async fn start(replicas: &[Addresses], plan: Plan) -> Self {
        let targets = replicas[0].demo_data_targets(plan.desks * CUSTOMERS_FOR_ONE + 10).unwrap();
        demo_data::load(&targets, &|_| {}).await.unwrap();
        let calls = Calls::to(replicas);
        let platform = Platform::default();
        put_adapter(&calls, &format!("http://{}", platform.serve().await)).await;
        for number in 0..plan.desks {
            sign_in(&calls, &agent(number)).await;
        }
        let shared = Arc::new(Shared {
            plan,
            calls,
            platform,
            began: Instant::now(),
            number: AtomicUsize::new(0),
            stories: Mutex::default(),
            may_lose: AtomicBool::new(false),
            is_closing: AtomicBool::new(false),
        });
        let mut desks = JoinSet::new();
        for number in 0..plan.desks {
            desks.spawn(desk::work(shared.clone(), number));
        }
        Self { shared, desks }
    }

    /// Handoffs that are over.
    pub fn done(&self) -> usize {
        self.shared.stories.lock().unwrap().len()
    }

    /// The platform that contacts come from.
    pub fn platform(&self) -> &Platform {
        &self.shared.platform
    }

    /// From now on commits that were acknowledged may be missing: what is refused ends its story.
    pub fn may_lose(&self) {
        self.shared.may_lose.store(true, Ordering::SeqCst);
    }

    /// Waits until no handoff has been finished for a while.
    pub async fn stands_still(&mut self, time: Duration) {
        let deadline = Instant::now() + PATIENCE;
        let (mut before, mut since) = (self.done(), Instant::now());
        while since.elapsed() < time {
            assert!(Instant::now() < deadline && !self.is_over(), "the load does not stand still");
            sleep(POLL).await;
            if self.done() != before {
                (before, since) = (self.done(), Instant::now());
            }
        }
    }

    /// Whether no desk has anything more to do.
    pub fn is_over(&mut self) -> bool {
        while let Some(desk) = self.desks.try_join_next() {
            desk.expect("a desk gave up");
        }
        self.desks.is_empty()
    }

    /// Waits until so many more handoffs are over, or all.
    pub async fn goes_on(&mut self, more: usize) {
        let enough = self.done() + more;
        let deadline = Instant::now() + PATIENCE;
        while self.done() < enough && !self.is_over() {
            assert!(Instant::now() < deadline, "the load stands still at {}", self.done());
            sleep(POLL).await;
        }
    }

    /// How long after a moment the first handoff that began since was over; none if the load was over before.
    pub async fn first_after(&mut self, moment: Instant) -> Option<Duration> {
        let deadline = moment + PATIENCE;
        loop {
            let over = self.is_over();
            let first = self.ends_after(moment).into_iter().flatten().min();
            if first.is_some() || over {
                return first.map(|first| first - moment);
            }
            assert!(Instant::now() < deadline, "the load does not go on");
            sleep(POLL).await;
        }
    }

    /// How long after a moment handoffs went on; waits for it.
    pub async fn back_after(&mut self, moment: Instant) -> Back {
        let deadline = moment + PATIENCE;
        loop {
            if let Some(back) = self.back(moment) {
                return back;
            }
            assert!(!self.is_over(), "the load ended before each desk went on");
            assert!(Instant::now() < deadline, "the load does not go on");
            sleep(POLL).await;
        }
    }

    fn back(&self, moment: Instant) -> Option<Back> {
        let each: Vec<Instant> = self.ends_after(moment).into_iter().collect::<Option<_>>()?;
        Some(Back { first: *each.iter().min()? - moment, all: *each.iter().max()? - moment })
    }

    /// When each desk had finished a handoff that began after a moment.
    fn ends_after(&self, moment: Instant) -> Vec<Option<Instant>> {
        let stories = self.shared.stories.lock().unwrap();
        let mut each: Vec<Option<Instant>> = vec![None; self.shared.plan.desks];
        for story in stories.iter().filter(|story| story.began >= moment && story.outcome == Outcome::Done) {
            let first = each[story.desk].get_or_insert(story.ended);
            *first = story.ended.min(*first);
        }
        each
    }

    /// Waits until all handoffs under way are over, begins no others, and answers the books.
    pub async fn end(mut self) -> Books {
        self.shared.is_closing.store(true, Ordering::SeqCst);
        while let Some(desk) = self.desks.join_next().await {
            desk.expect("a desk gave up");
        }
        Books::new(self.shared)
    }
}

fn agent(number: usize) -> String {
    format!("L{number:04}")
}

/// Whether an agent is one of the load's.
fn is_ours(agent: &str) -> bool {
    agent.starts_with('L')
}

async fn put_adapter(calls: &Calls, uri: &str) {
    let get = GetPlatformRequest { id: SOURCE.to_owned() };
    let found = calls.insist(|mut clients| {
        let request = get.clone();
        async move { clients.selector.get_platform(request).await }
    });
    let mut platform = found.await.unwrap().platform.unwrap();
    platform.adapter_uri = uri.to_owned();
    let update = UpdatePlatformRequest {
        request_id: request_id(),
        platform: Some(platform),
        update_mask: Some(prost_types::FieldMask { paths: vec!["adapter_uri".to_owned()] }),
    };
    let updated = calls.insist(|mut clients| {
        let request = update.clone();
        async move { clients.selector.update_platform(request).await }
    });
    updated.await.unwrap();
}

async fn sign_in(calls: &Calls, id: &str) {
    let served =
        |platform: &str| AgentPlatform { platform: platform.to_owned(), cost_units: 10, wrap_up_seconds: 0 };
    let agent = Agent {
        id: id.to_owned(),
        display_name: id.to_owned(),
        skills: vec![SKILL.to_owned()],
        platforms: [SOURCE, TARGET].map(served).into(),
        ..Agent::default()
    };
    let put = PutAgentRequest { request_id: request_id(), agent: Some(agent) };
    let (agent, presence) = (id.to_owned(), Presence::Available.into());
    let set = SetPresenceRequest { request_id: request_id(), agent, presence, ..Default::default() };
    let made = calls.insist(|mut clients| {
        let request = put.clone();
        async move { clients.router.put_agent(request).await }
    });
    made.await.unwrap();
    let signed_in = calls.insist(|mut clients| {
        let request = set.clone();
        async move { clients.router.set_presence(request).await }
    });
    signed_in.await.unwrap();
}

/// A handoff of a desk's customer, and the customer's account at the target.
fn handoff_of(desk: usize, session: &str) -> (segue_proto::issuer::v1::CreateHandoffRequest, String) {
    (Fixture::handoff_of(desk, session), Fixture::account_of(desk))
}
