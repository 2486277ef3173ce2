//! One trace holds the spans of all services of one handoff.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use fake_opentelemetry_collector::{ExportedSpan, FakeCollectorServer};
use segue::demo::{Stage, play};
use segue_testkit::Storage;
use segue_tests::{Fixture, Processes, SERVICES};
use tokio::sync::oneshot;

/// What a handoff asks of each service; all of it belongs to the traces of creating and of redeeming.
const CREATION: [&str; 5] = [
    "segue.issuer.v1.CodeIssuerService/CreateHandoff",
    "segue.router.v1.PriorityRouterService/GetAgent",
    "segue.selector.v1.PlatformSelectorService/SelectPlatform",
    "segue.router.v1.PriorityRouterService/PutServiceListEntry",
    "segue.channel.v1.ChannelService/DeliverAccessInfo",
];
const REDEMPTION: [&str; 3] = [
    "segue.issuer.v1.CodeIssuerService/RedeemCode",
    "segue.router.v1.PriorityRouterService/AdmitHandoff",
    "segue.channel.v1.ChannelService/CloseSession",
];

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_through_all_services() {
    let receiver = FakeCollectorServer::start().await.unwrap();
    let mut system = Processes::start_traced(Storage::SqliteFile, &receiver.endpoint()).await;
    let (ended, end) = oneshot::channel();
    let collected = tokio::spawn(collect(receiver, end));
    Fixture::load(&system.addresses).await;
    play(&system.addresses, &Stage::aloud()).await.unwrap();
    for service in SERVICES {
        assert!(system.terminate(service), "{service} flushes its spans and ends well");
    }
    ended.send(()).unwrap();
    let spans = collected.await.unwrap();
    let traces = by_trace(&spans);
    for path in [&CREATION[..], &REDEMPTION[..]] {
        let begun: Vec<_> = traces.values().filter(|names| names.contains(path[0])).collect();
        assert_eq!(begun.len(), 1, "one trace has {}", path[0]);
        for name in path {
            assert!(begun[0].contains(name), "{name} is missing from {:#?}", begun[0]);
        }
    }
    let text = format!("{spans:?}");
    assert!(!text.contains("13800000042"), "no span has personal data");
}

/// Takes spans as they come, since the receiver holds few, until all services have ended and none is left.
async fn collect(mut receiver: FakeCollectorServer, mut end: oneshot::Receiver<()>) -> Vec<ExportedSpan> {
    let mut spans = Vec::new();
    let mut over = false;
    loop {
        over = over || end.try_recv().is_ok();
        let more = receiver.exported_spans(1, Duration::from_millis(500)).await;
        if over && more.is_empty() {
            return spans;
        }
        spans.extend(more);
    }
}

fn by_trace(spans: &[ExportedSpan]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut traces: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for span in spans {
        traces.entry(&span.trace_id).or_default().insert(&span.name);
    }
    traces
}
