use std::{fs, process::Command};

/// A script of a page in `docs/`, as it stands there.
pub fn text(page: &str, name: &str) -> String {
    let text = fs::read_to_string(segue_testkit::repository().join("docs").join(page)).unwrap();
    let start = format!("```sh {name}\n");
    let (_, rest) = text.split_once(&start).unwrap_or_else(|| panic!("docs/{page} has no script {name}"));
    rest.split("```").next().unwrap().to_owned()
}

/// Runs one of `docs/operations.md` with these variables; it must succeed.
pub fn run(name: &str, variables: &[(&str, &str)]) {
    let (succeeded, told) = try_run(name, variables);
    assert!(succeeded, "{name}: {told}");
}

/// Runs one with these variables, as somebody who pastes it into a shell: whether it succeeded, and what it printed.
pub fn try_run(name: &str, variables: &[(&str, &str)]) -> (bool, String) {
    let mut command = Command::new("bash");
    command.args(["-c", &text("operations.md", name)]).envs(variables.iter().copied());
    let output = command.output().expect("bash");
    let told = [output.stdout, output.stderr].map(|part| String::from_utf8_lossy(&part).into_owned());
    (output.status.success(), told.concat())
}
