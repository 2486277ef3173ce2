//! A person's data goes in one call, and a rotation of keys can be followed to its end.

use segue_proto::selector::v1::{
    ForgetCustomerRequest, ForgetCustomerResponse, GetDirectoryStatusRequest, Platform, SelectPlatformRequest,
};
use segue_testkit::{Databases, refused, request_id};

use crate::{
    accounts::{EMAIL, PHONE, find},
    adapter::{Adapter, Behaviour},
    harness::{Selector, customer, invalid, keys, platform},
};

pub async fn run(databases: &Databases) {
    all_accounts_go(Selector::start(databases).await).await;
    what_a_platform_told_is_forgotten_too(Selector::start(databases).await).await;
    a_rotation_can_be_followed(databases).await;
}

fn forget(of: &[(&str, &str)]) -> ForgetCustomerRequest {
    ForgetCustomerRequest { request_id: request_id(), customer: customer(of) }
}

async fn all_accounts_go(mut selector: Selector) {
    const OTHER: (&str, &str) = ("phone", "+8613900139000");
    selector.create(["hotline", "app", "web"].map(|id| platform(id, &[]))).await;
    selector.link("app", "li-wei", &[PHONE, EMAIL]).await;
    selector.link("app", "li-wei-2", &[PHONE]).await;
    selector.link("web", "li-wei", &[PHONE, ("member_id", "M-1")]).await;
    selector.link("web", "other", &[OTHER]).await;
    let request = forget(&[PHONE]);
    let answer = selector.client.forget_customer(request.clone()).await.unwrap().into_inner();
    let expected = ForgetCustomerResponse { accounts: 3, platforms: vec!["app".into(), "web".into()] };
    assert_eq!(answer, expected);
    // Also by what was known of those accounts beside.
    assert_eq!(find(&mut selector, &[PHONE, EMAIL, ("member_id", "M-1")], &[]).await, []);
    assert_eq!(find(&mut selector, &[OTHER], &[]).await.len(), 1);
    assert_eq!(selector.client.forget_customer(request).await.unwrap().into_inner(), expected);
    let again = selector.client.forget_customer(forget(&[PHONE])).await.unwrap().into_inner();
    assert_eq!(again, ForgetCustomerResponse::default());
    let nothing = refused(selector.client.forget_customer(ForgetCustomerRequest::default()).await);
    assert_eq!(nothing, invalid(&["request_id", "customer.identities"]));
}

async fn what_a_platform_told_is_forgotten_too(mut selector: Selector) {
    let adapter = Adapter::start(Behaviour::Knows(vec!["li-wei".to_owned()])).await;
    let app = Platform { adapter_uri: adapter.uri.clone(), live_lookup: true, ..platform("app", &[]) };
    selector.create([platform("hotline", &[]), app]).await;
    let ask = || SelectPlatformRequest {
        source_platform: "hotline".to_owned(),
        customer: customer(&[PHONE]),
        ..SelectPlatformRequest::default()
    };
    selector.client.select_platform(ask()).await.unwrap();
    adapter.behave(Behaviour::Knows(vec![]));
    assert!(!selector.client.select_platform(ask()).await.unwrap().into_inner().account.is_empty());
    selector.client.forget_customer(forget(&[PHONE])).await.unwrap();
    assert_eq!(selector.client.select_platform(ask()).await.unwrap().into_inner().account, "");
}

async fn a_rotation_can_be_followed(databases: &Databases) {
    let url = databases.create();
    if url.starts_with("sqlite::memory:") {
        return;
    }
    let status = async |selector: &mut Selector| {
        let answer = selector.client.get_directory_status(GetDirectoryStatusRequest {}).await.unwrap();
        let answer = answer.into_inner();
        (answer.current_key, answer.previous_key, answer.lost_keys)
    };
    let mut before = Selector::on(&url, keys(1, None)).await;
    before.create([platform("app", &[])]).await;
    before.link("app", "li-wei", &[PHONE]).await;
    before.link("app", "other", &[EMAIL]).await;
    assert_eq!(status(&mut before).await, (2, 0, 0));
    before.end().await;
    let mut during = Selector::on(&url, keys(2, Some(1))).await;
    during.link("app", "li-wei", &[PHONE]).await;
    assert_eq!(status(&mut during).await, (1, 1, 0));
    // A person is found under either key.
    let answer = during.client.forget_customer(forget(&[PHONE, EMAIL])).await.unwrap().into_inner();
    assert_eq!((answer.accounts, status(&mut during).await), (2, (0, 0, 0)));
    during.link("app", "li-wei", &[PHONE]).await;
    during.end().await;
    let mut after = Selector::on(&url, keys(3, None)).await;
    assert_eq!(status(&mut after).await, (0, 0, 1));
}
