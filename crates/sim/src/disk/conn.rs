use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc, time::Duration};

use futures::{StreamExt as _, future::BoxFuture, stream, stream::BoxStream};
use rusqlite::{Connection as Sqlite, fallible_iterator::FallibleIterator as _, types::ValueRef};
use sqlx_core::{
    Either, Error, HashMap,
    any::{
        Any, AnyArguments, AnyColumn, AnyConnectionBackend, AnyQueryResult, AnyRow, AnyStatement,
        AnyTypeInfo, AnyTypeInfoKind, AnyValue, AnyValueKind,
    },
    connection::Connection,
    describe::Describe,
    error::{DatabaseError, ErrorKind},
    ext::ustr::UStr,
    migrate::Migrate,
    sql_str::SqlStr,
    transaction::Transaction,
};

use super::{
    driver::SimOptions,
    host::{DiskFault, Host},
    unused::Sim,
};
use crate::life::{Life, Point};

/// A connection of a process to a host.
#[derive(Debug)]
pub struct SimConnection {
    host: Arc<Host>,
    life: Arc<Life>,
    id: u64,
    epoch: u64,
    is_broken: bool,
    mode: Mode,
}

/// The transaction under way.
enum Mode {
    None,
    Writing,
    /// A reading transaction, over a connection of its own.
    Reading(Sqlite),
}

impl fmt::Debug for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Writing => "Writing",
            Self::Reading(_) => "Reading",
        })
    }
}

type Answer = (Vec<AnyRow>, u64);

impl SimConnection {
    pub(super) async fn open(process: &str, host: &str) -> Result<Self, Error> {
        let unknown = || Error::Configuration(format!("no host {host} or process {process}").into());
        let (Some(host), Some(life)) = (Host::of(host), Life::of(process)) else { return Err(unknown()) };
        life.or_never().await;
        host.until_it_answers().await;
        let (id, epoch) = (host.register(process), host.epoch());
        Ok(Self { host, life, id, epoch, is_broken: false, mode: Mode::None })
    }

    /// Runs statements.
    pub(super) async fn run(
        &mut self,
        text: &str,
        values: Option<Vec<AnyValueKind>>,
    ) -> Result<Answer, Error> {
        self.reach().await?;
        let text = text.trim_start();
        let word =
            text.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default().to_ascii_uppercase();
        match word.as_str() {
            // Of a connection of the host's.
            "PRAGMA" => Ok((vec![], 0)),
            "BEGIN" => {
                let (begin, rest) = text.split_once(';').unwrap_or((text, ""));
                self.begin_by(begin).await?;
                if rest.trim().is_empty() { Ok((vec![], 0)) } else { self.run_plain(rest, values).await }
            }
            "COMMIT" => self.commit_now().await.map(|()| (vec![], 0)),
            "ROLLBACK" => {
                self.roll_back_now();
                Ok((vec![], 0))
            }
            _ => self.run_plain(text, values).await,
        }
    }

    async fn run_plain(&mut self, text: &str, values: Option<Vec<AnyValueKind>>) -> Result<Answer, Error> {
        let writes = match &self.mode {
            Mode::Reading(conn) => return execute(conn, text, values.as_deref()),
            Mode::Writing => true,
            Mode::None => !is_read(text),
        };
        if !writes {
            return self.host.with_reader(|conn| execute(conn, text, values.as_deref()));
        }
        let is_alone = matches!(self.mode, Mode::None);
        if is_alone && !self.host.lock(self.id).await {
            return Err(Refused::error(5));
        }
        if !is_read(text) {
            for fault in self.host.current_faults() {
                let code = match fault {
                    DiskFault::ReadOnly => 8,
                    DiskFault::Full => 13,
                    _ => continue,
                };
                if is_alone {
                    self.host.unlock(self.id);
                }
                self.host.note(|| format!("refuses a write of {} with {code}", self.life.name));
                return Err(Refused::error(code));
            }
        }
        let answer = self.host.with_writer(|conn| execute(conn, text, values.as_deref()));
        if is_alone {
            self.host.unlock(self.id);
        }
        answer
    }

    async fn begin_by(&mut self, statement: &str) -> Result<(), Error> {
        if !matches!(self.mode, Mode::None) {
            return Err(Refused::error(1));
        }
        if statement.to_ascii_uppercase().contains("IMMEDIATE") {
            if !self.host.lock(self.id).await {
                return Err(Refused::error(5));
            }
            self.mode = Mode::Writing;
            // A failover may have come while it waited.
            self.is_whole()?;
            self.host.with_writer(|conn| conn.execute_batch("BEGIN IMMEDIATE")).map_err(Refused::of)
        } else {
            let conn = self.host.take_spare();
            conn.execute_batch("BEGIN").map_err(Refused::of)?;
            self.mode = Mode::Reading(conn);
            Ok(())
        }
    }

    async fn commit_now(&mut self) -> Result<(), Error> {
        match std::mem::replace(&mut self.mode, Mode::None) {
            Mode::None => Err(Refused::error(1)),
            Mode::Reading(conn) => {
                drop(conn.execute_batch("COMMIT"));
                self.host.give_spare(conn);
                Ok(())
            }
            Mode::Writing => {
                self.mode = Mode::Writing;
                self.commit_writes().await
            }
        }
    }

    async fn commit_writes(&mut self) -> Result<(), Error> {
        let process = self.life.name.clone();
        if self.host.strikes(&process, Point::BeforeCommit) {
            self.life.kill();
        }
        self.life.or_never().await;
        tokio::time::sleep(self.host.commit_time()).await;
        self.life.or_never().await;
        self.is_whole()?;
        let faults = self.host.current_faults();
        if faults.contains(&DiskFault::Full) && self.host.chance(50) {
            // As SQLite does: the transaction stays open, and its owner ends it.
            self.host.note(|| format!("has no room for a commit of {process}"));
            return Err(Refused::error(13));
        }
        self.host.commit(&process).map_err(Refused::of)?;
        self.mode = Mode::None;
        if self.host.strikes(&process, Point::AfterCommit) {
            self.life.kill();
        }
        self.host.unlock(self.id);
        self.life.or_never().await;
        for fault in faults {
            if let DiskFault::LoseAnswers(percent) = fault
                && self.host.chance(percent)
            {
                self.host.note(|| format!("loses the answer to a commit of {process}"));
                return Err(self.break_off());
            }
        }
        tokio::task::yield_now().await;
        self.life.or_never().await;
        Ok(())
    }

    fn roll_back_now(&mut self) {
        match std::mem::replace(&mut self.mode, Mode::None) {
            Mode::None => {}
            Mode::Reading(conn) => {
                drop(conn.execute_batch("ROLLBACK"));
                self.host.give_spare(conn);
            }
            Mode::Writing if self.life.is_dead() || self.host.epoch() != self.epoch => {}
            Mode::Writing => self.host.roll_back(self.id),
        }
    }

    /// The way to the host, with what can happen on it.
    async fn reach(&mut self) -> Result<(), Error> {
        self.life.or_never().await;
        self.is_whole()?;
        for fault in self.host.current_faults() {
            match fault {
                DiskFault::Hang => self.host.until_it_answers().await,
                DiskFault::Slow(ms) => tokio::time::sleep(Duration::from_millis(ms.into())).await,
                DiskFault::LoseConnections(percent) if self.host.chance(percent) => {
                    self.host.note(|| format!("loses a connection of {}", self.life.name));
                    return Err(self.break_off());
                }
                _ => {}
            }
        }
        self.life.or_never().await;
        self.is_whole()
    }

    fn is_whole(&mut self) -> Result<(), Error> {
        if self.is_broken || self.host.epoch() != self.epoch {
            return Err(self.break_off());
        }
        Ok(())
    }

    fn break_off(&mut self) -> Error {
        self.roll_back_now();
        self.is_broken = true;
        Error::Io(std::io::ErrorKind::ConnectionReset.into())
    }
}

impl Drop for SimConnection {
    fn drop(&mut self) {
        // Of a process that has died, the host takes care.
        if !self.life.is_dead() && self.host.epoch() == self.epoch {
            self.roll_back_now();
            self.host.unregister(self.id);
        }
    }
}

/// Whether statements only read. None of the services' hides a write behind one of these words.
fn is_read(text: &str) -> bool {
    let text = text.trim_start();
    let begins = |word: &str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    if begins("WITH") {
        return !["INSERT INTO", "UPDATE ", "DELETE FROM"].iter().any(|write| text.contains(write));
    }
    begins("SELECT") || begins("EXPLAIN")
}

fn execute(conn: &Sqlite, text: &str, values: Option<&[AnyValueKind]>) -> Result<Answer, Error> {
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

impl AnyConnectionBackend for SimConnection {
    fn name(&self) -> &str {
        "SQLite"
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, sqlx_core::Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn close_hard(self: Box<Self>) -> BoxFuture<'static, sqlx_core::Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn ping(&mut self) -> BoxFuture<'_, sqlx_core::Result<()>> {
        Box::pin(self.reach())
    }

    fn begin(&mut self, statement: Option<SqlStr>) -> BoxFuture<'_, sqlx_core::Result<()>> {
        Box::pin(async move {
            self.reach().await?;
            let text = statement.as_ref().map_or("BEGIN", SqlStr::as_str);
            self.begin_by(text).await
        })
    }

    fn commit(&mut self) -> BoxFuture<'_, sqlx_core::Result<()>> {
        Box::pin(async move {
            self.reach().await?;
            self.commit_now().await
        })
    }

    fn rollback(&mut self) -> BoxFuture<'_, sqlx_core::Result<()>> {
        Box::pin(async move {
            self.reach().await?;
            self.roll_back_now();
            Ok(())
        })
    }

    fn start_rollback(&mut self) {
        self.roll_back_now();
    }

    fn get_transaction_depth(&self) -> usize {
        usize::from(!matches!(self.mode, Mode::None))
    }

    fn shrink_buffers(&mut self) {}

    fn flush(&mut self) -> BoxFuture<'_, sqlx_core::Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn should_flush(&self) -> bool {
        false
    }

    fn as_migrate(&mut self) -> sqlx_core::Result<&mut (dyn Migrate + Send + 'static)> {
        Ok(self)
    }

    fn fetch_many(
        &mut self,
        query: SqlStr,
        _: bool,
        arguments: Option<AnyArguments>,
    ) -> BoxStream<'_, sqlx_core::Result<Either<AnyQueryResult, AnyRow>>> {
        let values = arguments.map(|arguments| arguments.values.0);
        let running = async move { self.run(query.as_str(), values).await };
        let answered = stream::once(running).flat_map(|answer| match answer {
            Err(error) => stream::iter(vec![Err(error)]),
            Ok((rows, rows_affected)) => {
                let mut all: Vec<_> = rows.into_iter().map(|row| Ok(Either::Right(row))).collect();
                all.push(Ok(Either::Left(AnyQueryResult { rows_affected, last_insert_id: None })));
                stream::iter(all)
            }
        });
        Box::pin(answered)
    }

    fn fetch_optional(
        &mut self,
        query: SqlStr,
        _: bool,
        arguments: Option<AnyArguments>,
    ) -> BoxFuture<'_, sqlx_core::Result<Option<AnyRow>>> {
        let values = arguments.map(|arguments| arguments.values.0);
        Box::pin(async move { Ok(self.run(query.as_str(), values).await?.0.into_iter().next()) })
    }

    fn prepare_with<'c, 'q: 'c>(
        &'c mut self,
        sql: SqlStr,
        _: &[AnyTypeInfo],
    ) -> BoxFuture<'c, sqlx_core::Result<AnyStatement>> {
        let statement = AnyStatement { sql, parameters: None, column_names: Arc::default(), columns: vec![] };
        Box::pin(async move { Ok(statement) })
    }

    fn describe(&mut self, _: SqlStr) -> BoxFuture<'_, sqlx_core::Result<Describe<Any>>> {
        Box::pin(async { Err(Error::Configuration("nothing is described here".into())) })
    }
}

impl Connection for SimConnection {
    type Database = Sim;
    type Options = SimOptions;

    async fn close(self) -> Result<(), Error> {
        Ok(())
    }

    async fn close_hard(self) -> Result<(), Error> {
        Ok(())
    }

    async fn ping(&mut self) -> Result<(), Error> {
        self.reach().await
    }

    fn begin(&mut self) -> impl Future<Output = Result<Transaction<'_, Sim>, Error>> + Send + '_ {
        Transaction::begin(self, None)
    }

    fn shrink_buffers(&mut self) {}

    async fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn should_flush(&self) -> bool {
        false
    }
}

/// SQLite refuses.
#[derive(Debug)]
struct Refused {
    code: i32,
    message: String,
}

impl Refused {
    fn error(code: i32) -> Error {
        Error::Database(Box::new(Self { code, message: "simulated".to_owned() }))
    }

    fn of(error: rusqlite::Error) -> Error {
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
