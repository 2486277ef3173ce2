//! The check digit of H. Michael Damm (2004): catches all single errors and all transpositions of neighbours.

/// A totally anti-symmetric quasigroup of order 10.
const TABLE: [[u8; 10]; 10] = [
    [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
    [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
    [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
    [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
    [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
    [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
    [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
    [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
    [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
    [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
];

/// The check digit of digits (0 to 9 each); 0 for digits that end with their own.
pub(super) fn check_digit(digits: &[u8]) -> u8 {
    digits.iter().fold(0, |interim, digit| TABLE[usize::from(interim)][usize::from(digit % 10)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_holds() {
        assert_eq!(check_digit(&[5, 7, 2]), 4);
        assert_eq!(check_digit(&[5, 7, 2, 4]), 0);
    }

    #[test]
    fn single_errors_and_neighbours_exchanged_are_caught() {
        let random = segue_core::Random::seeded(1);
        for number in 0..2000 {
            let mut code: Vec<u8> =
                (0..8 + number % 9).map(|_| u8::try_from(random.below(10)).unwrap()).collect();
            code.push(check_digit(&code));
            for place in 0..code.len() {
                for wrong in (0..10).filter(|digit| *digit != code[place]) {
                    let mut mistyped = code.clone();
                    mistyped[place] = wrong;
                    assert_ne!(check_digit(&mistyped), 0);
                }
                if place > 0 && code[place] != code[place - 1] {
                    let mut exchanged = code.clone();
                    exchanged.swap(place, place - 1);
                    assert_ne!(check_digit(&exchanged), 0);
                }
            }
        }
    }
}
