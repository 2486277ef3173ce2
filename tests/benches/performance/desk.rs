//! How soon a desk sees a handoff, while others work: from the customer's code to the event on the agent's stream.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use segue_proto::router::v1::{AssignmentChange, WatchAssignmentsRequest, WatchAssignmentsResponse};
use segue_tests::performance::{Engine, Round, Subject};
use tokio::task::JoinSet;
use tonic::Streaming;

use crate::{
    bench::{Bench, Case},
    callers::Counted,
    contact, handoff,
    system::{System, TARGET},
};

/// It has nothing but handoffs, so that it is free when they come.
const AGENT: &str = "desk";

/// Handoffs one after the other, beside callers with ordinary contacts.
pub async fn measure(bench: &mut Bench, system: &Arc<System>, engine: Engine) {
    let busy = bench.plan.callers / 4;
    system.sign_in(0, AGENT, &[TARGET], 10).await.unwrap();
    let mut router = system.clients(0).router;
    let request = WatchAssignmentsRequest { agent: AGENT.to_owned(), ..Default::default() };
    let mut desk = router.watch_assignments(request).await.unwrap().into_inner();
    bench.echoes().await;
    let done = Arc::new(AtomicBool::new(false));
    let mut others = JoinSet::new();
    for caller in 0..busy {
        let (system, done) = (system.clone(), done.clone());
        others.spawn(async move {
            while !done.load(Ordering::Relaxed) {
                contact::whole(system.clone(), caller).await.unwrap();
            }
        });
    }
    let (start, mut took) = (Instant::now(), vec![]);
    for _ in 0..bench.plan.handoffs_seen {
        let code = handoff::create(system, 0, system.number(), AGENT.to_owned()).await.unwrap();
        let began = Instant::now();
        let redeemed = handoff::redeem(system, 0, code.redemption).await.unwrap();
        wait_for(&mut desk, &redeemed.contact_id).await;
        took.push(began.elapsed().as_secs_f64() * 1_000.0);
        contact::complete(system, 0, redeemed.contact_id, AGENT.to_owned()).await.unwrap();
    }
    let counted = Counted::of(start.elapsed(), took);
    done.store(true, Ordering::Relaxed);
    while let Some(other) = others.join_next().await {
        other.unwrap();
    }
    let case = Case { subject: Subject::HandoffSeen, engine: Some(engine), replicas: 1, callers: busy };
    bench.record(case, Round::default(), &counted);
}

async fn wait_for(desk: &mut Streaming<WatchAssignmentsResponse>, id: &str) {
    loop {
        let event = desk.message().await.unwrap().expect("the stream goes on");
        let assigned = event.assignment.filter(|one| one.change() == AssignmentChange::Assigned);
        if assigned.and_then(|one| one.contact).is_some_and(|contact| contact.id == id) {
            return;
        }
    }
}
