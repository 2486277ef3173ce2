use super::*;

const NOW: i64 = 1_000;

type Step = fn(&mut Handoff) -> Result<(), NotAllowed>;

/// Everything that can happen to a handoff, by its name.
const STEPS: [(&str, Step); 8] = [
    ("redeem", |handoff| handoff.redeem(redemption(), NOW)),
    ("admit", |handoff| handoff.admit(admission(), NOW)),
    ("fail", |handoff| handoff.fail("refused", NOW)),
    ("switch", |handoff| handoff.switch(NOW)),
    ("expire", |handoff| handoff.expire(NOW)),
    ("cancel", |handoff| handoff.cancel(NOW)),
    ("revoke", |handoff| handoff.revoke(NOW)),
    ("reissue", |handoff| handoff.reissue(60_000, Delivery::Pending, NOW)),
];

fn redemption() -> Redemption {
    let [request, hash, session] = ["request", "hash", "session"].map(str::to_owned);
    Redemption { request, hash, session, revocable_until: Some(2_000) }
}

fn admission() -> Admission {
    Admission { contact: "contact_1".to_owned(), agent: "1".to_owned(), contact_state: Relayed(3) }
}

fn handoff(stage: Stage, expires_at: i64) -> Handoff {
    let text = |text: &str| text.to_owned();
    Handoff {
        id: text("handoff_1"),
        work_order: text("42"),
        agent: text("1"),
        source: Conversation { platform: text("hotline"), session: text("s1") },
        target: Target { platform: text("app"), accounts: vec![] },
        delivery: Delivery::ByAgent,
        generation: 1,
        agent_policy: Relayed(0),
        locale: Locale::En,
        ttl_ms: 60_000,
        stage,
        failure: None,
        created_at: 0,
        updated_at: 0,
        expires_at,
    }
}

fn stages() -> [Stage; 8] {
    [
        Stage::Issued,
        Stage::Redeemed(redemption()),
        Stage::Admitted(redemption(), admission()),
        Stage::Switched(redemption(), admission()),
        Stage::Expired,
        Stage::Cancelled,
        Stage::Failed(redemption()),
        Stage::Revoked(redemption(), admission()),
    ]
}

/// Where the steps lead that are allowed from a stage, while its code lives and once its time is over.
fn ways(stage: &Stage, expires_at: i64) -> Vec<(&'static str, State)> {
    let reached = STEPS.iter().filter_map(|(name, step)| {
        let mut moved = handoff(stage.clone(), expires_at);
        let unmoved = moved.clone();
        match step(&mut moved) {
            Ok(()) => Some((*name, moved.state())),
            Err(_) => {
                assert_eq!(moved, unmoved, "{name} changes nothing where it is not allowed");
                None
            }
        }
    });
    reached.collect()
}

#[test]
fn these_are_all_the_ways() {
    use State as S;
    for stage in stages() {
        let expected: &[(&str, S)] = match stage.state() {
            S::Issued => &[("redeem", S::Redeemed), ("cancel", S::Cancelled), ("reissue", S::Issued)],
            S::Redeemed => &[("admit", S::Admitted), ("fail", S::Failed)],
            S::Admitted => &[("switch", S::Switched), ("revoke", S::Revoked)],
            S::Switched => &[("revoke", S::Revoked)],
            S::Expired | S::Cancelled | S::Failed | S::Revoked => &[],
        };
        assert_eq!(ways(&stage, NOW + 1), expected, "{:?}", stage.state());
    }
}

#[test]
fn a_code_whose_time_is_over_is_not_entered_nor_reissued() {
    assert_eq!(ways(&Stage::Issued, NOW), [("expire", State::Expired), ("cancel", State::Cancelled)]);
    assert_eq!(handoff(Stage::Issued, NOW).state_at(NOW), State::Expired);
}

#[test]
fn what_is_known_is_carried_on() {
    let mut handoff = handoff(Stage::Issued, NOW + 1);
    handoff.redeem(redemption(), NOW).unwrap();
    handoff.admit(admission(), NOW).unwrap();
    handoff.switch(NOW).unwrap();
    handoff.revoke(NOW).unwrap();
    assert_eq!(handoff.stage, Stage::Revoked(redemption(), admission()));
    assert_eq!(
        (handoff.stage.redemption(), handoff.stage.admission()),
        (Some(&redemption()), Some(&admission()))
    );
}

#[test]
fn only_a_revocation_follows_a_final_state() {
    for stage in stages().into_iter().filter(|stage| stage.state().is_final()) {
        assert!(ways(&stage, NOW + 1).iter().all(|(name, _)| *name == "revoke"), "{:?}", stage.state());
    }
}

#[test]
fn names_are_read_back() {
    assert!(State::ALL.into_iter().all(|state| State::parse(state.name()) == Some(state)));
    assert!(Delivery::ALL.into_iter().all(|delivery| Delivery::parse(delivery.name()) == Some(delivery)));
}
