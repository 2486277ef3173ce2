//! A handoff, its stages and the ways between them.
//!
//! ```text
//! ISSUED -> REDEEMED -> ADMITTED -> SWITCHED
//!   |          |           |-----------'
//!   |          `-> FAILED  `-> REVOKED
//!   |-> EXPIRED
//!   `-> CANCELLED
//! ```
//!
//! A revocation is allowed for a short time after the redemption only. Before the router's answer there is nothing to take
//! back yet: whoever revokes then is told so, and asks again.

use super::locale::Locale;

/// A handoff: what is decided by. What is only kept of it are its [`Documents`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handoff {
    /// Its id.
    pub id: String,
    /// The desk's order.
    pub work_order: String,
    /// The agent who asked for it.
    pub agent: String,
    /// Where the customer is.
    pub source: Conversation,
    /// Where the customer goes on.
    pub target: Target,
    /// How the code gets to the customer.
    pub delivery: Delivery,
    /// How often codes were issued for it.
    pub generation: i32,
    /// Which agents may take the customer, for the router.
    pub agent_policy: Relayed,
    /// The language of texts for the customer.
    pub locale: Locale,
    /// How long its code lives, in milliseconds.
    pub ttl_ms: i64,
    /// Where it stands.
    pub stage: Stage,
    /// What was refused for good, for operators; none for nothing.
    pub failure: Option<String>,
    /// When it was created, in milliseconds since 1970, like all times here.
    pub created_at: i64,
    /// When it changed last.
    pub updated_at: i64,
    /// When its code's time is over.
    pub expires_at: i64,
}

/// What is kept of a handoff and nothing is decided by, encoded as messages of the contract.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Documents {
    /// The explained selection.
    pub selection: Vec<u8>,
    /// What is left to do.
    pub remaining_work: Vec<u8>,
    /// How strong the code is.
    pub strength: Vec<u8>,
}

/// A conversation on a platform.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conversation {
    /// The platform's id.
    pub platform: String,
    /// The session's id there.
    pub session: String,
}

/// Where a customer goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The platform's id.
    pub platform: String,
    /// References of the customer's accounts that the code is bound to; none for a code for whoever has it.
    pub accounts: Vec<String>,
}

/// A value of another service's contract that is kept and handed on; nothing is decided by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Relayed(pub i32);

/// Where a handoff stands, with what is known there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// The code can be entered.
    Issued,
    /// The code was entered.
    Redeemed(Redemption),
    /// The router has the customer.
    Admitted(Redemption, Admission),
    /// The old session is closed.
    Switched(Redemption, Admission),
    /// The code was not entered in time.
    Expired,
    /// Cancelled by the desk.
    Cancelled,
    /// The router refused the customer; the old session stays open.
    Failed(Redemption),
    /// Taken back after the code was entered, because somebody else had entered it.
    Revoked(Redemption, Admission),
}

/// How the code was entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redemption {
    /// The request's id within its caller's.
    pub request: String,
    /// The hash of the code.
    pub hash: String,
    /// The session on the target platform.
    pub session: String,
    /// Until when it can be taken back; none for never.
    pub revocable_until: Option<i64>,
}

/// What the router answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// The contact's id.
    pub contact: String,
    /// The agent who has it; empty for none yet.
    pub agent: String,
    /// The contact's state, as the router's contract has it.
    pub contact_state: Relayed,
}

/// The name of a [`Stage`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// [`Stage::Issued`]
    Issued,
    /// [`Stage::Redeemed`]
    Redeemed,
    /// [`Stage::Admitted`]
    Admitted,
    /// [`Stage::Switched`]
    Switched,
    /// [`Stage::Expired`]
    Expired,
    /// [`Stage::Cancelled`]
    Cancelled,
    /// [`Stage::Failed`]
    Failed,
    /// [`Stage::Revoked`]
    Revoked,
}

/// How the code gets to the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// On its way.
    Pending,
    /// The source platform has it.
    Delivered,
    /// The source platform refused it.
    Failed,
    /// The source platform has no adapter: the agent passes it on.
    ByAgent,
}

/// This can't happen to the handoff where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAllowed(pub State);

impl Handoff {
    /// The state that is stored.
    pub fn state(&self) -> State {
        self.stage.state()
    }

    /// The state at a time: a code that nobody entered is dead at its end, whether the sweep was there or not.
    pub fn state_at(&self, now_ms: i64) -> State {
        if self.is_overdue(now_ms) { State::Expired } else { self.state() }
    }

    /// Whether its code's time is over and nobody has recorded it yet.
    pub fn is_overdue(&self, now_ms: i64) -> bool {
        self.stage == Stage::Issued && self.expires_at <= now_ms
    }

    /// Whether its code can be entered.
    pub fn has_live_code(&self, now_ms: i64) -> bool {
        self.stage == Stage::Issued && self.expires_at > now_ms
    }

    /// Whether its source conversation can have no other handoff.
    pub fn occupies_its_source(&self) -> bool {
        matches!(self.stage, Stage::Issued | Stage::Redeemed(_))
    }

    /// Whether the code is for certain accounts.
    pub fn is_bound(&self) -> bool {
        !self.target.accounts.is_empty()
    }

    /// Whether the platform that the customer comes from has an adapter, through which the code is delivered and the session is closed.
    pub fn has_source_adapter(&self) -> bool {
        self.delivery != Delivery::ByAgent
    }

    /// The customer enters the code.
    pub fn redeem(&mut self, redemption: Redemption, now_ms: i64) -> Result<(), NotAllowed> {
        match self.stage {
            Stage::Issued if self.has_live_code(now_ms) => {
                self.enter(Stage::Redeemed(redemption), now_ms);
                Ok(())
            }
            _ => Err(NotAllowed(self.state_at(now_ms))),
        }
    }

    /// The router takes the customer.
    pub fn admit(&mut self, admission: Admission, now_ms: i64) -> Result<(), NotAllowed> {
        let Stage::Redeemed(redemption) = &self.stage else { return Err(NotAllowed(self.state())) };
        self.enter(Stage::Admitted(redemption.clone(), admission), now_ms);
        Ok(())
    }

    /// The router refuses the customer for good.
    pub fn fail(&mut self, why: &str, now_ms: i64) -> Result<(), NotAllowed> {
        let Stage::Redeemed(redemption) = &self.stage else { return Err(NotAllowed(self.state())) };
        self.enter(Stage::Failed(redemption.clone()), now_ms);
        self.failure = Some(why.to_owned());
        Ok(())
    }

    /// The old session is closed.
    pub fn switch(&mut self, now_ms: i64) -> Result<(), NotAllowed> {
        let Stage::Admitted(redemption, admission) = &self.stage else {
            return Err(NotAllowed(self.state()));
        };
        self.enter(Stage::Switched(redemption.clone(), admission.clone()), now_ms);
        Ok(())
    }

    /// The code's time is over.
    pub fn expire(&mut self, now_ms: i64) -> Result<(), NotAllowed> {
        if !self.is_overdue(now_ms) {
            return Err(NotAllowed(self.state()));
        }
        self.enter(Stage::Expired, now_ms);
        Ok(())
    }

    /// The desk takes the code back, or issues another handoff in its place.
    pub fn cancel(&mut self, now_ms: i64) -> Result<(), NotAllowed> {
        if self.stage != Stage::Issued {
            return Err(NotAllowed(self.state()));
        }
        self.enter(Stage::Cancelled, now_ms);
        Ok(())
    }

    /// The customer or the agent takes the switch back.
    pub fn revoke(&mut self, now_ms: i64) -> Result<(), NotAllowed> {
        let (Stage::Admitted(redemption, admission) | Stage::Switched(redemption, admission)) = &self.stage
        else {
            return Err(NotAllowed(self.state_at(now_ms)));
        };
        self.enter(Stage::Revoked(redemption.clone(), admission.clone()), now_ms);
        Ok(())
    }

    /// A new code takes the place of the one before.
    pub fn reissue(&mut self, ttl_ms: i64, delivery: Delivery, now_ms: i64) -> Result<(), NotAllowed> {
        if !self.has_live_code(now_ms) {
            return Err(NotAllowed(self.state_at(now_ms)));
        }
        self.generation += 1;
        (self.ttl_ms, self.delivery) = (ttl_ms, delivery);
        (self.updated_at, self.expires_at) = (now_ms, now_ms.saturating_add(ttl_ms));
        Ok(())
    }

    fn enter(&mut self, stage: Stage, now_ms: i64) {
        self.stage = stage;
        self.updated_at = now_ms;
    }
}

impl Stage {
    /// Its name.
    pub fn state(&self) -> State {
        match self {
            Self::Issued => State::Issued,
            Self::Redeemed(_) => State::Redeemed,
            Self::Admitted(..) => State::Admitted,
            Self::Switched(..) => State::Switched,
            Self::Expired => State::Expired,
            Self::Cancelled => State::Cancelled,
            Self::Failed(_) => State::Failed,
            Self::Revoked(..) => State::Revoked,
        }
    }

    /// How the code was entered; none before it was.
    pub fn redemption(&self) -> Option<&Redemption> {
        match self {
            Self::Issued | Self::Expired | Self::Cancelled => None,
            Self::Redeemed(redemption)
            | Self::Admitted(redemption, _)
            | Self::Switched(redemption, _)
            | Self::Failed(redemption)
            | Self::Revoked(redemption, _) => Some(redemption),
        }
    }

    /// What the router answered; none before it did.
    pub fn admission(&self) -> Option<&Admission> {
        match self {
            Self::Issued | Self::Expired | Self::Cancelled | Self::Redeemed(_) | Self::Failed(_) => None,
            Self::Admitted(_, admission) | Self::Switched(_, admission) | Self::Revoked(_, admission) => {
                Some(admission)
            }
        }
    }
}

impl State {
    /// All states.
    pub const ALL: [Self; 8] = [
        Self::Issued,
        Self::Redeemed,
        Self::Admitted,
        Self::Switched,
        Self::Expired,
        Self::Cancelled,
        Self::Failed,
        Self::Revoked,
    ];

    /// Whether watchers are done: nothing can happen any more but a revocation, which is too rare to keep the watchers of
    /// every switch waiting.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Switched | Self::Expired | Self::Cancelled | Self::Failed | Self::Revoked)
    }

    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Issued => "ISSUED",
            Self::Redeemed => "REDEEMED",
            Self::Admitted => "ADMITTED",
            Self::Switched => "SWITCHED",
            Self::Expired => "EXPIRED",
            Self::Cancelled => "CANCELLED",
            Self::Failed => "FAILED",
            Self::Revoked => "REVOKED",
        }
    }

    /// Reads its name in the database.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl Delivery {
    const ALL: [Self; 4] = [Self::Pending, Self::Delivered, Self::Failed, Self::ByAgent];

    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Delivered => "DELIVERED",
            Self::Failed => "FAILED",
            Self::ByAgent => "BY_AGENT",
        }
    }

    /// Reads its name in the database.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|delivery| delivery.name() == name)
    }
}

#[cfg(test)]
#[path = "handoff/tests.rs"]
mod tests;
