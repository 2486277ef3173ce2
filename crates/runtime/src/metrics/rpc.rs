//! Calls that come in: their spans and their durations, by the semantic conventions for RPC (1.45, stable).

use std::{
    collections::HashMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderMap, Request, Response};
use prost::Message as _;
use segue_metrics::{Histogram, KeyValue, Metric, SECONDS};
use tokio::time::Instant;
use tonic::{Code, body::Body};
use tracing::{Span, field::Empty};

use crate::trace_context;

pub(crate) const CALL_DURATION: Metric = Metric::histogram(
    "rpc.server.call.duration",
    "s",
    "how long calls took, up to the end of their answer; a stream's lasts as long as it is open",
    &[
        ("rpc.system.name", "`grpc`"),
        ("rpc.method", "`PACKAGE.SERVICE/METHOD`; `_OTHER` for what is not served"),
        ("rpc.response.status_code", "gRPC's name of the status, for example `OK` or `UNAVAILABLE`"),
        ("error.type", "the same, for failures of the service; absent otherwise"),
    ],
    SECONDS,
);

/// Stands for every method that nobody serves: callers could else make up series.
const OTHER_METHOD: &str = "_OTHER";
const STATUS: &str = "grpc-status";
const LIBRARY_METHODS: [&str; 4] = [
    "grpc.health.v1.Health/Check",
    "grpc.health.v1.Health/Watch",
    "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// Begins the records of calls. Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Calls(Arc<Records>);

#[derive(Debug)]
struct Records {
    methods: HashMap<String, Arc<str>>,
    other: Arc<str>,
    duration: Histogram<f64>,
}

impl Calls {
    /// Knows the methods of all contracts.
    pub(crate) fn new() -> Self {
        let known = prost_types::FileDescriptorSet::decode(segue_proto::DESCRIPTORS).unwrap_or_default();
        let mut methods: HashMap<String, Arc<str>> = HashMap::new();
        let mut add = |name: String| drop(methods.insert(name.clone(), name.into()));
        for file in &known.file {
            for service in &file.service {
                for method in &service.method {
                    add(format!("{}.{}/{}", file.package(), service.name(), method.name()));
                }
            }
        }
        LIBRARY_METHODS.iter().for_each(|name| add((*name).to_owned()));
        let duration = CALL_DURATION.to_histogram();
        Self(Arc::new(Records { methods, other: OTHER_METHOD.into(), duration }))
    }

    /// A call that comes in, under the caller's trace.
    pub(crate) fn begin(&self, request: &Request<Body>) -> Call {
        let path = request.uri().path().trim_start_matches('/');
        let method = self.0.methods.get(path).unwrap_or(&self.0.other).clone();
        let span = tracing::info_span!(
            "rpc",
            otel.name = &*method,
            otel.kind = "server",
            otel.status_code = Empty,
            rpc.system.name = "grpc",
            rpc.method = &*method,
            rpc.response.status_code = Empty,
            "error.type" = Empty,
        );
        if !span.is_disabled() {
            trace_context::set_parent(&span, trace_context::extract(request.headers()));
        }
        let began = segue_metrics::is_on().then(Instant::now);
        Call { span, method, began, records: self.0.clone(), is_over: false }
    }
}

/// A call under way. It is recorded when its answer has been sent; one that is dropped before was cancelled.
#[derive(Debug)]
pub(crate) struct Call {
    span: Span,
    method: Arc<str>,
    /// None when nobody wants to know.
    began: Option<Instant>,
    records: Arc<Records>,
    is_over: bool,
}

impl Call {
    /// The method, among those that are served.
    pub(crate) fn method(&self) -> &Arc<str> {
        &self.method
    }

    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// Goes on until the answer has been sent.
    pub(crate) fn answering(mut self, response: Response<Body>) -> Response<Body> {
        // A status in the headers is a refusal; otherwise it comes after the body.
        if let Some(code) = status(response.headers()) {
            self.over(code);
        }
        response.map(|inner| Body::new(Answer { inner, call: self }))
    }

    fn over(&mut self, code: Code) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let (name, is_failure) = (name(code), is_failure(code));
        self.span.record("rpc.response.status_code", name);
        if is_failure {
            self.span.record("error.type", name);
            self.span.record("otel.status_code", "ERROR");
        }
        let Some(began) = self.began else { return };
        let of = [
            KeyValue::new("rpc.system.name", "grpc"),
            KeyValue::new("rpc.method", self.method.clone()),
            KeyValue::new("rpc.response.status_code", name),
            KeyValue::new("error.type", name),
        ];
        // The last one is for failures only.
        let of = if is_failure { &of[..] } else { &of[..3] };
        self.records.duration.record(began.elapsed().as_secs_f64(), of);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.over(Code::Cancelled);
    }
}

/// The body of an answer, whose end is the end of the call.
struct Answer {
    inner: Body,
    call: Call,
}

impl http_body::Body for Answer {
    type Data = <Body as http_body::Body>::Data;
    type Error = <Body as http_body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(code) = frame.trailers_ref().and_then(status) {
                    self.call.over(code);
                }
            }
            Poll::Ready(Some(Err(failed))) => {
                let code = failed.code();
                self.call.over(code);
            }
            Poll::Ready(None) => self.call.over(Code::Ok),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.inner.size_hint()
    }
}

fn status(headers: &HeaderMap) -> Option<Code> {
    headers.get(STATUS).map(|value| Code::from_bytes(value.as_bytes()))
}

/// Statuses that are the service's fault and not the caller's, as the conventions list them for servers.
fn is_failure(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_nobody_serves_are_one() {
        let calls = Calls::new();
        let method = |path: &str| {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            calls.begin(&request).method.clone()
        };
        let redeem = "segue.issuer.v1.CodeIssuerService/RedeemCode";
        assert_eq!(&*method(&format!("/{redeem}")), redeem);
        assert_eq!(&*method("/grpc.health.v1.Health/Check"), "grpc.health.v1.Health/Check");
        assert_eq!(&*method("/made.up/By-a-caller"), OTHER_METHOD);
    }
}
