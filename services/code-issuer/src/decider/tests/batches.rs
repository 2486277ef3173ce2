//! However commands are put together into turns, what comes of them is the same as if each had a turn of its own.
//!
//! A history is made from its seed: `DECIDER_SEED=7 cargo test -p code-issuer --lib batches` repeats one.

use segue_core::Random;
use segue_testkit::{Databases, Storage};

use super::{
    START,
    commands::{Shared, commands},
    replica::Replica,
};

const TURNS: usize = 20;
const MOST_COMMANDS: u32 = 9;

/// What has happened in all histories, so that none is tested by nothing.
#[derive(Debug, Default)]
struct Happened(std::collections::BTreeMap<String, usize>);

impl Happened {
    fn note(&mut self, answers: &[String]) {
        for answer in answers {
            let name: String = answer.split([' ', '{', ')']).next().unwrap_or_default().to_owned();
            *self.0.entry(name).or_default() += 1;
        }
    }
}

async fn history(databases: &Databases, seed: u64, happened: &mut Happened) {
    let random = Random::seeded(seed);
    let mut together = Replica::new(databases, seed).await;
    let mut alone = Replica::new(databases, seed + 1).await;
    let mut shared = Shared::default();
    let mut now_ms = START;
    for turn in 0..TURNS {
        now_ms += [0, 10, 1_000, 20_000, 70_000, 400_000][random.below(6) as usize];
        let (calls, others) = (together.calls().await, alone.calls().await);
        let handoffs = together.handoffs().await;
        let count = 1 + random.below(MOST_COMMANDS);
        let made: Vec<_> =
            (0..count).map(|_| commands(&random, &mut shared, &handoffs, &calls, &others, now_ms)).collect();
        let (ours, theirs): (Vec<_>, Vec<_>) = made.into_iter().unzip();
        let answers = together.turn(&ours, now_ms).await;
        let mut one_by_one = vec![];
        for command in &theirs {
            one_by_one.extend(alone.turn(std::slice::from_ref(command), now_ms).await);
        }
        assert_eq!(answers, one_by_one, "answers of seed {seed}, turn {turn}: {ours:#?}");
        let (left, right) = (together.rows().await, alone.rows().await);
        assert_eq!(left, right, "rows of seed {seed}, turn {turn}: {ours:#?}");
        together.check_live_codes(seed).await;
        happened.note(&answers);
    }
}

async fn histories(storage: Storage, seeds: std::ops::Range<u64>) -> Happened {
    let databases = Databases::start(storage);
    let mut happened = Happened::default();
    let only = std::env::var("DECIDER_SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in only.map_or(seeds, |seed| seed..seed + 1) {
        history(&databases, seed * 1_000, &mut happened).await;
    }
    happened
}

#[tokio::test]
async fn a_batch_is_as_one_by_one_on_sqlite() {
    let happened = histories(Storage::SqliteFile, 1..25).await;
    for outcome in [
        "Created(Done",
        "Created(InProgress",
        "Created(Collision",
        "Reissued(Done",
        "Reissued(Changed",
        "Redeemed(Won",
        "Redeemed(Repeated",
        "Redeemed(Dead",
        "Redeemed(NotAccepted",
        "Redeemed(TooManyAttempts",
        "Redeemed(RequestIdReused",
        "Cancelled(Done",
        "Cancelled(NotAllowed",
        "Revoked(Done",
        "Revoked(NotAllowed",
        "Settled(Settled",
        "Expired(",
    ] {
        let met = happened.0.keys().any(|name| name.starts_with(outcome));
        assert!(met, "{outcome} never happened: {happened:?}");
    }
}

#[tokio::test]
async fn a_batch_is_as_one_by_one_on_postgres() {
    histories(Storage::Postgres, 1..6).await;
}
