use segue_runtime::audit::object;
use segue_store::{StoreError, audit::Change};
use sqlx::{Row as _, any::AnyRow};

use crate::domain::{
    handoff::{Delivery, State},
    locale::Locale,
};

/// A handoff as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub id: String,
    pub state: State,
    pub work_order: String,
    pub agent: String,
    pub source_platform: String,
    pub source_session: String,
    pub target_platform: String,
    /// Reference to the customer's account there; empty when the code is not bound.
    pub target_account: String,
    /// References to further accounts that match and that the code is bound to as well, with spaces between.
    pub other_accounts: String,
    pub delivery: Delivery,
    pub generation: i32,
    pub agent_policy: i32,
    pub locale: Locale,
    pub ttl_ms: i64,
    /// `SelectPlatformResponse`, encoded.
    pub selection: Vec<u8>,
    /// `RemainingWork`, encoded.
    pub remaining_work: Vec<u8>,
    /// `CodeStrength`, encoded.
    pub strength: Vec<u8>,
    pub redeem_hash: String,
    pub redeem_session: String,
    pub contact_id: String,
    pub contact_agent: String,
    pub contact_state: i32,
    pub failure: String,
    /// Until when it can be revoked; 0 before the redemption, or when it never can.
    pub revocable_until: i64,
    pub created_at: i64,
    pub updated_at: i64,
    pub expires_at: i64,
}

impl Record {
    /// The state at a time: a code that nobody entered is dead at its end, whether the sweep was there or not.
    pub fn state_at(&self, now_ms: i64) -> State {
        if self.state == State::Issued && self.expires_at <= now_ms { State::Expired } else { self.state }
    }

    /// The accounts that the code is bound to.
    pub fn accounts(&self) -> impl Iterator<Item = &str> {
        self.target_account.split_whitespace().chain(self.other_accounts.split_whitespace())
    }

    /// Calls to the router about it are made in order; a late registration can't overtake a release.
    pub fn lane(&self) -> String {
        lane(&self.id)
    }

    /// Deliveries have a lane of their own, so that nobody waits for a platform's adapter.
    pub fn delivery_lane(&self) -> String {
        format!("{}/delivery", self.id)
    }
}

pub(crate) fn lane(handoff_id: &str) -> String {
    handoff_id.to_owned()
}

/// For the audit log: what state an act has brought a handoff into.
pub(super) fn moved(from: State, record: &Record) -> Change {
    Change {
        resource: format!("handoff/{}", record.id),
        old_value: object(&[("state", from.name())]),
        new_value: object(&[("state", record.state.name())]),
    }
}

pub(super) fn read(row: &AnyRow) -> Result<Record, StoreError> {
    let text = |name: &str| row.try_get::<String, _>(name);
    let number = |name: &str| row.try_get::<i64, _>(name);
    let small = |name: &str| -> Result<i32, StoreError> {
        i32::try_from(row.try_get::<i64, _>(name)?).map_err(|_| StoreError::Failed)
    };
    Ok(Record {
        id: text("id")?,
        state: State::parse(&text("state")?).ok_or(StoreError::Failed)?,
        work_order: text("work_order")?,
        agent: text("agent")?,
        source_platform: text("source_platform")?,
        source_session: text("source_session")?,
        target_platform: text("target_platform")?,
        target_account: text("target_account")?,
        other_accounts: text("other_accounts")?,
        delivery: Delivery::parse(&text("delivery")?).ok_or(StoreError::Failed)?,
        generation: small("generation")?,
        agent_policy: small("agent_policy")?,
        locale: Locale::parse(&text("locale")?).ok_or(StoreError::Failed)?,
        ttl_ms: number("ttl_ms")?,
        selection: row.try_get("selection")?,
        remaining_work: row.try_get("remaining_work")?,
        strength: row.try_get("strength")?,
        redeem_hash: text("redeem_hash")?,
        redeem_session: text("redeem_session")?,
        contact_id: text("contact_id")?,
        contact_agent: text("contact_agent")?,
        contact_state: small("contact_state")?,
        failure: text("failure")?,
        revocable_until: number("revocable_until")?,
        created_at: number("created_at")?,
        updated_at: number("updated_at")?,
        expires_at: number("expires_at")?,
    })
}
