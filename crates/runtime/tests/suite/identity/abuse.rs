//! Callers who open things and leave them open.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use segue_proto::{
    channel::v1::{
        CloseSessionRequest, DeliverAccessInfoRequest, channel_service_client::ChannelServiceClient,
    },
    common::v1::ErrorReason,
};
use segue_runtime::{Stop, overload::Limits, peer::PeerUri};
use segue_testkit::{refused, wait_for};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::{Request, client::Grpc};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_prost::ProstCodec;

use super::{ISSUER, World, asked, end, read, start};
use crate::service::{Waiting, connect, server};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_never_ends_takes_no_place_from_others() {
    let (world, stop) = (World::new(), Stop::new());
    let mut config = read(&world.settings()).unwrap();
    config.limits = Limits { calls: 16, ..Limits::default() };
    let running = server(&stop, Waiting::default()).await.start(&config).await.unwrap();
    let issuer = world.authority.issue("issuer", ISSUER);
    let channel = world.channel(&running, Some(&issuer)).await.unwrap();
    let start = Instant::now();
    // More calls than there are places, of which none says that its message is over.
    let unended: Vec<_> = (0..64)
        .map(|_| {
            let mut client = Grpc::new(channel.clone());
            tokio::spawn(async move {
                client.ready().await.unwrap();
                let first = stream::iter([CloseSessionRequest::default()]);
                let messages = first.chain(stream::pending());
                let path = "/segue.channel.v1.ChannelService/CloseSession".parse().unwrap();
                let codec = ProstCodec::<CloseSessionRequest, ()>::default();
                client.streaming(Request::new(messages), path, codec).await.map(drop)
            })
        })
        .collect();
    let mut client = ChannelServiceClient::new(channel);
    for _ in 0..100 {
        assert_eq!(asked(&mut client, None).await, None, "while they are open");
    }
    for call in unended {
        let refusal = refused(call.await.unwrap());
        assert_eq!(refusal.reason, ErrorReason::DeadlineExceeded, "each is let go");
    }
    assert!(start.elapsed() < Duration::from_secs(20), "long before its deadline, which is 30 s");
    end(running, &stop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_are_closed_and_keep_nobody_out() {
    let (world, stop) = (World::new(), Stop::new());
    let mut config = read(&world.settings()).unwrap();
    config.limits = Limits { connections: 32, ..Limits::default() };
    let running = server(&stop, Waiting::default()).await.start(&config).await.unwrap();
    let mut silent = vec![];
    for _ in 0..100 {
        silent.push(TcpStream::connect(running.address).await.unwrap());
    }
    // With TLS and without a certificate, more than there are places for such.
    let mut strangers = vec![];
    while let Ok(stranger) = world.client(&running, None).await {
        strangers.push(stranger);
        assert!(strangers.len() <= 32);
        // One that was not taken in is told by its first call.
        let last = strangers.last_mut().unwrap();
        if last
            .deliver_access_info(DeliverAccessInfoRequest::default())
            .await
            .is_err_and(|s| segue_runtime::reason_of(&s).is_none())
        {
            break;
        }
    }
    let issuer = world.authority.issue("issuer", ISSUER);
    let mut known = world.client(&running, Some(&issuer)).await.unwrap();
    assert_eq!(asked(&mut known, None).await, None, "beside them");
    for mut connection in silent {
        let read = tokio::time::timeout(Duration::from_secs(60), connection.read(&mut [0; 1])).await.unwrap();
        assert!(matches!(read, Ok(0) | Err(_)), "it is closed");
    }
    end(running, &stop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_http_2_is_closed_at_once() {
    let stop = Stop::new();
    let running = start(&std::collections::BTreeMap::new(), &stop).await;
    let mut connection = TcpStream::connect(running.address).await.unwrap();
    connection.write_all(b"GET / HTTP/1.1\r\nHost: somewhere.example\r\n\r\n").await.unwrap();
    assert!(matches!(connection.read(&mut [0; 1]).await, Ok(0) | Err(_)));
    end(running, &stop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_watch_the_health_are_bounded() {
    let stop = Stop::new();
    let running = start(&std::collections::BTreeMap::new(), &stop).await;
    let mut client = HealthClient::new(connect(&running).await);
    let mut watching = vec![];
    let refusal = loop {
        match client.watch(HealthCheckRequest::default()).await {
            Ok(stream) => watching.push(stream),
            Err(status) => break refused(Err::<(), _>(status)),
        }
        assert!(watching.len() <= 64);
    };
    assert_eq!(refusal.reason, ErrorReason::Overloaded);
    client.check(HealthCheckRequest::default()).await.unwrap();
    watching.pop();
    wait_for("the place to be free again", || async {
        client.clone().watch(HealthCheckRequest::default()).await.is_ok()
    })
    .await;
    drop((watching, client));
    end(running, &stop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tls_nobody_beyond_loopback_is_called_in_plain_text() {
    let world = World::new();
    let secured = read(&world.settings()).unwrap();
    // An address for documentation: nobody is there, and nobody is asked.
    let far: PeerUri = "http://192.0.2.1:50052".parse().unwrap();
    let mut client = ChannelServiceClient::new(far.connect(&secured.credentials));
    let before = Instant::now();
    let refusal = refused(client.deliver_access_info(DeliverAccessInfoRequest::default()).await);
    assert_eq!(refusal.reason, ErrorReason::DependencyUnavailable);
    assert!(before.elapsed() < Duration::from_secs(2), "it was not even tried");
}
