//! Known answers, and what fuzzing found interesting.

use std::{fs, path::Path};

use code_issuer::domain::faces::{self, ALL, FaceKind};

/// Each line: a face's name or `none`, the canonical code, and what was entered.
#[test]
fn known_answers_hold() {
    let vectors = include_str!("vectors.tsv");
    let rows = vectors.lines().filter(|line| !line.starts_with('#'));
    let mut seen = vec![];
    for row in rows {
        let [face, code, entered] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let found = faces::recognise(entered);
        let found: Vec<(&str, &str)> =
            found.iter().map(|(kind, code)| (kind.name(), code.reveal().as_str())).collect();
        if face == "none" {
            assert!(found.is_empty(), "{row}: {found:?}");
        } else {
            assert_eq!(found, [(face, code)], "{row}");
        }
        seen.push(face);
    }
    assert!(ALL.iter().all(|face| seen.contains(&face.kind().name())));
}

#[test]
fn the_fuzzing_corpus_is_replayed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/recognise");
    let mut recognised = 0;
    let mut replayed = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let entered = String::from_utf8_lossy(&fs::read(entry.unwrap().path()).unwrap()).into_owned();
        let normal = faces::normalise(&entered);
        assert_eq!(faces::normalise(&normal), normal);
        let found = faces::recognise(&entered);
        assert!(found.len() <= faces::MOST_CANDIDATES);
        for (kind, code) in &found {
            assert!(meets_itself(*kind, code), "{entered}");
        }
        recognised += usize::from(!found.is_empty());
        replayed += 1;
    }
    assert!(replayed >= 20 && recognised >= 10, "{recognised} of {replayed}");
}

fn meets_itself(kind: FaceKind, code: &faces::Canonical) -> bool {
    let again = faces::recognise(&faces::of_kind(kind).display(code));
    again.iter().any(|(other, same)| *other == kind && same == code)
}
