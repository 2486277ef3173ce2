//! Who is guessing, and how strong a code has to be against that.

use std::time::Duration;

use segue_core::{KeyedHash, Network, Purpose};
use segue_proto::{
    common::v1::ErrorReason,
    issuer::v1::{CodeStrength, FaceStrength},
};
use segue_runtime::Refusal;

use super::{Flow, Redeem, issue::face};
use crate::{
    domain::{
        faces::FaceKind,
        handoff::State,
        limits::Guesser,
        strength::{Strength, Threat},
    },
    store::{Guessing, Record, Suspect},
};

impl Flow {
    /// Whom an attempt is counted for. Addresses and accounts become keyed hashes here and are forgotten. `accounts` are the
    /// references of the account that is named.
    pub(super) fn guessing(&self, asked: &Redeem, accounts: &[String]) -> Guessing {
        let networks: Vec<String> = match asked.source_address {
            Some(address) => Network::around(address).iter().map(ToString::to_string).collect(),
            None => vec![],
        };
        let source: Vec<&str> = match networks.first() {
            Some(own) => vec!["address", own],
            // A call has no address. The conversation stands for it, and costs nothing: see `shared`.
            None => vec!["session", &asked.platform, &asked.session],
        };
        let mut suspects = vec![self.suspect(Guesser::Source, &source)];
        let account = asked.account.trim();
        let vouched = asked.account_verified && !account.is_empty();
        if vouched {
            suspects.push(Suspect {
                account: accounts.first().cloned().unwrap_or_default(),
                ..self.suspect(Guesser::Account, &["account", &asked.platform, account])
            });
        } else if !account.is_empty() {
            suspects.push(self.suspect(Guesser::Claimant, &[&["claimant"], source.as_slice()].concat()));
        }
        let guessable = asked.codes.iter().any(|(kind, _)| *kind != FaceKind::Qr);
        let shared = if vouched || !guessable { vec![] } else { self.shared(&asked.platform, &networks) };
        let claimed = if vouched { vec![] } else { accounts.to_vec() };
        Guessing { suspects, shared, claimed, vouched, guessable, limits: self.limits }
    }

    /// What a customer for whom nobody vouches is counted for together with others: the networks around the customer's own (an IPv4
    /// /24, or an IPv6 /56 and /48), or that there is no address.
    fn shared(&self, platform: &str, networks: &[String]) -> Vec<Suspect> {
        let Some((_, around)) = networks.split_first() else {
            return vec![self.suspect(Guesser::Addressless, &["addressless", platform])];
        };
        let guessers = [Guesser::Network, Guesser::WideNetwork];
        let suspects = around.iter().zip(guessers);
        suspects.map(|(network, guesser)| self.suspect(guesser, &["network", platform, network])).collect()
    }

    fn suspect(&self, guesser: Guesser, parts: &[&str]) -> Suspect {
        let keys: Vec<KeyedHash> = self.code_keys.hashes(Purpose::Limit, parts);
        Suspect { guesser, keys, account: String::new() }
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

    /// The faces that can't be entered any more, by their values on the wire, while other codes of the handoff can.
    pub(crate) async fn retired_faces(&self, record: &Record) -> Result<Vec<i32>, Refusal> {
        if record.state_at(self.store.now_ms()) != State::Issued {
            return Ok(vec![]);
        }
        let faces = self.store.retired_faces(record).await?;
        Ok(faces.into_iter().filter_map(|face| i32::try_from(face).ok()).collect())
    }

    /// The faces that are strong enough for a code that is issued now. Faces that were asked for by name are refused when
    /// they are too weak, others are left out.
    pub(super) async fn strength(
        &self,
        target: &str,
        record: &Record,
        faces: &[FaceKind],
        by_name: bool,
        life: Duration,
    ) -> Result<Strength, Refusal> {
        let accounts = record.accounts().count();
        let bound = accounts > 0;
        let threat = if bound {
            let claimed = self.store.wrong_guesses(record.accounts()).await?;
            Threat::to_bound(&self.limits, accounts, claimed, life)
        } else {
            Threat::to_unbound(&self.limits, self.store.scope(target).await?, life)
        };
        let strength = Strength::choose(faces, bound, threat);
        if strength.forms.is_empty() || (by_name && !strength.too_weak.is_empty()) {
            return Err(too_weak(&strength));
        }
        Ok(strength)
    }
}

/// The figures for operators.
pub(super) fn figures(strength: &Strength) -> CodeStrength {
    let forms = strength.forms.iter();
    CodeStrength {
        needed_bits: strength.needed_bits,
        faces: forms.map(|form| FaceStrength { kind: face(form.kind).into(), bits: form.bits }).collect(),
        bound: strength.bound,
    }
}

fn too_weak(strength: &Strength) -> Refusal {
    let names: Vec<&str> = strength.too_weak.iter().map(|kind| kind.name()).collect();
    let message = format!(
        "too easy to guess among the codes that are live now, however long they are made: {}",
        names.join(", ")
    );
    Refusal::new(ErrorReason::FaceTooWeak, message)
        .field("faces", "too weak; leave them out, or bind the code to the customer's account on the target")
        .metadata("needed_bits", format!("{:.1}", strength.needed_bits))
}
