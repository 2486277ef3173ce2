//! What must be true: at each commit of the router ([`steps`]), before long ([`times`]), and when all is over ([`end`]).

mod end;
mod steps;
mod times;

pub use end::{at_the_end, unsettled};
pub use steps::watch;
pub use times::watch_times;

use rusqlite::{Connection, types::FromSql};

/// The rows of a statement, of two texts each.
fn pairs<A: FromSql, B: FromSql>(conn: &Connection, sql: &str) -> Vec<(A, B)> {
    let mut statement = conn.prepare_cached(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}
