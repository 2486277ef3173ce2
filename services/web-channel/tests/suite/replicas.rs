//! Several processes on one database.

use segue_testkit::{Databases, Storage, request_id};

use crate::platform::{CODE, Running, delivery, is_kind, say, sign_in};

#[tokio::test(flavor = "multi_thread")]
async fn any_replica_serves_any_conversation() {
    let databases = Databases::start(Storage::Postgres);
    let url = databases.create();
    let (one, other) = (Running::start(&url).await, Running::start(&url).await);
    let mut here = one.browser();
    let session = sign_in(&mut here).await;
    let mut there = here.moved_to(&other.browser());
    let mut events = there.listen("/api/events?platform=app", "").await;

    // Both replicas write at once; the reader misses nothing, and sees one order.
    let writing = (0..20).map(|n| {
        let mut browser = if n % 2 == 0 { here.clone() } else { there.clone() };
        tokio::spawn(async move { say(&mut browser, &request_id(), &format!("m{n}")).await.status })
    });
    for written in writing.collect::<Vec<_>>() {
        assert_eq!(written.await.unwrap(), 204);
    }
    for seq in 1..=20 {
        assert_eq!(events.next().await.unwrap().1, seq.to_string());
    }
    // The same delivery through both at once is shown once.
    let (mut a, mut b) = (one.channel(), other.channel());
    let request = || delivery(&session, "hof_1", 1);
    let (first, second) = tokio::join!(a.deliver_access_info(request()), b.deliver_access_info(request()));
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    assert_eq!(events.find("entry", is_kind("card")).await["card"]["faces"][0]["display"], CODE);
    assert!(events.is_quiet().await);
    one.stop().await;
    assert_eq!(say(&mut there, &request_id(), "still here").await.status, 204);
    other.stop().await;
}
