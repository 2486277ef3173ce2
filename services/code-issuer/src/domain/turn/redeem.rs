use std::time::Duration;

use segue_core::new_id;

use super::{Needs, Owed, Turn};
use crate::domain::{
    call,
    code::{Candidate, Code, DeadCode},
    guessing::{Allowance, Guessing, Waiting},
    handoff::{Handoff, Redemption, State},
};

/// An attempt to redeem a code.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The request's id within its caller's ([`segue_core::CallerId::scoped`]).
    pub request: String,
    /// The codes that what was entered may stand for.
    pub codes: Vec<Candidate>,
    /// Who is entering it.
    pub guessing: Guessing,
    /// Where it is entered.
    pub platform: String,
    /// In which session there.
    pub session: String,
    /// For how long the redemption can be taken back, in milliseconds; 0 for never.
    pub revoke_grace_ms: i64,
    /// W3C trace context of the request.
    pub trace_parent: String,
}

/// What became of it.
#[derive(Debug)]
pub enum Redeemed {
    /// This attempt won; the call is to be made now.
    Won {
        /// The handoff.
        handoff: Box<Handoff>,
        /// To be made now.
        admit: Owed,
    },
    /// The same request, or the same conversation with the same code, won before; and how long whoever asks has to wait to try another
    /// one.
    Repeated(Box<Handoff>, Option<Waiting>),
    /// The request id redeemed another code, or elsewhere.
    RequestIdReused,
    /// The code was this account's, and is none any more.
    Dead {
        /// The handoff's id.
        handoff: String,
        /// Why.
        code: DeadCode,
    },
    /// No live code of this platform and account has any of the hashes.
    NotAccepted,
    /// Too many wrong codes before; none that could have been right was looked up. The time until the next may be tried, and whose
    /// limit it is: empty where others have used it up.
    TooManyAttempts(Waiting),
}

impl Redeemed {
    /// Whether the code was spent, or a guess was counted.
    pub fn has_changed_something(&self) -> bool {
        match self {
            Self::Won { .. } | Self::NotAccepted => true,
            Self::TooManyAttempts(waiting) => waiting.guesser.is_empty(),
            Self::Repeated(..) | Self::RequestIdReused | Self::Dead { .. } => false,
        }
    }
}

impl Attempt {
    /// What is to be read for it.
    pub fn needs(&self, needs: &mut Needs) {
        needs.redemptions.extend(self.stored_requests().map(str::to_owned));
        self.codes.iter().flat_map(Candidate::hashes).for_each(|hash| needs.code(hash));
        needs.guessers.extend(self.guessing.keys().cloned());
        needs.under.extend(self.guessing.claimed.iter().cloned());
        needs.under.insert(self.platform.clone());
    }

    /// The request as it may be stored: programs of before 0.2 stored the id alone.
    pub fn stored_requests(&self) -> impl Iterator<Item = &str> {
        [Some(self.request.as_str()), self.request.rsplit('/').next()].into_iter().flatten()
    }

    /// The hashes that may be looked up.
    fn allowed(&self, allowance: Allowance) -> impl Iterator<Item = &String> {
        let also_unbound = allowance.bound_only.is_none();
        self.codes.iter().take(allowance.codes).flat_map(move |code| {
            let unbound = if also_unbound { code.unbound.as_slice() } else { &[] };
            unbound.iter().chain(&code.bound)
        })
    }

    fn all_hashes(&self) -> impl Iterator<Item = &String> {
        self.codes.iter().flat_map(Candidate::hashes)
    }

    /// Whether the same caller redeemed the handoff for the same conversation, with any face of the code.
    fn has_won(&self, code: &Code, handoff: &Handoff) -> bool {
        let caller = |request: &str| request.rsplit_once('/').map(|(caller, _)| caller.to_owned());
        handoff.stage.redemption().is_some_and(|redemption| {
            !redemption.request.is_empty()
                && caller(&redemption.request) == caller(&self.request)
                && code.generation == handoff.generation
                && handoff.target.platform == self.platform
                && redemption.session == self.session
        })
    }
}

impl Turn<'_> {
    /// Redeems the code with any of the hashes, if it's live: one winner, whoever asks at the same time (I1).
    pub fn redeem(&mut self, attempt: &Attempt) -> Redeemed {
        if let Some(repeated) = self.redeemed_by(attempt) {
            return repeated;
        }
        let mut allowance = match attempt.guessing.allowance(&self.guesses, self.now_ms) {
            Ok(allowance) => allowance,
            // What is refused is not looked up and so is no guess; counting it would lock patient people out with the others.
            Err(waiting) => {
                return self.won_or_wait(attempt, waiting);
            }
        };
        allowance.codes = allowance.codes.min(attempt.codes.len());
        if let Some(hash) = attempt.allowed(allowance).find(|hash| self.opens(attempt, hash)).cloned() {
            return self.win(attempt, &hash);
        }
        if let Some(known) = self.formerly(attempt, allowance) {
            return known;
        }
        // Right codes are not counted, so that a success resets nothing.
        let id = new_id("guess", self.now_ms, &self.random);
        self.count_guess(&id, &attempt.guessing, allowance.codes);
        self.count_wrong(&attempt.platform, &attempt.guessing, allowance);
        let others = |wait: Duration| Waiting { wait, guesser: String::new() };
        allowance.bound_only.map_or(Redeemed::NotAccepted, |wait| Redeemed::TooManyAttempts(others(wait)))
    }

    /// What an attempt would be answered that has no guess left; none when it has to be decided: a guess is left, or the same request
    /// has redeemed something.
    pub fn without_a_guess(&self, attempt: &Attempt) -> Option<Redeemed> {
        let waiting = attempt.guessing.allowance(&self.guesses, self.now_ms).err()?;
        if self.redeemed_by(attempt).is_some() {
            return None;
        }
        Some(self.won_or_wait(attempt, waiting))
    }

    /// Whether a guess is left.
    pub fn has_a_guess(&self, attempt: &Attempt) -> bool {
        attempt.guessing.allowance(&self.guesses, self.now_ms).is_ok()
    }

    fn won_or_wait(&self, attempt: &Attempt, waiting: Waiting) -> Redeemed {
        match self.won_here(attempt) {
            Some(handoff) => Redeemed::Repeated(handoff, Some(waiting)),
            None => Redeemed::TooManyAttempts(waiting),
        }
    }

    /// What the same request has redeemed before.
    fn redeemed_by(&self, attempt: &Attempt) -> Option<Redeemed> {
        let held = self.handoffs.values().map(|held| &held.handoff);
        let (handoff, redemption) =
            held.filter_map(|handoff| Some((handoff, handoff.stage.redemption()?))).find(
                |(_, redemption)| attempt.stored_requests().any(|stored| stored == redemption.request),
            )?;
        let same = attempt.all_hashes().any(|hash| *hash == redemption.hash)
            && handoff.target.platform == attempt.platform
            && redemption.session == attempt.session;
        Some(if same {
            Redeemed::Repeated(Box::new(handoff.clone()), None)
        } else {
            Redeemed::RequestIdReused
        })
    }

    /// Whether the code moves its handoff to REDEEMED: a live, unexpired code of this platform does while it bears the wrong codes that
    /// were tried since it was issued. What others claim of an account doesn't keep its owner from a code that is bound to it.
    fn opens(&self, attempt: &Attempt, hash: &str) -> bool {
        self.known_code(hash).is_some_and(|(code, handoff)| {
            handoff.has_live_code(self.now_ms)
                && handoff.target.platform == attempt.platform
                && handoff.generation == code.generation
                && ((handoff.is_bound() && attempt.guessing.vouched) || !self.is_retired(code))
        })
    }

    fn win(&mut self, attempt: &Attempt, hash: &str) -> Redeemed {
        let now_ms = self.now_ms;
        let grace_ms = attempt.revoke_grace_ms;
        let redemption = Redemption {
            request: attempt.request.clone(),
            hash: hash.to_owned(),
            session: attempt.session.clone(),
            revocable_until: (grace_ms > 0).then(|| now_ms.saturating_add(grace_ms)),
        };
        let Some(id) = self.known_code(hash).map(|(_, handoff)| handoff.id.clone()) else {
            return Redeemed::NotAccepted;
        };
        let redeemed = self.change(&id, |handoff| handoff.redeem(redemption, now_ms));
        let (Some(Ok(())), Some(handoff)) = (redeemed, self.handoff(&id).cloned()) else {
            return Redeemed::NotAccepted;
        };
        self.count_live(&handoff, -1);
        self.kill_codes(&id);
        let admit = self.owe(call::ADMIT, &id, &attempt.trace_parent);
        Redeemed::Won { handoff: Box::new(handoff), admit }
    }

    /// What the code was, for those who may know: the conversation that redeemed it, and the account that it was bound to.
    fn formerly(&self, attempt: &Attempt, allowance: Allowance) -> Option<Redeemed> {
        for (code, handoff) in attempt.allowed(allowance).filter_map(|hash| self.known_code(hash)) {
            if attempt.has_won(code, handoff) {
                return Some(Redeemed::Repeated(Box::new(handoff.clone()), None));
            }
            if let Some(dead) = death(code, handoff, self.now_ms) {
                return Some(Redeemed::Dead { handoff: handoff.id.clone(), code: dead });
            }
        }
        let won = if allowance.bound_only.is_some() { self.won_here(attempt) } else { None };
        won.map(|handoff| Redeemed::Repeated(handoff, None))
    }

    /// The handoff that this conversation has redeemed with the code before, by whatever request: a reload, a second tap.
    fn won_here(&self, attempt: &Attempt) -> Option<Box<Handoff>> {
        let known = attempt.all_hashes().filter_map(|hash| self.known_code(hash));
        let mut won = known.filter(|(code, handoff)| attempt.has_won(code, handoff));
        won.next().map(|(_, handoff)| Box::new(handoff.clone()))
    }

    fn known_code(&self, hash: &str) -> Option<(&Code, &Handoff)> {
        let code = self.codes.get(hash)?;
        Some((code, self.handoff(&code.handoff)?))
    }
}

/// Why a code doesn't work; of no concern where anybody may have entered it.
fn death(code: &Code, handoff: &Handoff, now_ms: i64) -> Option<DeadCode> {
    match handoff.state_at(now_ms) {
        _ if !handoff.is_bound() => None,
        _ if code.generation < handoff.generation => Some(DeadCode::Replaced),
        State::Redeemed | State::Admitted | State::Switched | State::Failed | State::Revoked => {
            Some(DeadCode::AlreadyUsed)
        }
        State::Cancelled => Some(DeadCode::Cancelled),
        State::Expired => Some(DeadCode::Expired),
        // It lives, and was refused all the same.
        State::Issued => Some(DeadCode::Retired),
    }
}
