//! A folder has one process at a time. The system gives the lock back when the process ends, however it ends.

use std::{
    fs::{File, TryLockError},
    io::{Read as _, Seek as _, Write as _},
    path::Path,
};

use anyhow::{Context as _, bail};

use super::{private_file, unusable};

/// Holds the id of the process that has it, for people.
const FILE: &str = "segue.lock";

#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the folder, or says who has it.
    pub(super) fn take(folder: &Path) -> anyhow::Result<Self> {
        let mut file = private_file(&folder.join(FILE)).with_context(|| unusable(folder, "be written to"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("{}", in_use(folder, &mut file)),
            Err(TryLockError::Error(error)) => {
                return Err(error)
                    .with_context(|| format!("can't lock the data folder {}", folder.display()));
            }
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { _file: file })
    }
}

fn in_use(folder: &Path, file: &mut File) -> String {
    let mut holder = String::new();
    // Whoever has just taken it may not have written yet.
    let known = file.read_to_string(&mut holder).is_ok_and(|length| length > 0);
    let (who, how) = if known {
        let id = holder.trim();
        (format!("process {id}"), format!("stop that one (Ctrl-C where it runs, or `kill {id}`)"))
    } else {
        ("another process".to_owned(), "stop that one".to_owned())
    };
    format!(
        "{who} has Segue running in the data folder {}: use it as it is, or {how}, or start another one with --data-dir, \
         --selector-port, --issuer-port, --router-port, --channel-port and --pages-port",
        folder.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_taken_once_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path()).unwrap();
        let told = Lock::take(folder.path()).unwrap_err().to_string();
        assert!(told.starts_with(&format!("process {} has Segue running", std::process::id())), "{told}");
        drop(first);
        Lock::take(folder.path()).unwrap();
    }
}
