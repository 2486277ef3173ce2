use std::{fs, process::Command};

/// A script of `docs/operations.md`, as it stands there.
fn script(name: &str) -> String {
    let text = fs::read_to_string(segue_testkit::repository().join("docs/operations.md")).unwrap();
    let start = format!("```sh {name}\n");
    let (_, rest) =
        text.split_once(&start).unwrap_or_else(|| panic!("docs/operations.md has no script {name}"));
    rest.split("```").next().unwrap().to_owned()
}

/// Runs one with these variables; it must succeed.
pub fn run(name: &str, variables: &[(&str, &str)]) {
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", &script(name)]).envs(variables.iter().copied());
    let output = command.output().expect("bash");
    let told = [output.stdout, output.stderr].map(|part| String::from_utf8_lossy(&part).into_owned());
    assert!(output.status.success(), "{name}: {}", told.concat());
}
