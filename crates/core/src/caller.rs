use std::sync::Arc;

use sha2::{Digest as _, Sha256};

/// Who calls a service, as requests are told apart by it. A digest of the subject, as a token's subject may be a person.
///
/// A subject is a workload or a person, not a connection: all replicas of a service are one caller, and so is a service with a renewed
/// certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CallerId(Arc<str>);

/// 128 bits: no two subjects share one.
const DIGEST_BYTES: usize = 16;

impl CallerId {
    /// Everybody, where callers are not told apart.
    pub fn unauthenticated() -> Self {
        Self("".into())
    }

    /// The one whom a certificate or a token proves.
    pub fn of_subject(subject: &str) -> Self {
        let digest = Sha256::digest(subject);
        Self(digest.iter().take(DIGEST_BYTES).map(|byte| format!("{byte:02x}")).collect::<String>().into())
    }

    /// The name of something that this caller has named `id`: another caller's `id` has another name.
    pub fn scoped(&self, id: &str) -> String {
        format!("{}/{id}", self.0)
    }
}

impl Default for CallerId {
    fn default() -> Self {
        Self::unauthenticated()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subject_has_names_of_its_own() {
        let [one, other] = ["spiffe://a/desk/east", "spiffe://a/desk/west"].map(CallerId::of_subject);
        let names = [&one, &other, &CallerId::unauthenticated()].map(|caller| caller.scoped("1"));
        assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2]);
        assert_eq!(names[0], CallerId::of_subject("spiffe://a/desk/east").scoped("1"));
        assert!(!names[0].contains("desk"));
    }
}
