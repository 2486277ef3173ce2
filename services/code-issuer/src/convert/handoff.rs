use prost::Message as _;
use segue_proto::{
    common::v1::Session,
    issuer::v1::{CodeStrength, DeliveryState, Handoff, HandoffState, HandoffTarget, RedeemCodeResponse},
    router::v1::Priority,
    selector::v1::{Candidate, SelectPlatformResponse},
};
use segue_runtime::timestamp;

use crate::{
    domain::handoff::{self, Delivery, State},
    store::Stored,
};

/// A handoff as it is seen at a time. Its candidates are given where they are known, else read from its documents.
pub(crate) fn handoff(stored: &Stored, candidates: Option<Vec<Candidate>>, now_ms: i64) -> Handoff {
    let Stored { handoff, documents } = stored;
    // What was stored was encoded by us; a handoff without its explanation is better than none.
    let candidates = candidates.unwrap_or_else(|| {
        SelectPlatformResponse::decode(documents.selection.as_slice()).unwrap_or_default().candidates
    });
    let accounts = &handoff.target.accounts;
    Handoff {
        id: handoff.id.clone(),
        state: state(handoff.state_at(now_ms)).into(),
        work_order: handoff.work_order.clone(),
        agent: handoff.agent.clone(),
        source: Some(source_session(handoff)),
        target: Some(HandoffTarget {
            platform: handoff.target.platform.clone(),
            // The account that the code is bound to, where there is no other.
            account: if let [only] = accounts.as_slice() { only.clone() } else { String::new() },
            accounts: accounts.clone(),
        }),
        delivery_state: delivery(handoff.delivery).into(),
        contact_id: handoff.stage.admission().map(|admission| admission.contact.clone()).unwrap_or_default(),
        create_time: timestamp(handoff.created_at),
        expire_time: timestamp(handoff.expires_at),
        candidates,
        generation: handoff.generation,
        update_time: timestamp(handoff.updated_at),
        failure: handoff.failure.clone().unwrap_or_default(),
        strength: CodeStrength::decode(documents.strength.as_slice())
            .ok()
            .filter(|strength| strength.needed_bits > 0.0),
        revoke_deadline: revoke_deadline(handoff),
        locale: handoff.locale.tag().to_owned(),
        lockout_end_time: None,
        retired_faces: vec![],
    }
}

/// The conversation that the customer comes from.
pub(crate) fn source_session(handoff: &handoff::Handoff) -> Session {
    Session { platform: handoff.source.platform.clone(), session: handoff.source.session.clone() }
}

/// Once the state rules a revocation out, a deadline would only mislead.
fn revoke_deadline(handoff: &handoff::Handoff) -> Option<prost_types::Timestamp> {
    let revocable = matches!(handoff.state(), State::Redeemed | State::Admitted | State::Switched);
    let redemption = handoff.stage.redemption().filter(|_| revocable)?;
    timestamp(redemption.revocable_until?)
}

/// What a platform is told of a customer who was admitted.
pub(crate) fn redeemed(handoff: handoff::Handoff) -> RedeemCodeResponse {
    let (contact_id, agent, contact_state) = match handoff.stage.admission() {
        Some(admission) => (admission.contact.clone(), admission.agent.clone(), admission.contact_state.0),
        None => Default::default(),
    };
    RedeemCodeResponse {
        handoff_id: handoff.id,
        priority: Priority::Handoff.into(),
        agent,
        work_order: handoff.work_order,
        contact_id,
        contact_state,
    }
}

pub(crate) fn is_final(handoff: &Handoff) -> bool {
    state_from(handoff.state()).is_some_and(State::is_final)
}

pub(crate) fn state_from(wire: HandoffState) -> Option<State> {
    State::ALL.into_iter().find(|known| state(*known) == wire)
}

fn state(known: State) -> HandoffState {
    match known {
        State::Issued => HandoffState::Issued,
        State::Redeemed => HandoffState::Redeemed,
        State::Admitted => HandoffState::Admitted,
        State::Switched => HandoffState::Switched,
        State::Expired => HandoffState::Expired,
        State::Cancelled => HandoffState::Cancelled,
        State::Failed => HandoffState::Failed,
        State::Revoked => HandoffState::Revoked,
    }
}

fn delivery(known: Delivery) -> DeliveryState {
    match known {
        Delivery::Pending => DeliveryState::Pending,
        Delivery::Delivered => DeliveryState::Delivered,
        Delivery::Failed => DeliveryState::Failed,
        Delivery::ByAgent => DeliveryState::ByAgent,
    }
}
