use prost::Message as _;
use segue_proto::selector::v1::FeatureDefinition;
use segue_runtime::Fields;
use segue_store::{Conn, StoreError, audit::Change};
use sqlx::{Row as _, any::AnyRow};

use super::{bump_catalog, decode};
use crate::{domain::vocabulary::Vocabulary, wire};

/// Creates or replaces a definition.
pub(crate) async fn put(conn: &mut Conn, definition: &FeatureDefinition) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO feature_definitions (name, message) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET message = excluded.message",
    )
    .bind(definition.name.as_str())
    .bind(definition.encode_to_vec())
    .execute(&mut *conn)
    .await?;
    bump_catalog(conn).await
}

/// Removes a definition.
pub(crate) async fn delete(conn: &mut Conn, name: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM feature_definitions WHERE name = $1").bind(name).execute(&mut *conn).await?;
    bump_catalog(conn).await
}

/// Reads a definition.
pub(crate) async fn get(conn: &mut Conn, name: &str) -> Result<Option<FeatureDefinition>, StoreError> {
    let row = sqlx::query("SELECT message FROM feature_definitions WHERE name = $1")
        .bind(name)
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(read).transpose()
}

/// For the audit log.
pub(crate) fn change(old: Option<&FeatureDefinition>, new: Option<&FeatureDefinition>) -> Change {
    let name = old.or(new).map_or("", |definition| definition.name.as_str());
    super::change(format!("feature/{name}"), "segue.selector.v1.FeatureDefinition", old, new)
}

/// Reads definitions by name, behind one.
pub(crate) async fn list(
    conn: &mut Conn,
    after: &str,
    limit: i64,
) -> Result<Vec<FeatureDefinition>, StoreError> {
    let rows = sqlx::query("SELECT message FROM feature_definitions WHERE name > $1 ORDER BY name LIMIT $2")
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await?;
    rows.iter().map(read).collect()
}

/// The whole catalogue.
pub(crate) async fn vocabulary(conn: &mut Conn) -> Result<Vocabulary, StoreError> {
    let rows = sqlx::query("SELECT message FROM feature_definitions").fetch_all(conn).await?;
    let mut vocabulary = Vocabulary::default();
    for row in &rows {
        let message = read(row)?;
        let mut fields = Fields::new();
        let definition = wire::vocabulary::parse(&mut fields, "feature_definition", &message);
        match definition.filter(|_| fields.first().is_none()) {
            Some((name, kind)) => vocabulary.define(name, kind),
            None => {
                tracing::error!(name = message.name, "a stored feature definition is no longer valid");
                return Err(StoreError::Failed);
            }
        }
    }
    Ok(vocabulary)
}

fn read(row: &AnyRow) -> Result<FeatureDefinition, StoreError> {
    decode(row.try_get("message")?)
}
