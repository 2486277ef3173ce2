//! A conversation goes on with a code, and ends.

use segue_store::StoreError;

use crate::{
    domain::{Admitted, Author, Content},
    store::{Store, entries, lock::lock, sessions},
};

/// Records that the customer came with a code, and tells both sides. Repeating it changes nothing.
pub(crate) async fn admit(store: &Store, id: &str, admitted: Admitted) -> Result<(), StoreError> {
    let content = Content::Joined {
        agent: admitted.agent.clone(),
        work_order: admitted.work_order.clone(),
        waiting: admitted.waiting,
    };
    // Once the agent is there, it is the same entry as the desk's own announcement.
    let entry_id = if admitted.waiting {
        format!("admitted:{}", admitted.handoff_id)
    } else {
        joined_id(&admitted.contact_id, &admitted.agent)
    };
    let entry = store.sealed_entry(id, &entry_id, Author::System, "", &content)?;
    store
        .database()
        .write((admitted, entry), |conn, (admitted, entry)| {
            Box::pin(async move {
                let Some(locked) = lock(conn, &entry.session, entry.now_ms).await? else { return Ok(()) };
                if locked.open {
                    sessions::record_admission(conn, &entry.session, admitted).await?;
                    entries::insert(conn, &locked, entry).await?;
                }
                Ok(())
            })
        })
        .await
}

/// Ends a conversation: tells both sides, and forgets who the customer was and what the access card held. False
/// when there is no such conversation; ending it again changes nothing.
pub(crate) async fn close(
    store: &Store,
    platform: &str,
    id: &str,
    message: &str,
) -> Result<bool, StoreError> {
    let content = Content::Closed { message: message.to_owned() };
    let entry = store.sealed_entry(id, "closed", Author::System, "", &content)?;
    store
        .database()
        .write((platform.to_owned(), entry), |conn, (platform, entry)| {
            Box::pin(async move {
                match lock(conn, &entry.session, entry.now_ms).await? {
                    Some(locked) if locked.platform == *platform => {
                        if locked.open {
                            entries::insert(conn, &locked, entry).await?;
                            sessions::forget_customer(conn, &entry.session).await?;
                        }
                        Ok(true)
                    }
                    _ => Ok(false),
                }
            })
        })
        .await
}

/// The id of the entry that says that an agent is there, whoever says it first.
pub(crate) fn joined_id(contact: &str, agent: &str) -> String {
    format!("joined:{contact}:{agent}")
}
