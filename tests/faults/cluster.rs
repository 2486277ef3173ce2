//! PostgreSQL as a company runs it: two servers that replicate synchronously, Patroni and etcd that choose the leader, HAProxy that
//! leads to it. docs/operations.md says how to set it up; the configuration here is that one, on free ports of this machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use segue_testkit::{
    Postgres, Process, free_port, unprivileged, unprivileged_folder, wait_for, wait_for_some,
};
use segue_tests::load::{Back, Load, Plan};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::world::{BETWEEN, databases, end, start};

/// Handoffs a second, with optimisation and without.
const PER_SECOND: f64 = if cfg!(debug_assertions) { 10.0 } else { 50.0 };
/// So many handoffs may wait during an outage.
const DESKS: usize = 48;
/// Within which handoffs go on once there is a new leader.
const BACK_WITHIN: Duration = Duration::from_secs(if cfg!(debug_assertions) { 30 } else { 10 });

struct Cluster {
    nodes: [Node; 2],
    port: u16,
    _proxy: Process,
    _etcd: Process,
    folder: TempDir,
}

/// A server and the Patroni that looks after it.
struct Node {
    name: &'static str,
    rest: u16,
    port: u16,
    data: PathBuf,
    config: PathBuf,
    patroni: Option<Process>,
}

impl Node {
    fn new(name: &'static str, folder: &Path, etcd: u16) -> Self {
        let (data, config) = (folder.join(name), folder.join(format!("{name}.yml")));
        let this = Self { name, rest: free_port(), port: free_port(), data, config, patroni: None };
        fs::write(&this.config, this.configuration(folder, etcd)).unwrap();
        this
    }

    fn configuration(&self, folder: &Path, etcd: u16) -> String {
        let Self { name, rest, port, data, .. } = self;
        let (folder, data) = (folder.display(), data.display());
        let programs = Postgres::program("").display().to_string();
        format!(
            "scope: segue
name: {name}
restapi: {{ listen: 127.0.0.1:{rest}, connect_address: 127.0.0.1:{rest} }}
etcd3: {{ hosts: 127.0.0.1:{etcd} }}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 2
    retry_timeout: 5
    synchronous_mode: true
    primary_start_timeout: 0
    postgresql:
      use_pg_rewind: true
      parameters:
        max_connections: 200
        wal_sender_timeout: 5s
  initdb: [ encoding: UTF8, locale: C, auth: trust, no-sync ]
postgresql:
  listen: 127.0.0.1:{port}
  connect_address: 127.0.0.1:{port}
  data_dir: {data}
  bin_dir: {programs}
  pgpass: {folder}/pgpass-{name}
  pg_hba: [ host all all 127.0.0.1/32 trust, host replication all 127.0.0.1/32 trust, local all all trust ]
  authentication:
    superuser: {{ username: segue }}
    replication: {{ username: replicator }}
    rewind: {{ username: rewinder }}
  parameters: {{ unix_socket_directories: {folder} }}
"
        )
    }

    fn start(&mut self, folder: &Path) {
        let mut command = unprivileged("patroni");
        command.arg(&self.config);
        self.patroni = Some(Process::start(command, folder, self.name));
    }

    /// Ends the server and its Patroni at once, as a host that dies.
    fn kill(&mut self) {
        if let Some(mut patroni) = self.patroni.take() {
            patroni.kill();
        }
        Postgres::kill_at(&self.data);
    }

    /// Whether Patroni says that its server is this: `primary`, `sync`.
    async fn is(&self, role: &str) -> bool {
        let answer = reqwest::get(format!("http://127.0.0.1:{}/{role}", self.rest)).await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Cluster {
    async fn start() -> Self {
        let folder = unprivileged_folder(&std::env::temp_dir());
        let (etcd, port) = (free_port(), free_port());
        let etcd_process = start_etcd(folder.path(), etcd);
        let mut nodes = ["node1", "node2"].map(|name| Node::new(name, folder.path(), etcd));
        nodes[0].start(folder.path());
        wait_for("the first server", || nodes[0].is("primary")).await;
        nodes[1].start(folder.path());
        let proxy = start_proxy(folder.path(), port, &nodes);
        let this = Self { nodes, port, _proxy: proxy, _etcd: etcd_process, folder };
        this.is_whole().await;
        this
    }

    /// Which one leads.
    async fn leader(&self) -> usize {
        wait_for_some("a leader", || async {
            for (number, node) in self.nodes.iter().enumerate() {
                if node.is("primary").await {
                    return Some(number);
                }
            }
            None
        })
        .await
    }

    /// Waits until one leads, through HAProxy too, and the other has all that it has.
    async fn is_whole(&self) {
        let leader = self.leader().await;
        wait_for("the standby", || self.nodes[1 - leader].is("sync")).await;
        wait_for("HAProxy", || async {
            tokio::task::block_in_place(|| psql(self.port).status().unwrap().success())
        })
        .await;
    }

    /// Has the other one lead.
    fn switch_over(&self, leader: usize) {
        let mut command = Command::new("patronictl");
        command.arg("-c").arg(&self.nodes[leader].config).args([
            "switchover",
            "segue",
            "--force",
            "--candidate",
        ]);
        let output = command.arg(self.nodes[1 - leader].name).output().unwrap();
        let told = [output.stdout, output.stderr].map(|part| String::from_utf8_lossy(&part).into_owned());
        assert!(output.status.success() && told[0].contains("Successfully switched over"), "{told:?}");
    }
}

fn psql(port: u16) -> Command {
    let mut command = Command::new(Postgres::program("psql"));
    command.args(["-h", "127.0.0.1", "-U", "segue", "-d", "postgres", "-c", "CHECKPOINT", "-p"]);
    command.arg(port.to_string()).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    command
}

fn start_etcd(folder: &Path, port: u16) -> Process {
    let (own, peers) = (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{}", free_port()));
    let mut command = unprivileged("etcd");
    command.args(["--name", "etcd", "--data-dir"]).arg(folder.join("etcd"));
    command.args(["--listen-client-urls", &own, "--advertise-client-urls", &own]);
    command.args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers]);
    command.args(["--initial-cluster", &format!("etcd={peers}")]);
    Process::start(command, folder, "etcd")
}

fn start_proxy(folder: &Path, port: u16, nodes: &[Node; 2]) -> Process {
    let server =
        |node: &Node| format!("  server {} 127.0.0.1:{} check port {}\n", node.name, node.port, node.rest);
    let servers: String = nodes.iter().map(server).collect();
    let configuration = format!(
        "global
  maxconn 1000
defaults
  mode tcp
  timeout connect 2s
  timeout check 2s
  timeout client 1h
  timeout server 1h
listen primary
  bind 127.0.0.1:{port}
  option httpchk OPTIONS /primary
  http-check expect status 200
  default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
{servers}"
    );
    let file = folder.join("haproxy.cfg");
    fs::write(&file, configuration).unwrap();
    let mut command = Command::new(haproxy());
    command.arg("-db").arg("-f").arg(file);
    Process::start(command, folder, "haproxy")
}

/// Debian keeps it where only root looks for programs.
fn haproxy() -> &'static str {
    let path = "/usr/sbin/haproxy";
    assert!(Path::new(path).exists(), "{path} is missing: cargo xtask tools");
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leader_is_switched_and_killed() {
    let mut cluster = Cluster::start().await;
    let urls = databases(cluster.port, cluster.port, "");
    let (_system, mut load) = start(urls, Plan::paced(PER_SECOND, DESKS), &[]).await;
    load.goes_on(BETWEEN).await;

    let leader = cluster.leader().await;
    let asked = Instant::now();
    tokio::task::block_in_place(|| cluster.switch_over(leader));
    goes_on_with(&cluster.nodes[1 - leader], &mut load, "patronictl switchover", asked).await;

    cluster.is_whole().await;
    let leader = 1 - leader;
    let killed = Instant::now();
    cluster.nodes[leader].kill();
    goes_on_with(&cluster.nodes[1 - leader], &mut load, "kill -9 of the leader", killed).await;

    let folder = cluster.folder.path().to_owned();
    cluster.nodes[leader].start(&folder);
    cluster.is_whole().await;
    load.goes_on(BETWEEN).await;
    end(load).await;
}

/// Waits until a server leads and handoffs go on there.
async fn goes_on_with(node: &Node, load: &mut Load, event: &str, began: Instant) {
    wait_for("the new leader", || node.is("primary")).await;
    let led = Instant::now();
    let Back { first, all } = load.back_after(led).await;
    println!(
        "{event}: a new leader after {:.1?}; from then on the first handoff after {first:.1?}, each desk after {all:.1?}",
        led - began
    );
    assert!(first < BACK_WITHIN, "{event}: {first:?}");
    load.goes_on(BETWEEN).await;
}
