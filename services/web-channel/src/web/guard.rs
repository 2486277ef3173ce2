//! What happens around every request.

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use segue_proto::common::v1::ErrorReason;
use segue_runtime::trace_context;
use tracing::{Instrument as _, field::Empty};

use super::problem::Problem;

/// Pages run no script but ours, and load nothing from elsewhere. `data:` is for QR codes, which are SVG text shown as a
/// picture, where a script in it can't run.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Adds the headers that keep a page's secrets on the page.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Gives each request a span under the caller's trace and a task of its own: the server library drops a handler when
/// the browser goes away, and a redeemed code must still reach the database. The span has no query, body or cookie.
pub(super) async fn traced(request: Request, next: Next) -> Response {
    let route = route(request.uri().path());
    let span = tracing::info_span!(
        "http",
        otel.name = format!("{} {route}", request.method()),
        otel.kind = "server",
        http.request.method = %request.method(),
        http.route = %route,
        http.response.status_code = Empty,
    );
    trace_context::set_parent(&span, trace_context::extract(request.headers()));
    let work = async move { next.run(request).await }.instrument(span.clone());
    let response =
        tokio::spawn(work).await.unwrap_or_else(|_| Problem::of(ErrorReason::Internal).into_response());
    span.record("http.response.status_code", response.status().as_u16());
    response
}

/// Refuses writes that another site's page has a browser send.
pub(super) async fn same_origin(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads || is_same_origin(request.headers()) {
        next.run(request).await
    } else {
        Problem::forbidden("the request comes from another site's page").into_response()
    }
}

/// Lets only browsers on this machine use the desk, as it asks nobody who they are. The name they use is checked too: a
/// site elsewhere can have its own name point at this machine.
pub(super) async fn desk(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    if peer.ip().to_canonical().is_loopback() && names_loopback(request.headers()) {
        next.run(request).await
    } else {
        Problem::forbidden("the desk works only in a browser on the machine that it runs on").into_response()
    }
}

/// A path without what it names, so that spans can be counted by it.
fn route(path: &str) -> String {
    path.split('/').take(4).collect::<Vec<_>>().join("/")
}

fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    match (text(header::ORIGIN), text(HeaderName::from_static("sec-fetch-site"))) {
        (Some(origin), _) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            host.is_some() && host == text(header::HOST)
        }
        (None, Some(site)) => matches!(site, "same-origin" | "none"),
        // Not a browser.
        (None, None) => true,
    }
}

fn names_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers_of(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn other_sites_are_told_by_their_origin() {
        let same = |pairs: &[(&'static str, &'static str)]| is_same_origin(&headers_of(pairs));
        assert!(same(&[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")]));
        assert!(!same(&[("origin", "http://evil.example"), ("host", "127.0.0.1:8080")]));
        assert!(!same(&[("origin", "null"), ("host", "127.0.0.1:8080")]));
        assert!(!same(&[("sec-fetch-site", "cross-site"), ("host", "x")]));
        assert!(same(&[("host", "x")]));
    }

    #[test]
    fn only_loopback_names_reach_the_desk() {
        for (host, expected) in [
            ("localhost:8080", true),
            ("127.0.0.1", true),
            ("[::1]:8080", true),
            ("rebound.example:8080", false),
            ("127.0.0.1.example", false),
            ("", false),
        ] {
            assert_eq!(names_loopback(&headers_of(&[("host", host)])), expected, "{host}");
        }
    }
}
