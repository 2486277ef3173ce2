use segue_sim::{plan::Plan, run::run, story};

#[test]
fn two_runs_of_a_seed_are_equal_to_the_byte() {
    for seed in [5, 9, 85] {
        let text = || story::text(&run(&Plan::of(seed)).events);
        let first = text();
        assert!(first.lines().count() > 20, "nothing happens in seed {seed}");
        assert_eq!(first, text(), "seed {seed}");
    }
}

#[test]
fn a_part_that_is_taken_away_changes_nothing_about_the_others() {
    let plan = Plan::of(66);
    let parts = plan.parts();
    let smaller = plan.without(&parts[..1]);
    assert_eq!(smaller.parts(), parts[1..]);
    assert_eq!(smaller.visits.len(), plan.visits.len());
    assert_eq!(smaller.faults.first().map(|fault| fault.at_ms), plan.faults.get(1).map(|fault| fault.at_ms));
}
