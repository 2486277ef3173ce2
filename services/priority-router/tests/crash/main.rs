//! Two replicas on one PostgreSQL, killed with `kill -9` in turn under load: what was acknowledged is there, every contact
//! ends with an agent or in the line, and none is ever with two.

#[cfg(test)]
mod load;
#[cfg(test)]
mod replicas;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use segue_testkit::wait_for;

    use crate::{load::Load, replicas::Replicas};

    const KILLS: usize = 20;

    #[tokio::test(flavor = "multi_thread")]
    async fn killed_twenty_times_under_load() {
        let mut replicas = Replicas::start().await;
        let load = Load::start(replicas.addresses()).await;
        for kill in 0..KILLS {
            let before = load.completed();
            replicas.kill(kill % 2);
            // The other one goes on meanwhile.
            wait_for("work to go on at the other replica", || async { load.completed() > before + 5 }).await;
            replicas.restart(kill % 2).await;
            let restarted = load.completed();
            wait_for("work to go on at both", || async { load.completed() > restarted + 5 }).await;
        }
        let submitted = load.no_more_customers().await;
        assert!(submitted.len() > KILLS * 5, "{} contacts", submitted.len());
        wait_for("all contacts to end", || async { load.all_ended(&submitted).await }).await;
        for contact in &submitted {
            load.was_with_one_at_a_time(contact).await;
        }
        load.nothing_is_left().await;
        println!("{} contacts survived {KILLS} kills", submitted.len());
        tokio::time::timeout(Duration::from_secs(60), load.stop()).await.unwrap();
    }
}
