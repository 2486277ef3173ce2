//! Codes, tokens and personal data are looked for in everything that a full run leaves behind, and are not there.

use std::{fs, path::Path};

use segue::{demo::CustomerPage, demo_data::demo_customer};
use segue_proto::{
    common::v1::{AccessInfo, Session},
    issuer::v1::{
        CancelHandoffRequest, CreateHandoffRequest, GetHandoffRequest, HandoffState, ReissueCodeRequest,
        RevokeHandoffRequest,
    },
};
use segue_testkit::{Storage, request_id, wait_for};
use segue_tests::{Collector, Fixture, Processes, SERVICES, scrape};
use serde_json::json;

/// A well-formed code that nobody was given.
const WRONG: &str = "234567890";

/// What must not be found, what must be found, and what was said in refusals.
#[derive(Default)]
struct Run {
    secrets: Vec<String>,
    handoffs: Vec<String>,
    refusals: String,
}

impl Run {
    fn keep_secret(&mut self, info: &AccessInfo) {
        for face in &info.faces {
            let joined: String = face.display.split_whitespace().collect();
            let token = face.display.rsplit('#').next().unwrap_or_default().to_owned();
            self.secrets.extend([face.display.clone(), joined, token]);
        }
        self.secrets.push(info.entry_uri.clone());
        // What is shorter may come about by chance in a time or a hash.
        self.secrets.retain(|secret| secret.len() >= 9);
    }

    fn refused<T: std::fmt::Debug>(&mut self, answer: Result<T, tonic::Status>) {
        let status = answer.unwrap_err();
        self.refusals += &format!("{status:?} {status} {}", String::from_utf8_lossy(status.details()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_left_behind_holds_a_code_or_a_customer() {
    let receiver = Collector::start().await;
    let settings = [("SEGUE_OTLP_ENDPOINT", &*receiver.endpoint), ("SEGUE_LOG", "debug")];
    let mut system = Processes::start_with(Storage::SqliteFile, &settings).await;
    let run = run(&system).await;
    let lines = system.log("code-issuer");
    let mut scraped = vec![];
    for service in SERVICES {
        let text = scrape(system.operations[service]).await;
        assert!(
            text.contains("rpc_server_call_duration_seconds_count"),
            "{service} tells something:\n{text}"
        );
        scraped.push((format!("metrics of {service}"), text.into_bytes()));
    }
    for service in SERVICES {
        assert!(system.terminate(service), "{service} flushes its spans and ends well");
    }
    let sent = receiver.end().await;
    assert!(!sent.metrics.is_empty() && !sent.logs.is_empty());
    // What the exporters do is on standard error at this level, and would go round for ever if it were sent.
    let is_of_exporters = |keys: &str| ["frame", "peer.addr"].contains(&keys);
    let looping = sent.logs.iter().find(|log| log.attributes.keys().any(|key| is_of_exporters(key)));
    assert!(lines.contains(" h2::"), "the exporters' work is logged");
    assert_eq!(looping, None);
    let mut left = files(system.databases.directory());
    left.extend(scraped);
    left.push(("spans".to_owned(), format!("{:?}", sent.spans).into_bytes()));
    left.push(("exported logs".to_owned(), format!("{:?}", sent.logs).into_bytes()));
    left.push(("exported metrics".to_owned(), format!("{:?}", sent.metrics).into_bytes()));
    left.push(("refusals".to_owned(), run.refusals.clone().into_bytes()));

    let holding = |what: &str| -> Vec<&str> {
        let holds = |bytes: &[u8]| bytes.windows(what.len()).any(|window| window == what.as_bytes());
        left.iter().filter(|(_, bytes)| holds(bytes)).map(|(name, _)| name.as_str()).collect()
    };
    for handoff in &run.handoffs {
        let found = holding(handoff);
        assert!(found.len() >= 3 && found.contains(&"spans"), "the search finds what is there: {found:?}");
        // Nor is there a series for each handoff.
        assert!(!found.iter().any(|name| name.contains("metrics")), "{found:?}");
    }
    assert!(run.secrets.len() > 20, "{} secrets", run.secrets.len());
    for secret in &run.secrets {
        assert_eq!(holding(secret), Vec::<&str>::new(), "{secret} is found");
    }
}

/// Created, cancelled, guessed, reissued, redeemed, revoked.
async fn run(system: &Processes) -> Run {
    let fixture = Fixture::load(&system.addresses).await;
    let mut issuer = fixture.clients.issuer.clone();
    let pages = format!("http://{}", system.addresses.pages);
    let customer = demo_customer().unwrap();
    let mut run = Run { secrets: vec![customer.phone.clone(), Fixture::account()], ..Run::default() };
    let who = json!({ "phone": customer.phone });
    let mut chat = CustomerPage::start(&pages, "web_chat", &customer.name, &who).await.unwrap();
    fixture.take_contact("web_chat", &chat.session).await;
    let source = Some(Session { platform: "web_chat".to_owned(), session: chat.session.clone() });
    let request = || CreateHandoffRequest { source: source.clone(), ..Fixture::handoff("") };

    let cancelled = fixture.create(request()).await;
    run.keep_secret(cancelled.access_info.as_ref().unwrap());
    chat.wait_for_entry("card").await.unwrap();
    let id = cancelled.handoff.as_ref().unwrap().id.clone();
    issuer.cancel_handoff(CancelHandoffRequest { request_id: request_id(), id: id.clone() }).await.unwrap();
    run.refused(issuer.redeem_code(Fixture::redemption(&Fixture::digits(&cancelled), "s")).await);
    run.handoffs.push(id);

    let issued = fixture.create(request()).await;
    run.keep_secret(issued.access_info.as_ref().unwrap());
    let id = issued.handoff.as_ref().unwrap().id.clone();
    for wrong in [WRONG, "234567891", "nonsense that nobody was given"] {
        run.refused(issuer.redeem_code(Fixture::redemption(wrong, "s")).await);
        run.secrets.push(wrong.to_owned());
    }
    let reissue = ReissueCodeRequest { request_id: request_id(), id: id.clone(), ttl: None };
    let info = issuer.reissue_code(reissue).await.unwrap().into_inner().access_info.unwrap();
    run.keep_secret(&info);
    run.refused(issuer.redeem_code(Fixture::redemption(&Fixture::digits(&issued), "s")).await);

    let who = json!({ "account": Fixture::account() });
    let app = CustomerPage::start(&pages, "app", &customer.name, &who).await.unwrap();
    app.redeem(&info.faces[0].display, &request_id()).await.unwrap();
    wait_for("the switch", || async {
        let request = GetHandoffRequest { id: id.clone() };
        let handoff = fixture.clients.issuer.clone().get_handoff(request).await.unwrap().into_inner().handoff;
        handoff.unwrap().state() == HandoffState::Switched
    })
    .await;
    issuer.revoke_handoff(RevokeHandoffRequest { request_id: request_id(), id: id.clone() }).await.unwrap();
    run.handoffs.push(id);
    run
}

/// The logs and databases of the services.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())
    };
    entries.filter(|path| path.is_file()).map(read).collect()
}
