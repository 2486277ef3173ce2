//! Whether a turn stands whose commit was not answered.

use segue_store::{Database, Settings, command::Decider as _, migrations};
use segue_testkit::{Databases, Storage};

use super::{START, replica::Replica};

/// So many turns of others are made until it is looked for.
const OTHERS: usize = 300;

segue_testkit::on_durable_engines!(a_turn_is_found_if_it_was_committed);

async fn a_turn_is_found_if_it_was_committed(storage: Storage) {
    let databases = Databases::start(storage);
    let url = databases.create();
    Database::open(&Settings::of_url(&url), migrations!()).await.unwrap().close().await;
    let mut ours = Replica::of(&url, 1).await;
    let mut others = Replica::of(&url, 2).await;
    for (end, stands) in [("COMMIT", true), ("ROLLBACK", false)] {
        ours.begin(START, 1).await;
        ours.end(end).await;
        assert_eq!(looked_for(&mut ours).await, stands, "{end}");
        for _ in 0..OTHERS {
            others.begin(START, 1).await;
            others.end("COMMIT").await;
        }
        assert_eq!(looked_for(&mut ours).await, stands, "{end}, and others since");
    }
}

async fn looked_for(replica: &mut Replica) -> bool {
    replica.start().await;
    let stands = replica.turns.stands(&mut replica.conn).await.unwrap();
    replica.end("ROLLBACK").await;
    stands
}
