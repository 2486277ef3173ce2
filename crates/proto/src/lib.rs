//! The contracts of Segue as Rust types, generated from `proto/`.
//!
//! To add a message or an RPC: write it in `proto/`, documented, and build. A message that can hold a code or personal
//! data goes into `SECRET_MESSAGES` of `build.rs` and gets a `Debug` in `redact.rs`.

mod descriptors;
mod redact;

pub use descriptors::{ContractError, contracts, message_descriptor};

/// All contracts with their comments, as served by reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

macro_rules! package {
    ($area:ident, $name:literal, $doc:literal) => {
        #[doc = $doc]
        pub mod $area {
            #[doc = $doc]
            pub mod v1 {
                tonic::include_proto!($name);
            }
        }
    };
}

package!(common, "segue.common.v1", "Shared words: customers, work, access information, error reasons.");
package!(selector, "segue.selector.v1", "platform-selector's contract.");
package!(issuer, "segue.issuer.v1", "code-issuer's contract.");
package!(router, "segue.router.v1", "priority-router's contract.");
package!(channel, "segue.channel.v1", "What a platform implements.");
package!(audit, "segue.audit.v1", "The audit log of each service.");
