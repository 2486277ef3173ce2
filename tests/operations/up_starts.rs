//! `segue up` where it can't start: what it says to do about it.

use std::{fs, net::TcpListener};

use segue_testkit::Process;

use crate::up::{Up, command, refused};

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_has_one_process_at_a_time() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    let mut first = Up::start(&data, &[]).await;
    let told = refused(command(&data).0).await;
    let holder = format!("process {} has Segue running in the data folder", first.process.id());
    assert!(told.contains(&holder) && told.contains("--data-dir"), "{told}");
    first.process.kill();
    let mut again = Up::start(&data, &[]).await;
    assert!(again.process.terminate().success(), "{}", again.process.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_names_the_flag_that_chooses_another() {
    let root = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for flag in ["--selector-port", "--issuer-port", "--router-port", "--channel-port", "--pages-port"] {
        let mut start = Process::binary("segue");
        start.arg("up").arg("--data-dir").arg(root.path().join(flag));
        for other in ["--selector-port", "--issuer-port", "--router-port", "--channel-port", "--pages-port"] {
            start.args([other, if other == flag { &port } else { "0" }]);
        }
        let told = refused(start).await;
        assert!(told.contains(&format!("127.0.0.1:{port}")) && told.contains(flag), "{told}");
    }
    let mut start = command(&root.path().join("operations")).0;
    start.env("SEGUE_OPERATIONS_LISTEN", format!("127.0.0.1:{port}"));
    let told = refused(start).await;
    assert!(told.contains("SEGUE_OPERATIONS_LISTEN"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_to_says_so() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("file"), "").unwrap();
    // Nobody can make a file in the second, root neither.
    for path in [root.path().join("file/data"), "/proc/self".into()] {
        let told = refused(command(&path).0).await;
        assert!(told.contains(path.to_str().unwrap()) && told.contains("--data-dir"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_server_that_is_not_there_is_told_without_the_password() {
    let root = tempfile::tempdir().unwrap();
    let (mut start, addresses) = command(&root.path().join("data"));
    start.env("SEGUE_DATABASE_URL", format!("postgres://segue:hush@{}/segue", addresses.pages));
    let told = refused(start).await;
    assert!(told.contains("segue_code_issuer") && !told.contains("hush"), "{told}");
}
