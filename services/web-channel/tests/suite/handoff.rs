//! One handoff as the two pages see it, with the real services behind them.

use segue_core::{Clock as _, SystemClock};
use segue_testkit::{Databases, request_id};
use serde_json::{Value, json};

use crate::{
    http::{Answer, Browser, Events},
    platform::{START_SECRET, is_kind},
    system::{ACCOUNT, AGENT, PHONE, System},
};

segue_testkit::on_every_engine!(segue_testkit::with_databases => a_customer_moves_and_keeps_the_agent);

const SOURCE: &str = "/api/events?platform=web_chat";
const TARGET: &str = "/api/events?platform=app";

async fn a_customer_moves_and_keeps_the_agent(databases: &Databases) {
    let system = System::start(databases).await;
    let (mut customer, mut agent) = (system.browser(), system.browser());
    let mut desk = sign_in(&mut agent).await;
    let contact = talk_on_the_source(&mut customer, &mut agent, &mut desk).await;
    let mut source = customer.listen(SOURCE, "").await;

    // R2-R8: the agent asks, the customer is shown a card, the desk is told of it.
    let issued = ask(&mut agent, &contact).await;
    assert_eq!(issued.status, 200, "{}", issued.text());
    let issued = issued.json();
    assert_eq!((issued["target"].as_str(), issued["delivered"].as_bool()), (Some("app"), Some(true)));
    let card = source.find("entry", is_kind("card")).await["card"].clone();
    assert_eq!(card["faces"][0], issued["faces"][0]);
    assert!(card["qr_svg"].as_str().unwrap().contains("<svg"), "{card}");
    let told = desk.find("entry", is_kind("card")).await;
    assert!(told["card"].is_null(), "the desk's stream holds the code");

    // R9-R11: the customer enters the code on the target and is with the same agent.
    let code = card["faces"][0]["display"].as_str().unwrap();
    start(&mut customer, "app").await;
    let wrong = redeem(&mut customer, &request_id(), "1234").await;
    assert_eq!(wrong.refusal().1, "CODE_MALFORMED");
    let attempt = request_id();
    let redeemed = redeem(&mut customer, &attempt, code).await;
    assert_eq!(redeemed.status, 200, "{}", redeemed.text());
    assert_eq!(redeemed.json()["agent"], AGENT);
    assert_eq!(redeemed.json()["work_order"], "WO-7");
    assert_eq!(
        redeem(&mut customer, &attempt, code).await.json(),
        redeemed.json(),
        "a repetition is answered"
    );
    let reloaded = redeem(&mut customer, &request_id(), code).await;
    assert_eq!(reloaded.json(), redeemed.json(), "and so is the same code once more");

    // R12: the old conversation closes, live.
    source.find("entry", is_kind("closed")).await;
    assert_eq!(source.next().await, None);
    go_on_at_the_target(&mut customer, &mut agent, &mut desk).await;
    system.stop().await;
}

async fn sign_in(agent: &mut Browser) -> Events {
    let form = json!({"request_id": request_id(), "agent": AGENT, "presence": "available"});
    let answer = agent.post("/api/agent/presence", &form).await;
    assert_eq!(answer.json()["display_name"], "Chen Jing", "{}", answer.text());
    let mut desk = agent.listen(&format!("/api/agent/events?agent={AGENT}"), "").await;
    desk.find("router", |data| data["connected"] == true).await;
    let told = desk.find("presence", |_| true).await;
    assert_eq!((told["presence"].as_str(), told["reason"].as_str()), (Some("available"), Some("")));
    desk
}

async fn start(customer: &mut Browser, platform: &str) -> Value {
    let mut form = json!({"platform": platform, "request_id": request_id(), "start_secret": START_SECRET, "name": "Li Wei"});
    form[if platform == "app" { "account" } else { "phone" }] =
        json!(if platform == "app" { ACCOUNT } else { PHONE });
    let answer = customer.post("/api/sessions", &form).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

/// R1, until both have said something; gives the contact's id.
async fn talk_on_the_source(customer: &mut Browser, agent: &mut Browser, desk: &mut Events) -> String {
    let session = start(customer, "web_chat").await;
    let offer = desk.find("contact", |data| data["session"] == session["session"]).await;
    assert_eq!(offer["state"], "OFFERED");
    let contact = offer["contact_id"].as_str().unwrap().to_owned();
    assert_eq!(say(agent, &contact, "too early").await.refusal(), (409, "CONTACT_STATE".to_owned()));
    let form = json!({"request_id": request_id(), "agent": AGENT, "contact_id": contact});
    assert_eq!(agent.post("/api/agent/accept", &form).await.status, 204);
    desk.find("contact", |data| data["state"] == "ASSIGNED").await;
    let mut source = customer.listen(SOURCE, "").await;
    assert_eq!(source.find("entry", is_kind("joined")).await["agent"], AGENT);
    let hello =
        json!({"platform": "web_chat", "message_id": request_id(), "text": "my claim lacks an invoice"});
    assert_eq!(customer.post("/api/messages", &hello).await.status, 204);
    assert_eq!(desk.find("entry", is_kind("text")).await["text"], "my claim lacks an invoice");
    assert_eq!(say(agent, &contact, "please send it").await.status, 204);
    let answer = source.find("entry", |data| data["author"] == "agent").await;
    assert_eq!((answer["text"].as_str(), answer["agent"].as_str()), (Some("please send it"), Some(AGENT)));
    let stranger = json!({"message_id": request_id(), "agent": "A9", "contact_id": contact, "text": "hi"});
    let refused = agent.post("/api/agent/message", &stranger).await;
    assert_eq!(refused.refusal(), (403, "CONTACT_NOT_YOURS".to_owned()));
    contact
}

async fn ask(agent: &mut Browser, contact: &str) -> Answer {
    let form = json!({
        "request_id": request_id(), "agent": AGENT, "contact_id": contact, "work_order": "WO-7",
        "profile": "supplement_claim_documents", "summary": "upload the invoice", "done": "identity checked",
        "phone": PHONE, "locale": "en",
    });
    let mut wrong = form.clone();
    wrong["work_order"] = json!("");
    wrong["request_id"] = json!(request_id());
    let refused = agent.post("/api/agent/handoff", &wrong).await;
    assert_eq!((refused.status, refused.fields()), (400, vec!["work_order".to_owned()]));
    agent.post("/api/agent/handoff", &form).await
}

async fn redeem(customer: &mut Browser, attempt: &str, code: &str) -> Answer {
    customer.post("/api/redeem", &json!({"platform": "app", "request_id": attempt, "code": code})).await
}

async fn say(agent: &mut Browser, contact: &str, text: &str) -> Answer {
    let form = json!({"message_id": request_id(), "agent": AGENT, "contact_id": contact, "text": text});
    agent.post("/api/agent/message", &form).await
}

/// The desk has everything, so that the customer explains nothing again; a new page of the desk too.
async fn go_on_at_the_target(customer: &mut Browser, agent: &mut Browser, desk: &mut Events) {
    let with_order = |data: &Value| data["work_order"] == "WO-7" && data["state"] == "ASSIGNED";
    let arrived = desk.find("contact", with_order).await;
    assert_eq!((arrived["platform"].as_str(), arrived["handoff"].as_bool()), (Some("app"), Some(true)));
    assert_eq!(arrived["source_platform"], "web_chat");
    assert_eq!(arrived["remaining"]["summary"], "upload the invoice");
    assert_eq!(arrived["remaining"]["context"], json!([["done", "identity checked"]]));
    let mut reloaded = agent.listen(&format!("/api/agent/events?agent={AGENT}"), "").await;
    let again = reloaded.find("contact", |data| with_order(data) && !data["remaining"].is_null()).await;
    assert_eq!(again["contact_id"], arrived["contact_id"]);
    let mut reloaded = agent.listen(&format!("/api/agent/events?agent={AGENT}"), "").await;
    let from_source = |data: &Value| data["session"] == arrived["source_session"] && data["kind"] == "text";
    assert_eq!(reloaded.find("entry", from_source).await["text"], "my claim lacks an invoice");

    let contact = arrived["contact_id"].as_str().unwrap();
    assert_eq!(say(agent, contact, "here we are again").await.status, 204);
    let mut target = customer.listen(TARGET, "").await;
    assert_eq!(target.find("entry", is_kind("joined")).await["work_order"], "WO-7");
    assert_eq!(target.find("entry", is_kind("text")).await["text"], "here we are again");
    let form = json!({"request_id": request_id(), "agent": AGENT, "contact_id": contact});
    assert_eq!(agent.post("/api/agent/complete", &form).await.status, 204);
    target.find("entry", is_kind("closed")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_was_interrupted_is_one_contact() {
    let system = System::start(&Databases::start(segue_testkit::Storage::SqliteMemory)).await;
    let (mut customer, mut agent) = (system.browser(), system.browser());
    let mut desk = sign_in(&mut agent).await;
    let form = json!({"platform": "web_chat", "request_id": request_id(), "start_secret": START_SECRET, "name": "Li", "phone": PHONE});
    let first = customer.post("/api/sessions", &form).await.json();
    let again = customer.post("/api/sessions", &form).await.json();
    assert_eq!(first, again);
    let offer = desk.find("contact", |_| true).await;
    assert_eq!(offer["contact_id"], first["contact_id"]);

    // The customer goes; the desk sees the contact end.
    assert_eq!(customer.post("/api/leave", &json!({"platform": "web_chat"})).await.status, 204);
    desk.find("contact", |data| data["contact_id"] == first["contact_id"] && data["state"] == "ABANDONED")
        .await;
    assert_eq!(
        customer.post("/api/leave", &json!({"platform": "web_chat"})).await.refusal().1,
        "SESSION_OVER"
    );
    system.stop().await;
}

/// A customer who asked for any agent first has one contact in the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_makes_an_ordinary_contact_the_handoffs() {
    let system = System::start(&Databases::start(segue_testkit::Storage::SqliteMemory)).await;
    let (mut customer, mut agent) = (system.browser(), system.browser());
    let mut desk = sign_in(&mut agent).await;
    let contact = talk_on_the_source(&mut customer, &mut agent, &mut desk).await;
    let issued = ask(&mut agent, &contact).await.json();
    start(&mut customer, "app").await;
    let ordinary = customer.post("/api/contact", &json!({"platform": "app"})).await.json();
    let ordinary = ordinary["contact_id"].as_str().unwrap().to_owned();
    assert!(!ordinary.is_empty());
    let again = customer.post("/api/contact", &json!({"platform": "app"})).await.json();
    assert_eq!(again["contact_id"], ordinary.as_str());
    let code = issued["faces"][0]["display"].as_str().unwrap();
    assert_eq!(redeem(&mut customer, &request_id(), code).await.status, 200);
    let view = customer.get("/api/session?platform=app").await.json();
    assert_eq!(view["contact_id"], ordinary.as_str());
    let mut reloaded = agent.listen(&format!("/api/agent/events?agent={AGENT}"), "").await;
    let arrived = reloaded.find("contact", |data| data["contact_id"] == view["contact_id"]).await;
    assert_eq!(arrived["work_order"], "WO-7");
    system.stop().await;
}

/// Damm's check digit of 2000000n, by the published table: well-formed codes that nobody was given.
const WRONG: [&str; 5] = ["200000005", "200000018", "200000026", "200000039", "200000047"];

segue_testkit::on_every_engine!(segue_testkit::with_databases => a_stranger_who_names_the_account_locks_out_itself);

/// In another browser, before the customer comes: the page asks nobody to sign in.
async fn a_stranger_who_names_the_account_locks_out_itself(databases: &Databases) {
    let system = System::start(databases).await;
    let (mut customer, mut agent) = (system.browser(), system.browser());
    let mut stranger = system.browser().at_home_in([127, 0, 0, 2]);
    start(&mut stranger, "app").await;
    for code in WRONG {
        let answer = redeem(&mut stranger, &request_id(), code).await;
        assert_eq!(answer.refusal(), (404, "CODE_NOT_ACCEPTED".to_owned()), "{code}");
    }
    let answer = redeem(&mut stranger, &request_id(), WRONG[0]).await;
    assert_eq!(answer.refusal(), (429, "TOO_MANY_ATTEMPTS".to_owned()));
    let minutes = (answer.json()["lockout_end_time_ms"].as_i64().unwrap() - SystemClock.now_ms()) / 60_000;
    assert!((8..=10).contains(&minutes), "{minutes}");

    let mut desk = sign_in(&mut agent).await;
    let contact = talk_on_the_source(&mut customer, &mut agent, &mut desk).await;
    let issued = ask(&mut agent, &contact).await.json();
    assert_eq!(issued["lockout_end_time_ms"], Value::Null, "the account is not locked out");
    start(&mut customer, "app").await;
    let code = issued["faces"][0]["display"].as_str().unwrap();
    let redeemed = redeem(&mut customer, &request_id(), code).await;
    assert_eq!(redeemed.status, 200, "{}", redeemed.text());
    system.stop().await;
}
