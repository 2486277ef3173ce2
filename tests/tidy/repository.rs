//! The files of the repository, and how a rule fails.

use std::{fs, path::PathBuf, process::Command};

/// A file that git does not ignore.
pub struct File {
    /// Its path from the root, with `/`.
    pub path: String,
    /// Its text, as far as it is one.
    pub text: String,
}

impl File {
    /// The code of each line, without comments.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line.split("//").next().unwrap_or_default()))
    }
}

/// Every file that is in git, or would be.
pub fn files() -> Vec<File> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let paths = String::from_utf8(output.stdout).unwrap();
    let mut files: Vec<File> = paths
        .split_terminator('\0')
        // A file that was deleted and is still in the index can't be read.
        .filter_map(|path| {
            let text = String::from_utf8_lossy(&fs::read(root().join(path)).ok()?).into_owned();
            Some(File { path: path.to_owned(), text })
        })
        .collect();
    assert!(files.len() > 50, "that can't be all");
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

/// Every Rust source.
pub fn rust_files() -> Vec<File> {
    files().into_iter().filter(|file| file.path.ends_with(".rs")).collect()
}

/// Fails with everything that is wrong.
pub fn none(rule: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{rule}:\n  {}", wrong.join("\n  "));
}

/// Compares a generated document with the file, or with `SEGUE_BLESS=1` writes it.
pub fn is_up_to_date(path: &str, generated: &str) {
    if std::env::var_os("SEGUE_BLESS").is_some() {
        fs::write(root().join(path), generated).unwrap();
    }
    let kept = fs::read_to_string(root().join(path)).unwrap_or_default();
    let differing = generated
        .lines()
        .zip(kept.lines().chain(std::iter::repeat("")))
        .find(|(wanted, found)| wanted != found);
    assert!(
        kept == generated,
        "{path} is out of date: SEGUE_BLESS=1 cargo test -p segue-tests --test tidy\nfirst difference: {differing:?}"
    );
}

/// The repository's root.
pub fn root() -> PathBuf {
    segue_testkit::repository()
}
