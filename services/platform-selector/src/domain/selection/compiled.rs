//! Platforms as a choice reads them: what equal platforms share is told apart once for each change of them, so that a question is held
//! against each different value once and not against each platform.

use std::collections::BTreeMap;

use super::{Platform, Platforms};
use crate::domain::{
    feature::{FeatureName, FeatureValue},
    hours::ServiceHours,
};

/// What is worked out for all questions. It goes with the platforms that it was made of, and knows them by their place in the order of
/// ids.
#[derive(Debug, Clone, Default)]
pub struct Compiled {
    pub(super) features: BTreeMap<FeatureName, Groups>,
    pub(super) hours: Groups,
    pub(super) accepted_faces: Groups,
    /// The places in the order in which platforms come that are equal in merit.
    pub(super) by_cost: Vec<usize>,
}

/// Places by what is there. Most features are those of a few platforms, so that only the places that have something are listed.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups {
    /// Places with their groups, from 1 on.
    of: Vec<(usize, usize)>,
    /// The first place of each group.
    first: Vec<usize>,
}

impl Compiled {
    /// Compiles platforms.
    pub fn new(platforms: &Platforms) -> Self {
        let places: Vec<&Platform> = platforms.values().collect();
        let mut by_cost: Vec<usize> = (0..places.len()).collect();
        // Stable, so that those that are equal stay in the order of their ids.
        by_cost.sort_by_key(|place| places.get(*place).map(|p| (p.cost_units, std::cmp::Reverse(p.rank))));
        Self {
            features: features(&places),
            hours: hours(&places),
            accepted_faces: accepted_faces(&places),
            by_cost,
        }
    }
}

impl Groups {
    /// Adds a place to the group of its value, given the number that a new one gets.
    fn add(&mut self, place: usize, group_of: impl FnOnce(usize) -> usize) {
        let next = self.first.len() + 1;
        let group = group_of(next);
        if group == next {
            self.first.push(place);
        }
        self.of.push((place, group));
    }

    /// What comes of each group, by its number; 0 is that of the places that have nothing.
    pub(super) fn map<'a, T>(
        &self,
        places: &[&'a Platform],
        mut outcome: impl FnMut(Option<&'a Platform>) -> T,
    ) -> Vec<T> {
        let mut outcomes = Vec::with_capacity(self.first.len() + 1);
        outcomes.push(outcome(None));
        outcomes.extend(self.first.iter().map(|place| outcome(places.get(*place).copied())));
        outcomes
    }

    /// The group of each place.
    pub(super) fn by_place(&self, places: usize) -> Vec<usize> {
        let mut groups = vec![0; places];
        for (place, group) in &self.of {
            if let Some(of) = groups.get_mut(*place) {
                *of = *group;
            }
        }
        groups
    }
}

fn features(places: &[&Platform]) -> BTreeMap<FeatureName, Groups> {
    let mut found: BTreeMap<&FeatureName, (BTreeMap<&FeatureValue, usize>, Groups)> = BTreeMap::new();
    for (place, platform) in places.iter().enumerate() {
        for (name, value) in &platform.features {
            let (known, groups) = found.entry(name).or_default();
            groups.add(place, |next| *known.entry(value).or_insert(next));
        }
    }
    found.into_iter().map(|(name, (_, groups))| (name.clone(), groups)).collect()
}

fn accepted_faces(places: &[&Platform]) -> Groups {
    let (mut known, mut groups) = (BTreeMap::new(), Groups::default());
    for (place, platform) in places.iter().enumerate() {
        groups.add(place, |next| *known.entry(&platform.accepted_faces).or_insert(next));
    }
    groups
}

fn hours(places: &[&Platform]) -> Groups {
    let (mut known, mut groups): (Vec<&ServiceHours>, _) = (vec![], Groups::default());
    for (place, platform) in places.iter().enumerate() {
        let Some(hours) = &platform.hours else { continue };
        groups.add(place, |next| match known.iter().position(|other| *other == hours) {
            Some(index) => index + 1,
            None => {
                known.push(hours);
                next
            }
        });
    }
    groups
}
