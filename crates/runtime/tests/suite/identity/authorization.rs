//! What is open to whom before any service is asked.

use futures::stream;
use segue_proto::common::v1::ErrorReason;
use segue_runtime::Stop;
use segue_testkit::refused;
use tonic::{Status, client::Grpc, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_prost::ProstCodec;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest,
};

use super::{ISSUER, World, end, start};

async fn reflection(channel: Channel) -> Result<(), Status> {
    let list = MessageRequest::ListServices(String::new());
    let request = ServerReflectionRequest { message_request: Some(list), ..Default::default() };
    let answers =
        ServerReflectionClient::new(channel).server_reflection_info(stream::iter([request])).await?;
    answers.into_inner().message().await.map(|answer| assert!(answer.is_some()))
}

async fn made_up(channel: Channel) -> Result<(), Status> {
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    let path = "/segue.channel.v1.ChannelService/MadeUp".parse().unwrap();
    client.unary(tonic::Request::new(()), path, ProstCodec::<(), ()>::default()).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_for_all_reflection_for_the_known_and_the_rest_for_those_in_the_table() {
    let (world, stop) = (World::new(), Stop::new());
    let running = start(&world.settings(), &stop).await;
    let known = world.authority.issue("issuer", ISSUER);
    let nobody = world.authority.issue("nobody", "spiffe://segue.local/service/nobody");
    for (issued, reason) in [
        (None, Some(ErrorReason::CallerUnknown)),
        (Some(nobody), Some(ErrorReason::CallerNotAllowed)),
        (Some(known), None),
    ] {
        let channel = world.channel(&running, issued.as_ref()).await.unwrap();
        let health = HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await.unwrap();
        assert_eq!(health.into_inner().status(), ServingStatus::Serving);
        match reason {
            Some(reason) => assert_eq!(refused(reflection(channel.clone()).await).reason, reason),
            None => reflection(channel.clone()).await.unwrap(),
        }
        let expected = reason.unwrap_or(ErrorReason::CallerNotAllowed);
        assert_eq!(
            refused(made_up(channel).await).reason,
            expected,
            "what the table doesn't name is refused"
        );
    }
    end(running, &stop).await;
}
