use std::collections::HashSet;

use segue_core::CallerId;
use segue_runtime::audit::object;
use segue_store::{
    audit::{Change, DONE, Entry},
    command::Decided,
    outbox::OwedCall,
};

use crate::domain::{
    handoff::{Handoff, State},
    turn::{
        Attempt, CallOutcome, Cancelled, Created, Creation, Ended, Needs, Owed, Redeemed, Reissue, Reissued,
        Revoked, Settled, Turn,
    },
};

/// A decision to be made.
#[derive(Debug)]
pub(crate) enum Command {
    Create(Box<Creation>),
    Reissue(Box<Reissue>),
    /// An attempt, and who makes it, for the audit log.
    Redeem(Box<Attempt>, CallerId),
    /// A handoff, and the trace context of the request.
    Cancel(String, String),
    /// A handoff, and the trace context of the request.
    Revoke(String, String),
    /// An owed call, and what it has led to.
    Settle(OwedCall, CallOutcome),
    /// Handoffs whose time may be over.
    Expire(Vec<String>),
    /// To count anew how many unbound codes live.
    Recount,
}

/// What comes of a decision.
#[derive(Debug)]
pub(crate) enum Answer {
    Created(Created),
    Reissued(Reissued),
    Redeemed(Redeemed),
    Cancelled(Cancelled),
    Revoked(Revoked),
    Settled(Settled),
    Expired(Vec<(Ended, Owed)>),
    Recounted,
}

impl Command {
    /// What is to be read for it.
    pub(super) fn needs(&self, needs: &mut Needs) {
        match self {
            Self::Create(new) => new.needs(needs),
            Self::Reissue(new) => new.needs(needs),
            Self::Redeem(attempt, _) => attempt.needs(needs),
            Self::Cancel(id, _) | Self::Revoke(id, _) => {
                needs.handoffs.insert(id.clone());
            }
            Self::Settle(_, CallOutcome::Done) | Self::Recount => {}
            Self::Settle(call, _) => {
                needs.handoffs.insert(call.subject.clone());
            }
            Self::Expire(ids) => needs.handoffs.extend(ids.iter().cloned()),
        }
    }

    /// Decides it. Answers also what is kept of it, and what the audit log records of an act that is no request's.
    pub(super) fn decide<'c>(&'c self, turn: &mut Turn<'c>) -> (Answer, Decided, Option<Entry>) {
        match self {
            Self::Create(new) => {
                let created = turn.create(new);
                let decided = match &created {
                    Created::Done { handoff, .. } => done(handoff, issued(handoff)),
                    Created::InProgress | Created::Collision => Decided::default(),
                };
                (Answer::Created(created), decided, None)
            }
            Self::Reissue(new) => {
                let reissued = turn.reissue(new);
                let decided = match &reissued {
                    Reissued::Done { handoff, .. } => done(handoff, issued(handoff)),
                    Reissued::Changed | Reissued::Collision => Decided::default(),
                };
                (Answer::Reissued(reissued), decided, None)
            }
            Self::Redeem(attempt, caller) => {
                let redeemed = turn.redeem(attempt);
                let entry = match &redeemed {
                    Redeemed::Won { handoff, .. } => Some(entry(handoff, attempt, caller, turn.now_ms)),
                    _ => None,
                };
                let wrote = redeemed.has_changed_something();
                (Answer::Redeemed(redeemed), Decided { wrote, ..Decided::default() }, entry)
            }
            Self::Cancel(id, trace_parent) => {
                let cancelled = turn.cancel(id, trace_parent);
                let decided = match &cancelled {
                    Cancelled::Done { handoff, .. } => done(handoff, moved(State::Issued, handoff)),
                    Cancelled::NotFound | Cancelled::NotAllowed(_) => Decided::default(),
                };
                (Answer::Cancelled(cancelled), decided, None)
            }
            Self::Revoke(id, trace_parent) => {
                let revoked = turn.revoke(id, trace_parent);
                let decided = match &revoked {
                    Revoked::Done { handoff, from, .. } => done(handoff, moved(*from, handoff)),
                    Revoked::NotFound | Revoked::NotAllowed(_) | Revoked::TooLate => Decided::default(),
                };
                (Answer::Revoked(revoked), decided, None)
            }
            Self::Settle(call, outcome) => {
                let settled =
                    turn.settle_call(&call.id, &call.kind, &call.subject, outcome, &call.trace_parent);
                (Answer::Settled(settled), wrote(), None)
            }
            Self::Expire(ids) => (Answer::Expired(turn.expire(ids)), wrote(), None),
            Self::Recount => (Answer::Recounted, wrote(), None),
        }
    }
}

impl Answer {
    /// Leaves of the calls that are to be made now those that are the first of their lanes; the dispatcher makes the others.
    pub(super) fn keep_leased(&mut self, leased: &HashSet<String>) {
        let keep = |calls: &mut Vec<Owed>| calls.retain(|call| leased.contains(&call.id));
        match self {
            Self::Created(Created::Done { calls, .. })
            | Self::Reissued(Reissued::Done { calls, .. })
            | Self::Revoked(Revoked::Done { calls, .. }) => keep(calls),
            Self::Redeemed(Redeemed::Won { admit: call, .. })
            | Self::Cancelled(Cancelled::Done { release: call, .. }) => {
                call.is_leased = leased.contains(&call.id);
            }
            Self::Settled(settled) => {
                settled.follows = settled.follows.take().filter(|call| leased.contains(&call.id))
            }
            Self::Expired(ended) => {
                for (_, call) in ended {
                    call.is_leased = leased.contains(&call.id);
                }
            }
            _ => {}
        }
    }
}

fn wrote() -> Decided {
    Decided { wrote: true, ..Decided::default() }
}

fn done(handoff: &Handoff, change: Change) -> Decided {
    Decided { kept: Some(handoff.id.clone().into_bytes()), change: Some(change), wrote: true }
}

/// For the audit log: whose customer may go where with the new code.
fn issued(handoff: &Handoff) -> Change {
    let generation = handoff.generation.to_string();
    Change {
        resource: format!("handoff/{}", handoff.id),
        old_value: String::new(),
        new_value: object(&[
            ("agent", &handoff.agent),
            ("source_platform", &handoff.source.platform),
            ("target_platform", &handoff.target.platform),
            ("bound", if handoff.is_bound() { "yes" } else { "no" }),
            ("generation", &generation),
        ]),
    }
}

/// For the audit log: what state an act has brought a handoff into.
fn moved(from: State, handoff: &Handoff) -> Change {
    Change {
        resource: format!("handoff/{}", handoff.id),
        old_value: object(&[("state", from.name())]),
        new_value: object(&[("state", handoff.state().name())]),
    }
}

fn entry(handoff: &Handoff, attempt: &Attempt, caller: &CallerId, now_ms: i64) -> Entry {
    let Change { resource, old_value, new_value } = moved(State::Issued, handoff);
    Entry {
        at_ms: now_ms,
        subject: caller.subject().to_owned(),
        method: "RedeemCode".to_owned(),
        resource,
        request_id: attempt.request.rsplit('/').next().unwrap_or_default().to_owned(),
        outcome: DONE.to_owned(),
        occurrences: 1,
        old_value,
        new_value,
    }
}
