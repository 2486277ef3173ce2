//! An access card is shown in a conversation.

use segue_store::{Conn, StoreError};

use crate::{
    domain::{Author, Card, Content},
    store::{
        Store,
        cards::{self, SealedCard},
        entries::{self, SealedEntry},
        lock::lock,
    },
};

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivered {
    /// The customer can see it, or could; a repetition and an older generation change nothing.
    Done,
    /// There is no such conversation, or it is over.
    NoSession,
    /// The handoff was delivered to another conversation.
    OtherSession,
}

/// A card as it is to be stored, with its entry.
struct Delivery {
    platform: String,
    card: SealedCard,
    entry: SealedEntry,
}

/// Shows an access card in a conversation (R8).
pub(crate) async fn deliver(
    store: &Store,
    platform: &str,
    session: &str,
    handoff_id: &str,
    generation: i32,
    card: &Card,
) -> Result<Delivered, StoreError> {
    let content =
        Content::Card { handoff_id: handoff_id.to_owned(), generation, target: card.target.clone() };
    let entry_id = format!("card:{handoff_id}:{generation}");
    let delivery = Delivery {
        platform: platform.to_owned(),
        card: store.sealed_card(handoff_id, generation, card)?,
        entry: store.sealed_entry(session, &entry_id, Author::System, "", &content)?,
    };
    store.database().write(delivery, |conn, delivery| Box::pin(decide(conn, delivery))).await
}

async fn decide(conn: &mut Conn, delivery: &Delivery) -> Result<Delivered, StoreError> {
    let Delivery { platform, card, entry } = delivery;
    let locked = lock(conn, &entry.session, entry.now_ms).await?;
    let Some(locked) = locked.filter(|locked| locked.platform == *platform) else {
        return Ok(Delivered::NoSession);
    };
    // A repetition is answered before the state is looked at: the conversation may have been closed since.
    if let Some(known) = cards::known(conn, &card.handoff_id).await? {
        if known.session != entry.session {
            return Ok(Delivered::OtherSession);
        }
        if known.generation >= card.generation {
            return Ok(Delivered::Done);
        }
    }
    if !locked.open {
        return Ok(Delivered::NoSession);
    }
    cards::put(conn, card, &entry.session).await?;
    entries::insert(conn, &locked, entry).await?;
    Ok(Delivered::Done)
}
