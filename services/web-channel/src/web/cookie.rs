//! The customer's secret, one cookie for each platform, so that a browser can be on several at once.

use axum::http::{HeaderMap, HeaderValue, header};
use segue_core::{Random, Secret, hex};

use super::client::is_secure;

const MAX_AGE_SECONDS: u32 = 24 * 60 * 60;

/// 128 random bits as hexadecimal.
pub(super) fn new_secret(random: &Random) -> Secret<String> {
    Secret::new(hex(random.bytes::<16>()))
}

/// The header that hands it to the browser, out of reach of scripts and of other sites.
pub(super) fn set(request: &HeaderMap, platform: &str, secret: &Secret<String>) -> Option<HeaderValue> {
    let flag = if is_secure(request) { "; Secure" } else { "" };
    let text = format!(
        "{}{platform}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={MAX_AGE_SECONDS}{flag}",
        prefix(request),
        secret.reveal()
    );
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The secret that the browser sent for a platform.
pub(super) fn get<'a>(request: &'a HeaderMap, platform: &str) -> Option<&'a str> {
    request
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| name.strip_prefix(prefix(request)) == Some(platform))
        .map(|(_, secret)| secret)
}

/// Browsers take `__Host-` from this very host by https only (RFC 6265bis, section 4.1.3.2), so neither a sibling domain
/// nor plain http can plant a conversation. By https no other name is read.
fn prefix(request: &HeaderMap) -> &'static str {
    if is_secure(request) { "__Host-segue_" } else { "segue_" }
}
