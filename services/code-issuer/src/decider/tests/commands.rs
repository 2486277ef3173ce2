use segue_core::{CallerId, Random};
use segue_store::{outbox::OwedCall, requests::RequestKey};

use super::replica::key;
use crate::{
    decider::Command,
    domain::{
        call,
        code::{Candidate, DrawnCode},
        guessing::{Guessing, Suspect},
        handoff::{Admission, Conversation, Delivery, Documents, Handoff, Relayed, Stage, Target},
        limits::{Guesser, Limits},
        locale::Locale,
        turn::{Attempt, CallOutcome, Creation, Reissue},
    },
};

type Keyed = (Option<RequestKey>, Command);

/// What a history has made so far.
#[derive(Debug, Default)]
pub(super) struct Shared {
    made: u64,
    /// Codes of handoffs, with the platforms that they are for.
    drawn: Vec<(String, String)>,
    attempts: Vec<Attempt>,
}

/// A command, for each of two databases whose calls have other ids.
pub(super) fn commands(
    random: &Random,
    shared: &mut Shared,
    handoffs: &[Handoff],
    calls: &[OwedCall],
    others: &[OwedCall],
    now_ms: i64,
) -> (Keyed, Keyed) {
    shared.made += 1;
    let key = || key(shared.made);
    let pick = |count: usize| random.below(count.max(1) as u32) as usize;
    let some_id = handoffs.get(pick(handoffs.len())).map_or("handoff_0".to_owned(), |one| one.id.clone());
    match random.below(100) {
        0..30 => {
            let new =
                || Command::Create(Box::new(creation(&Random::seeded(shared.made), shared.made, now_ms)));
            let both = ((key(), new()), (key(), new()));
            if let Command::Create(new) = &both.0.1 {
                let platform = &new.handoff.target.platform;
                shared.drawn.extend(new.codes.iter().map(|code| (platform.clone(), code.hash.clone())));
            }
            both
        }
        30..60 => {
            let attempt = attempt(random, shared);
            let redeem = || Command::Redeem(Box::new(attempt.clone()), CallerId::unauthenticated());
            ((None, redeem()), (None, redeem()))
        }
        60..68 => {
            let Some(before) = handoffs.get(pick(handoffs.len())) else {
                return ((None, Command::Recount), (None, Command::Recount));
            };
            let seed = shared.made;
            let new = || Command::Reissue(Box::new(reissue(&Random::seeded(seed), seed, before)));
            ((key(), new()), (key(), new()))
        }
        68..74 => {
            let cancel = || Command::Cancel(some_id.clone(), "trace".to_owned());
            ((key(), cancel()), (key(), cancel()))
        }
        74..80 => {
            let admitted: Vec<&Handoff> =
                handoffs.iter().filter(|one| one.stage.admission().is_some()).collect();
            let id = admitted.get(pick(admitted.len())).map_or(some_id, |one| one.id.clone());
            let revoke = || Command::Revoke(id.clone(), "trace".to_owned());
            ((key(), revoke()), (key(), revoke()))
        }
        80..96 if !calls.is_empty() => {
            let index = pick(calls.len());
            let outcome = outcome(random, &calls[index]);
            let settle = |calls: &[OwedCall]| Command::Settle(calls[index].clone(), outcome.clone());
            ((None, settle(calls)), (None, settle(others)))
        }
        96..99 => {
            let all: Vec<String> = handoffs.iter().map(|handoff| handoff.id.clone()).collect();
            ((None, Command::Expire(all.clone())), (None, Command::Expire(all)))
        }
        _ => ((None, Command::Recount), (None, Command::Recount)),
    }
}

/// A handoff to be created.
pub(super) fn creation(random: &Random, number: u64, now_ms: i64) -> Creation {
    let accounts = [vec![], vec!["acc_a"], vec!["acc_b"], vec!["acc_a", "acc_b"]];
    let accounts: Vec<String> =
        accounts[random.below(4) as usize].iter().map(|account| (*account).to_owned()).collect();
    let platform = ["app", "web"][random.below(2) as usize].to_owned();
    let ttl_ms = [60_000, 600_000][random.below(2) as usize];
    let handoff = Handoff {
        id: format!("handoff_{number}"),
        work_order: format!("{}", random.below(6)),
        agent: format!("{}", random.below(2)),
        source: Conversation { platform: "hotline".to_owned(), session: format!("s{}", random.below(6)) },
        delivery: [Delivery::Pending, Delivery::ByAgent][random.below(2) as usize],
        generation: 1,
        agent_policy: Relayed(1),
        locale: Locale::En,
        ttl_ms,
        stage: Stage::Issued,
        failure: None,
        created_at: now_ms,
        updated_at: now_ms,
        expires_at: now_ms + ttl_ms,
        target: Target { platform: platform.clone(), accounts: accounts.clone() },
    };
    Creation {
        codes: codes(random, number, &platform, &accounts),
        handoff,
        documents: Documents { selection: vec![1], remaining_work: vec![2], strength: vec![3] },
        sealed_access_info: vec![number as u8],
        limits: limits(),
        trace_parent: String::new(),
    }
}

/// Few enough that some are taken.
fn codes(random: &Random, number: u64, platform: &str, accounts: &[String]) -> Vec<DrawnCode> {
    let under: Vec<String> = if accounts.is_empty() { vec![platform.to_owned()] } else { accounts.to_vec() };
    let code = |(index, under): (usize, &String)| DrawnCode {
        hash: format!("hash {} {index}", if random.below(8) == 0 { 0 } else { number }),
        face: 1,
        budget: u64::from(random.below(4)),
        guessed_under: under.clone(),
    };
    under.iter().enumerate().map(code).collect()
}

fn reissue(random: &Random, number: u64, before: &Handoff) -> Reissue {
    Reissue {
        id: before.id.clone(),
        generation: before.generation,
        ttl_ms: 60_000,
        strength: vec![4],
        delivery: before.delivery,
        limits: limits(),
        codes: codes(random, number, &before.target.platform, &before.target.accounts),
        sealed_access_info: vec![5],
        accounts: before.target.accounts.clone(),
        trace_parent: String::new(),
    }
}

pub(super) fn limits() -> Limits {
    Limits { per_account: 2, per_account_day: 4, per_address: 4, per_network: 5, ..Limits::default() }
}

fn attempt(random: &Random, shared: &mut Shared) -> Attempt {
    if !shared.attempts.is_empty() && random.below(5) == 0 {
        let mut again = shared.attempts[random.below(shared.attempts.len() as u32) as usize].clone();
        match random.below(3) {
            0 => {}
            // A second tap in the same conversation.
            1 => again.request = format!("caller/{}", shared.made),
            _ => again.session = "elsewhere".to_owned(),
        }
        return again;
    }
    let elsewhere = (["app", "web"][random.below(2) as usize].to_owned(), "hash nowhere".to_owned());
    let known = shared.drawn.len() as u32;
    let (platform, hash) = match random.below(5) {
        0 => elsewhere,
        _ if known == 0 => elsewhere,
        // Of the newest, most of which live.
        _ => shared.drawn[(known - 1 - random.below(known.min(6))) as usize].clone(),
    };
    let vouched = random.below(2) == 0;
    let account = ["acc_a", "acc_b"][random.below(2) as usize].to_owned();
    let suspect = |guesser: Guesser, key: String, account: &str| Suspect {
        guesser,
        keys: vec![key],
        account: account.to_owned(),
    };
    let address = format!("address {}", random.below(3));
    let mut suspects = vec![suspect(Guesser::Source, address, "")];
    if vouched {
        suspects.push(suspect(Guesser::Account, format!("account {account}"), &account));
    }
    let attempt = Attempt {
        request: format!("caller/{}", shared.made),
        codes: vec![Candidate { unbound: vec![hash.clone()], bound: vec![hash] }],
        guessing: Guessing {
            suspects,
            shared: if vouched { vec![] } else { vec![suspect(Guesser::Network, "net".to_owned(), "")] },
            claimed: if vouched { vec![] } else { vec![account] },
            vouched,
            guessable: random.below(5) > 0,
            limits: limits(),
        },
        platform,
        session: format!("t{}", random.below(4)),
        revoke_grace_ms: [0, 1_000_000, 1_000_000][random.below(3) as usize],
        trace_parent: String::new(),
    };
    shared.attempts.push(attempt.clone());
    attempt
}

/// An attempt to redeem the code of a handoff, by whoever has it or by its account.
pub(super) fn attempt_at(new: &Creation) -> Attempt {
    let mut attempt = attempt(&Random::seeded(1), &mut Shared::default());
    let hashes: Vec<String> = new.codes.iter().map(|code| code.hash.clone()).collect();
    attempt.codes = vec![Candidate { unbound: hashes.clone(), bound: hashes }];
    attempt.platform.clone_from(&new.handoff.target.platform);
    attempt.guessing.vouched = true;
    attempt
}

fn outcome(random: &Random, owed: &OwedCall) -> CallOutcome {
    let refused = random.below(4) == 0;
    match owed.kind.as_str() {
        call::ADMIT if refused => CallOutcome::AdmissionRefused("no"),
        call::ADMIT => CallOutcome::Admitted(Admission {
            contact: "contact_1".to_owned(),
            agent: "1".to_owned(),
            contact_state: Relayed(2),
        }),
        call::DELIVER => CallOutcome::Delivered(1, Delivery::Delivered),
        _ if refused => CallOutcome::Refused("no"),
        call::CLOSE => CallOutcome::Closed,
        _ => CallOutcome::Done,
    }
}
