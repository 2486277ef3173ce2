use std::{fs, time::Duration};

use segue_proto::{
    channel::v1::{DeliverAccessInfoRequest, channel_service_client::ChannelServiceClient},
    common::v1::ErrorReason,
};
use segue_runtime::{Stop, reason_of};
use segue_testkit::{Authority, Validity, wait_for};
use tonic::transport::Endpoint;

use super::{ISSUER, World, asked, end, start};

#[tokio::test(flavor = "multi_thread")]
async fn only_a_good_certificate_with_one_known_id_may_call() {
    let (world, stop) = (World::new(), Stop::new());
    let running = start(&world.settings(), &stop).await;
    let issue = |name: &str, ids: &[&str]| world.authority.issue_with(name, ids, Validity::Now);
    let others = [
        (issue("issuer", &[ISSUER]), None),
        (issue("operator", &["spiffe://segue.local/operator/me"]), Some(ErrorReason::CallerNotAllowed)),
        (issue("nobody", &["spiffe://segue.local/service/nobody"]), Some(ErrorReason::CallerNotAllowed)),
        (issue("other-domain", &["spiffe://other/service/code-issuer"]), Some(ErrorReason::CallerNotAllowed)),
        (issue("none", &[]), Some(ErrorReason::CallerUnknown)),
        (issue("url", &["https://segue.local/service/code-issuer"]), Some(ErrorReason::CallerUnknown)),
        (issue("two", &[ISSUER, "spiffe://segue.local/operator/me"]), Some(ErrorReason::CallerUnknown)),
        (
            issue("dots", &["spiffe://segue.local/operator/../service/code-issuer"]),
            Some(ErrorReason::CallerUnknown),
        ),
    ];
    for (issued, expected) in others {
        let mut client = world.client(&running, Some(&issued)).await.unwrap();
        assert_eq!(asked(&mut client, None).await, expected, "{issued:?}");
    }
    let mut stranger = world.client(&running, None).await.unwrap();
    assert_eq!(asked(&mut stranger, None).await, Some(ErrorReason::CallerUnknown));
    end(running, &stop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_certificate_is_turned_away_before_any_call() {
    let (world, stop) = (World::new(), Stop::new());
    let running = start(&world.settings(), &stop).await;
    let expired = world.authority.issue_with("expired", &[ISSUER], Validity::Over);
    let impostors = tempfile::tempdir().unwrap();
    let forged = Authority::new(impostors.path(), "authority").issue("issuer", ISSUER);
    for issued in [expired, forged] {
        // With TLS 1.3 the client has finished before the server has looked: the failure shows with the first call.
        let turned_away = match world.client(&running, Some(&issued)).await {
            Err(_) => true,
            Ok(mut client) => {
                let answer = client.deliver_access_info(DeliverAccessInfoRequest::default()).await;
                reason_of(&answer.unwrap_err()).is_none()
            }
        };
        assert!(turned_away, "{issued:?}");
    }
    let mut good = world.client(&running, Some(&world.authority.issue("issuer", ISSUER))).await.unwrap();
    assert_eq!(asked(&mut good, None).await, None, "the service goes on");
    end(running, &stop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_text_gets_nothing_from_a_service_with_tls() {
    let (world, stop) = (World::new(), Stop::new());
    let running = start(&world.settings(), &stop).await;
    let plain = Endpoint::from_shared(format!("http://{}", running.address)).unwrap().connect_lazy();
    let answer =
        ChannelServiceClient::new(plain).deliver_access_info(DeliverAccessInfoRequest::default()).await;
    assert!(reason_of(&answer.unwrap_err()).is_none(), "the failure is the connection's");
    end(running, &stop).await;
}

/// A connection outlives some certificates: what counts is whether the certificate is good when a call is made.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_ends_ends_its_rights_on_open_connections_too() {
    let (world, stop) = (World::new(), Stop::new());
    let running = start(&world.settings(), &stop).await;
    let soon_over = world.authority.issue_with("soon", &[ISSUER], Validity::For(Duration::from_secs(4)));
    let mut client = world.client(&running, Some(&soon_over)).await.unwrap();
    assert_eq!(asked(&mut client, None).await, None);
    wait_for("the refusal", || async { asked(&mut client.clone(), None).await.is_some() }).await;
    assert_eq!(asked(&mut client, None).await, Some(ErrorReason::CallerUnknown));
    let mut good = world.client(&running, Some(&world.authority.issue("issuer", ISSUER))).await.unwrap();
    assert_eq!(asked(&mut good, None).await, None);
    end(running, &stop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_on_a_revocation_list_is_refused_on_open_connections_too() {
    let (world, stop) = (World::new(), Stop::new());
    let stolen = world.authority.issue("stolen", ISSUER);
    let other = world.authority.issue("other", ISSUER);
    let list = world.folder.path().join("revoked.pem");
    fs::write(&list, world.authority.revoke(&[])).unwrap();
    let mut settings = world.settings();
    settings.insert("SEGUE_TLS_REVOKED".to_owned(), list.to_str().unwrap().to_owned());
    let running = start(&settings, &stop).await;
    let client = world.client(&running, Some(&stolen)).await.unwrap();
    assert_eq!(asked(&mut client.clone(), None).await, None);

    // A list that is none changes nothing, and the next one counts.
    fs::write(&list, "nonsense").unwrap();
    fs::write(&list, world.authority.revoke(&[&stolen])).unwrap();
    wait_for("the refusal", || async { asked(&mut client.clone(), None).await.is_some() }).await;
    assert_eq!(asked(&mut client.clone(), None).await, Some(ErrorReason::CallerUnknown));
    let again = match world.client(&running, Some(&stolen)).await {
        Ok(mut client) => client.deliver_access_info(DeliverAccessInfoRequest::default()).await.is_ok(),
        Err(_) => false,
    };
    assert!(!again, "a new connection");
    let mut good = world.client(&running, Some(&other)).await.unwrap();
    assert_eq!(asked(&mut good, None).await, None, "others of the same name go on");
    end(running, &stop).await;
}

/// The client opens another connection without a failed call.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_connection_is_replaced_and_no_call_fails() {
    let (world, stop) = (World::new(), Stop::new());
    let mut settings = world.settings();
    settings.insert("SEGUE_CONNECTION_AGE_SECONDS".to_owned(), "1".to_owned());
    let running = start(&settings, &stop).await;
    let issued = world.authority.issue("issuer", ISSUER);
    let mut client = world.client(&running, Some(&issued)).await.unwrap();
    let begin = std::time::Instant::now();
    let mut calls = 0;
    while begin.elapsed() < Duration::from_secs(4) {
        assert_eq!(asked(&mut client, None).await, None, "call {calls}");
        calls += 1;
    }
    assert!(calls > 10, "{calls}");
    end(running, &stop).await;
}
