//! Running a statement, and reading its rows into what sqlx's `Any` has for them.

use std::sync::Arc;

use rusqlite::{Connection as Sqlite, fallible_iterator::FallibleIterator as _, types::ValueRef};
use sqlx_core::{
    Error, HashMap,
    any::{AnyColumn, AnyRow, AnyTypeInfo, AnyTypeInfoKind, AnyValue, AnyValueKind},
    ext::ustr::UStr,
};

use super::refused::Refused;

/// Rows, and how many rows of the database were changed.
pub(super) type Answer = (Vec<AnyRow>, u64);

/// Whether statements only read. None of the services' hides a write behind one of these words.
pub(super) fn is_read(text: &str) -> bool {
    let text = text.trim_start();
    let begins = |word: &str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    if begins("WITH") {
        return !["INSERT INTO", "UPDATE ", "DELETE FROM"].iter().any(|write| text.contains(write));
    }
    begins("SELECT") || begins("EXPLAIN")
}

pub(super) fn execute(conn: &Sqlite, text: &str, values: Option<&[AnyValueKind]>) -> Result<Answer, Error> {
    let (mut rows, mut changed) = (vec![], 0);
    let Some(values) = values else {
        let mut batch = rusqlite::Batch::new(conn, text);
        while let Some(mut statement) = batch.next().map_err(Refused::of)? {
            collect(&mut statement, &mut rows).map_err(Refused::of)?;
            changed += if statement.readonly() { 0 } else { conn.changes() };
        }
        return Ok((rows, changed));
    };
    let mut statement = conn.prepare_cached(text).map_err(Refused::of)?;
    for index in 1..=statement.parameter_count() {
        // SQLite counts `$2` by where it first stands; its number says which value is meant.
        let number =
            statement.parameter_name(index).and_then(|name| name.get(1..)?.parse().ok()).unwrap_or(index);
        let value = values.get(number - 1).unwrap_or(&AnyValueKind::Null(AnyTypeInfoKind::Null));
        bind(&mut statement, index, value).map_err(Refused::of)?;
    }
    collect(&mut statement, &mut rows).map_err(Refused::of)?;
    changed += if statement.readonly() { 0 } else { conn.changes() };
    Ok((rows, changed))
}

fn bind(statement: &mut rusqlite::Statement<'_>, index: usize, value: &AnyValueKind) -> rusqlite::Result<()> {
    match value {
        AnyValueKind::Bool(is) => statement.raw_bind_parameter(index, *is),
        AnyValueKind::SmallInt(number) => statement.raw_bind_parameter(index, *number),
        AnyValueKind::Integer(number) => statement.raw_bind_parameter(index, *number),
        AnyValueKind::BigInt(number) => statement.raw_bind_parameter(index, *number),
        AnyValueKind::Real(number) => statement.raw_bind_parameter(index, f64::from(*number)),
        AnyValueKind::Double(number) => statement.raw_bind_parameter(index, *number),
        AnyValueKind::Text(text) => statement.raw_bind_parameter(index, text.as_str()),
        AnyValueKind::TextSlice(text) => statement.raw_bind_parameter(index, &**text),
        AnyValueKind::Blob(bytes) => statement.raw_bind_parameter(index, bytes.as_slice()),
        _ => statement.raw_bind_parameter(index, rusqlite::types::Null),
    }
}

fn collect(statement: &mut rusqlite::Statement<'_>, into: &mut Vec<AnyRow>) -> rusqlite::Result<()> {
    let mut columns = vec![];
    let mut names = HashMap::default();
    for (ordinal, name) in statement.column_names().into_iter().enumerate() {
        let name = UStr::new(name);
        names.insert(name.clone(), ordinal);
        columns.push(AnyColumn { ordinal, name, type_info: AnyTypeInfo { kind: AnyTypeInfoKind::Null } });
    }
    let names = Arc::new(names);
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        let mut values = Vec::with_capacity(columns.len());
        for index in 0..columns.len() {
            let kind = match row.get_ref(index)? {
                ValueRef::Null => AnyValueKind::Null(AnyTypeInfoKind::Null),
                ValueRef::Integer(number) => AnyValueKind::BigInt(number),
                ValueRef::Real(number) => AnyValueKind::Double(number),
                ValueRef::Text(text) => AnyValueKind::Text(String::from_utf8_lossy(text).into_owned().into()),
                ValueRef::Blob(bytes) => AnyValueKind::Blob(bytes.to_vec().into()),
            };
            values.push(AnyValue { kind });
        }
        into.push(AnyRow { column_names: names.clone(), columns: columns.clone(), values });
    }
    Ok(())
}
