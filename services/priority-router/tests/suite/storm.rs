//! Many callers at once, over two replicas where the engine allows: desks accept, decline and complete what their streams
//! bring; customers come, go, and some are handed off. At no time is an agent over capacity or a contact with two.

use std::collections::HashMap;

use segue_proto::router::v1::{
    AssignmentChange as Change, ContactEventKind as Kind, ContactState as State, ListAgentsRequest,
    ListContactEventsRequest, ListContactsRequest, Priority, WatchAssignmentsRequest,
};
use segue_testkit::wait_for;

use crate::world::{World, request};

segue_testkit::on_every_engine!(crate::engines::without_back_off => many_callers_at_once);

const AGENTS: usize = 20;
const CONTACTS: usize = 200;
const HANDOFFS: usize = 20;

async fn many_callers_at_once(world: World) {
    let other = world.replica().await;
    let replicas = [world.clone(), other];
    for number in 0..AGENTS {
        world.agent(&format!("a{number}"), &[], &[("chat", 33), ("video", 100)]).await;
    }
    let desks: Vec<_> = (0..AGENTS)
        .map(|number| tokio::spawn(desk(replicas[number % 2].clone(), format!("a{number}"))))
        .collect();
    let mut customers = tokio::task::JoinSet::new();
    for number in 0..CONTACTS {
        customers.spawn(customer(replicas[number % 2].clone(), number));
    }
    for number in 0..HANDOFFS {
        customers.spawn(handoff(replicas[number % 2].clone(), number));
    }
    let all_came = async {
        while let Some(done) = customers.join_next().await {
            done.unwrap();
        }
    };
    let all_ended = wait_for("all contacts to end", || async {
        nobody_is_over_capacity(&world).await;
        let contacts = all_contacts(&world).await;
        contacts.len() == CONTACTS + HANDOFFS && contacts.values().all(|state| is_final(*state))
    });
    tokio::join!(all_came, all_ended);
    for desk in desks {
        desk.abort();
    }
    let agents = world.rpc().list_agents(ListAgentsRequest::default()).await.unwrap().into_inner().agents;
    assert!(agents.iter().all(|agent| agent.used_units == 0 && agent.held_units == 0), "{agents:?}");
    no_contact_was_with_two(&world).await;
}

/// A customer who may be impatient.
async fn customer(world: World, number: usize) {
    let mut submitted =
        request(if number.is_multiple_of(4) { "video" } else { "chat" }, &format!("s{number}"));
    submitted.priority =
        [Priority::Low, Priority::Normal, Priority::High, Priority::Urgent][number % 4].into();
    let contact = world.submit(submitted).await;
    if number.is_multiple_of(10) {
        // It may have been completed meanwhile.
        drop(world.try_abandon(&contact.id).await);
    }
}

async fn handoff(world: World, number: usize) {
    let id = format!("h{number}");
    world.put_entry(world.entry(&id, &format!("a{}", number % AGENTS), "elsewhere")).await;
    let (first, second) = tokio::join!(world.admit(&id), world.admit(&id));
    assert_eq!(first.id, second.id);
}

/// Declines one offer in seven, completes all that it has.
async fn desk(world: World, agent: String) {
    let watch = WatchAssignmentsRequest { agent: agent.clone(), ..Default::default() };
    let mut stream = world.rpc().watch_assignments(watch).await.unwrap().into_inner();
    let mut offers = 0;
    while let Ok(Some(message)) = stream.message().await {
        let Some(assignment) = message.assignment else { continue };
        let id = assignment.contact.as_ref().unwrap().id.clone();
        // The offer may be withdrawn and the customer gone before the desk answers; both are refusals.
        match assignment.change() {
            Change::Offered => {
                offers += 1;
                if offers % 7 == 0 {
                    drop(world.try_decline(&id, &agent).await);
                } else {
                    drop(world.try_accept(&id, &agent).await);
                }
            }
            Change::Assigned => drop(world.try_complete(&id, &agent).await),
            Change::Withdrawn | Change::Ended | Change::Unspecified => {}
        }
    }
}

async fn nobody_is_over_capacity(world: &World) {
    let listed = world.rpc().list_agents(ListAgentsRequest::default()).await.unwrap().into_inner();
    for agent in listed.agents {
        assert!(agent.used_units <= agent.capacity_units, "{agent:?}");
    }
}

async fn all_contacts(world: &World) -> HashMap<String, State> {
    let request = ListContactsRequest { page_size: 1000, ..Default::default() };
    let listed = world.rpc().list_contacts(request).await.unwrap().into_inner().contacts;
    listed.into_iter().map(|contact| (contact.id.clone(), contact.state())).collect()
}

fn is_final(state: State) -> bool {
    matches!(state, State::Completed | State::Abandoned | State::HandedOff)
}

/// Reads the events of all contacts: a contact is given to another only after it was taken back.
async fn no_contact_was_with_two(world: &World) {
    for id in all_contacts(world).await.into_keys() {
        let request = ListContactEventsRequest { id: id.clone(), page_size: 1000, ..Default::default() };
        let events = world.rpc().list_contact_events(request).await.unwrap().into_inner().events;
        let mut holder = None;
        for event in &events {
            match event.kind() {
                Kind::Assigned | Kind::Offered if holder.as_ref().is_none_or(|had| *had == event.agent) => {
                    holder = Some(event.agent.clone());
                }
                Kind::Assigned | Kind::Offered => panic!("{id} is with two: {events:?}"),
                _ => holder = None,
            }
        }
        assert_eq!((events[0].kind(), holder), (Kind::Queued, None), "{events:?}");
    }
}
