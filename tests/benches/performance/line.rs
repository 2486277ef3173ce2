//! Contacts while others wait. Each caller's agent takes the head of the line, and a new contact is submitted for it, so that the line
//! keeps its length.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use segue_proto::router::v1::{ContactState, ListContactsRequest};
use tonic::Status;

use crate::{callers::over, contact, system::System};

const PLATFORM: &str = "line";
/// More than callers: a contact that is submitted while all callers are busy finds an agent.
const SPARE: usize = 36;

pub struct Line {
    system: Arc<System>,
    callers: usize,
    waiting: Mutex<usize>,
    /// What each caller's agent has.
    taken: Vec<Mutex<Option<String>>>,
}

impl Line {
    pub async fn prepare(system: &Arc<System>, callers: usize) -> Arc<Self> {
        let signed_in = system.clone();
        over(callers, (0..callers + SPARE).collect(), move |number| {
            let system = signed_in.clone();
            async move { system.sign_in(number, &agent(number), &[PLATFORM], 100).await }
        })
        .await;
        let taken = (0..callers).map(|_| Mutex::default()).collect();
        Arc::new(Self { system: system.clone(), callers, waiting: Mutex::new(0), taken })
    }

    /// Submits until so many wait; false when that takes too long.
    pub async fn fill(self: &Arc<Self>, waiting: usize, time: Duration) -> bool {
        let there = *self.waiting.lock().unwrap();
        if waiting <= there {
            return true;
        }
        // At first each agent takes one.
        let missing = waiting - there + if there == 0 { self.callers + SPARE } else { 0 };
        let (this, deadline) = (self.clone(), Instant::now() + time);
        over(self.callers, (0..missing).collect(), move |number| {
            let this = this.clone();
            async move { if Instant::now() < deadline { this.submit(number).await } else { Ok(()) } }
        })
        .await;
        *self.waiting.lock().unwrap() = waiting;
        Instant::now() < deadline
    }

    /// Whether anybody waits.
    pub fn is_empty(&self) -> bool {
        *self.waiting.lock().unwrap() == 0
    }

    async fn submit(&self, caller: usize) -> Result<(), Status> {
        let system = &self.system;
        let contact = contact::submit(system, caller, PLATFORM, &format!("line-{}", system.number())).await?;
        if contact.state() != ContactState::Offered {
            return Ok(());
        }
        contact::accept(system, caller, contact.id.clone(), contact.agent.clone()).await?;
        if let Some(taken) = (0..self.callers).find(|caller| agent(*caller) == contact.agent) {
            *self.taken[taken].lock().unwrap() = Some(contact.id);
        }
        Ok(())
    }

    /// The same four calls without a line.
    pub async fn without(&self, caller: usize) -> Result<(), Status> {
        let system = &self.system;
        let contact = contact::submit(system, caller, PLATFORM, &format!("line-{}", system.number())).await?;
        self.offered(caller, &contact.agent).await?;
        contact::accept(system, caller, contact.id.clone(), contact.agent.clone()).await?;
        contact::complete(system, caller, contact.id, contact.agent).await
    }

    /// One is submitted, one is completed, and the next is taken.
    pub async fn next(&self, caller: usize) -> Result<(), Status> {
        let (system, agent) = (&self.system, agent(caller));
        contact::submit(system, caller, PLATFORM, &format!("line-{}", system.number())).await?;
        let current = self.taken[caller].lock().unwrap().take();
        if let Some(id) = current {
            contact::complete(system, caller, id, agent.clone()).await?;
        }
        let next = self.offered(caller, &agent).await?;
        let next = next.ok_or_else(|| Status::unavailable("nothing is offered, though others wait"))?;
        contact::accept(system, caller, next.clone(), agent).await?;
        *self.taken[caller].lock().unwrap() = Some(next);
        Ok(())
    }

    async fn offered(&self, caller: usize, agent: &str) -> Result<Option<String>, Status> {
        let request = ListContactsRequest {
            agent: agent.to_owned(),
            state: ContactState::Offered.into(),
            page_size: 1,
            ..Default::default()
        };
        let listed = self.system.clients(caller).router.list_contacts(request).await?.into_inner();
        Ok(listed.contacts.into_iter().next().map(|contact| contact.id))
    }
}

fn agent(number: usize) -> String {
    format!("line-{number}")
}
