//! The same gate as grpcurl meets it.

use std::{path::Path, process::Command};

use segue_testkit::{Issued, Storage};
use segue_tests::{Processes, tools};

fn grpcurl(system: &Processes, issued: Option<&Issued>, rest: &[&str]) -> (bool, String) {
    let mut command = Command::new(tools().join("venv/bin/grpcurl"));
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    command.args(["-cacert", &path(system.security.as_ref().unwrap().authority_file())]);
    if let Some(Issued { certificate, key }) = issued {
        command.args(["-cert", &path(certificate), "-key", &path(key)]);
    }
    let output = command.args(rest).output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn grpcurl_reads_as_an_operator_and_writes_nothing() {
    let system = Processes::start_secured(Storage::SqliteFile, &[]).await;
    let security = system.security.as_ref().unwrap();
    let operator = security.issue("grpcurl", "spiffe://segue.local/operator/grpcurl");
    let router = system.addresses.router.to_string();
    let ask = |issued, rest: &[&str]| grpcurl(&system, issued, rest);

    let (ok, text) = ask(Some(&operator), &[&router, "segue.router.v1.PriorityRouterService/ListAgents"]);
    assert!(ok, "{text}");
    let write = ["-d", "{\"agent\": \"1\"}", &router, "segue.router.v1.PriorityRouterService/SetPresence"];
    let (ok, text) = ask(Some(&operator), &write);
    assert!(!ok && text.contains("PermissionDenied"), "{text}");
    let (ok, text) = ask(None, &[&router, "list"]);
    assert!(!ok && text.contains("Unauthenticated"), "{text}");
    let (ok, text) = ask(
        None,
        &[
            "-d",
            "{}",
            "-proto",
            "health.proto",
            "-import-path",
            segue_testkit::repository().join("tests/identity").to_str().unwrap(),
            &router,
            "grpc.health.v1.Health/Check",
        ],
    );
    assert!(ok && text.contains("SERVING"), "{text}");
}
