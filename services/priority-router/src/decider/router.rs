use segue_core::{Random, SharedClock};
use segue_runtime::Refusal;
use segue_store::{
    Database, StoreError,
    command::{Commands, Reply},
    requests::RequestKey,
};
use tokio::sync::watch;

use super::{
    Answer, Command, Notifier, ShownAgent, ShownContact,
    memory::{Memory, Pulse},
};
use crate::{
    domain::{ContactId, Name, Rules, State},
    errors::{self, About},
    metrics::Metrics,
    store::contacts::{self, Stored},
};

/// Has decisions made, and reads what they led to.
#[derive(Debug, Clone)]
pub(crate) struct Router {
    pub database: Database,
    pub rules: Rules,
    pub random: Random,
    pub notifier: Notifier,
    clock: SharedClock,
    commands: Commands<Memory>,
    pulse: watch::Receiver<Pulse>,
}

/// What a request is answered with.
#[derive(Debug)]
pub(crate) enum IdempotentAnswer {
    /// It was decided now.
    New(Answer),
    /// It was decided before; this was kept of the answer.
    Repeated(Vec<u8>),
}

impl Router {
    /// Starts to decide upon a database, once what is open has been loaded.
    pub(crate) async fn start(
        database: Database,
        clock: SharedClock,
        random: Random,
        rules: Rules,
    ) -> Result<Self, StoreError> {
        let notifier = Notifier::default();
        let (memory, pulse) = Memory::new(
            database.engine(),
            rules,
            clock.clone(),
            random.clone(),
            notifier.clone(),
            Metrics::new(),
        );
        let commands = database.decide(memory);
        let router = Self { database, rules, random, notifier, clock, commands, pulse };
        router.commands.look(|_| ()).await?;
        Ok(router)
    }

    /// Makes a decision that is idempotent in itself.
    pub(crate) async fn decide(&self, command: Command) -> Result<Answer, Refusal> {
        match self.ask(None, command).await? {
            IdempotentAnswer::New(answer) => Ok(answer),
            IdempotentAnswer::Repeated(_) => Err(StoreError::Failed.into()),
        }
    }

    /// Makes a decision once for its request.
    pub(crate) async fn decide_once(
        &self,
        key: RequestKey,
        command: Command,
    ) -> Result<IdempotentAnswer, Refusal> {
        self.ask(Some(key), command).await
    }

    async fn ask(&self, key: Option<RequestKey>, command: Command) -> Result<IdempotentAnswer, Refusal> {
        let about = About::of(&command.what);
        match self.commands.ask(key, command).await? {
            Reply::Decided(Ok(answer)) => Ok(IdempotentAnswer::New(answer)),
            Reply::Decided(Err(refused)) => Err(errors::refusal(&refused, &about)),
            Reply::Repeated(kept) => Ok(IdempotentAnswer::Repeated(kept)),
            Reply::Reused => Err(Refusal::request_id_reused()),
        }
    }

    /// Reads the open state: what any replica has answered before is in it.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        read: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let read = self.commands.look(|memory| memory.state().map(read)).await?;
        read.ok_or(StoreError::Unavailable)
    }

    /// Reads the open state as this replica knows it: what others have just answered may not be in it yet.
    pub(crate) async fn peek<T: Send + 'static>(
        &self,
        read: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let read = self.commands.peek(|memory| memory.state().map(read)).await?;
        read.ok_or(StoreError::Unavailable)
    }

    /// An agent.
    pub(crate) async fn agent(&self, id: &str) -> Result<Option<ShownAgent>, StoreError> {
        let id: Name = id.into();
        self.look(move |state| ShownAgent::of(state, &id)).await
    }

    /// A contact.
    pub(crate) async fn contact(&self, id: ContactId) -> Result<Option<ShownContact>, StoreError> {
        match self.database.read(async |conn| contacts::get(conn, id).await).await? {
            None => Ok(None),
            Some(row) => Ok(self.show(vec![row]).await?.pop()),
        }
    }

    /// Rows as they are seen: what is open as the open state says, with its place in the line.
    pub(crate) async fn show(&self, rows: Vec<Stored>) -> Result<Vec<ShownContact>, StoreError> {
        let open: Vec<ContactId> = rows.iter().filter(|row| row.is_open()).map(|row| row.id).collect();
        if open.is_empty() {
            return Ok(rows.into_iter().map(ShownContact::of_row).collect());
        }
        let views = self.look(move |state| state.contacts(&open)).await?;
        let mut shown = vec![];
        for row in rows {
            shown.push(match views.get(&row.id) {
                Some(view) => ShownContact::of_view(view.clone(), row),
                // It has ended since its row was read.
                None if row.is_open() => ShownContact::of_row(self.read_again(row).await?),
                None => ShownContact::of_row(row),
            });
        }
        Ok(shown)
    }

    async fn read_again(&self, row: Stored) -> Result<Stored, StoreError> {
        let again = self.database.read(async |conn| contacts::get(conn, row.id).await).await?;
        Ok(again.unwrap_or(row))
    }

    /// The time, as far as this replica knows it.
    pub(crate) fn now_ms(&self) -> i64 {
        if self.clock.is_turned_by_hand() {
            return self.clock.now_ms();
        }
        let pulse = *self.pulse.borrow();
        let passed = i64::try_from(pulse.read.elapsed().as_millis()).unwrap_or(i64::MAX);
        pulse.at_ms.saturating_add(passed)
    }

    /// Whether time has brought something.
    pub(crate) fn is_anything_due(&self) -> bool {
        let next_due = self.pulse.borrow().next_due;
        next_due.is_some_and(|due| due <= self.now_ms())
    }
}
