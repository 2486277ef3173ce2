//! Both engines are migrated side by side.

use std::collections::{BTreeMap, BTreeSet};

use crate::repository::{File, files, none};

#[test]
fn every_migration_exists_for_both_engines() {
    let files = files();
    assert!(files.iter().any(|file| file.path.contains("/migrations/sqlite/")));
    none("a migration has the same name for both engines", &unpaired(&files));
}

#[test]
fn a_missing_migration_is_found() {
    let file = |path: &str| File { path: path.to_owned(), text: String::new() };
    let paired = ["services/a/migrations/sqlite/0010_x.sql", "services/a/migrations/postgres/0010_x.sql"];
    assert!(unpaired(&paired.map(file)).is_empty());
    assert_eq!(unpaired(&[file(paired[0])]).len(), 1);
    let renamed = file("services/a/migrations/postgres/0011_x.sql");
    assert_eq!(unpaired(&[file(paired[0]), renamed]).len(), 2);
}

fn unpaired(files: &[File]) -> Vec<String> {
    let mut engines: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for file in files {
        let Some((package, migration)) = file.path.split_once("/migrations/") else { continue };
        if let Some((engine @ ("sqlite" | "postgres"), name)) = migration.split_once('/') {
            engines.entry((package, name)).or_default().insert(engine);
        }
    }
    engines
        .iter()
        .filter(|(_, engines)| engines.len() < 2)
        .map(|((package, name), engines)| format!("{package}: {name} is only for {engines:?}"))
        .collect()
}
