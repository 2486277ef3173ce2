use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use segue_proto::{
    common::v1::{Customer, Identity},
    issuer::v1::{RedeemCodeRequest, RedeemCodeResponse},
    router::v1::{AbandonContactRequest, SubmitContactRequest},
};
use tokio::time::{sleep, timeout};
use tonic::Status;

use super::{
    Clients, Conversation, End, Facts, Patience,
    facts::{Redeemed, Talk},
    patience::is_unknown,
    patiently,
};
use crate::{
    dice::Dice,
    plan::{Manner, Visit},
    world::{PLATFORMS, World, account_of},
};

/// How long the platform's server asks again.
const SERVER: Patience = Patience(Duration::from_secs(30));
/// Nobody stays longer in a conversation than this.
const LONGEST: Duration = Duration::from_secs(240);

/// A customer's visit.
pub async fn customer(world: Arc<World>, clients: Vec<Clients>, facts: Arc<Mutex<Facts>>, visit: Visit) {
    let dice = Dice::of(world.seed, &format!("customer {}", visit.number));
    let visitor = Visitor { world, clients, facts, visit, dice };
    sleep(Duration::from_millis(visitor.visit.arrives_ms)).await;
    let end = visitor.come().await;
    visitor.note(&format!("ends as {end:?}"));
    visitor.facts.lock().ends.entry(visitor.visit.number).or_default().push(end);
}

struct Visitor {
    world: Arc<World>,
    clients: Vec<Clients>,
    facts: Arc<Mutex<Facts>>,
    visit: Visit,
    dice: Dice,
}

impl Visitor {
    fn note(&self, text: &str) {
        self.world.log.note(&format!("customer-{}", self.visit.number), || text.to_owned());
    }

    fn talk(&self, session: &str) -> Conversation {
        self.facts.lock().talk(session)
    }

    async fn come(&self) -> End {
        let session = format!("s{}", self.visit.number);
        let platform = self.visit.platform;
        self.facts.lock().customers.insert(session.clone(), self.visit.number);
        let talk = self.talk(&session);
        let Ok(contact) = self.submit(&session).await else {
            return End::Unheard;
        };
        self.note(&format!("waits on {}", PLATFORMS[platform].0));
        if self.assigned(&talk, self.visit.patience_ms).await.is_none() {
            self.leave(platform, &contact).await;
            return End::Left;
        }
        if self.visit.manner == Manner::Leaves {
            sleep(Duration::from_millis(self.dice.between(100, 9_000).into())).await;
            self.leave(platform, &contact).await;
            return End::Left;
        }
        let shown = async { talk.until(|talk| talk.card.is_some() || talk.is_over).await };
        drop(timeout(LONGEST, shown).await);
        match talk.now() {
            Talk { card: Some((code, target)), is_over: false, .. }
                if self.visit.manner != Manner::Ignores =>
            {
                if let Some(end) = self.switch(&code, &target).await {
                    return end;
                }
            }
            _ => {}
        }
        self.stay(&talk, platform, &contact).await
    }

    /// To the end of the conversation where they are.
    async fn stay(&self, talk: &Conversation, platform: usize, contact: &str) -> End {
        if timeout(LONGEST, talk.until(|talk| talk.is_over)).await.is_ok() {
            return End::Served;
        }
        self.leave(platform, contact).await;
        End::Left
    }

    async fn assigned(&self, talk: &Conversation, patience_ms: u64) -> Option<()> {
        let with_agent = talk.until(|talk| talk.agent.is_some() || talk.is_over);
        timeout(Duration::from_millis(patience_ms), with_agent).await.ok()
    }

    async fn submit(&self, session: &str) -> Result<String, Status> {
        let request = SubmitContactRequest {
            request_id: self.dice.request_id(),
            platform: PLATFORMS[self.visit.platform].0.to_owned(),
            session: session.to_owned(),
            customer: Some(Customer { identities: vec![self.identity()] }),
            skills: vec!["claims".to_owned()],
            ..SubmitContactRequest::default()
        };
        let router = &self.clients[self.visit.platform].router;
        let answer =
            patiently(&self.dice, SERVER, || async { router.clone().submit_contact(request.clone()).await });
        let contact =
            answer.await.inspect_err(|status| self.note(&format!("is not heard: {}", shown(status))))?;
        let id = contact.contact.unwrap_or_default().id;
        self.facts.lock().submitted.insert(id.clone(), self.visit.number);
        Ok(id)
    }

    fn identity(&self) -> Identity {
        Identity { kind: "member_id".to_owned(), value: account_of(self.visit.number), unverified: false }
    }

    async fn leave(&self, platform: usize, contact: &str) {
        if contact.is_empty() {
            return;
        }
        let request = AbandonContactRequest { request_id: self.dice.request_id(), id: contact.to_owned() };
        let router = &self.clients[platform].router;
        let left = patiently(&self.dice, Patience(LONGEST), || async {
            router.clone().abandon_contact(request.clone()).await
        });
        match left.await {
            Ok(answer) => {
                let state = answer.contact.unwrap_or_default().state;
                self.facts.lock().ended.insert(contact.to_owned(), state.into());
            }
            Err(status) => self.note(&format!("can't leave {contact}: {}", shown(&status))),
        }
    }

    /// Goes on where they were sent to. None: the code was not taken, and they stay where they were.
    async fn switch(&self, code: &str, target: &str) -> Option<End> {
        sleep(Duration::from_millis(self.dice.between(500, 12_000).into())).await;
        let platform = PLATFORMS.iter().position(|(name, _)| *name == target)?;
        let session = format!("s{}-new", self.visit.number);
        self.facts.lock().customers.insert(session.clone(), self.visit.number);
        let redeemed = match self.visit.manner {
            Manner::EntersWrong => {
                for _ in 0..2 {
                    drop(self.redeem(&wrong(code), platform, &session, &self.dice.request_id()).await);
                }
                self.redeem(code, platform, &session, &self.dice.request_id()).await
            }
            Manner::ClicksTwice => {
                let id = self.dice.request_id();
                let (first, second) = tokio::join!(
                    self.redeem(code, platform, &session, &id),
                    self.redeem(code, platform, &session, &id)
                );
                first.or(second)
            }
            Manner::HasTwoDevices => {
                let (first, second) = (self.dice.request_id(), self.dice.request_id());
                let other = format!("{session}2");
                self.facts.lock().customers.insert(other.clone(), self.visit.number);
                let (first, second) = tokio::join!(
                    self.redeem(code, platform, &session, &first),
                    self.redeem(code, platform, &other, &second)
                );
                first.or(second)
            }
            Manner::GoesElsewhere => {
                let elsewhere = (platform + 1) % PLATFORMS.len();
                if self.redeem(code, elsewhere, &session, &self.dice.request_id()).await.is_ok() {
                    self.facts
                        .lock()
                        .violations
                        .push(format!("{session}: a code was taken on another platform"));
                }
                self.redeem(code, platform, &session, &self.dice.request_id()).await
            }
            _ => self.redeem(code, platform, &session, &self.dice.request_id()).await,
        };
        let (session, contact) = redeemed.ok()?;
        let talk = self.talk(&session);
        if self.assigned(&talk, 100_000).await.is_none() {
            self.leave(platform, &contact).await;
            return Some(End::LeftAfterSwitch);
        }
        match self.stay(&talk, platform, &contact).await {
            End::Served => Some(End::Switched),
            _ => Some(End::LeftAfterSwitch),
        }
    }

    async fn redeem(
        &self,
        code: &str,
        platform: usize,
        session: &str,
        id: &str,
    ) -> Result<(String, String), Status> {
        let has_account = platform >= self.visit.number % PLATFORMS.len();
        let request = RedeemCodeRequest {
            request_id: id.to_owned(),
            code: code.to_owned(),
            platform: PLATFORMS[platform].0.to_owned(),
            session: session.to_owned(),
            account: if has_account { account_of(self.visit.number) } else { String::new() },
            account_verified: has_account,
            source_address: format!("198.51.100.{}", self.visit.number % 200),
        };
        let issuer = &self.clients[platform].issuer;
        let answer =
            patiently(&self.dice, SERVER, || async { issuer.clone().redeem_code(request.clone()).await })
                .await;
        match answer {
            Ok(RedeemCodeResponse { handoff_id, contact_id, .. }) => {
                self.note(&format!("has entered the code on {}", PLATFORMS[platform].0));
                let redeemed = Redeemed {
                    handoff: handoff_id,
                    session: session.to_owned(),
                    contact: contact_id.clone(),
                };
                self.facts.lock().redeemed.push(redeemed);
                Ok((session.to_owned(), contact_id))
            }
            Err(status) => {
                self.note(&format!("has entered a code in vain: {}", shown(&status)));
                if !is_unknown(&status) {
                    self.facts.lock().not_redeemed.push(id.to_owned());
                }
                Err(status)
            }
        }
    }
}

/// A code with one sign changed.
fn wrong(code: &str) -> String {
    let mut signs: Vec<char> = code.chars().collect();
    if let Some(sign) = signs.iter_mut().rev().find(|sign| sign.is_ascii_digit()) {
        *sign =
            if *sign == '9' { '0' } else { char::from(u8::try_from(u32::from(*sign)).unwrap_or(b'0') + 1) };
    }
    signs.into_iter().collect()
}

/// A refusal in short.
pub(super) fn shown(status: &Status) -> String {
    segue_runtime::reason_of(status)
        .map_or_else(|| format!("{:?}", status.code()), |reason| reason.as_str_name().to_owned())
}
