//! Files that are read again when they change: certificates and keys are rotated while the service runs.

use std::{fmt, fs, path::PathBuf, sync::Arc};

use parking_lot::{Mutex, RwLock};
use sha2::{Digest as _, Sha256};

type Build<T> = Box<dyn Fn(&[Vec<u8>]) -> Result<T, String> + Send + Sync>;

/// What was made of some files. What is wrong later never replaces what was right before.
pub(crate) struct Watched<T> {
    files: Vec<PathBuf>,
    build: Build<T>,
    current: RwLock<Arc<T>>,
    /// Of the content that was tried last, so that a mistake is told once and not at every look.
    tried: Mutex<[u8; 32]>,
}

impl<T> fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watched").field(&self.files).finish()
    }
}

impl<T> Watched<T> {
    /// Reads the files and builds from them.
    pub(crate) fn open(
        files: Vec<PathBuf>,
        build: impl Fn(&[Vec<u8>]) -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let contents = read(&files)?;
        let current = RwLock::new(Arc::new(build(&contents)?));
        Ok(Self { files, build: Box::new(build), current, tried: Mutex::new(digest(&contents)) })
    }

    /// What holds now.
    pub(crate) fn current(&self) -> Arc<T> {
        self.current.read().clone()
    }

    /// Looks whether the files have changed, and builds anew if so. They are compared by content: the links by which a
    /// cluster swaps whole folders say little through their times.
    pub(crate) fn look(&self) -> Result<bool, String> {
        let contents = read(&self.files)?;
        let now = digest(&contents);
        let mut tried = self.tried.lock();
        if *tried == now {
            return Ok(false);
        }
        *tried = now;
        let built = Arc::new((self.build)(&contents)?);
        *self.current.write() = built;
        Ok(true)
    }
}

fn read(files: &[PathBuf]) -> Result<Vec<Vec<u8>>, String> {
    files.iter().map(|file| fs::read(file).map_err(|error| format!("{}: {error}", file.display()))).collect()
}

fn digest(contents: &[Vec<u8>]) -> [u8; 32] {
    let mut all = Sha256::new();
    for content in contents {
        all.update(Sha256::digest(content));
    }
    all.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_leaves_what_was_and_is_told_once() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let number = |contents: &[Vec<u8>]| {
            std::str::from_utf8(&contents[0]).unwrap().parse::<u32>().map_err(|error| error.to_string())
        };
        fs::write(file.path(), "1").unwrap();
        let watched = Watched::open(vec![file.path().to_owned()], number).unwrap();
        assert_eq!(watched.look(), Ok(false));
        fs::write(file.path(), "2").unwrap();
        assert_eq!(watched.look(), Ok(true));
        fs::write(file.path(), "two").unwrap();
        assert!(watched.look().is_err());
        assert_eq!(watched.look(), Ok(false));
        assert_eq!(*watched.current(), 2);
        fs::remove_file(file.path()).unwrap();
        assert!(watched.look().unwrap_err().contains("No such file"));
        assert_eq!(*watched.current(), 2);
    }
}
