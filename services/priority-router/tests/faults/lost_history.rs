//! The server crashes under load, and a standby that has not got its last commits takes over. Those are lost; what is acknowledged
//! from then on is not, the replicas agree with each other, and a desk is told of all that it has, whatever it knew before.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use segue_proto::{
    common::v1::ErrorReason,
    router::v1::{AssignmentChange as Change, ListContactsRequest, WatchAssignmentsResponse},
};
use segue_testkit::{Postgres, Proxy, wait_for};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};
use tonic::{Status, Streaming};

use crate::{
    replicas::Replicas,
    world::{
        Client, PAUSE, accept, agent, complete, get, get_agent, submission, submit, until_answered, watch,
        write_at_each,
    },
};

const REPLICAS: usize = 3;
const CUSTOMERS: usize = 3;
const BACK_WITHIN: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(40);
/// Contacts acknowledged in each part of the test.
const ACKNOWLEDGED: usize = 20;
/// What a desk is given on the history that is lost, and then more on the one that stays.
const LOST: usize = 2;
const KEPT: usize = 4;
/// How long a stream that says nothing more is listened to.
const QUIET: Duration = Duration::from_secs(2);

/// When a contact was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The standby has it.
    Followed,
    /// The standby may not have it.
    MayBeLost,
    /// Asked for and acknowledged after the standby took over.
    Kept,
}

struct Load {
    clients: Vec<Client>,
    /// 0, 1 or 2: a [`Part`].
    part: AtomicUsize,
    acknowledged: Mutex<Vec<(String, Part)>>,
    /// Contacts that the desk was told of.
    told: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

impl Load {
    fn of(&self, part: Part) -> Vec<String> {
        let acknowledged = self.acknowledged.lock().unwrap();
        acknowledged.iter().filter(|(_, of)| *of == part).map(|(id, _)| id.clone()).collect()
    }

    async fn customer(self: Arc<Self>, number: usize) {
        let client = &self.clients[number % self.clients.len()];
        while !self.is_over.load(Ordering::Relaxed) {
            let (before, request) = (self.part.load(Ordering::SeqCst), submission("chat"));
            let answered = until_answered(3 * LIMIT, || submit(client, request.clone())).await;
            let part = match (before, self.part.load(Ordering::SeqCst)) {
                (0, 0) => Part::Followed,
                (2, 2) => Part::Kept,
                _ => Part::MayBeLost,
            };
            if let Some((contact, _)) = answered {
                self.acknowledged.lock().unwrap().push((contact.id, part));
            }
            // They come slowly enough for the desk.
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Watches at the first replica, goes on where it was, accepts and completes.
    async fn desk(self: Arc<Self>) {
        let client = &self.clients[0];
        let mut resume_token = String::new();
        loop {
            let ended = self.watch_until_it_ends(client, &mut resume_token).await;
            if ended.is_err_and(|status| is_refused_token(&status)) {
                println!("the desk's token is refused");
                resume_token.clear();
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn watch_until_it_ends(&self, client: &Client, resume_token: &mut String) -> Result<(), Status> {
        let mut stream = watch(client, "a1", resume_token).await?;
        while let Some(event) = stream.message().await? {
            self.told(client, &event).await;
            *resume_token = event.resume_token;
        }
        Ok(())
    }

    async fn told(&self, client: &Client, event: &WatchAssignmentsResponse) {
        let Some(assignment) = &event.assignment else { return };
        let id = assignment.contact.as_ref().unwrap().id.clone();
        // Either may fail when the server is away; the contact is then told again, or is open to the end.
        if assignment.change() == Change::Offered {
            drop(accept(client, &id, "a1").await);
        } else if assignment.change() == Change::Assigned {
            drop(complete(client, &id, "a1").await);
        }
        self.told.lock().unwrap().push(id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_is_the_same_for_all_and_nothing_of_it_is_skipped() {
    let mut primary = Postgres::start();
    let name = primary.database().rsplit('/').next().unwrap().to_owned();
    let (link, front) = (Proxy::start(primary.port()).await, Proxy::start(primary.port()).await);
    let standby = primary.standby(link.port());
    // Offers ring for long: what is told late, or never, is seen by that alone.
    let settings = ["--offer-timeout-seconds=600", "--lease-seconds=600"];
    let replicas = Replicas::start(REPLICAS, &Postgres::url(&name, front.port()), &settings).await;
    let clients = replicas.clients();
    agent(&clients[0], "a1", "chat", 1).await.unwrap();
    agent(&clients[0], "a2", "voice", 1).await.unwrap();
    let (load, mut tasks) = start(&clients);
    wait_for("contacts", || async { load.of(Part::Followed).len() >= ACKNOWLEDGED }).await;

    load.part.store(1, Ordering::SeqCst);
    wait_for("the standby to have them", || async { primary.is_followed_by(&standby) }).await;
    link.fall_silent();
    let lost_token = be_given(&clients[1], LOST).await;
    wait_for("contacts", || async { load.of(Part::MayBeLost).len() >= ACKNOWLEDGED }).await;
    primary.crash();
    standby.promote();
    front.lead_to(standby.port());
    load.part.store(2, Ordering::SeqCst);
    let back = write_at_each(&clients, LIMIT).await;
    println!("writes go on after {back:?}");
    wait_for("contacts", || async { load.of(Part::Kept).len() >= 3 * ACKNOWLEDGED }).await;
    load.is_over.store(true, Ordering::Relaxed);
    wait_for("the last customers", || async { Arc::strong_count(&load) <= 2 }).await;

    let untold = untold(&load, Instant::now() + BACK_WITHIN).await;
    let skipped = skipped_after(&clients, &lost_token).await;
    let lost = are_agreed(&clients, &load, Instant::now() + BACK_WITHIN).await;
    println!("{lost} acknowledged contacts were lost; the desk was not told of {untold} of the others");
    println!("a desk with a lost token is not told of {skipped:?} contacts, by replica");
    tasks.shutdown().await;
    assert!(back.iter().all(|took| took.is_some_and(|took| took < BACK_WITHIN)), "{back:?}");
    assert!(lost > 0, "the test lost nothing");
    assert_eq!((untold, skipped), (0, vec![0; REPLICAS]));
}

fn start(clients: &[Client]) -> (Arc<Load>, JoinSet<()>) {
    let load = Arc::new(Load {
        clients: clients.to_vec(),
        part: AtomicUsize::new(0),
        acknowledged: Mutex::default(),
        told: Mutex::default(),
        is_over: AtomicBool::new(false),
    });
    let mut tasks = JoinSet::new();
    tasks.spawn(load.clone().desk());
    for number in 0..CUSTOMERS {
        tasks.spawn(load.clone().customer(number));
    }
    (load, tasks)
}

/// The second agent is given contacts, and answers the token that it has then.
async fn be_given(client: &Client, many: usize) -> String {
    let mut stream = watch(client, "a2", "").await.unwrap();
    let mut token = next(&mut stream).await.resume_token;
    for _ in 0..many {
        let contact = submit(client, submission("voice")).await.unwrap();
        accept(client, &contact.id, "a2").await.unwrap();
        for _ in [Change::Offered, Change::Assigned] {
            token = next(&mut stream).await.resume_token;
        }
    }
    token
}

async fn next(stream: &mut Streaming<WatchAssignmentsResponse>) -> WatchAssignmentsResponse {
    timeout(BACK_WITHIN, stream.message()).await.expect("nothing is told").unwrap().unwrap()
}

/// How many contacts that were acknowledged for certain the desk was never told of.
async fn untold(load: &Load, until: Instant) -> usize {
    loop {
        let told = load.told.lock().unwrap().clone();
        let untold = load.of(Part::Kept).iter().filter(|id| !told.contains(id)).count();
        if untold == 0 || Instant::now() >= until {
            return untold;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A desk comes back with a token of the lost history, to each replica, after as much has happened as on that history and more. How
/// many of its contacts it is not told of, unless the token is refused.
async fn skipped_after(clients: &[Client], lost_token: &str) -> Vec<usize> {
    be_given(&clients[0], KEPT).await;
    let mut skipped = vec![];
    for client in clients {
        skipped.push(match told_after(client, lost_token).await {
            Ok(told) => KEPT.saturating_sub(told.len()),
            Err(status) if is_refused_token(&status) => 0,
            Err(status) => panic!("{status:?}"),
        });
    }
    skipped
}

async fn told_after(client: &Client, lost_token: &str) -> Result<BTreeSet<String>, Status> {
    let mut stream = watch(client, "a2", lost_token).await?;
    let mut told = BTreeSet::new();
    while let Ok(message) = timeout(QUIET, stream.message()).await {
        let Some(event) = message? else { break };
        let contact = event.assignment.and_then(|assignment| assignment.contact);
        told.extend(contact.map(|contact| contact.id));
    }
    Ok(told)
}

fn is_refused_token(status: &Status) -> bool {
    segue_runtime::reason_of(status) == Some(ErrorReason::InvalidResumeToken)
}

/// All replicas say the same of everything; what was acknowledged for certain is there. Answers how many contacts are gone.
async fn are_agreed(clients: &[Client], load: &Load, until: Instant) -> usize {
    let acknowledged = load.acknowledged.lock().unwrap().clone();
    loop {
        let mut seen = vec![];
        for client in clients {
            seen.push(everything(client, &acknowledged).await);
        }
        if seen.windows(2).all(|pair| pair[0] == pair[1]) {
            let gone: Vec<Part> = acknowledged
                .iter()
                .zip(&seen[0].0)
                .filter(|(_, found)| found.is_none())
                .map(|((_, part), _)| *part)
                .collect();
            assert!(gone.iter().all(|part| *part == Part::MayBeLost), "lost: {gone:?}");
            return gone.len();
        }
        assert!(Instant::now() < until, "the replicas don't agree");
        tokio::time::sleep(PAUSE).await;
    }
}

type Everything = (Vec<Option<String>>, Vec<String>, String);

/// Every contact, by id and in the list, and the agents, as text.
async fn everything(client: &Client, acknowledged: &[(String, Part)]) -> Everything {
    let mut contacts = vec![];
    for (id, _) in acknowledged {
        contacts.push(get(client, id).await.ok().map(|contact| format!("{contact:?}")));
    }
    let mut agents = vec![];
    for id in ["a1", "a2"] {
        agents.push(format!("{:?}", get_agent(client, id).await.unwrap()));
    }
    let request = ListContactsRequest { page_size: 1000, ..Default::default() };
    let listed = client.clone().list_contacts(request).await.unwrap().into_inner();
    (contacts, agents, format!("{listed:?}"))
}
