//! The image: what its Dockerfile promises.

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Stdio},
};

use segue_testkit::Process;

/// Takes the libraries out of what `ldd` says, and copies them with their folders.
const GATHER: &str = "grep --only-matching '/[^ ]*[.]so[^ ]*' | sort --unique | xargs cp --dereference --parents --target-directory=";

fn dockerfile() -> String {
    let text = fs::read_to_string(segue_testkit::repository().join("Dockerfile")).unwrap();
    text.replace("\\\n", " ")
}

/// The programs that are copied into the image.
pub fn programs() -> Vec<String> {
    let text = dockerfile();
    let words = text.split_whitespace().filter_map(|word| word.strip_prefix("target/release/"));
    words.map(str::to_owned).collect()
}

/// Every program of the workspace's services is in the image, and nothing that isn't one.
#[test]
fn the_image_has_every_program() {
    let mut services = BTreeSet::new();
    for entry in fs::read_dir(segue_testkit::repository().join("services")).unwrap() {
        let folder = entry.unwrap().path();
        assert!(folder.join("src/main.rs").exists(), "{} has no program", folder.display());
        services.insert(folder.file_name().unwrap().to_str().unwrap().to_owned());
    }
    assert_eq!(programs().into_iter().collect::<BTreeSet<_>>(), services);
}

/// The last stage starts from nothing, runs nothing, and is not root. The build takes the locked versions
/// and leaves no path of where it ran.
#[test]
fn the_image_is_small_and_reproducible() {
    let text = dockerfile();
    let (build, last) = text.rsplit_once("\nFROM ").unwrap();
    assert!(!last.contains("\nRUN ") && last.contains("\nUSER 65532:65532"), "{last}");
    assert!(last.starts_with("scratch\n"), "{last}");
    assert!(last.contains("ENTRYPOINT [\"/segue\"]"), "{last}");
    for promise in ["--locked", "--remap-path-prefix=/src=", "SOURCE_DATE_EPOCH", "STRIP=symbols"] {
        assert!(build.contains(promise), "{promise}");
    }
    // The sources that are handed to the build suffice, and hold no data and no keys.
    let ignored = fs::read_to_string(segue_testkit::repository().join(".dockerignore")).unwrap();
    assert_eq!(ignored.lines().find(|line| !line.starts_with('#')), Some("*"));
    for needed in ["Cargo.toml", "Cargo.lock", "crates", "services", "proto", "tests", "xtask"] {
        assert!(ignored.contains(&format!("!{needed}\n")), "{needed}");
    }
}

/// The programs run where there is nothing but what the image has: the libraries that they are linked with, a read-only root, no
/// shell, and nobody's user. They are gathered by the Dockerfile's own command.
#[test]
fn a_program_runs_without_a_shell_and_with_a_read_only_root() {
    let root = tempfile::tempdir().unwrap();
    for program in programs() {
        let path = Process::binary(&program).get_program().to_owned();
        fs::copy(path, root.path().join(&program)).unwrap();
    }
    assert!(dockerfile().contains(GATHER));
    let script = format!("ldd \"$ROOT\"/* | {GATHER}\"$ROOT\"");
    assert!(Command::new("sh").args(["-c", &script]).env("ROOT", root.path()).status().unwrap().success());
    for folder in ["proc", "data"] {
        fs::create_dir(root.path().join(folder)).unwrap();
    }
    for program in programs() {
        let (succeeded, told) = enter(root.path(), &[&format!("/{program}"), "--help"]);
        assert!(succeeded && told.contains("Usage"), "{program}: {told}");
    }
    let (succeeded, told) = enter(root.path(), &["/bin/sh"]);
    assert!(!succeeded && told.contains("No such file"), "{told}");
    // It really migrates a database there, and only there.
    let job = ["/priority-router", "--database-migrations", "only"];
    let (succeeded, told) = enter_with(root.path(), "sqlite:///data/router.db?mode=rwc", &job);
    assert!(succeeded && told.contains("the schema is up to date"), "{told}");
    let (succeeded, told) = enter_with(root.path(), "sqlite:///router.db?mode=rwc", &job);
    assert!(!succeeded && told.contains("did not start"), "{told}");
}

fn enter(root: &std::path::Path, command: &[&str]) -> (bool, String) {
    enter_with(root, "sqlite::memory:", command)
}

/// In namespaces of its own: the folder is the root, read-only but for `/data`; the user is nobody's, without rights.
fn enter_with(root: &std::path::Path, database: &str, command: &[&str]) -> (bool, String) {
    let script = "set -e
        mount --bind \"$ROOT\" \"$ROOT\"
        mount -t tmpfs -o mode=1777 none \"$ROOT/data\"
        mount -o remount,bind,ro \"$ROOT\"
        exec setpriv --no-new-privs chroot $AS \"$ROOT\" \"$@\"";
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let mut entered = Command::new("unshare");
    // Who isn't root has rights inside, and outside those that they had.
    let (rights, user): (&[&str], _) =
        if is_root { (&[], "--userspec=65532:65532") } else { (&["--user", "--map-root-user"], "") };
    entered.args(rights).args(["--mount", "--", "sh", "-c", script, "sh"]).args(command).env("AS", user);
    entered.env("ROOT", root).env("SEGUE_DATABASE_URL", database);
    let output = entered.stdin(Stdio::null()).output().expect("unshare");
    let told = [output.stdout, output.stderr].map(|part| String::from_utf8_lossy(&part).into_owned());
    (output.status.success(), told.concat())
}
