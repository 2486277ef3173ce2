//! Both engines are migrated side by side, and what older programs need is not taken from under them.

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

#[test]
fn what_older_programs_need_is_taken_with_the_floor_raised() {
    none("a migration that drops or renames raises schema_floor (docs/operations.md)", &taking(&files()));
}

#[test]
fn a_migration_that_takes_away_is_found() {
    let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
    let later = "services/priority-router/migrations/sqlite/0013_x.sql";
    let raised = "alter table a drop column b;\nUPDATE schema_floor SET migration = 13 WHERE id = 1;";
    assert_eq!(taking(&[file(later, "alter table a drop column b;")]).len(), 1);
    assert_eq!(taking(&[file(later, "ALTER TABLE a RENAME TO b; -- schema_floor")]).len(), 1);
    assert!(taking(&[file(later, raised)]).is_empty());
    assert!(taking(&[file(later, "DROP INDEX a; -- DROP TABLE b")]).is_empty());
    assert!(taking(&[file(BEFORE_THE_FLOOR[0], "DROP TABLE a;")]).is_empty());
}

/// Migrations of a time when nobody could have an older program running.
const BEFORE_THE_FLOOR: [&str; 4] = [
    "services/priority-router/migrations/sqlite/0011_history.sql",
    "services/priority-router/migrations/postgres/0011_history.sql",
    "services/priority-router/migrations/sqlite/0012_routing.sql",
    "services/priority-router/migrations/postgres/0012_routing.sql",
];

fn taking(files: &[File]) -> Vec<String> {
    let migrations = files.iter().filter(|file| {
        let is_ours = file.path.contains("/migrations/") && !file.path.contains("/tests/");
        is_ours && !BEFORE_THE_FLOOR.contains(&file.path.as_str())
    });
    let mut wrong = Vec::new();
    for file in migrations {
        let code: Vec<_> = file
            .text
            .lines()
            .map(|line| line.split("--").next().unwrap_or_default().to_uppercase())
            .collect();
        let code = code.join(" ");
        // An index is no part of what a program asks for.
        let takes = ["DROP TABLE", "DROP COLUMN", "RENAME", "DROP DEFAULT", "SET NOT NULL"];
        if takes.iter().any(|word| code.contains(word)) && !code.contains("UPDATE SCHEMA_FLOOR") {
            wrong.push(file.path.clone());
        }
    }
    wrong
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
