//! What the issuer counts: how handoffs go, and how codes fail.
//!
//! All is counted after its commit, by whoever committed it, so repeated requests and repeated calls count once. What a
//! crash, or a commit whose answer is lost, cuts off is not counted: the counters may lack some, and never have too many.

use segue_metrics::{Bounded, Counter, Histogram, KeyValue, Metric};

use crate::domain::{call, handoff::State};

/// Platforms that are told apart. Operations set them up by hand, a few dozen at most.
const MOST_PLATFORMS: usize = 50;
/// From a glance to the longest life of a code.
const DELAYS: &[f64] = &[
    1.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 900.0, 1800.0,
    3600.0,
];
const PLATFORM: (&str, &str) =
    ("platform", "the target platform; the first 50 that the process has seen, then `other`");

const ISSUED: Metric =
    Metric::counter("segue.handoffs.issued", "{handoff}", "handoffs that were created", &[PLATFORM]);
const ENDED: Metric = Metric::counter(
    "segue.handoffs.ended",
    "{handoff}",
    "handoffs by outcome; one that is revoked after the old session was closed counts as both",
    &[("outcome", "`switched`, `failed`, `expired`, `cancelled`, `revoked`"), PLATFORM],
);
const REDEMPTION_DELAY: Metric = Metric::histogram(
    "segue.handoffs.redemption.delay",
    "s",
    "time from the creation of a handoff until its code was entered",
    &[],
    DELAYS,
);
const ADMISSION_DELAY: Metric = Metric::histogram(
    "segue.handoffs.admission.delay",
    "s",
    "time from the creation of a handoff until the router took the customer",
    &[],
    DELAYS,
);
const CODE_FAILURES: Metric = Metric::counter(
    "segue.codes.failures",
    "{attempt}",
    "attempts to enter a code that failed",
    &[(
        "kind",
        "`malformed` (can't be a code), `dead` (the account's own, used, replaced, cancelled or over), `not_accepted` (unknown, or of another account or place), `too_many_attempts` (not looked up)",
    )],
);

const CALLS_REFUSED: Metric = Metric::counter(
    "segue.owed.calls.refused",
    "{call}",
    "owed calls that their receiver refused for good, and that are not made again",
    &[("kind", "`register`, `deliver`, `admit`, `close`, `release`, `abandon`, `close target`")],
);

/// What code-issuer records besides.
pub const METRICS: &[Metric] =
    &[ISSUED, ENDED, REDEMPTION_DELAY, ADMISSION_DELAY, CODE_FAILURES, CALLS_REFUSED];

/// How an attempt failed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CodeFailure {
    Malformed,
    Dead,
    NotAccepted,
    TooManyAttempts,
}

impl CodeFailure {
    const ALL: [Self; 4] = [Self::Malformed, Self::Dead, Self::NotAccepted, Self::TooManyAttempts];

    fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Dead => "dead",
            Self::NotAccepted => "not_accepted",
            Self::TooManyAttempts => "too_many_attempts",
        }
    }
}

/// The instruments.
#[derive(Debug)]
pub(crate) struct Metrics {
    issued: Counter<u64>,
    ended: Counter<u64>,
    redemption_delay: Histogram<f64>,
    admission_delay: Histogram<f64>,
    code_failures: Counter<u64>,
    calls_refused: Counter<u64>,
    platforms: Bounded,
}

impl Metrics {
    pub fn new() -> Self {
        let this = Self {
            issued: ISSUED.to_counter(),
            ended: ENDED.to_counter(),
            redemption_delay: REDEMPTION_DELAY.to_histogram(),
            admission_delay: ADMISSION_DELAY.to_histogram(),
            code_failures: CODE_FAILURES.to_counter(),
            calls_refused: CALLS_REFUSED.to_counter(),
            platforms: Bounded::new(MOST_PLATFORMS),
        };
        // A rate needs to have seen the zero.
        for kind in CodeFailure::ALL {
            this.code_failures.add(0, &[KeyValue::new("kind", kind.name())]);
        }
        for kind in call::ALL {
            this.calls_refused.add(0, &[KeyValue::new("kind", kind)]);
        }
        this
    }

    pub fn issued(&self, platform: &str) {
        let platform = self.platform(platform);
        // Ratios of outcomes are of little use before each has been seen.
        for state in [State::Switched, State::Failed, State::Expired, State::Cancelled, State::Revoked] {
            self.count_end(0, state, platform.clone());
        }
        self.issued.add(1, &[platform]);
    }

    pub fn redeemed(&self, after_ms: i64) {
        self.redemption_delay.record(seconds(after_ms), &[]);
    }

    pub fn admitted(&self, after_ms: i64) {
        self.admission_delay.record(seconds(after_ms), &[]);
    }

    pub fn ended(&self, state: State, platform: &str) {
        self.count_end(1, state, self.platform(platform));
    }

    pub fn code_failed(&self, kind: CodeFailure) {
        self.code_failures.add(1, &[KeyValue::new("kind", kind.name())]);
    }

    pub fn call_refused(&self, kind: &str) {
        // What a newer version owes is not made here.
        let Some(kind) = call::ALL.into_iter().find(|known| *known == kind) else { return };
        self.calls_refused.add(1, &[KeyValue::new("kind", kind)]);
    }

    fn count_end(&self, more: u64, state: State, platform: KeyValue) {
        let outcome = match state {
            State::Switched => "switched",
            State::Failed => "failed",
            State::Expired => "expired",
            State::Cancelled => "cancelled",
            State::Revoked => "revoked",
            State::Issued | State::Redeemed | State::Admitted => return,
        };
        self.ended.add(more, &[KeyValue::new("outcome", outcome), platform]);
    }

    fn platform(&self, platform: &str) -> KeyValue {
        KeyValue::new("platform", self.platforms.name(platform))
    }
}

fn seconds(ms: i64) -> f64 {
    std::time::Duration::from_millis(ms.max(0).unsigned_abs()).as_secs_f64()
}
