//! Errors of SQLite, as sqlx hands them on.

use std::{borrow::Cow, error::Error as StdError, fmt};

use sqlx_core::{
    Error,
    error::{DatabaseError, ErrorKind},
};

/// SQLite refuses.
#[derive(Debug)]
pub(super) struct Refused {
    code: i32,
    message: String,
}

impl Refused {
    pub(super) fn error(code: i32) -> Error {
        Error::Database(Box::new(Self { code, message: "simulated".to_owned() }))
    }

    pub(super) fn of(error: rusqlite::Error) -> Error {
        match error {
            rusqlite::Error::SqliteFailure(failure, message) => Error::Database(Box::new(Self {
                code: failure.extended_code,
                message: message.unwrap_or_default(),
            })),
            error => Error::Database(Box::new(Self { code: 1, message: error.to_string() })),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(code: {}) {}", self.code, self.message)
    }
}

impl StdError for Refused {}

impl DatabaseError for Refused {
    fn message(&self) -> &str {
        &self.message
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.code.to_string().into())
    }

    fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        match self.code {
            1555 | 2067 => ErrorKind::UniqueViolation,
            787 => ErrorKind::ForeignKeyViolation,
            1299 => ErrorKind::NotNullViolation,
            275 => ErrorKind::CheckViolation,
            _ => ErrorKind::Other,
        }
    }
}
