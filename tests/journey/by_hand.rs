//! What people send by hand, as grpcurl and the command line send it: their spellings, their second tries, an adapter that is down.

use std::process::Command;

use segue_testkit::{Process, Storage, free_port, request_id, wait_for};
use segue_tests::{Fixture, Processes, tools};
use serde_json::{Value, json};

const ISSUER: &str = "segue.issuer.v1.CodeIssuerService";
const ROUTER: &str = "segue.router.v1.PriorityRouterService";
const SELECTOR: &str = "segue.selector.v1.PlatformSelectorService";

struct Hand {
    system: Processes,
}

impl Hand {
    async fn start() -> Self {
        let settings = [("SEGUE_DEFAULT_REGION", "CN"), ("SEGUE_ADAPTER_CHECK_SECONDS", "1")];
        let system = Processes::start_with(Storage::SqliteFile, &settings).await;
        Fixture::load(&system.addresses).await;
        Self { system }
    }

    /// Calls with grpcurl, which knows the services by their reflection; the answer, or what it prints of a refusal.
    fn ask(&self, service: &str, method: &str, request: &Value) -> Result<Value, String> {
        let addresses = &self.system.addresses;
        let address = match service {
            ISSUER => addresses.issuer,
            ROUTER => addresses.router,
            _ => addresses.selector,
        };
        let output = Command::new(tools().join("venv/bin/grpcurl"))
            .args(["-plaintext", "-d", &request.to_string(), &address.to_string()])
            .arg(format!("{service}/{method}"))
            .output()
            .unwrap();
        let (said, refused) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        if output.status.success() { Ok(serde_json::from_str(&said).unwrap()) } else { Err(refused) }
    }

    fn hand_off(&self, session: &str, identity: &Value) -> Result<Value, String> {
        let request = json!({
            "request_id": request_id().to_uppercase(), "work_order": format!("WO-{session}"), "agent": "A1001",
            "source": {"platform": "hotline", "session": session}, "customer": {"identities": [identity]},
            "remaining_work": {"profile": "supplement_claim_documents", "summary": "one\r\ntwo"},
        });
        self.ask(ISSUER, "CreateHandoff", &request)
    }

    fn enter(&self, code: &str, session: &str) -> Result<Value, String> {
        let request = json!({
            "request_id": request_id(), "code": code, "platform": "app", "session": session,
            "account": Fixture::account(), "account_verified": true,
        });
        self.ask(ISSUER, "RedeemCode", &request)
    }
}

fn digits(issued: &Value) -> String {
    let faces = issued["accessInfo"]["faces"].as_array().unwrap();
    faces.iter().find(|face| face["kind"] == "FACE_DIGITS").unwrap()["display"].as_str().unwrap().to_owned()
}

/// Issue 11, items 4, 5 and 8: the number as it's dialled at home, the right code again and again, and a dead one.
#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_found_and_a_code_is_entered_twice() {
    let hand = Hand::start().await;
    let phone = Fixture::handoff("").customer.unwrap().identities[0].value.clone();
    let national = phone.strip_prefix("+86").unwrap();
    let typed = json!({"kind": "phone", "value": format!("\u{202a}0086 {national}\u{202c}")});
    let issued = hand.hand_off("call-1", &typed).unwrap();
    assert!(issued["handoff"]["target"]["account"].as_str().is_some_and(|account| !account.is_empty()));
    let code = format!("Your access code: {}", digits(&issued));
    let first = hand.enter(&code, "app-1").unwrap();
    for _ in 0..6 {
        assert_eq!(hand.enter(&code, "app-1").unwrap(), first, "a second tap");
        let elsewhere = hand.enter(&code, "app-2").unwrap_err();
        assert!(elsewhere.contains("CODE_ALREADY_USED") && !elsewhere.contains(national), "{elsewhere}");
    }
    let next = hand.hand_off("call-2", &json!({"kind": "phone", "value": national})).unwrap();
    hand.enter(&digits(&next), "app-3").expect("not locked out");
    let odd = hand.hand_off("call-3", &json!({"kind": "email", "value": "a@@x.com"})).unwrap_err();
    assert!(odd.contains("customer.identities[0].value"), "{odd}");
}

/// Items 6 and 8: a table as it's exported, imported by the command line and found by grpcurl; skills with capitals.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_and_a_skill_are_one_in_all_spellings() {
    let hand = Hand::start().await;
    let file = hand.system.databases.directory().join("accounts.csv");
    std::fs::write(&file, "platform,account,email,phone\napp,li,用户@例子.公司,139 1111 2222\n").unwrap();
    let selector = format!("http://{}", hand.system.addresses.selector);
    let imported = Process::binary("segue")
        .args(["accounts", "import", "--selector", &selector])
        .arg(&file)
        .output()
        .unwrap();
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    for (kind, value) in [
        ("email", "<用户@xn--fsqu00a.xn--55qx5d>"),
        ("email", "mailto:用户@例子.公司"),
        ("phone", "tel:+86-139-1111-2222;ext=5"),
    ] {
        let request = json!({"customer": {"identities": [{"kind": kind, "value": value}]}});
        let found = hand.ask(SELECTOR, "FindAccounts", &request).unwrap();
        assert_eq!(found["accounts"].as_array().map(Vec::len), Some(1), "{value}: {found}");
    }
    let agent =
        json!({"id": "B1", "skills": ["Claims "], "platforms": [{"platform": "app", "cost_units": 50}]});
    hand.ask(ROUTER, "PutAgent", &json!({"request_id": request_id(), "agent": agent})).unwrap();
    let listed = hand.ask(ROUTER, "ListAgents", &json!({"skill": "cla\u{200b}IMS"})).unwrap();
    let ours = listed["agents"].as_array().unwrap().iter().find(|agent| agent["id"] == "B1");
    assert_eq!(ours.map(|agent| &agent["skills"]), Some(&json!(["claims"])), "{listed}");
}

/// Item 20: the refusal says in words which adapter does not answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_selection_names_the_adapter_that_is_down() {
    let hand = Hand::start().await;
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let platform = json!({"id": "kiosk_2", "adapter_uri": nobody, "accepted_faces": ["FACE_DIGITS"]});
    hand.ask(SELECTOR, "CreatePlatform", &json!({"request_id": request_id(), "platform": platform})).unwrap();
    let ask = || {
        let request = json!({"source_platform": "hotline", "allowed_platforms": ["kiosk_2"]});
        hand.ask(SELECTOR, "SelectPlatform", &request)
    };
    wait_for("the adapter to be down", async || {
        ask().is_err_and(|told| told.contains("kiosk_2: its adapter has not answered since 20"))
    })
    .await;
}
