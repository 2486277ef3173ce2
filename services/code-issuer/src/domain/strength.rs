//! How strong a code has to be, worked out from what can be guessed while it lives.
//!
//! The promise: while a code lives, an attacker who uses every guess that the limits allow redeems *any* live code within
//! reach with a probability of at most 1 / odds. `P <= live codes * guesses / 2^bits`, so
//! `bits >= log2(live codes * guesses * odds)`.
//!
//! - A bound code is within reach of its own account only: one live code, the guesses of one account, with one lock-out that
//!   the desk clears, and the guesses of those who only claim to be that account. These are counted like those at unbound codes.
//! - An unbound code is within reach of everybody: all unbound codes of the platform, and the guesses from as many
//!   addresses as an attacker is assumed to have, or as many wrong guesses as the platform sees, if that is more.
//!
//! Guessing on a large scale so makes new codes stronger, and never stops the service for everybody else.

use std::time::Duration;

use super::{
    faces::{self, Binding, FaceKind},
    limits::{ADDRESS_WINDOW, Guesser, Limits, spanned},
};

/// What goes on at the target platform.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scope {
    /// Unbound codes that can be entered there now.
    pub live_codes: u64,
    /// Wrong codes that were entered there in the last [`ADDRESS_WINDOW`] at least.
    pub wrong_guesses: u64,
}

/// The faces that are strong enough.
#[derive(Debug, Clone, PartialEq)]
pub struct Strength {
    /// Bits that are needed.
    pub needed_bits: f64,
    /// In which length to draw: a bound code's, or a longer one.
    pub binding: Binding,
    /// Whether one account only can enter the code.
    pub bound: bool,
    /// The faces to draw, with their bits.
    pub faces: Vec<(FaceKind, f64)>,
    /// Those that are too weak in any length.
    pub too_weak: Vec<FaceKind>,
}

impl Strength {
    /// Of the given faces, those that are strong enough for a code, which is lengthened when it has to be.
    pub fn choose(kinds: &[FaceKind], bound: bool, needed_bits: f64) -> Self {
        let bits = |kind: FaceKind, binding: Binding| faces::of_kind(kind).bits(binding);
        let all_suffice = |binding: Binding| kinds.iter().all(|kind| bits(*kind, binding) >= needed_bits);
        let binding = match bound {
            true if all_suffice(Binding::Bound) => Binding::Bound,
            _ if all_suffice(Binding::Unbound) => Binding::Unbound,
            _ => Binding::Long,
        };
        let (strong, weak): (Vec<_>, Vec<_>) = kinds
            .iter()
            .map(|kind| (*kind, bits(*kind, binding)))
            .partition(|(_, bits)| *bits >= needed_bits);
        let too_weak = weak.into_iter().map(|(kind, _)| kind).collect();
        Self { needed_bits, binding, bound, faces: strong, too_weak }
    }

    /// The faces to draw.
    pub fn kinds(&self) -> Vec<FaceKind> {
        self.faces.iter().map(|(kind, _)| *kind).collect()
    }
}

/// The bits that a code needs that is bound to an account, or to some that share what is known of the customer.
pub fn needed_bound(limits: &Limits, accounts: usize, wrong_guesses: u64, life: Duration) -> f64 {
    needed_bits(1, guesses_bound(limits, accounts, wrong_guesses, life), limits.odds)
}

/// The bits that a code for whoever has it needs; it counts among the live ones.
pub fn needed_unbound(limits: &Limits, scope: Scope, life: Duration) -> f64 {
    needed_bits(
        scope.live_codes.saturating_add(1),
        guesses_unbound(limits, scope.wrong_guesses, life),
        limits.odds,
    )
}

/// The guesses at a bound code that are reckoned with while it lives: as one of its accounts, and as somebody who claims to be it.
pub fn guesses_bound(limits: &Limits, accounts: usize, wrong_guesses: u64, life: Duration) -> u64 {
    let accounts = u64::try_from(accounts.max(1)).unwrap_or(u64::MAX);
    let claimed = from_sources(limits, Guesser::Claimant, wrong_guesses, life);
    limits.most_within(Guesser::Account, life).saturating_mul(accounts).saturating_add(claimed)
}

/// The guesses at unbound codes of a platform that are reckoned with while a code lives.
pub fn guesses_unbound(limits: &Limits, wrong_guesses: u64, life: Duration) -> u64 {
    from_sources(limits, Guesser::Source, wrong_guesses, life)
}

/// As many as an attacker is assumed to make, or as the platform sees, if that is more.
fn from_sources(limits: &Limits, guesser: Guesser, wrong_guesses: u64, life: Duration) -> u64 {
    let assumed = u64::from(limits.attacker_addresses).saturating_mul(limits.most_within(guesser, life));
    let seen = wrong_guesses.saturating_mul(spanned(life, ADDRESS_WINDOW));
    assumed.max(seen)
}

/// `log2(live * guesses * odds)`.
pub fn needed_bits(live_codes: u64, guesses: u64, odds: u64) -> f64 {
    log2(live_codes) + log2(guesses) + log2(odds)
}

/// The probability that one of so many guesses hits one of so many live codes: at most this.
pub fn success_at_most(live_codes: u64, guesses: u64, bits: f64) -> f64 {
    (log2(live_codes) + log2(guesses) - bits).exp2().min(1.0)
}

#[expect(clippy::cast_precision_loss, reason = "53 bits are enough for a logarithm")]
fn log2(count: u64) -> f64 {
    (count.max(1) as f64).log2()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_MINUTES: Duration = Duration::from_secs(600);
    const LIMITS: Limits = Limits {
        per_account: 5,
        per_account_day: 10,
        per_address: 20,
        attacker_addresses: 10,
        odds: 1_000_000,
    };

    fn scope(live_codes: u64) -> Scope {
        Scope { live_codes, wrong_guesses: 0 }
    }

    #[test]
    fn a_bound_code_is_needed_for_one_account_only() {
        assert!(
            (needed_bound(&LIMITS, 1, 0, TEN_MINUTES) - 25.84).abs() < 0.01,
            "log2((10 + 10 * 5) * 10^6)"
        );
        let choose =
            |wrong, life| Strength::choose(&[FaceKind::Digits], true, needed_bound(&LIMITS, 1, wrong, life));
        assert_eq!((choose(0, TEN_MINUTES).binding, choose(0, TEN_MINUTES).bound), (Binding::Bound, true));
        // 10 + 10 * 5 * 6 guesses: two digits more.
        assert_eq!(choose(0, 6 * TEN_MINUTES).binding, Binding::Unbound);
        // A family's phone: eight accounts, with ten guesses each.
        assert!((needed_bound(&LIMITS, 8, 0, TEN_MINUTES) - 26.95).abs() < 0.01, "log2((80 + 50) * 10^6)");
        let flooded = choose(100_000, TEN_MINUTES);
        assert_eq!((flooded.binding, flooded.bound, flooded.faces.len()), (Binding::Long, true, 1));
    }

    #[test]
    fn unbound_codes_are_lengthened_and_then_left_out() {
        let kinds = [FaceKind::Digits, FaceKind::Qr];
        let choose =
            |live| Strength::choose(&kinds, false, needed_unbound(&LIMITS, scope(live), TEN_MINUTES));
        // 8 * 10^9 codes / (10^6 * 200 guesses) = 40 live ones, the new one among them.
        assert_eq!(choose(39).binding, Binding::Unbound);
        assert_eq!((choose(40).binding, choose(40).faces.len()), (Binding::Long, 2));
        assert_eq!(choose(3_999).faces.len(), 2);
        assert_eq!(choose(4_000).too_weak, [FaceKind::Digits]);
        assert_eq!(choose(10_000_000).faces[0].0, FaceKind::Qr, "that always suffices");
    }

    #[test]
    fn many_wrong_guesses_raise_what_is_needed() {
        let with =
            |wrong_guesses| needed_unbound(&LIMITS, Scope { live_codes: 0, wrong_guesses }, TEN_MINUTES);
        assert!((with(0) - with(200)).abs() < f64::EPSILON, "as many as are assumed anyway");
        assert!((with(800) - with(0) - 2.0).abs() < 1e-9, "four times as many: two bits");
    }

    #[test]
    fn what_is_needed_keeps_the_promise() {
        for live in [1, 1_000, 10_000_000] {
            for guesses in [1, 200, 1_000_000] {
                let bits = needed_bits(live, guesses, LIMITS.odds);
                assert!((success_at_most(live, guesses, bits) * 1e6 - 1.0).abs() < 1e-6);
            }
        }
        assert!(success_at_most(u64::MAX, u64::MAX, 1.0) <= 1.0);
    }
}
