//! Statements over many rows at once, one text for both engines.
//!
//! A statement finds its rows in the table `v`, which [`Rows`] puts before it:
//! `WITH v (id, units) AS (...) UPDATE agents SET units = v.units FROM v WHERE agents.id = v.id`.
//!
//! PostgreSQL is given an array for each column: a parameter for each value of 64 contacts would be 1,800 of them, which cost both sides
//! more than the statement itself. SQLite has no arrays, and takes a parameter for each value at next to no cost. There the number of
//! rows is rounded up to a power of two by rows of nulls, so that a connection prepares few texts: it keeps a hundred. A statement
//! that inserts therefore selects `FROM v WHERE id IS NOT NULL`; a null meets no row in a comparison.

use segue_core::hex;
use sqlx::{
    Any, AssertSqlSafe,
    any::{AnyArguments, AnyRow},
    query::Query,
};

use crate::{Conn, Engine, StoreError};

/// Most rows in one statement on SQLite. PostgreSQL is given all of them at once: each statement is waited for.
const MOST_ROWS: usize = 256;
/// SQLite takes so many parameters.
const MOST_PARAMETERS: usize = 32_000;

pub(crate) type Statement<'q> = Query<'q, Any, AnyArguments>;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// TEXT.
    Text,
    /// BIGINT.
    Int,
    /// BYTEA, which SQLite calls BLOB.
    Bytes,
}

/// A value of a row.
#[derive(Debug, Clone)]
pub enum Value {
    /// Of a column of [`Kind::Text`].
    Text(String),
    /// Of a column of [`Kind::Int`].
    Int(i64),
    /// Of a column of [`Kind::Bytes`].
    Bytes(Vec<u8>),
    /// Of any column.
    Null,
}

/// The rows of a statement.
#[derive(Debug)]
pub struct Rows {
    columns: &'static [(&'static str, Kind)],
    values: Vec<Value>,
}

impl Rows {
    /// No rows yet.
    pub fn new(columns: &'static [(&'static str, Kind)]) -> Self {
        Self { columns, values: vec![] }
    }

    /// Adds a row, with a value for each column.
    pub fn push<const N: usize>(&mut self, row: [Value; N]) {
        debug_assert_eq!(N, self.columns.len(), "a value for each column");
        self.values.extend(row);
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Runs a statement over the rows; without rows it does nothing. Answers how many rows of the database it changed.
    pub async fn execute(&self, conn: &mut Conn, statement: &str) -> Result<u64, StoreError> {
        let mut changed = 0;
        let engine = Engine::of_conn(conn);
        for values in self.chunks(engine) {
            let text = self.text(engine, values.len(), 1, statement);
            changed += self
                .bind(engine, sqlx::query(AssertSqlSafe(text)), values)
                .execute(&mut *conn)
                .await?
                .rows_affected();
        }
        Ok(changed)
    }

    /// Runs a statement that answers with rows.
    pub async fn fetch(&self, conn: &mut Conn, statement: &str) -> Result<Vec<AnyRow>, StoreError> {
        let mut found = vec![];
        let engine = Engine::of_conn(conn);
        for values in self.chunks(engine) {
            let text = self.text(engine, values.len(), 1, statement);
            found.extend(
                self.bind(engine, sqlx::query(AssertSqlSafe(text)), values).fetch_all(&mut *conn).await?,
            );
        }
        Ok(found)
    }

    fn chunks(&self, engine: Engine) -> impl Iterator<Item = &[Value]> {
        let width = self.width();
        self.values.chunks(match engine {
            Engine::SqliteMemory | Engine::SqliteFile => {
                width * (MOST_PARAMETERS / width).clamp(1, MOST_ROWS)
            }
            Engine::Postgres => self.values.len().max(1),
        })
    }

    /// The statement with the rows before it, and PostgreSQL's parameters counted from a number on.
    pub(crate) fn text(&self, engine: Engine, values: usize, first: usize, statement: &str) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let rows = match engine {
            Engine::SqliteMemory | Engine::SqliteFile => {
                let row = format!("({})", vec!["?"; self.columns.len()].join(", "));
                // A numbered parameter has a name there, which is looked for among all of them.
                format!("VALUES {}", vec![row; padded(values / self.width())].join(", "))
            }
            Engine::Postgres => {
                let kinds = self.columns.iter().zip(first..);
                let arrays = kinds.map(|((_, kind), number)| format!("CAST(${number} AS {}[])", kind.name()));
                format!("SELECT * FROM unnest({})", arrays.collect::<Vec<_>>().join(", "))
            }
        };
        format!("WITH v ({}) AS ({rows}) {statement}", names.join(", "))
    }

    fn bind<'q>(&self, engine: Engine, query: Statement<'q>, values: &[Value]) -> Statement<'q> {
        match engine {
            Engine::SqliteMemory | Engine::SqliteFile => {
                let kinds = self.columns.iter().map(|(_, kind)| *kind).cycle();
                // A parameter that is given no value is null.
                values.iter().zip(kinds).fold(query, bind)
            }
            Engine::Postgres => self.bind_arrays(query, values),
        }
    }

    /// Binds all rows for PostgreSQL.
    pub(crate) fn bind_all<'q>(&self, query: Statement<'q>) -> Statement<'q> {
        self.bind_arrays(query, &self.values)
    }

    /// How many values it has.
    pub(crate) fn values(&self) -> usize {
        self.values.len()
    }

    /// How many rows there are.
    pub(crate) fn count(&self) -> u64 {
        (self.values.len() / self.width()) as u64
    }

    fn bind_arrays<'q>(&self, query: Statement<'q>, values: &[Value]) -> Statement<'q> {
        let columns = 0..self.width();
        let arrays = columns.map(|column| array(values.iter().skip(column).step_by(self.width())));
        arrays.fold(query, Query::bind)
    }

    /// How many columns it has.
    pub(crate) fn width(&self) -> usize {
        self.columns.len().max(1)
    }
}

/// How many rows a statement over so many has. Fewer texts, of powers of four, cost more than preparing them: contacts have 27 columns.
fn padded(rows: usize) -> usize {
    rows.next_power_of_two()
}

fn bind<'q>(query: Statement<'q>, (value, kind): (&Value, Kind)) -> Statement<'q> {
    match (value, kind) {
        (Value::Text(text), _) => query.bind(text.clone()),
        (Value::Int(number), _) => query.bind(*number),
        (Value::Bytes(bytes), _) => query.bind(bytes.clone()),
        (Value::Null, Kind::Text) => query.bind(None::<String>),
        (Value::Null, Kind::Int) => query.bind(None::<i64>),
        (Value::Null, Kind::Bytes) => query.bind(None::<Vec<u8>>),
    }
}

/// An array as PostgreSQL reads it: <https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO>.
fn array<'v>(values: impl Iterator<Item = &'v Value>) -> String {
    let mut array = String::from("{");
    for value in values {
        if array.len() > 1 {
            array.push(',');
        }
        match value {
            Value::Null => array.push_str("NULL"),
            Value::Int(number) => array.push_str(&number.to_string()),
            Value::Bytes(bytes) => array.push_str(&format!("\"\\\\x{}\"", hex(bytes))),
            Value::Text(text) => {
                array.push('"');
                for part in text.split_inclusive(['"', '\\']) {
                    match part.strip_suffix(['"', '\\']) {
                        Some(before) => {
                            array.push_str(before);
                            array.push('\\');
                            array.push_str(&part[before.len()..]);
                        }
                        None => array.push_str(part),
                    }
                }
                array.push('"');
            }
        }
    }
    array.push('}');
    array
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Text => "TEXT",
            Self::Int => "BIGINT",
            Self::Bytes => "BYTEA",
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Value {
    fn from(is: bool) -> Self {
        Self::Int(i64::from(is))
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection as _, Executor as _, Row as _};

    use super::*;

    const COLUMNS: &[(&str, Kind)] = &[("id", Kind::Text), ("units", Kind::Int)];

    #[test]
    fn sqlite_is_given_values_and_rows_of_a_power_of_two() {
        let rows = Rows::new(COLUMNS);
        let text = rows.text(Engine::SqliteFile, 6, 1, "SELECT 1");
        assert_eq!(text, "WITH v (id, units) AS (VALUES (?, ?), (?, ?), (?, ?), (?, ?)) SELECT 1");
        assert_eq!([1, 2, 4, 5, 88, 256].map(padded), [1, 2, 4, 8, 128, 256]);
    }

    #[test]
    fn postgres_is_given_an_array_for_each_column() {
        let rows = Rows::new(COLUMNS);
        let text =
            "WITH v (id, units) AS (SELECT * FROM unnest(CAST($1 AS TEXT[]), CAST($2 AS BIGINT[]))) SELECT 1";
        assert_eq!(rows.text(Engine::Postgres, 6, 1, "SELECT 1"), text);
    }

    #[test]
    fn an_array_keeps_what_is_in_it() {
        let values: [Value; 5] =
            ["".into(), r#"a "b" \c,{}"#.into(), "NULL".into(), Value::Null, "\u{4e2d}".into()];
        assert_eq!(array(values.iter()), r#"{"","a \"b\" \\c,{}","NULL",NULL,"中"}"#);
        assert_eq!(array([Value::Int(-1), Value::Null].iter()), "{-1,NULL}");
        assert_eq!(array([Value::Bytes(vec![0, 255])].iter()), r#"{"\\x00ff"}"#);
    }

    #[test]
    fn any_number_of_rows_has_few_texts() {
        let mut texts = std::collections::BTreeSet::new();
        for count in 0..=600 {
            let mut rows = Rows::new(COLUMNS);
            for _ in 0..count {
                rows.push(["a".into(), 1_i64.into()]);
            }
            texts.extend(
                rows.chunks(Engine::SqliteFile)
                    .map(|values| rows.text(Engine::SqliteFile, values.len(), 1, "SELECT 1")),
            );
        }
        assert_eq!(texts.len(), 9, "for 1, 2, 4 and so on to 256 rows");
    }

    #[test]
    fn many_rows_are_several_statements() {
        let mut rows = Rows::new(COLUMNS);
        for _ in 0..600 {
            rows.push(["a".into(), 1_i64.into()]);
        }
        let chunks = |engine| rows.chunks(engine).map(|chunk| chunk.len() / 2).collect::<Vec<_>>();
        assert_eq!(chunks(Engine::SqliteFile), [256, 256, 88]);
        assert_eq!(chunks(Engine::Postgres), [600]);
    }

    /// SQLite would read the whole table when there are many rows, had it not been told otherwise.
    #[tokio::test]
    async fn a_table_is_searched_by_keys_however_many_they_are() {
        crate::create::install_drivers();
        let mut conn = sqlx::AnyConnection::connect("sqlite::memory:").await.unwrap();
        for statement in Engine::SqliteMemory.session_setup() {
            conn.execute(*statement).await.unwrap();
        }
        conn.execute("CREATE TABLE agents (id TEXT PRIMARY KEY, units BIGINT)").await.unwrap();
        let rows = Rows::new(COLUMNS);
        for statement in [
            "SELECT a.units FROM v JOIN agents a ON a.id = v.id WHERE v.units = 1",
            "UPDATE agents SET units = v.units FROM v WHERE agents.id = v.id AND v.units > 0",
            "DELETE FROM agents WHERE id IN (SELECT id FROM v)",
        ] {
            for count in [1, 64, MOST_ROWS] {
                let text = rows.text(Engine::SqliteMemory, count * COLUMNS.len(), 1, statement);
                let explained = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
                let plan = sqlx::query(explained).fetch_all(&mut conn).await.unwrap();
                let steps: Vec<String> = plan.iter().map(|step| step.get("detail")).collect();
                let is_searched = |step: &String| step.starts_with("SEARCH a") && step.ends_with("(id=?)");
                assert!(steps.iter().any(is_searched), "{count} rows of {statement}: {steps:#?}");
            }
        }
    }
}
