use crate::domain::{feature::FeatureValue, term::Test};

/// Why a platform is where it is. In order of significance, which is the order they are told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason<'a> {
    /// It is the chosen one.
    Chosen,
    /// The customer is there already.
    IsSource,
    /// Operations disabled it.
    Disabled,
    /// Its adapter is down.
    AdapterDown,
    /// The agent does not serve it.
    NotServedByAgent,
    /// Another was asked for by name.
    NotRequested,
    /// A required feature is missing.
    FeatureMissing {
        /// Which.
        feature: &'a str,
        /// What was needed.
        needed: &'a Test,
    },
    /// A feature is there but not as required.
    FeatureMismatch {
        /// Which.
        feature: &'a str,
        /// What was needed.
        needed: &'a Test,
        /// What is there.
        found: &'a FeatureValue,
    },
    /// Its service hours are over.
    OutOfHours,
    /// No code can be handed over.
    NoCommonFace,
    /// Nothing can be done there without an account, and none is known.
    AccountRequired,
    /// Its own directory did not tell whether the customer has an account there.
    AccountUnknown(Unknown),
    /// The customer has no account there.
    NoAccount,
    /// It meets a preference.
    PreferenceMet {
        /// About which feature.
        feature: &'a str,
        /// What was wished for.
        wished: &'a Test,
        /// What it added to the score.
        weight: i32,
    },
    /// Its load takes something from its score.
    Loaded {
        /// How full it is.
        percent: i32,
        /// What that takes.
        takes: i32,
    },
}

/// Why a platform's own directory did not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unknown {
    /// It could not go on anyway, and was not asked: the customer's information goes to no more platforms than it must.
    NotAsked,
    /// Its adapter is known to be down, and was not asked.
    Down,
    /// It did not answer in time.
    Late,
    /// It could not be reached, or refused.
    Failed,
    /// What it answered can't be.
    Nonsense,
}

impl Reason<'_> {
    /// Whether a platform with it can't take the work. NOT_REQUESTED, NO_ACCOUNT and the like don't say that: the platform
    /// could, it is only not to be chosen.
    pub fn excludes(&self) -> bool {
        match self {
            Self::IsSource
            | Self::Disabled
            | Self::AdapterDown
            | Self::NotServedByAgent
            | Self::FeatureMissing { .. }
            | Self::FeatureMismatch { .. }
            | Self::OutOfHours
            | Self::NoCommonFace => true,
            Self::Chosen
            | Self::NotRequested
            | Self::AccountRequired
            | Self::AccountUnknown(_)
            | Self::NoAccount
            | Self::PreferenceMet { .. }
            | Self::Loaded { .. } => false,
        }
    }
}
