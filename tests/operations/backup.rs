//! A backup of a running system is restored, and the system goes on from it.

use std::{os::unix::fs::symlink, path::Path};

use segue::DatabaseUrls;
use segue_proto::issuer::v1::{CreateHandoffResponse, GetHandoffRequest, HandoffState};
use segue_testkit::{Storage, wait_for};
use segue_tests::{Fixture, Processes, SERVICES};
use tonic::Code;

use crate::script;

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_files_are_backed_up_and_restored() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (data, backup, restored) = (at("data"), at("backup"), at("restored"));
    let mut system = Processes::start(Storage::SqliteFile).await;
    for (service, url) in by_service(&system.urls) {
        let file = url.trim_start_matches("sqlite://").split('?').next().unwrap();
        symlink(file, Path::new(&data).join(format!("{service}.db"))).unwrap();
    }
    let moments =
        before(&system, || script::run("backup-sqlite", &[("DATA", &data), ("BACKUP", &backup)])).await;
    stop(&mut system);
    script::run("restore-sqlite", &[("DATA", &restored), ("BACKUP", &backup)]);
    let url = |service: &str| format!("sqlite://{restored}/{service}.db");
    system.urls = DatabaseUrls {
        selector: url("platform-selector"),
        issuer: url("code-issuer"),
        router: url("priority-router"),
        channel: url("web-channel"),
    };
    after(&mut system, moments).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_backed_up_and_restored() {
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().to_str().unwrap().to_owned();
    let mut system = Processes::start(Storage::Postgres).await;
    let variables = |urls: &DatabaseUrls| {
        [
            ("SELECTOR_URL", urls.selector.clone()),
            ("ISSUER_URL", urls.issuer.clone()),
            ("ROUTER_URL", urls.router.clone()),
            ("CHANNEL_URL", urls.channel.clone()),
            ("BACKUP", backup.clone()),
        ]
    };
    let run = |name: &str, urls: &DatabaseUrls| {
        let variables = variables(urls);
        script::run(name, &variables.each_ref().map(|(name, value)| (*name, value.as_str())));
    };
    let urls = system.urls.clone();
    let moments = before(&system, || run("backup-postgres", &urls)).await;
    stop(&mut system);
    let empty = || system.databases.create();
    system.urls = DatabaseUrls { selector: empty(), issuer: empty(), router: empty(), channel: empty() };
    run("restore-postgres", &system.urls);
    after(&mut system, moments).await;
}

fn by_service(urls: &DatabaseUrls) -> [(&str, &str); 4] {
    [
        ("platform-selector", &urls.selector),
        ("code-issuer", &urls.issuer),
        ("priority-router", &urls.router),
        ("web-channel", &urls.channel),
    ]
}

/// A handoff from before the backup, and one from after it.
struct Moments {
    kept: CreateHandoffResponse,
    lost: CreateHandoffResponse,
}

async fn before(system: &Processes, back_up: impl Fn()) -> Moments {
    let fixture = Fixture::load(&system.addresses).await;
    let kept = fixture.create(Fixture::handoff("call-1")).await;
    // While everything runs.
    tokio::task::block_in_place(back_up);
    let lost = fixture.create(Fixture::handoff("call-2")).await;
    Moments { kept, lost }
}

fn stop(system: &mut Processes) {
    for service in SERVICES {
        assert!(system.terminate(service), "{service} ends well");
    }
}

/// The code of before the backup brings its customer over; what came after it is not known.
async fn after(system: &mut Processes, moments: Moments) {
    system.set("SEGUE_DATABASE_MIGRATIONS", "expect");
    for service in SERVICES {
        system.start_again(service);
    }
    system.wait_until_up().await;
    let mut issuer = segue_tests::Clients::of(&system.addresses).issuer;
    let id = |moment: &CreateHandoffResponse| moment.handoff.as_ref().unwrap().id.clone();
    let lost = issuer.get_handoff(GetHandoffRequest { id: id(&moments.lost) }).await.unwrap_err();
    assert_eq!(lost.code(), Code::NotFound);
    let redemption = Fixture::redemption(&Fixture::digits(&moments.kept), "s-1");
    let redeemed = issuer.redeem_code(redemption).await.unwrap().into_inner();
    assert_eq!(redeemed.handoff_id, id(&moments.kept));
    wait_for("the switch", async || {
        let request = GetHandoffRequest { id: redeemed.handoff_id.clone() };
        let handoff = issuer.clone().get_handoff(request).await.unwrap().into_inner().handoff.unwrap();
        handoff.state() == HandoffState::Switched
    })
    .await;
}
