//! The whole system in one process: the real selector, router and issuer, and the platform between them.

use segue_core::{Key, KeyRing, Random};
use segue_proto::{
    common::v1::{Face, Identity, Operator, Requirement},
    router::v1::{
        Agent, AgentPlatform, PutAgentRequest, priority_router_service_client::PriorityRouterServiceClient,
    },
    selector::v1::{
        CreatePlatformRequest, Feature, LinkAccountRequest, Platform, PutWorkProfileRequest, WorkProfile,
        platform_selector_service_client::PlatformSelectorServiceClient,
    },
};
use segue_runtime::{
    Parts, ServerConfig, Stop,
    peer::{Peer, PeerUri},
};
use segue_store::Settings;
use segue_testkit::{Databases, request_id};
use web_channel::{Bound, Config, bind};

use crate::{http::Browser, platform::config};

pub(crate) const AGENT: &str = "A1001";
pub(crate) const PHONE: &str = "+8613800138000";
pub(crate) const ACCOUNT: &str = "app-4711";

pub(crate) struct System {
    stop: Stop,
    channel: Bound,
    others: Vec<segue_runtime::Running>,
}

impl System {
    pub(crate) async fn start(databases: &Databases) -> Self {
        Self::exposed(databases, web_channel::Exposure::default()).await
    }

    /// With pages for others than browsers on this machine.
    pub(crate) async fn exposed(databases: &Databases, exposure: web_channel::Exposure) -> Self {
        let stop = Stop::new();
        let parts = || Parts::real(stop.clone());
        let key = |seed| KeyRing::new(Key::generate(&Random::seeded(seed)), None);
        let selector = platform_selector::Config {
            server: ServerConfig::loopback(0),
            database: Settings::of_url(databases.create()),
            directory_keys: key(2),
            region: None,
            adapters: platform_selector::AdapterSettings::default(),
            history: platform_selector::History::default(),
        };
        let selector = platform_selector::bind(selector, parts()).await.unwrap();
        let router = priority_router::Config {
            server: ServerConfig::loopback(0),
            database: Settings::of_url(databases.create()),
            rules: priority_router::Rules::default(),
        };
        let router = priority_router::bind(router, parts()).await.unwrap();
        let issuer = code_issuer::Config {
            unknown_sessions: code_issuer::UnknownSessions::Allow,
            history: std::time::Duration::from_secs(24 * 60 * 60),
            server: ServerConfig::loopback(0),
            database: Settings::of_url(databases.create()),
            code_keys: key(3),
            directory_keys: key(2),
            selector: selector.uri().parse().unwrap(),
            router: router.uri().parse().unwrap(),
            adapter_hosts: segue_runtime::hosts::Reach::default(),
            limits: code_issuer::domain::limits::Limits::default(),
            revoke_grace: std::time::Duration::from_secs(120),
            messages: code_issuer::domain::message::Messages::standard().unwrap(),
        };
        let issuer = code_issuer::bind(issuer, parts()).await.unwrap();
        let own = Config {
            router: router.uri().parse().unwrap(),
            issuer: issuer.uri().parse().unwrap(),
            exposure,
            ..config(&databases.create())
        };
        let channel = bind(own, parts()).await.unwrap();
        fill_selector(&selector.uri(), &channel.running.uri()).await;
        fill_router(&router.uri()).await;
        Self { stop, channel, others: vec![selector, router, issuer] }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.channel.http)
    }

    pub(crate) async fn stop(self) {
        self.stop.now();
        let all = async {
            self.channel.running.stopped().await.unwrap();
            for other in self.others {
                other.stopped().await.unwrap();
            }
        };
        tokio::time::timeout(segue_testkit::WAIT, all).await.expect("does not stop");
    }
}

fn peer(uri: &str) -> Peer {
    uri.parse::<PeerUri>().unwrap().connect(&segue_runtime::Credentials::none())
}

async fn fill_selector(selector: &str, adapter: &str) {
    let mut client = PlatformSelectorServiceClient::new(peer(selector));
    let faces = vec![Face::Digits.into(), Face::Qr.into()];
    let web_chat = Platform {
        id: "web_chat".to_owned(),
        display_name: "Web chat".to_owned(),
        delivered_faces: faces.clone(),
        adapter_uri: adapter.to_owned(),
        cost_units: 33,
        ..Platform::default()
    };
    let app = Platform {
        id: "app".to_owned(),
        display_name: "Customer app".to_owned(),
        features: vec![Feature { name: "file_upload".to_owned(), ..Feature::default() }],
        accepted_faces: faces,
        entry_uri_template: "https://app.example/chat/app#{code}".to_owned(),
        adapter_uri: adapter.to_owned(),
        cost_units: 33,
        ..Platform::default()
    };
    for platform in [web_chat, app] {
        let request = CreatePlatformRequest { request_id: request_id(), platform: Some(platform) };
        client.create_platform(request).await.unwrap();
    }
    let upload =
        Requirement { feature: "file_upload".to_owned(), operator: Operator::Exists.into(), values: vec![] };
    let work_profile = WorkProfile {
        id: "supplement_claim_documents".to_owned(),
        display_name: "Supplement claim documents".to_owned(),
        requirements: vec![upload],
        ..WorkProfile::default()
    };
    let request = PutWorkProfileRequest {
        request_id: request_id(),
        work_profile: Some(work_profile),
        expected_version: None,
    };
    client.put_work_profile(request).await.unwrap();
    let identities = vec![Identity { kind: "phone".to_owned(), value: PHONE.to_owned(), unverified: false }];
    let request = LinkAccountRequest {
        request_id: request_id(),
        platform: "app".to_owned(),
        account: ACCOUNT.to_owned(),
        identities,
    };
    client.link_account(request).await.unwrap();
}

async fn fill_router(router: &str) {
    let serves =
        |platform: &str| AgentPlatform { platform: platform.to_owned(), cost_units: 33, wrap_up_seconds: 0 };
    let agent = Agent {
        id: AGENT.to_owned(),
        display_name: "Chen Jing".to_owned(),
        platforms: vec![serves("web_chat"), serves("app")],
        capacity_units: 100,
        ..Agent::default()
    };
    let request = PutAgentRequest { request_id: request_id(), agent: Some(agent) };
    PriorityRouterServiceClient::new(peer(router)).put_agent(request).await.unwrap();
}
