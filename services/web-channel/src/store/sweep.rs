use segue_store::{Conn, StoreError};

use super::Store;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

struct Due {
    now_ms: i64,
    before_ms: i64,
}

impl Store {
    /// Empties the cards whose codes are dead, and forgets conversations that nobody has touched for so many days.
    pub(crate) async fn sweep(&self, history_days: u32) -> Result<(), StoreError> {
        let now_ms = self.now_ms();
        let due = Due { now_ms, before_ms: now_ms - i64::from(history_days) * DAY_MS };
        self.db
            .write(due, |conn, due| {
                Box::pin(async move {
                    empty_cards(conn, due.now_ms).await?;
                    forget_sessions(conn, due.before_ms).await
                })
            })
            .await
    }
}

async fn empty_cards(conn: &mut Conn, now_ms: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE cards SET content = $2 WHERE expire_at <= $1 AND LENGTH(content) > 0")
        .bind(now_ms)
        .bind(&[][..] as &[u8])
        .execute(conn)
        .await?;
    Ok(())
}

async fn forget_sessions(conn: &mut Conn, before_ms: i64) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM uploads WHERE session IN (SELECT id FROM sessions WHERE updated_at < $1)",
        "DELETE FROM cards WHERE session IN (SELECT id FROM sessions WHERE updated_at < $1)",
        "DELETE FROM entries WHERE session IN (SELECT id FROM sessions WHERE updated_at < $1)",
        "DELETE FROM sessions WHERE updated_at < $1",
    ] {
        sqlx::query(statement).bind(before_ms).execute(&mut *conn).await?;
    }
    Ok(())
}
