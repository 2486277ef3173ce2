use std::{sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};
use platform_selector::{AdapterSettings, Config, History, bind};
use segue_core::{Key, KeyRing, ManualClock, Random};
use segue_proto::{
    audit::v1::audit_service_client::AuditServiceClient,
    common::v1::{Customer, ErrorReason, Face, Identity, Operator, Requirement},
    selector::v1::{
        CreatePlatformRequest, Feature, LinkAccountRequest, Platform,
        platform_selector_service_client::PlatformSelectorServiceClient,
    },
};
use segue_runtime::{Parts, Running, ServerConfig, Stop};
use segue_store::Settings;
use segue_testkit::{Databases, Refused, Storage, request_id};
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};

/// Monday 2026-03-02, 10:00 in Shanghai.
pub const MONDAY_MS: i64 = 1_772_416_800_000;

/// Calls at a time; far more would be refused.
const AT_A_TIME: usize = 64;

pub type Client = PlatformSelectorServiceClient<Channel>;

/// Runs a case on a service with a new database.
pub async fn with_selector(storage: Storage, case: impl AsyncFnOnce(Selector)) {
    case(Selector::start(&Databases::start(storage)).await).await;
}

/// A running service; it ends with its handle.
pub struct Selector {
    pub client: Client,
    pub log: AuditServiceClient<Channel>,
    pub clock: Arc<ManualClock>,
    stop: Stop,
    running: Option<Running>,
}

impl Selector {
    /// On a new database.
    pub async fn start(databases: &Databases) -> Self {
        Self::on(&databases.create(), keys(1, None)).await
    }

    /// On a database that may be in use.
    pub async fn on(url: &str, directory_keys: KeyRing) -> Self {
        Self::asking(url, directory_keys, adapters()).await
    }

    /// Where phone numbers without a country are those of a region.
    pub async fn in_region(databases: &Databases, region: &str) -> Self {
        let config = config(&databases.create(), keys(1, None), adapters());
        Self::with(Config { region: Some(region.parse().unwrap()), ..config }).await
    }

    /// On a database that may be in use, asking adapters in its own way.
    pub async fn asking(url: &str, directory_keys: KeyRing, adapters: AdapterSettings) -> Self {
        Self::with(config(url, directory_keys, adapters)).await
    }

    async fn with(config: Config) -> Self {
        let stop = Stop::new();
        let clock = ManualClock::starting_at(MONDAY_MS);
        let parts = Parts { clock: clock.clone(), random: Random::secure(), stop: stop.clone() };
        let running = bind(config, parts).await.unwrap();
        let channel = Endpoint::from_shared(running.uri()).unwrap().connect().await.unwrap();
        let log = AuditServiceClient::new(channel.clone());
        let client = Client::new(channel).max_decoding_message_size(segue_runtime::MAX_MESSAGE_BYTES);
        Self { client, log, clock, stop, running: Some(running) }
    }

    /// Ends it and waits until its database is closed.
    pub async fn end(mut self) {
        self.stop.now();
        self.running.take().unwrap().stopped().await.unwrap();
    }

    /// Adds platforms, as many at the same time as a service takes.
    pub async fn create(&mut self, platforms: impl IntoIterator<Item = Platform>) {
        let client = &self.client;
        let all = platforms.into_iter().map(|platform| async move {
            client.clone().create_platform(create(platform)).await.unwrap();
        });
        stream::iter(all).buffer_unordered(AT_A_TIME).collect::<()>().await;
    }

    /// Links an account; returns its reference.
    pub async fn link(&mut self, platform: &str, account: &str, identities: &[(&str, &str)]) -> String {
        self.client.link_account(link(platform, account, identities)).await.unwrap().into_inner().account
    }
}

impl Drop for Selector {
    fn drop(&mut self) {
        self.stop.now();
    }
}

fn config(url: &str, directory_keys: KeyRing, adapters: AdapterSettings) -> Config {
    Config {
        server: ServerConfig::loopback(0),
        database: Settings::of_url(url),
        directory_keys,
        region: None,
        adapters,
        history: History { age: Duration::from_secs(24 * 60 * 60), most: 1000 },
    }
}

/// Adapters are given time, and not asked whether they are well.
pub fn adapters() -> AdapterSettings {
    AdapterSettings {
        lookup_deadline: segue_testkit::WAIT,
        lookup_cache: Duration::from_secs(10),
        check_interval: Duration::ZERO,
        ..AdapterSettings::default()
    }
}

pub fn key(seed: u64) -> Key {
    Key::generate(&Random::seeded(seed))
}

pub fn keys(current: u64, previous: Option<u64>) -> KeyRing {
    KeyRing::new(key(current), previous.map(key))
}

pub fn platform(id: &str, features: &[&str]) -> Platform {
    let feature = |name: &&str| Feature { name: (*name).to_owned(), ..Feature::default() };
    Platform {
        id: id.to_owned(),
        display_name: format!("The {id}"),
        features: features.iter().map(feature).collect(),
        accepted_faces: vec![Face::Digits.into()],
        delivered_faces: vec![Face::Digits.into()],
        entry_uri_template: format!("https://{id}.example/#{{code}}"),
        cost_units: 33,
        ..Platform::default()
    }
}

pub fn create(platform: Platform) -> CreatePlatformRequest {
    CreatePlatformRequest { request_id: request_id(), platform: Some(platform) }
}

pub fn exists(feature: &str) -> Requirement {
    requirement(feature, Operator::Exists, &[])
}

pub fn requirement(feature: &str, operator: Operator, values: &[&str]) -> Requirement {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    Requirement { feature: feature.to_owned(), operator: operator.into(), values }
}

pub fn identities(identities: &[(&str, &str)]) -> Vec<Identity> {
    let identity = |(kind, value): &(&str, &str)| Identity {
        kind: (*kind).to_owned(),
        value: (*value).to_owned(),
        unverified: false,
    };
    identities.iter().map(identity).collect()
}

pub fn customer(of: &[(&str, &str)]) -> Option<Customer> {
    Some(Customer { identities: identities(of) })
}

pub fn link(platform: &str, account: &str, of: &[(&str, &str)]) -> LinkAccountRequest {
    LinkAccountRequest {
        request_id: request_id(),
        platform: platform.to_owned(),
        account: account.to_owned(),
        identities: identities(of),
    }
}

/// A refusal with a reason and the offending fields.
pub fn refusal(code: Code, reason: ErrorReason, fields: &[&str]) -> Refused {
    Refused { code, reason, fields: fields.iter().map(|field| (*field).to_owned()).collect() }
}

/// A refusal of malformed fields.
pub fn invalid(fields: &[&str]) -> Refused {
    refusal(Code::InvalidArgument, ErrorReason::InvalidField, fields)
}
