//! What sqlx's traits ask of a driver, and `Any` never uses: it has rows, values and arguments of its own.

use std::{borrow::Cow, convert::Infallible, fmt};

use sqlx_core::{
    Either, Error,
    arguments::Arguments,
    column::{Column, ColumnIndex},
    database::Database,
    encode::{Encode, IsNull},
    error::BoxDynError,
    row::Row,
    sql_str::SqlStr,
    statement::Statement,
    transaction::TransactionManager,
    type_info::TypeInfo,
    types::Type,
    value::{Value, ValueRef},
};

use super::SimConnection;

/// The driver as a type.
#[derive(Debug)]
pub struct Sim;

/// Stands for everything that there is none of.
#[derive(Debug, Clone, PartialEq)]
pub struct Never(Infallible);

#[derive(Debug, Default)]
pub struct NoArguments;

#[derive(Debug, Default)]
pub struct NoResult;

impl Extend<NoResult> for NoResult {
    fn extend<T: IntoIterator<Item = NoResult>>(&mut self, _: T) {}
}

impl Database for Sim {
    type Connection = SimConnection;
    type TransactionManager = Never;
    type Row = Never;
    type QueryResult = NoResult;
    type Column = Never;
    type TypeInfo = Never;
    type Value = Never;
    type ValueRef<'r> = Never;
    type Arguments = NoArguments;
    type ArgumentBuffer = ();
    type Statement = Never;

    const NAME: &'static str = "SQLite";
    const URL_SCHEMES: &'static [&'static str] = &["sqlite"];
}

impl fmt::Display for Never {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {}
    }
}

impl TypeInfo for Never {
    fn is_null(&self) -> bool {
        match self.0 {}
    }

    fn name(&self) -> &str {
        match self.0 {}
    }
}

impl Column for Never {
    type Database = Sim;

    fn ordinal(&self) -> usize {
        match self.0 {}
    }

    fn name(&self) -> &str {
        match self.0 {}
    }

    fn type_info(&self) -> &Never {
        match self.0 {}
    }
}

impl Row for Never {
    type Database = Sim;

    fn columns(&self) -> &[Never] {
        match self.0 {}
    }

    fn try_get_raw<I>(&self, _: I) -> Result<Never, Error>
    where
        I: ColumnIndex<Self>,
    {
        match self.0 {}
    }
}

impl Value for Never {
    type Database = Sim;

    fn as_ref(&self) -> Never {
        match self.0 {}
    }

    fn type_info(&self) -> Cow<'_, Never> {
        match self.0 {}
    }

    fn is_null(&self) -> bool {
        match self.0 {}
    }
}

impl<'r> ValueRef<'r> for Never {
    type Database = Sim;

    fn to_owned(&self) -> Never {
        match self.0 {}
    }

    fn type_info(&self) -> Cow<'_, Never> {
        match self.0 {}
    }

    fn is_null(&self) -> bool {
        match self.0 {}
    }
}

impl Arguments for NoArguments {
    type Database = Sim;

    fn reserve(&mut self, _: usize, _: usize) {}

    fn add<'t, T>(&mut self, value: T) -> Result<(), BoxDynError>
    where
        T: Encode<'t, Sim> + Type<Sim>,
    {
        let _: IsNull = value.encode(&mut ())?;
        Ok(())
    }

    fn len(&self) -> usize {
        0
    }
}

sqlx_core::impl_into_arguments_for_arguments!(NoArguments);

impl Statement for Never {
    type Database = Sim;

    fn into_sql(self) -> SqlStr {
        match self.0 {}
    }

    fn sql(&self) -> &SqlStr {
        match self.0 {}
    }

    fn parameters(&self) -> Option<Either<&[Never], usize>> {
        match self.0 {}
    }

    fn columns(&self) -> &[Never] {
        match self.0 {}
    }

    sqlx_core::impl_statement_query!(NoArguments);
}

impl TransactionManager for Never {
    type Database = Sim;

    async fn begin(_: &mut SimConnection, _: Option<SqlStr>) -> Result<(), Error> {
        Err(Error::WorkerCrashed)
    }

    async fn commit(_: &mut SimConnection) -> Result<(), Error> {
        Err(Error::WorkerCrashed)
    }

    async fn rollback(_: &mut SimConnection) -> Result<(), Error> {
        Err(Error::WorkerCrashed)
    }

    fn start_rollback(_: &mut SimConnection) {}

    fn get_transaction_depth(_: &SimConnection) -> usize {
        0
    }
}
