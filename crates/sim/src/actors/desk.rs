use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use segue_proto::{
    common::v1::{Customer, Face, Identity, RemainingWork, Session},
    issuer::v1::{
        CancelHandoffRequest, CreateHandoffRequest, GetHandoffRequest, HandoffState, ReissueCodeRequest,
        RevokeHandoffRequest,
    },
    router::v1::{
        AcceptContactRequest, AssignmentChange, CompleteContactRequest, Contact, DeclineContactRequest,
        Presence, Priority, SetPresenceRequest, WatchAssignmentsRequest,
    },
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Clients, Facts, Patience, customer::shown, facts::Issued, patience::is_unknown, patiently};
use crate::{
    dice::Dice,
    plan::{Visit, Worker},
    world::{World, account_of},
};

const PATIENCE: Patience = Patience(Duration::from_secs(60));

/// An agent, with the desk before them.
pub async fn desk(
    world: Arc<World>,
    facts: Arc<Mutex<Facts>>,
    worker: Worker,
    visits: Arc<BTreeMap<usize, Visit>>,
) {
    let name = format!("desk-{}", worker.agent);
    let dice = Dice::of(world.seed, &name);
    let clients = Clients::new(&world, &name);
    let desk = Arc::new(Desk {
        name,
        world,
        facts,
        worker,
        visits,
        dice,
        clients,
        serving: Mutex::default(),
        completing: Mutex::default(),
    });
    desk.present(Presence::Available).await;
    let breaks = desk.clone();
    tokio::join!(desk.watch(), breaks.take_breaks());
}

struct Desk {
    name: String,
    world: Arc<World>,
    facts: Arc<Mutex<Facts>>,
    worker: Worker,
    visits: Arc<BTreeMap<usize, Visit>>,
    dice: Dice,
    clients: Clients,
    /// The contacts that are with this agent.
    serving: Mutex<BTreeMap<String, CancellationToken>>,
    /// The contacts that it has said are finished, each once.
    completing: Mutex<BTreeSet<String>>,
}

impl Desk {
    fn note(&self, text: &str) {
        self.world.log.note(&self.name, || text.to_owned());
    }

    async fn present(&self, presence: Presence) {
        let request = SetPresenceRequest {
            request_id: self.dice.request_id(),
            agent: self.worker.agent.to_owned(),
            presence: presence.into(),
            ..SetPresenceRequest::default()
        };
        let router = &self.clients.router;
        let set =
            patiently(&self.dice, PATIENCE, || async { router.clone().set_presence(request.clone()).await });
        match set.await {
            Ok(_) => self.note(&format!("is {presence:?}")),
            Err(status) => self.note(&format!("can't be {presence:?}: {}", shown(&status))),
        }
    }

    /// Signs out for a while, if that is the agent's way, and comes back when nothing is wrong any more at the latest.
    async fn take_breaks(self: Arc<Self>) {
        for at_ms in self.worker.breaks_ms.clone() {
            let now = self.world.clock.elapsed_ms();
            sleep(Duration::from_millis(at_ms.saturating_sub(now.unsigned_abs()))).await;
            self.present(*self.dice.pick(&[Presence::Away, Presence::Offline])).await;
            sleep(Duration::from_millis(self.dice.between(2_000, 15_000).into())).await;
            self.present(Presence::Available).await;
        }
        // An agent whose desk was lost is signed out, and signs in again as soon as it is back.
        loop {
            sleep(Duration::from_secs(20)).await;
            let looks_on = self.facts.lock().desks.contains(self.worker.agent);
            if looks_on {
                self.present(Presence::Available).await;
            }
        }
    }

    async fn watch(self: Arc<Self>) {
        let mut resume_token = String::new();
        loop {
            let request = WatchAssignmentsRequest {
                agent: self.worker.agent.to_owned(),
                resume_token: resume_token.clone(),
                ..WatchAssignmentsRequest::default()
            };
            let mut streams = self.clients.router_streams.clone();
            let opened = timeout(Duration::from_secs(10), streams.watch_assignments(request));
            if let Ok(Ok(opened)) = opened.await {
                let mut stream = opened.into_inner();
                self.looks_on(true);
                let loses_at = self.worker.loses_desk.then(|| self.dice.between(10, 40));
                let limit = Duration::from_secs(loses_at.map_or(100_000, u64::from));
                let reading = async {
                    while let Ok(Some(event)) = stream.message().await {
                        resume_token = event.resume_token;
                        if let Some(assignment) = event.assignment {
                            self.clone().told(assignment.change(), assignment.contact.unwrap_or_default());
                        }
                    }
                };
                let is_lost = timeout(limit, reading).await.is_err();
                self.looks_on(false);
                if is_lost {
                    self.note("loses its desk");
                    drop(stream);
                    self.leaves_behind();
                    sleep(Duration::from_secs(self.dice.between(1, 60).into())).await;
                }
            }
            sleep(Duration::from_millis(self.dice.between(100, 900).into())).await;
        }
    }

    fn looks_on(&self, does: bool) {
        let mut facts = self.facts.lock();
        let agent = self.worker.agent;
        if does {
            facts.desks.insert(agent.to_owned());
            facts.left_behind.retain(|(other, _)| other != agent);
        } else {
            facts.desks.remove(agent);
        }
    }

    fn leaves_behind(&self) {
        let agent = self.worker.agent;
        let serving = self.serving.lock();
        let left = serving.keys().map(|contact| (agent.to_owned(), contact.clone()));
        self.facts.lock().left_behind.extend(left);
    }

    fn told(self: Arc<Self>, change: AssignmentChange, contact: Contact) {
        self.note(&format!("is told {} {change:?}", contact.session));
        match change {
            AssignmentChange::Offered => drop(tokio::spawn(self.answer(contact))),
            AssignmentChange::Assigned => {
                let stop = CancellationToken::new();
                let mut serving = self.serving.lock();
                if serving.contains_key(&contact.id) {
                    return;
                }
                serving.insert(contact.id.clone(), stop.clone());
                drop(serving);
                let agent = self.worker.agent.to_owned();
                self.facts.lock().told.insert((agent.clone(), contact.id.clone()));
                self.facts.lock().talk(&contact.session).change(|talk| talk.agent = Some(agent));
                tokio::spawn(async move {
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => {}
                        () = self.serve(contact.clone()) => {}
                    }
                });
            }
            AssignmentChange::Withdrawn | AssignmentChange::Ended => {
                if let Some(stop) = self.serving.lock().remove(&contact.id) {
                    stop.cancel();
                }
                let talk = self.facts.lock().talk(&contact.session);
                if change == AssignmentChange::Ended {
                    talk.change(|talk| talk.is_over = true);
                } else {
                    talk.change(|talk| {
                        talk.agent = talk.agent.take().filter(|agent| agent != self.worker.agent)
                    });
                }
            }
            AssignmentChange::Unspecified => {}
        }
    }

    async fn answer(self: Arc<Self>, contact: Contact) {
        sleep(Duration::from_millis(self.dice.between(300, 3_000).into())).await;
        let (request_id, id, agent) = (self.dice.request_id(), contact.id, self.worker.agent.to_owned());
        let router = &self.clients.router;
        if self.dice.percent(self.worker.declines_percent) {
            let request = DeclineContactRequest { request_id, id, agent };
            drop(
                patiently(&self.dice, PATIENCE, || async {
                    router.clone().decline_contact(request.clone()).await
                })
                .await,
            );
        } else if !self.dice.percent(self.worker.sleeps_percent) {
            let request = AcceptContactRequest { request_id, id, agent };
            drop(
                patiently(&self.dice, PATIENCE, || async {
                    router.clone().accept_contact(request.clone()).await
                })
                .await,
            );
        }
    }

    async fn serve(self: Arc<Self>, contact: Contact) {
        let number = self.facts.lock().customers.get(&contact.session).copied();
        let visit = number.and_then(|number| self.visits.get(&number)).cloned();
        let takes_ms = visit.as_ref().map_or(3_000, |visit| visit.takes_ms);
        sleep(Duration::from_millis(takes_ms)).await;
        match visit {
            Some(visit) if visit.needs_handoff && contact.priority() != Priority::Handoff => {
                self.hand_off(&contact, &visit).await;
            }
            _ => self.complete(&contact).await,
        }
    }

    /// Finishes a contact, and hears the answer out: what is told to the desk meanwhile doesn't end it.
    async fn complete(self: &Arc<Self>, contact: &Contact) {
        if self.completing.lock().insert(contact.id.clone()) {
            drop(tokio::spawn(self.clone().complete_to_the_end(contact.clone())).await);
        }
    }

    async fn complete_to_the_end(self: Arc<Self>, contact: Contact) {
        let request = CompleteContactRequest {
            request_id: self.dice.request_id(),
            id: contact.id.clone(),
            agent: self.worker.agent.to_owned(),
        };
        let router = &self.clients.router;
        let patience = Patience(Duration::from_secs(600));
        let done = patiently(&self.dice, patience, || async {
            router.clone().complete_contact(request.clone()).await
        });
        match done.await {
            Ok(answer) => {
                let state = answer.contact.unwrap_or_default().state;
                let mut facts = self.facts.lock();
                facts.ended.insert(contact.id.clone(), state.into());
                facts.talk(&contact.session).change(|talk| talk.is_over = true);
            }
            Err(status) => {
                self.note(&format!("can't complete {}: {}", contact.session, shown(&status)));
                if !is_unknown(&status) {
                    let refused = (contact.id, self.worker.agent.to_owned());
                    self.facts.lock().not_completed.push(refused);
                }
            }
        }
    }

    async fn hand_off(self: &Arc<Self>, contact: &Contact, visit: &Visit) {
        let identity =
            Identity { kind: "member_id".to_owned(), value: account_of(visit.number), unverified: false };
        let request = CreateHandoffRequest {
            request_id: self.dice.request_id(),
            work_order: format!("WO-{}", visit.number),
            agent: self.worker.agent.to_owned(),
            source: Some(Session { platform: contact.platform.clone(), session: contact.session.clone() }),
            customer: Some(Customer { identities: vec![identity] }),
            remaining_work: Some(RemainingWork { summary: "papers".to_owned(), ..RemainingWork::default() }),
            faces: vec![Face::Digits.into()],
            ttl: Some(prost_types::Duration { seconds: visit.code_lasts_s, nanos: 0 }),
            ..CreateHandoffRequest::default()
        };
        let issuer = &self.clients.issuer;
        let created = patiently(&self.dice, PATIENCE, || async {
            issuer.clone().create_handoff(request.clone()).await
        });
        let (handoff, access) = match created.await {
            Ok(created) => (created.handoff.unwrap_or_default(), created.access_info.unwrap_or_default()),
            Err(status) => {
                self.note(&format!("gets no handoff for {}: {}", contact.session, shown(&status)));
                return self.complete(contact).await;
            }
        };
        let target = handoff.target.unwrap_or_default().platform;
        self.note(&format!("hands {} off to {target}", contact.session));
        {
            let source = (contact.platform.clone(), contact.session.clone());
            let issued = Issued { customer: visit.number, source, target: target.clone() };
            let mut facts = self.facts.lock();
            facts.issued.insert(handoff.id.clone(), issued);
            if self.dice.percent(50) {
                // The agent reads it aloud, whether or not it was delivered.
                let code = access.faces.into_iter().next().map(|face| (face.display, target));
                facts.talk(&contact.session).change(|talk| talk.card = code.or(talk.card.take()));
            }
        }
        if self.dice.percent(self.worker.cancels_percent) {
            sleep(Duration::from_millis(self.dice.between(200, 9_000).into())).await;
            self.cancel(&handoff.id).await;
        }
        if self.dice.percent(10) {
            sleep(Duration::from_millis(self.dice.between(200, 9_000).into())).await;
            self.reissue(&handoff.id, contact).await;
        }
        self.follow(&handoff.id, contact).await;
    }

    async fn reissue(&self, handoff: &str, contact: &Contact) {
        let ttl = Some(prost_types::Duration { seconds: 60, nanos: 0 });
        let request = ReissueCodeRequest { request_id: self.dice.request_id(), id: handoff.to_owned(), ttl };
        let issuer = &self.clients.issuer;
        let issued =
            patiently(&self.dice, PATIENCE, || async { issuer.clone().reissue_code(request.clone()).await });
        match issued.await {
            Ok(issued) => {
                self.note(&format!("has a new code for {}", contact.session));
                let target = issued.handoff.unwrap_or_default().target.unwrap_or_default().platform;
                let code = issued
                    .access_info
                    .unwrap_or_default()
                    .faces
                    .into_iter()
                    .next()
                    .map(|face| (face.display, target));
                self.facts.lock().talk(&contact.session).change(|talk| talk.card = code.or(talk.card.take()));
            }
            Err(status) => {
                self.note(&format!("gets no new code for {}: {}", contact.session, shown(&status)))
            }
        }
    }

    /// Somebody else has entered the code, or so the agent is told.
    async fn revoke(&self, handoff: &str) {
        let request = RevokeHandoffRequest { request_id: self.dice.request_id(), id: handoff.to_owned() };
        let issuer = &self.clients.issuer;
        if patiently(&self.dice, PATIENCE, || async { issuer.clone().revoke_handoff(request.clone()).await })
            .await
            .is_ok()
        {
            self.note("has taken the switch back");
            self.facts.lock().revoked.push(handoff.to_owned());
        }
    }

    async fn cancel(&self, handoff: &str) {
        let request = CancelHandoffRequest { request_id: self.dice.request_id(), id: handoff.to_owned() };
        let issuer = &self.clients.issuer;
        if patiently(&self.dice, PATIENCE, || async { issuer.clone().cancel_handoff(request.clone()).await })
            .await
            .is_ok()
        {
            self.note("has cancelled the handoff");
            self.facts.lock().cancelled.push(handoff.to_owned());
        }
    }

    /// Waits for the end of the handoff; should the customer have stayed, the conversation goes on to its end.
    async fn follow(self: &Arc<Self>, handoff: &str, contact: &Contact) {
        loop {
            sleep(Duration::from_secs(3)).await;
            let request = GetHandoffRequest { id: handoff.to_owned() };
            let Ok(answer) = self.clients.issuer.clone().get_handoff(request).await else { continue };
            match answer.into_inner().handoff.unwrap_or_default().state() {
                HandoffState::Switched if self.dice.percent(self.worker.revokes_percent) => {
                    return self.revoke(handoff).await;
                }
                HandoffState::Switched | HandoffState::Revoked => return,
                HandoffState::Expired | HandoffState::Cancelled | HandoffState::Failed => {
                    return self.complete(contact).await;
                }
                _ => {}
            }
        }
    }
}
