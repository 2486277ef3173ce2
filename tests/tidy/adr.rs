//! Every decision record is in the index.

use crate::repository::{File, files, none};

const FOLDER: &str = "docs/adr/";
const INDEX: &str = "docs/adr/README.md";

#[test]
fn every_decision_is_in_the_index() {
    none("docs/adr/README.md links every record and nothing else", &unlisted(&files()));
}

#[test]
fn an_unlisted_decision_is_found() {
    let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
    let record = || file("docs/adr/0001-x.md", "");
    assert!(unlisted(&[file(INDEX, "[x](0001-x.md)"), record()]).is_empty());
    assert_eq!(unlisted(&[file(INDEX, "0001-x.md"), record()]).len(), 1);
    assert_eq!(unlisted(&[file(INDEX, "[x](0001-x.md) [y](0002-y.md)"), record()]).len(), 1);
}

fn unlisted(files: &[File]) -> Vec<String> {
    let index = files.iter().find(|file| file.path == INDEX).map_or("", |file| file.text.as_str());
    let linked: Vec<&str> =
        index.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0)).collect();
    let records: Vec<&str> = files
        .iter()
        .filter(|file| file.path != INDEX)
        .filter_map(|file| file.path.strip_prefix(FOLDER))
        .collect();
    let missing = records.iter().filter(|record| !linked.contains(record));
    let dangling = linked.iter().filter(|link| link.ends_with(".md") && !records.contains(link));
    missing
        .map(|record| format!("{record} is not linked"))
        .chain(dangling.map(|link| format!("{link} does not exist")))
        .collect()
}
