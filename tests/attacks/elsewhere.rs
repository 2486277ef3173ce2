//! 18.7: a platform that takes part in a handoff learns from it on which other platforms the customer has accounts.

use segue_proto::issuer::v1::{GetHandoffRequest, Handoff, WatchHandoffRequest};
use segue_testkit::Storage;
use segue_tests::{Clients, Fixture, Processes};

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_does_not_learn_where_else_a_customer_is() {
    let system = Processes::start_secured(Storage::SqliteFile, &[]).await;
    let fixture = Fixture::load_secured(&system).await;
    let issued = fixture.create(Fixture::handoff("call-1")).await.handoff.unwrap();
    assert!(issued.candidates.len() > 2 && issued.candidates.iter().any(|candidate| candidate.has_account));
    // The source and the target of the handoff.
    for platform in ["hotline", "app"] {
        let seen = Seen::by(&system, &format!("spiffe://segue.local/platform/{platform}"), &issued.id).await;
        for handoff in [&seen.read, &seen.watched] {
            assert_eq!((handoff.id.as_str(), handoff.state), (issued.id.as_str(), issued.state));
            assert!(handoff.candidates.is_empty(), "{platform}: {handoff:?}");
            assert_eq!(handoff.target.as_ref().unwrap().account, "", "{platform}");
        }
    }
    for honest in [format!("desk/{}", issued.agent), "operator/o".to_owned(), "admin/a".to_owned()] {
        let seen = Seen::by(&system, &format!("spiffe://segue.local/{honest}"), &issued.id).await;
        for handoff in [&seen.read, &seen.watched] {
            assert_eq!(handoff.candidates, issued.candidates, "{honest}");
            assert_eq!(handoff.target, issued.target, "{honest}");
        }
    }
}

/// A handoff as somebody reads it, and as the first message of a watch shows it.
struct Seen {
    read: Handoff,
    watched: Handoff,
}

impl Seen {
    async fn by(system: &Processes, who: &str, id: &str) -> Self {
        let mut issuer = Clients::secured(system, who).issuer;
        let request = GetHandoffRequest { id: id.to_owned() };
        let read = issuer.get_handoff(request).await.unwrap().into_inner().handoff.unwrap();
        let request = WatchHandoffRequest { id: id.to_owned() };
        let mut watch = issuer.watch_handoff(request).await.unwrap().into_inner();
        let watched = watch.message().await.unwrap().unwrap().handoff.unwrap();
        Self { read, watched }
    }
}
