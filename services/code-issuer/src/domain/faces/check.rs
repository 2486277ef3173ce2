//! Check symbols for alphabets of 20 and 64 symbols: the last symbol makes a polynomial of the code zero.
//!
//! With the code's symbols x(1) to x(n) as elements of a ring and a fixed element r, a code is right when
//! `x(1) r^(n-1) + ... + x(n) = 0`. Neither base has a prime modulus near it that fits (23 would need symbols that there
//! are not, and modulo 20 no weights catch both kinds of error), so the rings are
//! - for 64 symbols the field GF(64), r a primitive element of order 63;
//! - for 20 symbols GF(4) x Z/5, r = (a primitive element of order 3, 2 of order 4).
//!
//! In each component every power of r can be divided by, as can the difference of neighbouring powers. A single error
//! adds `d r^k` with `d` unequal zero in some component, exchanged neighbours add `d (r^(k+1) - r^k)`: neither can be zero in
//! that component, so all of both are caught. The tests go through all of them.

/// How a symbol is added: `interim * r + symbol`.
type Step = fn(u8, u8) -> u8;

/// Base 20: symbol `s` stands for the pair (`s / 5`, `s % 5`).
pub(super) fn letter(interim: u8, symbol: u8) -> u8 {
    let (high, low) = (interim / 5, interim % 5);
    let high = times_x(high, 4, 0b111) ^ (symbol / 5);
    let low = (2 * low + symbol % 5) % 5;
    5 * high + low
}

/// Base 64, modulo `x^6 + x + 1`.
pub(super) fn emoji(interim: u8, symbol: u8) -> u8 {
    times_x(interim, 64, 0b100_0011) ^ symbol
}

/// Whether symbols end with their check symbol.
pub(super) fn holds(step: Step, symbols: &[u8]) -> bool {
    symbols.iter().fold(0, |interim, symbol| step(interim, *symbol)) == 0
}

/// The check symbol of symbols, out of as many as the alphabet has.
pub(super) fn of(step: Step, alphabet: u8, symbols: &[u8]) -> u8 {
    let interim = symbols.iter().fold(0, |interim, symbol| step(interim, *symbol));
    (0..alphabet).find(|check| step(interim, *check) == 0).unwrap_or_default()
}

/// Multiplies by x in a field of characteristic two.
fn times_x(value: u8, order: u8, modulus: u8) -> u8 {
    let shifted = value << 1;
    if shifted & order == 0 { shifted } else { shifted ^ modulus }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Errors are linear: whether one is caught depends on what it adds, at its place, and not on the other symbols. So all
    /// pairs of symbols at all places, around any one code, are all errors there are.
    fn every_error_is_caught(step: Step, alphabet: u8, length: usize) {
        let random = segue_core::Random::seeded(3);
        for _ in 0..8 {
            let drawn: Vec<u8> =
                (1..length).map(|_| u8::try_from(random.below(u32::from(alphabet))).unwrap()).collect();
            for place in 0..length {
                for symbol in 0..alphabet {
                    one_place(step, alphabet, &drawn, place, symbol);
                }
            }
        }
    }

    fn one_place(step: Step, alphabet: u8, drawn: &[u8], place: usize, symbol: u8) {
        let mut code = drawn.to_vec();
        if place < code.len() {
            code[place] = symbol;
        }
        code.push(of(step, alphabet, &code));
        assert!(holds(step, &code));
        for wrong in (0..alphabet).filter(|wrong| *wrong != code[place]) {
            let mut mistyped = code.clone();
            mistyped[place] = wrong;
            assert!(!holds(step, &mistyped), "single error at {place}");
        }
        for other in 0..alphabet {
            let mut code = code.clone();
            let Some(next) = (place + 1 < drawn.len()).then_some(place + 1) else { break };
            code[next] = other;
            let last = code.len() - 1;
            code[last] = of(step, alphabet, &code[..last]);
            let mut exchanged = code.clone();
            exchanged.swap(place, next);
            assert!(code[place] == code[next] || !holds(step, &exchanged), "neighbours at {place}");
        }
        let mut exchanged = code.clone();
        let last = code.len() - 1;
        exchanged.swap(last - 1, last);
        assert!(code[last - 1] == code[last] || !holds(step, &exchanged), "the check symbol exchanged");
    }

    #[test]
    fn single_errors_and_exchanged_neighbours_are_caught() {
        every_error_is_caught(letter, 20, 9);
        every_error_is_caught(letter, 20, 10);
        every_error_is_caught(letter, 20, 15);
        every_error_is_caught(emoji, 64, 7);
        every_error_is_caught(emoji, 64, 13);
    }

    #[test]
    fn there_is_one_check_symbol() {
        for (step, alphabet) in [(letter as Step, 20), (emoji, 64)] {
            for interim in 0..alphabet {
                assert_eq!((0..alphabet).filter(|check| step(interim, *check) == 0).count(), 1);
            }
        }
    }
}
