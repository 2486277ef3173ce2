//! Tokens to go on with after a break, on any replica. A token names the agent's last event by its number, and by a mark that tells
//! it from another event with that number, which there may be after a failover that lost commits.

use segue_core::hex;
use segue_runtime::{Refusal, page};
use sha2::{Digest as _, Sha256};

use crate::{
    decider::Router,
    domain::{ContactId, Name},
    errors::invalid_resume_token,
    store::events,
};

/// A token that starts with the open contacts again: a stream cut among them must not go on after them.
const FROM_THE_START: &str = "start";
/// Hexadecimal digits of a mark.
const MARK_DIGITS: usize = 8;

/// Where a stream goes on.
#[derive(Debug, Clone, Copy)]
pub(super) enum StartAt {
    OpenContacts,
    After(i64),
}

/// What tells an event from another with the same number: its contact and its time.
pub(super) fn mark(contact: ContactId, at_ms: i64) -> String {
    let mut mark = hex(Sha256::digest(format!("{contact}{at_ms}")));
    mark.truncate(MARK_DIGITS);
    mark
}

/// The token of an event; without a mark where no such event is known.
pub(super) fn of_event(agent: &str, seq: i64, mark: Option<&str>) -> String {
    match mark {
        Some(mark) => page::encode(&scope(agent), &format!("{seq}.{mark}")),
        None => page::encode(&scope(agent), &seq.to_string()),
    }
}

/// The token that starts with the open contacts.
pub(super) fn from_the_start(agent: &str) -> String {
    page::encode(&scope(agent), FROM_THE_START)
}

/// None for an empty token.
pub(super) async fn read(
    router: &Router,
    agent: &Name,
    token: &str,
    last_seq: i64,
) -> Result<Option<StartAt>, Refusal> {
    if token.is_empty() {
        return Ok(None);
    }
    let after = page::decode(&scope(agent), token).ok_or_else(invalid_resume_token)?;
    if after == FROM_THE_START {
        return Ok(Some(StartAt::OpenContacts));
    }
    // Programs of before 0.3 gave tokens without a mark.
    let (seq, given) = after.split_once('.').map_or((after.as_str(), None), |(seq, mark)| (seq, Some(mark)));
    let seq = seq.parse().ok().filter(|seq| (0..=last_seq).contains(seq)).ok_or_else(invalid_resume_token)?;
    let Some(given) = given else { return Ok(Some(StartAt::After(seq))) };
    match event_mark(router, agent, seq).await? {
        Some(mark) if mark != given => Err(invalid_resume_token()),
        Some(_) => Ok(Some(StartAt::After(seq))),
        // The event is forgotten with its contact: what is open tells the desk where things stand.
        None => Ok(Some(StartAt::OpenContacts)),
    }
}

/// The mark of an agent's event, if it is known.
pub(super) async fn event_mark(router: &Router, agent: &Name, seq: i64) -> Result<Option<String>, Refusal> {
    if seq == 0 {
        return Ok(None);
    }
    let event = router.database.read(async |conn| events::of_number(conn, agent, seq).await).await?;
    Ok(event.map(|(contact, at_ms)| mark(contact, at_ms)))
}

fn scope(agent: &str) -> String {
    format!("WatchAssignments|{agent}")
}
