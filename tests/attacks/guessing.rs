//! 18.3: guessing at codes through our own pages, with free conversations and without an account, from as many addresses as one likes.

use std::cell::Cell;

use code_issuer::domain::faces::{FaceKind, of_kind};
use reqwest::Client;
use segue_core::Random;
use segue_proto::{
    common::v1::{Customer, Face, Identity, RemainingWork, Session},
    issuer::v1::{
        CreateHandoffRequest, CreateHandoffResponse, GetHandoffRequest, Handoff, HandoffState,
        ReissueCodeRequest, WatchHandoffRequest,
    },
};
use segue_testkit::{Storage, request_id, wait_for};
use segue_tests::{Fixture, Processes};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::Instant};

/// Smaller than in production by a factor of ten, so that the attack is: digits of 11 symbols bear 160 wrong codes when one code lives,
/// 80 when two do, 53 when three do.
const SETTINGS: [(&str, &str); 5] = [
    ("SEGUE_TRUSTED_PROXIES", "127.0.0.1"),
    ("SEGUE_PLATFORMS", "web_chat:quick_input:Web chat;app:upload+quick_input:Customer app"),
    ("SEGUE_GUESSES_PER_NETWORK", "10"),
    ("SEGUE_ATTACKER_ADDRESSES", "2"),
    ("SEGUE_GUESS_ODDS", "50000000"),
];
/// What a network may try, and an IPv6 /48.
const PER_NETWORK: usize = 10;
const PER_WIDE_NETWORK: usize = 40;
const BROWSERS: usize = 8;
const HONEST: &str = "203.0.113.9";

segue_testkit::on_durable_engines!(a_flood_through_the_pages_reaches_little_and_locks_nobody_out);

async fn a_flood_through_the_pages_reaches_little_and_locks_nobody_out(storage: Storage) {
    let system = Processes::start_with(storage, &SETTINGS).await;
    let fixture = Fixture::load(&system.addresses).await;
    let mut issued = vec![];
    for name in ["first", "second", "third"] {
        issued.push(fixture.create(unbound(name)).await);
    }
    assert!(issued.iter().all(|one| digits_in(one) == 11));
    let mut watch = watch(&fixture, &issued[0]).await;

    // From one neighbourhood: as many addresses as it has, and little reaches the look-up.
    let near = (0..40).map(|host| format!("198.51.100.{host}")).collect();
    assert_eq!(flood(&system, near).await, PER_NETWORK);
    let wide = (0..64).map(|net| format!("2001:db8:7:{:x}::{net:x}", net % 16 * 256 + net)).collect();
    assert_eq!(flood(&system, wide).await, PER_WIDE_NETWORK);
    let counted = system.metrics("code-issuer").await;
    let looked_up = counted.sum("segue_codes_failures_total", &["kind=\"not_accepted\""]);
    println!("{looked_up} of 104 guesses were looked up");
    assert!((looked_up - 50.0).abs() < 0.1, "{looked_up}");
    let customer = Page::open(&system).await;
    customer.enter(HONEST, &shown(&issued[2], Face::Digits)).await.expect("an honest customer is served");

    // From many neighbourhoods: more than short codes bear. New ones are longer, and none is refused.
    let many = (0..120).map(|net| format!("100.64.{}.1", net % 12)).collect();
    let looked_up = beside(&customer, &shown(&issued[2], Face::Digits), flood(&system, many)).await;
    assert_eq!(looked_up, 12 * PER_NETWORK);
    let by_name = CreateHandoffRequest { faces: vec![Face::Digits.into()], ..unbound("later") };
    let later = fixture.create(by_name).await;
    assert!(digits_in(&later) > 11, "{:?}", later.handoff.unwrap().strength);
    Page::open(&system).await.enter(HONEST, &shown(&later, Face::Digits)).await.expect("a longer code");

    // Those that live are retired, and the desk is told.
    for one in &issued[..2] {
        let handoff = handoff(&fixture, one).await;
        assert_eq!((handoff.state(), retired(&handoff)), (HandoffState::Issued, vec![Face::Digits]));
        let answer = Page::open(&system).await.enter(HONEST, &shown(one, Face::Digits)).await;
        assert_eq!(answer.unwrap_err(), "CODE_NOT_ACCEPTED");
    }
    loop {
        let seen = watch.message().await.unwrap().expect("the watch goes on").handoff.unwrap();
        if retired(&seen) == [Face::Digits] {
            break;
        }
    }
    let by_letters = shown(&issued[0], Face::Letters);
    Page::open(&system).await.enter(HONEST, &by_letters).await.expect("the letters are strong enough");
    let id = issued[1].handoff.as_ref().unwrap().id.clone();
    let reissue = ReissueCodeRequest { request_id: request_id(), id, ttl: None };
    let reissued = fixture.clients.issuer.clone().reissue_code(reissue).await.unwrap().into_inner();
    assert_eq!(retired(reissued.handoff.as_ref().unwrap()), []);
    let info = reissued.access_info.unwrap();
    let digits = info.faces.iter().find(|face| face.kind() == Face::Digits).unwrap();
    Page::open(&system).await.enter(HONEST, &digits.display).await.expect("the new code");
}

/// Of somebody without an account, from the app to the web chat.
fn unbound(name: &str) -> CreateHandoffRequest {
    let stranger =
        Identity { kind: "phone".to_owned(), value: "+8613900000000".to_owned(), unverified: false };
    CreateHandoffRequest {
        source: Some(Session { platform: "app".to_owned(), session: name.to_owned() }),
        customer: Some(Customer { identities: vec![stranger] }),
        target_platform: "web_chat".to_owned(),
        remaining_work: Some(RemainingWork { summary: "a question".to_owned(), ..RemainingWork::default() }),
        ..Fixture::handoff(name)
    }
}

fn shown(issued: &CreateHandoffResponse, face: Face) -> String {
    let faces = &issued.access_info.as_ref().unwrap().faces;
    faces.iter().find(|shown| shown.kind() == face).unwrap().display.clone()
}

fn digits_in(issued: &CreateHandoffResponse) -> usize {
    shown(issued, Face::Digits).chars().filter(char::is_ascii_digit).count()
}

fn retired(handoff: &Handoff) -> Vec<Face> {
    handoff.retired_faces().collect()
}

async fn handoff(fixture: &Fixture, issued: &CreateHandoffResponse) -> Handoff {
    let request = GetHandoffRequest { id: issued.handoff.as_ref().unwrap().id.clone() };
    fixture.clients.issuer.clone().get_handoff(request).await.unwrap().into_inner().handoff.unwrap()
}

async fn watch(
    fixture: &Fixture,
    issued: &CreateHandoffResponse,
) -> tonic::Streaming<segue_proto::issuer::v1::WatchHandoffResponse> {
    let request = WatchHandoffRequest { id: issued.handoff.as_ref().unwrap().id.clone() };
    fixture.clients.issuer.clone().watch_handoff(request).await.unwrap().into_inner()
}

/// Has a customer enter a code again and again while an attack goes on, as a page that is reloaded does, and prints how long that took.
async fn beside<T>(customer: &Page, code: &str, attack: impl Future<Output = T>) -> T {
    let is_over = Cell::new(false);
    let attacked = async {
        let done = attack.await;
        is_over.set(true);
        done
    };
    let served = async {
        let mut took = vec![];
        while !is_over.get() {
            let begin = Instant::now();
            customer.enter(HONEST, code).await.expect("an honest customer is served");
            took.push(begin.elapsed());
        }
        took
    };
    let (done, mut took) = tokio::join!(attacked, served);
    took.sort();
    println!("honest: p50 {:?}, p99 {:?}", took[took.len() / 2], took[took.len() * 99 / 100]);
    done
}

/// Guesses once from each address, from several browsers at once; gives how many guesses were looked up.
async fn flood(system: &Processes, addresses: Vec<String>) -> usize {
    let mut browsers = JoinSet::new();
    for share in addresses.chunks(addresses.len().div_ceil(BROWSERS)) {
        let (page, share) = (Page::open(system).await, share.to_vec());
        browsers.spawn(async move {
            let mut looked_up = 0;
            for address in share {
                match page.enter(&address, &page.guess()).await.unwrap_err().as_str() {
                    "CODE_NOT_ACCEPTED" => looked_up += 1,
                    "TOO_MANY_ATTEMPTS" => {}
                    other => panic!("{other}"),
                }
            }
            looked_up
        });
    }
    browsers.join_all().await.into_iter().sum()
}

/// A conversation in a browser, behind a proxy that tells where it is.
struct Page {
    client: Client,
    base: String,
    random: Random,
}

impl Page {
    /// Begins a conversation; nobody asks who it is.
    async fn open(system: &Processes) -> Self {
        let client = Client::builder().cookie_store(true).build().unwrap();
        let this =
            Self { client, base: format!("http://{}", system.addresses.pages), random: Random::secure() };
        let form = json!({
            "platform": "web_chat", "request_id": request_id(), "start_secret": request_id(), "name": "Li Wei",
        });
        wait_for("the pages", async || this.post("/api/sessions", "192.0.2.1", &form).await.is_ok()).await;
        this
    }

    /// A code that nobody was given.
    fn guess(&self) -> String {
        of_kind(FaceKind::Digits).draw(11, &self.random).reveal().clone()
    }

    /// The reason of the refusal, if it's refused.
    async fn enter(&self, address: &str, code: &str) -> Result<(), String> {
        let form = json!({ "platform": "web_chat", "request_id": request_id(), "code": code });
        self.post("/api/redeem", address, &form).await
    }

    async fn post(&self, path: &str, address: &str, form: &Value) -> Result<(), String> {
        let request = self.client.post(format!("{}{path}", self.base)).json(form);
        // What stands first is what the browser sent itself, and counts for nothing.
        let request = request.header("x-forwarded-for", format!("{HONEST}, {address}"));
        let answer = request.send().await.map_err(|error| error.to_string())?;
        if answer.status().is_success() {
            return Ok(());
        }
        let problem: Value = answer.json().await.map_err(|error| error.to_string())?;
        Err(problem["reason"].as_str().unwrap_or_default().to_owned())
    }
}
