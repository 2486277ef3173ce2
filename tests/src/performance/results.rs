//! What one run has measured, as it is kept in a file.

use std::{fmt, fs, io, path::Path};

use serde::{Deserialize, Serialize};

/// All that one run has measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// A check that the benchmark works: its figures say nothing.
    pub is_quick: bool,
    /// How long the run took.
    pub took_seconds: u64,
    /// What it ran on, told by the machine.
    pub machine: Vec<Fact>,
    /// What was measured, in the order of the run.
    pub figures: Vec<Figure>,
    /// What was left out.
    pub skipped: Vec<Skipped>,
}

/// Something about the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What it is about: `processor`, for example.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Something that was not measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// What.
    pub what: String,
    /// What was missing.
    pub why: String,
}

/// One subject under one load, measured several times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What is done.
    pub subject: Subject,
    /// Where it is stored; none for an echo.
    pub engine: Option<Engine>,
    /// Replicas of each service.
    pub replicas: usize,
    /// Callers at a time, each with one call under way.
    pub callers: usize,
    /// Each with an echo of its own.
    pub rounds: Vec<Round>,
}

/// One measurement.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// How many were done in a second.
    pub per_second: f64,
    /// Calls to a bare server in a second, measured in the same round.
    pub echoes_per_second: f64,
    /// How long one took: the median.
    pub p50_ms: Option<f64>,
    /// How long one took at most, of 99 in 100.
    pub p99_ms: Option<f64>,
    /// Processor time of the called processes for one; the same number is seconds for 1,000.
    pub cpu_ms: Option<f64>,
    /// Calls of all services for one, by their own count.
    pub rpcs: Option<f64>,
    /// Statements of PostgreSQL for one, `BEGIN` and `COMMIT` among them.
    pub statements: Option<f64>,
    /// Transactions of PostgreSQL that began with a `BEGIN`, for one.
    pub commits: Option<f64>,
    /// Flushes of PostgreSQL's log to the disk, for one.
    pub flushes: Option<f64>,
}

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Engine {
    /// SQLite in a file.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// Redis, of a peer.
    Redis,
}

/// What is measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// A call to a bare server of the same library.
    Echo,
    /// `GetAgent` at the router.
    Read,
    /// `SelectPlatform` among so many platforms.
    Select {
        /// How many.
        platforms: usize,
    },
    /// Submitted, accepted and completed at the router.
    Contact,
    /// The same, and a list of what is offered, while so many contacts wait.
    ContactInLine {
        /// How many.
        waiting: usize,
    },
    /// A contact among so many agents of its platform.
    ContactAmong {
        /// How many.
        agents: usize,
    },
    /// From `RedeemCode` to the event on the desk's stream.
    HandoffSeen,
    /// Submit, accept, create, redeem, complete, and the calls of the services among themselves.
    Handoff,
    /// `RedeemCode` at the issuer.
    Redeem,
    /// A redemption's statements as PostgreSQL's own benchmark sends them.
    Pgbench,
    /// A job of a job queue: added, fetched, done.
    Peer {
        /// Its name.
        name: String,
    },
}

/// Of a whole handoff: 5 of the caller and 5 of the services among themselves.
const HANDOFF_RPCS: f64 = 10.0;

impl Subject {
    /// How many calls one of it is worth when it is set beside an echo, where the services have not counted them; none for what makes
    /// no calls.
    pub fn rpcs(&self) -> Option<f64> {
        match self {
            Self::Echo | Self::Read | Self::Select { .. } | Self::Redeem => Some(1.0),
            Self::Contact | Self::ContactAmong { .. } => Some(3.0),
            Self::ContactInLine { .. } => Some(4.0),
            Self::Handoff => Some(HANDOFF_RPCS),
            Self::HandoffSeen | Self::Pgbench | Self::Peer { .. } => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Echo => f.write_str("echo"),
            Self::Read => f.write_str("read"),
            Self::Select { platforms } => write!(f, "select, {} platforms", grouped(*platforms)),
            Self::Contact => f.write_str("contact"),
            Self::ContactInLine { waiting } => write!(f, "contact, {} waiting", grouped(*waiting)),
            Self::ContactAmong { agents } => write!(f, "contact, {} agents", grouped(*agents)),
            Self::HandoffSeen => f.write_str("handoff, seen"),
            Self::Handoff => f.write_str("handoff"),
            Self::Redeem => f.write_str("redeem"),
            Self::Pgbench => f.write_str("pgbench, redeem"),
            Self::Peer { name } => f.write_str(name),
        }
    }
}

impl Engine {
    /// Its own spelling.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
        }
    }
}

impl Results {
    /// Reads them from a file.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(path)?)?)
    }

    /// Writes them to a file.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        fs::write(path, text)
    }

    /// The figure of a subject under a load.
    pub fn find(
        &self,
        subject: &Subject,
        engine: Option<Engine>,
        replicas: usize,
        callers: usize,
    ) -> Option<&Figure> {
        let matches = |figure: &&Figure| {
            figure.subject == *subject
                && figure.engine == engine
                && figure.replicas == replicas
                && figure.callers == callers
        };
        self.figures.iter().find(matches)
    }
}

/// `100000` as `100,000`.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// A small run, for tests.
#[cfg(test)]
pub(super) fn example() -> Results {
    let round = |per_second, echoes_per_second| Round {
        per_second,
        echoes_per_second,
        p50_ms: Some(2.0),
        p99_ms: Some(12.5),
        cpu_ms: Some(0.5),
        ..Round::default()
    };
    let figure = |subject, engine, replicas, callers, per_second: f64| Figure {
        subject,
        engine,
        replicas,
        callers,
        // The median has its own ratio: the machine was slower in the first round.
        rounds: vec![
            round(per_second / 2.0, 5_000.0),
            round(per_second, 10_000.0),
            round(per_second, 10_000.0),
        ],
    };
    let on_postgres = Some(Engine::Postgres);
    let mut handoff = figure(Subject::Handoff, on_postgres, 1, 64, 250.0);
    for round in &mut handoff.rounds {
        round.rpcs = Some(11.0);
        round.statements = Some(60.0);
        round.commits = Some(9.5);
        round.flushes = Some(1.25);
    }
    let peer = Subject::Peer { name: "a queue".to_owned() };
    let fact = |name: &str, value: &str| Fact { name: name.to_owned(), value: value.to_owned() };
    Results {
        is_quick: false,
        took_seconds: 61,
        machine: vec![fact("processor", "an <old> one"), fact("cores", "2")],
        figures: vec![
            figure(Subject::Echo, None, 1, 64, 10_000.0),
            figure(Subject::Read, on_postgres, 1, 64, 6_000.0),
            figure(Subject::Contact, on_postgres, 1, 64, 1_000.0),
            figure(Subject::Contact, on_postgres, 3, 64, 900.0),
            figure(Subject::ContactInLine { waiting: 0 }, on_postgres, 1, 64, 800.0),
            figure(Subject::ContactInLine { waiting: 1_000 }, on_postgres, 1, 64, 400.0),
            figure(Subject::Handoff, on_postgres, 1, 1, 50.0),
            handoff,
            figure(Subject::Redeem, on_postgres, 1, 64, 500.0),
            figure(Subject::Pgbench, on_postgres, 1, 64, 1_000.0),
            Figure {
                rounds: vec![Round { per_second: 500.0, echoes_per_second: 10_000.0, ..Round::default() }],
                ..figure(peer, on_postgres, 1, 64, 0.0)
            },
        ],
        skipped: vec![Skipped { what: "BullMQ".to_owned(), why: "no redis-server".to_owned() }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.json");
        example().write(&path).unwrap();
        assert_eq!(Results::read(&path).unwrap(), example());
    }

    #[test]
    fn numbers_are_grouped() {
        let shown = [0, 999, 1_000, 1_000_000].map(grouped);
        assert_eq!(shown, ["0", "999", "1,000", "1,000,000"]);
    }
}
