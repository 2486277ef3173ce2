//! The database's host vanishes without a word: no connection is closed, and nothing is answered. Callers are told in time, health
//! says so, and once the host is reached again writes go on, although the connections from before stay dead.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use segue_proto::router::v1::{ListContactsRequest, SubmitContactRequest};
use segue_testkit::{Databases, Proxy, Storage, wait_for};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};
use tonic::{Code, Status};

use crate::{
    replicas::{Replica, Replicas},
    world::{Client, PAUSE, get, submission, submit, until_answered, write_at_each},
};

const CALLERS: usize = 8;
const ACKNOWLEDGED: usize = 30;
/// Within which a call is answered and health says that the database is away.
const TOLD_WITHIN: Duration = Duration::from_secs(15);
/// Within which writes go on.
const BACK_WITHIN: Duration = Duration::from_secs(10);
/// For how long the host is away at least. The server ends by itself what a vanished client has left open, after 15 seconds.
const SILENCE: Duration = Duration::from_secs(20);
/// What is waited for before the test gives up.
const LIMIT: Duration = Duration::from_secs(40);

/// Callers who make each call again, with the same request id, until it is answered.
struct Load {
    submitted: Arc<Mutex<BTreeMap<String, (SubmitContactRequest, String)>>>,
    is_over: Arc<AtomicBool>,
    callers: JoinSet<()>,
}

impl Load {
    fn start(clients: &[Client]) -> Self {
        let (submitted, is_over) = (Arc::default(), Arc::default());
        let mut callers = JoinSet::new();
        for number in 0..CALLERS {
            let client = clients[number % clients.len()].clone();
            callers.spawn(call(client, Arc::clone(&submitted), Arc::clone(&is_over)));
        }
        Self { submitted, is_over, callers }
    }

    fn acknowledged(&self) -> usize {
        self.submitted.lock().unwrap().len()
    }

    /// What was acknowledged, by its request's id.
    async fn end(self) -> BTreeMap<String, (SubmitContactRequest, String)> {
        self.is_over.store(true, Ordering::Relaxed);
        self.callers.join_all().await;
        std::mem::take(&mut *self.submitted.lock().unwrap())
    }
}

async fn call(
    client: Client,
    submitted: Arc<Mutex<BTreeMap<String, (SubmitContactRequest, String)>>>,
    is_over: Arc<AtomicBool>,
) {
    while !is_over.load(Ordering::Relaxed) {
        let request = submission("chat");
        let limit = 3 * LIMIT;
        if let Some((contact, _)) = until_answered(limit, || submit(&client, request.clone())).await {
            let many = {
                let mut submitted = submitted.lock().unwrap();
                submitted.insert(request.request_id.clone(), (request, contact.id));
                submitted.len()
            };
            // Each is looked for in the end.
            if many > ACKNOWLEDGED {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_are_told_and_writes_go_on_afterwards() {
    let databases = Databases::start(Storage::Postgres);
    let (proxy, url) = Proxy::before(&databases.create()).await;
    let replicas = Replicas::start(2, &url, &[]).await;
    let clients = replicas.clients();
    let load = Load::start(&clients);
    wait_for("some acknowledged contacts", || async { load.acknowledged() >= ACKNOWLEDGED }).await;

    proxy.fall_silent();
    let fell_silent = Instant::now();
    let known = load.submitted.lock().unwrap().values().next().unwrap().1.clone();
    let (answers, told) = tokio::join!(answers(&clients, &known), not_serving(&replicas.all, fell_silent));
    println!("in the silence: {answers:?}; health says so after {told:?}");
    tokio::time::sleep_until(fell_silent + SILENCE).await;

    proxy.speak_again();
    let writes_again = write_at_each(&clients, LIMIT).await;
    println!("writes go on after {writes_again:?}");
    for (call, took, code) in answers {
        assert!(code == Code::Unavailable && took < TOLD_WITHIN, "{call}: {code:?} after {took:?}");
    }
    assert!(told.is_some_and(|told| told < TOLD_WITHIN), "health: {told:?}");
    for took in writes_again {
        assert!(took.is_some_and(|took| took < BACK_WITHIN), "{took:?}");
    }
    for replica in &replicas.all {
        wait_for("health to be well again", || replica.says(true)).await;
    }
    let so_far = load.acknowledged();
    wait_for("work to go on", || async { load.acknowledged() > so_far + ACKNOWLEDGED }).await;
    nothing_is_lost_or_done_twice(&clients, load.end().await).await;
}

/// How a write and a read of each replica were answered, without a deadline of their own.
async fn answers(clients: &[Client], known: &str) -> Vec<(&'static str, Duration, Code)> {
    let mut calls = JoinSet::new();
    for client in clients {
        let (writer, reader, known) = (client.clone(), client.clone(), known.to_owned());
        calls.spawn(answer("submit", async move { submit(&writer, submission("silent")).await.map(drop) }));
        calls.spawn(answer("read", async move { get(&reader, &known).await.map(drop) }));
    }
    calls.join_all().await
}

async fn answer(
    name: &'static str,
    call: impl Future<Output = Result<(), Status>>,
) -> (&'static str, Duration, Code) {
    let started = Instant::now();
    let code = match timeout(LIMIT, call).await {
        Ok(Ok(())) => Code::Ok,
        Ok(Err(status)) => status.code(),
        Err(_) => Code::Unknown,
    };
    (name, started.elapsed(), code)
}

/// When all replicas say that they don't serve.
async fn not_serving(replicas: &[Replica], since: Instant) -> Option<Duration> {
    while since.elapsed() < LIMIT {
        let mut all = true;
        for replica in replicas {
            all &= replica.says(false).await;
        }
        if all {
            return Some(since.elapsed());
        }
        tokio::time::sleep(PAUSE).await;
    }
    None
}

async fn nothing_is_lost_or_done_twice(
    clients: &[Client],
    acknowledged: BTreeMap<String, (SubmitContactRequest, String)>,
) {
    for (turn, (request, id)) in acknowledged.values().enumerate() {
        let (one, other) = (&clients[turn % clients.len()], &clients[(turn + 1) % clients.len()]);
        assert_eq!(get(one, id).await.unwrap().id, *id);
        assert_eq!(submit(other, request.clone()).await.unwrap().id, *id, "done twice");
    }
    // Each call was made again until it was acknowledged, so there are no others.
    let (mut listed, mut page_token) = (0, String::new());
    loop {
        let platform = "chat".to_owned();
        let request = ListContactsRequest { platform, page_size: 1000, page_token, ..Default::default() };
        let page = clients[0].clone().list_contacts(request).await.unwrap().into_inner();
        listed += page.contacts.len();
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, acknowledged.len());
    println!("{listed} contacts, none lost and none twice");
}
