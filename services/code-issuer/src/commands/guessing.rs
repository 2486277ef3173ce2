//! Who is guessing, and how strong a code has to be against that.

use std::{net::IpAddr, time::Duration};

use segue_core::{KeyedHash, Network, Purpose};
use segue_runtime::Refusal;

use super::{Issuer, RedeemCode};
use crate::{
    domain::{
        faces::FaceKind,
        guessing::{Guessing, Suspect},
        handoff::Target,
        limits::Guesser,
        strength::{Strength, Threat},
    },
    errors,
};

impl Issuer {
    /// Whom an attempt is counted for. Addresses and accounts become keyed hashes here and are forgotten. `accounts` are the
    /// references of the account that is named.
    pub(super) fn guessing(&self, asked: &RedeemCode, accounts: &[String]) -> Guessing {
        let networks = asked.source_address.map(networks).unwrap_or_default();
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

    /// The faces that are strong enough for a code that is issued now. Faces that were asked for by name are refused when
    /// they are too weak, others are left out.
    pub(super) async fn strength(
        &self,
        target: &Target,
        faces: &[FaceKind],
        by_name: bool,
        life: Duration,
    ) -> Result<Strength, Refusal> {
        let Target { platform, accounts } = target;
        let bound = !accounts.is_empty();
        let threat = if bound {
            let claimed = self.handoffs.wrong_guesses(accounts).await?;
            Threat::to_bound(&self.limits, accounts.len(), claimed, life)
        } else {
            Threat::to_unbound(&self.limits, self.handoffs.scope(platform).await?, life)
        };
        let strength = Strength::choose(faces, bound, threat);
        if strength.forms.is_empty() || (by_name && !strength.too_weak.is_empty()) {
            return Err(errors::face_too_weak(&strength));
        }
        Ok(strength)
    }
}

fn networks(address: IpAddr) -> Vec<String> {
    Network::around(address).iter().map(ToString::to_string).collect()
}
