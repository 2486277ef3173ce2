//! Asks platforms that keep directories of their own for a customer's accounts: all at once, with one deadline, and not
//! again for a while. What can't be known in time is told as not known.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{StreamExt as _, future::BoxFuture};
use parking_lot::Mutex;
use segue_core::{AccountRef, KeyRing, Purpose, SharedClock, account_refs};
use segue_proto::{channel::v1::FindAccountsRequest, common::v1::Customer};
use tonic::{Code, Status};

use super::Adapters;
use crate::domain::selection::Unknown;

/// More accounts of one customer than an adapter may answer.
const MAX_ACCOUNTS: usize = 16;
const MAX_ACCOUNT_CHARACTERS: usize = 128;
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// So many platforms are asked at a time.
const AT_A_TIME: usize = 64;
/// Most answers kept; beyond them all are forgotten, which costs no more than asking again.
const MAX_KEPT: usize = 10_000;

/// An account by the references that it may be known by: under the current key, then under the previous.
pub(crate) type LiveAccount = Vec<AccountRef>;

/// What a platform's own directory says.
pub(crate) type Answer = Result<Vec<LiveAccount>, Unknown>;

/// Whom to ask for whom.
pub(crate) struct Asking<'a> {
    /// Platform and address of each.
    pub(crate) platforms: Vec<(&'a str, &'a str)>,
    pub(crate) customer: &'a Customer,
    /// The hashes of the customer's account information, which name the customer in what is kept.
    pub(crate) hashes: &'a [String],
}

/// The directories that platforms keep.
#[derive(Debug)]
pub(crate) struct Directories {
    adapters: Arc<Adapters>,
    keys: KeyRing,
    clock: SharedClock,
    deadline: Duration,
    kept_ms: i64,
    kept: Mutex<BTreeMap<String, Kept>>,
}

#[derive(Debug, Clone)]
struct Kept {
    until_ms: i64,
    accounts: Vec<LiveAccount>,
}

impl Directories {
    /// With so much time for all answers together, each of which is kept for a while.
    pub(crate) fn new(
        adapters: Arc<Adapters>,
        keys: KeyRing,
        clock: SharedClock,
        deadline: Duration,
        keep: Duration,
    ) -> Self {
        let kept_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        Self { adapters, keys, clock, deadline, kept_ms, kept: Mutex::default() }
    }

    /// Asks, and returns an answer for each platform.
    pub(crate) async fn find<'a>(&self, asking: &Asking<'a>) -> BTreeMap<&'a str, Answer> {
        let deadline = tokio::time::Instant::now() + self.deadline;
        let mut asked: Vec<BoxFuture<'_, (&'a str, Answer)>> = Vec::with_capacity(asking.platforms.len());
        for &(platform, uri) in &asking.platforms {
            asked.push(Box::pin(async move {
                let answer = tokio::time::timeout_at(deadline, self.find_on(platform, uri, asking)).await;
                (platform, answer.unwrap_or(Err(Unknown::Late)))
            }));
        }
        futures::stream::iter(asked).buffer_unordered(AT_A_TIME).collect().await
    }

    /// Forgets what is kept, so that a customer who was forgotten is not found here.
    pub(crate) fn forget_all(&self) {
        self.kept.lock().clear();
    }

    async fn find_on(&self, platform: &str, uri: &str, asking: &Asking<'_>) -> Answer {
        let parts: Vec<&str> =
            [platform, uri].into_iter().chain(asking.hashes.iter().map(String::as_str)).collect();
        let key = self.keys.hash(Purpose::Identity, &parts);
        if let Some(accounts) = self.kept(&key) {
            return Ok(accounts);
        }
        let accounts = self.ask(platform, uri, asking.customer).await.inspect_err(|why| {
            tracing::warn!(platform, ?why, "a platform's own directory does not tell");
        })?;
        self.keep(key, &accounts);
        Ok(accounts)
    }

    async fn ask(&self, platform: &str, uri: &str, customer: &Customer) -> Answer {
        let client = self.adapters.client(uri).ok_or(Unknown::Failed)?;
        let mut client = client.max_decoding_message_size(MAX_ANSWER_BYTES);
        let request = FindAccountsRequest { platform: platform.to_owned(), customer: Some(customer.clone()) };
        let answer = client.find_accounts(request).await.map_err(|status| unknown(&status))?;
        let accounts = answer.into_inner().accounts;
        let sensible = |account: &String| {
            let characters = account.trim().chars().count();
            (1..=MAX_ACCOUNT_CHARACTERS).contains(&characters) && !account.contains(char::is_control)
        };
        if accounts.len() > MAX_ACCOUNTS || !accounts.iter().all(sensible) {
            return Err(Unknown::Nonsense);
        }
        Ok(accounts.iter().map(|account| account_refs(&self.keys, platform, account)).collect())
    }

    fn kept(&self, key: &str) -> Option<Vec<LiveAccount>> {
        let kept = self.kept.lock();
        let found = kept.get(key).filter(|kept| self.clock.now_ms() < kept.until_ms)?;
        Some(found.accounts.clone())
    }

    fn keep(&self, key: String, accounts: &[LiveAccount]) {
        if self.kept_ms == 0 {
            return;
        }
        let mut kept = self.kept.lock();
        let now_ms = self.clock.now_ms();
        if kept.len() >= MAX_KEPT {
            kept.retain(|_, kept| now_ms < kept.until_ms);
        }
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(key, Kept { until_ms: now_ms + self.kept_ms, accounts: accounts.to_vec() });
    }
}

/// The caller's own deadline ends a call too, by one of these codes.
fn unknown(status: &Status) -> Unknown {
    match status.code() {
        Code::DeadlineExceeded | Code::Cancelled => Unknown::Late,
        Code::OutOfRange => Unknown::Nonsense,
        _ => Unknown::Failed,
    }
}
