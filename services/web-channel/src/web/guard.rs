//! What happens around every request.

use axum::{
    Extension,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use segue_proto::common::v1::ErrorReason;
use segue_runtime::trace_context;
use tracing::{Instrument as _, field::Empty};

use super::{client::Client, problem::Problem};

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

/// Lets only browsers on this machine use the desk, with nothing between, as it asks nobody who they are: behind a proxy
/// everybody comes from this machine. The host that they name is looked at too: a site elsewhere can have its own name
/// point here.
pub(super) async fn desk(
    State(is_on): State<bool>,
    Extension(client): Extension<Client>,
    request: Request,
    next: Next,
) -> Response {
    if !is_on {
        return Problem::forbidden("there is no desk here (setting desk)").into_response();
    }
    if client.is_local {
        return next.run(request).await;
    }
    let told = "the desk has no sign-in: it works only in a browser on the machine that it runs on, not through a proxy";
    Problem::forbidden(told).into_response()
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
}
