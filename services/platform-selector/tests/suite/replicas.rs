use segue_proto::{
    common::v1::RemainingWork,
    selector::v1::{
        DeletePlatformRequest, PutWorkProfileRequest, SelectPlatformRequest, UnlinkAccountRequest,
        WorkProfile,
    },
};
use segue_testkit::{Databases, request_id};

use crate::{
    accounts::{EMAIL, PHONE, find},
    harness::{Selector, customer, exists, keys, link, platform},
};

// What takes two services on one database, which one in memory can't have.
segue_testkit::on_durable_engines!(segue_testkit::with_databases =>
    replicas_agree,
    platforms_made_in_another_order_choose_the_same,
    keys_rotate,
);

fn ask() -> SelectPlatformRequest {
    SelectPlatformRequest {
        source_platform: "hotline".to_owned(),
        customer: customer(&[PHONE]),
        ..SelectPlatformRequest::default()
    }
}

async fn chosen(selector: &mut Selector) -> String {
    selector.client.select_platform(ask()).await.unwrap().into_inner().platform
}

async fn replicas_agree(databases: &Databases) {
    let url = databases.create();
    let mut one = Selector::on(&url, keys(1, None)).await;
    let mut two = Selector::on(&url, keys(1, None)).await;
    one.create(["hotline", "app", "web"].map(|id| platform(id, &[]))).await;
    assert_eq!((chosen(&mut one).await, chosen(&mut two).await), ("app".into(), "app".into()));
    let removal = DeletePlatformRequest { request_id: request_id(), id: "app".to_owned() };
    two.client.delete_platform(removal.clone()).await.unwrap();
    assert_eq!((chosen(&mut one).await, chosen(&mut two).await), ("web".into(), "web".into()));
    // A repetition may reach another replica.
    one.client.delete_platform(removal).await.unwrap();

    let profile =
        WorkProfile { id: "video".to_owned(), requirements: vec![exists("video")], ..WorkProfile::default() };
    let put = PutWorkProfileRequest {
        request_id: request_id(),
        work_profile: Some(profile),
        expected_version: None,
    };
    one.client.put_work_profile(put).await.unwrap();
    two.create([platform("desk", &["video"])]).await;
    let work = RemainingWork { profile: "video".to_owned(), ..RemainingWork::default() };
    let with_profile = SelectPlatformRequest { remaining_work: Some(work), ..ask() };
    for selector in [&mut one, &mut two] {
        let answer = selector.client.select_platform(with_profile.clone()).await.unwrap().into_inner();
        assert_eq!(answer.platform, "desk");
    }

    // Of two links of one account, whichever comes second, one stands whole.
    let (mut a, mut b) = (one.client.clone(), two.client.clone());
    for _ in 0..10 {
        let linked = tokio::join!(
            a.link_account(link("web", "li-wei", &[PHONE])),
            b.link_account(link("web", "li-wei", &[EMAIL])),
        );
        assert_eq!(linked.0.unwrap().into_inner(), linked.1.unwrap().into_inner());
        let found = find(&mut one, &[PHONE, EMAIL], &[]).await;
        assert_eq!((found.len(), found[0].matched_kinds.len()), (1, 1));
    }
}

async fn platforms_made_in_another_order_choose_the_same(databases: &Databases) {
    let platforms = ["hotline", "b", "a", "d", "c"].map(|id| platform(id, &[]));
    let mut answers = vec![];
    for platforms in [platforms.to_vec(), platforms.into_iter().rev().collect()] {
        let mut selector = Selector::start(databases).await;
        selector.create(platforms).await;
        let mut answer = selector.client.select_platform(ask()).await.unwrap().into_inner();
        answer.source.take();
        answer.target.take();
        answer.selection_id.clear();
        answers.push(answer);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].platform, "a");
}

async fn keys_rotate(databases: &Databases) {
    let url = databases.create();
    let mut before = Selector::on(&url, keys(1, None)).await;
    before.create(["hotline", "app", "web"].map(|id| platform(id, &[]))).await;
    let repeated = link("web", "li-wei", &[PHONE]);
    let old = before.client.link_account(repeated.clone()).await.unwrap().into_inner().account;
    let on_app = before.link("app", "other", &[EMAIL]).await;
    before.end().await;

    let mut during = Selector::on(&url, keys(2, Some(1))).await;
    // Found under the previous key, by the reference that code-issuer then compares.
    let found = find(&mut during, &[PHONE], &[]).await;
    assert_eq!((found.len(), &found[0].account), (1, &old));
    assert_eq!(chosen(&mut during).await, "web");
    // A request from before the rotation is still known.
    assert_eq!(during.client.link_account(repeated).await.unwrap().into_inner().account, old);
    // Linking again moves the account under the current key.
    let new = during.link("web", "li-wei", &[PHONE]).await;
    assert_ne!(new, old);
    let found = find(&mut during, &[PHONE], &[]).await;
    assert_eq!((found.len(), &found[0].account), (1, &new));
    // One that is still under the previous key can be unlinked.
    assert_eq!(find(&mut during, &[EMAIL], &[]).await[0].account, on_app);
    let removal = UnlinkAccountRequest {
        request_id: request_id(),
        platform: "app".to_owned(),
        account: "other".to_owned(),
    };
    during.client.unlink_account(removal).await.unwrap();
    during.end().await;

    let mut after = Selector::on(&url, keys(2, None)).await;
    assert_eq!(find(&mut after, &[PHONE, EMAIL], &[]).await.len(), 1);
}
