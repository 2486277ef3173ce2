//! How soon a desk sees the handoff: from the call that admits it to the event on the agent's stream, while others work.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use segue_proto::{
    common::v1::Session,
    router::v1::{
        AdmitHandoffRequest, AssignmentChange, PutServiceListEntryRequest, WatchAssignmentsRequest,
        WatchAssignmentsResponse,
    },
};
use segue_runtime::timestamp;
use segue_testkit::request_id;
use tonic::Streaming;

use crate::load::{CALLERS, Load, percentile, timed};

const HANDOFFS: usize = 200;
/// Callers who go on with ordinary contacts meanwhile.
const BUSY: usize = CALLERS / 4;

pub async fn measure(load: &Arc<Load>) {
    let done = Arc::new(AtomicBool::new(false));
    let mut busy = tokio::task::JoinSet::new();
    for caller in 0..BUSY {
        let (load, done) = (load.clone(), done.clone());
        busy.spawn(async move {
            while !done.load(Ordering::Relaxed) {
                load.submit(caller).await;
            }
        });
    }
    // One who takes nothing but handoffs, so that it is free when they come.
    let agent = "desk".to_owned();
    load.put(&agent, &["video"]).await;
    let request = WatchAssignmentsRequest { agent: agent.clone(), ..Default::default() };
    let mut desk = load.client(0).watch_assignments(request).await.unwrap().into_inner();
    let (mut admitted, mut seen) = (vec![], vec![]);
    for _ in 0..HANDOFFS {
        let start = Instant::now();
        let id = hand_off(load, &agent, &mut admitted).await;
        wait_for(&mut desk, &id).await;
        seen.push(start.elapsed());
        load.complete(0, &id, &agent).await;
    }
    done.store(true, Ordering::Relaxed);
    while busy.join_next().await.is_some() {}
    let shown =
        |took: &mut Vec<Duration>| format!("{:.1}/{:.1} ms", percentile(took, 0.5), percentile(took, 0.99));
    println!(
        "\n{HANDOFFS} handoffs while {BUSY} callers submit: admitted p50/p99 {}, put and admitted and seen by the desk {}\n",
        shown(&mut admitted),
        shown(&mut seen)
    );
}

async fn hand_off(load: &Load, agent: &str, admitted: &mut Vec<Duration>) -> String {
    let handoff_id = request_id();
    let code_hash = handoff_id.replace('-', "");
    let now_ms = segue_core::Clock::now_ms(&segue_core::SystemClock);
    let entry = PutServiceListEntryRequest {
        handoff_id: handoff_id.clone(),
        generation: 1,
        work_order: "WO-1".to_owned(),
        agent: agent.to_owned(),
        source: Some(Session { platform: "hotline".to_owned(), session: "call".to_owned() }),
        target_platform: "video".to_owned(),
        cost_units: 100,
        code_hashes: vec![code_hash.clone()],
        expire_time: timestamp(now_ms + 600_000),
        ..Default::default()
    };
    load.client(1).put_service_list_entry(entry).await.unwrap();
    let admit =
        AdmitHandoffRequest { handoff_id, code_hash, platform: "video".to_owned(), session: "to".to_owned() };
    let mut client = load.client(1);
    timed(admitted, client.admit_handoff(admit)).await.unwrap().into_inner().contact.unwrap().id
}

async fn wait_for(desk: &mut Streaming<WatchAssignmentsResponse>, id: &str) {
    loop {
        let event = desk.message().await.unwrap().unwrap();
        let Some(assignment) = event.assignment else { continue };
        if assignment.change() == AssignmentChange::Assigned
            && assignment.contact.is_some_and(|contact| contact.id == id)
        {
            return;
        }
    }
}
