//! Lines on standard error. Those of a call say which method it is, and which trace and span if it is traced.

use std::{fmt, sync::Arc};

use opentelemetry::{
    Context,
    trace::{SpanContext, TraceContextExt as _},
};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt as _, LevelFilter, filter_fn},
    fmt::{
        FmtContext, FormatEvent, FormatFields, format,
        format::{JsonFields, Writer},
    },
    registry::LookupSpan,
};

use crate::incoming::METHOD;

/// Spans of which lines say nothing: there is one for each call or write, and writing its fields down costs more than all else that
/// the chassis does for a call. Without a tracer they are not even made.
const ONLY_TRACED: [&str; 2] = ["rpc", "db write"];

/// The layer that writes them.
pub(super) fn layer<S>(json: bool, filter: EnvFilter) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // Without the hint every event of every library, whatever its level, would be brought to the filter.
    let filter = filter.and(filter_fn(is_written).with_max_level_hint(LevelFilter::TRACE));
    if json {
        let format = InCall { inner: format().json(), append: into_object };
        layer.event_format(format).fmt_fields(JsonFields::new()).with_filter(filter).boxed()
    } else {
        let format = InCall { inner: format().compact(), append: to_end };
        layer.event_format(format).with_filter(filter).boxed()
    }
}

fn is_written(what: &Metadata<'_>) -> bool {
    what.is_event() || !ONLY_TRACED.contains(&what.name())
}

/// Adds the call and its trace to what another format writes.
struct InCall<F> {
    inner: F,
    append: fn(&str, &Place, &mut Writer<'_>) -> fmt::Result,
}

/// Where a line was written.
struct Place {
    method: Option<Arc<str>>,
    trace: SpanContext,
}

impl Place {
    fn current() -> Option<Self> {
        let trace = Context::map_current(|context| context.span().span_context().clone());
        let method = METHOD.try_with(Arc::clone).ok();
        (trace.is_valid() || method.is_some()).then_some(Self { method, trace })
    }

    fn fields(&self) -> impl Iterator<Item = (&'static str, String)> {
        let method = self.method.iter().map(|method| ("rpc.method", method.to_string()));
        let trace = self.trace.is_valid().then_some(&self.trace);
        let ids = |trace: &SpanContext| {
            [("trace_id", trace.trace_id().to_string()), ("span_id", trace.span_id().to_string())]
        };
        method.chain(trace.into_iter().flat_map(ids))
    }
}

impl<S, N, F> FormatEvent<S, N> for InCall<F>
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
        let Some(place) = Place::current() else { return self.inner.format_event(ctx, writer, event) };
        let mut line = String::new();
        self.inner.format_event(ctx, Writer::new(&mut line), event)?;
        (self.append)(line.trim_end(), &place, &mut writer)
    }
}

fn to_end(line: &str, place: &Place, writer: &mut Writer<'_>) -> fmt::Result {
    writer.write_str(line)?;
    for (name, value) in place.fields() {
        write!(writer, " {name}={value}")?;
    }
    writeln!(writer)
}

fn into_object(line: &str, place: &Place, writer: &mut Writer<'_>) -> fmt::Result {
    writer.write_char('{')?;
    for (name, value) in place.fields() {
        write!(writer, "\"{name}\":\"{value}\",")?;
    }
    writeln!(writer, "{}", line.strip_prefix('{').unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use http::Request;
    use opentelemetry::trace::{SpanId, TraceFlags, TraceId, TraceState, TracerProvider as _};
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tonic::body::Body;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::metrics::rpc::Calls;

    #[test]
    fn call_and_trace_are_added_to_each_form() {
        let (trace, span) = (TraceId::from(1_u128), SpanId::from(2_u64));
        let context = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::default());
        let append = |line: &str, by: fn(&str, &Place, &mut Writer<'_>) -> fmt::Result| {
            let mut text = String::new();
            let place = Place { method: Some("a.B/C".into()), trace: context.clone() };
            by(line, &place, &mut Writer::new(&mut text)).unwrap();
            text
        };
        let text = append("INFO serving", to_end);
        assert_eq!(text, format!("INFO serving rpc.method=a.B/C trace_id={trace} span_id={span}\n"));
        let text = append("{\"level\":\"INFO\"}", into_object);
        let added = format!("\"rpc.method\":\"a.B/C\",\"trace_id\":\"{trace}\",\"span_id\":\"{span}\"");
        assert_eq!(text, format!("{{{added},\"level\":\"INFO\"}}\n"));
    }

    #[test]
    fn a_call_that_nobody_traces_has_no_span() {
        let request = Request::builder().uri("/a.B/C").body(Body::empty()).unwrap();
        let has_span = || !Calls::new().begin(&request).span().is_disabled();
        let everything = || EnvFilter::new("trace");
        let untraced = tracing_subscriber::registry().with(layer(false, everything()));
        assert!(!tracing::subscriber::with_default(untraced, has_span));
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let traces = tracing_opentelemetry::layer().with_tracer(tracer);
        let traced = tracing_subscriber::registry().with(traces).with(layer(false, everything()));
        assert!(tracing::subscriber::with_default(traced, has_span));
    }
}
