//! Three times more handoffs than can be done: as many are done as ever, the redemptions among them, and all is well again
//! soon after the crowd has gone.
//!
//! The services are processes on the same machine, so the crowd takes its own share of the processors, which is printed.
//! `SEGUE_OVERLOAD_SECONDS=10` makes it stay for 10 s instead of 60 s.
//! `SEGUE_OVERLOAD_SETTINGS="max-calls=64 target-latency-ms=0"` tries other settings; ADR 0013 was decided with that.

mod customers;
mod numbers;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use segue_testkit::Storage;
use segue_tests::{Fixture, Processes};
use tokio::task::JoinSet;

use customers::Crowd;
use numbers::{Numbers, own_processor_time, quantile};

const SECONDS: u64 = 60;
/// What is asked for, as a multiple of what can be done.
const TIMES: f64 = 3.0;
/// Callers who wait for each other: how many at a time, to find what can be done.
const STEPS: [usize; 2] = [16, 48];
const STEP: Duration = Duration::from_secs(5);
/// For each handoff so many lists are asked for.
const LISTS: f64 = 0.2;
/// The least part of what can be done that is done in a crowd.
const ENOUGH: f64 = 0.9;
const RECOVERY: Duration = Duration::from_secs(5);
/// So many in a row as on a quiet day, and all is well.
const WELL: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_is_served_as_well_as_can_be() {
    let seconds = std::env::var("SEGUE_OVERLOAD_SECONDS").map_or(SECONDS, |text| text.parse().unwrap());
    let settings = settings();
    let settings: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let system = Processes::start_with(Storage::SqliteFile, &settings).await;
    let fixture = Fixture::load(&system.addresses).await;
    let crowd = Crowd::prepare(&system.addresses, &fixture).await;
    // Connections and caches.
    closed_loop(&crowd, 8, STEP / 2).await;
    let usual = quantile(&closed_loop(&crowd, 1, STEP / 2).await.latencies, 0.99);

    let mut round = Round::play(&crowd, usual, seconds).await;
    if round.goodput() < ENOUGH {
        println!("once more, in case that something else had the processors for a while");
        round = Round::play(&crowd, usual, seconds).await;
    }
    round.check(seconds);
}

/// The crowd comes, stays, and goes.
struct Round {
    offered: f64,
    /// Handoffs a second at most. The machine may become slower or quicker meanwhile.
    peak: f64,
    crowded: Numbers,
    recovered: Duration,
}

impl Round {
    async fn play(crowd: &Arc<Crowd>, usual: Duration, seconds: u64) -> Self {
        let before = peak(crowd).await;
        let offered = before * TIMES;
        let own = own_processor_time();
        let crowded = open_loop(crowd, offered, Duration::from_secs(seconds)).await;
        let own = (own_processor_time() - own).as_secs_f64() / crowded.time.as_secs_f64();
        let recovered = recovery(crowd, usual).await;
        let after = peak(crowd).await;
        let round = Self { offered, peak: f64::midpoint(before, after), crowded, recovered };
        let goodput = 100.0 * round.goodput();
        println!("offered {offered:.0}/s for {seconds} s: {}", round.crowded);
        println!("peak {before:.1}/s before and {after:.1}/s after; goodput {goodput:.0}%");
        println!("the crowd itself took {:.0}% of a processor", 100.0 * own);
        println!("usual latency (p99) {usual:?}, as usual again after {recovered:?}");
        round
    }

    /// What is done of what can be done.
    fn goodput(&self) -> f64 {
        self.crowded.rate() / self.peak
    }

    fn check(&self, seconds: u64) {
        let Self { offered, peak, crowded, recovered } = self;
        let came = crowded.creations.made;
        assert!(f64::from(came) > 0.9 * offered * seconds as f64, "not all of the crowd came, but {came}");
        assert!(self.goodput() >= ENOUGH, "{:.1}/s done of {peak:.1}/s", crowded.rate());
        let (creations, redemptions) = (crowded.creations.lost_share(), crowded.redemptions.lost_share());
        assert!(creations > 0.4, "three times as much as can be done was not too much: {creations} refused");
        assert!(
            redemptions < creations / 20.0,
            "of redemptions {redemptions} were lost, of creations {creations}"
        );
        assert!(*recovered < RECOVERY, "{recovered:?} until all was as usual again");
    }
}

/// The defaults, and what the test is told to try.
fn settings() -> Vec<(String, String)> {
    let told = std::env::var("SEGUE_OVERLOAD_SETTINGS").unwrap_or_default();
    let told = format!("log=warn {told}");
    let pair = |setting: &str| {
        let (name, value) = setting.split_once('=').expect("NAME=VALUE");
        (format!("SEGUE_{}", name.replace('-', "_").to_uppercase()), value.to_owned())
    };
    told.split_whitespace().map(pair).collect()
}

/// What can be done at most.
async fn peak(crowd: &Arc<Crowd>) -> f64 {
    let mut peak = 0.0_f64;
    for callers in STEPS {
        let numbers = closed_loop(crowd, callers, STEP).await;
        println!("{callers} at a time: {numbers}");
        peak = peak.max(numbers.rate());
    }
    peak
}

/// So many at a time, each the next as soon as one is done.
async fn closed_loop(crowd: &Arc<Crowd>, callers: usize, time: Duration) -> Numbers {
    let start = Instant::now();
    let callers = (0..callers).map(|_| {
        let crowd = crowd.clone();
        tokio::spawn(async move {
            let mut numbers = Numbers::default();
            while start.elapsed() < time {
                crowd.customer(&mut numbers).await;
            }
            numbers
        })
    });
    let all = futures::future::join_all(callers).await;
    Numbers::sum(all.into_iter().map(Result::unwrap), start.elapsed())
}

/// So many a second, whatever becomes of those before.
async fn open_loop(crowd: &Arc<Crowd>, rate: f64, time: Duration) -> Numbers {
    let start = Instant::now();
    let (mut under_way, mut all) = (JoinSet::new(), vec![]);
    let (mut customers, mut lists) = (0.0, 0.0);
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    while start.elapsed() < time {
        tick.tick().await;
        let due = start.elapsed().as_secs_f64() * rate;
        while customers < due {
            customers += 1.0;
            let crowd = crowd.clone();
            under_way.spawn(async move {
                let mut numbers = Numbers::default();
                crowd.customer(&mut numbers).await;
                numbers
            });
        }
        while lists < due * LISTS {
            lists += 1.0;
            let crowd = crowd.clone();
            under_way.spawn(async move {
                let mut numbers = Numbers::default();
                crowd.look_at_the_list(&mut numbers).await;
                numbers
            });
        }
        while let Some(done) = under_way.try_join_next() {
            all.push(done.unwrap());
        }
    }
    // Whoever is still waiting goes away: what isn't done by now doesn't count.
    Numbers::sum(all.into_iter(), start.elapsed())
}

/// How long it takes until everybody is served as on a quiet day.
async fn recovery(crowd: &Arc<Crowd>, usual: Duration) -> Duration {
    let end = Instant::now();
    let (mut in_a_row, mut since) = (0, Duration::ZERO);
    while in_a_row < WELL {
        assert!(end.elapsed() < RECOVERY * 4, "it never gets well");
        let mut numbers = Numbers::default();
        crowd.customer(&mut numbers).await;
        in_a_row += 1;
        if numbers.redemptions.done == 0 || numbers.latencies[0] > usual * 3 {
            (in_a_row, since) = (0, end.elapsed());
        }
    }
    since
}
