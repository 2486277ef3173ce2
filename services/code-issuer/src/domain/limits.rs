//! How many wrong codes an account and a network address may try (design section 4).
//!
//! A guess is counted before the code is looked up, and a right one gives its own count back, never those before it. The
//! windows slide: what counts is the time since each wrong guess, so no moment is better for guessing than another.

use std::{net::IpAddr, time::Duration};

/// The short window of an account.
pub const ACCOUNT_WINDOW: Duration = Duration::from_secs(15 * 60);
/// The long window of an account.
pub const ACCOUNT_DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The window of an address.
pub const ADDRESS_WINDOW: Duration = Duration::from_secs(10 * 60);

/// What guessing is limited to, and what an attacker is assumed to be able to do within these limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wrong codes of an account in [`ACCOUNT_WINDOW`].
    pub per_account: u32,
    /// Wrong codes of an account in [`ACCOUNT_DAY`].
    pub per_account_day: u32,
    /// Wrong codes from an address in [`ADDRESS_WINDOW`]. Looser than an account's, as many customers may share it.
    pub per_address: u32,
    /// Addresses that an attacker is assumed to guess from at the same time.
    pub attacker_addresses: u32,
    /// While a code lives, guessing succeeds at its platform at most once in so many times.
    pub odds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { per_account: 5, per_account_day: 10, per_address: 20, attacker_addresses: 10, odds: 1_000_000 }
    }
}

/// Whose guesses are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guesser {
    /// An account of a platform.
    Account,
    /// A network address or, where there is none, a conversation.
    Source,
}

impl Limits {
    /// How many codes the guesser may still try after those wrong ones, at least one; else how long it has to wait.
    pub fn free(&self, guesser: Guesser, wrong_at_ms: &[i64], now_ms: i64) -> Result<usize, Duration> {
        let mut least = usize::MAX;
        let mut longest = None;
        for (most, window) in self.windows(guesser).into_iter().flatten() {
            match free(most, window, wrong_at_ms, now_ms) {
                Ok(free) => least = least.min(free),
                Err(wait) => longest = longest.max(Some(wait)),
            }
        }
        longest.map_or(Ok(least), Err)
    }

    /// How long a guess has to be remembered.
    pub fn memory(guesser: Guesser) -> Duration {
        match guesser {
            Guesser::Account => ACCOUNT_DAY,
            Guesser::Source => ADDRESS_WINDOW,
        }
    }

    /// The most wrong guesses within a time, however they are spread: each window that it spans may be used up.
    pub fn most_within(&self, guesser: Guesser, time: Duration) -> u64 {
        let windows = self.windows(guesser).into_iter().flatten();
        let each = windows.map(|(most, window)| u64::from(most).saturating_mul(spanned(time, window)));
        each.min().unwrap_or(0)
    }

    fn windows(&self, guesser: Guesser) -> [Option<(u32, Duration)>; 2] {
        match guesser {
            Guesser::Account => {
                [Some((self.per_account, ACCOUNT_WINDOW)), Some((self.per_account_day, ACCOUNT_DAY))]
            }
            Guesser::Source => [Some((self.per_address, ADDRESS_WINDOW)), None],
        }
    }
}

/// How many windows a time touches, at least one.
pub fn spanned(time: Duration, window: Duration) -> u64 {
    let windows = time.as_millis().div_ceil(window.as_millis().max(1)).max(1);
    u64::try_from(windows).unwrap_or(u64::MAX)
}

/// The network that a source address stands for. An IPv6 customer has a whole /64 to choose from, so that is one source.
pub fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

fn free(most: u32, window: Duration, wrong_at_ms: &[i64], now_ms: i64) -> Result<usize, Duration> {
    let window_ms = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut counted: Vec<i64> = wrong_at_ms.iter().copied().filter(|at| now_ms - at < window_ms).collect();
    counted.sort_unstable();
    // Free again when the guess that fills the limit, counted from the newest, has left the window.
    let Some(filling) = counted.len().checked_sub(most) else { return Ok(most - counted.len()) };
    let free_at = counted.get(filling).map_or(now_ms, |at| *at) + window_ms;
    Err(Duration::from_millis((free_at - now_ms).unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn wait_minutes(guesser: Guesser, wrong_at: &[i64], now: i64) -> Option<u64> {
        let times: Vec<i64> = wrong_at.iter().map(|at| at * MINUTE).collect();
        Limits::default().free(guesser, &times, now * MINUTE).err().map(|wait| wait.as_secs() / 60)
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
    fn ten_wrong_codes_close_an_account_for_the_day() {
        let spread: Vec<i64> = (0..10).map(|number| number * 60).collect();
        assert_eq!(wait_minutes(Guesser::Account, &spread, 600), Some(24 * 60 - 600));
        assert_eq!(wait_minutes(Guesser::Account, &spread[1..], 600), None);
    }

    #[test]
    fn the_tightest_window_tells_how_many_are_free() {
        let free = |wrong: &[i64], now: i64| Limits::default().free(Guesser::Account, wrong, now * MINUTE);
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
    fn no_pace_gets_more_guesses_than_are_reckoned_with() {
        let limits = Limits::default();
        for guesser in [Guesser::Account, Guesser::Source] {
            for life_minutes in [1, 10, 15, 16, 60] {
                for pace_ms in [1_000, 7_000, 61_000, 180_000, 225_000] {
                    let mut wrong = Vec::new();
                    for now in (0..life_minutes * MINUTE).step_by(pace_ms) {
                        if limits.free(guesser, &wrong, now).is_ok() {
                            wrong.push(now);
                        }
                    }
                    let life = Duration::from_millis((life_minutes * MINUTE).unsigned_abs());
                    assert!(wrong.len() as u64 <= limits.most_within(guesser, life), "{guesser:?} {pace_ms}");
                }
            }
        }
        assert_eq!(limits.most_within(Guesser::Account, Duration::from_secs(600)), 5);
        assert_eq!(limits.most_within(Guesser::Account, Duration::from_secs(3600)), 10);
        assert_eq!(limits.most_within(Guesser::Source, Duration::from_secs(601)), 40);
    }

    #[test]
    fn a_network_is_an_ipv4_address_or_64_bits_of_an_ipv6_one() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("192.0.2.7"), "192.0.2.7");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }
}
