//! The platform under test.

use std::sync::Arc;

use segue_core::{Key, KeyRing, ManualClock, Random};
use segue_proto::{
    channel::v1::{
        CloseSessionRequest, DeliverAccessInfoRequest, channel_service_client::ChannelServiceClient,
    },
    common::v1::{AccessInfo, CodeFace, Face},
};
use segue_runtime::{
    Parts, ServerConfig, Stop,
    peer::{Peer, PeerUri},
    timestamp,
};
use segue_store::Settings;
use segue_testkit::{free_port, request_id};
use serde_json::{Value, json};
use web_channel::{Bound, Config, Exposure, Platform, bind};

use crate::http::{Answer, Browser};

pub(crate) const NOW_MS: i64 = 1_800_000_000_000;
pub(crate) const CODE: &str = "2345 6789 1";

pub(crate) struct Running {
    pub(crate) clock: Arc<ManualClock>,
    stop: Stop,
    bound: Bound,
}

/// The configuration of a platform whose router and issuer are away.
pub(crate) fn config(url: &str) -> Config {
    let away = || format!("http://127.0.0.1:{}", free_port()).parse().unwrap();
    Config {
        server: ServerConfig::loopback(0),
        http_listen: ([127, 0, 0, 1], 0).into(),
        exposure: Exposure::default(),
        database: Settings::of_url(url),
        keys: KeyRing::new(Key::generate(&Random::seeded(1)), None),
        router: away(),
        issuer: away(),
        platforms: Platform::defaults(),
        history_days: 30,
    }
}

impl Running {
    pub(crate) async fn start(url: &str) -> Self {
        Self::of(config(url)).await
    }

    pub(crate) async fn of(config: Config) -> Self {
        Self::at(config, NOW_MS).await
    }

    pub(crate) async fn at(config: Config, now_ms: i64) -> Self {
        let clock = ManualClock::starting_at(now_ms);
        let stop = Stop::new();
        let parts = Parts { clock: clock.clone(), random: Random::secure(), stop: stop.clone() };
        let bound = bind(config, parts).await.unwrap();
        Self { clock, stop, bound }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.bound.http)
    }

    /// Where the pages are.
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.bound.http
    }

    pub(crate) fn channel(&self) -> ChannelServiceClient<Peer> {
        ChannelServiceClient::new(
            self.bound.running.uri().parse::<PeerUri>().unwrap().connect(&segue_runtime::Credentials::none()),
        )
    }

    /// Ends it and waits for that.
    pub(crate) async fn stop(self) {
        self.stop.now();
        let stopped = tokio::time::timeout(segue_testkit::WAIT, self.bound.running.stopped()).await;
        stopped.expect("does not stop").unwrap();
    }
}

/// Starts a conversation on the app, which needs no router; gives the session's id.
pub(crate) async fn sign_in(browser: &mut Browser) -> String {
    let answer = start(browser, &request_id()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["session"].as_str().unwrap().to_owned()
}

/// What a page makes up for its starts.
pub(crate) const START_SECRET: &str = "made-up-by-the-page-of-a-test";

pub(crate) async fn start(browser: &mut Browser, start_id: &str) -> Answer {
    start_with(browser, start_id, START_SECRET).await
}

pub(crate) async fn start_with(browser: &mut Browser, start_id: &str, start_secret: &str) -> Answer {
    let form = json!({
        "platform": "app", "request_id": start_id, "start_secret": start_secret, "name": "Li Wei", "account": "app-4711"
    });
    browser.post("/api/sessions", &form).await
}

/// As the customer of an account.
pub(crate) async fn start_at(browser: &mut Browser, account: &str) -> Answer {
    let form = json!({
        "platform": "app", "request_id": request_id(), "start_secret": START_SECRET, "name": "Li Wei", "account": account
    });
    browser.post("/api/sessions", &form).await
}

pub(crate) async fn say(browser: &mut Browser, id: &str, text: &str) -> Answer {
    browser.post("/api/messages", &json!({"platform": "app", "message_id": id, "text": text})).await
}

pub(crate) fn delivery(session: &str, handoff: &str, generation: i32) -> DeliverAccessInfoRequest {
    let digits = CodeFace { kind: Face::Digits.into(), display: CODE.to_owned(), ..CodeFace::default() };
    let qr = CodeFace {
        kind: Face::Qr.into(),
        display: "https://app.example/#t".to_owned(),
        svg: "<svg/>".to_owned(),
        ..CodeFace::default()
    };
    DeliverAccessInfoRequest {
        handoff_id: handoff.to_owned(),
        generation,
        platform: "app".to_owned(),
        session: session.to_owned(),
        access_info: Some(AccessInfo {
            faces: vec![digits, qr],
            entry_uri: "https://app.example/#t".to_owned(),
            message: format!("go on, {generation}"),
        }),
        target_display_name: "Video desk".to_owned(),
        expire_time: timestamp(NOW_MS + 600_000),
    }
}

pub(crate) fn closing(session: &str) -> CloseSessionRequest {
    CloseSessionRequest {
        handoff_id: "hof_1".to_owned(),
        platform: "app".to_owned(),
        session: session.to_owned(),
        message: "You went on elsewhere.".to_owned(),
    }
}

pub(crate) fn is_kind(kind: &'static str) -> impl Fn(&Value) -> bool {
    move |data| data["kind"] == kind
}
