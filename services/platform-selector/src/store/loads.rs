use std::collections::BTreeMap;

use segue_store::{Conn, StoreError};
use sqlx::Row as _;

/// How full a platform is.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) platform: String,
    pub(crate) percent: i32,
    pub(crate) expires_at: i64,
}

/// Records a load; `false` when there is no such platform.
pub(crate) async fn report(conn: &mut Conn, load: &Load) -> Result<bool, StoreError> {
    let written = sqlx::query(
        "INSERT INTO platform_loads (platform, percent, expires_at)
         SELECT id, CAST($2 AS BIGINT), CAST($3 AS BIGINT) FROM platforms WHERE id = $1
         ON CONFLICT (platform) DO UPDATE SET percent = excluded.percent, expires_at = excluded.expires_at",
    )
    .bind(load.platform.as_str())
    .bind(i64::from(load.percent))
    .bind(load.expires_at)
    .execute(conn)
    .await?;
    Ok(written.rows_affected() > 0)
}

/// The loads that are to be believed now, by platform.
pub(crate) async fn current(conn: &mut Conn, now_ms: i64) -> Result<BTreeMap<String, i32>, StoreError> {
    let rows = sqlx::query("SELECT platform, percent FROM platform_loads WHERE expires_at > $1")
        .bind(now_ms)
        .fetch_all(conn)
        .await?;
    let read = |percent: i64| i32::try_from(percent).unwrap_or_default();
    rows.iter().map(|row| Ok((row.try_get("platform")?, read(row.try_get("percent")?)))).collect()
}
