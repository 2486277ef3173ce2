/// What can go wrong in a store. No driver's text leaves it: the cause is logged where it is translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer; a write may or may not have happened.
    #[error("the store is unavailable")]
    Unavailable,
    /// Two transactions met; doing it again will help.
    #[error("the store is contended")]
    Contended,
    /// A statement or a stored value is wrong: a fault of ours.
    #[error("the store failed")]
    Failed,
    /// The URL names no engine that Segue knows.
    #[error("a database URL starts with sqlite: or postgres:")]
    Url,
    /// The schema could not be brought up to date.
    #[error("the schema could not be brought up to date")]
    Migration,
}

// SQLSTATE 40001 serialization_failure, 40P01 deadlock_detected, 55P03 lock_not_available; SQLite 5 busy, 6 locked,
// 517 busy_snapshot.
const CONTENDED: [&str; 6] = ["40001", "40P01", "55P03", "5", "6", "517"];
// SQLSTATE classes 08 connection, 53 resources, 57 operator intervention, 25006 read-only (a demoted primary), 25P03
// idle in transaction.
const UNAVAILABLE_PREFIXES: [&str; 5] = ["08", "53", "57", "25006", "25P03"];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let translated = match &error {
            sqlx::Error::Database(db) => match db.code().as_deref() {
                Some(code) if CONTENDED.contains(&code) => Self::Contended,
                Some(code) if UNAVAILABLE_PREFIXES.iter().any(|p| code.len() == 5 && code.starts_with(p)) => {
                    Self::Unavailable
                }
                _ => Self::Failed,
            },
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_)
            | sqlx::Error::TypeNotFound { .. }
            | sqlx::Error::RowNotFound => Self::Failed,
            _ => Self::Unavailable,
        };
        match &error {
            // The message of a constraint violation may quote values, so only its code and constraint are logged.
            sqlx::Error::Database(db) => tracing::warn!(
                code = db.code().as_deref().unwrap_or_default(),
                constraint = db.constraint().unwrap_or_default(),
                kind = ?db.kind(),
                "database error"
            ),
            other => tracing::warn!(error = %other, "database error"),
        }
        translated
    }
}
