//! A person's data goes in one call, and a rotation of keys can be followed to its end.

use segue_proto::{
    common::v1::ErrorReason,
    selector::v1::{
        ForgetCustomerRequest, ForgetCustomerResponse, ForgetMatch, GetDirectoryStatusRequest, Platform,
        SelectPlatformRequest,
    },
};
use segue_testkit::{Databases, refused, request_id};
use tonic::Code;

use crate::{
    accounts::{EMAIL, PHONE, find},
    adapter::{Adapter, Behaviour},
    harness::{Selector, customer, invalid, keys, platform, refusal},
};

segue_testkit::on_every_engine!(crate::harness::with_selector =>
    all_accounts_go,
    a_shared_phone_deletes_nobody_else,
    a_dry_run_only_tells,
    what_a_platform_told_is_forgotten_too,
);
segue_testkit::on_every_engine!(segue_testkit::with_databases => a_rotation_can_be_followed);

fn forget(of: &[(&str, &str)]) -> ForgetCustomerRequest {
    ForgetCustomerRequest {
        request_id: request_id(),
        customer: customer(of),
        ..ForgetCustomerRequest::default()
    }
}

async fn all_accounts_go(mut selector: Selector) {
    const OTHER: (&str, &str) = ("phone", "+8613900139000");
    selector.create(["hotline", "app", "web"].map(|id| platform(id, &[]))).await;
    selector.link("app", "li-wei", &[PHONE, EMAIL]).await;
    selector.link("app", "li-wei-2", &[PHONE]).await;
    selector.link("web", "li-wei", &[PHONE, ("member_id", "M-1")]).await;
    selector.link("web", "other", &[OTHER]).await;
    // Two accounts on one platform: that they are one person's has to be said.
    let request = ForgetCustomerRequest { r#match: ForgetMatch::Any.into(), ..forget(&[PHONE]) };
    let expected = selector.client.forget_customer(request.clone()).await.unwrap().into_inner();
    assert_eq!(counts(&expected), (3, vec!["app", "web"], 3, 0));
    // Also by what was known of those accounts beside.
    assert_eq!(find(&mut selector, &[PHONE, EMAIL, ("member_id", "M-1")], &[]).await, []);
    assert_eq!(find(&mut selector, &[OTHER], &[]).await.len(), 1);
    assert_eq!(selector.client.forget_customer(request).await.unwrap().into_inner(), expected);
    let again = selector.client.forget_customer(forget(&[PHONE])).await.unwrap().into_inner();
    assert_eq!(again, ForgetCustomerResponse::default());
    let nothing = refused(selector.client.forget_customer(ForgetCustomerRequest::default()).await);
    assert_eq!(nothing, invalid(&["request_id", "customer.identities"]));
}

/// How many accounts on which platforms; how many are named as deleted, and as kept.
fn counts(answer: &ForgetCustomerResponse) -> (i64, Vec<&str>, usize, usize) {
    let platforms = answer.platforms.iter().map(String::as_str).collect();
    (answer.accounts, platforms, answer.deleted.len(), answer.kept.len())
}

/// A family of five on one platform, with one phone; one of them is on another platform, too.
async fn family(selector: &mut Selector) {
    selector.create(["app", "web"].map(|id| platform(id, &[]))).await;
    for name in ["li", "wang", "zhao", "chen"] {
        selector.link("app", name, &[PHONE]).await;
    }
    selector.link("app", "liu", &[PHONE, EMAIL]).await;
    selector.link("web", "liu", &[EMAIL]).await;
}

async fn a_shared_phone_deletes_nobody_else(mut selector: Selector) {
    family(&mut selector).await;
    let shared = refusal(Code::FailedPrecondition, ErrorReason::IdentityShared, &["customer.identities"]);
    assert_eq!(refused(selector.client.forget_customer(forget(&[PHONE])).await), shared);
    let dry = ForgetCustomerRequest { dry_run: true, ..forget(&[PHONE]) };
    assert_eq!(refused(selector.client.forget_customer(dry).await), shared);
    assert_eq!(find(&mut selector, &[PHONE], &[]).await.len(), 5);
    let answer = selector.client.forget_customer(forget(&[PHONE, EMAIL])).await.unwrap().into_inner();
    assert_eq!(counts(&answer), (2, vec!["app", "web"], 2, 4));
    assert_eq!(find(&mut selector, &[PHONE, EMAIL], &[]).await.len(), 4);
    let all = ForgetCustomerRequest { r#match: ForgetMatch::All.into(), ..forget(&[PHONE]) };
    let answer = selector.client.forget_customer(all).await.unwrap().into_inner();
    assert_eq!(counts(&answer), (4, vec!["app"], 4, 0));
    let odd = ForgetCustomerRequest { r#match: 9, ..forget(&[PHONE]) };
    assert_eq!(refused(selector.client.forget_customer(odd).await), invalid(&["match"]));
}

async fn a_dry_run_only_tells(mut selector: Selector) {
    family(&mut selector).await;
    let real = forget(&[PHONE, EMAIL]);
    let dry = ForgetCustomerRequest { dry_run: true, ..real.clone() };
    let told = selector.client.forget_customer(dry).await.unwrap().into_inner();
    assert_eq!(counts(&told), (2, vec!["app", "web"], 2, 4));
    let kinds: Vec<&[String]> = told.deleted.iter().map(|account| account.matched_kinds.as_slice()).collect();
    assert_eq!(kinds, [vec!["email", "phone"], vec!["email"]]);
    let found = find(&mut selector, &[PHONE, EMAIL], &[]).await;
    assert_eq!(found.len(), 6);
    // The same request id does it then, and does what was told.
    assert_eq!(selector.client.forget_customer(real).await.unwrap().into_inner(), told);
    let left = find(&mut selector, &[PHONE, EMAIL], &[]).await;
    assert_eq!(left, told.kept);
    let said = format!("{told:?}");
    assert!(!said.contains(PHONE.1) && !said.contains(EMAIL.1), "{said}");
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
