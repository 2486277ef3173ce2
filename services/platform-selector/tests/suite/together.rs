//! Selections that are made at the same time are answered as if each was made alone, and see what was committed before they began.

use futures::{StreamExt as _, stream};
use segue_proto::selector::v1::{SelectPlatformRequest, SelectPlatformResponse};
use segue_testkit::Databases;

use crate::harness::{Client, Selector, customer, platform};

const CUSTOMERS: usize = 60;
/// Far more would be refused.
const AT_A_TIME: usize = 48;

segue_testkit::on_every_engine!(segue_testkit::with_databases =>
    each_is_answered_as_if_alone,
    what_was_committed_before_is_seen,
);

fn phone(number: usize) -> (&'static str, String) {
    ("phone", format!("+8613900{number:06}"))
}

fn ask(numbers: &[usize]) -> SelectPlatformRequest {
    let phones: Vec<_> = numbers.iter().map(|number| phone(*number)).collect();
    let phones: Vec<_> = phones.iter().map(|(kind, value)| (*kind, value.as_str())).collect();
    SelectPlatformRequest {
        source_platform: "hotline".to_owned(),
        customer: customer(&phones),
        ..SelectPlatformRequest::default()
    }
}

async fn answer(mut client: Client, request: SelectPlatformRequest) -> SelectPlatformResponse {
    let mut answer = client.select_platform(request).await.unwrap().into_inner();
    answer.selection_id.clear();
    answer
}

async fn link(selector: &mut Selector, platform: &str, account: &str, number: usize) {
    let (kind, value) = phone(number);
    selector.link(platform, account, &[(kind, &value)]).await;
}

/// Customers with no account, with one, with some on several platforms, and with a phone that too many share; some give no information.
async fn each_is_answered_as_if_alone(databases: &Databases) {
    let mut selector = Selector::start(databases).await;
    selector.create(["hotline", "app", "web", "desk"].map(|id| platform(id, &[]))).await;
    for number in 0..CUSTOMERS {
        for (place, id) in ["app", "web", "desk"].into_iter().enumerate() {
            if number % (place + 2) == 0 {
                link(&mut selector, id, &format!("{id}-{number}"), number).await;
            }
        }
    }
    for account in 0..12 {
        link(&mut selector, "web", &format!("shared-{account}"), 1).await;
        link(&mut selector, "desk", &format!("family-{}", account % 8), 5).await;
    }
    let asked: Vec<SelectPlatformRequest> = (0..CUSTOMERS)
        .map(|number| match number % 7 {
            0 => ask(&[]),
            1 => ask(&(number..number + 9).collect::<Vec<_>>()),
            _ => ask(&[number]),
        })
        .collect();
    let mut alone = vec![];
    for request in &asked {
        alone.push(answer(selector.client.clone(), request.clone()).await);
    }
    assert!(alone.iter().any(|answer| answer.accounts.len() == 8), "a family");
    assert!(alone.iter().any(|answer| answer.accounts.is_empty()), "somebody without an account");
    for _ in 0..5 {
        let calls = asked.iter().map(|request| answer(selector.client.clone(), request.clone()));
        let together: Vec<SelectPlatformResponse> = stream::iter(calls).buffered(AT_A_TIME).collect().await;
        assert_eq!(together, alone);
    }
}

async fn what_was_committed_before_is_seen(databases: &Databases) {
    let mut selector = Selector::start(databases).await;
    selector.create(["hotline", "app"].map(|id| platform(id, &[]))).await;
    let busy: Vec<_> = (0..8)
        .map(|caller| {
            let client = selector.client.clone();
            tokio::spawn(async move {
                loop {
                    answer(client.clone(), ask(&[caller])).await;
                }
            })
        })
        .collect();
    for number in 100..120 {
        assert!(answer(selector.client.clone(), ask(&[number])).await.accounts.is_empty());
        link(&mut selector, "app", &format!("a{number}"), number).await;
        assert_eq!(answer(selector.client.clone(), ask(&[number])).await.accounts.len(), 1);
    }
    busy.iter().for_each(tokio::task::JoinHandle::abort);
}
