use prost::Message as _;
use segue_proto::{
    common::v1::Session,
    issuer::v1::{CodeStrength, DeliveryState, Handoff, HandoffState, HandoffTarget, RedeemCodeResponse},
    router::v1::Priority,
    selector::v1::SelectPlatformResponse,
};
use segue_runtime::timestamp;

use crate::{
    domain::handoff::{Delivery, State},
    store::Record,
};

pub(super) fn handoff(record: &Record, now_ms: i64) -> Handoff {
    // What was stored was encoded by us; a handoff without its explanation is better than none.
    let selection = SelectPlatformResponse::decode(record.selection.as_slice()).unwrap_or_default();
    Handoff {
        id: record.id.clone(),
        state: state(record.state_at(now_ms)).into(),
        work_order: record.work_order.clone(),
        agent: record.agent.clone(),
        source: Some(Session {
            platform: record.source_platform.clone(),
            session: record.source_session.clone(),
        }),
        target: Some(HandoffTarget {
            platform: record.target_platform.clone(),
            account: only(record),
            accounts: record.accounts().map(str::to_owned).collect(),
        }),
        delivery_state: delivery(record.delivery).into(),
        contact_id: record.contact_id.clone(),
        create_time: timestamp(record.created_at),
        expire_time: timestamp(record.expires_at),
        candidates: selection.candidates,
        generation: record.generation,
        update_time: timestamp(record.updated_at),
        failure: record.failure.clone(),
        strength: CodeStrength::decode(record.strength.as_slice())
            .ok()
            .filter(|strength| strength.needed_bits > 0.0),
        revoke_deadline: revoke_deadline(record),
        locale: record.locale.tag().to_owned(),
        lockout_end_time: None,
        retired_faces: vec![],
    }
}

/// The account that the code is bound to, where there is no other.
fn only(record: &Record) -> String {
    let mut accounts = record.accounts();
    accounts.next().filter(|_| accounts.next().is_none()).unwrap_or_default().to_owned()
}

/// Once the state rules a revocation out, a deadline would only mislead.
fn revoke_deadline(record: &Record) -> Option<prost_types::Timestamp> {
    let revocable = matches!(record.state, State::Redeemed | State::Admitted | State::Switched);
    (revocable && record.revocable_until > 0).then(|| timestamp(record.revocable_until)).flatten()
}

pub(super) fn redeemed(record: Record) -> RedeemCodeResponse {
    RedeemCodeResponse {
        handoff_id: record.id,
        priority: Priority::Handoff.into(),
        agent: record.contact_agent,
        work_order: record.work_order,
        contact_id: record.contact_id,
        contact_state: record.contact_state,
    }
}

pub(super) fn is_final(handoff: &Handoff) -> bool {
    state_from(handoff.state()).is_some_and(State::is_final)
}

pub(super) fn state_from(wire: HandoffState) -> Option<State> {
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
