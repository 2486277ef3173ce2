//! Many read long lists all the time. Who writes does not wait for them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use priority_router::Rules;
use segue_core::SystemClock;
use segue_proto::router::v1::ListContactsRequest;
use segue_testkit::{Databases, Storage};
use tokio::task::JoinSet;

use crate::{
    latencies::submit_meanwhile,
    rows::{self, ID},
    world::{Client, Local, abandon, submission, submit},
};

const READERS: usize = 24;
const CONTACTS: usize = if cfg!(debug_assertions) { 8_000 } else { 20_000 };
/// Of them wait: a list says at which place.
const WAITING: usize = 1000;
/// A debug build spends 50 ms of a core on writing and reading 1000 contacts: 24 readers of such pages leave nothing for others.
const PAGE: i32 = if cfg!(debug_assertions) { 200 } else { 1000 };
const INTERVAL: Duration = Duration::from_millis(100);
const MEASURED: Duration = Duration::from_secs(if cfg!(debug_assertions) { 4 } else { 8 });
const P99: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1500 } else { 250 });

segue_testkit::on_durable_engines!(do_not_starve_a_writer);

async fn do_not_starve_a_writer(storage: Storage) {
    let databases = Databases::alone(storage);
    let url = databases.create();
    let start = || Local::start(&url, Rules::default(), Arc::new(SystemClock));
    let router = start().await;
    let contact = submit(&router.client, submission("chat")).await.unwrap();
    abandon(&router.client, &contact.id).await.unwrap();
    router.stop().await;
    let mut conn = rows::open(&url).await;
    let session = ("session", "'old-' || CAST(n AS TEXT)".to_owned());
    rows::copy(&mut conn, storage, "contacts", CONTACTS - WAITING, &[("id", ID.to_owned()), session]).await;
    let router = start().await;
    wait_in_line(&router.client).await;

    let clients = std::slice::from_ref(&router.client);
    let (alone, ()) = submit_meanwhile(clients, INTERVAL, tokio::time::sleep(MEASURED / 4)).await;
    alone.print(&format!("{storage:?}, submits with no reader"));
    let pages = Arc::new(AtomicUsize::new(0));
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        readers.spawn(read(router.client.clone(), pages.clone()));
    }
    let (beside, ()) = submit_meanwhile(clients, INTERVAL, tokio::time::sleep(MEASURED)).await;
    readers.shutdown().await;
    beside.print(&format!("{storage:?}, submits beside {READERS} readers"));
    println!("{storage:?}: {} pages of {PAGE} contacts were read", pages.load(Ordering::Relaxed));
    assert!(beside.percentile(99) < P99, "p99 {:?}", beside.percentile(99));
    router.stop().await;
}

async fn wait_in_line(client: &Client) {
    let mut customers = JoinSet::new();
    for _ in 0..WAITING {
        let client = client.clone();
        customers.spawn(async move { drop(submit(&client, submission("chat")).await.unwrap()) });
    }
    customers.join_all().await;
}

async fn read(client: Client, pages: Arc<AtomicUsize>) {
    let request = ListContactsRequest { page_size: PAGE, ..Default::default() };
    loop {
        if client.clone().list_contacts(request.clone()).await.is_ok() {
            pages.fetch_add(1, Ordering::Relaxed);
        }
    }
}
