//! What happens to whom in a simulation, from its seed.

use crate::{
    dice::Dice,
    disk::DiskFault,
    life::Point,
    net::NetFault,
    world::{AGENTS, Kind, PLATFORMS},
};

/// Nothing goes wrong after this.
const FAULTS_END_MS: u32 = 60_000;

/// How a platform behaves at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    Well,
    /// Answers nothing for a while.
    Down,
    /// Takes so many milliseconds.
    Slow(u32),
    /// Does what it is asked, and then says that it failed, half of the time.
    Wrong,
    /// Says that a repeated call failed.
    LiesAboutRepeats,
}

/// How a customer behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Patient,
    Leaves,
    ClicksTwice,
    EntersWrong,
    GoesElsewhere,
    HasTwoDevices,
    Ignores,
}

/// A customer's visit.
#[derive(Debug, Clone)]
pub struct Visit {
    pub number: usize,
    pub arrives_ms: u64,
    pub platform: usize,
    pub patience_ms: u64,
    pub manner: Manner,
    /// What their business can't be finished where they are.
    pub needs_handoff: bool,
    pub takes_ms: u64,
    /// How long their code may be entered.
    pub code_lasts_s: i64,
}

/// An agent who works.
#[derive(Debug, Clone)]
pub struct Worker {
    pub agent: &'static str,
    pub declines_percent: u32,
    pub sleeps_percent: u32,
    pub cancels_percent: u32,
    pub revokes_percent: u32,
    pub loses_desk: bool,
    pub breaks_ms: Vec<u64>,
}

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    Kill {
        service: usize,
        down_ms: u64,
    },
    KillAt {
        service: usize,
        point: Point,
    },
    Stop {
        service: usize,
        down_ms: u64,
    },
    Disk {
        database: &'static str,
        fault: DiskFault,
    },
    FailOver {
        database: &'static str,
    },
    Net(NetFault),
    StepService {
        service: usize,
        by_ms: i64,
    },
    DriftService {
        service: usize,
        ppm: i64,
    },
    StepDatabase {
        database: &'static str,
        by_ms: i64,
    },
    Platform {
        platform: usize,
        mood: Mood,
    },
    /// Operators send no more customers to a platform for a while.
    Drain {
        platform: usize,
    },
}

/// A fault with its time.
#[derive(Debug, Clone)]
pub struct Planned {
    pub number: usize,
    pub at_ms: u64,
    pub lasts_ms: u64,
    pub fault: Fault,
}

/// All of it.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub replicas: Vec<(Kind, u8)>,
    pub workers: Vec<Worker>,
    pub visits: Vec<Visit>,
    pub faults: Vec<Planned>,
    pub has_attacker: bool,
    /// What was taken away, as `--without` names it.
    pub without: Vec<String>,
}

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64) -> Self {
        let dice = Dice::of(seed, "plan");
        let replicas = vec![
            (Kind::Selector, 1),
            (Kind::Router, if dice.percent(60) { 2 } else { 1 }),
            (Kind::Issuer, if dice.percent(60) { 2 } else { 1 }),
        ];
        let services = replicas.iter().map(|(_, count)| usize::from(*count)).sum();
        let workers = AGENTS[..dice.between(1, 3) as usize].iter().map(|agent| worker(seed, agent)).collect();
        // From idle to three times of what the agents can do.
        let count = *dice.pick(&[1, 3, 5, 8, 14]);
        let visits = (1..=count).map(|number| visit(seed, number)).collect();
        let faults = *dice.pick(&[0, 1, 2, 4, 8]);
        Self {
            seed,
            replicas,
            workers,
            visits,
            faults: (1..=faults).map(|number| planned(seed, number, services)).collect(),
            has_attacker: dice.percent(15),
            without: vec![],
        }
    }

    /// The plan without some of its parts: `f3` is a fault, `c5` a customer, `a2` an agent, `attacker` the attacker.
    #[must_use]
    pub fn without(&self, parts: &[String]) -> Self {
        let mut plan = self.clone();
        let is_kept = |name: String| !parts.contains(&name);
        plan.faults.retain(|fault| is_kept(format!("f{}", fault.number)));
        plan.visits.retain(|visit| is_kept(format!("c{}", visit.number)));
        plan.workers.retain(|worker| is_kept(worker.agent.to_owned()));
        plan.has_attacker &= is_kept("attacker".to_owned());
        plan.without.extend(parts.iter().cloned());
        plan
    }

    /// The parts that can be taken away.
    pub fn parts(&self) -> Vec<String> {
        let faults = self.faults.iter().map(|fault| format!("f{}", fault.number));
        let visits = self.visits.iter().map(|visit| format!("c{}", visit.number));
        let workers = self.workers.iter().map(|worker| worker.agent.to_owned());
        faults.chain(visits).chain(workers).chain(self.has_attacker.then(|| "attacker".to_owned())).collect()
    }

    /// When nothing is wrong any more.
    pub fn calm_at_ms(&self) -> u64 {
        self.faults.iter().map(|fault| fault.at_ms + fault.lasts_ms).max().unwrap_or_default()
    }
}

fn worker(seed: u64, agent: &'static str) -> Worker {
    let dice = Dice::of(seed, &format!("worker {agent}"));
    let breaks = if dice.percent(30) { dice.between(1, 2) } else { 0 };
    let mut breaks_ms: Vec<u64> = (0..breaks).map(|_| dice.between(5_000, FAULTS_END_MS).into()).collect();
    breaks_ms.sort_unstable();
    Worker {
        agent,
        declines_percent: *dice.pick(&[0, 0, 10, 30]),
        sleeps_percent: *dice.pick(&[0, 0, 10]),
        cancels_percent: *dice.pick(&[0, 10, 30]),
        revokes_percent: *dice.pick(&[0, 0, 10]),
        loses_desk: dice.percent(20),
        breaks_ms,
    }
}

fn visit(seed: u64, number: usize) -> Visit {
    let dice = Dice::of(seed, &format!("visit {number}"));
    let manner = match dice.between(0, 11) {
        0 => Manner::Leaves,
        1 => Manner::ClicksTwice,
        2 => Manner::EntersWrong,
        3 => Manner::GoesElsewhere,
        4 => Manner::HasTwoDevices,
        5 => Manner::Ignores,
        _ => Manner::Patient,
    };
    Visit {
        number,
        arrives_ms: dice.between(0, 40_000).into(),
        platform: dice.between(0, u32::try_from(PLATFORMS.len() - 1).unwrap()) as usize,
        patience_ms: dice.between(10_000, 90_000).into(),
        manner,
        needs_handoff: dice.percent(75),
        takes_ms: dice.between(500, 8_000).into(),
        code_lasts_s: *dice.pick(&[20, 60, 60]),
    }
}

fn planned(seed: u64, number: usize, services: usize) -> Planned {
    let dice = Dice::of(seed, &format!("fault {number}"));
    let at_ms = dice.between(1_000, FAULTS_END_MS - 15_000).into();
    let lasts_ms = dice.between(500, 14_000).into();
    Planned { number, at_ms, lasts_ms, fault: fault(&dice, services) }
}

fn fault(dice: &Dice, services: usize) -> Fault {
    let service = dice.between(0, u32::try_from(services - 1).unwrap()) as usize;
    let database = *dice.pick(&["router-db", "issuer-db", "router-db", "issuer-db", "selector-db"]);
    let down_ms = dice.between(50, 6_000).into();
    let by_ms = [-1, 1][dice.between(0, 1) as usize] * i64::from(dice.between(100, 20_000));
    match dice.between(0, 15) {
        0 | 1 => Fault::Kill { service, down_ms },
        2..=4 => Fault::KillAt {
            service,
            point: *dice.pick(&[
                Point::BeforeCommit,
                Point::AfterCommit,
                Point::BeforeWork,
                Point::BeforeAnswer,
            ]),
        },
        5 => Fault::Stop { service, down_ms },
        6..=8 => Fault::Disk { database, fault: disk_fault(dice) },
        9 => Fault::FailOver { database },
        10 => match dice.between(0, 2) {
            0 => Fault::StepService { service, by_ms },
            1 => Fault::StepDatabase { database, by_ms },
            _ => Fault::DriftService { service, ppm: by_ms },
        },
        11 if dice.percent(30) => Fault::Drain { platform: platform(dice) },
        11 => Fault::Platform {
            platform: platform(dice),
            mood: *dice.pick(&[Mood::Down, Mood::Slow(4_000), Mood::Wrong, Mood::LiesAboutRepeats]),
        },
        _ => Fault::Net(net_fault(dice)),
    }
}

fn platform(dice: &Dice) -> usize {
    dice.between(0, u32::try_from(PLATFORMS.len() - 1).unwrap()) as usize
}

fn disk_fault(dice: &Dice) -> DiskFault {
    match dice.between(0, 5) {
        0 => DiskFault::Slow(dice.between(20, 900)),
        1 => DiskFault::Hang,
        2 => DiskFault::LoseConnections(dice.between(2, 30)),
        3 => DiskFault::LoseAnswers(dice.between(10, 80)),
        4 => DiskFault::ReadOnly,
        _ => DiskFault::Full,
    }
}

fn net_fault(dice: &Dice) -> NetFault {
    const PROCESSES: [&str; 6] = ["router", "issuer", "selector", "chat", "desk", "app"];
    let percent = dice.between(5, 60);
    match dice.between(0, 7) {
        0 => NetFault::Delay(dice.between(20, 2_000)),
        1 => NetFault::LoseCalls(percent),
        2 => NetFault::LoseAnswers(percent),
        3 => NetFault::Twice(percent),
        4 => NetFault::LateAnswers(percent),
        5 => NetFault::BreakStreams(percent),
        6 => NetFault::Cut((*dice.pick(&PROCESSES)).to_owned(), (*dice.pick(&PROCESSES)).to_owned()),
        _ => NetFault::SlowPeer((*dice.pick(&PROCESSES)).to_owned(), dice.between(100, 5_000)),
    }
}
