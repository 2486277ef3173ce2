//! The calls that the issuer owes to other services, by kind.

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
