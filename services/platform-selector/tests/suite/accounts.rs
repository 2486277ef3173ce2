use segue_proto::{
    common::v1::{Customer, ErrorReason},
    selector::v1::{
        Account, DeletePlatformRequest, FindAccountsRequest, LinkAccountRequest, UnlinkAccountRequest,
    },
};
use segue_testkit::{Databases, Storage, refused, request_id};
use tonic::{Code, Status};

use crate::harness::{Selector, customer, identities, invalid, keys, link, platform, refusal};

pub const PHONE: (&str, &str) = ("phone", "+8613800138000");
pub const EMAIL: (&str, &str) = ("email", "li.wei@example.com");

segue_testkit::on_every_engine!(crate::harness::with_selector =>
    linked_accounts_are_found,
    linking_again_replaces,
    unlinked_accounts_are_gone,
    repeated_requests_change_nothing,
    bad_input,
);
segue_testkit::on_every_engine!(super::in_china => spellings_of_one_person_meet);

/// Where phone numbers without a country are Chinese.
async fn in_china(storage: Storage, case: impl AsyncFnOnce(Selector)) {
    case(Selector::in_region(&Databases::start(storage), "CN").await).await;
}

pub async fn find(selector: &mut Selector, of: &[(&str, &str)], platforms: &[&str]) -> Vec<Account> {
    try_find(selector, customer(of), platforms).await.unwrap()
}

async fn try_find(
    selector: &mut Selector,
    customer: Option<Customer>,
    platforms: &[&str],
) -> Result<Vec<Account>, Status> {
    let platforms = platforms.iter().map(|id| (*id).to_owned()).collect();
    let answer = selector.client.find_accounts(FindAccountsRequest { customer, platforms }).await?;
    Ok(answer.into_inner().accounts)
}

fn unlink(platform: &str, account: &str) -> UnlinkAccountRequest {
    UnlinkAccountRequest {
        request_id: request_id(),
        platform: platform.to_owned(),
        account: account.to_owned(),
    }
}

fn account(platform: &str, account: &str, kinds: &[&str]) -> Account {
    Account {
        platform: platform.to_owned(),
        account: account.to_owned(),
        matched_kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
    }
}

async fn linked_accounts_are_found(mut selector: Selector) {
    selector.create([platform("web", &[]), platform("app", &[])]).await;
    let on_app = selector.link("app", "li-wei", &[PHONE, EMAIL]).await;
    let on_web = selector.link("web", "li-wei", &[EMAIL]).await;
    selector.link("web", "someone", &[("phone", "+8613800138001")]).await;
    // The reference is what code-issuer works out for itself at redemption.
    assert_eq!(on_app, segue_core::account_refs(&keys(1, None), "app", "li-wei")[0]);
    assert_ne!(on_app, on_web);

    let both = find(&mut selector, &[EMAIL, PHONE], &[]).await;
    assert_eq!(both, [account("app", &on_app, &["email", "phone"]), account("web", &on_web, &["email"])]);
    // Spellings don't matter.
    let spelt = find(&mut selector, &[("phone", "+86 138-0013-8000"), ("email", "Li.Wei@Example.com")], &[]);
    assert_eq!(spelt.await, both);
    assert_eq!(find(&mut selector, &[EMAIL], &["web"]).await, [account("web", &on_web, &["email"])]);
    // A kind is part of what is compared.
    assert_eq!(find(&mut selector, &[("member_id", PHONE.1)], &[]).await, []);

    // Two accounts on one platform are two, never one.
    selector.link("app", "li-wei-2", &[PHONE]).await;
    assert_eq!(find(&mut selector, &[PHONE], &["app"]).await.len(), 2);

    let removal = DeletePlatformRequest { request_id: request_id(), id: "app".to_owned() };
    selector.client.delete_platform(removal).await.unwrap();
    selector.create([platform("app", &[])]).await;
    assert_eq!(find(&mut selector, &[PHONE, EMAIL], &[]).await, [account("web", &on_web, &["email"])]);
}

/// As address books, spreadsheets and people have them; near misses stay apart.
async fn spellings_of_one_person_meet(mut selector: Selector) {
    selector.create([platform("app", &[])]).await;
    let mut one = Vec::new();
    let linked = [
        (
            ("phone", "138 0013 8000"),
            &["+8613800138000", "0086-138-0013-8000", "tel:+86-138-0013-8000;ext=5"][..],
        ),
        (
            ("email", "用户@例子.公司"),
            &["用户@xn--fsqu00a.xn--55qx5d", "<用户@例子.公司>", "mailto:用户@例子.公司."],
        ),
        (("member_id", "M-1"), &["\u{202a}M\u{200b}-1\u{202c}", " M-1 "]),
        (("phone", "+52 1 55 1234 5678"), &["+52 55 1234 5678"]),
        (("phone", "+55 11 8765-4321"), &["+55 11 98765-4321"]),
    ];
    for (number, (identity, spellings)) in linked.iter().enumerate() {
        let account = selector.link("app", &format!("person-{number}"), &[*identity]).await;
        for spelling in *spellings {
            let found = find(&mut selector, &[(identity.0, spelling)], &[]).await;
            let found: Vec<&str> = found.iter().map(|found| found.account.as_str()).collect();
            assert_eq!(found, [account.as_str()], "{spelling}");
        }
        one.push(account);
    }
    for near in [
        ("phone", "138 0013 8001"),
        ("email", "用戶@例子.公司"),
        ("member_id", "m-1"),
        ("phone", "+55 11 2345-6789"),
    ] {
        assert_eq!(find(&mut selector, &[near], &[]).await, [], "{near:?}");
    }
    // Invisible characters are no part of the platform's own ids either.
    assert_eq!(selector.link("app", "\u{feff}person-0\u{200b}", &[PHONE]).await, one[0]);
    for odd in [
        ("email", "a@@x.com"),
        ("email", "a@x..com"),
        ("email", "a@x.com, b@x.com"),
        ("member_id", "M\0"),
        ("phone", "12"),
    ] {
        let refusal = refused(try_find(&mut selector, customer(&[odd]), &[]).await);
        assert_eq!(refusal, invalid(&["customer.identities[0].value"]), "{odd:?}");
    }
}

async fn linking_again_replaces(mut selector: Selector) {
    selector.create([platform("app", &[])]).await;
    let first = selector.link("app", "li-wei", &[PHONE, EMAIL]).await;
    let second = selector.link("app", " li-wei ", &[EMAIL, ("member_id", "M-1")]).await;
    assert_eq!(first, second);
    assert_eq!(find(&mut selector, &[PHONE], &[]).await, []);
    let now = find(&mut selector, &[PHONE, EMAIL, ("member_id", "M-1")], &[]).await;
    assert_eq!(now, [account("app", &first, &["email", "member_id"])]);
}

async fn unlinked_accounts_are_gone(mut selector: Selector) {
    selector.create([platform("app", &[])]).await;
    selector.link("app", "li-wei", &[PHONE]).await;
    selector.client.unlink_account(unlink("app", "li-wei")).await.unwrap();
    assert_eq!(find(&mut selector, &[PHONE], &[]).await, []);
    let gone = refused(selector.client.unlink_account(unlink("app", "li-wei")).await);
    assert_eq!(gone, refusal(Code::NotFound, ErrorReason::AccountNotFound, &["account"]));
    let gone = refused(selector.client.unlink_account(unlink("moon", "li-wei")).await);
    assert_eq!(gone, refusal(Code::NotFound, ErrorReason::PlatformNotFound, &["platform"]));
}

async fn repeated_requests_change_nothing(mut selector: Selector) {
    selector.create([platform("app", &[])]).await;
    let client = &mut selector.client;
    let request = link("app", "li-wei", &[PHONE]);
    let first = client.link_account(request.clone()).await.unwrap().into_inner();
    let removal = unlink("app", "li-wei");
    client.unlink_account(removal.clone()).await.unwrap();
    // The repetition is answered, and does not bring the account back.
    assert_eq!(client.link_account(request.clone()).await.unwrap().into_inner(), first);
    client.unlink_account(removal.clone()).await.unwrap();
    let reused = refusal(Code::AlreadyExists, ErrorReason::RequestIdReused, &["request_id"]);
    let other = LinkAccountRequest { identities: identities(&[EMAIL]), ..request };
    assert_eq!(refused(client.link_account(other).await), reused);
    let other = UnlinkAccountRequest { account: "other".to_owned(), ..removal };
    assert_eq!(refused(client.unlink_account(other).await), reused);
    assert_eq!(find(&mut selector, &[PHONE], &[]).await, []);
}

async fn bad_input(mut selector: Selector) {
    selector.create([platform("app", &[])]).await;
    let client = &mut selector.client;
    let cases = [
        (link("App", "a", &[PHONE]), "platform"),
        (link("app", " ", &[PHONE]), "account"),
        (link("app", &"a".repeat(129), &[PHONE]), "account"),
        (link("app", "a\u{0}", &[PHONE]), "account"),
        (link("app", "a", &[]), "identities"),
        (link("app", "a", &[PHONE; 17]), "identities"),
        (link("app", "a", &[("shoe_size", "44")]), "identities[0].kind"),
        (link("app", "a", &[PHONE, ("phone", "13800138000")]), "identities[1].value"),
        (link("app", "a", &[("email", &"x".repeat(257))]), "identities[0].value"),
    ];
    for (request, field) in cases {
        assert_eq!(refused(client.link_account(request).await), invalid(&[field]));
    }
    let missing = refused(client.link_account(LinkAccountRequest::default()).await);
    assert_eq!(missing, invalid(&["request_id", "platform", "account", "identities"]));
    let missing = refused(client.unlink_account(UnlinkAccountRequest::default()).await);
    assert_eq!(missing, invalid(&["request_id", "platform", "account"]));
    let unknown = refusal(Code::NotFound, ErrorReason::PlatformNotFound, &["platform"]);
    assert_eq!(refused(client.link_account(link("moon", "a", &[PHONE])).await), unknown);

    assert_eq!(refused(try_find(&mut selector, None, &[]).await), invalid(&["customer.identities"]));
    let odd = customer(&[("phone", "12")]);
    assert_eq!(refused(try_find(&mut selector, odd, &[]).await), invalid(&["customer.identities[0].value"]));
    let odd = refused(try_find(&mut selector, customer(&[PHONE]), &["app", "A"]).await);
    assert_eq!(odd, invalid(&["platforms[1]"]));
    let unknown = refused(try_find(&mut selector, customer(&[PHONE]), &["app", "moon"]).await);
    assert_eq!(unknown, refusal(Code::NotFound, ErrorReason::PlatformNotFound, &["platforms[1]"]));
    let many = vec!["app"; 1001];
    let many = refused(try_find(&mut selector, customer(&[PHONE]), &many).await);
    assert_eq!(many, invalid(&["platforms"]));
    assert_eq!(find(&mut selector, &[PHONE], &[]).await, []);
}
