//! One trace holds the spans of all services of one handoff.

use std::collections::{BTreeMap, BTreeSet};

use fake_opentelemetry_collector::ExportedSpan;
use segue::demo::{Stage, play};
use segue_testkit::Storage;
use segue_tests::{Collector, Fixture, Processes, SERVICES};

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
    let receiver = Collector::start().await;
    let mut system = Processes::start_traced(Storage::SqliteFile, &receiver.endpoint).await;
    Fixture::load(&system.addresses).await;
    play(&system.addresses, &Stage::aloud()).await.unwrap();
    for service in SERVICES {
        assert!(system.terminate(service), "{service} flushes its spans and ends well");
    }
    let spans = receiver.end().await.spans;
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

fn by_trace(spans: &[ExportedSpan]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut traces: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for span in spans {
        traces.entry(&span.trace_id).or_default().insert(&span.name);
    }
    traces
}
