//! Connections, and the driver that opens them.

mod driver;
mod migrate;
mod unused;

use std::{fmt, sync::Arc, time::Duration};

use futures::{StreamExt as _, future::BoxFuture, stream, stream::BoxStream};
use rusqlite::Connection as Sqlite;
use sqlx_core::{
    Either, Error,
    any::{
        Any, AnyArguments, AnyConnectionBackend, AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo,
        AnyValueKind,
    },
    connection::Connection,
    describe::Describe,
    migrate::Migrate,
    sql_str::SqlStr,
    transaction::Transaction,
};

pub use driver::install;

use self::{driver::SimOptions, unused::Sim};
use super::{
    host::{DiskFault, Host},
    refused::Refused,
    statement::{Answer, execute, is_read},
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
