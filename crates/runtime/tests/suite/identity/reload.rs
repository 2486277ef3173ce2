//! New certificates, authorities and identities while calls go on.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use segue_proto::common::v1::ErrorReason;
use segue_runtime::Stop;
use segue_testkit::{Authority, wait_for};

use super::{ISSUER, World, asked, end, start};

/// Calls over one connection and over ever new ones, until told to end; counts the answers, and panics at a failure.
fn load(world: &Arc<World>, running: &Arc<segue_runtime::Running>, over: &Arc<AtomicBool>) -> Load {
    let answered = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
    let issued = world.authority.issue("issuer", ISSUER);
    let tasks = [false, true].map(|anew| {
        let (world, running, over) = (world.clone(), running.clone(), over.clone());
        let (answered, issued) = (answered.clone(), issued.clone());
        tokio::spawn(async move {
            let mut client = world.client(&running, Some(&issued)).await.unwrap();
            while !over.load(Ordering::Relaxed) {
                if anew {
                    client = world.client(&running, Some(&issued)).await.unwrap();
                }
                assert_eq!(asked(&mut client, None).await, None);
                answered[usize::from(anew)].fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    Load { answered, tasks }
}

struct Load {
    answered: Arc<[AtomicU64; 2]>,
    tasks: [tokio::task::JoinHandle<()>; 2],
}

impl Load {
    /// Waits for so many more answers of each kind.
    async fn goes_on(&self, more: u64) {
        let now = || [0, 1].map(|kind: usize| self.answered[kind].load(Ordering::Relaxed));
        let then = now();
        wait_for("more answers", || async {
            let now = now();
            assert!(self.tasks.iter().all(|task| !task.is_finished()), "a call has failed");
            (0..2).all(|kind| now[kind] >= then[kind] + more)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_comes_into_use_and_no_call_fails() {
    let (world, stop) = (Arc::new(World::new()), Stop::new());
    let running = Arc::new(start(&world.settings(), &stop).await);
    let over = Arc::new(AtomicBool::new(false));
    let load = load(&world, &running, &over);
    load.goes_on(20).await;

    let shown = || world.shown_certificate(running.address);
    let mut before = shown().await;
    for _ in 0..3 {
        // The two files are written one after the other: in between they don't fit each other.
        world.authority.issue("server", "spiffe://segue.local/service/server");
        wait_for("the new certificate", || async { shown().await != before }).await;
        before = shown().await;
        load.goes_on(20).await;
    }
    // What is no good is not taken, and what was goes on.
    fs::write(world.folder.path().join("server.key"), "nonsense").unwrap();
    load.goes_on(50).await;
    over.store(true, Ordering::Relaxed);
    for task in load.tasks {
        task.await.unwrap();
    }
    end(Arc::into_inner(running).unwrap(), &stop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_is_replaced_step_by_step() {
    let (world, stop) = (World::new(), Stop::new());
    let running = start(&world.settings(), &stop).await;
    let others = tempfile::tempdir().unwrap();
    let next = Authority::new(others.path(), "next");
    let new = next.issue("issuer", ISSUER);
    let old = world.authority.issue("issuer", ISSUER);
    let lets_in = async |issued| match world.client(&running, Some(issued)).await {
        Ok(mut client) => client
            .deliver_access_info(segue_proto::channel::v1::DeliverAccessInfoRequest::default())
            .await
            .is_ok(),
        Err(_) => false,
    };
    assert!(lets_in(&old).await && !lets_in(&new).await);
    let only_old = fs::read_to_string(&world.authority.file).unwrap();
    let only_new = fs::read_to_string(&next.file).unwrap();
    // The client goes on trusting the old one, from which the server's certificate still is.
    let file = world.trusted_by_server();
    fs::write(&file, format!("{only_old}{only_new}")).unwrap();
    wait_for("both", || async { lets_in(&new).await }).await;
    assert!(lets_in(&old).await);
    fs::write(&file, only_new).unwrap();
    wait_for("the new one only", || async { !lets_in(&old).await }).await;
    assert!(lets_in(&new).await);
    end(running, &stop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_taken_out_of_the_identities_is_refused_on_open_connections_too() {
    let (world, stop) = (World::new(), Stop::new());
    let running = start(&world.settings(), &stop).await;
    let client = world.client(&running, Some(&world.authority.issue("issuer", ISSUER))).await.unwrap();
    assert_eq!(asked(&mut client.clone(), None).await, None);
    fs::write(&world.identities, "[[identity]]\nsubject = \"unfinished\n").unwrap();
    let others = "[[identity]]\nsubject = \"somebody\"\nroles = [\"operator\"]\n";
    fs::write(&world.identities, others).unwrap();
    wait_for("the refusal", || async { asked(&mut client.clone(), None).await.is_some() }).await;
    assert_eq!(asked(&mut client.clone(), None).await, Some(ErrorReason::CallerNotAllowed));
    end(running, &stop).await;
}
