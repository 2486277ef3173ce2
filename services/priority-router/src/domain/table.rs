use std::{collections::HashMap, hash::Hash};

/// Large rows by their keys. Each has a place of its own, as a hash table is half empty after it has grown.
#[derive(Debug)]
pub(super) struct Table<K, V>(HashMap<K, Box<V>>);

impl<K: Hash + Eq, V> Table<K, V> {
    pub fn new() -> Self {
        Self(HashMap::new())
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        self.0.get(key).map(|row| &**row)
    }

    pub fn contains_key(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    /// Replaces a row; none takes it out. Answers what it was.
    pub fn put(&mut self, key: K, row: Option<V>) -> Option<V> {
        let was = match row {
            Some(row) => self.0.insert(key, Box::new(row)),
            None => self.0.remove(&key),
        };
        was.map(|row| *row)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, row)| (key, &**row))
    }
}
