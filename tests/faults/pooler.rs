//! PgBouncer between the services and PostgreSQL, in session mode. In transaction mode it serves nobody who prepares statements, before
//! its release 1.21 (docs/operations.md).

use std::{fs, path::Path};

use segue_testkit::{Postgres, Process, free_port, unprivileged, unprivileged_folder, wait_for};
use segue_tests::load::Plan;
use tokio::{net::TcpStream, time::Instant};

use crate::world::{BETWEEN, ROLE, databases, end, is_back, start};

const DESKS: usize = 12;
/// Connections to the server for each service's database: as many as its replicas have.
const POOL: u32 = 30;

fn start_pooler(folder: &Path, port: u16, server: u16) -> Process {
    let users = folder.join("users.txt");
    fs::write(&users, format!("\"{ROLE}\" \"\"\n")).unwrap();
    let file = folder.join("pgbouncer.ini");
    let configuration = format!(
        "[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {}
pool_mode = session
default_pool_size = {POOL}
max_client_conn = 500
ignore_startup_parameters = extra_float_digits
server_login_retry = 1
",
        users.display()
    );
    fs::write(&file, configuration).unwrap();
    let program = "/usr/sbin/pgbouncer";
    assert!(Path::new(program).exists(), "{program} is missing: cargo xtask tools");
    let mut command = unprivileged(program);
    command.arg(file);
    Process::start(command, folder, "pgbouncer")
}

#[tokio::test(flavor = "multi_thread")]
async fn all_services_work_behind_it_and_it_is_killed() {
    let mut postgres = Postgres::start();
    let folder = unprivileged_folder(&std::env::temp_dir());
    let port = free_port();
    let mut pooler = start_pooler(folder.path(), port, postgres.port());
    wait_for("PgBouncer", || async move { TcpStream::connect(("127.0.0.1", port)).await.is_ok() }).await;
    let (_system, mut load) = start(databases(postgres.port(), port, ""), Plan::closed(DESKS), &[]).await;
    load.goes_on(BETWEEN).await;

    pooler.kill();
    pooler = start_pooler(folder.path(), port, postgres.port());
    is_back(&mut load, "kill -9 of PgBouncer", Instant::now()).await;
    postgres.kill();
    postgres.restart();
    is_back(&mut load, "kill -9 of PostgreSQL behind PgBouncer", Instant::now()).await;
    end(load).await;
    drop(pooler);
}
