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
    /// Migrations are missing, and applying them is somebody else's task.
    #[error(
        "the schema is behind this program: apply its migrations first, by running it with database-migrations=only"
    )]
    SchemaBehind,
    /// A newer program has taken away what this one needs.
    #[error("the schema is too new for this program: start a newer one")]
    SchemaAhead,
    /// No failure: the migrations are applied, and that was all there was to do.
    #[error("the migrations are applied, and nothing else was asked for")]
    OnlyMigrated,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let translated = match &error {
            sqlx::Error::Database(db) => db.code().map_or(Self::Failed, |code| Self::of_code(&code)),
            sqlx::Error::AnyDriverError(_)
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::Configuration(_)
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_)
            | sqlx::Error::InvalidArgument(_)
            | sqlx::Error::InvalidSavePointStatement
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

impl StoreError {
    /// SQLSTATE has five characters; SQLite's codes are shorter numbers, whose low byte is the primary code.
    fn of_code(code: &str) -> Self {
        if code.len() == 5 { Self::of_sqlstate(code) } else { Self::of_sqlite(code) }
    }

    fn of_sqlstate(code: &str) -> Self {
        match code {
            // serialization_failure, deadlock_detected, lock_not_available
            "40001" | "40P01" | "55P03" => Self::Contended,
            // read_only_sql_transaction (a demoted primary), idle_in_transaction_session_timeout
            "25006" | "25P03" => Self::Unavailable,
            // The classes connection, insufficient resources, operator intervention, system error.
            _ if ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class)) => Self::Unavailable,
            _ => Self::Failed,
        }
    }

    fn of_sqlite(code: &str) -> Self {
        match code.parse::<u32>().map(|code| code & 0xff) {
            // SQLITE_BUSY, SQLITE_LOCKED
            Ok(5 | 6) => Self::Contended,
            // SQLITE_READONLY, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN
            Ok(8 | 10 | 13 | 14) => Self::Unavailable,
            _ => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_both_engines_tell_what_helps() {
        for code in ["40001", "40P01", "55P03", "5", "517", "6"] {
            assert_eq!(StoreError::of_code(code), StoreError::Contended, "{code}");
        }
        for code in ["08006", "53300", "57P01", "57P03", "58030", "25006", "10", "778", "13", "14"] {
            assert_eq!(StoreError::of_code(code), StoreError::Unavailable, "{code}");
        }
        for code in ["23505", "42601", "22021", "25P02", "19", "2067", "1555", "1", ""] {
            assert_eq!(StoreError::of_code(code), StoreError::Failed, "{code}");
        }
    }
}
