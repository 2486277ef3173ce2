//! Takes away all that a failure does not need.

use crate::{
    plan::Plan,
    run::{Outcome, run},
};

/// A violation without the ids in it: what is wrong, not with whom.
fn kind(violation: &str) -> String {
    violation
        .split_whitespace()
        .filter(|word| !word.contains(|c: char| c.is_ascii_digit()))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Takes faults, customers, agents and the attacker away, one by one, as long as the first violation stays. The plan that is left, and
/// what comes of it.
pub fn shorten(plan: &Plan, outcome: Outcome) -> (Plan, Outcome) {
    let Some(first) = outcome.violations.first().map(|violation| kind(violation)) else {
        return (plan.clone(), outcome);
    };
    let (mut plan, mut outcome) = (plan.clone(), outcome);
    let mut goes_on = true;
    while goes_on {
        goes_on = false;
        for part in plan.parts() {
            let smaller = plan.without(std::slice::from_ref(&part));
            let found = run(&smaller);
            if found.violations.iter().any(|violation| kind(violation) == first) {
                (plan, outcome, goes_on) = (smaller, found, true);
            }
        }
    }
    (plan, outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_are_of_a_kind_whatever_the_ids() {
        assert_eq!(
            kind("I3: con_019a is admitted for hof_3b, which is EXPIRED"),
            kind("I3: con_7 is admitted for hof_8, which is EXPIRED")
        );
        assert_ne!(kind("capacity: a1 has 134 units"), kind("liveness: contact c1 is open, in state 1"));
    }
}
