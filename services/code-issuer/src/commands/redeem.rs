use std::{net::IpAddr, time::Duration};

use segue_core::{CallerId, account_refs};
use segue_runtime::{Refusal, trace_context};

use super::Issuer;
use crate::{
    domain::{
        code::Candidate,
        faces::{self, Canonical, FaceKind},
        handoff::{Handoff, State},
        turn::{Attempt, Redeemed},
    },
    errors,
};

/// How long a repeated request waits for the admission that the first one started.
const WAIT_FOR_ADMISSION: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(100);

/// A platform's request, checked.
pub(crate) struct RedeemCode {
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

impl RedeemCode {
    /// Reads an entered code; refuses what can't be one before any database is asked.
    pub(crate) fn read_code(input: &str) -> Result<Vec<(FaceKind, Canonical)>, Refusal> {
        let codes = faces::recognise(input);
        if codes.is_empty() { Err(errors::code_malformed()) } else { Ok(codes) }
    }
}

impl Issuer {
    /// R10 to R12: spends the code and has the router admit the customer; answers once that is done.
    pub(crate) async fn redeem(&self, asked: RedeemCode) -> Result<Handoff, Refusal> {
        let accounts = match asked.account.trim() {
            "" => vec![],
            account => account_refs(&self.directory_keys, &asked.platform, account),
        };
        let attempt = Attempt {
            codes: self.candidates(&asked, &accounts),
            guessing: self.guessing(&asked, &accounts),
            request: asked.request,
            platform: asked.platform,
            session: asked.session,
            revoke_grace_ms: self.revoke_grace_ms(),
            trace_parent: trace_context::current(),
        };
        let handoff = match self.handoffs.redeem(attempt, asked.caller).await? {
            Redeemed::Won { handoff, admit } => {
                tracing::info!(handoff = handoff.id, "code redeemed");
                self.admit_now(*handoff, admit).await
            }
            Redeemed::Repeated(handoff, _) => *handoff,
            Redeemed::RequestIdReused => return Err(Refusal::request_id_reused()),
            Redeemed::Dead { handoff, code } => return Err(errors::code_dead(&handoff, code)),
            Redeemed::NotAccepted => return Err(errors::code_not_accepted()),
            Redeemed::TooManyAttempts(waiting) => {
                return Err(errors::too_many_attempts(waiting.wait, self.now_ms()));
            }
        };
        self.admission(handoff).await
    }

    /// A code is stored under its account's reference when it's bound, else under none.
    fn candidates(&self, asked: &RedeemCode, accounts: &[String]) -> Vec<Candidate> {
        let nobody = [String::new()];
        let codes = asked.codes.iter().map(|(kind, code)| {
            let hashes = |accounts: &[String]| self.hashes(&asked.platform, *kind, code.reveal(), accounts);
            Candidate { unbound: hashes(&nobody), bound: hashes(accounts) }
        });
        codes.collect()
    }

    /// Waits a little for the router's answer, which may be under way elsewhere.
    async fn admission(&self, mut handoff: Handoff) -> Result<Handoff, Refusal> {
        let mut changes = self.handoffs.changes();
        let deadline = tokio::time::Instant::now() + WAIT_FOR_ADMISSION;
        loop {
            match handoff.state() {
                State::Admitted | State::Switched => return Ok(handoff),
                // Taken back while a repetition was waiting for the answer: the customer is not there.
                State::Failed | State::Revoked => return Err(errors::admission_failed(&handoff.id)),
                State::Redeemed if tokio::time::Instant::now() < deadline => changes.wait(POLL).await,
                _ => return Err(errors::admission_pending(&handoff.id)),
            }
            let stored = self.handoffs.find(&handoff.id).await?.ok_or_else(errors::code_not_accepted)?;
            handoff = stored.handoff;
        }
    }
}
