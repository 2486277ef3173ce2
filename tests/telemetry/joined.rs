//! One handoff, as an OTLP receiver sees it: its trace, its log records and its metrics belong together.

use fake_opentelemetry_collector::ExportedSpan;
use segue::demo::{Stage, play};
use segue_testkit::Storage;
use segue_tests::{Collected, Collector, Fixture, Processes, SERVICES};

const REDEEM: &str = "segue.issuer.v1.CodeIssuerService/RedeemCode";
const ADMIT: &str = "segue.router.v1.PriorityRouterService/AdmitHandoff";

#[tokio::test(flavor = "multi_thread")]
async fn trace_metrics_and_logs_of_a_handoff_belong_together() {
    let receiver = Collector::start().await;
    let settings = [("SEGUE_OTLP_ENDPOINT", &*receiver.endpoint), ("SEGUE_LOG_FORMAT", "json")];
    let mut system = Processes::start_with(Storage::SqliteFile, &settings).await;
    Fixture::load(&system.addresses).await;
    play(&system.addresses, &Stage::aloud()).await.unwrap();
    let lines = {
        for service in SERVICES.iter().filter(|service| **service != "code-issuer") {
            assert!(system.terminate(service), "{service} flushes and ends well");
        }
        let lines = system.log("code-issuer");
        assert!(system.terminate("code-issuer"), "code-issuer flushes and ends well");
        lines
    };
    let sent = receiver.end().await;

    let redemption = only(&sent, REDEEM);
    let trace = &redemption.trace_id;
    let spans: Vec<&ExportedSpan> = sent.spans.iter().filter(|span| span.trace_id == *trace).collect();
    let attribute = |span: &ExportedSpan, name: &str| span.attributes.get(name).cloned().unwrap_or_default();
    assert!(attribute(redemption, "rpc.system.name").contains("grpc"), "{redemption:?}");
    assert!(attribute(redemption, "rpc.method").contains(REDEEM), "{redemption:?}");
    assert!(attribute(redemption, "rpc.response.status_code").contains("OK"), "{redemption:?}");
    assert!(spans.iter().any(|span| span.name == ADMIT), "the router's part is in the trace");
    let commit = spans.iter().find(|span| span.name == "COMMIT" && span.parent_span_id == redemption.span_id);
    let commit = commit.expect("the redemption's commit is in the trace");
    assert!(attribute(commit, "db.system.name").contains("sqlite"), "{commit:?}");

    let record = sent.logs.iter().find(|log| log.trace_id == *trace);
    let record = record.expect("a log record of the redemption");
    assert!(spans.iter().any(|span| span.span_id == record.span_id), "its span is in the trace: {record:?}");
    let line = lines.lines().find(|line| line.contains("code redeemed")).expect("a line of the redemption");
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["trace_id"], trace.as_str());

    for (metric, of) in [
        ("rpc.server.call.duration", REDEEM),
        ("rpc.server.call.duration", ADMIT),
        ("segue.handoffs.ended", "switched"),
        ("segue.handoffs.redemption.delay", ""),
        ("segue.handoffs.answered", "same"),
        ("db.client.operation.duration", "COMMIT"),
    ] {
        assert!(has(&sent, metric, of), "{metric} of {of} is sent");
    }
}

fn only<'a>(sent: &'a Collected, name: &str) -> &'a ExportedSpan {
    let found: Vec<_> = sent.spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "one span of {name}");
    found[0]
}

fn has(sent: &Collected, metric: &str, of: &str) -> bool {
    let metrics = sent.metrics.iter().flat_map(|export| &export.metrics);
    metrics.filter(|sent| sent.name == metric).any(|sent| format!("{:?}", sent.data).contains(of))
}
