//! Who a request comes from, which a proxy between may have changed, and by which host name they call.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Once},
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use segue_runtime::hosts::HostList;

use super::problem::Problem;
use crate::Exposure;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Inside, it is what [`identify`] has found out, whoever sent it.
pub(super) const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// A year, as browsers' preload lists ask for at least.
const STRICT_TRANSPORT_SECURITY: &str = "max-age=31536000";
/// What says that a request did not come from a browser straight to here (RFC 9110, section 7.6.3; RFC 7239; custom).
const SIGNS_OF_PROXIES: [&str; 8] = [
    "forwarded",
    "via",
    "x-real-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-client-ip",
    "x-original-forwarded-for",
    "x-cluster-client-ip",
];

/// Who a request comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client {
    /// The customer's, as far as it can be known.
    pub(super) address: IpAddr,
    /// A browser on this machine, with nothing between.
    pub(super) is_local: bool,
}

/// What is to be known beforehand.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) exposure: Arc<Exposure>,
    /// Every browser comes by https.
    pub(super) always_secure: bool,
}

/// Refuses other hosts than those whose pages these are, and tells those behind who asks, and whether by https.
pub(super) async fn identify(
    State(rules): State<Rules>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = peer.ip().to_canonical();
    let proxies = &rules.exposure.trusted_proxies;
    let from_proxy = proxies.has_address(peer);
    let forwarded = is_forwarded(request.headers());
    if forwarded && !from_proxy {
        tell_of_proxy(peer);
    }
    let address = if from_proxy { origin(request.headers(), peer, proxies) } else { peer };
    let is_local = peer.is_loopback() && !forwarded && names_loopback(&request);
    let secure = rules.always_secure || (from_proxy && came_by_https(request.headers()));
    let scheme = HeaderValue::from_static(if secure { "https" } else { "http" });
    request.headers_mut().insert(FORWARDED_PROTO, scheme);
    request.extensions_mut().insert(Client { address, is_local });
    let mut response = match check_host(&request, &rules.exposure.public_hosts) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    if secure {
        let value = HeaderValue::from_static(STRICT_TRANSPORT_SECURITY);
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    response
}

/// Whether the browser came by https, once [`identify`] has seen the request.
pub(super) fn is_secure(headers: &HeaderMap) -> bool {
    headers.get(FORWARDED_PROTO).is_some_and(|scheme| scheme == "https")
}

fn check_host(request: &Request, hosts: &HostList) -> Result<(), Problem> {
    let mut named = named_hosts(request).peekable();
    if named.peek().is_none() {
        let problem = Problem::forbidden("the request names no host");
        return Err(problem.with_status(StatusCode::BAD_REQUEST));
    }
    if named.all(|host| hosts.has(host)) {
        return Ok(());
    }
    let problem = Problem::forbidden("these pages are not at this host (setting public-hosts)");
    Err(problem.with_status(StatusCode::MISDIRECTED_REQUEST))
}

fn names_loopback(request: &Request) -> bool {
    let is_loopback = |host: &str| {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        bare.eq_ignore_ascii_case("localhost")
            || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    };
    let mut named = named_hosts(request).peekable();
    named.peek().is_some() && named.all(is_loopback)
}

/// All hosts that a request names, in its target and in `Host`, which may be there more than once; without ports.
fn named_hosts(request: &Request) -> impl Iterator<Item = &str> {
    let hosts = request.headers().get_all(header::HOST).iter();
    let hosts = hosts.map(|value| value.to_str().map_or("", without_port));
    request.uri().authority().map(|authority| authority.host()).into_iter().chain(hosts)
}

/// The host of `HOST:PORT`; nothing for what is neither.
fn without_port(text: &str) -> &str {
    let is_host = text.parse::<Uri>().is_ok_and(|uri| uri.authority().is_some_and(|a| a.as_str() == text));
    if !is_host || text.contains('@') {
        return "";
    }
    match text.rfind(':') {
        Some(at) if !text.ends_with(']') => &text[..at],
        _ => text,
    }
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    headers
        .keys()
        .any(|name| name.as_str().starts_with("x-forwarded-") || SIGNS_OF_PROXIES.contains(&name.as_str()))
}

/// The address that the outermost trusted proxy took the request from. What stands before it in the list is whatever the
/// caller wrote.
fn origin(headers: &HeaderMap, peer: IpAddr, proxies: &HostList) -> IpAddr {
    let forwarded_for = hops(headers, &FORWARDED_FOR, |hop| Some(hop));
    let hops = if forwarded_for.is_empty() {
        hops(headers, &header::FORWARDED, |hop| parameter(hop, "for"))
    } else {
        forwarded_for
    };
    let mut origin = peer;
    for hop in hops.into_iter().rev() {
        // An obfuscated or broken hop: the proxy that wrote it is as far as can be seen.
        let Some(address) = hop else { break };
        origin = address;
        if !proxies.has_address(address) {
            break;
        }
    }
    origin
}

/// The addresses of a list header, in its order.
fn hops(headers: &HeaderMap, name: &HeaderName, pick: impl Fn(&str) -> Option<&str>) -> Vec<Option<IpAddr>> {
    let values = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default());
    values.flat_map(|value| value.split(',')).map(|hop| address_of(pick(hop.trim())?)).collect()
}

/// A parameter of a hop in `Forwarded` (RFC 7239).
fn parameter<'a>(hop: &'a str, wanted: &str) -> Option<&'a str> {
    let pairs = hop.split(';').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
        .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
        .map(|(_, value)| value)
}

/// An address, with or without a port.
fn address_of(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.parse::<IpAddr>().ok().or_else(with_port).map(|address| address.to_canonical())
}

/// The last word is the nearest proxy's, the one that is trusted.
fn came_by_https(headers: &HeaderMap) -> bool {
    let last = |name: &HeaderName| {
        let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
        value.rsplit(',').next().map(str::trim)
    };
    let scheme = last(&FORWARDED_PROTO).or_else(|| parameter(last(&header::FORWARDED)?, "proto"));
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
}

/// Once is enough: it is a setting that is missing, or somebody who tries.
fn tell_of_proxy(peer: IpAddr) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        tracing::warn!(
            %peer,
            "a request was forwarded by a host that is not among trusted-proxies: all who come through it count as one"
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    fn request(uri: &str, hosts: &[&'static str]) -> Request {
        let mut request = Request::builder().uri(uri).body(axum::body::Body::empty()).unwrap();
        for host in hosts {
            request.headers_mut().append(header::HOST, HeaderValue::from_static(host));
        }
        request
    }

    #[test]
    fn the_origin_is_what_the_outermost_trusted_proxy_saw() {
        let proxies: HostList = "10.0.0.0/8".parse().unwrap();
        let found = |pairs: &[(&'static str, &'static str)]| {
            origin(&headers(pairs), "10.0.0.1".parse().unwrap(), &proxies).to_string()
        };
        assert_eq!(found(&[]), "10.0.0.1");
        assert_eq!(found(&[("x-forwarded-for", "203.0.113.7")]), "203.0.113.7");
        assert_eq!(found(&[("x-forwarded-for", "1.1.1.1, 203.0.113.7, 10.0.0.2")]), "203.0.113.7");
        assert_eq!(
            found(&[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "203.0.113.7")]),
            "203.0.113.7"
        );
        assert_eq!(found(&[("x-forwarded-for", "1.1.1.1, unknown, 10.0.0.2")]), "10.0.0.2");
        assert_eq!(found(&[("x-forwarded-for", "203.0.113.7:4711")]), "203.0.113.7");
        assert_eq!(
            found(&[("forwarded", "for=1.1.1.1, For=\"[2001:db8::1]:80\";proto=https")]),
            "2001:db8::1"
        );
        assert_eq!(found(&[("forwarded", "for=_hidden")]), "10.0.0.1");
    }

    #[test]
    fn the_nearest_proxy_says_the_scheme() {
        let secure = |pairs: &[(&'static str, &'static str)]| came_by_https(&headers(pairs));
        assert!(secure(&[("x-forwarded-proto", "https")]) && secure(&[("forwarded", "for=a;proto=https")]));
        assert!(!secure(&[("x-forwarded-proto", "https, http")]) && !secure(&[]));
    }

    #[test]
    fn proxies_leave_signs() {
        for name in
            ["forwarded", "via", "x-real-ip", "x-forwarded-for", "x-forwarded-host", "x-forwarded-anything"]
        {
            assert!(is_forwarded(&headers(&[(name, "x")])), "{name}");
        }
        assert!(!is_forwarded(&headers(&[("host", "x"), ("x-other", "x")])));
    }

    #[test]
    fn only_loopback_names_are_local() {
        for (host, expected) in [
            ("localhost:8080", true),
            ("127.0.0.1", true),
            ("[::1]:8080", true),
            ("rebound.example:8080", false),
            ("127.0.0.1.example", false),
            ("localhost@evil.example", false),
            ("", false),
        ] {
            assert_eq!(names_loopback(&request("/", &[host])), expected, "{host}");
        }
        assert!(!names_loopback(&request("/", &["localhost", "evil.example"])));
        assert!(!names_loopback(&request("http://evil.example/", &["localhost"])));
    }

    #[test]
    fn every_host_that_a_request_names_must_be_listed() {
        let hosts: HostList = "chat.example".parse().unwrap();
        let status = |uri, named: &[&'static str]| {
            check_host(&request(uri, named), &hosts)
                .map_err(|problem| problem.into_response().status().as_u16())
        };
        assert_eq!(status("/", &["chat.example:8443"]), Ok(()));
        assert_eq!(status("/", &[]), Err(400));
        assert_eq!(status("/", &["evil.example"]), Err(421));
        assert_eq!(status("/", &["chat.example", "evil.example"]), Err(421));
        assert_eq!(status("http://evil.example/", &["chat.example"]), Err(421));
    }
}
