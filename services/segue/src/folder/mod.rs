//! The data folder of a system that runs by itself: one process at a time uses it, and only its owner reads its files.

mod lock;
mod rename;

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use anyhow::Context as _;

use lock::Lock;

/// The databases, which have the names of their services, as in docs/operations.md.
const DATABASES: [&str; 4] =
    ["platform-selector.db", "code-issuer.db", "priority-router.db", "web-channel.db"];
const FOR_ITS_OWNER: u32 = 0o600;
const FOLDER_FOR_ITS_OWNER: u32 = 0o700;

/// A folder that is this process's until it is dropped.
#[derive(Debug)]
pub(crate) struct DataFolder {
    _lock: Lock,
}

impl DataFolder {
    /// Takes the folder, made where it is missing. A folder that is there keeps its permissions: it may be shared.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_FOR_ITS_OWNER)
            .create(path)
            .with_context(|| unusable(path, "be made"))?;
        let lock = Lock::take(path)?;
        rename::old_names(path)?;
        Ok(Self { _lock: lock })
    }

    /// Has the databases there for their owner only, before SQLite makes them for everybody: it gives what it puts beside a
    /// file the permissions of that file.
    pub(crate) fn make_databases(path: &Path) -> anyhow::Result<()> {
        for name in DATABASES {
            let database = path.join(name);
            private_file(&database).with_context(|| unusable(path, "be written to"))?;
            for beside in beside(&database).filter(|file| file.exists()) {
                restrict(&beside).with_context(|| format!("can't protect {}", beside.display()))?;
            }
        }
        Ok(())
    }
}

/// Opens a file for its owner only, made where it is missing.
fn private_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FOR_ITS_OWNER)
        .open(path)?;
    restrict(path)?;
    Ok(file)
}

/// Only where others may read it: who is not the owner can't change it, and need not.
fn restrict(path: &Path) -> io::Result<()> {
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 == 0 { Ok(()) } else { fs::set_permissions(path, Permissions::from_mode(FOR_ITS_OWNER)) }
}

/// What SQLite keeps beside a database while it is open, and after a crash.
fn beside(database: &Path) -> impl Iterator<Item = std::path::PathBuf> {
    ["-wal", "-shm"].into_iter().map(|ending| {
        let mut name = database.as_os_str().to_owned();
        name.push(ending);
        name.into()
    })
}

fn unusable(path: &Path, what: &str) -> String {
    format!(
        "the data folder {} can't {what}: choose another with --data-dir or SEGUE_DATA_DIR, or give this user the right to \
         write there",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_for_its_owner_only() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let _open = DataFolder::open(&path).unwrap();
        DataFolder::make_databases(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        let files: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), DATABASES.len() + 1, "{files:?}");
        for file in files {
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
    }

    #[test]
    fn files_of_before_are_protected_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["code-issuer.db", "code-issuer.db-wal"] {
            fs::write(folder.path().join(name), "kept").unwrap();
            fs::set_permissions(folder.path().join(name), Permissions::from_mode(0o644)).unwrap();
        }
        DataFolder::make_databases(folder.path()).unwrap();
        for name in ["code-issuer.db", "code-issuer.db-wal"] {
            let file = folder.path().join(name);
            assert_eq!((mode(&file), fs::read_to_string(file).unwrap().as_str()), (0o600, "kept"));
        }
    }

    #[test]
    fn a_folder_that_cannot_be_used_says_what_to_do() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("file"), "").unwrap();
        // The second can't be written to by root either.
        for path in [parent.path().join("file/data"), "/proc/self".into()] {
            let told = format!("{:#}", DataFolder::open(&path).unwrap_err());
            assert!(told.contains("--data-dir") && told.contains(path.to_str().unwrap()), "{told}");
        }
    }
}
