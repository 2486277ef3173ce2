//! What the remaining work asks for in all: its work profile's terms and its own.

use super::term::{Preference, Term};

/// Terms from one hand: a work profile's, or a request's own.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// What a platform must meet.
    pub requirements: Vec<Term>,
    /// What is wished for.
    pub preferences: Vec<Preference>,
}

/// A wish with all that its being met adds to the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish<'a> {
    /// 1 or more.
    pub weight: i32,
    /// What is wished for.
    pub term: &'a Term,
}

/// What counts: each term once.
#[derive(Debug, Clone, Default)]
pub struct Merged<'a> {
    /// What a platform must meet.
    pub terms: Vec<&'a Term>,
    /// What is wished for.
    pub wishes: Vec<Wish<'a>>,
}

impl Terms {
    /// Its own terms alone.
    pub fn alone(&self) -> Merged<'_> {
        let mut wishes: Vec<Wish<'_>> = Vec::with_capacity(self.preferences.len());
        for Preference { weight, term } in &self.preferences {
            match wishes.iter_mut().find(|wish| wish.term == term) {
                Some(wish) => wish.weight += weight,
                None => wishes.push(Wish { weight: *weight, term }),
            }
        }
        let mut terms: Vec<&Term> = self.requirements.iter().collect();
        terms.sort_unstable();
        terms.dedup();
        wishes.sort_unstable_by_key(|wish| wish.term);
        Merged { terms, wishes }
    }

    /// A request's terms on top of its profile's: requirements add up, and where both wish for the same the request's
    /// weight counts, since it knows this customer and the profile knows only the business.
    pub fn on_top_of<'a>(&'a self, profile: &'a Self) -> Merged<'a> {
        let (mut merged, profile) = (self.alone(), profile.alone());
        merged.terms.extend(profile.terms);
        merged.terms.sort_unstable();
        merged.terms.dedup();
        let only_profile =
            profile.wishes.into_iter().filter(|wish| merged.wishes.iter().all(|own| own.term != wish.term));
        let only_profile: Vec<_> = only_profile.collect();
        merged.wishes.extend(only_profile);
        merged.wishes.sort_unstable_by_key(|wish| wish.term);
        merged
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{feature::FeatureName, term::Test};

    fn term(feature: &str) -> Term {
        Term { feature: FeatureName::parse(feature).unwrap(), test: Test::Exists }
    }

    fn terms(requirements: &str, preferences: &[(&str, i32)]) -> Terms {
        Terms {
            requirements: requirements.split_whitespace().map(term).collect(),
            preferences: preferences
                .iter()
                .map(|(feature, weight)| Preference { weight: *weight, term: term(feature) })
                .collect(),
        }
    }

    fn shown(merged: &Merged<'_>) -> String {
        let terms: Vec<_> = merged.terms.iter().map(|term| term.feature.as_str().to_owned()).collect();
        let wishes: Vec<_> =
            merged.wishes.iter().map(|w| format!("{}={}", w.term.feature.as_str(), w.weight)).collect();
        format!("{} | {}", terms.join(" "), wishes.join(" "))
    }

    #[test]
    fn requirements_add_up_and_the_request_weighs_anew() {
        let profile = terms("b a", &[("x", 10), ("y", 20)]);
        let own = terms("c b b", &[("y", 5), ("z", 1)]);
        assert_eq!(shown(&own.on_top_of(&profile)), "a b c | x=10 y=5 z=1");
        assert_eq!(shown(&own.alone()), "b c | y=5 z=1");
        assert_eq!(shown(&Terms::default().on_top_of(&profile)), "a b | x=10 y=20");
    }

    #[test]
    fn the_same_wish_twice_in_one_list_weighs_twice() {
        let own = terms("", &[("x", 10), ("x", 7)]);
        assert_eq!(shown(&own.alone()), " | x=17");
        assert_eq!(shown(&own.on_top_of(&terms("", &[("x", 90)]))), " | x=17");
    }
}
