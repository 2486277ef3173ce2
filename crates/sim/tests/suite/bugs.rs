use std::{fs, path::Path, process::Command};

#[test]
fn each_planted_bug_still_applies() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut count = 0;
    for file in fs::read_dir(root.join("crates/sim/bugs")).unwrap() {
        let patch = file.unwrap().path();
        let checked =
            Command::new("git").current_dir(&root).arg("apply").arg("--check").arg(&patch).output().unwrap();
        assert!(
            checked.status.success(),
            "{}: {}",
            patch.display(),
            String::from_utf8_lossy(&checked.stderr)
        );
        count += 1;
    }
    assert!(count >= 20, "{count} planted bugs");
}
