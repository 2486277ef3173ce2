//! Who is guessing, and how strong a code has to be against that.

use std::time::Duration;

use segue_core::{KeyedHash, Purpose, account_refs};
use segue_proto::{
    common::v1::ErrorReason,
    issuer::v1::{CodeStrength, FaceStrength},
};
use segue_runtime::{Refusal, timestamp};

use super::{Flow, Redeem, issue::face};
use crate::{
    domain::{
        faces::FaceKind,
        handoff::State,
        limits::{Guesser, network},
        strength::{self, Strength},
    },
    store::{Guessing, Record, Suspect},
};

impl Flow {
    /// Whom an attempt is counted for. Addresses and accounts become keyed hashes here and are forgotten.
    pub(super) fn guessing(&self, asked: &Redeem) -> Guessing {
        let hashes = |parts: &[&str]| -> Vec<KeyedHash> { self.code_keys.hashes(Purpose::Limit, parts) };
        let network = asked.source_address.map(network);
        let source: Vec<&str> = match &network {
            Some(network) => vec!["address", network],
            // A call has no address. Counting all such guesses together would let one caller stop all others, so the
            // conversation stands for the address.
            None => vec!["session", &asked.platform, &asked.session],
        };
        let suspect =
            |guesser, parts: &[&str]| Suspect { guesser, keys: hashes(parts), account: String::new() };
        let mut suspects = vec![suspect(Guesser::Source, &source)];
        let account = asked.account.trim();
        if !account.is_empty() && asked.account_verified {
            let references = account_refs(&self.directory_keys, &asked.platform, account);
            suspects.push(Suspect {
                account: references.into_iter().next().unwrap_or_default(),
                ..suspect(Guesser::Account, &["account", &asked.platform, account])
            });
        } else if !account.is_empty() {
            suspects.push(suspect(Guesser::Claimant, &[&["claimant"], source.as_slice()].concat()));
        }
        Guessing { suspects, limits: self.limits }
    }

    /// Until when an account that the handoff's code is bound to can enter none, if that is so now.
    pub(crate) async fn lockout_end_ms(&self, record: &Record) -> Result<Option<i64>, Refusal> {
        let now = self.store.now_ms();
        if record.state_at(now) != State::Issued {
            return Ok(None);
        }
        let mut end = None;
        for account in record.accounts() {
            end = end.max(self.store.lockout_end_ms(account, self.limits, now).await?);
        }
        Ok(end)
    }

    /// The faces that are strong enough for a code that is issued now. Faces that were asked for by name are refused when
    /// they are too weak, others are left out.
    pub(super) async fn strength(
        &self,
        target: &str,
        accounts: usize,
        faces: &[FaceKind],
        by_name: bool,
        life: Duration,
    ) -> Result<Strength, Refusal> {
        let bound = accounts > 0;
        let needed = if bound {
            strength::needed_bound(&self.limits, accounts, self.store.wrong_guesses(target).await?, life)
        } else {
            strength::needed_unbound(&self.limits, self.store.scope(target).await?, life)
        };
        let strength = Strength::choose(faces, bound, needed);
        if strength.faces.is_empty() || (by_name && !strength.too_weak.is_empty()) {
            return Err(too_weak(&strength));
        }
        Ok(strength)
    }
}

/// The figures for operators.
pub(super) fn figures(strength: &Strength) -> CodeStrength {
    let faces = strength.faces.iter();
    CodeStrength {
        needed_bits: strength.needed_bits,
        faces: faces.map(|(kind, bits)| FaceStrength { kind: face(*kind).into(), bits: *bits }).collect(),
        bound: strength.bound,
    }
}

/// The same whether the code would have been right: it was not looked up.
pub(super) fn too_many_attempts(wait: Duration, now_ms: i64) -> Refusal {
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

fn too_weak(strength: &Strength) -> Refusal {
    let names: Vec<&str> = strength.too_weak.iter().map(|kind| kind.name()).collect();
    let message = format!("too easy to guess among the codes that are live now: {}", names.join(", "));
    Refusal::new(ErrorReason::FaceTooWeak, message)
        .field("faces", "too weak; leave them out, or bind the code to the customer's account on the target")
        .metadata("needed_bits", format!("{:.1}", strength.needed_bits))
}
