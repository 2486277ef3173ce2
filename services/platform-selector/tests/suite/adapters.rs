//! What adapters tell counts, and what they don't tell, or tell wrongly, keeps nothing from being answered.

use std::time::Duration;

use platform_selector::AdapterSettings;
use segue_proto::{
    common::v1::ErrorReason,
    selector::v1::{
        AdapterHealth, Candidate, GetPlatformRequest, Platform, PlatformStatus, ReportPlatformLoadRequest,
        SelectPlatformRequest, SelectPlatformResponse, SelectionReasonCode as Why, UpdatePlatformRequest,
    },
};
use segue_testkit::{Databases, free_port, refused, request_id, wait_for};
use tonic::Code;

use crate::{
    accounts::PHONE,
    adapter::{Adapter, Behaviour},
    harness::{Selector, adapters, create, customer, identities, invalid, keys, platform, refusal},
};

segue_testkit::on_every_engine!(segue_testkit::with_databases =>
    a_directory_of_its_own_counts,
    both_directories_must_agree,
    answers_are_kept_briefly,
    what_is_not_told_is_said,
    a_slow_one_is_not_waited_for,
    only_those_that_could_go_on_are_asked,
    health_is_followed,
    one_that_is_back_is_taken_at_once,
    those_that_stay_away_are_told,
    adapters_live_where_they_may,
);
segue_testkit::on_every_engine!(crate::harness::with_selector => load_counts, bad_input);

fn ask() -> SelectPlatformRequest {
    SelectPlatformRequest {
        source_platform: "hotline".to_owned(),
        customer: customer(&[PHONE]),
        ..SelectPlatformRequest::default()
    }
}

async fn select(selector: &mut Selector) -> SelectPlatformResponse {
    selector.client.select_platform(ask()).await.unwrap().into_inner()
}

fn knows(accounts: &[&str]) -> Behaviour {
    Behaviour::Knows(accounts.iter().map(|account| (*account).to_owned()).collect())
}

fn reasons(answer: &SelectPlatformResponse, platform: &str) -> Vec<Why> {
    candidate(answer, platform).reasons.iter().map(|reason| reason.code()).collect()
}

fn candidate<'a>(answer: &'a SelectPlatformResponse, platform: &str) -> &'a Candidate {
    answer.candidates.iter().find(|candidate| candidate.platform == platform).unwrap()
}

/// The customer is on `hotline`; `app` is dear and keeps its own directory, `web` is cheap.
async fn with(selector: &mut Selector, uri: &str) {
    let app =
        Platform { adapter_uri: uri.to_owned(), live_lookup: true, cost_units: 90, ..platform("app", &[]) };
    selector.create([platform("hotline", &[]), platform("web", &[]), app]).await;
}

async fn a_directory_of_its_own_counts(databases: &Databases) {
    let adapter = Adapter::start(knows(&["li-wei"])).await;
    let mut selector = Selector::start(databases).await;
    with(&mut selector, &adapter.uri).await;
    let answer = select(&mut selector).await;
    assert_eq!(answer.platform, "app");
    assert_eq!(reasons(&answer, "app"), [Why::Chosen]);
    assert_eq!(adapter.told(), identities(&[PHONE]));
    // The same reference as if Segue's own directory had it, for code-issuer to compare.
    assert_eq!(answer.account, selector.link("app", "li-wei", &[PHONE]).await);

    let nobody = SelectPlatformRequest { customer: None, ..ask() };
    let answer = selector.client.select_platform(nobody).await.unwrap().into_inner();
    assert_eq!((answer.platform.as_str(), adapter.asked()), ("web", 1));
}

async fn both_directories_must_agree(databases: &Databases) {
    let adapter = Adapter::start(knows(&["li-wei"])).await;
    let url = databases.create();
    let mut before = Selector::on(&url, keys(1, None)).await;
    with(&mut before, &adapter.uri).await;
    let old = before.link("app", "li-wei", &[PHONE]).await;
    assert_eq!(select(&mut before).await.account, old);
    if url.starts_with("sqlite::memory:") {
        return;
    }
    before.end().await;
    // Segue's own has it still under the previous key: it is the same account.
    let mut during = Selector::on(&url, keys(2, Some(1))).await;
    assert_eq!(select(&mut during).await.account, old);
    // With two accounts there it is not known which: all of them count.
    adapter.behave(knows(&["li-wei", "li-wei-2"]));
    during.clock.advance(Duration::from_secs(11));
    let answer = select(&mut during).await;
    assert_eq!((answer.platform.as_str(), answer.account.as_str()), ("app", ""));
    assert!(answer.accounts.len() == 2 && answer.accounts.contains(&old), "{:?}", answer.accounts);
    adapter.behave(knows(&["li-wei-2"]));
    during.clock.advance(Duration::from_secs(11));
    assert_eq!(select(&mut during).await.account, "");
    // An empty answer takes nothing from what Segue knows.
    adapter.behave(knows(&[]));
    during.clock.advance(Duration::from_secs(11));
    assert_eq!(select(&mut during).await.account, old);
}

async fn answers_are_kept_briefly(databases: &Databases) {
    let adapter = Adapter::start(knows(&["li-wei"])).await;
    let mut selector = Selector::start(databases).await;
    with(&mut selector, &adapter.uri).await;
    for _ in 0..3 {
        assert_eq!(select(&mut selector).await.platform, "app");
    }
    assert_eq!(adapter.asked(), 1);
    let other = SelectPlatformRequest { customer: customer(&[("phone", "+8613900139000")]), ..ask() };
    selector.client.select_platform(other).await.unwrap();
    assert_eq!(adapter.asked(), 2);
    selector.clock.advance(Duration::from_secs(10));
    adapter.behave(knows(&[]));
    let answer = select(&mut selector).await;
    assert_eq!((answer.platform.as_str(), adapter.asked()), ("web", 3));
    assert_eq!(reasons(&answer, "app"), [Why::NoAccount]);
}

async fn what_is_not_told_is_said(databases: &Databases) {
    let adapter = Adapter::start(Behaviour::Fails).await;
    let mut selector = Selector::start(databases).await;
    with(&mut selector, &adapter.uri).await;
    let long = "x".repeat(129);
    let many = vec!["x"; 17];
    let huge = "x".repeat(70_000);
    for (behaviour, detail) in [
        (Behaviour::Fails, "its directory failed"),
        (knows(&many), "its directory answered nonsense"),
        (knows(&["good", ""]), "its directory answered nonsense"),
        (knows(&["\u{7}"]), "its directory answered nonsense"),
        (knows(&[&long]), "its directory answered nonsense"),
        (knows(&[&huge]), "its directory answered nonsense"),
    ] {
        adapter.behave(behaviour);
        let answer = select(&mut selector).await;
        assert_eq!(answer.platform, "web");
        let app = candidate(&answer, "app");
        assert!(app.eligible && !app.has_account);
        let said: Vec<_> = app.reasons.iter().map(|reason| (reason.code(), reason.detail.as_str())).collect();
        assert_eq!(said, [(Why::AccountUnknown, detail)]);
        assert!(app.explanations[0].sentence.contains("is not known"), "{app:?}");
        assert!(app.explanations[1].sentence.contains("不知道"), "{app:?}");
    }
    // What Segue's own directory knows still counts.
    selector.link("app", "li-wei", &[PHONE]).await;
    assert_eq!(select(&mut selector).await.platform, "app");
}

/// There is nobody at all, and somebody who never answers.
async fn a_slow_one_is_not_waited_for(databases: &Databases) {
    let adapter = Adapter::start(Behaviour::Hangs).await;
    let settings = AdapterSettings { lookup_deadline: Duration::from_millis(50), ..adapters() };
    let mut selector = Selector::asking(&databases.create(), keys(1, None), settings).await;
    with(&mut selector, &adapter.uri).await;
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let app2 = Platform { adapter_uri: nobody, live_lookup: true, cost_units: 95, ..platform("app2", &[]) };
    selector.create([app2]).await;
    let answer = select(&mut selector).await;
    assert_eq!(answer.platform, "web");
    assert_eq!(candidate(&answer, "app").reasons[0].detail, "its directory did not answer in time");
    assert_eq!(reasons(&answer, "app2"), [Why::AccountUnknown]);
}

async fn only_those_that_could_go_on_are_asked(databases: &Databases) {
    let adapter = Adapter::start(knows(&["li-wei"])).await;
    let mut selector = Selector::start(databases).await;
    with(&mut selector, &adapter.uri).await;
    let not_served = SelectPlatformRequest { allowed_platforms: vec!["web".to_owned()], ..ask() };
    let answer = selector.client.select_platform(not_served).await.unwrap().into_inner();
    assert_eq!((answer.platform.as_str(), adapter.asked()), ("web", 0));
    assert_eq!(reasons(&answer, "app"), [Why::NotServedByAgent, Why::AccountUnknown]);
    let other_target = SelectPlatformRequest { target_platform: "web".to_owned(), ..ask() };
    selector.client.select_platform(other_target).await.unwrap();
    assert_eq!(adapter.asked(), 0);
}

async fn health_is_followed(databases: &Databases) {
    let adapter = Adapter::start(knows(&["li-wei"])).await;
    let settings = AdapterSettings { check_interval: Duration::from_millis(5), ..adapters() };
    let mut selector = Selector::asking(&databases.create(), keys(1, None), settings).await;
    with(&mut selector, &adapter.uri).await;
    let client = &selector.client;
    let health = || async move {
        let request = GetPlatformRequest { id: "app".to_owned() };
        client.clone().get_platform(request).await.unwrap().into_inner().platform.unwrap().adapter_health()
    };
    wait_for("the adapter to be up", || async { health().await == AdapterHealth::Up }).await;
    adapter.be_well(false).await;
    wait_for("the adapter to be down", || async { health().await == AdapterHealth::Down }).await;
    let answer = selector.client.clone().select_platform(ask()).await.unwrap().into_inner();
    assert_eq!((answer.platform.as_str(), adapter.asked()), ("web", 0));
    assert_eq!(reasons(&answer, "app"), [Why::AdapterDown, Why::AccountUnknown]);
    adapter.be_well(true).await;
    wait_for("the adapter to be up again", || async { health().await == AdapterHealth::Up }).await;
    let answer = selector.client.clone().select_platform(ask()).await.unwrap().into_inner();
    assert_eq!(answer.platform, "app");
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let moved = UpdatePlatformRequest {
        request_id: request_id(),
        platform: Some(Platform { adapter_uri: nobody, ..platform("app", &[]) }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["adapter_uri".to_owned()] }),
    };
    selector.client.clone().update_platform(moved).await.unwrap();
    wait_for("the adapter to be missed", || async { health().await == AdapterHealth::Down }).await;
}

/// Between two rounds of questions; longer than by default, so that a busy machine is not taken for one that waits for the next.
const ROUND: Duration = Duration::from_secs(6);

/// The only platform that could go on has an adapter at this address.
async fn with_only(databases: &Databases, uri: &str) -> Selector {
    let settings = AdapterSettings { check_interval: ROUND, ..adapters() };
    let mut selector = Selector::asking(&databases.create(), keys(1, None), settings).await;
    let app = Platform { adapter_uri: uri.to_owned(), ..platform("app", &[]) };
    let closed = Platform { status: PlatformStatus::Disabled.into(), ..platform("web", &[]) };
    selector.create([platform("hotline", &[]), app, closed]).await;
    selector
}

async fn until_down(selector: &Selector) {
    wait_for("the adapter to be down", || async {
        let request = GetPlatformRequest { id: "app".to_owned() };
        let app = selector.client.clone().get_platform(request).await.unwrap().into_inner().platform.unwrap();
        app.adapter_health() == AdapterHealth::Down
    })
    .await;
}

/// Not only at the next round of questions.
async fn one_that_is_back_is_taken_at_once(databases: &Databases) {
    let adapter = Adapter::start(knows(&[])).await;
    let address = adapter.uri.trim_start_matches("http://").to_owned();
    let selector = with_only(databases, &adapter.uri).await;
    adapter.end().await;
    until_down(&selector).await;
    let back = Adapter::at(&address, knows(&[])).await;
    let since = tokio::time::Instant::now();
    // Many at the same time, of which one asks.
    let asking = (0..20).map(|_| {
        let client = selector.client.clone();
        async move {
            let mut client = client;
            loop {
                if let Ok(answer) = client.select_platform(ask()).await {
                    return answer.into_inner().platform;
                }
                // Calls without a pause would keep the service from its own work.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    });
    let chosen = futures::future::join_all(asking).await;
    assert!(chosen.iter().all(|platform| platform == "app"), "{chosen:?}");
    // By chance the next round may be near, but not every time.
    assert!(since.elapsed() < ROUND / 2, "taken again after {:?}", since.elapsed());
    drop(back);
}

async fn those_that_stay_away_are_told(databases: &Databases) {
    let selector = with_only(databases, &format!("http://127.0.0.1:{}", free_port())).await;
    until_down(&selector).await;
    let status = selector.client.clone().select_platform(ask()).await.unwrap_err();
    let message = status.message();
    assert!(message.contains("app: its adapter has not answered since 20"), "{message}");
    assert!(message.contains("web: operations disabled it") && !message.contains("hotline"), "{message}");
}

async fn load_counts(mut selector: Selector) {
    let busy = Platform { load_weight: 50, cost_units: 1, ..platform("busy", &[]) };
    selector.create([platform("hotline", &[]), platform("web", &[]), busy]).await;
    let report = |percent, seconds| ReportPlatformLoadRequest {
        platform: "busy".to_owned(),
        percent,
        valid_for: Some(prost_types::Duration { seconds, nanos: 0 }),
    };
    assert_eq!(select(&mut selector).await.platform, "busy");
    selector.client.report_platform_load(report(100, 60)).await.unwrap();
    selector.client.report_platform_load(report(80, 30)).await.unwrap();
    let answer = select(&mut selector).await;
    assert_eq!(answer.platform, "web");
    let busy = candidate(&answer, "busy");
    assert_eq!((busy.score, busy.reasons[1].detail.as_str()), (-40, "80 percent full, takes 40"));
    selector.client.report_platform_load(report(1, 30)).await.unwrap();
    assert_eq!(select(&mut selector).await.platform, "busy");
    // An old report is no longer believed.
    selector.client.report_platform_load(report(100, 30)).await.unwrap();
    selector.clock.advance(Duration::from_secs(30));
    assert_eq!(select(&mut selector).await.platform, "busy");
}

async fn bad_input(mut selector: Selector) {
    let lookup = Platform { live_lookup: true, ..platform("app", &[]) };
    let answer = selector.client.create_platform(create(lookup)).await;
    assert_eq!(refused(answer), invalid(&["platform.live_lookup"]));
    let report = |platform: &str, percent, seconds| ReportPlatformLoadRequest {
        platform: platform.to_owned(),
        percent,
        valid_for: Some(prost_types::Duration { seconds, nanos: 0 }),
    };
    for (request, field) in [
        (report("A", 1, 1), "platform"),
        (report("a", 101, 1), "percent"),
        (report("a", -1, 1), "percent"),
        (report("a", 1, 0), "valid_for"),
        (report("a", 1, 3601), "valid_for"),
    ] {
        assert_eq!(refused(selector.client.report_platform_load(request).await), invalid(&[field]));
    }
    let unknown = refused(selector.client.report_platform_load(report("moon", 1, 1)).await);
    assert_eq!(unknown, refusal(Code::NotFound, ErrorReason::PlatformNotFound, &["platform"]));
}

/// Whoever may write platforms can't have codes sent, or ports looked for, where this deployment has no adapters.
async fn adapters_live_where_they_may(databases: &Databases) {
    let mut anywhere = Selector::start(databases).await;
    for uri in [
        "http://169.254.169.254",
        "http://[fe80::1]:80",
        "http://0.0.0.0:50051",
        "http://[::ffff:169.254.1.1]",
    ] {
        let platform = Platform { adapter_uri: uri.to_owned(), ..platform("app", &[]) };
        let answer = anywhere.client.create_platform(create(platform)).await;
        assert_eq!(refused(answer), invalid(&["platform.adapter_uri"]), "{uri}");
    }
    // A name may be on the list and still lead to this machine, as any name could after it was written.
    let adapter = Adapter::start(knows(&["li-wei"])).await;
    let check_interval = Duration::from_millis(5);
    let listed =
        AdapterSettings { hosts: "localhost,*.example".parse().unwrap(), check_interval, ..adapters() };
    let mut selector = Selector::asking(&databases.create(), keys(1, None), listed).await;
    with(&mut selector, &adapter.uri.replace("127.0.0.1", "localhost")).await;
    assert_eq!((select(&mut selector).await.platform.as_str(), adapter.asked()), ("web", 0));
    let client = &selector.client;
    let is_down = || async move {
        let request = GetPlatformRequest { id: "app".to_owned() };
        let answer = client.clone().get_platform(request).await.unwrap().into_inner();
        answer.platform.unwrap().adapter_health() == AdapterHealth::Down
    };
    wait_for("the adapter to be taken for down, though it is well", is_down).await;
    for (uri, allowed) in [(adapter.uri.as_str(), false), ("http://a.example:1", true), ("", true)] {
        let moved = UpdatePlatformRequest {
            request_id: request_id(),
            platform: Some(Platform { adapter_uri: uri.to_owned(), ..platform("web", &[]) }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["adapter_uri".to_owned()] }),
        };
        let answer = selector.client.clone().update_platform(moved).await;
        match allowed {
            true => drop(answer.unwrap()),
            false => assert_eq!(refused(answer), invalid(&["platform.adapter_uri"])),
        }
    }
}
