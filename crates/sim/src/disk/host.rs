use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use rusqlite::{Connection, functions::FunctionFlags};
use segue_core::{Clock as _, Random};
use tokio::sync::oneshot;

use crate::{
    clock::MachineClock,
    life::{Crashes, Life, Point},
    story::Log,
};

/// How long a transaction waits for the writer's lock: SQLite's `busy_timeout` as the store sets it.
pub(super) const BUSY: Duration = Duration::from_secs(10);
/// Milliseconds that a commit takes at most.
const COMMIT_MS: u32 = 3;
/// A failover can lose so many commits.
const SNAPSHOTS: usize = 4;

thread_local! {
    static HOSTS: RefCell<BTreeMap<String, Arc<Host>>> = const { RefCell::new(BTreeMap::new()) };
}

/// What can be wrong with a database for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskFault {
    /// Each statement takes so many milliseconds longer.
    Slow(u32),
    /// Nothing is answered.
    Hang,
    /// So many statements of a hundred lose their connection before they are run.
    LoseConnections(u32),
    /// So many commits of a hundred are done, and their connection is lost before that is said.
    LoseAnswers(u32),
    /// Writes are refused.
    ReadOnly,
    /// Writes find no room, and so do some commits.
    Full,
}

/// What looks at the database after a commit.
type Look = Box<dyn Fn(&Connection) + Send>;

/// A database, and the machine that it is on.
pub struct Host {
    name: String,
    folder: PathBuf,
    clock: Arc<MachineClock>,
    random: Random,
    log: Log,
    crashes: Arc<Crashes>,
    faults: Mutex<Vec<(DiskFault, i64)>>,
    /// Connections of an earlier one are broken.
    epoch: AtomicU64,
    next: AtomicU64,
    state: Mutex<State>,
    on_commit: Mutex<Option<Look>>,
}

struct State {
    writer: Connection,
    reader: Connection,
    spare: Vec<Connection>,
    holder: Option<u64>,
    waiting: VecDeque<(u64, oneshot::Sender<()>)>,
    /// The open connections' processes.
    owners: BTreeMap<u64, String>,
    commits: u64,
    keeps_snapshots: bool,
    snapshots: VecDeque<Vec<u8>>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Host {
    /// A database with this content; empty: a new one. It lives until [`Host::forget_all`].
    pub fn start(
        name: &str,
        folder: &std::path::Path,
        content: &[u8],
        clock: Arc<MachineClock>,
        random: Random,
        log: Log,
        crashes: Arc<Crashes>,
    ) -> Arc<Self> {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).expect("a folder for the database");
        let state = State::open(&folder, content, &clock);
        let host = Arc::new(Self {
            name: name.to_owned(),
            folder,
            clock,
            random,
            log,
            crashes,
            faults: Mutex::default(),
            epoch: AtomicU64::new(0),
            next: AtomicU64::new(1),
            state: Mutex::new(state),
            on_commit: Mutex::default(),
        });
        HOSTS.with_borrow_mut(|hosts| hosts.insert(name.to_owned(), host.clone()));
        host
    }

    /// Ends all databases of this thread.
    pub fn forget_all() {
        HOSTS.with_borrow_mut(BTreeMap::clear);
        Life::forget_all();
    }

    pub(super) fn of(name: &str) -> Option<Arc<Self>> {
        HOSTS.with_borrow(|hosts| hosts.get(name).cloned())
    }

    /// The clock that its statements see.
    pub fn clock(&self) -> &Arc<MachineClock> {
        &self.clock
    }

    /// Calls this after each commit, with a connection that reads.
    pub fn after_commits(&self, look: impl Fn(&Connection) + Send + 'static) {
        *self.on_commit.lock() = Some(Box::new(look));
    }

    /// Reads what is committed.
    pub fn read<T>(&self, look: impl FnOnce(&Connection) -> T) -> T {
        look(&self.state.lock().reader)
    }

    /// Its whole content.
    pub fn content(&self) -> Vec<u8> {
        self.state.lock().reader.serialize("main").expect("the content").to_vec()
    }

    /// Something is wrong with it until a moment of virtual time.
    pub fn fail(&self, fault: DiskFault, until_ms: i64) {
        self.faults.lock().push((fault, until_ms));
    }

    /// Begins to keep what a failover goes back to.
    pub fn prepare_failover(&self) {
        self.state.lock().keeps_snapshots = true;
    }

    /// Another server takes over, without the last commits. All connections break.
    pub fn fail_over(&self, lost: usize) -> usize {
        self.epoch.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state.lock();
        let lost = lost.min(state.snapshots.len().saturating_sub(1));
        let keep = state.snapshots.len().saturating_sub(1 + lost);
        let content = state.snapshots.get(keep).cloned();
        let Some(content) = content else { return 0 };
        let hurt = State::open(
            &self.folder.join(self.epoch.load(Ordering::Relaxed).to_string()),
            &content,
            &self.clock,
        );
        let old = std::mem::replace(&mut *state, hurt);
        state.commits = old.commits;
        lost
    }

    /// The connections of a process are closed, as it has died.
    pub fn sever(&self, process: &str) {
        let mut state = self.state.lock();
        let gone: Vec<u64> =
            state.owners.iter().filter(|(_, owner)| *owner == process).map(|(id, _)| *id).collect();
        for id in gone {
            state.owners.remove(&id);
            state.waiting.retain(|(waiting, _)| *waiting != id);
            if state.holder == Some(id) {
                state.roll_back();
            }
        }
    }

    /// How many commits there were.
    pub fn commits(&self) -> u64 {
        self.state.lock().commits
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    pub(super) fn register(&self, process: &str) -> u64 {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.state.lock().owners.insert(id, process.to_owned());
        id
    }

    pub(super) fn unregister(&self, id: u64) {
        let mut state = self.state.lock();
        state.owners.remove(&id);
        state.waiting.retain(|(waiting, _)| *waiting != id);
        if state.holder == Some(id) {
            state.roll_back();
        }
    }

    /// Waits for the writer's lock.
    pub(super) async fn lock(&self, id: u64) -> bool {
        let granted = {
            let mut state = self.state.lock();
            if state.holder.is_none() {
                state.holder = Some(id);
                return true;
            }
            let (grant, granted) = oneshot::channel();
            state.waiting.push_back((id, grant));
            granted
        };
        let mut waiting = Waiting { host: self, id, is_over: false };
        let is_granted = matches!(tokio::time::timeout(BUSY, granted).await, Ok(Ok(())));
        waiting.is_over = is_granted;
        is_granted
    }

    pub(super) fn unlock(&self, id: u64) {
        let mut state = self.state.lock();
        if state.holder == Some(id) {
            state.hand_on();
        }
    }

    pub(super) fn with_writer<T>(&self, act: impl FnOnce(&mut Connection) -> T) -> T {
        act(&mut self.state.lock().writer)
    }

    pub(super) fn with_reader<T>(&self, act: impl FnOnce(&mut Connection) -> T) -> T {
        act(&mut self.state.lock().reader)
    }

    pub(super) fn take_spare(&self) -> Connection {
        let mut state = self.state.lock();
        state.spare.pop().unwrap_or_else(|| open(state.path(), &self.clock))
    }

    pub(super) fn give_spare(&self, conn: Connection) {
        self.state.lock().spare.push(conn);
    }

    /// Ends the writer's transaction and lets the next one begin.
    pub(super) fn roll_back(&self, id: u64) {
        let mut state = self.state.lock();
        if state.holder == Some(id) {
            state.roll_back();
        }
    }

    /// Commits the writer's transaction. The lock stays with its holder.
    pub(super) fn commit(&self, process: &str) -> rusqlite::Result<()> {
        {
            let mut state = self.state.lock();
            state.writer.execute_batch("COMMIT")?;
            state.commits += 1;
            if state.keeps_snapshots {
                let content = state.reader.serialize("main")?.to_vec();
                state.snapshots.push_back(content);
                if state.snapshots.len() > SNAPSHOTS {
                    state.snapshots.pop_front();
                }
            }
            self.log.note(&self.name, || format!("commit {} of {process}", state.commits));
        }
        if let Some(look) = &*self.on_commit.lock() {
            look(&self.state.lock().reader);
        }
        Ok(())
    }

    pub(super) fn strikes(&self, process: &str, point: Point) -> bool {
        let strikes = self.crashes.strikes(process, point);
        if strikes {
            self.log.note(process, || format!("dies {point:?}"));
        }
        strikes
    }

    /// What is wrong now.
    pub(super) fn current_faults(&self) -> Vec<DiskFault> {
        let mut faults = self.faults.lock();
        if faults.is_empty() {
            return vec![];
        }
        let now = self.clock.elapsed_ms();
        faults.retain(|(_, until)| now < *until);
        faults.iter().map(|(fault, _)| *fault).collect()
    }

    /// When the host answers again.
    pub(super) async fn until_it_answers(&self) {
        loop {
            let now = self.clock.elapsed_ms();
            let hang = self
                .faults
                .lock()
                .iter()
                .filter(|(fault, until)| *fault == DiskFault::Hang && now < *until)
                .map(|(_, until)| *until)
                .max();
            let Some(until) = hang else { return };
            tokio::time::sleep(Duration::from_millis((until - now).unsigned_abs())).await;
        }
    }

    pub(super) fn chance(&self, percent: u32) -> bool {
        self.random.below(100) < percent
    }

    pub(super) fn commit_time(&self) -> Duration {
        Duration::from_millis(self.random.below(COMMIT_MS).into())
    }

    pub(super) fn note(&self, text: impl FnOnce() -> String) {
        self.log.note(&self.name, text);
    }
}

struct Waiting<'h> {
    host: &'h Host,
    id: u64,
    is_over: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let mut state = self.host.state.lock();
            state.waiting.retain(|(waiting, _)| *waiting != self.id);
            if state.holder == Some(self.id) {
                state.hand_on();
            }
        }
    }
}

impl State {
    fn open(folder: &std::path::Path, content: &[u8], clock: &Arc<MachineClock>) -> Self {
        std::fs::create_dir_all(folder).expect("a folder for the database");
        let path = folder.join("db");
        if !content.is_empty() {
            std::fs::write(&path, content).expect("the database's file");
        }
        let writer = open(&path, clock);
        writer.execute_batch("PRAGMA journal_mode = WAL").expect("WAL");
        let reader = open(&path, clock);
        Self {
            writer,
            reader,
            spare: vec![],
            holder: None,
            waiting: VecDeque::new(),
            owners: BTreeMap::new(),
            commits: 0,
            keeps_snapshots: false,
            snapshots: VecDeque::new(),
        }
    }

    fn path(&self) -> &str {
        self.writer.path().unwrap_or_default()
    }

    fn roll_back(&mut self) {
        if !self.writer.is_autocommit() {
            self.writer.execute_batch("ROLLBACK").expect("a rollback");
        }
        self.hand_on();
    }

    fn hand_on(&mut self) {
        self.holder = None;
        while let Some((id, grant)) = self.waiting.pop_front() {
            if grant.send(()).is_ok() {
                self.holder = Some(id);
                return;
            }
        }
    }
}

/// A connection that sees the time of its host.
fn open(path: impl AsRef<std::path::Path>, clock: &Arc<MachineClock>) -> Connection {
    let conn = Connection::open(path).expect("an SQLite connection");
    conn.set_prepared_statement_cache_capacity(300);
    conn.execute_batch("PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY")
        .expect("its settings");
    let clock = clock.clone();
    #[expect(clippy::cast_precision_loss, reason = "as precise as SQLite's own")]
    let now =
        move |_: &rusqlite::functions::Context<'_>| Ok(clock.now_ms() as f64 / 86_400_000.0 + 2_440_587.5);
    // `julianday('now')` alone is asked for, by `Engine::clock`.
    conn.create_scalar_function("julianday", 1, FunctionFlags::SQLITE_UTF8, now).expect("a clock");
    conn
}
