//! Redemptions as PostgreSQL's own benchmark sends them. What code-issuer asks its database for redemptions is logged, one
//! redemption after the other, and sent again by `pgbench` to copies of the database as it was before: the same statements with the same
//! values in the same transactions, prepared, by as many connections as there are callers, each with its part of the log.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use segue_testkit::Postgres;
use segue_tests::performance::{Engine, Round, StatementLog, Subject};

use crate::{
    bench::{Bench, Case},
    handoff,
    system::System,
};

/// Redemptions that were logged.
struct Logged {
    redemptions: usize,
    log: StatementLog,
    /// The database before them.
    dump: PathBuf,
}

/// Logs redemptions, and measures how many of them `pgbench` does.
pub async fn measure(bench: &mut Bench, system: &Arc<System>) {
    if !Postgres::program("pgbench").is_file() {
        bench.skip("pgbench", "it is not installed");
        return;
    }
    let logged = record(bench, system).await;
    bench.tell(&format!(
        "{} redemptions are logged: {} transactions, {} different statements",
        logged.redemptions,
        logged.log.transactions.len(),
        logged.log.prepared.len()
    ));
    let callers = bench.plan.callers;
    let folder = system.processes.databases.directory();
    fs::write(folder.join("replay.sql"), script(&logged.log, callers)).unwrap();
    for _ in 0..bench.plan.rounds {
        bench.echoes().await;
        let seconds = match replay(system, &logged, callers) {
            Ok(seconds) => seconds,
            // What was measured before is kept.
            Err(error) => return bench.skip("pgbench", &format!("it failed: {error}")),
        };
        let case = Case { subject: Subject::Pgbench, engine: Some(Engine::Postgres), replicas: 1, callers };
        let per_second = logged.redemptions as f64 / seconds;
        bench.record_round(case, Round { per_second, ..Round::default() });
    }
}

async fn record(bench: &Bench, system: &Arc<System>) -> Logged {
    let databases = &system.processes.databases;
    let codes = handoff::codes(system, bench.plan, bench.plan.replayed).await;
    system.settle().await;
    let url = &system.processes.urls.issuer;
    let dump = databases.directory().join("issuer.sql");
    run(Command::new(Postgres::program("pg_dump")).args(["--no-owner", "-f"]).arg(&dump).arg(url));
    let log_before = databases.log().len();
    log_statements(system, "all");
    let redemptions = codes.len();
    let (_, admitted) = handoff::redeem_all(system, 1, codes).await;
    system.settle().await;
    log_statements(system, "none");
    let log = databases.log();
    handoff::complete_all(system, bench.plan.callers, admitted).await;
    let name = url.rsplit('/').next().unwrap();
    let mut log = StatementLog::read(&log[log_before..], name);
    // A task of the service links the audit log one turn after the other, and not for a redemption.
    log.leave_out("audit_head");
    Logged { redemptions, log, dump }
}

fn log_statements(system: &System, which: &str) {
    let databases = &system.processes.databases;
    databases.sql(&format!("ALTER SYSTEM SET log_statement = '{which}'"));
    databases.sql("SELECT pg_reload_conf()");
}

/// First each connection prepares its statements, then it sends its part of the log.
fn script(log: &StatementLog, connections: usize) -> String {
    let mut script = String::from("\\if :sends = 0\n");
    for (name, text) in &log.prepared {
        let _ = writeln!(script, "PREPARE {name} AS {};", text);
    }
    script.push_str("\\else\n");
    let each = log.transactions.len().div_ceil(connections);
    for (number, part) in log.transactions.chunks(each.max(1)).enumerate() {
        let _ = writeln!(script, "\\{} :client_id = {number}", if number == 0 { "if" } else { "elif" });
        for statement in part.iter().flatten() {
            let _ = writeln!(script, "{};", statement);
        }
    }
    script.push_str("\\endif\n\\endif\n\\set sends 1\n");
    script
}

/// How long the parts took, all together.
fn replay(system: &System, logged: &Logged, connections: usize) -> Result<f64, String> {
    let databases = &system.processes.databases;
    let (folder, url) = (databases.directory(), databases.create());
    run(Command::new(Postgres::program("psql"))
        .args(["-Xq", "-v", "ON_ERROR_STOP=1", "-f"])
        .arg(&logged.dump)
        .arg(&url));
    let prefix = folder.join("replay-log");
    let connections = connections.to_string();
    let mut pgbench = Command::new(Postgres::program("pgbench"));
    pgbench.args(["-n", "-M", "simple", "-D", "sends=0", "-t", "2", "-j", "2", "-c", &connections, "-l"]);
    pgbench.arg("--log-prefix").arg(&prefix).arg("-f").arg(folder.join("replay.sql")).arg(&url);
    let output = pgbench.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(told.lines().next().unwrap_or_default().to_owned());
    }
    Ok(seconds(folder, "replay-log"))
}

/// From the first begin to the last end of the second transactions in the logs of pgbench, which are removed.
fn seconds(folder: &Path, prefix: &str) -> f64 {
    let (mut first, mut last) = (f64::MAX, 0.0_f64);
    for file in fs::read_dir(folder).unwrap().flatten() {
        if !file.file_name().to_string_lossy().starts_with(prefix) {
            continue;
        }
        for line in fs::read_to_string(file.path()).unwrap().lines() {
            // The connection, the number of the transaction, its microseconds, the script, the second and microsecond of its end.
            let fields: Vec<f64> = line.split(' ').filter_map(|field| field.parse().ok()).collect();
            if fields[1] == 1.0 {
                let end = fields[4] + fields[5] / 1e6;
                (first, last) = (first.min(end - fields[2] / 1e6), last.max(end));
            }
        }
        fs::remove_file(file.path()).unwrap();
    }
    last - first
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
