use segue_store::{Conn, StoreError};
use sqlx::Row as _;

use super::{
    Store,
    entries::{self, SealedEntry},
    lock::lock,
};
use crate::domain::{Author, Card, Content};

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

struct SealedCard {
    handoff_id: String,
    generation: i64,
    platform: String,
    content: Vec<u8>,
    expire_at: i64,
    entry: SealedEntry,
}

impl Store {
    /// Shows an access card in a conversation (R8).
    pub(crate) async fn deliver(
        &self,
        platform: &str,
        session: &str,
        handoff_id: &str,
        generation: i32,
        card: &Card,
    ) -> Result<Delivered, StoreError> {
        let content =
            Content::Card { handoff_id: handoff_id.to_owned(), generation, target: card.target.clone() };
        let entry_id = format!("card:{handoff_id}:{generation}");
        let sealed = SealedCard {
            handoff_id: handoff_id.to_owned(),
            generation: generation.into(),
            platform: platform.to_owned(),
            content: self.seal(&context(handoff_id, generation.into()), card)?,
            expire_at: card.expire_at_ms,
            entry: self.sealed_entry(session, &entry_id, Author::System, "", &content)?,
        };
        self.db.write(sealed, |conn, sealed| Box::pin(deliver(conn, sealed))).await
    }

    /// The card of a handoff, while its code may be entered.
    pub(crate) async fn card(
        &self,
        session: &str,
        handoff_id: &str,
        generation: i32,
    ) -> Result<Option<Card>, StoreError> {
        let mut conn = self.db.read().await?;
        let row = sqlx::query(
            "SELECT content FROM cards
             WHERE handoff_id = $1 AND session = $2 AND generation = $3 AND expire_at > $4",
        )
        .bind(handoff_id.to_owned())
        .bind(session.to_owned())
        .bind(i64::from(generation))
        .bind(self.now_ms())
        .fetch_optional(&mut *conn)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let sealed: Vec<u8> = row.try_get("content")?;
        Ok(self.open(&context(handoff_id, generation.into()), &sealed))
    }
}

fn context(handoff_id: &str, generation: i64) -> String {
    format!("web-channel card {handoff_id} {generation}")
}

async fn deliver(conn: &mut Conn, card: &SealedCard) -> Result<Delivered, StoreError> {
    let locked = lock(conn, &card.entry.session, card.entry.now_ms).await?;
    let Some(locked) = locked.filter(|locked| locked.platform == card.platform) else {
        return Ok(Delivered::NoSession);
    };
    // A repetition is answered before the state is looked at: the conversation may have been closed since.
    if let Some(row) = sqlx::query("SELECT session, generation FROM cards WHERE handoff_id = $1")
        .bind(card.handoff_id.as_str())
        .fetch_optional(&mut *conn)
        .await?
    {
        if row.try_get::<String, _>("session")? != card.entry.session {
            return Ok(Delivered::OtherSession);
        }
        if row.try_get::<i64, _>("generation")? >= card.generation {
            return Ok(Delivered::Done);
        }
    }
    if !locked.open {
        return Ok(Delivered::NoSession);
    }
    put(conn, card).await?;
    entries::insert(conn, &locked, &card.entry).await?;
    Ok(Delivered::Done)
}

async fn put(conn: &mut Conn, card: &SealedCard) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO cards (handoff_id, session, generation, content, expire_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (handoff_id) DO UPDATE
         SET generation = excluded.generation, content = excluded.content, expire_at = excluded.expire_at
         WHERE cards.generation < excluded.generation",
    )
    .bind(card.handoff_id.as_str())
    .bind(card.entry.session.as_str())
    .bind(card.generation)
    .bind(card.content.as_slice())
    .bind(card.expire_at)
    .execute(conn)
    .await?;
    Ok(())
}
