//! Playing a row.

use std::time::Duration;

use platform_selector::{AdapterSettings, Config, History, bind};
use segue::demo_data::{Addresses, Catalog};
use segue_core::{Key, KeyRing, ManualClock, Random};
use segue_proto::{
    common::v1::{Customer, Identity, Operator, RemainingWork, Requirement},
    selector::v1::{
        CreatePlatformRequest, FallbackPolicy, LinkAccountRequest, Platform, PlatformStatus,
        PutFeatureDefinitionRequest, PutWorkProfileRequest, ReportPlatformLoadRequest, SelectPlatformRequest,
        SpecialDay, platform_selector_service_client::PlatformSelectorServiceClient,
    },
};
use segue_runtime::{Credentials, Parts, Running, ServerConfig, Stop, peer::Peer, peer::PeerUri};
use segue_store::Settings;
use segue_testkit::request_id;

use crate::table::{Case, Said};

const PHONE: &str = "+8613800000042";

type Client = PlatformSelectorServiceClient<Peer>;

/// Asks what the row asks.
pub async fn play(case: &Case) -> Said {
    let stop = Stop::new();
    let (client, _running) = start(case, stop.clone()).await;
    let said = ask(client, case).await;
    stop.now();
    said
}

async fn start(case: &Case, stop: Stop) -> (Client, Running) {
    let config = Config {
        server: ServerConfig::loopback(0),
        database: Settings::of_url("sqlite::memory:"),
        directory_keys: KeyRing::new(Key::generate(&Random::secure()), None),
        region: None,
        adapters: AdapterSettings {
            lookup_deadline: Duration::from_millis(100),
            lookup_cache: Duration::ZERO,
            check_interval: Duration::ZERO,
            ..platform_selector::AdapterSettings::default()
        },
        history: History { age: Duration::ZERO, most: 0 },
    };
    let clock = ManualClock::starting_at(shanghai(&case.time));
    let running = bind(config, Parts { clock, random: Random::secure(), stop }).await.unwrap();
    let mut client = Client::new(running.uri().parse::<PeerUri>().unwrap().connect(&Credentials::none()));
    load(&mut client, case).await;
    (client, running)
}

/// `2026-03-02 10:00`, without the day's name before it.
fn shanghai(time: &str) -> i64 {
    let (_, time) = time.split_once(' ').unwrap();
    let local: jiff::civil::DateTime = time.replace(' ', "T").parse().unwrap();
    local.in_tz("Asia/Shanghai").unwrap().timestamp().as_millisecond()
}

async fn load(client: &mut Client, case: &Case) {
    let catalog = Catalog::embedded().unwrap();
    for definition in catalog.features().unwrap() {
        let request =
            PutFeatureDefinitionRequest { request_id: request_id(), feature_definition: Some(definition) };
        client.put_feature_definition(request).await.unwrap();
    }
    let nowhere = "http://127.0.0.1:1".to_owned();
    let addresses = Addresses { adapter_uri: nowhere.clone(), pages_uri: nowhere };
    for mut platform in catalog.platforms(&addresses).unwrap() {
        change(&mut platform, case);
        let request = CreatePlatformRequest { request_id: request_id(), platform: Some(platform) };
        client.create_platform(request).await.unwrap();
    }
    for profile in catalog.work_profiles().unwrap() {
        let request = PutWorkProfileRequest {
            request_id: request_id(),
            work_profile: Some(profile),
            expected_version: None,
        };
        client.put_work_profile(request).await.unwrap();
    }
    for platform in &case.accounts {
        let request = LinkAccountRequest {
            request_id: request_id(),
            platform: platform.clone(),
            account: "a".to_owned(),
            identities: identities(),
        };
        client.link_account(request).await.unwrap();
    }
    for (platform, percent) in case.also.iter().filter_map(|also| also.split_once(" full ")) {
        let request = ReportPlatformLoadRequest {
            platform: platform.to_owned(),
            percent: percent.trim_end_matches('%').parse().unwrap(),
            valid_for: None,
        };
        client.report_platform_load(request).await.unwrap();
    }
}

/// What the row says of the platform itself.
fn change(platform: &mut Platform, case: &Case) {
    for also in &case.also {
        let Some(what) = also.strip_prefix(&format!("{} ", platform.id)) else { continue };
        match what {
            "disabled" => platform.set_status(PlatformStatus::Disabled),
            "does not tell" => {
                platform.live_lookup = true;
                platform.adapter_uri = "http://127.0.0.1:1".to_owned();
            }
            "closed today" => {
                let date = case.time.split(' ').nth(1).unwrap().to_owned();
                let closed = SpecialDay { date, ..SpecialDay::default() };
                platform.service_hours.as_mut().unwrap().special_days.push(closed);
            }
            full if full.starts_with("full ") => platform.load_weight = 100,
            other => panic!("{other}"),
        }
    }
}

fn identities() -> Vec<Identity> {
    vec![Identity { kind: "phone".to_owned(), value: PHONE.to_owned(), unverified: false }]
}

async fn ask(mut client: Client, case: &Case) -> Said {
    let says = |prefix: &str| case.also.iter().find_map(|also| also.strip_prefix(prefix));
    let fallback = match says("policy ") {
        None => FallbackPolicy::Unspecified,
        Some("account needed") => FallbackPolicy::RequireAccount,
        Some("agent chooses") => FallbackPolicy::AgentChooses,
        Some(other) => panic!("{other}"),
    };
    let request = SelectPlatformRequest {
        source_platform: case.source.clone(),
        customer: Some(Customer { identities: identities() }),
        remaining_work: Some(work(case)),
        allowed_platforms: served(&case.agent),
        target_platform: says("to ").unwrap_or_default().to_owned(),
        fallback_policy: fallback.into(),
        ..SelectPlatformRequest::default()
    };
    client.select_platform(request).await.map(tonic::Response::into_inner)
}

fn served(agent: &str) -> Vec<String> {
    if agent.is_empty() {
        return vec![];
    }
    let agents = Catalog::embedded().unwrap().agents().unwrap();
    let agent = agents.into_iter().find(|one| one.id == agent).unwrap();
    agent.platforms.into_iter().map(|served| served.platform).collect()
}

/// A work profile, and terms behind a plus; or terms alone, which start with one.
fn work(case: &Case) -> RemainingWork {
    let mut parts = case.business.split('+').map(str::trim);
    let profile = parts.next().unwrap_or_default().trim_matches('-').to_owned();
    RemainingWork { profile, requirements: parts.map(term).collect(), ..RemainingWork::default() }
}

fn term(text: &str) -> Requirement {
    let (feature, operator, value) = if let Some((feature, value)) = text.split_once(">=") {
        (feature, Operator::Gte, Some(value))
    } else if let Some((feature, value)) = text.split_once("<=") {
        (feature, Operator::Lte, Some(value))
    } else if let Some((feature, value)) = text.split_once(" in ") {
        (feature, Operator::In, Some(value))
    } else if let Some(feature) = text.strip_prefix("no ") {
        (feature, Operator::NotExists, None)
    } else {
        (text, Operator::Exists, None)
    };
    let values = value.iter().map(|value| value.trim().to_owned()).collect();
    Requirement { feature: feature.trim().to_owned(), operator: operator.into(), values }
}
