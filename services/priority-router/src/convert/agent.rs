use segue_proto::router::v1 as proto;
use segue_runtime::timestamp;

use super::small;
use crate::decider::ShownAgent;

pub(crate) fn agent(shown: &ShownAgent) -> proto::Agent {
    let (view, agent) = (&shown.view, &shown.view.agent);
    let abilities = &agent.abilities;
    proto::Agent {
        id: shown.id.to_string(),
        display_name: abilities.display_name.to_string(),
        skills: abilities.skills.iter().map(|skill| skill.to_string()).collect(),
        platforms: abilities
            .platforms
            .iter()
            .map(|(platform, how)| proto::AgentPlatform {
                platform: platform.to_string(),
                cost_units: small(how.cost_units),
                wrap_up_seconds: small(how.wrap_up_seconds),
            })
            .collect(),
        capacity_units: small(abilities.capacity_units),
        presence: small(agent.presence.code()),
        used_units: small(view.used_units),
        held_units: small(view.held_units),
        presence_time: agent.presence_at.and_then(timestamp),
        presence_reason: small(agent.presence_reason.code()),
        desk_connected: view.is_connected(),
        wrap_up_units: small(view.wrap_up_units),
        unacknowledged_events: match agent.acknowledged_seq {
            0 => 0,
            seq => small(agent.last_seq - seq),
        },
    }
}
