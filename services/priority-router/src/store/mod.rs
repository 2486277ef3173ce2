//! The router's SQL, one text per statement for both engines: rows in, domain types out. The tables are the truth; what a replica
//! remembers of them (`decider`) counts only while the lock row says that it is still so.
//!
//! To add a statement, put a function into the file of its table. Whatever decisions go by is written by a turn of the decider alone,
//! one statement for all rows of a table ([`segue_store::Rows`]), and read back by `load`.

pub(crate) mod agents;
pub(crate) mod contacts;
pub(crate) mod desks;
pub(crate) mod entries;
pub(crate) mod events;
pub(crate) mod history;
pub(crate) mod load;
pub(crate) mod past;
pub(crate) mod stats;
pub(crate) mod timers;
pub(crate) mod turns;

use std::collections::BTreeSet;

use segue_core::text::folded;
use segue_store::StoreError;

use crate::domain::Name;

/// A time that never comes, as it is stored.
const NEVER: i64 = i64::MAX;
/// Between skills, which have no line ends in them.
const SEPARATOR: &str = "\n";

fn join_skills(skills: &BTreeSet<Name>) -> String {
    skills.iter().map(|skill| &**skill).collect::<Vec<_>>().join(SEPARATOR)
}

/// Skills in the form in which they are compared; programs of before 0.2 stored them as they were sent.
fn split_skills(text: &str) -> BTreeSet<Name> {
    text.split(SEPARATOR).map(folded).filter(|skill| !skill.is_empty()).map(Name::from).collect()
}

/// A time that may never have been, stored as 0 then.
fn some_time(at: i64) -> Option<i64> {
    (at > 0).then_some(at)
}

fn of_code<T>(found: Option<T>) -> Result<T, StoreError> {
    found.ok_or(StoreError::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skills_read_back() {
        let skills: BTreeSet<Name> = ["claims".into(), "中文".into()].into();
        assert_eq!(split_skills(&join_skills(&skills)), skills);
        assert!(split_skills("").is_empty());
        assert_eq!(split_skills("Claims"), ["claims".into()].into());
    }
}
