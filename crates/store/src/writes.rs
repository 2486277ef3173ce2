//! Statements over many rows ([`Rows`]) that are run together.
//!
//! PostgreSQL is sent all of them as one statement, of which each is a part: its answer is waited for once. SQLite, which answers
//! without a network, runs one after the other.
//!
//! The parts of one statement see the database as it was before it, and PostgreSQL runs them in no order. So no part may read what
//! another one writes, and no two may write the same row.

use sqlx::{AssertSqlSafe, Row as _, any::AnyRow};

use crate::{Conn, Engine, Rows, StoreError};

/// Statements that are run together.
#[derive(Debug, Default)]
pub struct Writes {
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    rows: Rows,
    statement: &'static str,
    answers: Answers,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answers {
    Nothing,
    Count,
    Each,
    Rows,
}

/// What came of them.
#[derive(Default)]
pub(crate) struct Written {
    /// What the statement that was added by [`Writes::fetch`] returned.
    pub rows: Vec<AnyRow>,
    /// How many rows the statement that was added by [`Writes::count`] changed.
    pub counted: u64,
}

impl Writes {
    /// Adds a statement over rows; without rows it does nothing.
    pub fn add(&mut self, rows: Rows, statement: &'static str) {
        self.push(rows, statement, Answers::Nothing);
    }

    /// Adds the statement whose returned rows are wanted. There is one at most.
    pub fn fetch(&mut self, rows: Rows, statement: &'static str) {
        self.push(rows, statement, Answers::Rows);
    }

    /// Adds a statement, one without RETURNING, that is to change a row of the database for each of its rows. If it changes fewer, as
    /// somebody else has changed them, all of it is [`StoreError::Contended`].
    pub fn change_each(&mut self, rows: Rows, statement: &'static str) {
        self.push(rows, statement, Answers::Each);
    }

    /// Adds the statement, one without RETURNING, whose changed rows are counted. There is one at most.
    pub(crate) fn count(&mut self, rows: Rows, statement: &'static str) {
        self.push(rows, statement, Answers::Count);
    }

    fn push(&mut self, rows: Rows, statement: &'static str, answers: Answers) {
        let is_single = |part: &Part| part.answers != answers;
        debug_assert!(
            matches!(answers, Answers::Nothing | Answers::Each) || self.parts.iter().all(is_single),
            "one at most"
        );
        if !rows.is_empty() {
            self.parts.push(Part { rows, statement, answers });
        }
    }

    /// Runs them. Answers what the statement that was added by [`Writes::fetch`] returned.
    pub async fn run(self, conn: &mut Conn) -> Result<Vec<AnyRow>, StoreError> {
        Ok(self.run_counted(conn).await?.rows)
    }

    pub(crate) async fn run_counted(self, conn: &mut Conn) -> Result<Written, StoreError> {
        match Engine::of_conn(conn) {
            Engine::SqliteMemory | Engine::SqliteFile => self.run_each(conn).await,
            Engine::Postgres => self.run_as_one(conn).await,
        }
    }

    async fn run_each(self, conn: &mut Conn) -> Result<Written, StoreError> {
        let mut written = Written::default();
        for Part { rows, statement, answers } in self.parts {
            match answers {
                Answers::Rows => written.rows = rows.fetch(conn, statement).await?,
                Answers::Count => written.counted = rows.execute(conn, statement).await?,
                Answers::Each => {
                    if rows.execute(conn, statement).await? < rows.count() {
                        return Err(StoreError::Contended);
                    }
                }
                Answers::Nothing => drop(rows.execute(conn, statement).await?),
            }
        }
        Ok(written)
    }

    async fn run_as_one(self, conn: &mut Conn) -> Result<Written, StoreError> {
        if self.parts.is_empty() {
            return Ok(Written::default());
        }
        let query = sqlx::query(AssertSqlSafe(self.text()));
        let query = self.parts.iter().fold(query, |query, part| part.rows.bind_all(query));
        let mut rows = query.fetch_all(conn).await?;
        let first = rows.first().ok_or(StoreError::Failed)?;
        let (counted, missed): (i64, i64) = (first.try_get("counted")?, first.try_get("missed")?);
        if missed > 0 {
            return Err(StoreError::Contended);
        }
        if first.try_get::<Option<i64>, _>("returned")?.is_none() {
            rows.clear();
        }
        Ok(Written { rows, counted: u64::try_from(counted).unwrap_or_default() })
    }

    /// All of them as one statement. It answers with the rows that a part returned, and with each the counts; with one row and
    /// `returned` null where there are none.
    fn text(&self) -> String {
        let (mut parts, mut first) = (vec![], 1);
        let (mut counted, mut returned) = ("CAST(0 AS BIGINT)".to_owned(), String::new());
        let mut missed = "CAST(0 AS BIGINT)".to_owned();
        for (number, Part { rows, statement, answers }) in self.parts.iter().enumerate() {
            let text = rows.text(Engine::Postgres, rows.values(), first, statement);
            first += rows.width();
            let is_counted = matches!(answers, Answers::Count | Answers::Each);
            let returning = if is_counted { " RETURNING 1 AS changed" } else { "" };
            parts.push(format!("p{number} AS ({text}{returning})"));
            match answers {
                Answers::Nothing => {}
                Answers::Count => counted = format!("(SELECT COUNT(*) FROM p{number})"),
                Answers::Each => {
                    // The number of rows is a parameter, so that one text serves any number of them.
                    let wanted = format!("cardinality(CAST(${} AS TEXT[]))", first - rows.width());
                    missed = format!("{missed} + {wanted} - (SELECT COUNT(*) FROM p{number})");
                }
                Answers::Rows => {
                    let rows = format!("SELECT CAST(1 AS BIGINT) AS returned, p{number}.* FROM p{number}");
                    returned = format!(" LEFT JOIN ({rows}) r ON TRUE");
                }
            }
        }
        let columns = if returned.is_empty() { "CAST(NULL AS BIGINT) AS returned" } else { "r.*" };
        format!(
            "WITH {} SELECT {counted} AS counted, {missed} AS missed, {columns} FROM (SELECT 1) one{returned}",
            parts.join(", ")
        )
    }
}
