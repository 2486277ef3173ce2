//! How many wrong codes an account and a network address may try (design section 4).
//!
//! What may be tried is known before a code is looked up. Wrong codes are counted, and a right one takes back none of them. The
//! windows slide: what counts is the time since each wrong guess, so no moment is better for guessing than another.
//!
//! Whoever comes without an account that a platform vouches for is also counted with everybody else of the same network, on
//! that platform; and where there is no address, with everybody else there who has none. Conversations are free, so they are nobody.

use std::time::Duration;

/// How long a code lives at most.
pub const LONGEST_LIFE: Duration = Duration::from_secs(60 * 60);
/// The short window of an account.
pub const ACCOUNT_WINDOW: Duration = Duration::from_secs(15 * 60);
/// The long window of an account.
pub const ACCOUNT_DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The window of an address.
pub const ADDRESS_WINDOW: Duration = Duration::from_secs(10 * 60);

/// What guessing is limited to, and what an attacker is assumed to be able to do within these limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wrong codes of an account in [`ACCOUNT_WINDOW`], and of a source under accounts that it only claims in
    /// [`ADDRESS_WINDOW`].
    pub per_account: u32,
    /// Wrong codes of an account in [`ACCOUNT_DAY`].
    pub per_account_day: u32,
    /// Wrong codes from an address in [`ADDRESS_WINDOW`]. Looser than an account's, as many customers may share it.
    pub per_address: u32,
    /// Wrong codes from an IPv4 /24 or IPv6 /56 in [`ADDRESS_WINDOW`], at one platform, by whoever nobody vouches for.
    pub per_network: u32,
    /// The same at one platform from wherever no address is known.
    pub without_address: u32,
    /// Addresses that an attacker is assumed to guess from at the same time.
    pub attacker_addresses: u32,
    /// While a code lives, guessing succeeds at its platform at most once in so many times.
    pub odds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_account: 5,
            per_account_day: 10,
            per_address: 20,
            per_network: 100,
            // As many as codes are reckoned to bear anyway: more would end live codes before it stops the guessing.
            without_address: 200,
            attacker_addresses: 10,
            odds: 1_000_000,
        }
    }
}

/// Whose guesses are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guesser {
    /// An account of a platform that vouches for it.
    Account,
    /// A network address or, where there is none, a conversation.
    Source,
    /// A source, for what it tries under accounts that no platform vouches for. The accounts themselves are not counted, as
    /// anybody could lock their owners out.
    Claimant,
    /// All of an IPv4 /24 or IPv6 /56, at one platform.
    Network,
    /// All of an IPv6 /48, at one platform.
    WideNetwork,
    /// All at one platform whose address is unknown.
    Addressless,
}

/// An IPv6 /48 may try as often as so many /56.
const NETWORKS_OF_A_WIDE_ONE: u32 = 4;

/// Wrong codes that were tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongCodes {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// How many.
    pub codes: u32,
    /// Whether the desk has cleared the lock-out since. The short window forgets it then; the day doesn't.
    pub cleared: bool,
}

/// A window of time and the wrong codes that it takes.
#[derive(Debug, Clone, Copy)]
struct Window {
    most: u32,
    length: Duration,
    /// How often a desk can clear it while a day lasts.
    clearances: u32,
}

impl Window {
    const fn new(most: u32, length: Duration) -> Self {
        Self { most, length, clearances: 0 }
    }
}

impl Limits {
    /// How many codes the guesser may still try after those wrong ones, at least one; else how long it has to wait.
    pub fn free(&self, guesser: Guesser, wrong: &[WrongCodes], now_ms: i64) -> Result<usize, Duration> {
        let mut least = usize::MAX;
        let mut longest = None;
        for window in self.windows(guesser).into_iter().flatten() {
            match free(window, wrong, now_ms) {
                Ok(free) => least = least.min(free),
                Err(wait) => longest = longest.max(Some(wait)),
            }
        }
        longest.map_or(Ok(least), Err)
    }

    /// Until when an account with those wrong codes can enter none, if that is so.
    pub fn lockout_end_ms(&self, wrong: &[WrongCodes], now_ms: i64) -> Option<i64> {
        let wait = self.free(Guesser::Account, wrong, now_ms).err()?;
        Some(now_ms.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long a guess has to be remembered.
    pub fn memory(guesser: Guesser) -> Duration {
        match guesser {
            Guesser::Account => ACCOUNT_DAY,
            Guesser::Source
            | Guesser::Claimant
            | Guesser::Network
            | Guesser::WideNetwork
            | Guesser::Addressless => ADDRESS_WINDOW,
        }
    }

    /// The most wrong guesses within a time, however they are spread: each window that it spans may be used up.
    pub fn most_within(&self, guesser: Guesser, time: Duration) -> u64 {
        let windows = self.windows(guesser).into_iter().flatten();
        let each = windows.map(|window| {
            let spans = spanned(time, window.length);
            let clearances = u64::from(window.clearances).saturating_mul(spanned(time, ACCOUNT_DAY));
            u64::from(window.most).saturating_mul(spans.saturating_add(clearances))
        });
        each.min().unwrap_or(0)
    }

    /// Whether clearing the short window would let the account try again.
    pub fn can_be_cleared(&self, wrong: &[WrongCodes], now_ms: i64) -> bool {
        let cleared: Vec<WrongCodes> = wrong.iter().map(|one| WrongCodes { cleared: true, ..*one }).collect();
        wrong.iter().all(|one| !one.cleared)
            && self.free(Guesser::Account, wrong, now_ms).is_err()
            && self.free(Guesser::Account, &cleared, now_ms).is_ok()
    }

    fn windows(&self, guesser: Guesser) -> [Option<Window>; 2] {
        match guesser {
            Guesser::Account => [
                Some(Window { clearances: 1, ..Window::new(self.per_account, ACCOUNT_WINDOW) }),
                Some(Window::new(self.per_account_day, ACCOUNT_DAY)),
            ],
            Guesser::Source => [Some(Window::new(self.per_address, ADDRESS_WINDOW)), None],
            Guesser::Claimant => [Some(Window::new(self.per_account, ADDRESS_WINDOW)), None],
            Guesser::Network => [Some(Window::new(self.per_network, ADDRESS_WINDOW)), None],
            Guesser::WideNetwork => {
                let most = self.per_network.saturating_mul(NETWORKS_OF_A_WIDE_ONE);
                [Some(Window::new(most, ADDRESS_WINDOW)), None]
            }
            Guesser::Addressless => [Some(Window::new(self.without_address, ADDRESS_WINDOW)), None],
        }
    }
}

/// The slot of time that wrong codes are counted in, each as long as [`ADDRESS_WINDOW`].
pub fn slot(now_ms: i64) -> i64 {
    now_ms / i64::try_from(ADDRESS_WINDOW.as_millis()).unwrap_or(i64::MAX)
}

/// How many windows a time touches, at least one.
pub fn spanned(time: Duration, window: Duration) -> u64 {
    let windows = time.as_millis().div_ceil(window.as_millis().max(1)).max(1);
    u64::try_from(windows).unwrap_or(u64::MAX)
}

fn free(window: Window, wrong: &[WrongCodes], now_ms: i64) -> Result<usize, Duration> {
    let window_ms = i64::try_from(window.length.as_millis()).unwrap_or(i64::MAX);
    let counts =
        |one: &&WrongCodes| now_ms - one.at_ms < window_ms && !(one.cleared && window.clearances > 0);
    let mut counted: Vec<(i64, u64)> =
        wrong.iter().filter(counts).map(|one| (one.at_ms, u64::from(one.codes))).collect();
    counted.sort_unstable();
    let total = counted.iter().map(|(_, codes)| *codes).sum::<u64>();
    let Some(beyond) = total.checked_sub(u64::from(window.most)) else {
        return Ok(usize::try_from(u64::from(window.most) - total).unwrap_or(usize::MAX));
    };
    // Free again when the guess that fills the limit, counted from the newest, has left the window.
    let mut left = 0;
    let filling = counted.iter().find(|(_, codes)| {
        left += codes;
        left > beyond
    });
    let free_at = filling.map_or(now_ms, |(at, _)| *at) + window_ms;
    Err(Duration::from_millis((free_at - now_ms).unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn wrong(at_minutes: &[i64]) -> Vec<WrongCodes> {
        at_minutes.iter().map(|at| WrongCodes { at_ms: at * MINUTE, codes: 1, cleared: false }).collect()
    }

    fn wait_minutes(guesser: Guesser, wrong_at: &[i64], now: i64) -> Option<u64> {
        Limits::default().free(guesser, &wrong(wrong_at), now * MINUTE).err().map(|wait| wait.as_secs() / 60)
    }

    #[test]
    fn the_sixth_guess_of_an_account_waits_for_the_first_to_leave() {
        assert_eq!(wait_minutes(Guesser::Account, &[0, 1, 2, 3], 4), None);
        assert_eq!(wait_minutes(Guesser::Account, &[4, 3, 2, 1, 0], 5), Some(10), "in any order");
        assert_eq!(wait_minutes(Guesser::Account, &[0, 1, 2, 3, 4], 14), Some(1));
        assert_eq!(wait_minutes(Guesser::Account, &[0, 1, 2, 3, 4], 15), None, "exactly a window later");
        assert_eq!(wait_minutes(Guesser::Account, &[0, 0, 0, 0, 0, 3], 3), Some(12), "beyond the limit");
    }

    #[test]
    fn codes_that_were_counted_together_leave_together() {
        let wrong = [(0, 3), (1, 40), (2, 60)];
        let wrong = wrong.map(|(at, codes)| WrongCodes { at_ms: at * MINUTE, codes, cleared: false });
        let free = |some: &[WrongCodes], now| Limits::default().free(Guesser::Network, some, now * MINUTE);
        assert_eq!(free(&wrong[..2], 2), Ok(57));
        assert_eq!(free(&wrong, 2), Err(Duration::from_secs(9 * 60)), "103: those of minute 1 have to leave");
        assert_eq!(free(&wrong, 11), Ok(40));
    }

    #[test]
    fn ten_wrong_codes_close_an_account_for_the_day() {
        let spread: Vec<i64> = (0..10).map(|number| number * 60).collect();
        assert_eq!(wait_minutes(Guesser::Account, &spread, 600), Some(24 * 60 - 600));
        assert_eq!(wait_minutes(Guesser::Account, &spread[1..], 600), None);
    }

    #[test]
    fn the_tightest_window_tells_how_many_are_free() {
        let free = |at: &[i64], now: i64| Limits::default().free(Guesser::Account, &wrong(at), now * MINUTE);
        assert_eq!(free(&[], 0), Ok(5));
        assert_eq!(free(&[0, 0], 1), Ok(3));
        assert_eq!(free(&[0; 8], 60), Ok(2), "of the day");
    }

    #[test]
    fn an_address_has_twenty_in_ten_minutes() {
        assert_eq!(wait_minutes(Guesser::Source, &[0; 19], 1), None);
        assert_eq!(wait_minutes(Guesser::Source, &[0; 20], 1), Some(9));
        assert_eq!(wait_minutes(Guesser::Source, &[0; 20], 10), None);
    }

    #[test]
    fn a_lock_out_is_cleared_once_and_the_day_stands() {
        let limits = Limits::default();
        let mut codes = wrong(&[0; 5]);
        assert!(!limits.can_be_cleared(&codes[..4], MINUTE), "not locked out");
        assert!(limits.can_be_cleared(&codes, MINUTE));
        codes.iter_mut().for_each(|one| one.cleared = true);
        assert_eq!(limits.free(Guesser::Account, &codes, MINUTE), Ok(5));
        codes.extend(wrong(&[1; 5]));
        assert!(limits.free(Guesser::Account, &codes, MINUTE).is_err());
        assert!(!limits.can_be_cleared(&codes, MINUTE), "a second time");
        let day = wrong(&[0, 0, 0, 0, 0, 60, 60, 60, 60, 60]);
        assert!(!limits.can_be_cleared(&day, 61 * MINUTE), "ten in a day");
    }

    #[test]
    fn a_source_has_five_under_accounts_that_it_claims() {
        assert_eq!(wait_minutes(Guesser::Claimant, &[0; 4], 1), None);
        assert_eq!(wait_minutes(Guesser::Claimant, &[0; 5], 1), Some(9));
        assert_eq!(wait_minutes(Guesser::Claimant, &[0; 5], 10), None);
    }

    #[test]
    fn wider_networks_have_wider_limits() {
        for (guesser, most) in
            [(Guesser::Network, 100), (Guesser::WideNetwork, 400), (Guesser::Addressless, 200)]
        {
            assert_eq!(wait_minutes(guesser, &vec![0; most - 1], 1), None);
            assert_eq!(wait_minutes(guesser, &vec![0; most], 1), Some(9));
        }
    }

    #[test]
    fn no_pace_gets_more_guesses_than_are_reckoned_with() {
        let limits = Limits::default();
        for guesser in [Guesser::Account, Guesser::Source, Guesser::Claimant, Guesser::Network] {
            for life_minutes in [1, 10, 15, 16, 60] {
                for pace_ms in [1_000, 7_000, 61_000, 180_000, 225_000] {
                    let mut wrong: Vec<WrongCodes> = Vec::new();
                    for now in (0..life_minutes * MINUTE).step_by(pace_ms) {
                        if guesser == Guesser::Account && limits.can_be_cleared(&wrong, now) {
                            wrong.iter_mut().for_each(|one| one.cleared = true);
                        }
                        if limits.free(guesser, &wrong, now).is_ok() {
                            wrong.push(WrongCodes { at_ms: now, codes: 1, cleared: false });
                        }
                    }
                    let life = Duration::from_millis((life_minutes * MINUTE).unsigned_abs());
                    assert!(wrong.len() as u64 <= limits.most_within(guesser, life), "{guesser:?} {pace_ms}");
                }
            }
        }
        assert_eq!(
            limits.most_within(Guesser::Account, Duration::from_secs(600)),
            10,
            "five, and five again"
        );
        assert_eq!(limits.most_within(Guesser::Account, Duration::from_secs(3600)), 10);
        assert_eq!(limits.most_within(Guesser::Source, Duration::from_secs(601)), 40);
    }
}
