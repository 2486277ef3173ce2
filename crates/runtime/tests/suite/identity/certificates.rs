use segue_proto::{
    channel::v1::{DeliverAccessInfoRequest, channel_service_client::ChannelServiceClient},
    common::v1::ErrorReason,
};
use segue_runtime::{Stop, reason_of};
use segue_testkit::{Authority, Validity};
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
