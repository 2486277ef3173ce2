//! Rows that only SQL makes fast enough, as copies of rows that the service has made: whatever columns a table has, they are right.

use segue_testkit::Storage;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};

/// Opens a database besides the service.
pub async fn open(url: &str) -> AnyConnection {
    sqlx::any::install_default_drivers();
    AnyConnection::connect(url).await.unwrap()
}

/// Numbers from 1 to so many, in a way that both engines have.
pub fn numbers(count: usize) -> String {
    format!("WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})")
}

/// The copy's id: of the same form, with the number at its end.
pub const ID: &str = "substr(id, 1, length(id) - 8) || CAST(10000000 + n AS TEXT)";
pub const CONTACT_ID: &str = "substr(contact_id, 1, length(contact_id) - 8) || CAST(10000000 + n AS TEXT)";

/// Copies the rows of a table so many times, with some columns changed; the expressions know the row and its number `n`.
pub async fn copy(
    conn: &mut AnyConnection,
    storage: Storage,
    table: &str,
    count: usize,
    changes: &[(&str, String)],
) {
    let columns = columns(conn, storage, table).await;
    let unknown: Vec<_> =
        changes.iter().filter(|(name, _)| !columns.iter().any(|column| column == name)).collect();
    assert!(unknown.is_empty(), "{table} has no such columns: {unknown:?}");
    let values: Vec<&str> = columns
        .iter()
        .map(|column| {
            let change = changes.iter().find(|(name, _)| name == column);
            change.map_or(column.as_str(), |(_, expression)| expression)
        })
        .collect();
    let insert = format!(
        "INSERT INTO {table} ({}) {} SELECT {} FROM {table} CROSS JOIN numbers",
        columns.join(", "),
        numbers(count),
        values.join(", ")
    );
    sqlx::query(AssertSqlSafe(insert)).execute(conn).await.unwrap();
}

async fn columns(conn: &mut AnyConnection, storage: Storage, table: &str) -> Vec<String> {
    let query = if storage == Storage::Postgres {
        "SELECT CAST(column_name AS TEXT) FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position"
    } else {
        "SELECT name FROM pragma_table_info($1)"
    };
    sqlx::query_scalar(query).bind(table).fetch_all(conn).await.unwrap()
}
