//! What time brings: desks that don't come back, offers that time out, handoffs that overflow, back-offs, wrap-ups and
//! holds that end.

use std::{collections::BTreeSet, time::Duration};

use segue_runtime::{Refusal, Stop};
use tokio::time::Instant;

use super::{Command, Desks, Router, Turn, purge::purge_if_due};
use crate::{
    domain::{Action, Agent, Presence, PresenceReason, State},
    error::Halt,
    store::{self, agents, contacts, entries, leases, queues, room::Recount, wrap_ups},
};

/// Most rows of a kind in one turn, so that calls don't wait long behind it: each freed agent is looked at again after each
/// contact that is given out.
const BATCH: i64 = 20;
/// Most turns at a time; what is left is due at the next look.
const TURNS: usize = 50;

/// How often skills are looked at that a program of before 0.2 may have put beside this one.
const FOLD_INTERVAL: Duration = Duration::from_secs(600);

/// Sweeps until the service stops. Every replica does: whoever comes second finds nothing left.
pub(crate) async fn sweep_until(router: Router, desks: Desks, stop: Stop) {
    let interval = Duration::from_millis(router.rules.sweep_ms.unsigned_abs());
    let mut folded: Option<Instant> = None;
    loop {
        if folded.is_none_or(|last| last.elapsed() >= FOLD_INTERVAL) {
            let outcome = fold_skills(&router).await;
            folded = outcome.is_ok().then(Instant::now).or(folded);
            report("skills", outcome);
        }
        report("lease", desks.renew_if_due().await);
        report("sweep", sweep_if_due(&router).await);
        report("purge", purge_if_due(&router).await);
        tokio::select! {
            () = stop.told() => break,
            () = tokio::time::sleep(interval) => {}
        }
    }
    report("leave", desks.leave().await);
}

async fn fold_skills(router: &Router) -> Result<(), Refusal> {
    let folding = router.database.write((), |conn, ()| Box::pin(agents::fold_skills(conn)));
    Ok(folding.await?)
}

fn report(what: &'static str, outcome: Result<(), Refusal>) {
    if let Err(refusal) = outcome {
        tracing::warn!(what, reason = refusal.reason().as_str_name(), "failed, tried again soon");
    }
}

async fn sweep_if_due(router: &Router) -> Result<(), Refusal> {
    for _ in 0..TURNS {
        let now_ms = router.clock.now_ms();
        let due = {
            let mut conn = router.database.read().await?;
            let lost_at_ms = now_ms - router.rules.reconnect_grace_ms;
            store::is_anything_due(&mut conn, now_ms, lost_at_ms).await?
        };
        if !due {
            return Ok(());
        }
        router.decide(Sweep).await?;
    }
    Ok(())
}

struct Sweep;

impl Command for Sweep {
    type Answer = ();

    async fn run(&self, turn: &mut Turn<'_>) -> Result<(), Halt> {
        turn.sweep_desks().await?;
        turn.sweep_contacts().await?;
        turn.sweep_room().await?;
        turn.settle().await?;
        Ok(queues::purge(turn.conn).await?)
    }
}

impl Turn<'_> {
    async fn sweep_desks(&mut self) -> Result<(), Halt> {
        for replica in leases::dead_replicas(self.conn, self.now_ms).await? {
            self.bury(&replica).await?;
        }
        for agent in leases::run_out(self.conn, self.now_ms, BATCH).await? {
            self.lose(agent).await?;
        }
        let lost_at_ms = self.now_ms - self.rules.reconnect_grace_ms;
        for agent in leases::lost_since(self.conn, lost_at_ms, BATCH).await? {
            self.give_up_on(agent).await?;
        }
        Ok(())
    }

    async fn sweep_contacts(&mut self) -> Result<(), Halt> {
        for contact in contacts::due(self.conn, State::Offered, self.now_ms, BATCH).await? {
            // A neighbour's time-out may have set the agent away, which withdrew this offer.
            let contact = contacts::load(self.conn, &contact.id).await?;
            if let Some(contact) = contact.filter(|contact| contact.state == State::Offered) {
                let agent = contact.agent.clone();
                self.give_back(contact, Action::TimeOut).await?;
                self.missed_an_offer(&agent).await?;
            }
        }
        for handoff in contacts::due(self.conn, State::Queued, self.now_ms, BATCH).await? {
            self.open_to_all(handoff).await?;
        }
        Ok(())
    }

    /// Back-offs, wrap-ups and holds that are over.
    async fn sweep_room(&mut self) -> Result<(), Halt> {
        for (id, agent) in contacts::end_back_offs(self.conn, self.now_ms, BATCH).await? {
            let contact = contacts::load(self.conn, &id).await?;
            if let Some(contact) = contact.filter(|contact| contact.state == State::Queued) {
                self.recount(&agent, Recount::Quiet).await?;
                if contact.agent == agent {
                    self.expected.insert(contact.place(), contact.id.clone());
                }
                if contact.open_to_all {
                    self.arrived.insert(contact.place(), contact.id);
                }
            }
        }
        for agent in BTreeSet::from_iter(wrap_ups::end(self.conn, self.now_ms, BATCH).await?) {
            self.recount(&agent, Recount::Busy).await?;
        }
        for agent in BTreeSet::from_iter(entries::end_holds(self.conn, self.now_ms, BATCH).await?) {
            self.recount(&agent, Recount::Quiet).await?;
        }
        Ok(())
    }

    /// Who doesn't answer several times in a row isn't there: the agent is set away, and what else it was offered goes to
    /// others.
    async fn missed_an_offer(&mut self, id: &str) -> Result<(), Halt> {
        let Some(agent) = agents::get(self.conn, id).await? else { return Ok(()) };
        let missed_offers = agent.missed_offers + 1;
        let most = self.rules.away_after_missed_offers;
        if most == 0 || missed_offers < most || agent.presence != Presence::Available {
            return Ok(agents::set_missed_offers(self.conn, id, missed_offers).await?);
        }
        let away = Agent { presence_reason: PresenceReason::MissedOffers, missed_offers: 0, ..agent };
        self.set_presence(away, Presence::Away).await?;
        self.withdraw_offers(id).await
    }
}
