//! 18.9: a message that can't be decoded was answered with INTERNAL and no reason.

use segue_proto::common::v1::ErrorReason;
use segue_testkit::{Storage, refused};
use segue_tests::{Processes, security::EVERYTHING};
use tonic::{Code, Request, client::Grpc};
use tonic_prost::ProstCodec;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_decoded_has_a_reason() {
    let system = Processes::start_secured(Storage::SqliteFile, &[]).await;
    let security = system.security.as_ref().unwrap();
    let issued = security.issue("caller", EVERYTHING);
    let channel = security.endpoint(system.addresses.router, Some(&issued)).connect().await.unwrap();
    let mut client = Grpc::new(channel);
    for id in [b"A1".to_vec(), vec![0xff, 0xfe]] {
        client.ready().await.unwrap();
        let path = "/segue.router.v1.PriorityRouterService/GetAgent".parse().unwrap();
        // Bytes where the contract has text: field 1 of both.
        let codec = ProstCodec::<Vec<u8>, ()>::default();
        let refusal = refused(client.unary(Request::new(id.clone()), path, codec).await);
        let expected = if id == b"A1" {
            (Code::NotFound, ErrorReason::AgentNotFound)
        } else {
            (Code::InvalidArgument, ErrorReason::InvalidField)
        };
        assert_eq!((refusal.code, refusal.reason), expected);
    }
}
