//! The keys of a system that runs by itself: made at its first start and kept beside its data.

use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use anyhow::Context as _;
use segue_core::{Key, Random};
use serde::{Deserialize, Serialize};

const FILE: &str = "keys.toml";

/// Keys in base64, as the services' settings want them.
#[derive(Clone, Serialize, Deserialize)]
pub struct Keys {
    /// code-issuer's.
    pub code: String,
    /// platform-selector's and code-issuer's.
    pub directory: String,
    /// web-channel's.
    pub channel: String,
}

impl Keys {
    /// New keys.
    pub fn generate(random: &Random) -> Self {
        let key = || Key::generate(random).to_base64();
        Self { code: key(), directory: key(), channel: key() }
    }

    /// The keys beside the data, made when there are none. Only their owner can read the file.
    pub fn beside_data(directory: &Path, random: &Random) -> anyhow::Result<Self> {
        let path = directory.join(FILE);
        if path.exists() {
            let text = fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
            return toml::from_str(&text)
                .map_err(|_| anyhow::anyhow!("{} does not hold the keys", path.display()));
        }
        let keys = Self::generate(random);
        write_whole(&path, &toml::to_string(&keys)?)
            .with_context(|| format!("can't write {}", path.display()))?;
        Ok(keys)
    }
}

/// Writes beside and renames, so that a crash leaves no half a file.
fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(unfinished, path)
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys([secret])")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn keys_are_made_once_and_for_their_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let made = Keys::beside_data(directory.path(), &Random::secure()).unwrap();
        let read = Keys::beside_data(directory.path(), &Random::secure()).unwrap();
        assert_eq!((made.code, made.directory, made.channel), (read.code, read.directory, read.channel));
        let mode = fs::metadata(directory.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
