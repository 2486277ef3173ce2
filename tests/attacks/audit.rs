//! 18.6: an administrator changes where codes go, nine times, and nobody can tell who it was.

use std::{net::SocketAddr, process::Output};

use segue::demo_data::demo_customer;
use segue_proto::{
    audit::v1::{AuditRecord, ListAuditRecordsRequest, audit_service_client::AuditServiceClient},
    common::v1::ErrorReason,
    issuer::v1::{RedeemCodeRequest, RevokeHandoffRequest},
    router::v1::{
        AbandonContactRequest, Agent, DeleteAgentRequest, Presence, Priority, PutAgentRequest,
        SetContactPriorityRequest, SetPresenceRequest, Skills, SubmitContactRequest, TransferContactRequest,
        transfer_contact_request::To,
    },
    selector::v1::{GetPlatformRequest, LinkAccountRequest, Platform, UpdatePlatformRequest},
};
use segue_testkit::{Process, Storage, refused, request_id, wait_for_some};
use segue_tests::{Clients, Fixture, Processes};
use tonic::transport::Channel;

const MALLORY: &str = "spiffe://segue.local/platform-admin/mallory";
const SUPERVISOR: &str = "spiffe://segue.local/routing-admin/one";
const DESK: &str = "spiffe://segue.local/desk/nosy";
const AUDITOR: &str = "spiffe://segue.local/auditor/one";

segue_testkit::on_durable_engines!(who_moved_an_adapter_is_told);

async fn who_moved_an_adapter_is_told(storage: Storage) {
    let system = Processes::start_secured(storage, &[]).await;
    let fixture = Fixture::load_secured(&system).await;
    let before = adapter(&fixture).await;
    let mallory = Clients::secured(&system, MALLORY);
    for port in 1..=9 {
        mallory.selector.clone().update_platform(moved(port)).await.unwrap();
    }
    let selector = log(&system, system.addresses.selector);
    let records = told(&selector, 9, |record| record.subject == MALLORY && record.outcome == "OK").await;
    let addresses = |record: &AuditRecord| {
        [&record.old_value, &record.new_value].map(|value| {
            serde_json::from_str::<serde_json::Value>(value).unwrap()["adapterUri"]
                .as_str()
                .unwrap()
                .to_owned()
        })
    };
    assert_eq!(addresses(&records[0]), [before, uri(1)]);
    assert_eq!(addresses(&records[8]), [uri(8), uri(9)]);
    assert!(records.iter().all(|record| record.resource == "platform/app" && record.occurrences == 1));

    refusals_name_who_was_refused(&system, &selector).await;
    handoffs_are_recorded(&system, &fixture).await;
    what_is_done_to_agents_is_recorded(&system).await;
    an_export_is_whole_or_told_to_be_broken(&system).await;
}

async fn refusals_name_who_was_refused(system: &Processes, log: &AuditServiceClient<Channel>) {
    // Whoever keeps platforms keeps no accounts, and a desk keeps nothing.
    let link = LinkAccountRequest { request_id: request_id(), ..LinkAccountRequest::default() };
    let answer = Clients::secured(system, MALLORY).selector.link_account(link).await;
    assert_eq!(refused(answer).reason, ErrorReason::CallerNotAllowed);
    for _ in 0..5 {
        let answer = Clients::secured(system, DESK).selector.update_platform(moved(1)).await;
        assert_eq!(refused(answer).reason, ErrorReason::CallerNotAllowed);
    }
    let stale = UpdatePlatformRequest {
        platform: Some(Platform { id: "app".to_owned(), etag: "stale".to_owned(), ..Platform::default() }),
        ..moved(1)
    };
    let answer = Clients::secured(system, MALLORY).selector.update_platform(stale).await;
    assert_eq!(refused(answer).reason, ErrorReason::EtagMismatch);
    let records = told(log, 3, |record| record.outcome != "OK" && !record.subject.is_empty()).await;
    let seen: Vec<(&str, &str, &str)> = records
        .iter()
        .map(|record| (record.subject.as_str(), record.method.as_str(), record.outcome.as_str()))
        .collect();
    for expected in [
        (MALLORY, "LinkAccount", "CALLER_NOT_ALLOWED"),
        (DESK, "UpdatePlatform", "CALLER_NOT_ALLOWED"),
        (MALLORY, "UpdatePlatform", "ETAG_MISMATCH"),
    ] {
        assert!(seen.contains(&expected), "{expected:?} in {seen:?}");
    }
    // Those that come after the first was written are written within a minute.
    let desk = records.iter().filter(|record| record.subject == DESK);
    assert!((1..=5).contains(&desk.map(|record| record.occurrences).sum::<i64>()));
    let operator = secured(system, "spiffe://segue.local/operator/one", system.addresses.selector);
    let answer = operator.clone().list_audit_records(ListAuditRecordsRequest::default()).await;
    assert_eq!(refused(answer).reason, ErrorReason::CallerNotAllowed, "the log is for auditors");
}

async fn handoffs_are_recorded(system: &Processes, fixture: &Fixture) {
    let issued = fixture.create(Fixture::handoff("call-1")).await;
    let (id, code) = (issued.handoff.as_ref().unwrap().id.clone(), Fixture::digits(&issued));
    let mut issuer = fixture.clients.issuer.clone();
    let wrong =
        RedeemCodeRequest { account: "app-stranger".to_owned(), ..Fixture::redemption(&code, "app-1") };
    assert_eq!(refused(issuer.redeem_code(wrong).await).reason, ErrorReason::CodeNotAccepted);
    issuer.redeem_code(Fixture::redemption(&code, "app-2")).await.unwrap();
    let revoke = RevokeHandoffRequest { request_id: request_id(), id: id.clone() };
    issuer.revoke_handoff(revoke).await.unwrap();
    let log = log(system, system.addresses.issuer);
    let about = format!("handoff/{id}");
    let acts = told(&log, 3, |record| record.resource == about).await;
    let methods: Vec<&str> = acts.iter().map(|record| record.method.as_str()).collect();
    assert_eq!(methods, ["CreateHandoff", "RedeemCode", "RevokeHandoff"]);
    let refusals = told(&log, 1, |record| record.outcome == "CODE_NOT_ACCEPTED").await;
    assert_eq!(refusals[0].method, "RedeemCode");
    let phone = demo_customer().unwrap().phone;
    let bare: String = code.chars().filter(char::is_ascii_digit).collect();
    for record in all(&log).await {
        let AuditRecord { resource, old_value, new_value, .. } = &record;
        let text = [resource.as_str(), old_value, new_value].join(" ");
        for secret in [code.as_str(), &bare, &phone, "app-stranger", &Fixture::account()] {
            assert!(!text.contains(secret), "the log holds no codes and no people: {text}");
        }
    }
}

async fn what_is_done_to_agents_is_recorded(system: &Processes) {
    let log = log(system, system.addresses.router);
    let mut router = Clients::secured(system, SUPERVISOR).router;
    let agent = Agent { id: "A7".to_owned(), skills: vec!["claims".to_owned()], ..Agent::default() };
    router.put_agent(PutAgentRequest { request_id: request_id(), agent: Some(agent) }).await.unwrap();
    let sign_in = SetPresenceRequest {
        request_id: request_id(),
        agent: "A7".to_owned(),
        presence: Presence::Available.into(),
        ..Default::default()
    };
    router.set_presence(sign_in).await.unwrap();
    let submit = SubmitContactRequest {
        request_id: request_id(),
        platform: "app".to_owned(),
        session: "waits".to_owned(),
        skills: vec!["nobody-has-it".to_owned()],
        ..SubmitContactRequest::default()
    };
    let app = Clients::secured(system, "spiffe://segue.local/platform/app").router;
    let contact = app.clone().submit_contact(submit).await.unwrap().into_inner().contact.unwrap().id;
    let sooner = SetContactPriorityRequest {
        request_id: request_id(),
        id: contact.clone(),
        priority: Priority::Urgent.into(),
    };
    router.set_contact_priority(sooner).await.unwrap();
    let elsewhere = Skills { skills: vec!["nor-this".to_owned()] };
    let transfer = TransferContactRequest {
        request_id: request_id(),
        id: contact.clone(),
        to: Some(To::ToSkills(elsewhere)),
        reason: "told in confidence".to_owned(),
        ..TransferContactRequest::default()
    };
    router.transfer_contact(transfer).await.unwrap();
    let end = AbandonContactRequest { request_id: request_id(), id: contact.clone() };
    router.abandon_contact(end).await.unwrap();
    let delete = DeleteAgentRequest { request_id: request_id(), id: "A7".to_owned() };
    router.delete_agent(delete).await.unwrap();
    // The reason of a transfer is in the contact's events alone: it may be about the customer.
    let acts = told(&log, 6, |record| record.subject == SUPERVISOR).await;
    let seen: Vec<(&str, &str, &str, &str)> = acts
        .iter()
        .map(|record| {
            let AuditRecord { method, resource, old_value, new_value, .. } = record;
            (method.as_str(), resource.as_str(), old_value.as_str(), new_value.as_str())
        })
        .collect();
    let contact = format!("contact/{contact}");
    let agent = r#"{"capacity_units":"100","display_name":"","platforms":"","skills":"claims"}"#;
    let expected = [
        ("PutAgent", "agent/A7", "", agent),
        ("SetPresence", "agent/A7", r#"{"presence":"offline"}"#, r#"{"presence":"available"}"#),
        ("SetContactPriority", &contact, r#"{"priority":"normal"}"#, r#"{"priority":"urgent"}"#),
        (
            "TransferContact",
            &contact,
            r#"{"agent":"","priority":"urgent","skills":"nobody-has-it"}"#,
            r#"{"agent":"","priority":"urgent","skills":"nor-this"}"#,
        ),
        ("AbandonContact", &contact, r#"{"state":"queued"}"#, r#"{"state":"abandoned"}"#),
        ("DeleteAgent", "agent/A7", agent, ""),
    ];
    assert_eq!(seen, expected);
}

/// With the command line.
async fn an_export_is_whole_or_told_to_be_broken(system: &Processes) {
    let exported = segue(system, &["audit", "export", &system.addresses.uri(system.addresses.selector)]);
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let text = String::from_utf8(exported.stdout).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let check = |text: &str, more: &[&str]| {
        std::fs::write(&file, text).unwrap();
        let mut arguments = vec!["audit", "check", file.to_str().unwrap()];
        arguments.extend(more);
        segue(system, &arguments)
    };
    let whole = check(&text, &[]);
    let told = String::from_utf8(whole.stdout).unwrap();
    assert!(whole.status.success() && told.starts_with("whole, up to record "), "{told}");
    let head = told.trim_end().rsplit(' ').next().unwrap().to_owned();
    assert!(check(&text, &["--head", &head]).status.success());
    let forged = text.replacen(MALLORY, "spiffe://segue.local/platform-admin/alice", 1);
    let told = String::from_utf8(check(&forged, &[]).stderr).unwrap();
    assert!(told.contains("does not have the hash"), "{told}");
    let lines: Vec<&str> = text.lines().collect();
    let cut = lines[..lines.len() - 1].join("\n");
    assert!(check(&cut, &[]).status.success(), "nobody can tell by the file alone");
    let told = String::from_utf8(check(&cut, &["--head", &head]).stderr).unwrap();
    assert!(told.contains("cut off or changed"), "{told}");
    let gap = [&lines[..2], &lines[3..]].concat().join("\n");
    let told = String::from_utf8(check(&gap, &[]).stderr).unwrap();
    assert!(told.contains("after record 2 comes record 4"), "{told}");
}

fn segue(system: &Processes, arguments: &[&str]) -> Output {
    let security = system.security.as_ref().unwrap();
    let auditor = security.issue("auditor", AUDITOR);
    let mut command = Process::binary("segue");
    command.args(arguments).env("SEGUE_TLS_CA", security.authority_file());
    command.env("SEGUE_TLS_CERTIFICATE", auditor.certificate).env("SEGUE_TLS_KEY", auditor.key);
    command.output().unwrap()
}

fn uri(port: u16) -> String {
    format!("https://127.0.0.1:{port}")
}

fn moved(port: u16) -> UpdatePlatformRequest {
    UpdatePlatformRequest {
        request_id: request_id(),
        platform: Some(Platform { id: "app".to_owned(), adapter_uri: uri(port), ..Platform::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["adapter_uri".to_owned()] }),
    }
}

async fn adapter(fixture: &Fixture) -> String {
    let request = GetPlatformRequest { id: "app".to_owned() };
    let platform = fixture.clients.selector.clone().get_platform(request).await.unwrap();
    platform.into_inner().platform.unwrap().adapter_uri
}

fn secured(system: &Processes, spiffe_id: &str, service: SocketAddr) -> AuditServiceClient<Channel> {
    let security = system.security.as_ref().unwrap();
    let issued = security.issue("audit", spiffe_id);
    AuditServiceClient::new(security.endpoint(service, Some(&issued)).connect_lazy())
}

fn log(system: &Processes, service: SocketAddr) -> AuditServiceClient<Channel> {
    secured(system, AUDITOR, service)
}

async fn all(log: &AuditServiceClient<Channel>) -> Vec<AuditRecord> {
    let request = ListAuditRecordsRequest { page_size: 1000, ..ListAuditRecordsRequest::default() };
    log.clone().list_audit_records(request).await.unwrap().into_inner().records
}

/// Records are linked within a second.
async fn told(
    log: &AuditServiceClient<Channel>,
    least: usize,
    which: impl Fn(&AuditRecord) -> bool,
) -> Vec<AuditRecord> {
    wait_for_some("the records", async || {
        let found: Vec<AuditRecord> = all(log).await.into_iter().filter(|record| which(record)).collect();
        (found.len() >= least).then_some(found)
    })
    .await
}
