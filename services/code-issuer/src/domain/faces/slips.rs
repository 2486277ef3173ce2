//! Words out of a list, as people type them.

/// The word that a token stands for: the word itself, the only one that begins with it, or the only one that a single slip
/// (a letter wrong, missing, too many, or two exchanged) makes it.
pub(super) fn resolve<'a>(token: &str, words: impl Iterator<Item = &'a str> + Clone) -> Option<usize> {
    let exact = words.clone().position(|word| word == token);
    exact.or_else(|| {
        let long_enough = token.len() >= SHORTEST_PREFIX;
        let begun = only(words.clone(), |word| long_enough && word.starts_with(token));
        begun.or_else(|| only(words, |word| is_one_slip(token.as_bytes(), word.as_bytes())))
    })
}

/// Fewer letters are not unique in the lists, and too easily something else.
const SHORTEST_PREFIX: usize = 3;

fn only<'a>(words: impl Iterator<Item = &'a str>, matches: impl Fn(&str) -> bool) -> Option<usize> {
    let mut found = words.enumerate().filter(|(_, word)| matches(word)).map(|(place, _)| place);
    let first = found.next();
    first.filter(|_| found.next().is_none())
}

/// Whether the two differ by one slip: what is left after their common start and end tells.
fn is_one_slip(one: &[u8], other: &[u8]) -> bool {
    let start = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let (one, other) = (&one[start..], &other[start..]);
    let end = one.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a == b).count();
    match (&one[..one.len() - end], &other[..other.len() - end]) {
        ([_], [_]) | ([], [_]) | ([_], []) => true,
        ([a, b], [c, d]) => a == d && b == c,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_slips_are_corrected() {
        let words = ["acid", "acorn", "yodel", "yogurt"];
        for (token, place) in [
            ("acid", Some(0)),
            ("aco", Some(1)),
            ("acodn", Some(1)),
            ("corn", Some(1)),
            ("acoorn", Some(1)),
            ("acron", Some(1)),
            ("yo", None),
            ("ac", None),
            ("acrno", None),
            ("acids", Some(0)),
            ("", None),
        ] {
            assert_eq!(resolve(token, words.into_iter()), place, "{token}");
        }
    }

    #[test]
    fn what_could_be_two_words_is_none() {
        assert_eq!(resolve("cat", ["cart", "chat"].into_iter()), None);
        assert_eq!(resolve("car", ["cart", "carp"].into_iter()), None);
    }
}
