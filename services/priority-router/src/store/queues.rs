use segue_store::{Conn, StoreError};

use crate::domain::Queue;

/// Makes sure that a queue is known.
pub(crate) async fn ensure(conn: &mut Conn, queue: &Queue) -> Result<(), StoreError> {
    let id = queue.id();
    let inserted =
        sqlx::query("INSERT INTO queues (id, platform) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING")
            .bind(id.as_str())
            .bind(queue.platform.as_str())
            .execute(&mut *conn)
            .await?;
    if inserted.rows_affected() == 0 {
        return Ok(());
    }
    for skill in &queue.skills {
        sqlx::query("INSERT INTO queue_skills (queue, skill) VALUES ($1, $2)")
            .bind(id.as_str())
            .bind(skill.as_str())
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

/// Forgets queues in which nobody waits, so that odd sets of skills don't pile up.
pub(crate) async fn purge(conn: &mut Conn) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM queues
         WHERE NOT EXISTS (SELECT 1 FROM contacts c WHERE c.state IN (1, 2) AND c.queue = queues.id)",
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query("DELETE FROM queue_skills WHERE NOT EXISTS (SELECT 1 FROM queues q WHERE q.id = queue)")
        .execute(conn)
        .await?;
    Ok(())
}
