//! All that can be seen of the model and of the router, as lines of text that have to be equal.

use std::{collections::BTreeMap, fmt::Debug};

use segue_proto::router::v1::{
    GetQueueStatsRequest, ListAgentsRequest, ListContactEventsRequest, ListContactsRequest, PresenceReason,
};
use segue_runtime::millis_of;

use crate::{
    command::{AGENTS, PLATFORMS},
    reality::Reality,
    reference::Model,
};

/// One line for each agent and each contact.
pub fn of_model(model: &Model) -> Vec<String> {
    let agents = (0..AGENTS).filter(|id| model.agents[*id].exists).map(|id| {
        let agent = &model.agents[id];
        let connected = agent.connected;
        format!(
            "a{id} {:?} {:?} used {} held {} wrap-up {} connected {connected}",
            agent.presence,
            agent.reason,
            model.used(id),
            model.held(id),
            model.wrap_up(id)
        )
    });
    let contacts = model.contacts.iter().enumerate().map(|(index, contact)| {
        let overflow_at = contact.named.as_ref().and_then(|named| named.overflow_at);
        let overflow_at = overflow_at.filter(|_| contact.is_waiting() && !contact.open);
        line_of_contact(
            index,
            &contact.state,
            &contact.priority,
            contact.agent,
            model.position(index),
            model.waits_for(index) as i32,
            overflow_at.unwrap_or_default(),
        )
    });
    agents.chain(contacts).collect()
}

/// The same, asked of the router.
pub async fn of_router(reality: &Reality<'_>) -> Vec<String> {
    let request = ListAgentsRequest { skill: reality.own_skill(), page_size: 1000, ..Default::default() };
    let agents = reality.client().list_agents(request).await.unwrap().into_inner().agents;
    let mut lines: Vec<String> = (0..AGENTS)
        .filter_map(|id| {
            let agent = agents.iter().find(|agent| agent.id == reality.agent(id))?;
            Some(format!(
                "a{id} {:?} {:?} used {} held {} wrap-up {} connected {}",
                agent.presence(),
                PresenceReason::try_from(agent.presence_reason).unwrap(),
                agent.used_units,
                agent.held_units,
                agent.wrap_up_units,
                agent.desk_connected
            ))
        })
        .collect();
    let mut contacts = BTreeMap::new();
    for platform in 0..PLATFORMS.len() {
        let platform = reality.platform(platform);
        let request = ListContactsRequest { platform, page_size: 1000, ..Default::default() };
        for contact in reality.client().list_contacts(request).await.unwrap().into_inner().contacts {
            let index = reality.contacts.iter().position(|id| *id == contact.id).unwrap();
            let agent = (0..AGENTS).find(|agent| reality.agent(*agent) == contact.agent);
            let line = line_of_contact(
                index,
                &contact.state(),
                &contact.priority(),
                agent,
                contact.position,
                contact.wait_reason,
                millis_of(contact.overflow_time.as_ref()),
            );
            contacts.insert(index, line);
        }
    }
    lines.extend(contacts.into_values());
    lines
}

fn line_of_contact(
    index: usize,
    state: &impl Debug,
    priority: &impl Debug,
    agent: Option<usize>,
    position: i32,
    wait_reason: i32,
    overflow_at: i64,
) -> String {
    let agent = agent.map_or("nobody".to_owned(), |agent| format!("a{agent}"));
    format!(
        "c{index} {state:?} {priority:?} {agent} place {position} waits for {wait_reason} overflow {overflow_at}"
    )
}

/// What happened to each contact, and the statistics.
pub fn history_of_model(model: &Model) -> Vec<String> {
    let log = model.contacts.iter().enumerate().map(|(index, contact)| {
        let events: Vec<_> = contact
            .log
            .iter()
            .map(|(kind, agent)| format!("{kind:?} {}", agent.map_or(String::new(), |id| format!("a{id}"))))
            .collect();
        format!("c{index} {}", events.join(", "))
    });
    let stats = model
        .served
        .iter()
        .map(|((platform, priority), counts)| format!("{} {priority:?} {counts:?}", PLATFORMS[*platform]));
    log.chain(stats).collect()
}

/// The same, asked of the router.
pub async fn history_of_router(reality: &Reality<'_>) -> Vec<String> {
    let mut lines = vec![];
    for (index, id) in reality.contacts.iter().enumerate() {
        let request = ListContactEventsRequest { id: id.clone(), page_size: 1000, ..Default::default() };
        let events = reality.client().list_contact_events(request).await.unwrap().into_inner().events;
        let shown = events.iter().map(|event| {
            let agent = (0..AGENTS).find(|agent| reality.agent(*agent) == event.agent);
            format!("{:?} {}", event.kind(), agent.map_or(String::new(), |id| format!("a{id}")))
        });
        lines.push(format!("c{index} {}", shown.collect::<Vec<_>>().join(", ")));
    }
    for (number, name) in PLATFORMS.iter().enumerate() {
        let request =
            GetQueueStatsRequest { platform: reality.platform(number), window_seconds: 24 * 60 * 60 };
        let mut stats = reality.client().get_queue_stats(request).await.unwrap().into_inner().stats;
        stats.sort_by_key(|stats| stats.priority);
        for stats in stats {
            let counts = [stats.answered, stats.answered_in_time, stats.abandoned];
            if counts != [0; 3] {
                lines.push(format!("{name} {:?} {counts:?}", stats.priority()));
            }
        }
    }
    lines
}
