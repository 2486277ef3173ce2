//! What the rows of one account come to.
//!
//! The first row of an account in a run of an import replaces its identities, further ones add theirs: an export that has a
//! line for each of an account's phones is imported whole, in one batch as in two. To let the last row win was rejected, since
//! it loses the others without a word; to refuse the second row, since such exports are common and nothing contradicts.

use std::collections::{BTreeMap, BTreeSet};

use super::MAX_IDENTITIES;

/// Hash and kind of each identity of a row.
pub(crate) type Identities = BTreeMap<String, &'static str>;

/// What is stored of an account.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The hashes under the current key.
    pub(crate) hashes: BTreeSet<String>,
    /// It is also stored under the previous key, or under that only.
    pub(crate) under_previous: bool,
    /// Its identities are from rows of this run.
    pub(crate) of_this_run: bool,
}

/// What comes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    /// It changes what is stored.
    Written,
    /// It says what is stored already.
    Unchanged,
    /// With it the account would have more than [`MAX_IDENTITIES`].
    TooMany,
}

/// What is to be written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Merge {
    /// What is stored has to go first.
    pub(crate) replaces: bool,
    /// Identities to be stored.
    pub(crate) added: Identities,
    /// What comes of each row, in their order.
    pub(crate) rows: Vec<Row>,
}

/// Takes the rows of one account in their order.
pub(crate) fn merge<'a>(stored: Stored, rows: impl IntoIterator<Item = &'a Identities>) -> Merge {
    let Stored { hashes: before, under_previous, of_this_run } = stored;
    let mut hashes = before.clone();
    let mut merge = Merge::default();
    let mut joins = of_this_run && !under_previous;
    for row in rows {
        if !joins {
            joins = true;
            if !under_previous && hashes.iter().eq(row.keys()) {
                merge.rows.push(Row::Unchanged);
                continue;
            }
            hashes = BTreeSet::new();
            merge.replaces = true;
        }
        let new: Identities = row
            .iter()
            .filter(|(hash, _)| !hashes.contains(*hash))
            .map(|(hash, kind)| (hash.clone(), *kind))
            .collect();
        let outcome = if hashes.len() + new.len() > MAX_IDENTITIES {
            Row::TooMany
        } else if new.is_empty() {
            Row::Unchanged
        } else {
            hashes.extend(new.keys().cloned());
            merge.added.extend(new);
            Row::Written
        };
        merge.rows.push(outcome);
    }
    if merge.replaces && !under_previous && hashes == before {
        let outcomes = merge.rows.iter().map(|row| if *row == Row::Written { Row::Unchanged } else { *row });
        return Merge { rows: outcomes.collect(), ..Merge::default() };
    }
    merge
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(hashes: &[&str]) -> Identities {
        hashes.iter().map(|hash| ((*hash).to_owned(), "phone")).collect()
    }

    fn stored(hashes: &[&str], of_this_run: bool) -> Stored {
        Stored { hashes: row(hashes).into_keys().collect(), under_previous: false, of_this_run }
    }

    fn shown(stored: Stored, rows: &[Identities]) -> (bool, Vec<String>, Vec<Row>) {
        let Merge { replaces, added, rows } = merge(stored, rows);
        (replaces, added.into_keys().collect(), rows)
    }

    #[test]
    fn the_first_row_replaces_and_further_ones_join() {
        let rows = [row(&["a"]), row(&["b"]), row(&["a", "b"])];
        let all = vec!["a".to_owned(), "b".to_owned()];
        let outcome = vec![Row::Written, Row::Written, Row::Unchanged];
        assert_eq!(shown(stored(&["x"], false), &rows), (true, all.clone(), outcome.clone()));
        // In two batches as in one.
        assert_eq!(
            shown(stored(&["x"], false), &rows[..1]),
            (true, all[..1].to_vec(), outcome[..1].to_vec())
        );
        assert_eq!(
            shown(stored(&["a"], true), &rows[1..]),
            (false, all[1..].to_vec(), outcome[1..].to_vec())
        );
    }

    #[test]
    fn what_is_stored_is_not_written_again() {
        assert_eq!(shown(stored(&["a"], false), &[row(&["a"])]), (false, vec![], vec![Row::Unchanged]));
        let joined = shown(stored(&["a"], false), &[row(&["a"]), row(&["b"])]);
        assert_eq!(joined, (false, vec!["b".to_owned()], vec![Row::Unchanged, Row::Written]));
        let repeated = shown(stored(&["a", "b"], false), &[row(&["a"]), row(&["b"])]);
        assert_eq!(repeated, (false, vec![], vec![Row::Unchanged, Row::Unchanged]));
        let previous = Stored { under_previous: true, ..stored(&["a"], true) };
        assert_eq!(shown(previous, &[row(&["a"])]), (true, vec!["a".to_owned()], vec![Row::Written]));
    }

    #[test]
    fn an_account_has_sixteen_identities_at_most() {
        let many: Vec<String> = (0..MAX_IDENTITIES).map(|number| number.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let (_, added, rows) = shown(Stored::default(), &[row(&many), row(&["more"]), row(&many[..1])]);
        assert_eq!((added.len(), rows), (MAX_IDENTITIES, vec![Row::Written, Row::TooMany, Row::Unchanged]));
    }
}
