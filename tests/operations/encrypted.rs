//! The connection to PostgreSQL is encrypted, and the server known by its certificate, as docs/kubernetes.md asks.

use std::{fs, path::Path, process::Command};

use segue_testkit::{Databases, Process, Storage};

fn ask(url: &str, sql: &str) -> String {
    let output =
        Command::new("psql").args([url, "--no-align", "--tuples-only", "--command", sql]).output().unwrap();
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Gives the server a certificate for its address, which is then its own authority. It rereads its settings at once.
fn certify(url: &str) -> String {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let data = ask(url, "SHOW data_directory");
    for (file, text) in [("server.crt", made.cert.pem()), ("server.key", made.signing_key.serialize_pem())] {
        let path = Path::new(&data).join(file);
        fs::write(&path, text).unwrap();
        let mode = Command::new("chmod").arg("600").arg(&path).status().unwrap();
        let owner = Command::new("chown").arg(format!("--reference={data}")).arg(&path).status().unwrap();
        assert!(mode.success() && owner.success());
    }
    ask(url, "ALTER SYSTEM SET ssl = on");
    ask(url, "SELECT pg_reload_conf()");
    made.cert.pem()
}

/// Starts the migration job on an URL.
fn migrate(url: &str) -> (bool, String) {
    let mut job = Process::binary("priority-router");
    let output =
        job.env("SEGUE_DATABASE_URL", url).env("SEGUE_DATABASE_MIGRATIONS", "only").output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn the_server_is_known_by_its_certificate() {
    let databases = Databases::alone(Storage::Postgres);
    let url = databases.create();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let own = write("ca.crt", &certify(&url));
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let other = write("other.crt", &other.cert.pem());
    let verified = |ca: &str| format!("{url}?sslmode=verify-full&sslrootcert={ca}");
    let (succeeded, told) = migrate(&verified(&other));
    assert!(!succeeded, "a server of another authority was taken: {told}");
    let (succeeded, told) = migrate(&verified(&own));
    assert!(succeeded, "{told}");
    // Once nothing but TLS is let in, it is still let in.
    let rules = ask(&url, "SHOW hba_file");
    fs::write(&rules, "hostssl all all 127.0.0.1/32 trust\n").unwrap();
    ask(&format!("{url}?sslmode=require"), "SELECT pg_reload_conf()");
    let (succeeded, _) = migrate(&format!("{url}?sslmode=disable"));
    assert!(!succeeded, "plain text was let in");
    let (succeeded, told) = migrate(&verified(&own));
    assert!(succeeded, "{told}");
}
