use std::{net::IpAddr, time::Duration};

use segue_core::{CallerId, account_refs};
use segue_proto::common::v1::ErrorReason;
use segue_runtime::{Refusal, timestamp, trace_context};

use super::Flow;
use crate::{
    domain::{
        faces::{self, Canonical, FaceKind},
        handoff::State,
    },
    store::{Candidate, DeadCode, Record, Redeemed, Redemption},
};

/// How long a repeated request waits for the admission that the first one started.
const WAIT_FOR_ADMISSION: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(100);

/// A platform's request, checked.
pub(crate) struct Redeem {
    /// The request's id within its caller's.
    pub request: String,
    /// Who asks, for the audit log.
    pub caller: CallerId,
    /// What the code may be, face by face.
    pub codes: Vec<(FaceKind, Canonical)>,
    pub platform: String,
    pub session: String,
    /// The account's own id; empty for none.
    pub account: String,
    /// Whether the platform vouches for the account: the customer has signed in to it.
    pub account_verified: bool,
    /// Where the customer is in the network, for the guessing limits only.
    pub source_address: Option<IpAddr>,
}

impl Redeem {
    /// Reads an entered code; refuses what can't be one before any database is asked.
    pub fn read_code(input: &str) -> Result<Vec<(FaceKind, Canonical)>, Refusal> {
        let codes = faces::recognise(input);
        if codes.is_empty() {
            let refusal =
                Refusal::new(ErrorReason::CodeMalformed, "this can't be an access code; please check it");
            return Err(refusal.field("code", "has a wrong length, symbol or check symbol"));
        }
        Ok(codes)
    }
}

impl Flow {
    /// R10 to R12: spends the code and has the router admit the customer; answers once that is done.
    pub async fn redeem(&self, asked: Redeem) -> Result<Record, Refusal> {
        let accounts = match asked.account.trim() {
            "" => vec![],
            account => account_refs(&self.directory_keys, &asked.platform, account),
        };
        let redemption = Redemption {
            request: asked.request.clone(),
            caller: asked.caller.clone(),
            codes: self.candidates(&asked, &accounts),
            guessing: self.guessing(&asked, &accounts),
            platform: asked.platform.clone(),
            session: asked.session.clone(),
            revoke_grace_ms: self.revoke_grace_ms(),
            trace_parent: trace_context::current(),
        };
        let record = match self.store.redeem(redemption).await? {
            Redeemed::Won { record, admit } => {
                tracing::info!(handoff = record.id, "code redeemed");
                self.make_now(admit).await;
                record
            }
            Redeemed::Repeated(record) => record,
            Redeemed::RequestIdReused => return Err(Refusal::request_id_reused()),
            Redeemed::Dead { record, code } => return Err(dead(&record, code)),
            Redeemed::NotAccepted => return Err(not_accepted()),
            Redeemed::TooManyAttempts(wait) => return Err(too_many_attempts(wait, self.store.now_ms())),
        };
        self.admission(&record.id).await
    }

    /// A code is stored under its account's reference when it's bound, else under none.
    fn candidates(&self, asked: &Redeem, accounts: &[String]) -> Vec<Candidate> {
        let nobody = [String::new()];
        let codes = asked.codes.iter().map(|(kind, code)| {
            let hashes = |accounts: &[String]| self.hashes(&asked.platform, *kind, code.reveal(), accounts);
            Candidate { unbound: hashes(&nobody), bound: hashes(accounts) }
        });
        codes.collect()
    }

    /// Waits a little for the router's answer, which may be under way elsewhere.
    async fn admission(&self, id: &str) -> Result<Record, Refusal> {
        let mut changes = self.store.changes();
        let deadline = tokio::time::Instant::now() + WAIT_FOR_ADMISSION;
        loop {
            let record = self.store.find(id).await?.ok_or_else(not_accepted)?;
            match record.state {
                State::Admitted | State::Switched => return Ok(record),
                // Taken back while a repetition was waiting for the answer: the customer is not there.
                State::Failed | State::Revoked => {
                    let refusal =
                        Refusal::new(ErrorReason::AdmissionFailed, "the customer could not be admitted");
                    return Err(refusal.resource("handoff", record.id));
                }
                State::Redeemed if tokio::time::Instant::now() < deadline => changes.wait(POLL).await,
                _ => {
                    let message = "the code is accepted, the admission is on its way; ask again with the same request id";
                    return Err(
                        Refusal::new(ErrorReason::AdmissionPending, message).resource("handoff", record.id)
                    );
                }
            }
        }
    }
}

/// What the account that a code was bound to is told of it.
fn dead(record: &Record, code: DeadCode) -> Refusal {
    let (reason, message, field) = match code {
        DeadCode::Replaced => (
            ErrorReason::CodeReplaced,
            "the agent has issued a newer code for this; enter that one",
            "was replaced by a newer code",
        ),
        DeadCode::AlreadyUsed => (
            ErrorReason::CodeAlreadyUsed,
            "the code was entered already, in another conversation; ask the agent if that wasn't you",
            "was used already",
        ),
        DeadCode::Cancelled => (
            ErrorReason::CodeCancelled,
            "the agent has cancelled the code or sent a newer one; enter that, or ask for one",
            "was cancelled",
        ),
        DeadCode::Retired => (
            ErrorReason::CodeRetired,
            "too many wrong codes were tried under this account; ask the agent for a new code, or sign in and enter it again",
            "is not safe any more",
        ),
        DeadCode::Expired => {
            (ErrorReason::CodeExpired, "the code's time is over; ask the agent for a new one", "is too old")
        }
    };
    Refusal::new(reason, message).field("code", field).resource("handoff", record.id.clone())
}

/// One answer for unknown codes and those of other accounts and platforms, living or dead: a guesser learns nothing.
fn not_accepted() -> Refusal {
    Refusal::new(ErrorReason::CodeNotAccepted, "the code is not accepted here; ask the agent for a new one")
        .field("code", "is unknown, over, or meant for another platform or account")
}

/// The same whether the code would have been right: it was not looked up.
fn too_many_attempts(wait: Duration, now_ms: i64) -> Refusal {
    let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    let end = timestamp(now_ms.saturating_add(wait_ms)).map(|end| end.to_string()).unwrap_or_default();
    let message = format!(
        "too many wrong codes; the next can be tried at {end}. A code that ends before is replaced by the agent, which also \
         lets the customer try again, once a day"
    );
    Refusal::new(ErrorReason::TooManyAttempts, message)
        .field("code", "can be tried again after the delay")
        .metadata("lockout_end_time", end)
        .retry_after(wait)
}
