//! How strong a code has to be, worked out from what can be guessed while it lives.
//!
//! The promise: while a code lives, an attacker who uses every guess that the limits allow redeems *any* live code within
//! reach with a probability of at most 1 / odds. `P <= live codes * guesses / 2^bits`, so
//! `bits >= log2(live codes * guesses * odds)`.
//!
//! - A bound code is within reach of its own accounts only: one live code, the guesses of these accounts, with one lock-out that
//!   the desk clears, and the guesses of those who only claim to be one of them.
//! - An unbound code is within reach of everybody: all unbound codes of the platform, and the guesses from as many
//!   addresses as an attacker is assumed to have, or more when the platform sees more wrong ones.
//!
//! Guessing on a large scale so makes new codes longer. For a code that lives already it is the other way round: it has its bits, and
//! bears so many wrong codes ([`Form::budget`]). When more are seen it is retired, and the desk issues a longer one.

use std::time::Duration;

use super::{
    faces::{self, FaceKind},
    limits::{ADDRESS_WINDOW, Guesser, Limits, spanned},
};

/// What is seen when a code is issued is the beginning of what will be seen while it lives: it has to bear so many times more. A flood
/// of one pace so retires a code twice at most, instead of again and again in ever longer intervals.
const GROWTH: u64 = 2;

/// What goes on at the target platform.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scope {
    /// Unbound codes that can be entered there now.
    pub live_codes: u64,
    /// Wrong codes that were entered there in the last [`ADDRESS_WINDOW`] at least.
    pub wrong_guesses: u64,
}

/// What is to be guessed, and by how many guesses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threat {
    /// Codes within reach, the new one among them.
    pub codes: u64,
    /// Guesses that nobody counts against the code: those of accounts that are limited themselves.
    pub by_accounts: u64,
    /// Guesses that are reckoned with besides, while it lives.
    pub by_others: u64,
    /// Once in so many times guessing may succeed.
    pub odds: u64,
}

impl Threat {
    /// To a code that is bound to an account, or to some that share what is known of the customer. `claimed` are the wrong codes
    /// that were tried under these accounts by those who only claim them.
    pub fn to_bound(limits: &Limits, accounts: usize, claimed: u64, life: Duration) -> Self {
        let accounts = u64::try_from(accounts.max(1)).unwrap_or(u64::MAX);
        Self {
            codes: 1,
            by_accounts: limits.most_within(Guesser::Account, life).saturating_mul(accounts),
            by_others: from_sources(limits, Guesser::Claimant, claimed, life),
            odds: limits.odds,
        }
    }

    /// To a code for whoever has it; it counts among the live ones.
    pub fn to_unbound(limits: &Limits, scope: Scope, life: Duration) -> Self {
        Self {
            codes: scope.live_codes.saturating_add(1),
            by_accounts: 0,
            by_others: from_sources(limits, Guesser::Source, scope.wrong_guesses, life),
            odds: limits.odds,
        }
    }

    /// All guesses that are reckoned with.
    pub fn guesses(&self) -> u64 {
        self.by_accounts.saturating_add(self.by_others)
    }

    /// The bits that a code needs: `log2(codes * guesses * odds)`.
    pub fn needed_bits(&self) -> f64 {
        log2(self.codes) + log2(self.guesses()) + log2(self.odds)
    }

    /// How many wrong codes a code of so many bits bears, by those who are reckoned with besides: with one more, guessing could
    /// succeed more often than is promised.
    pub fn budget(&self, bits: f64) -> u64 {
        let all = (bits - log2(self.codes) - log2(self.odds)).exp2();
        // What was worked out by logarithms is off by less than this.
        whole(all * (1.0 + 1e-9)).saturating_sub(self.by_accounts)
    }
}

/// A code to draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Form {
    /// Its face.
    pub kind: FaceKind,
    /// How many symbols it has.
    pub length: usize,
    /// Its bits.
    pub bits: f64,
    /// How many wrong codes it bears ([`Threat::budget`]).
    pub budget: u64,
}

/// The faces that are strong enough.
#[derive(Debug, Clone, PartialEq)]
pub struct Strength {
    /// Bits that are needed.
    pub needed_bits: f64,
    /// Whether one account only can enter the code.
    pub bound: bool,
    /// The codes to draw.
    pub forms: Vec<Form>,
    /// Faces that are too weak in any length.
    pub too_weak: Vec<FaceKind>,
}

impl Strength {
    /// Each of the given faces, as long as it has to be.
    pub fn choose(kinds: &[FaceKind], bound: bool, threat: Threat) -> Self {
        let needed_bits = threat.needed_bits();
        let (mut forms, mut too_weak) = (vec![], vec![]);
        for kind in kinds.iter().copied() {
            let face = faces::of_kind(kind);
            let form = face.length_with(needed_bits, bound).map(|length| {
                let bits = face.bits(length);
                Form { kind, length, bits, budget: threat.budget(bits) }
            });
            match form {
                Some(form) => forms.push(form),
                None => too_weak.push(kind),
            }
        }
        Self { needed_bits, bound, forms, too_weak }
    }
}

/// As many as an attacker is assumed to make, or as those that are seen promise, if they are more.
fn from_sources(limits: &Limits, guesser: Guesser, wrong_guesses: u64, life: Duration) -> u64 {
    let assumed = u64::from(limits.attacker_addresses).saturating_mul(limits.most_within(guesser, life));
    let seen = wrong_guesses.saturating_mul(spanned(life, ADDRESS_WINDOW)).saturating_mul(GROWTH);
    assumed.max(seen)
}

/// The probability that one of so many guesses hits one of so many live codes: at most this.
pub fn success_at_most(live_codes: u64, guesses: u64, bits: f64) -> f64 {
    (log2(live_codes) + log2(guesses) - bits).exp2().min(1.0)
}

#[expect(clippy::cast_precision_loss, reason = "53 bits are enough for a logarithm")]
fn log2(count: u64) -> f64 {
    (count.max(1) as f64).log2()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a conversion saturates, and what is below 0 or beyond 64 bits means none or all"
)]
fn whole(count: f64) -> u64 {
    count as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_MINUTES: Duration = Duration::from_secs(600);

    fn bound(accounts: usize, claimed: u64, life: Duration) -> Threat {
        Threat::to_bound(&Limits::default(), accounts, claimed, life)
    }

    fn unbound(live_codes: u64, wrong_guesses: u64) -> Threat {
        Threat::to_unbound(&Limits::default(), Scope { live_codes, wrong_guesses }, TEN_MINUTES)
    }

    fn digits(is_bound: bool, threat: Threat) -> Option<usize> {
        let strength = Strength::choose(&[FaceKind::Digits, FaceKind::Qr], is_bound, threat);
        assert!(strength.forms.iter().any(|form| form.kind == FaceKind::Qr), "that always suffices");
        strength.forms.iter().find(|form| form.kind == FaceKind::Digits).map(|form| form.length)
    }

    #[test]
    fn a_bound_code_is_needed_for_one_account_only() {
        let bits = |threat: Threat| threat.needed_bits();
        assert!((bits(bound(1, 0, TEN_MINUTES)) - 25.84).abs() < 0.01, "log2((10 + 10 * 5) * 10^6)");
        assert_eq!(digits(true, bound(1, 0, TEN_MINUTES)), Some(9));
        // 10 + 10 * 5 * 6 guesses: two digits more.
        assert_eq!(digits(true, bound(1, 0, 6 * TEN_MINUTES)), Some(11));
        // A family's phone: eight accounts, with ten guesses each.
        assert!((bits(bound(8, 0, TEN_MINUTES)) - 26.95).abs() < 0.01, "log2((80 + 50) * 10^6)");
        assert_eq!(digits(true, bound(1, 100_000, TEN_MINUTES)), Some(13));
    }

    #[test]
    fn unbound_codes_are_as_long_as_they_have_to_be() {
        // 8 * 10^9 codes / (10^6 * 200 guesses) = 40 live ones, the new one among them.
        for (live, length) in [
            (0, Some(11)),
            (39, Some(11)),
            (40, Some(13)),
            (3_999, Some(13)),
            (4_000, Some(15)),
            (399_000, Some(15)),
            (39_000_000, Some(17)),
            (41_000_000, None),
        ] {
            assert_eq!(digits(false, unbound(live, 0)), length, "{live}");
        }
    }

    #[test]
    fn many_wrong_guesses_raise_what_is_needed() {
        let with = |wrong_guesses| unbound(0, wrong_guesses).needed_bits();
        assert!((with(0) - with(100)).abs() < f64::EPSILON, "as many as are assumed anyway");
        assert!((with(400) - with(0) - 2.0).abs() < 1e-9, "four times as many: two bits");
        // 1,710 a second for twenty minutes, with a thousand live codes: the longest digits.
        assert_eq!(digits(false, unbound(1_000, 2_052_000)), Some(17));
    }

    #[test]
    fn what_is_needed_keeps_the_promise() {
        for live in [1, 1_000, 10_000_000] {
            for guesses in [200, 1_000_000] {
                let threat = unbound(live - 1, guesses);
                let bits = threat.needed_bits();
                assert!((success_at_most(live, threat.guesses(), bits) * 1e6 - 1.0).abs() < 1e-6);
            }
        }
        assert!(success_at_most(u64::MAX, u64::MAX, 1.0) <= 1.0);
    }

    #[test]
    fn a_code_bears_what_was_reckoned_with_and_no_more_than_is_promised() {
        let threats = [unbound(0, 0), unbound(5_000, 77), unbound(100, 1_000_000)];
        for (threat, is_bound) in threats
            .map(|one| (one, false))
            .into_iter()
            .chain([(bound(1, 0, TEN_MINUTES), true), (bound(8, 500, 6 * TEN_MINUTES), true)])
        {
            let kinds: Vec<FaceKind> = faces::ALL.iter().map(|face| face.kind()).collect();
            for form in Strength::choose(&kinds, is_bound, threat).forms {
                assert!(form.budget >= threat.by_others, "{form:?}");
                let all = form.budget.saturating_add(threat.by_accounts);
                assert!(success_at_most(threat.codes, all, form.bits) * 1e6 <= 1.000_001, "{form:?}");
            }
        }
        assert_eq!(unbound(0, 0).budget(10.0), 0);
    }

    /// A flood of one pace, from its beginning to long after.
    #[test]
    fn a_code_of_a_flood_is_retired_twice_at_most() {
        for pace in [1, 10, 333, 1_710] {
            let (mut issued_at, mut retired) = (12_u64, 0);
            while issued_at < 3_600 {
                let seen = pace * issued_at.min(900);
                let form = Strength::choose(&[FaceKind::Digits], false, unbound(10, seen)).forms[0];
                if form.budget >= pace * 600 {
                    break;
                }
                retired += 1;
                issued_at += form.budget / pace;
            }
            assert!(retired <= 2, "{retired} at {pace} a second");
        }
    }
}
