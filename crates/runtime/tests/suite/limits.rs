//! What a service refuses, and what it tells about itself.

use std::net::{Ipv4Addr, SocketAddr};

use futures::StreamExt as _;
use segue_proto::{
    channel::v1::{DeliverAccessInfoRequest, FindAccountsRequest, channel_service_server::SERVICE_NAME},
    common::v1::ErrorReason,
};
use segue_runtime::{
    BootError, DATABASE_SETTINGS, MAX_MESSAGE_BYTES, ServerConfig, Stop, read_database,
    settings::{Reader, Setting, SettingsError},
    telemetry::{self, TelemetryConfig},
};
use segue_testkit::refused;
use tonic::Code;

use crate::service::{LONG_GRACE, Waiting, client, config, connect, server};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_large_is_refused() {
    let stop = Stop::new();
    let running = server(&stop, Waiting::default()).await.start(&config(LONG_GRACE)).await.unwrap();
    let mut client = client(&running).await;
    let of_size =
        |bytes: usize| DeliverAccessInfoRequest { session: "x".repeat(bytes), ..Default::default() };
    client.deliver_access_info(of_size(MAX_MESSAGE_BYTES - 8)).await.unwrap();
    let answer = client.deliver_access_info(of_size(MAX_MESSAGE_BYTES)).await;
    let refusal = refused(answer);
    assert_eq!((refusal.code, refusal.reason), (Code::InvalidArgument, ErrorReason::InvalidField));
    drop(client);
    stop.now();
    running.stopped().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_answers_and_the_service_goes_on() {
    let stop = Stop::new();
    let running = server(&stop, Waiting::default()).await.start(&config(LONG_GRACE)).await.unwrap();
    let mut client = client(&running).await;
    let refusal = refused(client.find_accounts(FindAccountsRequest::default()).await);
    assert_eq!((refusal.code, refusal.reason), (Code::Internal, ErrorReason::Internal));
    client.deliver_access_info(DeliverAccessInfoRequest::default()).await.unwrap();
    drop(client);
    stop.now();
    running.stopped().await.unwrap();
}

macro_rules! listed_services {
    ($channel:expr, $version:ident) => {{
        use tonic_reflection::pb::$version::{
            ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
            server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
        };
        let list = MessageRequest::ListServices(String::new());
        let request = ServerReflectionRequest { message_request: Some(list), ..Default::default() };
        let asked = futures::stream::iter([request]);
        let mut answers =
            ServerReflectionClient::new($channel).server_reflection_info(asked).await.unwrap().into_inner();
        match answers.next().await.unwrap().unwrap().message_response {
            Some(MessageResponse::ListServicesResponse(list)) => {
                list.service.into_iter().map(|service| service.name).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        }
    }};
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_lists_the_service_in_both_versions() {
    let stop = Stop::new();
    let running = server(&stop, Waiting::default()).await.start(&config(LONG_GRACE)).await.unwrap();
    let channel = connect(&running).await;
    let newer = listed_services!(channel.clone(), v1);
    let older = listed_services!(channel.clone(), v1alpha);
    for listed in [newer, older] {
        for wanted in [SERVICE_NAME, "grpc.health.v1.Health"] {
            assert!(listed.iter().any(|name| name == wanted), "{listed:?} has no {wanted}");
        }
    }
    drop(channel);
    stop.now();
    running.stopped().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_text_beyond_loopback_has_to_be_asked_for() {
    let stop = Stop::new();
    let open = ServerConfig { listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), ..config(LONG_GRACE) };
    let refused = server(&stop, Waiting::default()).await.start(&open).await.unwrap_err();
    assert!(matches!(refused, BootError::Plaintext(address) if address == open.listen), "{refused}");
    let meshed = ServerConfig { plaintext_beyond_loopback: true, ..open };
    let running = server(&stop, Waiting::default()).await.start(&meshed).await.unwrap();
    stop.now();
    running.stopped().await.unwrap();
}

#[test]
fn all_that_is_wrong_with_the_settings_is_told_at_once() {
    const LISTEN: &[Setting] = &[Setting::new("listen", "127.0.0.1:0", "where to serve")];
    let declared = [telemetry::SETTINGS, LISTEN, ServerConfig::SETTINGS, DATABASE_SETTINGS];
    let wrong = [
        ("SEGUE_LOG", "x=loudest"),
        ("SEGUE_LOG_FORMAT", "xml"),
        ("SEGUE_LISTEN", "here"),
        ("SEGUE_PLAINTEXT_BEYOND_LOOPBACK", "perhaps"),
        ("SEGUE_SHUTDOWN_GRACE_SECONDS", "0"),
        ("SEGUE_MAX_CALLS", "15"),
        ("SEGUE_TARGET_LATENCY_MS", "soon"),
        ("SEGUE_MAX_STREAMS", "0"),
        ("SEGUE_MAX_CONNECTIONS", "all"),
        ("SEGUE_DATABASE_URL", "mysql://segue:hush@localhost"),
        ("SEGUE_DATABASE_CONNECTIONS", "1"),
        ("SEGUE_DATABASE_BATCH", "many"),
    ];
    let environment = wrong.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let mut reader = Reader::new("test", &declared, ["test", "--lisen=x"], &environment);
    let config =
        (TelemetryConfig::read(&mut reader), ServerConfig::read(&mut reader), read_database(&mut reader));
    assert!(config.0.is_none() && config.1.is_none() && config.2.is_none());
    let SettingsError(told) = reader.finish(None::<()>).unwrap_err();
    for name in wrong.iter().map(|(name, _)| *name).chain(["--lisen"]) {
        assert!(told.iter().any(|error| error.contains(name)), "{name} in {told:#?}");
    }
    assert!(!told.concat().contains("hush"), "{told:#?}");
}
