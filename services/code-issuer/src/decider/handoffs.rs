use std::{sync::Arc, time::Duration};

use segue_core::{CallerId, Random, SharedClock};
use segue_runtime::Refusal;
use segue_store::{
    Changes, Database, StoreError,
    command::{Commands, Reply},
    outbox::OwedCall,
    requests::{self, Begun, RequestKey},
};

use super::{Answer, Command, exhausted::Exhausted, turns::Turns};
use crate::{
    domain::{
        handoff::Handoff,
        limits::Limits,
        strength::Scope,
        turn::{
            Attempt, CallOutcome, Cancelled, Created, Creation, Ended, Needs, Owed, Redeemed, Reissue,
            Reissued, Revoked, Settled, Turn,
        },
    },
    metrics::{CodeFailure, Metrics},
    store::{self, Filter, Stored},
};

/// Handoffs: has decisions about them made, reads them, and counts what becomes of them.
#[derive(Debug, Clone)]
pub(crate) struct Handoffs {
    database: Database,
    commands: Commands<Turns>,
    clock: SharedClock,
    random: Random,
    exhausted: Exhausted,
    metrics: Arc<Metrics>,
}

/// What a request is answered with.
#[derive(Debug)]
pub(crate) enum Idempotent<T> {
    /// It was decided now.
    New(T),
    /// It was decided before, about the handoff with this id.
    Repeated(String),
}

impl Handoffs {
    /// Starts to decide upon a database.
    pub(crate) fn start(database: Database, clock: SharedClock, random: Random) -> Self {
        let commands = database.decide(Turns::new(clock.clone(), random.clone()));
        let (exhausted, metrics) = (Exhausted::default(), Arc::new(Metrics::new()));
        Self { database, commands, clock, random, exhausted, metrics }
    }

    /// Records a handoff.
    pub(crate) async fn create(
        &self,
        request: RequestKey,
        new: Creation,
    ) -> Result<Idempotent<Created>, Refusal> {
        let platform = new.handoff.target.platform.clone();
        let answer = self.ask_once(request, Command::Create(Box::new(new))).await?;
        let created =
            answer.pick(|answer| if let Answer::Created(one) = answer { Some(one) } else { None })?;
        if let Idempotent::New(Created::Done { ended, .. }) = &created {
            self.metrics.issued(&platform);
            ended.iter().for_each(|ended| self.metrics.ended(ended.state, &ended.platform));
        }
        Ok(created)
    }

    /// Replaces a handoff's codes.
    pub(crate) async fn reissue(
        &self,
        request: RequestKey,
        new: Reissue,
    ) -> Result<Idempotent<Reissued>, Refusal> {
        let answer = self.ask_once(request, Command::Reissue(Box::new(new))).await?;
        answer.pick(|answer| if let Answer::Reissued(one) = answer { Some(one) } else { None })
    }

    /// Redeems a code, if it's live: one winner, whoever asks at the same time (I1).
    pub(crate) async fn redeem(&self, attempt: Attempt, caller: CallerId) -> Result<Redeemed, StoreError> {
        let redeemed = match self.without_a_guess(&attempt).await? {
            Some(redeemed) => redeemed,
            None => match self.ask(Command::Redeem(Box::new(attempt), caller)).await? {
                Answer::Redeemed(redeemed) => redeemed,
                _ => return Err(StoreError::Failed),
            },
        };
        match &redeemed {
            Redeemed::Won { handoff, .. } => {
                self.metrics.redeemed(handoff.updated_at - handoff.created_at);
            }
            Redeemed::Dead { .. } => self.metrics.code_failed(CodeFailure::Dead),
            Redeemed::NotAccepted => self.metrics.code_failed(CodeFailure::NotAccepted),
            Redeemed::TooManyAttempts(waiting) => {
                self.exhausted.remember(waiting, self.now_ms());
                self.metrics.code_failed(CodeFailure::TooManyAttempts);
            }
            Redeemed::Repeated(_, Some(waiting)) => self.exhausted.remember(waiting, self.now_ms()),
            Redeemed::Repeated(_, None) | Redeemed::RequestIdReused => {}
        }
        Ok(redeemed)
    }

    /// The same as a decision would tell, without a turn. None: there is something to try, so a turn has to be taken.
    async fn without_a_guess(&self, attempt: &Attempt) -> Result<Option<Redeemed>, StoreError> {
        let now_ms = self.now_ms();
        if !self.exhausted.may_be(&attempt.guessing, now_ms) {
            return Ok(None);
        }
        let mut needs = Needs::default();
        attempt.needs(&mut needs);
        let known = self.database.read(async |conn| store::known(conn, &needs, now_ms).await).await?;
        let turn = Turn::new(now_ms, self.random.clone(), known);
        if turn.has_a_guess(attempt) {
            // Cleared by the desk, at whatever replica.
            self.exhausted.forget(&attempt.guessing);
        }
        Ok(turn.without_a_guess(attempt))
    }

    /// Ends a handoff whose code was not entered yet.
    pub(crate) async fn cancel(
        &self,
        request: RequestKey,
        id: &str,
        trace_parent: String,
    ) -> Result<Idempotent<Cancelled>, Refusal> {
        let answer = self.ask_once(request, Command::Cancel(id.to_owned(), trace_parent)).await?;
        let cancelled =
            answer.pick(|answer| if let Answer::Cancelled(one) = answer { Some(one) } else { None })?;
        if let Idempotent::New(Cancelled::Done { handoff, .. }) = &cancelled {
            self.count_end(handoff);
        }
        Ok(cancelled)
    }

    /// Takes a switch back.
    pub(crate) async fn revoke(
        &self,
        request: RequestKey,
        id: &str,
        trace_parent: String,
    ) -> Result<Idempotent<Revoked>, Refusal> {
        let answer = self.ask_once(request, Command::Revoke(id.to_owned(), trace_parent)).await?;
        let revoked =
            answer.pick(|answer| if let Answer::Revoked(one) = answer { Some(one) } else { None })?;
        if let Idempotent::New(Revoked::Done { handoff, .. }) = &revoked {
            self.count_end(handoff);
        }
        Ok(revoked)
    }

    /// Records what follows from an owed call, and that it is over.
    pub(crate) async fn settle(&self, call: &OwedCall, outcome: CallOutcome) -> Result<Settled, StoreError> {
        let is_admission = matches!(outcome, CallOutcome::Admitted(_));
        let is_delivery = matches!(outcome, CallOutcome::Delivered(..));
        let Answer::Settled(settled) = self.ask(Command::Settle(call.clone(), outcome)).await? else {
            return Err(StoreError::Failed);
        };
        if let Some(handoff) = &settled.handoff {
            if is_admission {
                self.metrics.admitted(handoff.updated_at - handoff.created_at);
            }
            // A delivery that is late is of a handoff that may have ended before.
            if !is_delivery {
                self.count_end(handoff);
            }
        }
        Ok(settled)
    }

    /// Ends handoffs whose code was not entered in time; returns the calls to be made now. None when none was due.
    pub(crate) async fn expire_due(&self) -> Result<Option<Vec<Owed>>, StoreError> {
        let due = self.database.read(async |conn| store::due(conn, self.now_ms()).await).await?;
        if due.is_empty() {
            return Ok(None);
        }
        let ended = match self.expire(due.clone()).await {
            // One that can't be read must not keep the others from their end.
            Err(StoreError::Failed) => self.expire_one_by_one(due).await,
            ended => ended?,
        };
        if ended.is_empty() {
            return Ok(None);
        }
        ended.iter().for_each(|(ended, _)| self.metrics.ended(ended.state, &ended.platform));
        Ok(Some(ended.into_iter().map(|(_, call)| call).collect()))
    }

    async fn expire(&self, due: Vec<String>) -> Result<Vec<(Ended, Owed)>, StoreError> {
        match self.ask(Command::Expire(due)).await? {
            Answer::Expired(ended) => Ok(ended),
            _ => Err(StoreError::Failed),
        }
    }

    async fn expire_one_by_one(&self, due: Vec<String>) -> Vec<(Ended, Owed)> {
        let mut ended = vec![];
        for id in due {
            match self.expire(vec![id.clone()]).await {
                Ok(one) => ended.extend(one),
                Err(error) => tracing::error!(%error, handoff = id, "handoff not ended"),
            }
        }
        ended
    }

    /// Counts anew how many unbound codes live.
    pub(crate) async fn recount(&self) -> Result<(), StoreError> {
        self.ask(Command::Recount).await.map(drop)
    }

    /// Deletes what is remembered for a day only, and handoffs that are over for so long.
    pub(crate) async fn purge(&self, history: Duration) -> Result<(), StoreError> {
        let now_ms = self.now_ms();
        let input = (i64::try_from(history.as_millis()).unwrap_or(i64::MAX), now_ms);
        self.database
            .write(input, |conn, (history_ms, now_ms)| Box::pin(store::purge(conn, *history_ms, *now_ms)))
            .await?;
        self.database.forget_requests(now_ms).await.map(drop)
    }

    /// The handoff with this id.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<Stored>, StoreError> {
        self.database.read(async |conn| store::find(conn, id).await).await
    }

    /// Handoffs, newest first.
    pub(crate) async fn list(&self, filter: &Filter) -> Result<Vec<Stored>, StoreError> {
        self.database.read(async |conn| store::list(conn, filter, self.now_ms()).await).await
    }

    /// The handoff that a request was answered about, if it was made before.
    pub(crate) async fn made_by(&self, request: &RequestKey) -> Result<Option<String>, Refusal> {
        match self.database.read(async |conn| requests::look_up(conn, request).await).await? {
            None | Some(Begun::Fresh) => Ok(None),
            Some(Begun::Reused) => Err(Refusal::request_id_reused()),
            Some(Begun::Done(kept)) => Ok(Some(handoff_id(kept)?)),
        }
    }

    /// The hashes of a handoff's live codes.
    pub(crate) async fn live_hashes(&self, id: &str) -> Result<Vec<String>, StoreError> {
        self.database.read(async |conn| store::live_hashes(conn, id).await).await
    }

    /// The sealed access information of a handoff's generation, while its code lives.
    pub(crate) async fn sealed_access_info(&self, handoff: &Handoff) -> Result<Option<Vec<u8>>, StoreError> {
        let (id, generation) = (&handoff.id, handoff.generation);
        self.database.read(async |conn| store::sealed_access_info(conn, id, generation).await).await
    }

    /// The faces of a handoff's code that bear no more wrong codes.
    pub(crate) async fn retired_faces(&self, handoff: &Handoff) -> Result<Vec<i64>, StoreError> {
        self.database.read(async |conn| store::retired_faces(conn, handoff).await).await
    }

    /// Until when an account that a handoff's code is bound to can enter none, if that is so.
    pub(crate) async fn lockout_end_ms(
        &self,
        handoff: &Handoff,
        limits: Limits,
    ) -> Result<Option<i64>, StoreError> {
        let now_ms = self.now_ms();
        let mut end = None;
        for account in &handoff.target.accounts {
            let wrong =
                self.database.read(async |conn| store::of_account(conn, account, now_ms).await).await?;
            end = end.max(limits.lockout_end_ms(&wrong, now_ms));
        }
        Ok(end)
    }

    /// What goes on at a platform.
    pub(crate) async fn scope(&self, platform: &str) -> Result<Scope, StoreError> {
        self.database.read(async |conn| store::scope(conn, platform, self.now_ms()).await).await
    }

    /// Wrong codes that were tried under accounts, by their references.
    pub(crate) async fn wrong_guesses(&self, accounts: &[String]) -> Result<u64, StoreError> {
        self.database.read(async |conn| store::wrong_guesses(conn, accounts, self.now_ms()).await).await
    }

    /// Gives a failed call back to the dispatcher.
    pub(crate) async fn retry_later(&self, call: &OwedCall) {
        segue_store::outbox::retry_later(&self.database, call, self.now_ms()).await;
    }

    /// Wakes on changes made by any process.
    pub(crate) fn changes(&self) -> Changes {
        self.database.changes()
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    fn count_end(&self, handoff: &Handoff) {
        self.metrics.ended(handoff.state(), &handoff.target.platform);
    }

    async fn ask(&self, command: Command) -> Result<Answer, StoreError> {
        match self.commands.ask(None, command).await? {
            Reply::Decided(answer) => Ok(answer),
            Reply::Repeated(_) | Reply::Reused => Err(StoreError::Failed),
        }
    }

    async fn ask_once(&self, request: RequestKey, command: Command) -> Result<Idempotent<Answer>, Refusal> {
        match self.commands.ask(Some(request), command).await? {
            Reply::Decided(answer) => Ok(Idempotent::New(answer)),
            Reply::Repeated(kept) => Ok(Idempotent::Repeated(handoff_id(kept)?)),
            Reply::Reused => Err(Refusal::request_id_reused()),
        }
    }
}

impl Idempotent<Answer> {
    fn pick<T>(self, pick: impl FnOnce(Answer) -> Option<T>) -> Result<Idempotent<T>, Refusal> {
        match self {
            Self::New(answer) => Ok(Idempotent::New(pick(answer).ok_or(StoreError::Failed)?)),
            Self::Repeated(id) => Ok(Idempotent::Repeated(id)),
        }
    }
}

fn handoff_id(kept: Vec<u8>) -> Result<String, StoreError> {
    String::from_utf8(kept).map_err(|_| StoreError::Failed)
}
