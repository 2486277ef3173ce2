//! What a turn writes to the log for the memory of other replicas.

use serde::{Deserialize, Serialize};

use crate::domain::{Name, Row};

/// The form in which changes are written. Raise it when a type in `domain/rows.rs` changes: the form does not tell by itself, and
/// replicas that know another one load anew.
pub(super) const FORMAT: i64 = 1;

/// The changes of a turn.
#[derive(Debug, Deserialize)]
pub(super) struct Changes {
    pub rows: Vec<Row>,
    /// Agents who are told of something.
    pub told: Vec<Name>,
}

/// The changes of a turn that are written.
#[derive(Serialize)]
struct Written<'c> {
    rows: &'c [Row],
    told: &'c [Name],
}

/// None for what can't be written, which no type here is.
pub(super) fn encode(rows: &[Row], told: &[Name]) -> Option<Vec<u8>> {
    postcard::to_stdvec(&Written { rows, told }).ok()
}

impl Changes {
    /// None for another form.
    pub(super) fn decode(format: i64, bytes: &[u8]) -> Option<Self> {
        if format == FORMAT { postcard::from_bytes(bytes).ok() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use segue_core::hex;
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::domain::{
        Abilities, Absence, Agent, CodeHash, Contact, ContactId, Desk, Ending, Entry, EntryRow, Gone, Hold,
        Named, Others, Presence, PresenceReason, Priority, QueueName, ReplicaId, Served, Stage, Stream,
        StreamId, WrapUp,
    };

    /// Change it together with [`FORMAT`], or replicas of two versions read each other's changes wrongly.
    const ENCODED: (i64, &str) = (1, "d3ca5816e096d9f8c410c7e6c2eef394c4d2c2b1918b19d6d1a37780d71512e2");

    fn encoded(changes: &Changes) -> Vec<u8> {
        encode(&changes.rows, &changes.told).unwrap()
    }

    fn agent() -> Agent {
        let served = Served { cost_units: 33, wrap_up_seconds: 30 };
        let abilities = Abilities {
            display_name: "Ada".into(),
            capacity_units: 100,
            skills: ["claims".into()].into(),
            platforms: [("chat".into(), served)].into(),
        };
        Agent {
            abilities: Arc::new(abilities),
            presence: Presence::Away,
            presence_reason: PresenceReason::DeskLost,
            presence_at: Some(1),
            desk: Desk::Unwatched,
            gone: None,
            kept_for: Some(queue()),
            missed_offers: 2,
            idle_turn: 3,
            last_seq: 4,
            acknowledged_seq: 5,
        }
    }

    fn agents() -> Vec<Row> {
        let lost = Gone { since: 6, why: Absence::DeskLost { before: Presence::Available } };
        let left = Gone { since: 6, why: Absence::SignedOut };
        let agents = [
            Some(agent()),
            Some(Agent { desk: Desk::Connected, gone: Some(lost), ..agent() }),
            Some(Agent { desk: Desk::Leased { until: 7 }, gone: Some(left), ..agent() }),
            Some(Agent { presence: Presence::Offline, presence_at: None, kept_for: None, ..agent() }),
            None,
        ];
        agents.map(|agent| Row::Agent("ada".into(), agent)).into()
    }

    fn queue() -> QueueName {
        QueueName { platform: "chat".into(), skills: ["claims".into(), "english".into()].into() }
    }

    fn contact(class: Priority, stage: Stage, others: Option<Others>) -> Row {
        let contact = Contact {
            stage,
            class,
            queue: queue(),
            session: "session".into(),
            named: others.map(|others| Named { agent: "ada".into(), others, asked: true }),
            handoff: others.map(|_| "handoff".into()),
            arrival: 1,
            created_at: 2,
            updated_at: 3,
            waited_until: Some(4),
            answered_at: others.map(|_| 5),
            ttl_ms: 6,
            expires_at: -7,
            last_seq: 8,
        };
        Row::Contact(ContactId(u128::MAX - 1), contact)
    }

    fn contacts() -> Vec<Row> {
        let agent = || Name::from("ada");
        let over = |ending, agent| Stage::Over { ending, agent };
        vec![
            contact(Priority::Low, Stage::Waiting, None),
            contact(Priority::Normal, Stage::Offered { agent: agent(), units: 33, until: 9 }, None),
            contact(Priority::High, Stage::Assigned { agent: agent(), units: 33 }, Some(Others::Never)),
            contact(Priority::Urgent, over(Ending::Completed, Some(agent())), Some(Others::Since(1))),
            contact(Priority::Handoff, over(Ending::Abandoned, None), Some(Others::From(2))),
            contact(Priority::Normal, over(Ending::HandedOff, None), None),
            contact(Priority::Normal, over(Ending::Expired, None), None),
        ]
    }

    fn entries() -> Vec<Row> {
        let entry = Entry {
            generation: 1,
            agent: "ada".into(),
            source_platform: "chat".into(),
            source_session: "session".into(),
            source: Some(ContactId(2)),
            source_skills: Some(queue().skills),
            target_platform: "voice".into(),
            cost_units: 100,
            hold: Some(Hold { units: 50, until: 3 }),
            same_agent_only: true,
            expires_at: 4,
            codes: vec![CodeHash("hash".into())],
        };
        let bare = Entry { source: None, source_skills: None, hold: None, codes: vec![], ..entry.clone() };
        let rows = [
            EntryRow::Live(entry),
            EntryRow::Live(bare),
            EntryRow::Admitted { contact: ContactId(5), at: 6 },
            EntryRow::Released { at: 7 },
        ];
        rows.map(|row| Row::Entry("handoff".into(), row)).into()
    }

    /// Of every kind, in every form.
    fn changes() -> Changes {
        let wrap_up = WrapUp { agent: "ada".into(), units: 33, until: 1 };
        let stream = Stream { agent: "ada".into(), replica: ReplicaId(2) };
        let mut rows = [agents(), contacts(), entries()].concat();
        rows.extend([Some(1), None].map(|until| Row::BackOff(ContactId(1), "ada".into(), until)));
        rows.extend([Some(wrap_up), None].map(|row| Row::WrapUp(ContactId(1), row)));
        rows.extend([Some(stream), None].map(|row| Row::Stream(StreamId(1), row)));
        rows.extend([Some(1), None].map(|until| Row::Replica(ReplicaId(1), until)));
        Changes { rows, told: vec!["ada".into()] }
    }

    #[test]
    fn what_is_written_is_of_the_format_that_is_told() {
        let hash = hex(Sha256::digest(encoded(&changes())));
        assert_eq!(
            (FORMAT, hash.as_str()),
            ENCODED,
            "the form of the changes is another one: raise FORMAT, and put both here"
        );
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let changes = changes();
        let encoded = encoded(&changes);
        let read = Changes::decode(FORMAT, &encoded).unwrap();
        assert_eq!((read.rows, read.told), (changes.rows, changes.told));
        assert!(Changes::decode(FORMAT + 1, &encoded).is_none());
        assert!(Changes::decode(FORMAT, &encoded[..encoded.len() - 1]).is_none());
    }
}
