use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::hex;

/// Who calls a service. Requests are told apart by a digest of the subject; the subject itself is for the audit log alone, and not
/// printed, as a token's may be a person.
///
/// A subject is a workload or a person, not a connection: all replicas of a service are one caller, and so is a service with a renewed
/// certificate.
///
/// Cloning is cheap, and so is a caller that is not told apart.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct CallerId(Option<Arc<Proven>>);

/// What a certificate or a token proves.
#[derive(PartialEq, Eq, Hash)]
struct Proven {
    digest: String,
    subject: String,
}

/// 128 bits: no two subjects share one.
const DIGEST_BYTES: usize = 16;

impl CallerId {
    /// Everybody, where callers are not told apart.
    pub fn unauthenticated() -> Self {
        Self(None)
    }

    /// Whether callers are not told apart.
    pub fn is_unauthenticated(&self) -> bool {
        self.0.is_none()
    }

    /// The one whom a certificate or a token proves.
    pub fn of_subject(subject: &str) -> Self {
        let mut digest = hex(Sha256::digest(subject));
        digest.truncate(2 * DIGEST_BYTES);
        Self(Some(Arc::new(Proven { digest, subject: subject.to_owned() })))
    }

    /// The subject, for the audit log; empty where callers are not told apart.
    pub fn subject(&self) -> &str {
        self.0.as_ref().map_or("", |proven| &proven.subject)
    }

    /// The name of something that this caller has named `id`: another caller's `id` has another name.
    pub fn scoped(&self, id: &str) -> String {
        format!("{}/{id}", self.digest())
    }

    fn digest(&self) -> &str {
        self.0.as_ref().map_or("", |proven| &proven.digest)
    }
}

impl std::fmt::Debug for CallerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("CallerId").field(&self.digest()).finish()
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
        assert!(!names[0].contains("desk") && !format!("{one:?}").contains("desk"));
    }
}
