//! Lines on standard error. Those of a call that is traced say which trace and span it is.

use std::fmt;

use opentelemetry::{
    Context,
    trace::{SpanContext, TraceContextExt as _},
};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    Layer,
    fmt::{
        FmtContext, FormatEvent, FormatFields, format,
        format::{JsonFields, Writer},
    },
    registry::LookupSpan,
};

/// The layer that writes them.
pub(super) fn layer<S>(json: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    if json {
        let format = Traced { inner: format().json(), append: into_object };
        layer.event_format(format).fmt_fields(JsonFields::new()).boxed()
    } else {
        layer.event_format(Traced { inner: format().compact(), append: to_end }).boxed()
    }
}

/// Adds the trace to what another format writes.
struct Traced<F> {
    inner: F,
    append: fn(&str, &SpanContext, &mut Writer<'_>) -> fmt::Result,
}

impl<S, N, F> FormatEvent<S, N> for Traced<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let trace = Context::map_current(|context| context.span().span_context().clone());
        if !trace.is_valid() {
            return self.inner.format_event(ctx, writer, event);
        }
        let mut line = String::new();
        self.inner.format_event(ctx, Writer::new(&mut line), event)?;
        (self.append)(line.trim_end(), &trace, &mut writer)
    }
}

fn to_end(line: &str, trace: &SpanContext, writer: &mut Writer<'_>) -> fmt::Result {
    writeln!(writer, "{line} trace_id={} span_id={}", trace.trace_id(), trace.span_id())
}

fn into_object(line: &str, trace: &SpanContext, writer: &mut Writer<'_>) -> fmt::Result {
    let rest = line.strip_prefix('{').unwrap_or(line);
    writeln!(writer, "{{\"trace_id\":\"{}\",\"span_id\":\"{}\",{rest}", trace.trace_id(), trace.span_id())
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanId, TraceFlags, TraceId, TraceState};

    use super::*;

    #[test]
    fn the_trace_is_added_to_each_form() {
        let (trace, span) = (TraceId::from(1_u128), SpanId::from(2_u64));
        let context = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::default());
        let append = |line: &str, by: fn(&str, &SpanContext, &mut Writer<'_>) -> fmt::Result| {
            let mut text = String::new();
            by(line, &context, &mut Writer::new(&mut text)).unwrap();
            text
        };
        let text = append("INFO serving", to_end);
        assert_eq!(text, format!("INFO serving trace_id={trace} span_id={span}\n"));
        let text = append("{\"level\":\"INFO\"}", into_object);
        assert_eq!(text, format!("{{\"trace_id\":\"{trace}\",\"span_id\":\"{span}\",\"level\":\"INFO\"}}\n"));
    }
}
