use segue_store::StoreError;

use super::{Record, Store, record};
use crate::domain::handoff::State;

/// Which handoffs to list.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    pub state: Option<State>,
    pub agent: String,
    /// Only those with a failure.
    pub failed_only: bool,
    /// Older than this one; empty: from the newest.
    pub before: String,
    pub limit: i64,
}

impl Store {
    /// Handoffs, newest first.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Record>, StoreError> {
        // By the time now rather than by the sweep, like every other answer.
        let rows = sqlx::query(
            "SELECT * FROM handoffs
             WHERE ($1 = '' OR agent = $1) AND ($2 = '' OR id < $2)
               AND ($3 = '' OR CASE WHEN state = 'ISSUED' AND expires_at <= $4 THEN 'EXPIRED' ELSE state END = $3)
               AND ($6 = 0 OR failure <> '')
             ORDER BY id DESC LIMIT $5",
        )
        .bind(filter.agent.as_str())
        .bind(filter.before.as_str())
        .bind(filter.state.map_or("", State::name))
        .bind(self.now_ms())
        .bind(filter.limit)
        .bind(i64::from(filter.failed_only))
        .fetch_all(&mut *self.database.read().await?)
        .await?;
        rows.iter().map(record::read).collect()
    }
}
