//! What callers are told beside the decision, and what the sweep does.

use std::{sync::Arc, time::Duration};

use segue_core::{CallerId, ManualClock, Random};
use segue_store::{Conn, Database, Settings, migrations};
use segue_testkit::{Databases, Storage};
use sqlx::{Connection as _, Executor as _};

use super::{
    START,
    commands::{attempt_at, creation},
    replica::key,
};
use crate::{
    decider::{Handoffs, Idempotent},
    domain::{
        handoff::State,
        turn::{Attempt, Created, Creation, Redeemed},
    },
};

segue_testkit::on_durable_engines!(
    the_sweep_goes_past_a_row_that_can_not_be_read,
    a_refused_guesser_who_had_won_is_told_so,
);

struct World {
    _databases: Databases,
    url: String,
    clock: Arc<ManualClock>,
    handoffs: Handoffs,
}

impl World {
    async fn start(storage: Storage) -> Self {
        let databases = Databases::start(storage);
        let url = databases.create();
        let database = Database::open(&Settings::of_url(&url), migrations!()).await.unwrap();
        let clock = ManualClock::starting_at(START);
        let handoffs = Handoffs::start(database, clock.clone(), Random::secure());
        Self { _databases: databases, url, clock, handoffs }
    }

    /// A handoff that takes nobody's place, with a code of its own.
    async fn create(&self, number: u64) -> Attempt {
        let mut new: Creation = creation(&Random::seeded(number), number, START);
        new.handoff.source.session = format!("own-{number}");
        new.handoff.work_order = format!("own-{number}");
        new.handoff.agent = format!("own-{number}");
        for (index, code) in new.codes.iter_mut().enumerate() {
            code.hash = format!("own {number} {index}");
        }
        let attempt = attempt_at(&new);
        let created = self.handoffs.create(key(number).unwrap(), new).await.unwrap();
        assert!(matches!(created, Idempotent::New(Created::Done { .. })), "{created:?}");
        attempt
    }

    async fn redeem(&self, attempt: &Attempt) -> Redeemed {
        self.handoffs.redeem(attempt.clone(), CallerId::unauthenticated()).await.unwrap()
    }
}

async fn the_sweep_goes_past_a_row_that_can_not_be_read(storage: Storage) {
    let world = World::start(storage).await;
    for number in 1..=3 {
        world.create(number).await;
    }
    let mut conn = Conn::connect(&world.url).await.unwrap();
    // Of a program that is newer than this one.
    conn.execute("UPDATE handoffs SET locale = 'xx' WHERE id = 'handoff_1'").await.unwrap();
    world.clock.advance(Duration::from_secs(3600));
    let ended = world.handoffs.expire_due().await.unwrap().expect("two were due");
    let mut ids: Vec<_> = ended.iter().map(|call| call.handoff.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["handoff_2", "handoff_3"]);
    for id in ids {
        assert_eq!(world.handoffs.find(id).await.unwrap().unwrap().handoff.state(), State::Expired);
    }
    assert!(world.handoffs.expire_due().await.unwrap().is_none(), "the sweep waits for its next round");
}

/// A reload or a second tap of somebody who is locked out by now is answered as before: it spends no guess.
async fn a_refused_guesser_who_had_won_is_told_so(storage: Storage) {
    let world = World::start(storage).await;
    let winning = world.create(1).await;
    let Redeemed::Won { handoff, .. } = world.redeem(&winning).await else { panic!("it is the right code") };
    let mut wrong = winning.clone();
    let candidate = &mut wrong.codes[0];
    (candidate.unbound, candidate.bound) = (vec!["of nobody".to_owned()], vec![]);
    for guess in 0.. {
        assert!(guess < 100, "guessing is not limited");
        wrong.request = format!("caller/wrong-{guess}");
        if let Redeemed::TooManyAttempts(_) = world.redeem(&wrong).await {
            break;
        }
    }
    // By now the replica knows by itself that no guess is left.
    let second_tap = Attempt { request: "caller/again".to_owned(), ..winning.clone() };
    let Redeemed::Repeated(again, Some(_)) = world.redeem(&second_tap).await else {
        panic!("the second tap has to be told what the first one won, and to wait");
    };
    assert_eq!(again.id, handoff.id);
    let Redeemed::Repeated(again, None) = world.redeem(&winning).await else {
        panic!("the same request is answered the same");
    };
    assert_eq!(again.id, handoff.id);
    let elsewhere = Attempt { session: "elsewhere".to_owned(), ..second_tap };
    assert!(matches!(world.redeem(&elsewhere).await, Redeemed::TooManyAttempts(_)));
}
