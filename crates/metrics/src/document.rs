use crate::{Kind, Metric};

/// A table of metrics for the documentation.
pub fn document(metrics: &[Metric]) -> String {
    let mut text = String::from("| metric | in Prometheus | kind | unit | |\n|---|---|---|---|---|\n");
    for metric in metrics {
        text += &format!(
            "| `{}` | `{}` | {} | `{}` | {} |\n",
            metric.name,
            metric.prometheus_name(),
            kind(metric.kind),
            metric.unit,
            metric.help,
        );
    }
    for metric in metrics.iter().filter(|metric| !metric.attributes.is_empty()) {
        text += &format!("\n`{}` has\n\n", metric.name);
        for (name, values) in metric.attributes {
            text += &format!("- `{name}`: {values}\n");
        }
    }
    for metric in metrics {
        if let Kind::Histogram(bounds) = metric.kind {
            let bounds: Vec<String> = bounds.iter().map(ToString::to_string).collect();
            text += &format!("\nUpper bounds of `{}`: {}.\n", metric.name, bounds.join(", "));
        }
    }
    text
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::UpDown => "up-down counter",
        Kind::Histogram(_) => "histogram",
    }
}
