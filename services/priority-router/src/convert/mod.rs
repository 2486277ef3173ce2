//! The contract's messages and the domain's types, each way once.

mod agent;
mod contact;
mod entry;

pub(crate) use agent::agent;
pub(crate) use contact::{Kept, assignment, contact, event, kept_contact, open, stored_attributes};
pub(crate) use entry::entry;

/// A span of time, never negative.
pub(crate) fn duration(millis: i64) -> prost_types::Duration {
    let millis = millis.max(0);
    let nanos = i32::try_from(millis % 1000 * 1_000_000).unwrap_or_default();
    prost_types::Duration { seconds: millis / 1000, nanos }
}

/// A number that the contract has in 32 bits.
pub(crate) fn small(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use segue_proto::router::v1 as proto;

    use crate::domain::{ContactState, EventKind, Presence, PresenceReason, Priority, WaitsFor};

    /// More than any of these enums has.
    const NUMBERS: std::ops::Range<i32> = 1..100;

    #[test]
    fn stored_numbers_are_those_of_the_contract() {
        for number in NUMBERS {
            let code = i64::from(number);
            assert_eq!(ContactState::of_code(code).is_some(), proto::ContactState::try_from(number).is_ok());
            assert_eq!(EventKind::of_code(code).is_some(), proto::ContactEventKind::try_from(number).is_ok());
            assert_eq!(Priority::of_code(code).is_some(), proto::Priority::try_from(number).is_ok());
            assert_eq!(Presence::of_code(code).is_some(), proto::Presence::try_from(number).is_ok());
            assert_eq!(
                PresenceReason::of_code(code).is_some(),
                proto::PresenceReason::try_from(number).is_ok()
            );
        }
        assert_eq!(ContactState::Expired as i32, proto::ContactState::Expired as i32);
        for (kind, shown) in [
            (EventKind::Expired, proto::ContactEventKind::Expired),
            (EventKind::Transferred, proto::ContactEventKind::Transferred),
            (EventKind::Rejoined, proto::ContactEventKind::Rejoined),
            (EventKind::Admitted, proto::ContactEventKind::Admitted),
        ] {
            assert_eq!(kind as i32, shown as i32, "{kind:?}");
        }
        for (waits_for, shown) in [
            (WaitsFor::Nothing, proto::WaitReason::Unspecified),
            (WaitsFor::AnyAgent, proto::WaitReason::AnyAgent),
            (WaitsFor::BusyAgent, proto::WaitReason::NamedAgentBusy),
            (WaitsFor::AbsentAgent, proto::WaitReason::NamedAgentOffline),
            (WaitsFor::AgentElsewhere, proto::WaitReason::NamedAgentNotOnPlatform),
            (WaitsFor::AnyAgentOnPlatform, proto::WaitReason::NoAgentOnPlatform),
            (WaitsFor::AnyAgentWithSkills, proto::WaitReason::NoAgentWithSkills),
        ] {
            assert_eq!(waits_for as i32, shown as i32, "{waits_for:?}");
        }
    }
}
