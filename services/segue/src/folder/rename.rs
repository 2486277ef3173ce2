//! The databases of a folder have the names of their services. Once they were shorter, and docs/operations.md named files that
//! weren't there; what still has an old name is renamed when the folder is opened.
//!
//! What SQLite has beside a database goes first and the database last, so that a crash in between leaves a database with an old
//! name, for which the next start goes on.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};

use super::beside;

const OLD_NAMES: [(&str, &str); 4] = [
    ("selector.db", "platform-selector.db"),
    ("issuer.db", "code-issuer.db"),
    ("router.db", "priority-router.db"),
    ("channel.db", "web-channel.db"),
];

/// Renames what has an old name. Nothing may have the files open.
pub(super) fn old_names(folder: &Path) -> anyhow::Result<()> {
    for (old, new) in OLD_NAMES.map(|(old, new)| (folder.join(old), folder.join(new))) {
        if !old.exists() {
            continue;
        }
        // The backup commands of before left an empty file under the new name.
        let taken = fs::metadata(&new).is_ok_and(|file| file.len() > 0);
        ensure!(
            !taken,
            "{} and {} are both there: take the one that you don't want out of the folder",
            old.display(),
            new.display()
        );
        for (from, to) in steps(&old, &new) {
            rename(&from, &to)
                .with_context(|| format!("can't rename {} to {}", from.display(), to.display()))?;
        }
    }
    Ok(())
}

fn steps(old: &Path, new: &Path) -> Vec<(PathBuf, PathBuf)> {
    let beside = beside(old).zip(beside(new));
    beside.chain([(old.to_owned(), new.to_owned())]).collect()
}

/// On disk before the next one. What is not there has been renamed before, or never was.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        renamed => renamed?,
    }
    match to.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDINGS: [&str; 3] = ["", "-wal", "-shm"];

    fn old_folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (old, _) in OLD_NAMES {
            for ending in ENDINGS {
                let name = format!("{old}{ending}");
                fs::write(folder.path().join(&name), name).unwrap();
            }
        }
        folder
    }

    fn is_renamed(folder: &Path) {
        for (old, new) in OLD_NAMES {
            for ending in ENDINGS {
                let text = fs::read_to_string(folder.join(format!("{new}{ending}"))).unwrap();
                assert_eq!(text, format!("{old}{ending}"));
                assert!(!folder.join(format!("{old}{ending}")).exists());
            }
        }
    }

    #[test]
    fn a_crash_after_any_step_is_gone_on_from() {
        let all = |folder: &Path| -> Vec<_> {
            let paths = OLD_NAMES.map(|(old, new)| (folder.join(old), folder.join(new)));
            paths.iter().flat_map(|(old, new)| steps(old, new)).collect()
        };
        for done in 0..=all(Path::new("")).len() {
            let folder = old_folder();
            for (from, to) in &all(folder.path())[..done] {
                rename(from, to).unwrap();
            }
            old_names(folder.path()).unwrap();
            is_renamed(folder.path());
        }
    }

    #[test]
    fn an_empty_file_of_a_failed_backup_is_no_hindrance() {
        let folder = old_folder();
        fs::write(folder.path().join("code-issuer.db"), "").unwrap();
        old_names(folder.path()).unwrap();
        is_renamed(folder.path());
    }

    #[test]
    fn two_databases_with_data_are_left_as_they_are() {
        let folder = old_folder();
        fs::write(folder.path().join("code-issuer.db"), "data").unwrap();
        let told = old_names(folder.path()).unwrap_err().to_string();
        assert!(told.contains("issuer.db") && told.contains("both there"), "{told}");
        assert_eq!(fs::read_to_string(folder.path().join("issuer.db-wal")).unwrap(), "issuer.db-wal");
    }
}
