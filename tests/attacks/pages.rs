//! 18.4 on the pages: one visitor takes all live pages, all requests, agents, or the disk.

use std::time::Duration;

use futures::future::join_all;
use segue_testkit::{Storage, wait_for_some};
use segue_tests::Processes;
use tokio::time::Instant;

use crate::visitor::Visitor;

const ATTACKER: &str = "203.0.113.7";
/// Another address in the attacker's own /48, but not in its /64.
const ATTACKER_V6: [&str; 2] = ["2001:db8:1:1::1", "2001:db8:1:2::1"];
const HONEST: &str = "198.51.100.1";
const EVENTS: &str = "/api/events?platform=app";
const MEGABYTE: usize = 1024 * 1024;

/// Pages behind a proxy on this machine, which is many visitors.
async fn pages(settings: &[(&str, &str)]) -> (Processes, impl Fn(&str) -> Visitor + use<>) {
    let settings = [&[("SEGUE_TRUSTED_PROXIES", "127.0.0.1")], settings].concat();
    let system = Processes::start_with(Storage::SqliteFile, &settings).await;
    let pages = system.addresses.pages;
    (system, move |from: &str| Visitor::new(pages, from))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_visitor_leaves_live_pages_to_others() {
    let (system, visitor) = pages(&[
        ("SEGUE_MAX_PAGE_STREAMS", "60"),
        ("SEGUE_MAX_PAGE_STREAMS_PER_NETWORK", "20"),
        ("SEGUE_MAX_PAGE_STREAMS_PER_SESSION", "4"),
    ])
    .await;
    let mut held = vec![];
    let mut first = vec![];
    for session in 0..20 {
        let from = [ATTACKER, ATTACKER_V6[0], ATTACKER_V6[1]][session % 3];
        let attacker = visitor(from).signed_in().await;
        for (answer, stream) in join_all((0..8).map(|_| attacker.open(EVENTS))).await {
            if answer.status == 200 {
                held.push(stream);
            }
            if session == 0 {
                first.push(answer);
            }
        }
    }
    let of_one = |status| first.iter().filter(|answer| answer.status == status).count();
    assert_eq!((of_one(200), of_one(429)), (4, 4), "a conversation has its share");
    assert!(first.iter().all(|answer| answer.status == 200 || answer.header("retry-after").is_some()));
    assert_eq!(held.len(), 50, "an address a third, and a /48 half of all");
    let honest = visitor(HONEST).signed_in().await;
    for (answer, stream) in join_all((0..3).map(|_| honest.open(EVENTS))).await {
        assert_eq!(answer.status, 200, "{}", answer.text);
        held.push(stream);
    }
    let refusals = ["segue_share=\"page_streams\""];
    let counted = system.metrics("web-channel").await.sum("segue_server_share_refused_total", &refusals);
    assert!((counted - 110.0).abs() < 0.5, "{counted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_visitor_leaves_requests_to_others() {
    let (_system, visitor) =
        pages(&[("SEGUE_MAX_PAGE_REQUESTS", "40"), ("SEGUE_MAX_PAGE_REQUESTS_PER_NETWORK", "10")]).await;
    let attacker = visitor(ATTACKER);
    let mut unfinished = vec![];
    for _ in 0..60 {
        unfinished.push(attacker.send("POST", "/api/messages", "application/json", 1000).await);
    }
    let refused = wait_for_some("the attacker's share", async || {
        let answer = attacker.get("/chat/app").await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    assert!(refused.is_share(), "{}", refused.text);
    let honest = visitor(HONEST);
    let mut slowest = Duration::ZERO;
    for _ in 0..100 {
        let begin = Instant::now();
        assert_eq!(honest.get("/chat/app").await.status, 200, "beside them");
        slowest = slowest.max(begin.elapsed());
    }
    println!("honest: the slowest of 100 pages {slowest:?}");
    honest.signed_in().await;
    drop(unfinished);
    wait_for_some("places that are free again", async || {
        (attacker.get("/chat/app").await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_visitor_does_not_fill_the_queue_of_contacts() {
    let (_system, visitor) = pages(&[("SEGUE_PAGE_CONTACTS_PER_NETWORK", "10")]).await;
    let attacker = visitor(ATTACKER);
    let answers = join_all((0..100).map(|_| attacker.start())).await;
    let begun = answers.iter().filter(|answer| answer.status == 201).count();
    // One comes back every minute.
    assert!((10..=11).contains(&begun), "{begun}");
    assert!(answers.iter().all(|answer| answer.status == 201 || answer.is_share()));
    // All of a /24 get four times as many.
    let neighbours: Vec<_> = (8..20).map(|n| visitor(&format!("203.0.113.{n}"))).collect();
    let mut begun = begun;
    for neighbour in &neighbours {
        for answer in join_all((0..5).map(|_| neighbour.start())).await {
            begun += usize::from(answer.status == 201);
        }
    }
    assert!((40..=44).contains(&begun), "{begun}");
    for _ in 0..5 {
        visitor(HONEST).signed_in().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_visitor_fills_neither_memory_nor_disk_with_files() {
    let (_system, visitor) = pages(&[
        ("SEGUE_UPLOAD_MIB_PER_NETWORK", "8"),
        ("SEGUE_UPLOAD_MIB_PER_SESSION", "3"),
        ("SEGUE_MAX_STORED_UPLOAD_MIB", "8"),
    ])
    .await;
    let file = vec![7; MEGABYTE];
    let attacker = visitor(ATTACKER).signed_in().await;
    let mut kept = 0;
    for count in 0..5 {
        let answer = attacker.upload(&file).await;
        let expected = if count < 3 { 204 } else { 400 };
        assert_eq!(answer.status, expected, "a conversation has so much: {}", answer.text);
        kept += usize::from(answer.status == 204);
    }
    for _ in 0..5 {
        let answer = visitor(ATTACKER).signed_in().await.upload(&file).await;
        assert!(answer.status == 204 || answer.is_share(), "{}", answer.text);
        kept += usize::from(answer.status == 204);
    }
    assert!((3..8).contains(&kept), "{kept} MiB");
    let honest = visitor(HONEST).signed_in().await;
    assert_eq!(honest.upload(&file).await.status, 204, "beside them");
    // From many networks: the disk is still there for messages.
    let mut last = None;
    for network in 0..4 {
        let one = visitor(&format!("198.51.{network}.9")).signed_in().await;
        last = Some(one.upload(&file).await);
    }
    let full = last.unwrap();
    assert_eq!((full.status, full.header("retry-after").is_some()), (503, true), "{}", full.text);
}
