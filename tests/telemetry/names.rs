//! What dashboards and alerts ask for is there, and what is there is declared.

use std::collections::BTreeSet;

use segue::demo::{Stage, play};
use segue_metrics::{Kind, Metric};
use segue_testkit::{Storage, repository, wait_for};
use segue_tests::{Fixture, Processes, SERVICES};

/// Words of PromQL that are no metrics.
const WORDS: [&str; 31] = [
    "sum",
    "max",
    "by",
    "rate",
    "histogram_quantile",
    "absent",
    "or",
    "and",
    "offset",
    "label_replace",
    "resets",
    "count",
    "le",
    "class",
    "outcome",
    "platform",
    "kind",
    "job",
    "instance",
    "rpc_method",
    "rpc_service",
    "segue_class",
    "segue_limit",
    "segue_share",
    "server_address",
    "rpc_response_status_code",
    "segue_service",
    "error_type",
    "db_client_connection_pool_name",
    "service_name",
    "service_version",
];
/// The exporter's own.
const RESOURCE: &str = "target_info";

fn declared() -> Vec<&'static Metric> {
    let tables = [
        segue_runtime::metrics::METRICS,
        segue_store::METRICS,
        code_issuer::METRICS,
        priority_router::METRICS,
    ];
    tables.into_iter().flatten().collect()
}

/// The names of its series.
fn series_of(metric: &Metric) -> Vec<String> {
    let name = metric.prometheus_name();
    match metric.kind {
        Kind::Histogram(_) => ["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}")).into(),
        Kind::Counter | Kind::Gauge | Kind::UpDown => vec![name],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_is_declared_and_there_after_one_handoff() {
    let system = Processes::start(Storage::SqliteFile).await;
    Fixture::load(&system.addresses).await;
    play(&system.addresses, &Stage::silent()).await.unwrap();
    let declared: BTreeSet<String> = declared().into_iter().flat_map(series_of).collect();
    let exposed = || async {
        let mut names = BTreeSet::new();
        for service in SERVICES {
            names.extend(system.metrics(service).await.names().map(str::to_owned));
        }
        assert!(names.remove(RESOURCE));
        names
    };
    wait_for("what is looked at in intervals", || async { exposed().await.is_superset(&declared) }).await;
    let found = exposed().await;
    assert_eq!(found, declared, "nothing is exposed that is not declared");

    let mut asked = asked_by_dashboard();
    asked.extend(asked_by_rules());
    assert!(asked.len() > 20, "{asked:?}");
    let unknown: Vec<_> = asked.iter().filter(|name| !found.contains(*name) && *name != RESOURCE).collect();
    assert!(unknown.is_empty(), "the dashboard or the alerts ask for what is not there: {unknown:?}");
    let unasked: Vec<_> = metrics_without_series(&asked);
    assert!(unasked.is_empty(), "no panel and no alert shows {unasked:?}");
}

fn metrics_without_series(asked: &BTreeSet<String>) -> Vec<&'static str> {
    let metrics = declared().into_iter();
    metrics
        .filter(|metric| !series_of(metric).iter().any(|name| asked.contains(name)))
        .map(|it| it.name)
        .collect()
}

fn asked_by_dashboard() -> BTreeSet<String> {
    let text = std::fs::read_to_string(repository().join("ops/grafana/segue.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let rows: Vec<_> =
        panels.iter().filter(|panel| panel["type"] == "row").map(|row| &row["title"]).collect();
    assert_eq!(rows, ["Customers", "Queues", "Codes", "Calls", "Databases", "Processes", "Load"]);
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "panels have ids of their own");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.flat_map(|target| names(target["expr"].as_str().unwrap())).collect()
}

fn asked_by_rules() -> BTreeSet<String> {
    let rules = super::rules::rules();
    rules.iter().flat_map(|rule| names(rule["expr"].as_str().unwrap())).collect()
}

/// The metrics that an expression names. What stands in quotes, after a comparison of labels or in brackets is none.
fn names(expression: &str) -> Vec<String> {
    let mut bare = String::new();
    let mut is_quoted = false;
    let mut depth = 0;
    for symbol in expression.chars() {
        match symbol {
            '"' => is_quoted = !is_quoted,
            '{' | '[' if !is_quoted => depth += 1,
            '}' | ']' if !is_quoted => depth -= 1,
            _ if is_quoted || depth > 0 => {}
            symbol => bare.push(symbol),
        }
    }
    let words = bare.split(|symbol: char| !symbol.is_alphanumeric() && symbol != '_');
    let is_name =
        |word: &&str| word.starts_with(|first: char| first.is_alphabetic()) && !WORDS.contains(word);
    // `10m` begins with a digit.
    words.filter(is_name).map(str::to_owned).collect()
}

#[test]
fn names_are_found_in_expressions() {
    let expression = "sum by (le) (rate(a_b_total{kind=~\"x|y\"}[5m])) / c > 0.5 and d offset 10m";
    assert_eq!(names(expression), ["a_b_total", "c", "d"]);
}
