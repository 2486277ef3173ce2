//! Who is guessing, and how strong a code has to be against that.

use std::time::Duration;

use segue_core::{KeyedHash, Purpose};
use segue_proto::{
    common::v1::ErrorReason,
    issuer::v1::{CodeStrength, FaceStrength},
};
use segue_runtime::Refusal;

use super::{Flow, Redeem, issue::face};
use crate::{
    domain::{
        faces::{Binding, FaceKind},
        limits::{Guesser, network},
        strength::{self, Strength},
    },
    store::Guessing,
};

impl Flow {
    /// Whom an attempt is counted for. Addresses and accounts become keyed hashes here and are forgotten.
    pub(super) fn guessing(&self, asked: &Redeem) -> Guessing {
        let hashes = |parts: &[&str]| -> Vec<KeyedHash> { self.code_keys.hashes(Purpose::Limit, parts) };
        let source = match asked.source_address {
            Some(address) => hashes(&["address", &network(address)]),
            // A call has no address. Counting all such guesses together would let one caller stop all others, so the
            // conversation stands for the address.
            None => hashes(&["session", &asked.platform, &asked.session]),
        };
        let mut guessers = vec![(Guesser::Source, source)];
        let account = asked.account.trim();
        if !account.is_empty() {
            guessers.push((Guesser::Account, hashes(&["account", &asked.platform, account])));
        }
        Guessing { guessers, limits: self.limits }
    }

    /// The faces that are strong enough for a code that is issued now. Faces that were asked for by name are refused when
    /// they are too weak, others are left out.
    pub(super) async fn strength(
        &self,
        target: &str,
        account: &str,
        faces: &[FaceKind],
        by_name: bool,
        life: Duration,
    ) -> Result<Strength, Refusal> {
        let bound = !account.is_empty();
        let needed = if bound {
            strength::needed_bound(&self.limits, life)
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
        bound: strength.binding == Binding::Bound,
    }
}

/// The same whether the code would have been right: it was not looked up.
pub(super) fn too_many_attempts(wait: Duration) -> Refusal {
    Refusal::new(ErrorReason::TooManyAttempts, "too many wrong codes; the code itself still lives")
        .field("code", "can be tried again after the delay")
        .retry_after(wait)
}

fn too_weak(strength: &Strength) -> Refusal {
    let names: Vec<&str> = strength.too_weak.iter().map(|kind| kind.name()).collect();
    let message = format!("too easy to guess among the codes that are live now: {}", names.join(", "));
    Refusal::new(ErrorReason::FaceTooWeak, message)
        .field("faces", "too weak; leave them out, or bind the code to the customer's account on the target")
        .metadata("needed_bits", format!("{:.1}", strength.needed_bits))
}
