use std::collections::BTreeSet;

use parking_lot::Mutex;

/// Stands for every name beyond the bound.
pub const OTHER: &str = "other";

/// Names that become attributes: the first so many as they are, all others as [`OTHER`]. Series are never given back, so
/// names that come and go must not each have one.
#[derive(Debug)]
pub struct Bounded {
    most: usize,
    known: Mutex<BTreeSet<String>>,
}

impl Bounded {
    /// At most so many names.
    pub const fn new(most: usize) -> Self {
        Self { most, known: Mutex::new(BTreeSet::new()) }
    }

    /// The name, or [`OTHER`].
    pub fn name(&self, name: &str) -> String {
        let mut known = self.known.lock();
        if !known.contains(name) {
            if known.len() >= self.most {
                return OTHER.to_owned();
            }
            known.insert(name.to_owned());
        }
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_names_are_told_apart() {
        let names = Bounded::new(2);
        let told: Vec<String> = ["a", "b", "c", "a", "d"].map(|name| names.name(name)).into();
        assert_eq!(told, ["a", "b", OTHER, "a", OTHER]);
    }
}
