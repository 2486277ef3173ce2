//! The demo data in the real services: loaded over the network, complete, unchanged by loading it again, and leading
//! customers where the walk-through says.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::{collections::BTreeMap, sync::Arc, sync::Mutex, time::Duration};

use segue::demo_data::{self, Customer, Progress, Step, Summary, Targets};
use segue_core::{Key, ManualClock, Random};
use segue_proto::{
    common::v1::{Customer as CustomerMessage, ErrorReason, Identity, RemainingWork},
    router::v1::{
        Agent, ListAgentsRequest, Presence, PutAgentRequest, SetPresenceRequest,
        priority_router_service_client::PriorityRouterServiceClient,
    },
    selector::v1::{
        FindAccountsRequest, ListPlatformsRequest, ListWorkProfilesRequest, Platform, PlatformStatus,
        PutWorkProfileRequest, SelectPlatformRequest, SelectPlatformResponse, UpdatePlatformRequest,
        WorkProfile, platform_selector_service_client::PlatformSelectorServiceClient,
    },
};
use segue_runtime::{Credentials, Parts, Running, Stop, peer::Peer, peer::PeerUri, settings::Reader};
use segue_testkit::{Databases, Storage, refused, request_id};
use tonic::Status;

/// Wednesday, 25 November 2026, 10:00 in Shanghai: everything is open.
const WEDNESDAY_MORNING_MS: i64 = 1_795_572_000_000;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

type Selector = PlatformSelectorServiceClient<Peer>;
type Router = PriorityRouterServiceClient<Peer>;

/// The two services on one engine, and everything that is in them, ready to be compared.
struct System {
    targets: Targets,
    clock: Arc<ManualClock>,
    stop: Stop,
    running: Vec<Running>,
    _databases: Databases,
}

#[derive(Debug, PartialEq)]
struct Contents {
    platforms: Vec<Platform>,
    work_profiles: Vec<WorkProfile>,
    agents: Vec<Agent>,
}

/// A service's settings, read as its own `main` does.
fn settings<C>(
    database_url: String,
    declared: &[&[segue_runtime::settings::Setting]],
    read: fn(&mut Reader) -> Option<C>,
) -> C {
    let environment = BTreeMap::from([
        ("SEGUE_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
        ("SEGUE_DATABASE_URL".to_owned(), database_url),
        // There is no web-channel behind the demo's platforms here.
        ("SEGUE_ADAPTER_CHECK_SECONDS".to_owned(), "0".to_owned()),
        ("SEGUE_DIRECTORY_KEY".to_owned(), Key::generate(&Random::secure()).to_base64()),
    ]);
    let mut reader = Reader::new("test", declared, ["test".to_owned()], &environment);
    let config = read(&mut reader);
    reader.finish(config).unwrap()
}

impl System {
    async fn start(storage: Storage) -> Self {
        use platform_selector::Config as SelectorConfig;
        use priority_router::Config as RouterConfig;
        let databases = Databases::start(storage);
        let (clock, stop) = (ManualClock::starting_at(WEDNESDAY_MORNING_MS), Stop::new());
        let parts = Parts { clock: clock.clone(), random: Random::secure(), stop: stop.clone() };
        let config = settings(databases.create(), SelectorConfig::SETTINGS, SelectorConfig::read);
        let selector = platform_selector::bind(config, parts.clone()).await.unwrap();
        let config = settings(databases.create(), RouterConfig::SETTINGS, RouterConfig::read);
        let router = priority_router::bind(config, parts).await.unwrap();
        let peer = |running: &Running| {
            running.uri().parse::<PeerUri>().unwrap().connect_for_streams(&Credentials::none())
        };
        let targets = Targets {
            selector: peer(&selector),
            router: peer(&router),
            adapter_uri: "http://127.0.0.1:50054".to_owned(),
            pages_uri: "http://127.0.0.1:8080".to_owned(),
            customers: usize::MAX,
        };
        Self { targets, clock, stop, running: vec![selector, router], _databases: databases }
    }

    fn selector(&self) -> Selector {
        Selector::new(self.targets.selector.clone())
    }

    fn router(&self) -> Router {
        Router::new(self.targets.router.clone())
    }

    async fn load(&self) -> Summary {
        demo_data::load(&self.targets, &|_| {}).await.unwrap()
    }

    async fn put_agent(&self, id: &str) -> Agent {
        let display_name = "somebody else".to_owned();
        let agent = Agent { id: id.to_owned(), display_name, ..Default::default() };
        let request = PutAgentRequest { request_id: request_id(), agent: Some(agent) };
        self.router().put_agent(request).await.unwrap().into_inner().agent.unwrap()
    }

    async fn put_profile(&self, id: &str) -> WorkProfile {
        let display_name = "something else".to_owned();
        let profile = WorkProfile { id: id.to_owned(), display_name, ..Default::default() };
        let request = PutWorkProfileRequest {
            request_id: request_id(),
            work_profile: Some(profile),
            expected_version: None,
        };
        self.selector().put_work_profile(request).await.unwrap().into_inner().work_profile.unwrap()
    }

    async fn contents(&self) -> Contents {
        let platforms = self.selector().list_platforms(ListPlatformsRequest::default()).await.unwrap();
        let profiles = self.selector().list_work_profiles(ListWorkProfilesRequest::default()).await.unwrap();
        let agents = self.router().list_agents(ListAgentsRequest::default()).await.unwrap();
        Contents {
            platforms: platforms.into_inner().platforms,
            work_profiles: profiles.into_inner().work_profiles,
            agents: agents.into_inner().agents,
        }
    }

    async fn select(&self, source: &str, profile: &str) -> Result<SelectPlatformResponse, Status> {
        let request = SelectPlatformRequest {
            source_platform: source.to_owned(),
            customer: Some(told_by(&demo_data::demo_customer().unwrap())),
            remaining_work: Some(RemainingWork { profile: profile.to_owned(), ..Default::default() }),
            ..Default::default()
        };
        self.selector().select_platform(request).await.map(tonic::Response::into_inner)
    }

    async fn end(self) {
        self.stop.now();
        drop(self.targets);
        for running in self.running {
            running.stopped().await.unwrap();
        }
    }
}

/// What a customer tells of themselves on every platform.
fn told_by(customer: &Customer) -> CustomerMessage {
    let phone = Identity { kind: "phone".to_owned(), value: customer.phone.clone(), unverified: false };
    let member_id =
        Identity { kind: "member_id".to_owned(), value: customer.member_id.clone(), unverified: false };
    CustomerMessage { identities: vec![phone, member_id] }
}

/// One load for all that only looks at it, as it takes a while.
#[tokio::test(flavor = "multi_thread")]
async fn it_is_complete_and_leads_where_the_walk_through_says() {
    let system = System::start(Storage::SqliteFile).await;
    it_loads_completely_and_tells_how_far_it_is(&system).await;
    customers_are_found_where_they_have_accounts(&system).await;
    each_kind_of_business_leads_the_demo_customer_somewhere(&system).await;
    at_night_only_the_main_journey_is_open(&system).await;
    system.end().await;
}

async fn it_loads_completely_and_tells_how_far_it_is(system: &System) {
    let told = Mutex::new(Vec::<Progress>::new());
    let summary = demo_data::load(&system.targets, &|p| told.lock().unwrap().push(p)).await.unwrap();
    assert_eq!((summary.platforms, summary.work_profiles, summary.agents), (8, 12, 30));
    assert_eq!(summary.customers, 10_000);
    let accounts: usize = demo_data::customers().unwrap().map(|customer| customer.accounts.len()).sum();
    assert_eq!(summary.accounts, accounts as u64);

    let told = told.into_inner().unwrap();
    let mut steps: Vec<Step> = told.iter().map(|progress| progress.step).collect();
    steps.dedup();
    assert_eq!(steps, [Step::Features, Step::Platforms, Step::WorkProfiles, Step::Agents, Step::Accounts]);
    let of_accounts: Vec<u64> =
        told.iter().filter(|p| p.step == Step::Accounts).map(|progress| progress.done).collect();
    assert!(of_accounts.is_sorted() && of_accounts.len() > 10, "{of_accounts:?}");
    assert_eq!(told.last().map(|p| (p.done, p.total)), Some((summary.accounts, summary.accounts)));

    let contents = system.contents().await;
    assert_eq!((contents.platforms.len(), contents.work_profiles.len(), contents.agents.len()), (8, 12, 30));
    assert!(contents.agents.iter().all(|agent| agent.presence() == Presence::Offline));
}

async fn customers_are_found_where_they_have_accounts(system: &System) {
    let last = demo_data::customers().unwrap().skip(9_970);
    for customer in demo_data::customers().unwrap().take(60).chain(last) {
        // All that any of the accounts holds, as those of one platform may hold nothing of another's.
        let identities = customer.accounts.iter().flat_map(|account| account.identities.clone());
        let mut identities: Vec<Identity> = identities.collect();
        identities.sort_by(|a, b| a.kind.cmp(&b.kind));
        identities.dedup_by(|a, b| a.kind == b.kind);
        let message = CustomerMessage { identities };
        let request = FindAccountsRequest { customer: Some(message), platforms: vec![] };
        let found = system.selector().find_accounts(request).await.unwrap().into_inner().accounts;
        let mut expected: Vec<&str> = customer.accounts.iter().map(|a| a.platform.as_str()).collect();
        expected.sort_unstable();
        let found: Vec<&str> = found.iter().map(|account| account.platform.as_str()).collect();
        assert_eq!(found, expected, "customer {}", customer.number);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_kept_by_the_first_load_and_by_others() {
    let system = System::start(Storage::SqliteFile).await;
    let (agent, profile) = (system.put_agent("A1002").await, system.put_profile("pay_renewal_premium").await);
    let first = system.load().await;
    let contents = system.contents().await;
    assert_eq!((contents.agents.len(), contents.work_profiles.len()), (30, 12));
    assert!(contents.agents.contains(&agent) && contents.work_profiles.contains(&profile));
    // What was changed since then stays changed.
    let sms =
        Platform { id: "sms".to_owned(), status: PlatformStatus::Disabled.into(), ..Default::default() };
    let update = UpdatePlatformRequest {
        request_id: request_id(),
        platform: Some(sms),
        update_mask: Some(prost_types::FieldMask { paths: vec!["status".to_owned()] }),
    };
    system.selector().update_platform(update).await.unwrap();
    let agent = demo_data::DEMO_AGENT.to_owned();
    let available = Presence::Available.into();
    let sign_in =
        SetPresenceRequest { request_id: request_id(), agent, presence: available, ..Default::default() };
    system.router().set_presence(sign_in).await.unwrap();
    let before = system.contents().await;
    assert!(before.work_profiles.iter().all(|profile| profile.version == 1));

    system.clock.advance(DAY);
    assert_eq!(system.load().await, first);
    assert_eq!(system.contents().await, before);
    // With other addresses the platforms are there all the same.
    let moved = Targets { pages_uri: "http://127.0.0.1:9090".to_owned(), ..system.targets.clone() };
    assert_eq!(demo_data::load(&moved, &|_| {}).await.unwrap(), first);
    assert_eq!(system.contents().await, before);
    drop(moved);
    system.end().await;
}

/// Where each kind of business leads the demo customer: from the web chat, and from the hotline.
const LEADS_TO: [(&str, &str, &str); 12] = [
    ("supplement_claim_documents", "app", "app"),
    ("verify_identity_by_face", "app", "app"),
    ("sign_policy_change", "app", "app"),
    ("report_vehicle_damage_with_photos", "app", "app"),
    ("video_claim_survey", "video_desk", "video_desk"),
    ("change_beneficiary", "branch_kiosk", "branch_kiosk"),
    ("apply_policy_loan", "app", "app"),
    ("pay_renewal_premium", "app", "app"),
    ("request_decision_in_writing", "app", "app"),
    ("consult_in_cantonese", "hotline", "video_desk"),
    ("explain_policy_by_screen_share", "video_desk", "video_desk"),
    ("surrender_with_dual_recording", "video_desk", "video_desk"),
];

async fn each_kind_of_business_leads_the_demo_customer_somewhere(system: &System) {
    let profiles = system.contents().await.work_profiles;
    assert_eq!(profiles.len(), LEADS_TO.len());
    for (profile, from_web_chat, from_hotline) in LEADS_TO {
        for (source, expected) in [("web_chat", from_web_chat), ("hotline", from_hotline)] {
            let selected = system.select(source, profile).await.unwrap();
            assert_eq!(selected.platform, expected, "{profile} from {source}: {selected:#?}");
            assert_eq!(!selected.account.is_empty(), ["app", "hotline"].contains(&expected));
        }
    }
}

async fn at_night_only_the_main_journey_is_open(system: &System) {
    // Sunday, three in the morning.
    system.clock.advance(4 * DAY - Duration::from_secs(7 * 60 * 60));
    let refusal = refused(system.select("web_chat", "change_beneficiary").await);
    assert_eq!(refusal.reason, ErrorReason::NoEligiblePlatform);
    for source in ["web_chat", "hotline"] {
        let selected = system.select(source, demo_data::DEMO_WORK_PROFILE).await.unwrap();
        assert_eq!(selected.platform, "app");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_names_the_step_and_the_row() {
    let system = System::start(Storage::SqliteMemory).await;
    let nobody = format!("http://127.0.0.1:{}", segue_testkit::free_port());
    let nobody = nobody.parse::<PeerUri>().unwrap().connect(&Credentials::none());
    let without_router = Targets { router: nobody.clone(), ..system.targets.clone() };
    let error = demo_data::load(&without_router, &|_| {}).await.unwrap_err();
    assert_eq!(error.to_string(), "demo data, agents: A1001");
    let without_selector = Targets { selector: nobody, ..system.targets.clone() };
    let error = demo_data::load(&without_selector, &|_| {}).await.unwrap_err();
    assert_eq!(error.to_string(), "demo data, features: all");
    assert!(format!("{error:#}").contains("Unavailable"), "{error:#}");
    drop((without_router, without_selector));
    system.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn platforms_follow_the_web_channel_to_other_ports_and_back() {
    let system = System::start(Storage::SqliteMemory).await;
    let here = Targets { customers: 0, ..system.targets.clone() };
    demo_data::load(&here, &|_| {}).await.unwrap();
    let there = Targets { pages_uri: "http://127.0.0.1:9090".to_owned(), ..here.clone() };
    for targets in [&there, &here, &there] {
        demo_data::move_to(targets).await.unwrap();
        let platforms = system.contents().await.platforms;
        let app = platforms.iter().find(|platform| platform.id == "app").unwrap();
        assert!(app.entry_uri_template.starts_with(&targets.pages_uri), "{}", app.entry_uri_template);
    }
}
