//! A selector with platforms and a directory.

use std::time::Instant;

use futures::{StreamExt as _, stream};
use platform_selector::{AdapterSettings, Config, History, bind};
use segue_core::{Key, KeyRing, Random};
use segue_proto::{
    common::v1::{Customer, Face, Identity, Operator, Preference, RemainingWork, Requirement},
    selector::v1::{
        CreatePlatformRequest, Feature, ImportAccountsRequest, Platform, SelectPlatformRequest,
        platform_selector_service_client::PlatformSelectorServiceClient,
    },
};
use segue_runtime::{Parts, Running, ServerConfig, Stop, reason_of};
use segue_store::Settings;
use segue_testkit::request_id;
use tonic::transport::Endpoint;

pub struct Selector {
    pub uri: String,
    stop: Stop,
    running: Running,
}

impl Selector {
    async fn on(url: &str) -> Self {
        let config = Config {
            server: ServerConfig::loopback(0),
            database: Settings::of_url(url),
            region: None,
            directory_keys: KeyRing::new(Key::generate(&Random::seeded(1)), None),
            adapters: AdapterSettings::default(),
            history: History::default(),
        };
        let stop = Stop::new();
        let running = bind(config, Parts::real(stop.clone())).await.unwrap();
        Self { uri: running.uri(), stop, running }
    }

    pub async fn end(self) {
        self.stop.now();
        self.running.stopped().await.unwrap();
    }
}

/// Fills the directory; returns rows per second.
pub async fn accounts(url: &str, count: usize) -> f64 {
    let selector = with_platforms(url, 10).await;
    let channel = Endpoint::from_shared(selector.uri.clone()).unwrap().connect().await.unwrap();
    let mut client = PlatformSelectorServiceClient::new(channel);
    let start = Instant::now();
    let rows = (0..count).map(|row| ImportAccountsRequest {
        line: i64::try_from(row + 1).unwrap(),
        platform: format!("p{:03}", row % 8 + 1),
        account: format!("a{row}"),
        identities: customer(row).identities,
        ..ImportAccountsRequest::default()
    });
    let mut answers = client.import_accounts(tokio_stream::iter(rows)).await.unwrap().into_inner();
    while answers.message().await.unwrap().is_some() {}
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = count as f64 / start.elapsed().as_secs_f64();
    selector.end().await;
    rate
}

/// Starts on a database and adds what is missing of so many platforms. The customer is on the first.
pub async fn with_platforms(url: &str, count: usize) -> Selector {
    let selector = Selector::on(url).await;
    let channel = Endpoint::from_shared(selector.uri.clone()).unwrap().connect().await.unwrap();
    let client = PlatformSelectorServiceClient::new(channel);
    let created = (0..count).map(|number| {
        let mut client = client.clone();
        async move {
            let platform = Some(platform(number));
            let request = CreatePlatformRequest { request_id: request_id(), platform };
            if let Err(status) = client.create_platform(request).await {
                assert_eq!(reason_of(&status).unwrap().as_str_name(), "ERROR_REASON_PLATFORM_EXISTS");
            }
        }
    });
    // Far more at a time would be refused.
    stream::iter(created).buffer_unordered(64).collect::<()>().await;
    selector
}

/// A realistic one: a dozen features, some of which the work asks for.
fn platform(number: usize) -> Platform {
    let present = ["text", "camera", "location", "signature", "appointment"];
    let present = present.into_iter().skip(number % 3);
    let mut features: Vec<Feature> =
        present.map(|name| Feature { name: name.to_owned(), ..Feature::default() }).collect();
    let upload = u32::try_from(10 + number % 50).unwrap();
    features.push(Feature {
        name: "file_upload.max_mb".to_owned(),
        number: Some(upload.into()),
        words: vec![],
    });
    let words = vec!["zh".to_owned(), "en".to_owned()];
    features.push(Feature { name: "language".to_owned(), number: None, words });
    Platform {
        id: format!("p{number:03}"),
        display_name: format!("Platform {number}"),
        features,
        accepted_faces: vec![Face::Digits.into(), Face::Qr.into()],
        delivered_faces: vec![Face::Digits.into()],
        cost_units: i32::try_from(number % 100).unwrap(),
        ..Platform::default()
    }
}

pub fn customer(number: usize) -> Customer {
    let identity = |kind: &str, value: String| Identity { kind: kind.to_owned(), value, unverified: false };
    let identities =
        vec![identity("phone", format!("+86138{number:08}")), identity("member_id", format!("M{number}"))];
    Customer { identities }
}

pub fn question(customer_number: usize) -> SelectPlatformRequest {
    let term = |feature: &str, operator: Operator, values: &[&str]| Requirement {
        feature: feature.to_owned(),
        operator: operator.into(),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    };
    let wish = |weight, requirement| Preference { weight, requirement: Some(requirement) };
    SelectPlatformRequest {
        source_platform: "p000".to_owned(),
        customer: Some(customer(customer_number)),
        remaining_work: Some(RemainingWork {
            requirements: vec![
                term("file_upload.max_mb", Operator::Gte, &["10"]),
                term("language", Operator::In, &["zh"]),
            ],
            preferences: vec![
                wish(30, term("signature", Operator::Exists, &[])),
                wish(20, term("camera", Operator::Exists, &[])),
            ],
            ..RemainingWork::default()
        }),
        ..SelectPlatformRequest::default()
    }
}
