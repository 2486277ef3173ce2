//! `segue`, the command line, as it is known by a certificate.

use std::process::Output;

use segue_testkit::{Issued, Process, Storage};
use segue_tests::{Fixture, Processes};

fn export(system: &Processes, issued: Option<&Issued>) -> Output {
    let security = system.security.as_ref().unwrap();
    let mut command = Process::binary("segue");
    command
        .args(["config", "export"])
        .env("SEGUE_SELECTOR_URI", system.addresses.uri(system.addresses.selector));
    command.env("SEGUE_TLS_CA", security.authority_file());
    if let Some(Issued { certificate, key }) = issued {
        command.env("SEGUE_TLS_CERTIFICATE", certificate).env("SEGUE_TLS_KEY", key);
    }
    command.output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_exports_the_configuration_and_a_stranger_does_not() {
    let system = Processes::start_secured(Storage::SqliteFile, &[]).await;
    Fixture::load_secured(&system).await;
    let security = system.security.as_ref().unwrap();
    let operator = security.issue("operator", "spiffe://segue.local/operator/one");
    let exported = export(&system, Some(&operator));
    let text = String::from_utf8(exported.stdout).unwrap();
    assert!(exported.status.success() && text.contains("id: hotline"), "{text}");
    let refused = export(&system, None);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && told.contains("Unauthenticated"), "{told}");
}
