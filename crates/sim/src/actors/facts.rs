use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::sync::watch;

/// How a customer's visit has ended. docs/simulation.md has the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Could not ask for help: no service answered for as long as they tried.
    Unheard,
    /// Left the queue.
    Left,
    /// Was served where they came to.
    Served,
    /// Was served where they were sent to.
    Switched,
    /// Left after the switch.
    LeftAfterSwitch,
}

/// A conversation, as its platform shows it to the customer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Talk {
    /// With an agent.
    pub agent: Option<String>,
    /// The code that was delivered, and where it is to be entered.
    pub card: Option<(String, String)>,
    /// The agent has finished it, or the platform has closed it.
    pub is_over: bool,
}

/// A conversation. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Conversation(Arc<watch::Sender<Talk>>);

impl Default for Conversation {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Talk::default())))
    }
}

impl Conversation {
    /// Changes it.
    pub fn change(&self, change: impl FnOnce(&mut Talk)) {
        self.0.send_modify(change);
    }

    /// As it is.
    pub fn now(&self) -> Talk {
        self.0.borrow().clone()
    }

    /// Waits until it is as wanted.
    pub async fn until(&self, is: impl FnMut(&Talk) -> bool) {
        drop(self.0.subscribe().wait_for(is).await);
    }
}

/// A handoff, as its desk knows it.
#[derive(Debug, Clone)]
pub struct Issued {
    /// Whose.
    pub customer: usize,
    /// Where from.
    pub source: (String, String),
    /// Where to.
    pub target: String,
}

/// A redemption that was answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Redeemed {
    /// The handoff.
    pub handoff: String,
    /// Where the code was entered.
    pub session: String,
    /// The contact, when it was admitted.
    pub contact: String,
}

/// What was answered, and must stay true.
#[derive(Debug, Default)]
pub struct Facts {
    /// Contacts that were taken: whose they are.
    pub submitted: BTreeMap<String, usize>,
    /// Contacts whose end was answered, with the state.
    pub ended: BTreeMap<String, i64>,
    /// Contacts whose completion was refused, and the agents who asked for it, once each.
    pub not_completed: Vec<(String, String)>,
    /// Request ids whose redemption was refused.
    pub not_redeemed: Vec<String>,
    /// Handoffs that were issued.
    pub issued: BTreeMap<String, Issued>,
    /// Handoffs whose cancellation was answered.
    pub cancelled: Vec<String>,
    /// Handoffs whose revocation was answered.
    pub revoked: Vec<String>,
    /// Redemptions that were answered.
    pub redeemed: Vec<Redeemed>,
    /// Sessions that their platform has closed, by handoff: how often it was asked.
    pub closed: BTreeMap<String, u32>,
    /// Sessions whose access information was delivered, by handoff.
    pub delivered: BTreeMap<String, u32>,
    /// Conversations, by session.
    pub talks: BTreeMap<String, Conversation>,
    /// The customers, by session.
    pub customers: BTreeMap<String, usize>,
    /// How their visits have ended.
    pub ends: BTreeMap<usize, Vec<End>>,
    /// Agents whose desk looks on.
    pub desks: BTreeSet<String>,
    /// Agents, and contacts that their desk was told to be with them.
    pub told: BTreeSet<(String, String)>,
    /// Agents whose desk is gone, and the contacts that it had.
    pub left_behind: BTreeSet<(String, String)>,
    /// Wrong guesses that were looked up, by address.
    pub guesses: BTreeMap<String, u32>,
    /// What is wrong.
    pub violations: Vec<String>,
}

impl Facts {
    /// None yet.
    pub fn new() -> Arc<Mutex<Self>> {
        Arc::default()
    }

    /// A conversation.
    pub fn talk(&mut self, session: &str) -> Conversation {
        self.talks.entry(session.to_owned()).or_default().clone()
    }
}
