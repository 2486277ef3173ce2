use segue_store::{Conn, StoreError};
use sqlx::Row as _;

use super::Store;
use crate::domain::Card;

/// A card as it is stored.
pub(crate) struct SealedCard {
    pub(crate) handoff_id: String,
    pub(crate) generation: i64,
    content: Vec<u8>,
    expire_at: i64,
}

/// Where the card of a handoff is.
pub(crate) struct Known {
    pub(crate) session: String,
    pub(crate) generation: i64,
}

impl Store {
    /// A card to be stored.
    pub(crate) fn sealed_card(
        &self,
        handoff_id: &str,
        generation: i32,
        card: &Card,
    ) -> Result<SealedCard, StoreError> {
        Ok(SealedCard {
            handoff_id: handoff_id.to_owned(),
            generation: generation.into(),
            content: self.seal(&context(handoff_id, generation.into()), card)?,
            expire_at: card.expire_at_ms,
        })
    }

    /// The card of a handoff, while its code may be entered.
    pub(crate) async fn card(
        &self,
        session: &str,
        handoff_id: &str,
        generation: i32,
    ) -> Result<Option<Card>, StoreError> {
        let query = sqlx::query(
            "SELECT content FROM cards
             WHERE handoff_id = $1 AND session = $2 AND generation = $3 AND expire_at > $4",
        )
        .bind(handoff_id.to_owned())
        .bind(session.to_owned())
        .bind(i64::from(generation))
        .bind(self.now_ms());
        let row = self.db.read(async |conn| Ok::<_, StoreError>(query.fetch_optional(conn).await?)).await?;
        let Some(row) = row else { return Ok(None) };
        let sealed: Vec<u8> = row.try_get("content")?;
        Ok(self.open(&context(handoff_id, generation.into()), &sealed))
    }
}

fn context(handoff_id: &str, generation: i64) -> String {
    format!("web-channel card {handoff_id} {generation}")
}

/// Where a handoff's card is, if one was delivered.
pub(crate) async fn known(conn: &mut Conn, handoff_id: &str) -> Result<Option<Known>, StoreError> {
    let row = sqlx::query("SELECT session, generation FROM cards WHERE handoff_id = $1")
        .bind(handoff_id)
        .fetch_optional(conn)
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Known { session: row.try_get("session")?, generation: row.try_get("generation")? }))
}

/// Stores a card; a newer generation replaces an older one.
pub(crate) async fn put(conn: &mut Conn, card: &SealedCard, session: &str) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO cards (handoff_id, session, generation, content, expire_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (handoff_id) DO UPDATE
         SET generation = excluded.generation, content = excluded.content, expire_at = excluded.expire_at
         WHERE cards.generation < excluded.generation",
    )
    .bind(card.handoff_id.as_str())
    .bind(session)
    .bind(card.generation)
    .bind(card.content.as_slice())
    .bind(card.expire_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Empties the cards whose codes are dead.
pub(crate) async fn empty_dead(conn: &mut Conn, now_ms: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE cards SET content = $2 WHERE expire_at <= $1 AND LENGTH(content) > 0")
        .bind(now_ms)
        .bind(&[][..] as &[u8])
        .execute(conn)
        .await?;
    Ok(())
}
