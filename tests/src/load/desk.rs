//! A desk and its customer: a contact, its handoff, the code that is entered, and the end of the conversation.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use segue_proto::{
    common::v1::ErrorReason,
    issuer::v1::{
        CreateHandoffRequest, GetHandoffRequest, GetHandoffResponse, RedeemCodeRequest, RedeemCodeResponse,
    },
    router::v1::{AcceptContactRequest, CompleteContactRequest, Contact, SubmitContactRequest},
};
use segue_runtime::reason_of;
use segue_testkit::request_id;
use tokio::time::{Instant, sleep_until};
use tonic::Status;

use super::{SKILL, SOURCE, Shared, handoff_of};
use crate::Fixture;

/// One handoff as its callers know it: what they were told. A part that was not told is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// Whose.
    pub desk: usize,
    /// When its first call was made.
    pub began: Instant,
    /// When its last call was answered.
    pub ended: Instant,
    /// The conversation at the source.
    pub session: String,
    /// The contact there.
    pub contact: String,
    /// The agent.
    pub agent: String,
    /// The handoff.
    pub handoff: String,
    /// The conversation at the target.
    pub target_session: String,
    /// The contact there.
    pub target_contact: String,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a story ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All was answered.
    Done,
    /// A step was refused; only when commits may have been lost.
    Refused(String),
}

pub(super) async fn work(shared: Arc<Shared>, desk: usize) {
    while let Some(number) = shared.next().await {
        let story = shared.play(desk, number).await;
        shared.stories.lock().unwrap().push(story);
    }
}

impl Shared {
    /// The number of the next handoff, once it is time.
    async fn next(&self) -> Option<usize> {
        let is_closing = || self.is_closing.load(Ordering::SeqCst);
        if is_closing() {
            return None;
        }
        let number = self.number.fetch_add(1, Ordering::SeqCst);
        if self.plan.handoffs.is_some_and(|all| number >= all) {
            return None;
        }
        if let Some(rate) = self.plan.per_second {
            sleep_until(self.began + Duration::from_secs_f64(number as f64 / rate)).await;
            if is_closing() {
                return None;
            }
        }
        Some(number)
    }

    async fn play(&self, desk: usize, number: usize) -> Story {
        let began = Instant::now();
        let mut story = Story {
            desk,
            began,
            ended: began,
            session: format!("call-{number}"),
            contact: String::new(),
            agent: String::new(),
            handoff: String::new(),
            target_session: String::new(),
            target_contact: String::new(),
            outcome: Outcome::Done,
        };
        let may_lose = || self.may_lose.load(Ordering::SeqCst);
        if let Err((step, status)) = self.steps(&mut story, number).await {
            if !may_lose() {
                let (reason, handoff) = (reason_of(&status), self.handoff(&story.handoff).await);
                panic!("{step} was refused: {reason:?}, {status:?} in {story:?}: {handoff:?}");
            }
            story.outcome = Outcome::Refused(format!("{step}: {:?}", reason_of(&status)));
        }
        story.ended = Instant::now();
        story
    }

    async fn steps(&self, story: &mut Story, number: usize) -> Result<(), (&'static str, Status)> {
        let contact = self.submit(&story.session).await.map_err(|status| ("SubmitContact", status))?;
        story.contact.clone_from(&contact.id);
        story.agent.clone_from(&contact.agent);
        assert!(!contact.agent.is_empty(), "no agent is free: {contact:?}");
        self.accept(&contact).await.map_err(|status| ("AcceptContact", status))?;
        let (request, account) = handoff_of(story.desk, &story.session);
        let request = CreateHandoffRequest { agent: contact.agent.clone(), ..request };
        let issued = self.calls.insist(|mut clients| {
            let request = request.clone();
            async move { clients.issuer.create_handoff(request).await }
        });
        let issued = issued.await.map_err(|status| ("CreateHandoff", status))?;
        story.handoff = issued.handoff.as_ref().unwrap().id.clone();
        let code = Fixture::digits(&issued);
        let redemption = |conversation: &str| RedeemCodeRequest {
            account: account.clone(),
            ..Fixture::redemption(&code, conversation)
        };
        let session = format!("app-{number}");
        let redeemed = if number.is_multiple_of(self.plan.doubled) {
            let rival = format!("app-{number}-too");
            self.redeem_twice([redemption(&session), redemption(&rival)]).await
        } else {
            self.redeem(redemption(&session)).await.map(|redeemed| (session, redeemed))
        };
        let (session, redeemed) = redeemed.map_err(|status| ("RedeemCode", status))?;
        assert_eq!((&redeemed.handoff_id, &redeemed.agent), (&story.handoff, &story.agent));
        story.target_session = session;
        story.target_contact.clone_from(&redeemed.contact_id);
        self.complete(&redeemed).await.map_err(|status| ("CompleteContact", status))
    }

    /// What the issuer has of it, for whoever looks for the cause of a failure.
    async fn handoff(&self, id: &str) -> Result<GetHandoffResponse, Status> {
        let request = GetHandoffRequest { id: id.to_owned() };
        let found = self.calls.insist(|mut clients| {
            let request = request.clone();
            async move { clients.issuer.get_handoff(request).await }
        });
        found.await
    }

    async fn submit(&self, session: &str) -> Result<Contact, Status> {
        let request = SubmitContactRequest {
            request_id: request_id(),
            platform: SOURCE.to_owned(),
            session: session.to_owned(),
            skills: vec![SKILL.to_owned()],
            ..Default::default()
        };
        let submitted = self.calls.insist(|mut clients| {
            let request = request.clone();
            async move { clients.router.submit_contact(request).await }
        });
        Ok(submitted.await?.contact.unwrap())
    }

    async fn accept(&self, contact: &Contact) -> Result<(), Status> {
        let (id, agent) = (contact.id.clone(), contact.agent.clone());
        let request = AcceptContactRequest { request_id: request_id(), id, agent };
        let accepted = self.calls.insist(|mut clients| {
            let request = request.clone();
            async move { clients.router.accept_contact(request).await }
        });
        accepted.await.map(drop)
    }

    async fn redeem(&self, request: RedeemCodeRequest) -> Result<RedeemCodeResponse, Status> {
        let redeemed = self.calls.insist(|mut clients| {
            let request = request.clone();
            async move { clients.issuer.redeem_code(request).await }
        });
        redeemed.await
    }

    /// The same code in two conversations at once: one of them wins, and the other is told so.
    async fn redeem_twice(
        &self,
        requests: [RedeemCodeRequest; 2],
    ) -> Result<(String, RedeemCodeResponse), Status> {
        let sessions = requests.each_ref().map(|request| request.session.clone());
        let [one, other] = requests;
        let (one, other) = tokio::join!(self.redeem(one), self.redeem(other));
        let ((session, won), lost) = match (one, other) {
            (Ok(won), lost) => ((sessions[0].clone(), won), lost),
            (lost, Ok(won)) => ((sessions[1].clone(), won), lost),
            (Err(one), Err(_)) => return Err(one),
        };
        let told = lost.map_err(|status| reason_of(&status));
        // The commit of the first may have been lost before the second came.
        if !self.may_lose.load(Ordering::SeqCst) {
            assert_eq!(told, Err(Some(ErrorReason::CodeAlreadyUsed)), "a code was redeemed twice: {won:?}");
        }
        Ok((session, won))
    }

    async fn complete(&self, redeemed: &RedeemCodeResponse) -> Result<(), Status> {
        let (id, agent) = (redeemed.contact_id.clone(), redeemed.agent.clone());
        let request = CompleteContactRequest { request_id: request_id(), id, agent };
        let completed = self.calls.insist(|mut clients| {
            let request = request.clone();
            async move { clients.router.complete_contact(request).await }
        });
        completed.await.map(drop)
    }
}
