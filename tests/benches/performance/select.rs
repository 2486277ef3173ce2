//! Selections over the number of platforms, with a large directory of accounts.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use segue_proto::{
    common::v1::{Customer, Face, Identity, Operator, Preference, RemainingWork, Requirement},
    selector::v1::{
        CreatePlatformRequest, Feature, ImportAccountsRequest, Platform, SelectPlatformRequest,
        platform_selector_service_client::PlatformSelectorServiceClient,
    },
};
use segue_runtime::reason_of;
use segue_testkit::request_id;
use tonic::{Status, transport::Channel};

use crate::raw;

pub type Selector = PlatformSelectorServiceClient<Channel>;

/// Fills the directory for a while, and answers how many accounts it has. They are on the first platforms, which must be there.
pub async fn import(selector: &Selector, most: usize, time: Duration) -> usize {
    let deadline = Instant::now() + time;
    let rows = (0..most).take_while(move |_| Instant::now() < deadline);
    let rows = rows.map(|row| ImportAccountsRequest {
        line: i64::try_from(row + 1).unwrap(),
        platform: format!("p{:03}", row % 8 + 1),
        account: format!("a{row}"),
        identities: customer(row).identities,
        ..ImportAccountsRequest::default()
    });
    let mut answers = selector.clone().import_accounts(stream::iter(rows)).await.unwrap().into_inner();
    let mut imported = 0;
    while let Some(answer) = answers.message().await.unwrap() {
        imported = answer.imported;
    }
    usize::try_from(imported).unwrap()
}

/// Adds what is missing of so many platforms.
pub async fn create_platforms(selector: &Selector, count: usize) {
    let created = (0..count).map(|number| {
        let mut selector = selector.clone();
        async move {
            let platform = Some(platform(number));
            let request = CreatePlatformRequest { request_id: request_id(), platform };
            if let Err(status) = selector.create_platform(request).await {
                assert_eq!(reason_of(&status).unwrap().as_str_name(), "ERROR_REASON_PLATFORM_EXISTS");
            }
        }
    });
    stream::iter(created).buffer_unordered(64).collect::<()>().await;
}

/// One selection. The answer's bytes are taken and not read: with 1,000 platforms it has 200 KB, and callers that make messages of all
/// that take more of the cores than the service does.
pub async fn select(channel: Channel, customer: usize) -> Result<(), Status> {
    let size = raw::select(channel, question(customer)).await?;
    if size == 0 { Err(Status::internal("an empty answer")) } else { Ok(()) }
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

fn customer(number: usize) -> Customer {
    let identity = |kind: &str, value: String| Identity { kind: kind.to_owned(), value, unverified: false };
    let identities =
        vec![identity("phone", format!("+86138{number:08}")), identity("member_id", format!("M{number}"))];
    Customer { identities }
}

fn question(customer_number: usize) -> SelectPlatformRequest {
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
