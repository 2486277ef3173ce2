//! The calls that the issuer owes to other services, by kind, and their lanes: calls of one lane are made in order.

/// To the router: record the handoff in the service list.
pub const REGISTER: &str = "register";
/// To the source platform: show the access information.
pub const DELIVER: &str = "deliver";
/// To the router: the customer entered the code.
pub const ADMIT: &str = "admit";
/// To the source platform: end the old session.
pub const CLOSE: &str = "close";
/// To the router: the handoff ended without admission.
pub const RELEASE: &str = "release";
/// To the router: the handoff was revoked, its contact is over.
pub const ABANDON: &str = "abandon";
/// To the target platform: the handoff was revoked, end the session there.
pub const CLOSE_TARGET: &str = "close target";

/// All of them.
pub const ALL: [&str; 7] = [REGISTER, DELIVER, ADMIT, CLOSE, RELEASE, ABANDON, CLOSE_TARGET];

/// The lane of a call about a handoff. Calls to the router are made in order, so that a late registration can't overtake a release.
/// Deliveries have a lane of their own, so that nobody waits for a platform's adapter; and so have the calls of a revocation: whoever
/// entered the code is to lose the agent even while a platform doesn't answer.
pub fn lane(kind: &str, handoff: &str) -> String {
    match kind {
        DELIVER => format!("{handoff}/delivery"),
        ABANDON | CLOSE_TARGET => format!("{handoff}/{kind}"),
        _ => handoff.to_owned(),
    }
}
