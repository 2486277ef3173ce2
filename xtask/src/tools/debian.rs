//! Programs and fonts that come as Debian packages. On another system, install the same things by hand: only
//! what is missing is asked of `apt-get`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::process::{on_path, run_quietly, succeeds};

/// How long to wait for another user of the package database.
const LOCK_TIMEOUT: &str = "DPkg::Lock::Timeout=120";

/// Keeps the PostgreSQL package from starting a server of its own: tests make private clusters.
const NO_MAIN_CLUSTER: &str = "/etc/postgresql-common/createcluster.d/segue-tests.conf";

/// Packages that bring a server which would start by itself, now and with the machine, and the units that do it.
const SERVERS: [(&str, &str); 4] = [
    ("patroni", "patroni.service"),
    ("etcd-server", "etcd.service"),
    ("haproxy", "haproxy.service"),
    ("pgbouncer", "pgbouncer.service"),
];

struct Package {
    name: &'static str,
    /// Looks for the thing itself, not for the package, so that one installed in another way counts.
    is_there: fn() -> bool,
}

const PACKAGES: [Package; 18] = [
    // The database engine that is compiled in is written in C.
    Package { name: "build-essential", is_there: has_c_compiler },
    // PostgreSQL does not run as root; tests that do start it as its own user.
    Package { name: "util-linux", is_there: || on_path("setpriv") },
    Package { name: "git", is_there: || on_path("git") },
    Package { name: "python3", is_there: || on_path("python3") },
    Package { name: "python3-venv", is_there: python_makes_environments },
    Package { name: "nodejs", is_there: || on_path("node") },
    Package { name: "npm", is_there: || on_path("npm") },
    Package { name: "postgresql", is_there: has_postgresql_server },
    // PostgreSQL as a company runs it (docs/operations.md): who leads is decided by Patroni and etcd, and HAProxy leads there.
    Package { name: "patroni", is_there: || on_path("patroni") && on_path("patronictl") },
    Package { name: "etcd-server", is_there: || on_path("etcd") },
    Package { name: "haproxy", is_there: || Path::new("/usr/sbin/haproxy").is_file() },
    Package { name: "pgbouncer", is_there: || Path::new("/usr/sbin/pgbouncer").is_file() },
    // Databases are backed up as docs/operations.md says, by the engine's own shell.
    Package { name: "sqlite3", is_there: || on_path("sqlite3") },
    // Keys are made with it, as docs/kubernetes.md says.
    Package { name: "openssl", is_there: || on_path("openssl") },
    // What the command line shows is looked at in a real terminal.
    Package { name: "tmux", is_there: || on_path("tmux") },
    Package { name: "chromium", is_there: || Path::new("/usr/bin/chromium").is_file() },
    // Screenshots are looked at by people, and the demo data is Chinese.
    Package { name: "fonts-noto-cjk", is_there: || has_font("opentype/noto/NotoSansCJK-Regular.ttc") },
    Package { name: "fonts-noto-color-emoji", is_there: || has_font("truetype/noto/NotoColorEmoji.ttf") },
];

/// Installs the packages whose content is missing.
pub fn install() -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let named = missing.join(", ");
    ensure!(
        !(missing.contains(&"build-essential") && std::env::var_os("CC").is_some()),
        "missing: a C compiler that works; the variable CC names another one than `cc`"
    );
    println!("    installing {named}");
    ensure!(on_path("apt-get"), "missing: {named}; there is no apt-get here, so install them by hand");
    apply(&missing).with_context(|| format!("missing: {named}"))?;
    let still_missing = self::missing();
    ensure!(
        still_missing.is_empty(),
        "missing even after apt-get installed them: {}",
        still_missing.join(", ")
    );
    Ok(())
}

fn missing() -> Vec<&'static str> {
    PACKAGES.iter().filter(|package| !(package.is_there)()).map(|package| package.name).collect()
}

fn apply(packages: &[&str]) -> Result<()> {
    run_quietly(as_root("apt-get")?.args(["update", "-qq", "-o", LOCK_TIMEOUT]))?;
    if packages.contains(&"postgresql") {
        let script = format!(
            "mkdir -p \"$(dirname {NO_MAIN_CLUSTER})\" && echo 'create_main_cluster = false' > {NO_MAIN_CLUSTER}"
        );
        run_quietly(as_root("sh")?.args(["-c", &script]))?;
    }
    mask_servers(packages)?;
    let options = ["install", "-qq", "--yes", "--no-install-recommends", "-o", LOCK_TIMEOUT];
    run_quietly(as_root("apt-get")?.args(options).args(packages))
}

/// Keeps servers that are about to be installed from starting by themselves, as `systemctl mask` does: tests start their own. Units that
/// somebody has made stay as they are.
fn mask_servers(packages: &[&str]) -> Result<()> {
    for (_, unit) in SERVERS.iter().filter(|(package, _)| packages.contains(package)) {
        let script = format!(
            "mkdir -p /etc/systemd/system && cd /etc/systemd/system && {{ test -e {unit} || ln -sf /dev/null {unit}; }}"
        );
        run_quietly(as_root("sh")?.args(["-c", &script]))?;
    }
    Ok(())
}

/// A command with the rights to install packages. The settings go through `env`, since `sudo` drops them.
pub(super) fn as_root(program: &str) -> Result<Command> {
    let user = Command::new("id").arg("-u").output().context("cannot start `id`")?;
    let is_root = user.stdout.trim_ascii() == b"0";
    if !is_root && !on_path("sudo") {
        bail!("installing packages needs root or sudo");
    }
    let mut command = Command::new(if is_root { "env" } else { "sudo" });
    if !is_root {
        command.arg("env");
    }
    command.args(["DEBIAN_FRONTEND=noninteractive", program]);
    Ok(command)
}

/// The compiler that build scripts will take, with the headers of the C library.
fn has_c_compiler() -> bool {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    succeeds(Command::new(compiler).args(["-fsyntax-only", "-include", "stdio.h", "-x", "c", "/dev/null"]))
}

fn python_makes_environments() -> bool {
    succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"]))
}

/// Debian keeps a server's programs off the `PATH`, in a folder per major version.
fn has_postgresql_server() -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    versions
        .map(|version| version.path().join("bin"))
        .any(|bin| ["initdb", "pg_ctl", "postgres"].iter().all(|program| bin.join(program).is_file()))
}

fn has_font(path: &str) -> bool {
    Path::new("/usr/share/fonts").join(path).is_file()
}
