use std::{
    fs::{self, File},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{Process, is_root};

const BLOCK: usize = 64 * 1024;

/// A file system of its own that can be filled, in memory. A process of its own has it mounted where nobody else sees it; others
/// come to it through that process's folder of `/proc`. Whoever is not root needs a kernel that allows user namespaces.
#[derive(Debug)]
pub struct SmallDisk {
    holder: Process,
    folder: TempDir,
}

impl SmallDisk {
    /// Makes one of so many MiB, which an [`crate::unprivileged`] program may write to.
    pub fn new(mebibytes: u32) -> Self {
        let folder = crate::unprivileged_folder(&std::env::temp_dir());
        let mount = format!("mount -t tmpfs -o size={mebibytes}m,mode=1777 tmpfs \"$0\"");
        let script = if is_root() {
            format!("{mount} && exec setpriv --reuid=postgres --regid=postgres --clear-groups sleep infinity")
        } else {
            format!("{mount} && exec sleep infinity")
        };
        let mut command = Command::new("unshare");
        if !is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--mount", "sh", "-c", &script]).arg(folder.path());
        let holder = Process::start(command, folder.path(), "disk");
        let this = Self { holder, folder };
        this.wait_until_mounted(mebibytes);
        this
    }

    /// Where it is for a program that is started by [`Self::inside`].
    pub fn path_inside(&self) -> &Path {
        self.folder.path()
    }

    /// What starts a program where it is mounted. Only there has SQLite files on it: it resolves links, and elsewhere the path of this
    /// file system begins with one.
    pub fn inside(&self) -> Vec<String> {
        let holder = self.holder.id().to_string();
        let mut launcher = vec!["/usr/bin/nsenter".to_owned(), "--target".to_owned(), holder];
        if !is_root() {
            launcher.extend(["--user", "--preserve-credentials"].map(str::to_owned));
        }
        launcher.push("--mount".to_owned());
        launcher
    }

    /// Where it is for everybody else.
    pub fn path(&self) -> PathBuf {
        let inside = self.folder.path().strip_prefix("/").unwrap();
        Path::new(&format!("/proc/{}/root", self.holder.id())).join(inside)
    }

    /// Fills what is left.
    pub fn fill(&self) {
        let mut ballast = File::create(self.ballast()).unwrap();
        for size in [BLOCK, 1] {
            loop {
                match ballast.write_all(&vec![0; size]) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("the disk is not filled: {error}"),
                }
            }
        }
    }

    /// Frees what was filled.
    pub fn free(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// The log of the process that holds it is in the folder below until then.
    fn wait_until_mounted(&self, mebibytes: u32) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.path().join("disk.log").exists() || !self.path().exists() {
            assert!(
                Instant::now() < deadline,
                "a file system of {mebibytes} MiB can't be mounted, which takes root or user namespaces: {}",
                self.holder.log()
            );
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        self.holder.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unprivileged;

    #[test]
    fn it_is_full_and_has_room_again() {
        let disk = SmallDisk::new(1);
        let write = || fs::write(disk.path().join("file"), [0; 4096]);
        write().unwrap();
        fs::remove_file(disk.path().join("file")).unwrap();
        disk.fill();
        assert_eq!(write().unwrap_err().kind(), ErrorKind::StorageFull);
        disk.free();
        write().unwrap();
        let mut command = unprivileged("touch");
        command.arg(disk.path().join("another"));
        assert!(command.status().unwrap().success(), "a program without rights may write there");
    }
}
