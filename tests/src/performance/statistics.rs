//! Medians, percentiles, ratios.

use super::{Figure, Round};

/// The value in the middle.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The value that this share of them stay within; they are sorted.
pub fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied()
}

impl Figure {
    /// How many were done in a second: the median of the rounds.
    pub fn per_second(&self) -> f64 {
        median(self.rounds.iter().map(|round| round.per_second)).unwrap_or_default()
    }

    /// The median of what some rounds have.
    pub fn middle(&self, value: impl Fn(&Round) -> Option<f64>) -> Option<f64> {
        median(self.rounds.iter().filter_map(value))
    }

    /// Calls in a second beside those of a bare server. Each round has a ratio of its own, so that what else the machine did then
    /// met both.
    pub fn to_echo(&self) -> Option<f64> {
        let rpcs = self.subject.rpcs()?;
        self.middle(|round| Some(round.per_second * round.rpcs.unwrap_or(rpcs) / round.echoes_per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::performance::results::example;

    #[test]
    fn medians_and_percentiles_are_values_that_are_there() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([]), None);
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&sorted, 0.5), Some(51.0));
        assert_eq!(percentile(&sorted, 0.99), Some(100.0));
        assert_eq!(percentile(&[], 0.99), None);
    }

    #[test]
    fn a_ratio_is_that_of_a_round_and_counts_all_calls() {
        let results = example();
        let contact = &results.figures[2];
        assert_eq!(contact.per_second(), 1_000.0);
        assert_eq!(contact.to_echo(), Some(0.3));
        let peer = results.figures.last().unwrap();
        assert_eq!(peer.to_echo(), None);
    }
}
