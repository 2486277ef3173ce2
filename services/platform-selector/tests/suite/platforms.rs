use prost_types::FieldMask;
use segue_proto::{
    common::v1::ErrorReason,
    selector::v1::{
        DeletePlatformRequest, Feature, GetPlatformRequest, ListPlatformsRequest, Platform, PlatformStatus,
        ServiceHours, ServiceWindow, SpecialDay, TimeRange, UpdatePlatformRequest, Weekday,
    },
};
use segue_testkit::{refused, request_id};
use tonic::{Code, Status};

use crate::harness::{Selector, create, invalid, platform, refusal};

segue_testkit::on_every_engine!(crate::harness::with_selector =>
    crud,
    repeated_requests_change_nothing,
    lost_updates_are_refused,
    pages,
    bad_input,
    large_answers_can_be_sent,
);

async fn get(selector: &mut Selector, id: &str) -> Result<Platform, Status> {
    let answer = selector.client.get_platform(GetPlatformRequest { id: id.to_owned() }).await?;
    Ok(answer.into_inner().platform.unwrap())
}

fn update(platform: Platform, paths: &[&str]) -> UpdatePlatformRequest {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    UpdatePlatformRequest {
        request_id: request_id(),
        platform: Some(platform),
        update_mask: Some(FieldMask { paths }),
    }
}

fn delete(id: &str) -> DeletePlatformRequest {
    DeletePlatformRequest { request_id: request_id(), id: id.to_owned() }
}

fn not_found(field: &str) -> segue_testkit::Refused {
    refusal(Code::NotFound, ErrorReason::PlatformNotFound, &[field])
}

async fn crud(mut selector: Selector) {
    let asked = Platform { rank: 7, etag: "mine".to_owned(), ..platform("app", &["video"]) };
    let created = selector.client.create_platform(create(asked.clone())).await.unwrap();
    let created = created.into_inner().platform.unwrap();
    assert_eq!(created.status(), PlatformStatus::Active);
    assert_ne!(created.etag, "mine");
    assert_eq!(created.create_time, segue_runtime::timestamp(crate::harness::MONDAY_MS));
    assert_eq!(created.create_time, created.update_time);
    let as_asked =
        Platform { etag: "mine".to_owned(), create_time: None, update_time: None, ..created.clone() };
    assert_eq!(as_asked, Platform { status: PlatformStatus::Active.into(), ..asked });
    assert_eq!(get(&mut selector, "app").await.unwrap(), created);

    selector.clock.advance(std::time::Duration::from_secs(60));
    let change = Platform {
        id: "app".to_owned(),
        status: PlatformStatus::Disabled.into(),
        rank: 9,
        cost_units: 99,
        ..Platform::default()
    };
    let changed = selector.client.update_platform(update(change, &["status", "rank"])).await.unwrap();
    let changed = changed.into_inner().platform.unwrap();
    assert_ne!(changed.etag, created.etag);
    assert_ne!(changed.update_time, created.update_time);
    let expected = Platform {
        status: PlatformStatus::Disabled.into(),
        rank: 9,
        etag: changed.etag.clone(),
        update_time: changed.update_time,
        ..created
    };
    assert_eq!(changed, expected);
    assert_eq!(get(&mut selector, "app").await.unwrap(), changed);

    let all = platform("app", &[]);
    let all = Platform { status: PlatformStatus::Active.into(), ..all };
    let changed = selector.client.update_platform(update(all, &[])).await.unwrap();
    let changed = changed.into_inner().platform.unwrap();
    assert!(changed.features.is_empty() && changed.rank == 0 && changed.create_time.is_some());

    selector.client.delete_platform(delete("app")).await.unwrap();
    assert_eq!(refused(get(&mut selector, "app").await), not_found("id"));
    assert_eq!(refused(selector.client.delete_platform(delete("app")).await), not_found("id"));
    let gone = selector.client.update_platform(update(platform("app", &[]), &["rank"])).await;
    assert_eq!(refused(gone), not_found("platform.id"));
}

async fn repeated_requests_change_nothing(mut selector: Selector) {
    let client = &mut selector.client;
    let first = create(platform("app", &[]));
    let created = client.create_platform(first.clone()).await.unwrap().into_inner();
    assert_eq!(client.create_platform(first.clone()).await.unwrap().into_inner(), created);
    let change = update(Platform { rank: 3, ..platform("app", &[]) }, &["rank"]);
    let changed = client.update_platform(change.clone()).await.unwrap().into_inner();
    assert_eq!(client.update_platform(change.clone()).await.unwrap().into_inner(), changed);

    let reused = refusal(Code::AlreadyExists, ErrorReason::RequestIdReused, &["request_id"]);
    let other = segue_proto::selector::v1::CreatePlatformRequest {
        platform: Some(platform("other", &[])),
        ..first.clone()
    };
    assert_eq!(refused(client.create_platform(other).await), reused);
    let other = UpdatePlatformRequest { update_mask: None, ..change };
    let other = UpdatePlatformRequest {
        platform: other.platform.map(|p| Platform { status: PlatformStatus::Active.into(), ..p }),
        ..other
    };
    assert_eq!(refused(client.update_platform(other).await), reused);

    let removal = delete("app");
    client.delete_platform(removal.clone()).await.unwrap();
    client.delete_platform(removal.clone()).await.unwrap();
    let other = DeletePlatformRequest { id: "other".to_owned(), ..removal };
    assert_eq!(refused(client.delete_platform(other).await), reused);

    // A refused request leaves nothing behind: the same id may be tried again when it can work.
    let early = update(Platform { rank: 3, ..platform("late", &[]) }, &["rank"]);
    assert_eq!(refused(client.update_platform(early.clone()).await), not_found("platform.id"));
    client.create_platform(create(platform("late", &[]))).await.unwrap();
    client.update_platform(early).await.unwrap();
}

async fn lost_updates_are_refused(mut selector: Selector) {
    selector.create([platform("app", &[])]).await;
    let read = get(&mut selector, "app").await.unwrap();
    let with_etag = |rank| update(Platform { rank, ..read.clone() }, &["rank"]);
    selector.client.update_platform(with_etag(1)).await.unwrap();
    let lost = refusal(Code::Aborted, ErrorReason::EtagMismatch, &["platform.etag"]);
    assert_eq!(refused(selector.client.update_platform(with_etag(2)).await), lost);
    let without = update(Platform { etag: String::new(), rank: 3, ..read.clone() }, &["rank"]);
    selector.client.update_platform(without).await.unwrap();
    assert_eq!(get(&mut selector, "app").await.unwrap().rank, 3);

    let exists = refusal(Code::AlreadyExists, ErrorReason::PlatformExists, &["platform.id"]);
    assert_eq!(refused(selector.client.create_platform(create(platform("app", &[]))).await), exists);
}

async fn pages(mut selector: Selector) {
    let ids: Vec<String> = (0..7).map(|number| format!("p{number}")).collect();
    selector.create(ids.iter().rev().map(|id| platform(id, &[]))).await;
    let (mut seen, mut sizes, mut page_token) = (vec![], vec![], String::new());
    loop {
        let request = ListPlatformsRequest { page_size: 3, page_token };
        let page = selector.client.list_platforms(request).await.unwrap().into_inner();
        sizes.push(page.platforms.len());
        seen.extend(page.platforms.into_iter().map(|platform| platform.id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!((seen, sizes), (ids, vec![3, 3, 1]));
    let all = selector.client.list_platforms(ListPlatformsRequest::default()).await.unwrap().into_inner();
    assert_eq!((all.platforms.len(), all.next_page_token.as_str()), (7, ""));

    let foreign = segue_runtime::page::encode("ListWorkProfiles", "p1");
    for page_token in ["nonsense".to_owned(), foreign] {
        let answer = selector.client.list_platforms(ListPlatformsRequest { page_size: 0, page_token }).await;
        let expected = refusal(Code::InvalidArgument, ErrorReason::InvalidPageToken, &["page_token"]);
        assert_eq!(refused(answer), expected);
    }
    for page_size in [-1, 1001] {
        let request = ListPlatformsRequest { page_size, page_token: String::new() };
        assert_eq!(refused(selector.client.list_platforms(request).await), invalid(&["page_size"]));
    }
}

/// Changes of a good platform, and the fields they spoil.
fn spoilt() -> Vec<(Platform, Vec<&'static str>)> {
    let good = || platform("app", &["video"]);
    let feature = |name: &str| Feature { name: name.to_owned(), ..Feature::default() };
    let with = |features: Vec<Feature>| Platform { features, ..good() };
    let words = vec!["w".repeat(60); 64];
    let big = (0..20).map(|n| Feature { words: words.clone(), ..feature(&format!("f{n}")) }).collect();
    vec![
        (Platform { load_weight: 101, ..good() }, vec!["platform.load_weight"]),
        (Platform { id: "App".to_owned(), ..good() }, vec!["platform.id"]),
        (Platform { display_name: "x".repeat(129), ..good() }, vec!["platform.display_name"]),
        (Platform { status: 9, ..good() }, vec!["platform.status"]),
        (with(vec![feature("Video")]), vec!["platform.features[0].name"]),
        (with(vec![feature("a"), feature("a")]), vec!["platform.features[1].name"]),
        (with(vec![Feature { number: Some(f64::NAN), ..feature("a") }]), vec!["platform.features[0].number"]),
        (
            with(vec![Feature { words: vec![String::new()], ..feature("a") }]),
            vec!["platform.features[0].words[0]"],
        ),
        (
            with(vec![Feature { words: vec!["w".to_owned(); 65], ..feature("a") }]),
            vec!["platform.features[0].words"],
        ),
        (with((0..65).map(|n| feature(&format!("f{n}"))).collect()), vec!["platform.features"]),
        (with(big), vec!["platform"]),
        (Platform { accepted_faces: vec![0], ..good() }, vec!["platform.accepted_faces[0]"]),
        (Platform { delivered_faces: vec![1, 77], ..good() }, vec!["platform.delivered_faces[1]"]),
        (Platform { delivered_faces: vec![1; 17], ..good() }, vec!["platform.delivered_faces"]),
        (
            Platform { entry_uri_template: "https://x/?c={code}".to_owned(), ..good() },
            vec!["platform.entry_uri_template"],
        ),
        (Platform { cost_units: 101, ..good() }, vec!["platform.cost_units"]),
        (Platform { rank: -1, ..good() }, vec!["platform.rank"]),
        (Platform { adapter_uri: "ftp://x".to_owned(), ..good() }, vec!["platform.adapter_uri"]),
        (Platform { rank: 1001, cost_units: -1, ..good() }, vec!["platform.cost_units", "platform.rank"]),
    ]
}

/// The same for service hours.
fn spoilt_hours() -> Vec<(Platform, Vec<&'static str>)> {
    let good = || platform("app", &["video"]);
    let hours = |time_zone: &str, days: &[i32], start: &str, end: &str| Platform {
        service_hours: Some(ServiceHours {
            time_zone: time_zone.to_owned(),
            windows: vec![ServiceWindow {
                days: days.to_vec(),
                start: start.to_owned(),
                end: end.to_owned(),
            }],
            special_days: vec![],
        }),
        ..good()
    };
    let special = |dates: &[&str], (start, end): (&str, &str)| {
        let mut platform = hours("Asia/Shanghai", &[Weekday::Monday.into()], "09:00", "18:00");
        platform.service_hours.as_mut().unwrap().special_days = dates
            .iter()
            .map(|date| SpecialDay {
                date: (*date).to_owned(),
                open: vec![TimeRange { start: start.to_owned(), end: end.to_owned() }],
                name: String::new(),
            })
            .collect();
        platform
    };
    let dates: Vec<String> =
        (0..367).map(|n| format!("{}-{:02}-{:02}", 2026 + n / 336, n / 28 % 12 + 1, n % 28 + 1)).collect();
    let dates: Vec<&str> = dates.iter().map(String::as_str).collect();
    let (day, special_days) = (("09:00", "12:00"), "platform.service_hours.special_days");
    let monday = i32::from(Weekday::Monday);
    vec![
        (special(&["1 May"], day), vec!["platform.service_hours.special_days[0].date"]),
        (special(&["2026-05-01"; 2], day), vec!["platform.service_hours.special_days[1].date"]),
        (special(&dates, day), vec![special_days]),
        (
            special(&["2026-05-01"], ("12:00", "12:00")),
            vec!["platform.service_hours.special_days[0].open[0].end"],
        ),
        (hours("Mars/Olympus", &[monday], "09:00", "18:00"), vec!["platform.service_hours.time_zone"]),
        (hours("Asia/Shanghai", &[], "09:00", "18:00"), vec!["platform.service_hours.windows[0].days"]),
        (hours("Asia/Shanghai", &[8], "09:00", "18:00"), vec!["platform.service_hours.windows[0].days[0]"]),
        (hours("Asia/Shanghai", &[0], "09:00", "18:00"), vec!["platform.service_hours.windows[0].days[0]"]),
        (hours("Asia/Shanghai", &[monday], "9am", "18:00"), vec!["platform.service_hours.windows[0].start"]),
        (hours("Asia/Shanghai", &[monday], "18:00", "18:00"), vec!["platform.service_hours.windows[0].end"]),
        (
            Platform {
                service_hours: Some(ServiceHours { time_zone: "UTC".to_owned(), ..ServiceHours::default() }),
                ..good()
            },
            vec!["platform.service_hours.windows"],
        ),
    ]
}

async fn bad_input(mut selector: Selector) {
    for (platform, fields) in spoilt().into_iter().chain(spoilt_hours()) {
        let answer = selector.client.create_platform(create(platform)).await;
        assert_eq!(refused(answer), invalid(&fields));
    }
    let client = &mut selector.client;
    let nothing = segue_proto::selector::v1::CreatePlatformRequest::default();
    let missing = refused(client.create_platform(nothing).await);
    assert_eq!(missing, invalid(&["request_id", "platform", "platform.id"]));
    let nothing = UpdatePlatformRequest::default();
    let missing = refused(client.update_platform(nothing).await);
    assert_eq!(missing, invalid(&["request_id", "platform", "platform.status", "platform.id"]));
    let missing = refused(client.delete_platform(DeletePlatformRequest::default()).await);
    assert_eq!(missing, invalid(&["request_id", "id"]));
    assert_eq!(refused(client.get_platform(GetPlatformRequest::default()).await), invalid(&["id"]));

    selector.create([platform("app", &[])]).await;
    let client = &mut selector.client;
    for path in ["id", "etag", "create_time", "features.name", "colour", ""] {
        let answer = client.update_platform(update(platform("app", &[]), &["rank", path])).await;
        assert_eq!(refused(answer), invalid(&["update_mask.paths[1]"]), "{path}");
    }
    let bad_rank = Platform { rank: 2000, ..platform("app", &[]) };
    let answer = client.update_platform(update(bad_rank.clone(), &["rank"])).await;
    assert_eq!(refused(answer), invalid(&["platform.rank"]));
    client.update_platform(update(bad_rank, &["cost_units"])).await.unwrap();
    let no_status = client.update_platform(update(platform("app", &[]), &["status"])).await;
    assert_eq!(refused(no_status), invalid(&["platform.status"]));
    let listed = client.list_platforms(ListPlatformsRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.platforms.len(), 1);
}

/// Clients read 16 KiB of an error's details and 1 MiB of an answer.
async fn large_answers_can_be_sent(mut selector: Selector) {
    let bad: Vec<Feature> =
        (0..64).map(|_| Feature { words: vec![String::new(); 64], ..Feature::default() }).collect();
    let answer =
        selector.client.create_platform(create(Platform { features: bad, ..platform("a", &[]) })).await;
    assert_eq!(refused(answer).reason, ErrorReason::InvalidField);

    let words: Vec<String> = (0..64).map(|n| format!("{n:0>60}")).collect();
    let features: Vec<Feature> =
        (0..15).map(|n| Feature { name: format!("f{n}"), number: None, words: words.clone() }).collect();
    let ids: Vec<String> = (0..40).map(|number| format!("p{number:02}")).collect();
    selector.create(ids.iter().map(|id| Platform { features: features.clone(), ..platform(id, &[]) })).await;
    // An update can't make a platform larger than a new one may be.
    let windows = vec![
        ServiceWindow {
            days: vec![Weekday::Monday.into(); 7],
            start: "09:00".to_owned(),
            end: "18:00".to_owned(),
        };
        64
    ];
    let hours = ServiceHours { time_zone: "Asia/Shanghai".to_owned(), windows, special_days: vec![] };
    let larger = Platform { service_hours: Some(hours.clone()), ..platform("p00", &[]) };
    let fits = selector.client.update_platform(update(larger.clone(), &["service_hours"])).await;
    assert!(fits.is_ok());
    let fill = |name: &str, count: usize| Feature {
        name: name.to_owned(),
        number: None,
        words: words[..count].to_vec(),
    };
    let features = features.iter().cloned().chain([fill("full", 64), fill("fuller", 16)]).collect();
    let full = Platform { features, ..platform("full", &[]) };
    selector.create([full]).await;
    let larger = Platform { id: "full".to_owned(), ..larger };
    let refused_size = refused(selector.client.update_platform(update(larger, &["service_hours"])).await);
    assert_eq!(refused_size, invalid(&["platform"]));
    selector.client.delete_platform(delete("full")).await.unwrap();
    let (mut seen, mut page_token) = (vec![], String::new());
    loop {
        let request = ListPlatformsRequest { page_size: 1000, page_token };
        let page = selector.client.list_platforms(request).await.unwrap().into_inner();
        seen.extend(page.platforms.into_iter().map(|platform| platform.id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ids);
}
